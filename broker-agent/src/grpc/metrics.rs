//! `Metrics`: which there are, and what they were.

use agent_api::Failure;
use agent_api::v1::metrics_server::Metrics;
use agent_api::v1::{
    Datapoint, GetMetricStatisticsRequest, GetMetricStatisticsResponse, ListMetricsRequest,
    ListMetricsResponse, Metric, Reason,
};
use tonic::{Request, Response};

use super::paging::page;
use super::{Agent, Answer};
use crate::metrics::{KEPT_MS, Listed, Question, Unanswered, now_ms};

/// Seconds of a period that is not said.
const PERIOD_S: u32 = 60;

#[tonic::async_trait]
impl Metrics for Agent {
    async fn list_metrics(
        &self,
        request: Request<ListMetricsRequest>,
    ) -> Answer<ListMetricsResponse> {
        let ListMetricsRequest {
            namespace,
            name,
            dimensions,
            page_size,
            page_token,
        } = request.into_inner();
        let found = self.metrics.list(&namespace, &name, &dimensions);
        let key = |it: &Listed| {
            let dimensions = it.dimensions.iter();
            let dimensions = dimensions.map(|(name, value)| format!("{name}={value}"));
            [it.namespace.to_owned(), it.name.to_owned()]
                .into_iter()
                .chain(dimensions)
                .collect()
        };
        let found = found.into_iter().map(|it| (key(&it), it)).collect();
        let page = page(found, page_size, &page_token, shown)?;
        let (metrics, next_page_token) = (page.objects, page.next);
        Ok(Response::new(ListMetricsResponse {
            metrics,
            next_page_token,
        }))
    }

    async fn get_metric_statistics(
        &self,
        request: Request<GetMetricStatisticsRequest>,
    ) -> Answer<GetMetricStatisticsResponse> {
        let GetMetricStatisticsRequest {
            namespace,
            name,
            dimensions,
            start_ms,
            end_ms,
            period_s,
            statistics,
            broker,
        } = request.into_inner();
        if !broker.is_empty() {
            self.engine(&broker).await?;
        }
        let end_ms = if end_ms == 0 { now_ms() } else { end_ms };
        let start_ms = match start_ms {
            0 => end_ms.saturating_sub(KEPT_MS),
            start_ms => start_ms,
        };
        let question = Question {
            namespace,
            name,
            dimensions,
            start_ms,
            end_ms,
            period_s: if period_s == 0 { PERIOD_S } else { period_s },
            statistics: statistics.clone(),
        };
        let found = self
            .metrics
            .statistics(question)
            .await
            .map_err(unanswered)?;
        let datapoints = found
            .points
            .into_iter()
            .map(|(start_ms, values)| Datapoint {
                start_ms,
                statistics: statistics.iter().cloned().zip(values).collect(),
            });
        Ok(Response::new(GetMetricStatisticsResponse {
            unit: found.unit.to_owned(),
            datapoints: datapoints.collect(),
        }))
    }
}

fn shown(it: Listed) -> Metric {
    Metric {
        namespace: it.namespace.to_owned(),
        name: it.name.to_owned(),
        dimensions: it.dimensions,
        unit: it.unit.to_owned(),
        meaning: it.meaning.to_owned(),
    }
}

fn unanswered(error: Unanswered) -> Failure {
    match error {
        Unanswered::Invalid(field, sentence) => Failure::new(Reason::Invalid, sentence).at(field),
        Unanswered::Io(_) => Failure::new(Reason::Unavailable, error.to_string()),
    }
}
