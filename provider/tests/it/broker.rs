//! `ferrymq_broker` and its data source.

use std::net::TcpListener;

use serde_json::{Value as Json, json};
use tfplugin_rs::ResourceAction;
use tfplugin_rs::testing::UNKNOWN;

use crate::agent::{Agent, check_error};

/// A listener on a free port that is nobody else's.
fn listeners(port: u16) -> Json {
    json!({ "amqp": {
        "address": "127.0.0.1", "client_certificates": null, "port": port, "tls": false,
    } })
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[tokio::test]
async fn a_broker_is_made_changed_and_removed() {
    let agent = Agent::start();
    let terraform = agent.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    let config = |listeners: Json, nodes: &str| json!({ "name": "orders", "nodes": [nodes], "listeners": listeners });
    let made = broker
        .apply(config(listeners(0), agent.address()))
        .await
        .unwrap();
    assert_eq!(made.planned["id"], agent.id("orders"), "known at plan");
    let state = broker.state();
    let endpoint = state["instances"][0]["endpoints"][0].as_str().unwrap();
    assert!(endpoint.starts_with("amqp://127.0.0.1:"), "{endpoint}");
    assert_eq!(state["instances"][0]["ip_address"], "127.0.0.1");
    assert!(state["engine_version"].is_string());

    // Live: another port.
    let port = free_port();
    let changed = broker
        .apply(config(listeners(port), agent.address()))
        .await
        .unwrap();
    assert_eq!(
        (changed.action, &changed.planned["instances"]),
        (ResourceAction::Update, &json!(UNKNOWN))
    );
    let endpoint = format!("amqp://127.0.0.1:{port}");
    assert_eq!(
        broker.state()["instances"][0]["endpoints"],
        json!([endpoint])
    );

    // The same agent by another name: a new id, in place.
    let moved = broker
        .apply(config(listeners(port), &agent.other_address()))
        .await
        .unwrap();
    assert_eq!(moved.action, ResourceAction::Update);
    assert_eq!(
        broker.state()["id"],
        format!("ferrymq://{}/orders", agent.other_address())
    );

    // Nothing about the broker itself: what is known stays known.
    let mut policy = config(listeners(port), &agent.other_address());
    policy["deletion_policy"] = "force".into();
    let changed = broker.apply(policy).await.unwrap();
    assert_eq!(changed.action, ResourceAction::Update);
    assert_eq!(changed.planned["instances"], broker.state()["instances"]);

    broker.destroy().await.unwrap();
    check_error(
        terraform
            .import("ferrymq_broker", &agent.id("orders"))
            .await
            .map(drop),
        &["Nothing to import"],
    );
}

#[tokio::test]
async fn a_broker_is_found_by_name_and_imported_by_id() {
    let agent = Agent::start();
    let terraform = agent.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    let config = json!({ "name": "orders", "nodes": [agent.address()], "listeners": listeners(0) });
    broker.apply(config).await.unwrap();
    let found = terraform
        .data(
            "ferrymq_broker",
            json!({ "name": "orders", "nodes": [agent.address()] }),
        )
        .await
        .unwrap();
    assert_eq!(
        (&found["state"], &found["id"]),
        (&json!("RUNNING"), &json!(agent.id("orders")))
    );
    assert_eq!(found["listeners"], listeners(0));
    assert_eq!(found["deployment_mode"], "SINGLE_INSTANCE");
    let endpoint = found["instances"][0]["endpoints"][0].as_str().unwrap();
    let amqp = found["failover_urls"]["amqp"].as_str().unwrap();
    assert_eq!(endpoint, format!("amqp://{amqp}"));
    let alone = terraform.data(
        "ferrymq_replication_status",
        json!({ "broker": agent.id("orders") }),
    );
    check_error(alone.await, &["Not a pair (at broker)", "one node alone"]);

    let imported = terraform
        .import("ferrymq_broker", &agent.id("orders"))
        .await
        .unwrap();
    assert_eq!(imported.state()["listeners"], listeners(0));
    assert_eq!(imported.state()["nodes"], json!([agent.address()]));

    broker.destroy().await.unwrap();
    let gone = terraform.data(
        "ferrymq_broker",
        json!({ "name": "orders", "nodes": [agent.address()] }),
    );
    check_error(gone.await, &["Broker not found (at name)", "orders"]);
}

#[tokio::test]
async fn listeners_default_to_tls_on_the_standard_port() {
    let agent = Agent::start();
    let terraform = agent.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    let planned = broker
        .plan(json!({ "name": "orders", "nodes": [agent.address()] }))
        .await
        .unwrap()
        .planned;
    assert_eq!(
        planned["listeners"],
        json!({ "amqp": {
            "address": null, "client_certificates": null, "port": 5671, "tls": true,
        } })
    );
    let with = |amqp: Json| json!({ "name": "o", "nodes": [agent.address()], "listeners": { "amqp": amqp } });
    for (amqp, port) in [
        (json!({ "address": "127.0.0.1" }), json!(5671)),
        (json!({ "tls": false }), json!(5672)),
        (json!({ "tls": UNKNOWN }), json!(UNKNOWN)),
    ] {
        let planned = broker.plan(with(amqp)).await.unwrap().planned;
        assert_eq!(planned["listeners"]["amqp"]["port"], port);
    }
    for (amqp, parts) in [
        (
            json!({ "address": "localhost" }),
            ["(at listeners.amqp.address)", "must be an IP address"],
        ),
        (
            json!({ "port": 65_536 }),
            ["(at listeners.amqp.port)", "from 0 to 65535"],
        ),
    ] {
        check_error(broker.plan(with(amqp)).await, &parts);
    }
}

#[tokio::test]
async fn a_port_that_was_configured_goes_back_to_the_default() {
    let agent = Agent::start();
    let terraform = agent.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    let config = |amqp: Json| json!({ "name": "o", "nodes": [agent.address()], "listeners": { "amqp": amqp } });
    broker
        .apply(config(
            json!({ "address": "127.0.0.1", "port": 0, "tls": false }),
        ))
        .await
        .unwrap();
    let plan = broker
        .plan(config(json!({ "address": "127.0.0.1", "tls": false })))
        .await
        .unwrap();
    assert_eq!(plan.action, ResourceAction::Update);
    assert_eq!(plan.planned["listeners"]["amqp"]["port"], 5672);
    assert_eq!(plan.planned["instances"], UNKNOWN);
}

#[tokio::test]
async fn what_is_in_the_way_is_said() {
    let agent = Agent::start();
    agent.broker("orders").await;
    let terraform = agent.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    let config = |name: &str, nodes: &[&str], port: u16| json!({ "name": name, "nodes": nodes, "listeners": listeners(port) });
    let here = agent.address();
    let id = agent.id("orders");
    check_error(
        broker.apply(config("orders", &[here], 0)).await,
        &[
            "Broker already exists (at name)",
            &format!("import ferrymq_broker.NAME '{id}'"),
        ],
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    check_error(
        broker.apply(config("other", &[here], port)).await,
        &["Invalid broker (at listeners.amqp.port)", &port.to_string()],
    );
    assert!(broker.state().is_null());
    for (config, parts) in [
        (config("a b", &[here], 0), ["(at name)", "1 to 50 letters"]),
        (
            config("o", &[here, "other:7443"], 0),
            ["More than one node (at nodes)", "ACTIVE_STANDBY_MULTI_AZ"],
        ),
        (config("o", &[], 0), ["(at nodes)", "must name the agent"]),
        (
            config("o", &["https://h"], 0),
            ["Not an agent's address (at nodes)", "scheme or a path"],
        ),
    ] {
        check_error(broker.plan(config).await, &parts);
    }
    let nodes = json!({ "name": "o", "nodes": [UNKNOWN], "listeners": listeners(0) });
    assert_eq!(broker.plan(nodes).await.unwrap().planned["id"], UNKNOWN);
}

#[tokio::test]
async fn a_broker_with_messages_is_not_destroyed_by_mistake() {
    let agent = Agent::start();
    let terraform = agent.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    let config = |name: &str, policy: &str| {
        json!({
            "name": name, "nodes": [agent.address()], "listeners": listeners(0),
            "deletion_policy": policy,
        })
    };
    broker.apply(config("orders", "if_empty")).await.unwrap();
    for name in ["a", "b", "empty"] {
        let mut queue = terraform.resource("ferrymq_queue");
        queue
            .apply(json!({ "broker": agent.id("orders"), "name": name }))
            .await
            .unwrap();
    }
    agent.publish("orders", "a", 2).await;
    agent.publish("orders", "b", 1).await;

    check_error(
        broker.destroy().await,
        &[
            "Plan would lose 3 messages (at deletion_policy)",
            "3 messages in 2 queues",
        ],
    );
    let renamed = broker.plan(config("renamed", "if_empty")).await;
    check_error(
        renamed,
        &[
            "Plan would lose 3 messages",
            "The change of `name` replaces it",
        ],
    );
    broker.apply(config("orders", "force")).await.unwrap();
    broker.destroy().await.unwrap();
}

#[tokio::test]
async fn drift_is_shown_and_repaired() {
    let agent = Agent::start();
    let terraform = agent.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    let config = json!({ "name": "o", "nodes": [agent.address()], "listeners": listeners(0) });
    broker.apply(config.clone()).await.unwrap();

    let mut other = terraform
        .import("ferrymq_broker", &agent.id("o"))
        .await
        .unwrap();
    let mut changed = config.clone();
    changed["listeners"]["amqp"]["port"] = free_port().into();
    other.apply(changed).await.unwrap();
    let plan = broker.plan(config.clone()).await.unwrap();
    assert_eq!(plan.action, ResourceAction::Update);
    broker.apply(config.clone()).await.unwrap();
    assert_eq!(broker.state()["listeners"], listeners(0));

    agent.delete_broker("o").await;
    assert_eq!(
        broker.apply(config).await.unwrap().action,
        ResourceAction::Create
    );
}
