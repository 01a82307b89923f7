//! `ferrymq_exchange`.

use serde_json::json;
use tfplugin_rs::ResourceAction;

use crate::agent::{Agent, check_error};

#[tokio::test]
async fn an_exchange_is_made_replaced_found_and_removed() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut exchange = terraform.resource("ferrymq_exchange");
    let config = |ty: &str| json!({ "broker": broker, "name": "x/y", "type": ty });
    exchange.apply(config("topic")).await.unwrap();
    let id = format!("{broker}/exchange/%2F/x%2Fy");
    assert_eq!(
        exchange.state(),
        json!({
            "alternate_exchange": null, "arguments": null, "auto_delete": false, "broker": broker,
            "delayed_type": null, "deletion_policy": "if_empty", "durable": true, "hash_header": null, "hash_property": null, "id": id, "internal": false, "name": "x/y", "type": "topic", "vhost": "/",
        })
    );
    let changed = exchange.apply(config("fanout")).await.unwrap();
    assert_eq!(
        (changed.action, changed.replaced_by),
        (ResourceAction::Replace, vec!["type".into()])
    );

    let imported = terraform.import("ferrymq_exchange", &id).await.unwrap();
    assert_eq!(imported.state(), exchange.state());
    let by_name = format!("ferrymq://{}/b", agent.other_address());
    let mut moved = config("fanout");
    moved["broker"] = by_name.into();
    assert_eq!(
        exchange.apply(moved).await.unwrap().action,
        ResourceAction::Update
    );
    exchange.destroy().await.unwrap();
}

#[tokio::test]
async fn what_is_in_the_way_is_said() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut exchange = terraform.resource("ferrymq_exchange");
    check_error(
        exchange
            .plan(json!({ "broker": broker, "name": "x", "type": "tpoic" }))
            .await,
        &[
            "(at type)",
            "\"direct\", \"fanout\", \"headers\", \"topic\"",
            "\"tpoic\"",
        ],
    );
    check_error(
        exchange
            .plan(json!({ "broker": broker, "name": "amq.x", "type": "topic" }))
            .await,
        &["(at name)", "reserved"],
    );
    check_error(
        exchange
            .apply(json!({ "broker": broker, "name": "x", "type": "topic", "vhost": "none" }))
            .await,
        &["Virtual host not found (at vhost)", "none"],
    );
}

#[tokio::test]
async fn an_alternate_exchange_changes_in_place_and_what_is_hashed_does_not() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut exchange = terraform.resource("ferrymq_exchange");
    let config = |alternate: Option<&str>, header: &str| {
        json!({
            "broker": broker, "name": "x", "type": "x-consistent-hash",
            "alternate_exchange": alternate, "hash_header": header,
        })
    };
    exchange.apply(config(None, "region")).await.unwrap();
    for alternate in [Some("amq.fanout"), None] {
        let changed = exchange.apply(config(alternate, "region")).await.unwrap();
        assert_eq!(changed.action, ResourceAction::Update);
        assert!(!exchange.refresh().await.unwrap(), "as it was applied");
        assert_eq!(exchange.state()["alternate_exchange"], json!(alternate));
    }
    let changed = exchange.apply(config(None, "customer")).await.unwrap();
    let causes = (changed.action, changed.replaced_by);
    assert_eq!(
        causes,
        (ResourceAction::Replace, vec!["hash_header".into()])
    );
    let arguments = json!({ "hash-header": "customer" });
    let elsewhere = json!({
        "broker": broker, "name": "x", "type": "x-consistent-hash", "arguments": arguments,
    });
    let changed = exchange.apply(elsewhere).await.unwrap();
    assert_eq!(changed.action, ResourceAction::Update, "it says the same");
}

#[tokio::test]
async fn an_exchange_that_keeps_messages_back_says_by_which_type_it_picks() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut exchange = terraform.resource("ferrymq_exchange");
    let config = |like: Option<&str>| {
        json!({
            "broker": broker, "name": "later", "type": "x-delayed-message", "delayed_type": like,
        })
    };
    check_error(
        exchange.plan(config(None)).await,
        &[
            "(at arguments)",
            "'x-delayed-type' must be an existing exchange type",
        ],
    );
    check_error(
        exchange.plan(config(Some("x-delayed-message"))).await,
        &["(at delayed_type)", "must be one of \"direct\""],
    );
    exchange.apply(config(Some("topic"))).await.unwrap();
    assert!(!exchange.refresh().await.unwrap(), "as it was applied");
    let id = exchange.state()["id"].as_str().unwrap().to_owned();
    let imported = terraform.import("ferrymq_exchange", &id).await.unwrap();
    assert_eq!(imported.state(), exchange.state());
    let changed = exchange.apply(config(Some("direct"))).await.unwrap();
    let causes = (changed.action, changed.replaced_by);
    let expected = (ResourceAction::Replace, vec!["delayed_type".into()]);
    assert_eq!(causes, expected);
}

#[tokio::test]
async fn messages_kept_back_are_not_lost_by_accident() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut exchange = terraform.resource("ferrymq_exchange");
    let config = |like: &str, policy: &str| {
        json!({
            "broker": broker, "name": "later", "type": "x-delayed-message", "delayed_type": like,
            "deletion_policy": policy,
        })
    };
    exchange.apply(config("direct", "if_empty")).await.unwrap();
    agent.publish_delayed("b", "later", 3).await;
    let wanted = json!({ "broker": broker, "name_pattern": "^later$" });
    let seen = terraform.data("ferrymq_exchanges", wanted).await.unwrap();
    assert_eq!(seen["exchanges"][0]["delayed_messages"], json!(3));
    let words = ["Plan would lose 3 messages", "(at deletion_policy)"];
    check_error(exchange.plan(config("topic", "if_empty")).await, &words);
    check_error(exchange.destroy().await, &words);
    let changed = exchange.apply(config("direct", "force")).await.unwrap();
    assert_eq!(changed.action, ResourceAction::Update);
    exchange.destroy().await.unwrap();
}
