//! Data sources of several objects, and functions about ids and topics.

use serde_json::{Value as Json, json};
use tfplugin_rs::testing::Terraform;

use crate::agent::{Agent, check_error};

/// One attribute of all.
fn each(list: &Json, attribute: &str) -> Vec<Json> {
    let list = list.as_array().unwrap().iter();
    list.map(|object| object[attribute].clone()).collect()
}

#[tokio::test]
async fn lists_show_what_is_there_whoever_declared_it() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut vhost = terraform.resource("ferrymq_vhost");
    let v = json!({ "broker": broker, "name": "v" });
    vhost.apply(v).await.unwrap();
    for (name, vhost) in [
        ("app.a", "/"),
        ("app.b", "/"),
        ("other", "/"),
        ("app.a", "v"),
    ] {
        let config = json!({ "broker": broker, "name": name, "vhost": vhost });
        terraform
            .resource("ferrymq_queue")
            .apply(config)
            .await
            .unwrap();
    }
    let binding = json!({
        "broker": broker, "source": "amq.topic", "destination": "app.a", "routing_key": "a.#",
        "arguments": { "n": 1 },
    });
    let mut bound = terraform.resource("ferrymq_binding");
    bound.apply(binding).await.unwrap();
    agent.publish("b", "app.b", 3).await;

    let queues = json!({ "broker": broker, "name_pattern": "^app" });
    let queues = terraform.data("ferrymq_queues", queues).await.unwrap()["queues"].clone();
    assert_eq!(each(&queues, "name"), ["app.a", "app.b", "app.a"]);
    assert_eq!(each(&queues, "vhost"), ["/", "/", "v"]);
    assert_eq!(each(&queues, "messages_ready"), [0, 3, 0]);
    assert_eq!(queues[1]["id"], format!("{broker}/queue/%2F/app.b"));
    let one = json!({ "broker": broker, "vhost": "v" });
    let one = terraform.data("ferrymq_queues", one).await.unwrap();
    assert_eq!(each(&one["queues"], "name"), ["app.a"]);

    let exchanges = json!({ "broker": broker, "vhost": "/" });
    let exchanges = terraform
        .data("ferrymq_exchanges", exchanges)
        .await
        .unwrap();
    let exchanges = exchanges["exchanges"].clone();
    assert_eq!(each(&exchanges, "name")[..2], ["", "amq.direct"]);
    assert_eq!(exchanges[0]["id"], json!(null));

    let bindings = json!({ "broker": broker, "destination": "app.a" });
    let bindings = terraform.data("ferrymq_bindings", bindings).await.unwrap();
    let bindings = bindings["bindings"].clone();
    assert_eq!(each(&bindings, "id"), [bound.state()["id"].clone()]);
    assert_eq!(each(&bindings, "arguments_json"), ["{\"n\":1}"]);
    let none = json!({ "broker": broker, "source": "amq.fanout" });
    let none = terraform.data("ferrymq_bindings", none).await.unwrap();
    assert_eq!(none["bindings"], json!([]));
}

#[tokio::test]
async fn users_are_listed_and_odd_questions_refused() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut user = terraform.resource("ferrymq_user");
    let u = json!({ "broker": broker, "name": "u", "tags": ["monitoring"] });
    user.apply(u).await.unwrap();
    let users = json!({ "broker": broker, "name_pattern": "^u$" });
    let users = terraform.data("ferrymq_users", users).await.unwrap()["users"].clone();
    assert_eq!(each(&users, "tags"), [json!(["monitoring"])]);
    assert_eq!(each(&users, "has_password"), [false]);

    let nowhere = json!({ "broker": broker, "vhost": "nowhere" });
    check_error(
        terraform.data("ferrymq_queues", nowhere).await,
        &["nowhere"],
    );
    let odd = json!({ "broker": broker, "name_pattern": "(" });
    check_error(
        terraform.data("ferrymq_users", odd).await,
        &["(at name_pattern)"],
    );
}

#[tokio::test]
async fn ids_come_apart_and_together() {
    let terraform = Terraform::unconfigured(provider::ferrymq()).unwrap();
    let broker = "ferrymq://a:7443/b";
    let arguments = ["queue", "/", "a/b %"].map(Json::from);
    let arguments = [&[json!(broker)], &arguments[..]].concat();
    let id = terraform.call("encode_id", &arguments).await.unwrap();
    assert_eq!(id, "ferrymq://a:7443/b/queue/%2F/a%2Fb%20%25");
    let parts = terraform.call("parse_id", &[id]).await.unwrap();
    let expected = json!({ "broker": broker, "kind": "queue", "names": ["/", "a/b %"] });
    assert_eq!(parts, expected);
    let odd = terraform
        .call("parse_id", &[json!("queue/q")])
        .await
        .unwrap_err();
    assert!(
        odd.to_string().contains("does not begin with ferrymq://"),
        "{odd}"
    );
    let arguments = [json!(broker), json!("queue"), json!("/")];
    let few = terraform.call("encode_id", &arguments).await.unwrap_err();
    assert!(few.to_string().contains("1 names follow"), "{few}");
    let arguments = [json!("a.*"), json!("a.b")];
    assert_eq!(
        terraform.call("topic_matches", &arguments).await.unwrap(),
        true
    );
}
