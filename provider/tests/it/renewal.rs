//! Replacing something replaces what would go down with it, in the same plan.

use serde_json::json;
use tfplugin_rs::ResourceAction;

use crate::agent::{Agent, check_error};

#[tokio::test]
async fn a_binding_is_replaced_with_its_queue() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut queue = terraform.resource("ferrymq_queue");
    let queue_config = |durable| json!({ "broker": broker, "name": "q", "durable": durable });
    queue.apply(queue_config(true)).await.unwrap();
    let mut binding = terraform.resource("ferrymq_binding");
    let config = json!({ "broker": broker, "source": "amq.topic", "destination": "q" });
    binding.apply(config.clone()).await.unwrap();

    // Every phase is a process of its own.
    let terraform = agent.terraform().await;
    let mut queue = terraform
        .import("ferrymq_queue", queue.state()["id"].as_str().unwrap())
        .await
        .unwrap();
    let id = binding.state()["id"].as_str().unwrap().to_owned();
    let mut binding = terraform.import("ferrymq_binding", &id).await.unwrap();
    assert_eq!(
        queue.plan(queue_config(true)).await.unwrap().action,
        ResourceAction::Keep
    );
    assert_eq!(
        binding.plan(config.clone()).await.unwrap().action,
        ResourceAction::Keep
    );

    assert_eq!(
        queue.plan(queue_config(false)).await.unwrap().action,
        ResourceAction::Replace
    );
    let change = binding.plan(config).await.unwrap();
    assert_eq!(
        (change.action, change.replaced_by),
        (ResourceAction::Replace, vec!["id".into()])
    );
}

#[tokio::test]
async fn everything_is_replaced_with_its_broker_and_messages_are_still_safe() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let objects = [
        ("ferrymq_vhost", json!({ "broker": broker, "name": "v" })),
        ("ferrymq_user", json!({ "broker": broker, "name": "u" })),
        (
            "ferrymq_permission",
            json!({ "broker": broker, "user": "u", "configure": "", "write": "", "read": "" }),
        ),
        (
            "ferrymq_exchange",
            json!({ "broker": broker, "name": "x", "type": "fanout" }),
        ),
    ];
    let mut made = Vec::new();
    for (name, config) in &objects {
        let mut object = terraform.resource(name);
        object.apply(config.clone()).await.unwrap();
        made.push((object, config));
    }
    let mut queue = terraform.resource("ferrymq_queue");
    let config = json!({ "broker": broker, "name": "q" });
    queue.apply(config.clone()).await.unwrap();
    agent.publish("b", "q", 1).await;

    // What `-replace` does: the broker is planned as if there were none.
    let mut anew = terraform.resource("ferrymq_broker");
    let broker = json!({ "name": "b", "nodes": [agent.address()] });
    assert_eq!(
        anew.plan(broker).await.unwrap().action,
        ResourceAction::Create
    );
    for (object, config) in &mut made {
        assert_eq!(
            object.plan(config.clone()).await.unwrap().action,
            ResourceAction::Replace
        );
    }
    check_error(
        queue.plan(config).await,
        &[
            "Plan would lose 1 message (at deletion_policy)",
            "belongs to is made anew",
        ],
    );
}
