//! `ferrymq_permission`.

use serde_json::{Value as Json, json};
use tfplugin_rs::ResourceAction;

use crate::agent::{Agent, check_error};

fn config(broker: &str, user: &str, write: &str) -> Json {
    json!({ "broker": broker, "user": user, "configure": "", "write": write, "read": "^a|b$" })
}

#[tokio::test]
async fn a_permission_is_granted_changed_found_and_withdrawn() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut user = terraform.resource("ferrymq_user");
    user.apply(json!({ "broker": broker, "name": "me@home" }))
        .await
        .unwrap();

    let mut permission = terraform.resource("ferrymq_permission");
    permission
        .apply(config(&broker, "me@home", "^x$"))
        .await
        .unwrap();
    let id = format!("{broker}/permission/%2F/me%40home");
    assert_eq!(permission.state()["id"], id);
    let changed = permission
        .apply(config(&broker, "me@home", "^y$"))
        .await
        .unwrap();
    assert_eq!(changed.action, ResourceAction::Update);

    let imported = terraform.import("ferrymq_permission", &id).await.unwrap();
    assert_eq!(imported.state(), permission.state());
    assert_eq!(imported.state()["write"], "^y$");

    user.destroy().await.unwrap();
    assert!(permission.refresh().await.unwrap());
    assert!(permission.state().is_null(), "gone with its user");
}

#[tokio::test]
async fn what_is_in_the_way_is_said() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut permission = terraform.resource("ferrymq_permission");
    check_error(
        permission.plan(config(&broker, "u", "^(a")).await,
        &[
            "(at write)",
            "must be a regular expression (unclosed group)",
            "\"^(a\"",
        ],
    );
    check_error(
        permission
            .plan(config(&broker, "u", "(a{1000}){1000}"))
            .await,
        &["(at write)", "smaller regular expression"],
    );
    check_error(
        permission.apply(config(&broker, "nobody", "")).await,
        &["User not found (at user)", "nobody"],
    );
}
