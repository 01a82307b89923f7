//! `ferrymq_queue` and its data source.

use serde_json::json;
use tfplugin_rs::ResourceAction;
use tfplugin_rs::testing::UNKNOWN;

use crate::agent::{Agent, check_error};

#[tokio::test]
async fn a_queue_is_made_found_and_removed() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut queue = terraform.resource("ferrymq_queue");

    let made = queue
        .apply(json!({ "broker": broker, "name": "orders" }))
        .await
        .unwrap();
    assert_eq!(made.action, ResourceAction::Create);
    let id = format!("{broker}/queue/%2F/orders");
    assert_eq!(made.planned["id"], id, "known at plan");
    assert_eq!(
        queue.state(),
        json!({
            "arguments": null, "auto_delete": false, "broker": broker, "consumer_timeout": null,
            "dead_letter_exchange": null, "dead_letter_routing_key": null,
            "dead_letter_strategy": null, "deletion_policy": "if_empty", "delivery_limit": null,
            "drain_to": null, "durability": "fsync", "durable": true, "expires": null, "id": id,
            "max_age": null, "max_length": null, "max_length_bytes": null, "max_priority": null,
            "max_segment_size_bytes": null, "message_ttl": null, "name": "orders", "overflow": null, "single_active_consumer": false, "type": "classic",
            "vhost": "/",
        })
    );
    let imported = terraform.import("ferrymq_queue", &id).await.unwrap();
    assert_eq!(imported.state(), queue.state());

    agent.publish("b", "orders", 2).await;
    let seen = terraform
        .data(
            "ferrymq_queue",
            json!({ "broker": broker, "name": "orders" }),
        )
        .await
        .unwrap();
    for (attribute, value) in [
        ("id", json!(id)),
        ("messages", json!(2)),
        ("messages_ready", json!(2)),
        ("messages_unsettled", json!(0)),
        ("consumers", json!(0)),
        ("durability", json!("fsync")),
        ("durable", json!(true)),
    ] {
        assert_eq!(seen[attribute], value, "{attribute}");
    }

    agent.delete_queue("b", "orders").await;
    assert!(queue.refresh().await.unwrap());
    assert!(queue.state().is_null());
    let missing = terraform.data(
        "ferrymq_queue",
        json!({ "broker": broker, "name": "orders" }),
    );
    check_error(missing.await, &["Queue not found (at name)", "orders"]);
    check_error(
        terraform.import("ferrymq_queue", &id).await,
        &["Nothing to import", &id],
    );
}

#[tokio::test]
async fn each_durability_is_made_found_and_imported() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    for level in ["fsync", "os", "memory"] {
        let mut queue = terraform.resource("ferrymq_queue");
        let config = json!({ "broker": broker, "name": level, "durability": level });
        queue.apply(config.clone()).await.unwrap();
        assert_eq!(queue.state()["durability"], level);
        assert_eq!(queue.state()["arguments"], json!(null));
        let again = queue.apply(config).await.unwrap();
        assert_eq!(again.action, ResourceAction::Keep);
        let id = queue.state()["id"].as_str().unwrap().to_owned();
        let imported = terraform.import("ferrymq_queue", &id).await.unwrap();
        assert_eq!(imported.state(), queue.state());
        let config = json!({ "broker": broker, "name": level });
        let seen = terraform.data("ferrymq_queue", config).await.unwrap();
        assert_eq!(seen["durability"], level);
    }
}

#[tokio::test]
async fn another_durability_replaces_the_queue_and_a_senseless_one_is_refused() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut queue = terraform.resource("ferrymq_queue");
    let config = |level: &str| json!({ "broker": broker, "name": "q", "durability": level });
    queue.apply(config("fsync")).await.unwrap();
    let changed = queue.apply(config("os")).await.unwrap();
    assert_eq!(changed.action, ResourceAction::Replace);
    let unknown = queue.apply(config("disk")).await;
    check_error(unknown, &["durability", "\"fsync\", \"os\" or \"memory\""]);
    let arguments = json!({ "x-durability": "os" });
    let twice = json!({ "broker": broker, "name": "p", "arguments": arguments });
    let twice = terraform.resource("ferrymq_queue").apply(twice).await;
    check_error(twice, &["arguments", "the attribute durability says"]);
    let lost = json!({ "broker": broker, "name": "p", "durable": false, "durability": "os" });
    let lost = terraform.resource("ferrymq_queue").apply(lost).await;
    check_error(lost, &["(at durability)", "must be durable"]);
}

