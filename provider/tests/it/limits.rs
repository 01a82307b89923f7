//! `ferrymq_limits`, `ferrymq_topic_permission` and what a virtual host says of itself.

use serde_json::{Value as Json, json};
use tfplugin_rs::ResourceAction;

use crate::agent::{Agent, check_error};

#[tokio::test]
async fn limits_are_made_changed_found_and_removed() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut user = terraform.resource("ferrymq_user");
    let name = json!({ "broker": broker, "name": "me@home" });
    user.apply(name).await.unwrap();
    for (of, name, encoded, limit) in [
        ("user", "me@home", "me%40home", "max_channels"),
        ("vhost", "/", "%2F", "max_queues"),
    ] {
        let mut limits = terraform.resource("ferrymq_limits");
        let config = |count: Json| json!({ "broker": broker, of: name, limit: count });
        let made = limits.apply(config(json!(5))).await.unwrap();
        let id = format!("{broker}/limits/{of}/{encoded}");
        assert_eq!(made.planned["id"], id, "known at plan");
        assert_eq!(limits.state()["max_connections"], json!(null));
        let changed = limits.apply(config(json!(0))).await.unwrap();
        assert_eq!(changed.action, ResourceAction::Update);
        assert!(!limits.refresh().await.unwrap());
        let imported = terraform.import("ferrymq_limits", &id).await.unwrap();
        assert_eq!(imported.state(), limits.state());
        limits.destroy().await.unwrap();
        let gone = terraform.import("ferrymq_limits", &id).await;
        check_error(gone, &["Nothing to import"]);
    }
}

#[tokio::test]
async fn limits_of_nobody_or_of_nothing_are_refused() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut limits = terraform.resource("ferrymq_limits");
    for config in [
        json!({ "broker": broker, "max_connections": 1 }),
        json!({ "broker": broker, "user": "u", "vhost": "/", "max_connections": 1 }),
        json!({ "broker": broker, "user": "u" }),
        json!({ "broker": broker, "user": "u", "max_queues": 1 }),
        json!({ "broker": broker, "vhost": "/", "max_channels": 1 }),
        json!({ "broker": broker, "vhost": "/", "max_queues": -1 }),
    ] {
        assert!(limits.plan(config.clone()).await.is_err(), "{config}");
    }
    let nobody = json!({ "broker": broker, "user": "nobody", "max_channels": 1 });
    check_error(
        limits.apply(nobody).await,
        &["User not found (at user)", "nobody"],
    );
    let nowhere = json!({ "broker": broker, "vhost": "nowhere", "max_queues": 1 });
    check_error(
        limits.apply(nowhere).await,
        &["Virtual host not found (at vhost)", "nowhere"],
    );
}

#[tokio::test]
async fn a_topic_permission_is_made_changed_found_and_removed() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut permission = terraform.resource("ferrymq_topic_permission");
    let config = |write: &str| {
        json!({
            "broker": broker, "user": "u", "exchange": "amq.topic", "write": write, "read": "",
        })
    };
    let nobody = permission.apply(config("x")).await;
    check_error(nobody, &["User not found (at user)"]);
    let mut user = terraform.resource("ferrymq_user");
    user.apply(json!({ "broker": broker, "name": "u" }))
        .await
        .unwrap();
    let made = permission.apply(config("^{username}\\.")).await.unwrap();
    let id = format!("{broker}/topic_permission/%2F/u/amq.topic");
    assert_eq!(made.planned["id"], id, "known at plan");
    let changed = permission.apply(config("^{vhost}$")).await.unwrap();
    assert_eq!(changed.action, ResourceAction::Update);
    let imported = terraform
        .import("ferrymq_topic_permission", &id)
        .await
        .unwrap();
    assert_eq!(imported.state(), permission.state());
    check_error(
        permission.plan(config("{username}(")).await,
        &["(at write)", "regular"],
    );
    permission.destroy().await.unwrap();
    let gone = terraform.import("ferrymq_topic_permission", &id).await;
    check_error(gone, &["Nothing to import"]);
}

#[tokio::test]
async fn queues_get_the_type_of_their_virtual_host_and_it_stays_while_protected() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut vhost = terraform.resource("ferrymq_vhost");
    let config = |kind: &str, protected: bool| {
        json!({
            "broker": broker, "name": "v", "default_queue_type": kind, "tags": ["b", "a"],
            "deletion_protection": protected,
        })
    };
    vhost.apply(config("quorum", true)).await.unwrap();
    assert!(!vhost.refresh().await.unwrap());
    let mut queue = terraform.resource("ferrymq_queue");
    let q = json!({ "broker": broker, "vhost": "v", "name": "q" });
    queue.apply(q.clone()).await.unwrap();
    assert_eq!(queue.state()["type"], "quorum");
    vhost.apply(config("classic", true)).await.unwrap();
    let again = queue.apply(q).await.unwrap();
    assert_eq!(again.action, ResourceAction::Keep, "it stays what it is");
    let classic = json!({ "broker": broker, "vhost": "v", "name": "q", "type": "classic" });
    let changed = queue.plan(classic).await.unwrap();
    assert_eq!(changed.replaced_by, ["type".into()]);
    let protected = vhost.destroy().await;
    check_error(protected, &["(at deletion_protection)", "apply that first"]);
    vhost.apply(config("classic", false)).await.unwrap();
    vhost.destroy().await.unwrap();
}
