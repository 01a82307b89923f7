//! Arguments of queues that have an attribute of their own.

use serde_json::{Value as Json, json};
use tfplugin_rs::ResourceAction;

use crate::agent::{Agent, check_error};

/// A queue `q` that also says this.
fn with(broker: &str, more: &Json) -> Json {
    let mut config = json!({ "broker": broker, "name": "q" });
    let members = config.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    config
}

#[tokio::test]
async fn limits_times_and_dead_letters_change_in_place() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut queue = terraform.resource("ferrymq_queue");
    queue.apply(with(&broker, &json!({}))).await.unwrap();
    agent.publish("b", "q", 3).await;
    let id = queue.state()["id"].as_str().unwrap().to_owned();
    for more in [
        json!({ "max_length": 10, "max_length_bytes": 100_000, "overflow": "reject-publish" }),
        json!({ "max_length": 9, "message_ttl": 3_600_000, "expires": 7_200_000 }),
        json!({ "dead_letter_exchange": "", "dead_letter_routing_key": "grave" }),
        json!({ "consumer_timeout": 3_600_000 }),
        json!({ "arguments": { "x-queue-mode": "lazy" } }),
    ] {
        let more = &more;
        let changed = queue.apply(with(&broker, more)).await.unwrap();
        assert_eq!(changed.action, ResourceAction::Update, "{more}");
        let state = queue.state();
        for (attribute, value) in more.as_object().unwrap() {
            assert_eq!(state[attribute], *value, "{attribute}");
        }
        let again = queue.apply(with(&broker, more)).await.unwrap();
        assert_eq!(again.action, ResourceAction::Keep);
        let imported = terraform.import("ferrymq_queue", &id).await.unwrap();
        assert_eq!(imported.state(), queue.state(), "{more}");
    }
    let seen = json!({ "broker": broker, "name": "q" });
    let seen = terraform.data("ferrymq_queue", seen).await.unwrap();
    assert_eq!(seen["messages"], 3, "they stayed");
}

#[tokio::test]
async fn what_cannot_change_in_place_replaces_and_names_its_attribute() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut queue = terraform.resource("ferrymq_queue");
    queue.apply(with(&broker, &json!({}))).await.unwrap();
    for (more, cause) in [
        (json!({ "max_priority": 5 }), "max_priority"),
        (
            json!({ "type": "quorum", "delivery_limit": 3 }),
            "max_priority",
        ),
        (
            json!({ "type": "quorum", "single_active_consumer": true }),
            "single_active_consumer",
        ),
        (
            json!({ "arguments": { "team": "a" } }),
            "single_active_consumer",
        ),
        (json!({ "arguments": { "team": "b" } }), "arguments"),
    ] {
        let changed = queue.apply(with(&broker, &more)).await.unwrap();
        assert_eq!(changed.action, ResourceAction::Replace, "{more}");
        let named = changed.replaced_by.contains(&cause.into());
        assert!(named, "{more}: {:?}", changed.replaced_by);
        let again = queue.apply(with(&broker, &more)).await.unwrap();
        assert_eq!(again.action, ResourceAction::Keep, "{more}");
    }
}

#[tokio::test]
async fn an_argument_may_move_between_its_attribute_and_arguments() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut queue = terraform.resource("ferrymq_queue");
    let own = json!({ "max_priority": 5, "message_ttl": 1000, "type": "classic" });
    let arguments =
        json!({ "x-max-priority": 5, "x-message-ttl": 1000, "x-queue-type": "classic" });
    let in_arguments = json!({ "arguments": arguments });
    queue.apply(with(&broker, &in_arguments)).await.unwrap();
    assert_eq!(queue.state()["type"], "classic");
    assert_eq!(queue.state()["max_priority"], json!(null));
    for more in [&own, &in_arguments, &own] {
        let moved = queue.apply(with(&broker, more)).await.unwrap();
        assert_eq!(moved.action, ResourceAction::Update, "{more}");
        assert!(!queue.refresh().await.unwrap());
    }
    let twice = json!({ "max_priority": 5, "arguments": { "x-max-priority": 5 } });
    let twice = queue.plan(with(&broker, &twice)).await;
    check_error(twice, &["Said twice (at max_priority)", "x-max-priority"]);
}

#[tokio::test]
async fn what_the_agent_would_refuse_is_refused_at_plan() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut queue = terraform.resource("ferrymq_queue");
    for (more, parts) in [
        (json!({ "message_ttl": -1 }), ["(at message_ttl)", ""]),
        (json!({ "expires": 0 }), ["(at expires)", ""]),
        (json!({ "max_priority": 256 }), ["(at max_priority)", ""]),
        (
            json!({ "overflow": "explode" }),
            ["(at overflow)", "drop-head"],
        ),
        (json!({ "type": "stack" }), ["(at type)", "quorum"]),
        (
            json!({ "dead_letter_routing_key": "k" }),
            ["(at dead_letter_routing_key)", "must be set"],
        ),
        (
            json!({ "delivery_limit": 3 }),
            ["Invalid queue", "x-delivery-limit"],
        ),
        (
            json!({ "arguments": { "x-unheard-of": 1 } }),
            ["Not supported", "x-unheard-of"],
        ),
        (
            json!({ "deletion_policy": "drain_to" }),
            ["(at drain_to)", "Name one"],
        ),
    ] {
        check_error(queue.plan(with(&broker, &more)).await, &parts);
    }
}

#[tokio::test]
async fn a_plan_without_the_agent_is_a_warning() {
    let mut agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    agent.kill();
    let mut queue = terraform.resource("ferrymq_queue");
    let planned = queue.plan(with(&broker, &json!({ "max_length": 5 }))).await;
    let warnings = planned.unwrap().warnings.to_string();
    assert!(
        warnings.contains("Plan is not checked by the agent"),
        "{warnings}"
    );
}

#[tokio::test]
async fn a_queue_drains_into_another_before_it_goes() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut archive = terraform.resource("ferrymq_queue");
    let config = json!({ "broker": broker, "name": "archive" });
    archive.apply(config.clone()).await.unwrap();
    let mut queue = terraform.resource("ferrymq_queue");
    let drains = json!({ "deletion_policy": "drain_to", "drain_to": "nowhere" });
    queue.apply(with(&broker, &drains)).await.unwrap();
    agent.publish("b", "q", 300).await;
    check_error(queue.destroy().await, &["nowhere"]);
    let drains = json!({ "deletion_policy": "drain_to", "drain_to": "archive" });
    queue.apply(with(&broker, &drains)).await.unwrap();
    queue.destroy().await.unwrap();
    let seen = terraform.data("ferrymq_queue", config).await.unwrap();
    assert_eq!(seen["messages"], 300);
}