#[tokio::test]
async fn names_may_hold_anything() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut vhost = terraform.resource("ferrymq_vhost");
    vhost
        .apply(json!({ "broker": broker, "name": "a/b @%" }))
        .await
        .unwrap();
    for name in [
        "with space",
        "a/b",
        "50%",
        "%2F",
        "me@home",
        "ä…🚢",
        "..",
        "?x=1&y#z",
        "\"'\\",
    ] {
        let config = json!({ "broker": broker, "vhost": "a/b @%", "name": name });
        let mut queue = terraform.resource("ferrymq_queue");
        queue.apply(config).await.unwrap();
        let id = queue.state()["id"].as_str().unwrap().to_owned();
        assert!(id.is_ascii(), "{id}");
        let imported = terraform.import("ferrymq_queue", &id).await.unwrap();
        assert_eq!(imported.state(), queue.state(), "{name}");
        queue.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn arguments_keep_their_types_and_spelling() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut queue = terraform.resource("ferrymq_queue");
    let arguments = json!({
        "x-queue-mode": "lazy", "team-size": 5, "ratio": 0.5, "large": u64::MAX, "yes": true,
        "nested": { "list": [1, "a", [false]] }, "nothing": null,
    });
    let config = |arguments: &serde_json::Value| json!({ "broker": broker, "name": "q", "arguments": arguments });
    queue.apply(config(&arguments)).await.unwrap();
    assert_eq!(queue.state()["arguments"], arguments);

    let id = queue.state()["id"].as_str().unwrap().to_owned();
    let imported = terraform.import("ferrymq_queue", &id).await.unwrap();
    let mut without_null = arguments.clone();
    without_null.as_object_mut().unwrap().remove("nothing");
    assert_eq!(imported.state()["arguments"], without_null);

    // Another spelling of the same is no reason to replace a queue.
    let change = queue.apply(config(&without_null)).await.unwrap();
    assert_eq!(
        (change.action, change.replaced_by.len()),
        (ResourceAction::Update, 0)
    );
    let change = queue
        .apply(config(&json!({ "team-size": 6 })))
        .await
        .unwrap();
    assert_eq!(change.action, ResourceAction::Replace);
    assert_eq!(queue.state()["arguments"], json!({ "team-size": 6 }));

    let list = queue.plan(config(&json!([1]))).await;
    check_error(list, &["(at arguments)", "must be an object or a map"]);
    let unsupported = queue.apply(config(&json!({ "x-unheard-of": 1 }))).await;
    check_error(unsupported, &["Not supported by the agent", "x-unheard-of"]);
}

#[tokio::test]
async fn a_queue_with_messages_is_not_destroyed_by_mistake() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut queue = terraform.resource("ferrymq_queue");
    let config = |durable: bool, policy: &str| json!({ "broker": broker, "name": "q", "durable": durable, "deletion_policy": policy });
    queue.apply(config(true, "if_empty")).await.unwrap();
    agent.publish("b", "q", 3).await;

    check_error(
        queue.destroy().await,
        &[
            "Plan would lose 3 messages (at deletion_policy)",
            "Destroying it",
        ],
    );
    check_error(
        queue.plan(config(false, "force")).await,
        &[
            "Plan would lose 3 messages",
            "The change of `durable` replaces it",
            "apply that first",
        ],
    );
    assert_eq!(
        queue.plan(config(true, "if_empty")).await.unwrap().action,
        ResourceAction::Keep
    );

    assert_eq!(
        queue.apply(config(true, "force")).await.unwrap().action,
        ResourceAction::Update
    );
    assert_eq!(
        queue.apply(config(false, "force")).await.unwrap().action,
        ResourceAction::Replace
    );
    agent.publish("b", "q", 1).await;
    queue.destroy().await.unwrap();
    assert!(queue.state().is_null());
}

