//! Figures of brokers: for Prometheus, and in the history.

use std::collections::BTreeMap;
use std::time::Duration;

use agent_api::Client;
use agent_api::v1::{
    GetMetricStatisticsRequest, GetMetricStatisticsResponse, ListMetricsRequest, Reason,
};

use crate::agent::{Agent, failure, port, put_user, queue};
use crate::amqp;
use crate::pages::get;
use crate::process::{Process, eventually_within, program};

/// A minute of the history has to end, which takes a minute at most.
const PATIENCE: Duration = Duration::from_secs(150);

#[tokio::test]
async fn prometheus_sees_every_queue_user_and_listener() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["dev", "--amqp", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    let dev = Process::start(&mut command, &dir.path().join("log"));
    let address = dev.endpoint("amqp");
    let port: u16 = address.rsplit_once(':').unwrap().1.parse().unwrap();
    let (_connection, channel) = amqp::connect(port, "guest", "guest").await.unwrap();
    let options = lapin::options::QueueDeclareOptions::default();
    let declared = channel.queue_declare("a \"queue\"".into(), options, Default::default());
    declared.await.unwrap();
    amqp::publish(&channel, "a \"queue\"", &["1", "2", "3"]).await;
    assert!(amqp::get(&channel, "a \"queue\"").await.is_some());
    assert!(amqp::connect(port, "guest", "wrong").await.is_err());

    let http = dev.endpoint("http");
    let (status, text) = get(&http, "/metrics");
    assert_eq!(status, 200);
    let listener = format!("listener=\"amqp:{port}\"");
    for line in [
        r#"ferrymq_queue_messages_ready{broker="dev",vhost="/",queue="a \"queue\""} 2"#,
        r#"ferrymq_queue_messages_published_total{broker="dev",vhost="/",queue="a \"queue\""} 3"#,
        r#"ferrymq_broker_messages_confirmed_total{broker="dev"} 3"#,
        r#"ferrymq_broker_authentication_failures_total{broker="dev"} 1"#,
        r#"ferrymq_user_connections{broker="dev",user="guest"} 1"#,
        &format!("ferrymq_listener_messages_published_total{{broker=\"dev\",{listener}}} 3"),
        "# TYPE ferrymq_broker_publish_to_durable_seconds histogram",
    ] {
        assert!(
            text.lines().any(|it| it == line),
            "{line} is not in:\n{text}"
        );
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let value = line.rsplit_once(' ').unwrap().1;
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

async fn sum(
    client: &Client,
    (namespace, name): (&str, &str),
    dimensions: &[(&str, &str)],
) -> Result<GetMetricStatisticsResponse, agent_api::Error> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let request = GetMetricStatisticsRequest {
        namespace: namespace.into(),
        name: name.into(),
        dimensions: dimensions.iter().map(own).collect(),
        statistics: vec!["Sum".into(), "Maximum".into()],
        ..Default::default()
    };
    let mut metrics = client.metrics();
    client.call(metrics.get_metric_statistics(request)).await
}

/// A statistic, of all data points together.
fn total(found: &GetMetricStatisticsResponse, statistic: &str) -> f64 {
    let points = found.datapoints.iter();
    points.map(|it| it.statistics[statistic]).sum()
}

#[tokio::test]
async fn a_minute_that_is_over_can_be_asked_for_and_outlives_a_crash() {
    let mut agent = Agent::start();
    let (client, broker) = agent.with_broker("b").await;
    put_user(&client, "b", "u", "secret").await;
    client
        .call(client.queues().put_queue(queue("b", "q")))
        .await
        .unwrap();
    let (_connection, channel) = amqp::connect(port(&broker), "u", "secret").await.unwrap();
    amqp::publish(&channel, "q", &["1", "2", "3"]).await;

    let of_broker = [("Broker", "b")];
    let published = eventually_within(PATIENCE, "the end of a minute", async || {
        let found = sum(&client, ("ferrymq", "PublishCount"), &of_broker)
            .await
            .unwrap();
        (total(&found, "Sum") > 0.0).then_some(found)
    })
    .await;
    assert_eq!(total(&published, "Sum"), 3.0);
    let of_queue = [("Broker", "b"), ("VirtualHost", "/"), ("Queue", "q")];
    let ready = sum(&client, ("rabbitmq", "MessageReadyCount"), &of_queue)
        .await
        .unwrap();
    let most = ready.datapoints.last().unwrap().statistics["Maximum"];
    assert_eq!((most, &*ready.unit), (3.0, "Count"));
    let request = ListMetricsRequest {
        namespace: "activemq".into(),
        dimensions: BTreeMap::from([("Queue".to_owned(), "q".to_owned())]),
        ..Default::default()
    };
    let listed = client
        .call(client.metrics().list_metrics(request))
        .await
        .unwrap();
    let mut listed = listed.metrics.iter();
    let size = listed.find(|it| it.name == "QueueSize").unwrap();
    assert_eq!(size.dimensions["Broker"], "b-1");

    agent.crash();
    let client = agent.client().await;
    let kept = sum(&client, ("ferrymq", "PublishCount"), &of_broker)
        .await
        .unwrap();
    let (kept, before) = (total(&kept, "Sum"), total(&published, "Sum"));
    assert!(kept >= before, "{kept} of {before}");
    let wrong = sum(&client, ("ferrymq", "PublishCounts"), &of_broker).await;
    let failure = failure(wrong);
    assert_eq!((failure.reason, &*failure.field), (Reason::Invalid, "name"));
}
