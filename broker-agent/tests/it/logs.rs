//! Log files: who did what, who was refused, who connected.

use std::fs;
use std::process::Command;

use agent_api::v1::{Broker, DeleteQueueRequest, GetBrokerRequest, Logs, UpdateBrokerRequest};
use agent_api::{Client, FieldMask};
use lapin::options::QueueDeclareOptions;
use serde_json::Value;

use crate::agent::{Agent, port, put_user, queue};
use crate::amqp;
use crate::process::eventually;

/// A log, once it has a line with this in it: fields that are not alike each time are left out.
async fn log(agent: &Agent, file: &str, until: &str) -> Vec<Value> {
    let path = agent.path("data/logs").join(file);
    let what = format!("{until:?} in {file}");
    let text = eventually(&what, async || {
        let text = fs::read_to_string(&path).unwrap_or_default();
        text.contains(until).then_some(text)
    });
    let text = text.await;
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.map(plain).collect()
}

fn plain(mut line: Value) -> Value {
    let fields = line.as_object_mut().unwrap();
    assert!(fields.remove("timestamp").is_some());
    fields.remove("chain");
    for field in ["peer", "listener"] {
        if let Some(address) = fields.get_mut(field) {
            *address = "…".into();
        }
    }
    line
}

fn shown(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[tokio::test]
async fn the_audit_log_says_who_did_what_and_who_was_refused() {
    let agent = Agent::start();
    let (client, made) = agent.with_broker("b").await;
    put_user(&client, "b", "u", "correct-horse").await;
    let put = client.queues().put_queue(queue("b", "q")).await;
    put.unwrap();
    let missing = DeleteQueueRequest {
        broker: "b".into(),
        vhost: "/".into(),
        name: "missing".into(),
        ..Default::default()
    };
    client.queues().delete_queue(missing).await.unwrap_err();
    let refused = amqp::connect(port(&made), "u", "battery-staple").await;
    refused.unwrap_err();
    let connection = amqp::connect(port(&made), "u", "correct-horse").await;
    let (connection, channel) = connection.unwrap();
    let options = QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    let declared = channel.queue_declare("made-by-u".into(), options, Default::default());
    declared.await.unwrap();
    let reserved = channel.queue_declare("amq.reserved".into(), options, Default::default());
    reserved.await.unwrap_err();
    connection.close(200, "bye".into()).await.unwrap();

    let lines = log(&agent, "b/audit.log", "made-by-u").await;
    insta::assert_snapshot!(shown(&lines));
    let text = fs::read_to_string(agent.path("data/logs/b/audit.log")).unwrap();
    for secret in ["correct-horse", "battery-staple"] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
    let lines = log(&agent, "b/connection.log", "closed").await;
    insta::assert_snapshot!(shown(&lines));

    let mut check = Command::new(env!("CARGO_BIN_EXE_broker-agent"));
    check.arg("verify-audit");
    let checked = check.arg(agent.path("data/logs/b/audit.log")).output();
    let checked = checked.unwrap();
    assert!(checked.status.success(), "{checked:?}");
}

async fn want(client: &Client, logs: Logs) -> Broker {
    let request = UpdateBrokerRequest {
        broker: Some(Broker {
            name: "b".into(),
            logs: Some(logs),
            ..Default::default()
        }),
        update_mask: Some(FieldMask {
            paths: vec!["logs".into()],
        }),
        ..Default::default()
    };
    client
        .call(client.brokers().update_broker(request))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_log_that_is_not_wanted_is_not_kept_also_after_a_restart() {
    let mut agent = Agent::start();
    let (client, made) = agent.with_broker("b").await;
    assert_eq!(made.logs.unwrap().connection, Some(true));
    let logs = Logs {
        connection: Some(false),
        ..Default::default()
    };
    let changed = want(&client, logs).await;
    assert_eq!(changed.logs.unwrap().connection, Some(false));
    assert_eq!(changed.logs.unwrap().audit, Some(true));
    put_user(&client, "b", "u", "p").await;
    agent.crash();
    let client = agent.client().await;
    let get = GetBrokerRequest { name: "b".into() };
    let made = client.call(client.brokers().get_broker(get)).await.unwrap();
    let connected = amqp::connect(port(&made), "u", "p").await.unwrap();
    drop(connected);
    put_user(&client, "b", "later", "p").await;
    log(&agent, "b/audit.log", "later").await;
    let connections = agent.path("data/logs/b/connection.log");
    assert!(!connections.exists());
}
