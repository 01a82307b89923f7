//! What must not be in a log, whatever its level.

use std::fs;

use agent_api::v1::{Password, PutUserRequest, User, password};

use crate::agent::{Agent, port, put_user};
use crate::amqp;

#[tokio::test]
async fn no_password_and_no_hash_is_logged_at_any_level() {
    let agent = Agent::start_with(&[("FERRYMQ_LOG", "trace")]);
    let (client, made) = agent.with_broker("b").await;
    put_user(&client, "b", "u", "correct-horse").await;
    amqp::connect(port(&made), "u", "correct-horse")
        .await
        .unwrap();
    assert!(
        amqp::connect(port(&made), "u", "battery-staple")
            .await
            .is_err()
    );
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
                NYW9fVpgwAHrTb1J3JCB8GmHTJZHBp0RoDT/Mfmj/eA";
    let request = PutUserRequest {
        broker: "b".into(),
        user: Some(User {
            name: "h".into(),
            ..Default::default()
        }),
        password: Some(Password {
            form: Some(password::Form::PhcHash(hash.into())),
        }),
        ..Default::default()
    };
    client.call(client.users().put_user(request)).await.unwrap();

    let log = agent.process.log();
    assert!(
        log.contains("user put") && log.contains("TRACE"),
        "the log is not the one meant"
    );
    let record = fs::read_to_string(agent.path("data/registry/b.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let digest_key = record["digest_key"].as_str().unwrap();
    for secret in [
        "correct-horse",
        "battery-staple",
        "NYW9fVpgwAHr",
        digest_key,
    ] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
