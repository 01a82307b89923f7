//! `PutMetricData` of CloudWatch.

use std::sync::Arc;
use std::time::Duration;

use cloud_aws::cloudwatch::{Datum, Value};
use cloud_aws::{Aws, Error, Kind};
use tokio::sync::OnceCell;

use super::export::{self, Batch, SendError, Sender, Sent};
use super::settings::CloudWatch;

/// Longest wait for CloudWatch to take a batch.
const DEADLINE: Duration = Duration::from_secs(30);

/// CloudWatch in one region.
pub(super) struct Metrics {
    aws: Aws,
    /// None for what environment and machine say.
    region: Option<String>,
    /// Sums in place of distributions.
    statistic_sets: bool,
    client: OnceCell<Arc<dyn cloud_aws::CloudWatch>>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// As the settings say; nothing is called yet. Fails in a build without AWS.
    pub(super) fn new(settings: &CloudWatch) -> anyhow::Result<Self> {
        if let Some(error) = cloud_aws::not_built_for_agents() {
            anyhow::bail!(
                "metrics.cloudwatch: {error}; {} Or leave the section out, and use metrics.emf and \
                 CloudWatch's own agent",
                error.advice()
            );
        }
        let endpoint = settings.endpoint_url.iter();
        Ok(Self {
            aws: Aws::new(cloud_aws::Settings {
                endpoints: endpoint
                    .map(|url| ("cloudwatch".to_owned(), url.clone()))
                    .collect(),
                // The exporter repeats, and goes slower each time.
                max_attempts: Some(1),
                ..Default::default()
            }),
            region: settings.region.clone(),
            statistic_sets: settings.statistic_sets,
            client: OnceCell::new(),
        })
    }

    async fn connect(&self) -> Result<Arc<dyn cloud_aws::CloudWatch>, Error> {
        let region = match &self.region {
            Some(region) => region.clone(),
            None => self.aws.region().await?,
        };
        self.aws.cloudwatch(&region).await
    }

    async fn put(&self, batch: &Batch) -> Result<(), Error> {
        let client = self.client.get_or_try_init(|| self.connect()).await?;
        let data = batch.data.iter().map(|it| sent(it, self.statistic_sets));
        client.put_metrics(&batch.namespace, data.collect()).await
    }
}

#[tonic::async_trait]
impl Sender for Metrics {
    async fn send(&self, batch: &Batch) -> Result<(), SendError> {
        match tokio::time::timeout(DEADLINE, self.put(batch)).await {
            Ok(put) => put.map_err(|error| told(&error)),
            Err(_) => Err(SendError::Later("CloudWatch does not answer".to_owned())),
        }
    }
}

/// Whether another attempt may do better.
fn told(error: &Error) -> SendError {
    let code = error.code.as_deref().unwrap_or_default();
    let is_wrong = [
        "Invalid",
        "Malformed",
        "Missing",
        "Validation",
        "RequestEntityTooLarge",
    ];
    // What is wrong with the credentials has a kind of its own, and may be mended.
    match error.kind == Kind::Other && is_wrong.iter().any(|it| code.starts_with(it)) {
        true => SendError::Never(error.to_string()),
        false => SendError::Later(format!("{error}. {}", error.advice())),
    }
}

fn sent(datum: &export::Datum, statistic_sets: bool) -> Datum {
    let dimensions = datum.dimensions.iter();
    Datum {
        name: datum.name.to_owned(),
        unit: datum.unit.to_owned(),
        dimensions: dimensions
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        at_ms: i64::try_from(datum.at_ms).unwrap_or(i64::MAX),
        value: match &datum.value {
            Sent::One(value) => Value::One(*value),
            Sent::Distribution {
                values,
                counts,
                sum,
            } if statistic_sets => Value::Statistics {
                count: counts.iter().sum(),
                sum: *sum,
                minimum: values.first().copied().unwrap_or_default(),
                maximum: values.last().copied().unwrap_or_default(),
            },
            Sent::Distribution { values, counts, .. } => Value::Distribution {
                values: values.clone(),
                counts: counts.clone(),
            },
        },
        resolution_s: datum.resolution_s.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_mended_is_not_tried_again() {
        let of = |code| {
            let call = "cloudwatch:PutMetricData";
            told(&Error::answered(call, "eu-west-1", code, "no", None))
        };
        for code in [
            "InvalidParameterValue",
            "MissingParameter",
            "ValidationError",
        ] {
            assert!(matches!(of(code), SendError::Never(_)), "{code}");
        }
        for code in [
            "AccessDenied",
            "ExpiredToken",
            "InternalServiceFault",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "Throttling",
        ] {
            assert!(matches!(of(code), SendError::Later(_)), "{code}");
        }
    }

    #[test]
    fn times_are_sent_one_by_one_or_summed_up() {
        let datum = export::Datum {
            name: "DeliverToAck",
            unit: "Milliseconds",
            dimensions: vec![("Broker", "orders".to_owned())],
            at_ms: 7,
            value: Sent::Distribution {
                values: vec![1.0, 5.0],
                counts: vec![2.0, 1.0],
                sum: 7.5,
            },
            resolution_s: 60,
        };
        let (values, counts) = (vec![1.0, 5.0], vec![2.0, 1.0]);
        let each = Value::Distribution { values, counts };
        assert_eq!(sent(&datum, false).value, each);
        let summed = Value::Statistics {
            count: 3.0,
            sum: 7.5,
            minimum: 1.0,
            maximum: 5.0,
        };
        assert_eq!(sent(&datum, true).value, summed);
    }
}
