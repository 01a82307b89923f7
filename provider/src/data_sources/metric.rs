//! `data "ferrymq_metric"`: what a metric was of late.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use agent_api::v1::GetMetricStatisticsRequest;
use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::failure::Doing;
use crate::id::BrokerId;
use crate::object::ObjectId as _;
use crate::status::optional;

/// The data source.
pub(crate) struct Metric;

/// What a metric was of late. An agent keeps a day of its brokers' metrics, minute by minute; the first
/// minute is known when it is over.
#[derive(Debug, Clone, Model)]
pub(crate) struct MetricModel {
    /// Id of the broker, `ferrymq_broker.<label>.id`.
    broker: Text<BrokerId>,
    /// The minutes, oldest first; those without a value are left out.
    datapoints: Attr<Vec<Datapoint>>,
    /// The metric's dimensions but for `Broker`, which is filled in: `{ VirtualHost = "/", Queue = "q" }`.
    /// Default: none.
    dimensions: Option<BTreeMap<String, String>>,
    /// How many minutes back, up to a day. Default: `5`.
    #[attr(default = 5, validate = validate::range(1..=1440))]
    minutes: u32,
    /// Name of the metric, such as `PublishCount`.
    #[attr(validate = validate::length(1..=255))]
    name: String,
    /// The vocabulary the name is of: `ferrymq`, or `rabbitmq` or `activemq` for names that Amazon MQ has.
    /// Default: `ferrymq`.
    #[attr(default = "ferrymq", validate = validate::one_of(["activemq", "ferrymq", "rabbitmq"]))]
    namespace: String,
    /// `Average`, `Maximum`, `Minimum`, `SampleCount`, `Sum`, or a percentile such as `p99`. Default:
    /// `Average`.
    #[attr(default = "Average", validate = validate::length(1..=8))]
    statistic: String,
    /// What the values are counted in: `Bytes`, `Count`, `Milliseconds` or `Percent`.
    unit: Attr<String>,
    /// The newest of the minutes; null if none has a value.
    value: Attr<f64>,
}

/// One minute.
#[derive(Debug, Clone, PartialEq, Model)]
pub(crate) struct Datapoint {
    /// When it began, milliseconds since 1970-01-01 UTC.
    start_ms: Attr<u64>,
    /// The statistic of it.
    value: Attr<f64>,
}

const MINUTE_MS: u64 = 60_000;

impl DataSource for Metric {
    const NAME: &'static str = "metric";
    type Data = Agents;
    type Model = MetricModel;

    async fn read(&self, config: MetricModel, cx: &mut Context<Agents>) -> Result<MetricModel> {
        let broker = &config.broker.0;
        let mut dimensions = config.dimensions.clone().unwrap_or_default();
        // Amazon MQ names the nodes of ActiveMQ's brokers: there it has to be said.
        if !["Broker", "BrokerId"]
            .iter()
            .any(|it| dimensions.contains_key(*it))
        {
            dimensions.insert("Broker".to_owned(), broker.name().to_owned());
        }
        let request = GetMetricStatisticsRequest {
            namespace: config.namespace.clone(),
            name: config.name.clone(),
            dimensions,
            start_ms: now_ms().saturating_sub(u64::from(config.minutes) * MINUTE_MS),
            statistics: vec![config.statistic.clone()],
            broker: broker.name().to_owned(),
            ..Default::default()
        };
        let found = cx.data().ask(broker, request, |agent, request| async move {
            agent.metrics().get_metric_statistics(request).await
        });
        let found = found
            .await
            .map_err(|error| broker.task(Doing::Read).failed(&error))?;
        let points = found.datapoints.iter().filter_map(|point| {
            let value = *point.statistics.get(&config.statistic)?;
            Some((point.start_ms, value))
        });
        let points: Vec<_> = points.collect();
        let datapoint = |(start_ms, value): &(u64, f64)| Datapoint {
            start_ms: (*start_ms).into(),
            value: (*value).into(),
        };
        Ok(MetricModel {
            datapoints: points.iter().map(datapoint).collect::<Vec<_>>().into(),
            unit: optional(&found.unit),
            value: points.last().map(|(_, value)| *value).into(),
            ..config
        })
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
