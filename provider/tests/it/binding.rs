//! `ferrymq_binding`.

use serde_json::{Value as Json, json};
use tfplugin_rs::testing::Terraform;
use tfplugin_rs::{Provider, ResourceAction};

use crate::agent::{Agent, check_error};

/// An exchange and a queue to bind.
async fn ends<P: Provider>(terraform: &Terraform<P>, broker: &str) {
    let mut exchange = terraform.resource("ferrymq_exchange");
    exchange
        .apply(json!({ "broker": broker, "name": "x/1", "type": "topic" }))
        .await
        .unwrap();
    let mut queue = terraform.resource("ferrymq_queue");
    queue
        .apply(json!({ "broker": broker, "name": "q" }))
        .await
        .unwrap();
}

fn config(broker: &str, more: Json) -> Json {
    let mut config = json!({ "broker": broker, "source": "x/1", "destination": "q" });
    config
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    config
}

#[tokio::test]
async fn bindings_are_made_found_and_removed() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    ends(&terraform, &broker).await;
    for (more, id) in [
        (json!({}), "x%2F1/queue/q/"),
        (
            json!({ "routing_key": "order.#" }),
            "x%2F1/queue/q/order.%23",
        ),
        (
            json!({ "routing_key": "a", "arguments": { "x-match": "all", "n": 1 } }),
            "x%2F1/queue/q/a/%7B%22n%22%3A1%2C%22x-match%22%3A%22all%22%7D",
        ),
        (
            json!({ "destination_type": "exchange", "destination": "amq.fanout" }),
            "x%2F1/exchange/amq.fanout/",
        ),
    ] {
        let mut binding = terraform.resource("ferrymq_binding");
        let made = binding.apply(config(&broker, more.clone())).await.unwrap();
        let id = format!("{broker}/binding/%2F/{id}");
        assert_eq!(made.planned["id"], id, "known at plan");
        let imported = terraform.import("ferrymq_binding", &id).await.unwrap();
        assert_eq!(imported.state(), binding.state());

        let by_name = format!("ferrymq://{}/b", agent.other_address());
        let moved = binding.apply(config(&by_name, more)).await.unwrap();
        assert_eq!(moved.action, ResourceAction::Update);
        binding.destroy().await.unwrap();
        check_error(
            terraform.import("ferrymq_binding", &id).await,
            &["Nothing to import", &id],
        );
    }
}

#[tokio::test]
async fn every_change_is_another_binding() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    ends(&terraform, &broker).await;
    let mut binding = terraform.resource("ferrymq_binding");
    binding
        .apply(config(&broker, json!({ "routing_key": "a" })))
        .await
        .unwrap();
    let other_key = config(&broker, json!({ "routing_key": "b" }));
    let changed = binding.apply(other_key.clone()).await.unwrap();
    assert_eq!(changed.replaced_by, ["routing_key".into()]);

    // It went with its queue; the next plan makes it anew.
    agent.delete_queue("b", "q").await;
    terraform
        .resource("ferrymq_queue")
        .apply(json!({ "broker": broker, "name": "q" }))
        .await
        .unwrap();
    assert_eq!(
        binding.apply(other_key).await.unwrap().action,
        ResourceAction::Create
    );
}

#[tokio::test]
async fn what_is_in_the_way_is_said() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    ends(&terraform, &broker).await;
    let mut binding = terraform.resource("ferrymq_binding");
    for (more, parts) in [
        (
            json!({ "destination": "no" }),
            ["Queue not found (at destination)", "no"],
        ),
        (
            json!({ "destination": "no", "destination_type": "exchange" }),
            ["Exchange not found (at destination)", "no"],
        ),
        (
            json!({ "source": "no" }),
            ["Exchange not found (at source)", "no"],
        ),
        (
            json!({ "vhost": "no" }),
            ["Virtual host not found (at vhost)", "no"],
        ),
    ] {
        let told = binding.apply(config(&broker, more.clone())).await;
        check_error(told, &parts);
        // What it names, or what is around it, may still come: of the former the plan warns.
        let warns = more.get("vhost").is_none();
        let planned = binding.plan(config(&broker, more)).await.unwrap();
        let warnings = planned.warnings.to_string();
        assert_eq!(warnings.contains("refer to it"), warns, "{warnings}");
    }
    for (more, parts) in [
        (json!({ "source": "" }), ["(at source)", "1 to 255 bytes"]),
        (
            json!({ "destination_type": "topic" }),
            ["(at destination_type)", "neither \"queue\""],
        ),
        (
            json!({ "routing_key": "x".repeat(256) }),
            ["(at routing_key)", "at most 255 bytes"],
        ),
    ] {
        check_error(binding.plan(config(&broker, more)).await, &parts);
    }
    binding.apply(config(&broker, json!({}))).await.unwrap();
    let mut twin = terraform.resource("ferrymq_binding");
    check_error(
        twin.apply(config(&broker, json!({}))).await,
        &[
            "Binding already exists (at destination)",
            "terraform import ferrymq_binding.NAME",
        ],
    );
}
