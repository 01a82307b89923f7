//! Agents that change their address, that are not up yet, and brokers that only share a name.

use serde_json::{Value as Json, json};
use tfplugin_rs::ResourceAction;
use tfplugin_rs::testing::UNKNOWN;

use crate::agent::{Agent, check_error};
use crate::proxy::Proxy;

/// The broker `orders` on a port of its own.
fn orders(node: &str) -> Json {
    json!({
        "name": "orders", "nodes": [node],
        "listeners": { "amqp": { "address": "127.0.0.1", "port": 0, "tls": false } },
    })
}

#[tokio::test]
async fn a_namesake_on_another_agent_is_not_taken_for_the_broker() {
    let (ours, mut theirs) = (Agent::start(), Agent::start());
    theirs.join(&ours);
    let terraform = ours.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    broker.apply(orders(ours.address())).await.unwrap();
    let there = theirs.broker("orders").await;

    let refused = [
        "Another broker of the same name (at nodes)",
        &format!("terraform import ferrymq_broker.NAME '{there}'"),
    ];
    check_error(broker.plan(orders(theirs.address())).await, &refused);

    // Nor is what it holds taken for what the broker holds.
    let mut queue = terraform.resource("ferrymq_queue");
    let config = |broker: &str| json!({ "broker": broker, "name": "q" });
    queue.apply(config(&ours.id("orders"))).await.unwrap();
    let mut same = terraform.resource("ferrymq_queue");
    same.apply(config(&there)).await.unwrap();
    check_error(
        queue.apply(config(&there)).await,
        &[
            "Another broker of the same name (at broker)",
            &format!("terraform import ferrymq_queue.NAME '{there}/queue/%2F/q'"),
        ],
    );
}

#[tokio::test]
async fn an_agent_without_the_broker_gets_a_new_one() {
    let (old, mut new) = (Agent::start(), Agent::start());
    new.join(&old);
    let terraform = old.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    broker.apply(orders(old.address())).await.unwrap();
    let mut queue = terraform.resource("ferrymq_queue");
    let config = json!({ "broker": old.id("orders"), "name": "q" });
    queue.apply(config).await.unwrap();
    old.publish("orders", "q", 1).await;
    check_error(
        broker.plan(orders(new.address())).await,
        &[
            "Plan would lose 1 message",
            "The change of `nodes` replaces it",
        ],
    );
    old.delete_queue("orders", "q").await;

    let change = broker.apply(orders(new.address())).await.unwrap();
    assert_eq!(
        (change.action, change.replaced_by),
        (ResourceAction::Replace, vec!["nodes".into()])
    );
    assert_eq!(broker.state()["id"], new.id("orders"));
    check_error(
        terraform
            .import("ferrymq_broker", &old.id("orders"))
            .await
            .map(drop),
        &["Nothing to import"],
    );
}

#[tokio::test]
async fn nodes_that_are_not_known_yet_replace_the_broker() {
    let (old, mut new) = (Agent::start(), Agent::start());
    new.join(&old);
    let terraform = old.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    broker.apply(orders(old.address())).await.unwrap();
    let mut queue = terraform.resource("ferrymq_queue");
    let config = |broker: &str| json!({ "broker": broker, "name": "q" });
    queue.apply(config(&old.id("orders"))).await.unwrap();
    old.publish("orders", "q", 1).await;
    let lost = "Plan would lose 1 message (at deletion_policy)";
    let because = |attribute: &str| format!("The change of `{attribute}` replaces it");
    check_error(
        broker.plan(orders(UNKNOWN)).await,
        &[
            lost,
            &because("nodes"),
            "`nodes` is not known yet",
            "-target",
        ],
    );
    // What is in the broker goes with it.
    check_error(
        queue.plan(config(UNKNOWN)).await,
        &[lost, &because("broker"), "`broker` is not known yet"],
    );
    old.delete_queue("orders", "q").await;

    let change = broker
        .apply_after(orders(UNKNOWN), orders(new.address()))
        .await
        .unwrap();
    assert_eq!(
        (change.action, change.replaced_by),
        (ResourceAction::Replace, vec!["nodes".into()])
    );
    assert_eq!(broker.state()["id"], new.id("orders"));

    // Also where it comes to the same place again: what is planned is done.
    let change = broker
        .apply_after(orders(UNKNOWN), orders(new.address()))
        .await
        .unwrap();
    assert_eq!(change.action, ResourceAction::Replace);
}

#[tokio::test]
async fn a_move_to_an_agent_that_cannot_be_asked_is_not_planned() {
    let (ours, mut away) = (Agent::start(), Agent::start());
    away.join(&ours);
    let terraform = ours.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    broker.apply(orders(ours.address())).await.unwrap();
    let before = broker.state();
    let there = away.address().to_owned();
    away.kill();
    check_error(
        broker.apply(orders(&there)).await,
        &[
            "Agent cannot be reached (at nodes)",
            &there,
            "-target",
            "leave nodes as they are",
        ],
    );
    let strange = Agent::start();
    check_error(
        broker.plan(orders(strange.address())).await,
        &["Agent cannot be trusted (at nodes)", strange.address()],
    );
    assert_eq!(broker.state(), before);
}

#[tokio::test]
async fn an_agent_that_is_booting_is_waited_for() {
    let agent = Agent::start();
    let proxy = Proxy::turning_away(2, agent.address()).await;
    let terraform = agent.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    broker.apply(orders(proxy.address())).await.unwrap();
    assert_eq!(proxy.left_to_turn_away(), 0);
}

#[tokio::test]
async fn an_agent_that_never_comes_up_is_given_up() {
    let agent = Agent::start();
    let proxy = Proxy::turning_away(usize::MAX, agent.address()).await;
    let terraform = agent.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    let mut config = orders(proxy.address());
    config["timeouts"] = json!({ "create": "1s" });
    check_error(
        broker.apply(config.clone()).await,
        &[
            "Agent cannot be reached (at nodes)",
            "waited for as long as `timeouts.create` allows",
        ],
    );
    assert!(broker.state().is_null());
    config["timeouts"] = json!({ "create": "soon" });
    check_error(broker.plan(config).await, &["(at timeouts.create)", "soon"]);
}