#[tokio::test]
async fn what_is_in_the_way_is_said() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut queue = terraform.resource("ferrymq_queue");
    queue
        .apply(json!({ "broker": broker, "name": "q" }))
        .await
        .unwrap();

    let mut again = terraform.resource("ferrymq_queue");
    check_error(
        again.apply(json!({ "broker": broker, "name": "q" })).await,
        &[
            "Queue already exists (at name)",
            &format!("terraform import ferrymq_queue.NAME '{broker}/queue/%2F/q'"),
        ],
    );
    assert!(again.state().is_null());
    check_error(
        again
            .apply(json!({ "broker": broker, "name": "p", "vhost": "nowhere" }))
            .await,
        &["Virtual host not found (at vhost)", "nowhere"],
    );
    check_error(
        again
            .apply(json!({ "broker": agent.id("none"), "name": "p" }))
            .await,
        &["Broker not found (at broker)", "none"],
    );
    for (broken, parts) in [
        (
            json!({ "broker": broker, "name": "" }),
            ["(at name)", "1 to 255 bytes"],
        ),
        (
            json!({ "broker": broker, "name": "amq.q" }),
            ["(at name)", "reserved"],
        ),
        (
            json!({ "broker": "orders", "name": "q" }),
            ["(at broker)", "ferrymq://HOST:7443/BROKER"],
        ),
        (
            json!({ "broker": broker, "name": "q", "deletion_policy": "ask" }),
            ["(at deletion_policy)", "\"if_empty\", \"if_unused\""],
        ),
    ] {
        check_error(again.plan(broken).await, &parts);
    }
    for (id, part) in [
        ("orders".to_owned(), "does not begin with ferrymq://"),
        (broker.clone(), "it is the id of a broker"),
        (format!("{broker}/queue///q"), "3 names follow"),
    ] {
        let imported = terraform.import("ferrymq_queue", &id).await;
        check_error(imported, &[part, "BROKER-ID/queue/VHOST/NAME"]);
    }
}

#[tokio::test]
async fn drift_is_shown_and_repaired() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut queue = terraform.resource("ferrymq_queue");
    let config = || json!({ "broker": broker, "name": "q" });
    queue.apply(config()).await.unwrap();

    agent.delete_queue("b", "q").await;
    let mut other = terraform.resource("ferrymq_queue");
    other
        .apply(json!({ "broker": broker, "name": "q", "durable": false }))
        .await
        .unwrap();

    let change = queue.plan(config()).await.unwrap();
    assert_eq!(change.action, ResourceAction::Replace);
    assert_eq!(change.replaced_by, ["durable".into()]);
    queue.apply(config()).await.unwrap();
    assert_eq!(queue.state()["durable"], true);

    agent.delete_broker("b").await;
    assert!(queue.refresh().await.unwrap());
    assert!(queue.state().is_null(), "gone with its broker");
}

#[tokio::test]
async fn the_broker_may_be_unknown_at_plan_and_moves_in_place_by_address() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let other = agent.broker("other").await;
    let terraform = agent.terraform().await;
    let mut queue = terraform.resource("ferrymq_queue");
    let config = |broker: &str| json!({ "broker": broker, "name": "q" });

    let made = queue
        .apply_after(config(UNKNOWN), config(&broker))
        .await
        .unwrap();
    assert_eq!(made.planned["id"], UNKNOWN);
    agent.publish("b", "q", 1).await;

    // It may be another broker: what the plan decides the apply must be able to keep to.
    check_error(
        queue.plan(config(UNKNOWN)).await,
        &["Plan would lose 1 message "],
    );
    let by_name = format!("ferrymq://{}/b", agent.other_address());
    let change = queue.apply(config(&by_name)).await.unwrap();
    assert_eq!(change.action, ResourceAction::Update);
    assert_eq!(queue.state()["id"], format!("{by_name}/queue/%2F/q"));

    check_error(
        queue.plan(config(&other)).await,
        &[
            "Plan would lose 1 message ",
            "The change of `broker` replaces it",
        ],
    );
}
