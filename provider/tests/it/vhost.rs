//! `ferrymq_vhost`.

use serde_json::json;
use tfplugin_rs::ResourceAction;

use crate::agent::{Agent, check_error};

#[tokio::test]
async fn a_virtual_host_is_made_found_and_removed() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut vhost = terraform.resource("ferrymq_vhost");
    let config = json!({ "broker": broker, "name": "a/b" });
    vhost.apply(config.clone()).await.unwrap();
    let id = format!("{broker}/vhost/a%2Fb");
    assert_eq!(vhost.state()["id"], id);
    let imported = terraform.import("ferrymq_vhost", &id).await.unwrap();
    assert_eq!(imported.state(), vhost.state());

    let by_name = format!("ferrymq://{}/b", agent.other_address());
    let moved = vhost
        .apply(json!({ "broker": by_name, "name": "a/b" }))
        .await
        .unwrap();
    assert_eq!(moved.action, ResourceAction::Update);
    vhost.destroy().await.unwrap();
    check_error(
        terraform.import("ferrymq_vhost", &id).await,
        &["Nothing to import"],
    );
}

#[tokio::test]
async fn its_description_changes_in_place_and_is_kept_an_eye_on() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut vhost = terraform.resource("ferrymq_vhost");
    let config = |text: &str| json!({ "broker": broker, "name": "v", "description": text });
    vhost.apply(config("orders")).await.unwrap();
    let changed = vhost.apply(config("orders and invoices")).await.unwrap();
    assert_eq!(changed.action, ResourceAction::Update);
    let mut other = terraform
        .import("ferrymq_vhost", &format!("{broker}/vhost/v"))
        .await
        .unwrap();
    assert_eq!(other.state()["description"], "orders and invoices");

    // By someone else: shown, and set right again.
    other
        .apply(json!({ "broker": broker, "name": "v" }))
        .await
        .unwrap();
    assert_eq!(other.state()["description"], "");
    let drifted = vhost.plan(config("orders and invoices")).await.unwrap();
    assert_eq!(drifted.action, ResourceAction::Update);
    vhost.apply(config("orders and invoices")).await.unwrap();
    let long = vhost.plan(config(&"x".repeat(1025))).await;
    check_error(long, &["(at description)", "at most 1,024 bytes"]);
}

#[tokio::test]
async fn the_one_that_is_always_there_is_imported() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut vhost = terraform.resource("ferrymq_vhost");
    check_error(
        vhost.apply(json!({ "broker": broker, "name": "/" })).await,
        &[
            "Virtual host already exists (at name)",
            &format!("ferrymq_vhost.NAME '{broker}/vhost/%2F'"),
        ],
    );
}

#[tokio::test]
async fn what_is_in_it_is_not_destroyed_by_mistake() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut vhost = terraform
        .import("ferrymq_vhost", &format!("{broker}/vhost/%2F"))
        .await
        .unwrap();
    let mut queue = terraform.resource("ferrymq_queue");
    queue
        .apply(json!({ "broker": broker, "name": "q" }))
        .await
        .unwrap();
    agent.publish("b", "q", 1).await;

    check_error(
        vhost.destroy().await,
        &[
            "Plan would lose 1 message (at deletion_policy)",
            "virtual host \"/\" holds 1 message,",
        ],
    );
    let forced = json!({ "broker": broker, "name": "/", "deletion_policy": "force" });
    vhost.apply(forced).await.unwrap();
    vhost.destroy().await.unwrap();
    assert!(queue.refresh().await.unwrap());
    assert!(queue.state().is_null(), "gone with its virtual host");
}
