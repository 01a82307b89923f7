//! Embedded metric format: a JSON line for each set of dimensions, which CloudWatch Logs makes metrics
//! of. <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt as _;

use super::export::{Batch, Datum, SendError, Sender, Sent};

/// Most metrics of one line.
const LINE_METRICS: usize = 100;

/// A file, or standard output, that lines are appended to.
#[derive(Debug)]
pub(crate) struct Lines {
    file: PathBuf,
}

impl Lines {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self { file }
    }

    async fn append(&self, text: &str) -> std::io::Result<()> {
        if self.file.as_os_str() == "-" {
            let text = text.to_owned();
            let written = tokio::task::spawn_blocking(move || {
                let mut out = std::io::stdout().lock();
                out.write_all(text.as_bytes())?;
                out.flush()
            });
            return written.await.map_err(std::io::Error::other)?;
        }
        // Opened anew each time: whoever rotates the file need not tell us.
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).open(&self.file).await?;
        file.write_all(text.as_bytes()).await?;
        file.flush().await
    }
}

#[tonic::async_trait]
impl Sender for Lines {
    async fn send(&self, batch: &Batch) -> Result<(), SendError> {
        let appended = self.append(&lines(batch)).await;
        appended.map_err(|error| SendError::Later(format!("{}: {error}", self.file.display())))
    }
}

/// The batch as lines.
fn lines(batch: &Batch) -> String {
    let mut out = String::new();
    let alike =
        |one: &Datum, other: &Datum| one.dimensions == other.dimensions && one.at_ms == other.at_ms;
    for data in batch
        .data
        .chunk_by(alike)
        .flat_map(|it| it.chunks(LINE_METRICS))
    {
        let _ = writeln!(out, "{}", line(&batch.namespace, data));
    }
    out
}

fn line(namespace: &str, data: &[Datum]) -> Value {
    let first = &data[0];
    let names: Vec<_> = first.dimensions.iter().map(|(name, _)| name).collect();
    let metric = |datum: &Datum| {
        json!({
            "Name": datum.name,
            "Unit": datum.unit,
            "StorageResolution": datum.resolution_s,
        })
    };
    let metrics: Vec<_> = data.iter().map(metric).collect();
    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": first.at_ms,
            "CloudWatchMetrics": [{
                "Namespace": namespace,
                "Dimensions": [names],
                "Metrics": metrics,
            }],
        }),
    );
    for (name, value) in &first.dimensions {
        line.insert((*name).to_owned(), json!(value));
    }
    for datum in data {
        line.insert(datum.name.to_owned(), value(&datum.value));
    }
    Value::Object(line)
}

fn value(value: &Sent) -> Value {
    match value {
        Sent::One(value) => json!(value),
        Sent::Distribution {
            values,
            counts,
            sum,
        } => json!({
            "Values": values,
            "Counts": counts,
            "Min": values.first(),
            "Max": values.last(),
            "Count": counts.iter().sum::<f64>(),
            "Sum": sum,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn batch() -> Batch {
        let datum = |name, queue: &str, value| Datum {
            name,
            unit: "Count",
            dimensions: vec![("Broker", "orders".to_owned()), ("Queue", queue.to_owned())],
            at_ms: 1_700_000_000_000,
            value,
            resolution_s: 60,
        };
        let times = Sent::Distribution {
            values: vec![1.0, 5.0],
            counts: vec![2.0, 1.0],
            sum: 7.0,
        };
        let data = [
            datum("PublishCount", "a", Sent::One(3.0)),
            datum("DeliverToAck", "a", times),
            datum("PublishCount", "b", Sent::One(4.0)),
        ];
        Batch {
            namespace: "FerryMQ".into(),
            data: Arc::new(data),
        }
    }

    #[test]
    fn values_of_the_same_dimensions_share_a_line() {
        insta::assert_snapshot!(lines(&batch()), @r#"
        {"Broker":"orders","DeliverToAck":{"Count":3.0,"Counts":[2.0,1.0],"Max":5.0,"Min":1.0,"Sum":7.0,"Values":[1.0,5.0]},"PublishCount":3.0,"Queue":"a","_aws":{"CloudWatchMetrics":[{"Dimensions":[["Broker","Queue"]],"Metrics":[{"Name":"PublishCount","StorageResolution":60,"Unit":"Count"},{"Name":"DeliverToAck","StorageResolution":60,"Unit":"Count"}],"Namespace":"FerryMQ"}],"Timestamp":1700000000000}}
        {"Broker":"orders","PublishCount":4.0,"Queue":"b","_aws":{"CloudWatchMetrics":[{"Dimensions":[["Broker","Queue"]],"Metrics":[{"Name":"PublishCount","StorageResolution":60,"Unit":"Count"}],"Namespace":"FerryMQ"}],"Timestamp":1700000000000}}
        "#);
    }

    #[tokio::test]
    async fn lines_are_appended_and_a_file_that_cannot_be_written_is_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sub").join("emf.log");
        let lines = Lines::new(file.clone());
        assert!(matches!(
            lines.send(&batch()).await,
            Err(SendError::Later(_))
        ));
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        for _ in 0..2 {
            lines.send(&batch()).await.unwrap();
        }
        let text = std::fs::read_to_string(file).unwrap();
        assert_eq!(text.lines().count(), 4);
    }
}
