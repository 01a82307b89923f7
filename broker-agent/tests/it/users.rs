//! Users and their passwords: set, kept, removed, watched; never shown.

use agent_api::v1::{GetUserRequest, Password, PutUserRequest, Reason, User, password};
use agent_api::{Client, Error, FieldMask};

use crate::agent::{Agent, failure, plaintext, port, put_user};
use crate::amqp;

fn user(tags: &[&str]) -> PutUserRequest {
    let tags = tags.iter().map(ToString::to_string).collect();
    let user = User {
        name: "u".into(),
        tags,
        ..Default::default()
    };
    PutUserRequest {
        broker: "b".into(),
        user: Some(user),
        ..Default::default()
    }
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask {
        paths: paths.iter().map(ToString::to_string).collect(),
    })
}

async fn put(client: &Client, request: PutUserRequest) -> Result<User, Error> {
    client.call(client.users().put_user(request)).await
}

#[tokio::test]
async fn a_change_of_tags_leaves_the_password() {
    let agent = Agent::start();
    let (client, made) = agent.with_broker("b").await;
    put_user(&client, "b", "u", "secret").await;
    let get = GetUserRequest {
        broker: "b".into(),
        name: "u".into(),
    };
    let before = client.call(client.users().get_user(get)).await.unwrap();
    assert!(before.has_password);

    let tagged = put(
        &client,
        user(&["monitoring", "administrator", "monitoring"]),
    )
    .await
    .unwrap();
    assert_eq!(tagged.tags, ["administrator", "monitoring"]);
    assert_eq!(tagged.password_digest, before.password_digest);
    assert!(tagged.generation > before.generation);
    let masked = PutUserRequest {
        update_mask: mask(&["tags"]),
        ..user(&[])
    };
    let masked = put(&client, masked).await.unwrap();
    assert!(masked.has_password && masked.tags.is_empty());
    amqp::connect(port(&made), "u", "secret").await.unwrap();
}

#[tokio::test]
async fn a_change_of_password_leaves_the_tags_and_shows_in_the_digest() {
    let agent = Agent::start();
    let (client, made) = agent.with_broker("b").await;
    put_user(&client, "b", "u", "first").await;
    let before = put(&client, user(&["monitoring"])).await.unwrap();
    let change = PutUserRequest {
        password: plaintext("second"),
        update_mask: mask(&["password"]),
        ..user(&[])
    };
    let changed = put(&client, change).await.unwrap();
    assert_eq!(changed.tags, ["monitoring"]);
    assert_eq!(changed.password_digest.len(), 64);
    assert_ne!(changed.password_digest, before.password_digest);
    assert!(amqp::connect(port(&made), "u", "first").await.is_err());
    amqp::connect(port(&made), "u", "second").await.unwrap();

    let removed = PutUserRequest {
        update_mask: mask(&["password"]),
        ..user(&[])
    };
    let removed = put(&client, removed).await.unwrap();
    assert_eq!(
        (removed.has_password, removed.password_digest.as_str()),
        (false, "")
    );
    assert!(amqp::connect(port(&made), "u", "second").await.is_err());
}

#[tokio::test]
async fn a_hash_made_elsewhere_works_and_a_bad_one_is_named() {
    let agent = Agent::start();
    let (client, made) = agent.with_broker("b").await;
    put_user(&client, "b", "u", "x").await;
    // Made with the reference implementation: argon2 somesalt -id -t 2 -k 19456 -p 1.
    let hash = |text: &str| Password {
        form: Some(password::Form::PhcHash(text.into())),
    };
    for bad in [
        "",
        "secret",
        "$2b$12$abcdefghijklmnopqrstuv",
        "$argon2id$v=19$m=99999999,t=2,p=1$c29tZXNhbHQ$YWJjZA",
    ] {
        let request = PutUserRequest {
            password: Some(hash(bad)),
            ..user(&[])
        };
        let failure = failure(put(&client, request).await);
        assert_eq!(
            (failure.reason, failure.field.as_str()),
            (Reason::Invalid, "password"),
            "{bad}"
        );
        assert!(
            bad.is_empty() || !failure.message.contains(bad),
            "{failure}"
        );
    }
    let empty = PutUserRequest {
        password: plaintext(""),
        ..user(&[])
    };
    assert_eq!(failure(put(&client, empty).await).field, "password");
    amqp::connect(port(&made), "u", "x").await.unwrap();
}

#[tokio::test]
async fn tags_that_do_not_fit_are_told_as_tags() {
    let agent = Agent::start();
    let (client, _) = agent.with_broker("b").await;
    put_user(&client, "b", "u", "x").await;
    let many: Vec<String> = (0..1000).map(|n| format!("tag{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for tags in [&["an odd\n tag"][..], &[""], &many] {
        let refused = failure(put(&client, user(tags)).await);
        assert_eq!(refused.field, "tags", "{refused}");
    }
}
