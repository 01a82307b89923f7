//! What agents send to CloudWatch, against a stand-in of AWS.

use std::time::Duration;

use acceptance::agent::Agent;
use acceptance::aws::{StandIn, Xml};
use acceptance::poll;
use acceptance::ports;
use agent_api::v1::{Broker, CreateBrokerRequest, Listener, PutQueueRequest, Queue};
use anyhow::Result;

use crate::management::with_agent;

const BROKER: &str = "orders";
const REGION: &str = "eu-north-1";
const SOON: Duration = Duration::from_secs(60);

/// An agent with one broker that has one queue, and sends metrics each second.
fn agent(aws: &StandIn) -> Result<Agent> {
    let mut agent = Agent::init()?;
    for (name, value) in aws.environment() {
        agent.set(name, &value);
    }
    agent.configure(
        "# [metrics.cloudwatch]\n# namespace = \"FerryMQ\"\n",
        &format!(
            "[metrics.cloudwatch]\nnamespace = \"Ferry/Test\"\nregion = {REGION:?}\n\
             interval_s = 1\nscopes = [\"broker\", \"queue\"]\n"
        ),
    )?;
    agent.restart()?;
    let listener = Listener {
        address: "127.0.0.1".to_owned(),
        port: Some(ports::free()?.into()),
        tls: Some(false),
        client_certificates: None,
    };
    let broker = CreateBrokerRequest {
        broker: Some(Broker {
            name: BROKER.to_owned(),
            listeners: [("amqp".to_owned(), listener)].into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let queue = PutQueueRequest {
        broker: BROKER.to_owned(),
        queue: Some(Queue {
            vhost: "/".to_owned(),
            name: "straße".to_owned(),
            durable: true,
            ..Default::default()
        }),
        ..Default::default()
    };
    with_agent(&agent, async |client| {
        client.call(client.brokers().create_broker(broker)).await?;
        client.call(client.queues().put_queue(queue)).await?;
        Ok(())
    })?;
    Ok(agent)
}

fn ask(aws: &StandIn, action: &str, arguments: &[(&str, &str)]) -> Result<Xml> {
    aws.query(REGION, ("monitoring", "2010-08-01"), action, arguments)
}

/// The last of the values of a metric with these dimensions; none before it has come.
fn maximum(aws: &StandIn, metric: &str, dimensions: &[(&str, &str)]) -> Result<Option<String>> {
    let mut arguments = vec![
        ("Namespace".to_owned(), "Ferry/Test".to_owned()),
        ("MetricName".to_owned(), metric.to_owned()),
        ("StartTime".to_owned(), "2020-01-01T00:00:00Z".to_owned()),
        ("EndTime".to_owned(), "2100-01-01T00:00:00Z".to_owned()),
        // One period for all of it.
        ("Period".to_owned(), "2592000000".to_owned()),
        ("Statistics.member.1".to_owned(), "Maximum".to_owned()),
    ];
    for (number, (name, value)) in dimensions.iter().enumerate() {
        let field = |field| format!("Dimensions.member.{}.{field}", number + 1);
        arguments.push((field("Name"), (*name).to_owned()));
        arguments.push((field("Value"), (*value).to_owned()));
    }
    let arguments: Vec<_> = arguments
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let found = ask(aws, "GetMetricStatistics", &arguments)?;
    Ok(found.all("Maximum").into_iter().next())
}

#[test]
fn metrics_arrive_though_the_first_calls_fail() -> Result<()> {
    let Some(aws) = StandIn::shared()? else {
        return Ok(());
    };
    let throttled = ("Throttling", "Rate exceeded");
    aws.fail(REGION, "PutMetricData", throttled, Some(2))?;
    let _agent = agent(aws)?;
    let of_broker = [("Broker", BROKER)];
    let queues = poll::until("a value of QueueCount", SOON, || {
        maximum(aws, "QueueCount", &of_broker)
    })?;
    assert_eq!(queues.parse::<f64>()?, 1.0);
    // CloudWatch takes ASCII alone.
    let of_queue = [
        ("Queue", "stra%C3%9Fe"),
        ("VirtualHost", "/"),
        ("Broker", BROKER),
    ];
    let ready = poll::until("a value of MessageReadyCount", SOON, || {
        maximum(aws, "MessageReadyCount", &of_queue)
    })?;
    assert_eq!(ready.parse::<f64>()?, 0.0);
    // Of users nothing was asked for.
    let listed = ask(aws, "ListMetrics", &[("Namespace", "Ferry/Test")])?;
    assert!(
        !listed.all("Name").contains(&"User".to_owned()),
        "{listed:?}"
    );
    Ok(())
}
