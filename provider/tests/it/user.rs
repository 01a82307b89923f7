//! `ferrymq_user`: above all, what happens to its password.

use agent_api::v1::{PutUserRequest, User, password::Form};
use agent_api::{FieldMask, v1};
use serde_json::{Value as Json, json};
use tfplugin_rs::ResourceAction;
use tfplugin_rs::testing::UNKNOWN;

use crate::agent::{Agent, check_error};

/// Changes a user as someone else would.
async fn change(agent: &Agent, user: User, password: Option<&str>) {
    let client = agent.client().await;
    let paths = [if password.is_some() {
        "password"
    } else {
        "tags"
    }
    .to_owned()];
    let password = password.map(|text| v1::Password {
        form: Some(Form::Plaintext(text.into())),
    });
    let request = PutUserRequest {
        broker: "b".to_owned(),
        user: Some(user),
        password,
        update_mask: Some(FieldMask {
            paths: paths.into(),
        }),
        ..Default::default()
    };
    client.call(client.users().put_user(request)).await.unwrap();
}

fn named(name: &str) -> User {
    User {
        name: name.to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn tags_change_without_the_password() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut user = terraform.resource("ferrymq_user");
    let config = |tags: &[&str]| {
        json!({
            "broker": broker, "name": "app", "tags": tags, "password_wo": "one",
            "password_wo_version": 1,
        })
    };
    user.apply(config(&["monitoring"])).await.unwrap();
    let state = user.state();
    assert_eq!(state["id"], format!("{broker}/user/app"));
    assert_eq!(
        (&state["password"], &state["password_wo"]),
        (&Json::Null, &Json::Null)
    );
    let digest = state["password_digest"].clone();
    assert!(digest.is_string());

    let changed = user
        .apply(config(&["administrator", "monitoring"]))
        .await
        .unwrap();
    assert_eq!(changed.action, ResourceAction::Update);
    assert_eq!(
        changed.planned["password_digest"], digest,
        "known: it stays"
    );
    assert_eq!(user.state()["password_digest"], digest);

    // Tags lost behind Terraform's back are drift, and their repair leaves the password alone.
    change(&agent, named("app"), None).await;
    let changed = user
        .apply(config(&["administrator", "monitoring"]))
        .await
        .unwrap();
    assert_eq!(changed.action, ResourceAction::Update);
    assert_eq!(user.state()["tags"], json!(["administrator", "monitoring"]));
    assert_eq!(user.state()["password_digest"], digest);
}

#[tokio::test]
async fn a_new_version_sends_the_password_again() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut user = terraform.resource("ferrymq_user");
    let config = |password: &str, version: u32| {
        json!({
            "broker": broker, "name": "app", "password_wo": password,
            "password_wo_version": version,
        })
    };
    user.apply(config("one", 1)).await.unwrap();
    let digest = user.state()["password_digest"].clone();
    assert_eq!(
        user.plan(config("two", 1)).await.unwrap().action,
        ResourceAction::Keep
    );

    let changed = user.apply(config("two", 2)).await.unwrap();
    assert_eq!(changed.action, ResourceAction::Update);
    assert_eq!(changed.planned["password_digest"], UNKNOWN);
    assert_ne!(user.state()["password_digest"], digest);
}

#[tokio::test]
async fn a_password_set_elsewhere_is_replaced() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    for password in [
        json!({ "password_wo": "one" }),
        json!({ "password": "one" }),
    ] {
        let mut user = terraform.resource("ferrymq_user");
        let mut config = json!({ "broker": broker, "name": "app" });
        config
            .as_object_mut()
            .unwrap()
            .extend(password.as_object().unwrap().clone());
        user.apply(config.clone()).await.unwrap();
        assert_eq!(
            user.plan(config.clone()).await.unwrap().action,
            ResourceAction::Keep
        );

        change(&agent, named("app"), Some("theirs")).await;
        let plan = user.plan(config.clone()).await.unwrap();
        assert_eq!(plan.action, ResourceAction::Update);
        assert_eq!(plan.planned["password_digest"], UNKNOWN);
        let stolen = user.state()["password_digest"].clone();
        user.apply(config).await.unwrap();
        assert_ne!(user.state()["password_digest"], stolen);
        user.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn a_password_moves_between_its_two_attributes() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut user = terraform.resource("ferrymq_user");
    let base = json!({ "broker": broker, "name": "app" });
    let with = |more: Json| {
        let mut config = base.clone();
        config
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        config
    };
    // Without a password there is none, and none is missed.
    user.apply(base.clone()).await.unwrap();
    assert_eq!(user.state()["password_digest"], Json::Null);

    user.apply(with(json!({ "password": "one" })))
        .await
        .unwrap();
    let first = user.state()["password_digest"].clone();
    assert!(first.is_string());
    user.apply(with(json!({ "password": "two" })))
        .await
        .unwrap();
    assert_ne!(user.state()["password_digest"], first);

    user.apply(with(
        json!({ "password_wo": "three", "password_wo_version": 1 }),
    ))
    .await
    .unwrap();
    assert_eq!(
        user.state()["password"],
        Json::Null,
        "no longer in the state"
    );
    let last = user.state()["password_digest"].clone();

    // No longer managed, it stays as it is, whoever changes it.
    user.apply(base.clone()).await.unwrap();
    assert_eq!(user.state()["password_digest"], last);
    change(&agent, named("app"), Some("theirs")).await;
    assert_eq!(
        user.plan(base.clone()).await.unwrap().action,
        ResourceAction::Keep
    );

    let both = with(json!({ "password": "a", "password_wo": "b" }));
    check_error(user.plan(both).await, &["Two passwords (at password_wo)"]);
    let empty = with(json!({ "password_wo": "" }));
    check_error(
        user.plan(empty).await,
        &["(at password_wo)", "1 to 1,024 bytes"],
    );
}

#[tokio::test]
async fn an_imported_user_keeps_its_password_until_one_is_configured() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    change(&agent, named("me@home/%"), Some("theirs")).await;
    let id = format!("{broker}/user/me%40home%2F%25");
    let mut user = terraform.import("ferrymq_user", &id).await.unwrap();
    let digest = user.state()["password_digest"].clone();
    let mut config = json!({ "broker": broker, "name": "me@home/%" });
    assert_eq!(
        user.plan(config.clone()).await.unwrap().action,
        ResourceAction::Keep
    );

    config["password_wo"] = "ours".into();
    config["password_wo_version"] = 1.into();
    assert_eq!(
        user.apply(config).await.unwrap().action,
        ResourceAction::Update
    );
    assert_ne!(user.state()["password_digest"], digest);
}

#[tokio::test]
async fn a_user_goes_and_comes_back() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut user = terraform.resource("ferrymq_user");
    let config = json!({ "broker": broker, "name": "app", "password": "one" });
    user.apply(config.clone()).await.unwrap();
    let mut twin = terraform.resource("ferrymq_user");
    check_error(
        twin.apply(config.clone()).await,
        &[
            "User already exists (at name)",
            &format!("ferrymq_user.NAME '{broker}/user/app'"),
        ],
    );
    let client = agent.client().await;
    let request = v1::DeleteUserRequest {
        broker: "b".into(),
        name: "app".into(),
        expect: None,
    };
    client
        .call(client.users().delete_user(request.clone()))
        .await
        .unwrap();
    assert_eq!(
        user.apply(config).await.unwrap().action,
        ResourceAction::Create
    );

    // Deleted by someone between plan and apply: what was wanted is so.
    client
        .call(client.users().delete_user(request))
        .await
        .unwrap();
    user.destroy().await.unwrap();
}
