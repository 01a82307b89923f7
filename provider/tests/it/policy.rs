//! `ferrymq_policy` and `ferrymq_operator_policy`.

use serde_json::{Value as Json, json};
use tfplugin_rs::ResourceAction;

use crate::agent::{Agent, check_error};

fn config(broker: &str, pattern: &str, definition: &Json) -> Json {
    json!({ "broker": broker, "name": "limits/q", "pattern": pattern, "definition": definition })
}

#[tokio::test]
async fn a_policy_is_made_changed_in_place_found_and_removed() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut queue = terraform.resource("ferrymq_queue");
    let q = json!({ "broker": broker, "name": "q" });
    queue.apply(q.clone()).await.unwrap();
    agent.publish("b", "q", 5).await;
    for kind in ["policy", "operator_policy"] {
        let ty = format!("ferrymq_{kind}");
        let mut policy = terraform.resource(&ty);
        let says = json!({ "max-length": 100 });
        let made = policy.apply(config(&broker, "^q", &says)).await.unwrap();
        let id = format!("{broker}/{kind}/%2F/limits%2Fq");
        assert_eq!(made.planned["id"], id, "known at plan");
        assert_eq!(
            policy.state(),
            json!({
                "apply_to": "all", "broker": broker, "definition": says, "id": id,
                "name": "limits/q", "pattern": "^q", "priority": 0, "vhost": "/",
            })
        );
        let seen = terraform.data("ferrymq_queue", q.clone()).await.unwrap();
        assert_eq!(seen[kind], "limits/q", "it applies");
        let mut other = config(
            &broker,
            "^(q|r)",
            &json!({ "max-length": 50, "expires": 60000 }),
        );
        other["priority"] = json!(-7);
        other["apply_to"] = json!("queues");
        let changed = policy.apply(other).await.unwrap();
        assert_eq!(changed.action, ResourceAction::Update);
        assert!(!policy.refresh().await.unwrap(), "as it was applied");
        let imported = terraform.import(&ty, &id).await.unwrap();
        assert_eq!(imported.state(), policy.state());
        policy.destroy().await.unwrap();
        let seen = terraform.data("ferrymq_queue", q.clone()).await.unwrap();
        assert_eq!(seen[kind], json!(null));
        let gone = terraform.import(&ty, &id).await;
        check_error(gone, &["Nothing to import", "limits/q"]);
    }
    // Both had the messages keep to their limit: none was too many.
    let seen = terraform.data("ferrymq_queue", q).await.unwrap();
    assert_eq!(seen["messages"], 5);
}

#[tokio::test]
async fn what_a_policy_cannot_say_is_refused_at_plan() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut policy = terraform.resource("ferrymq_policy");
    let limit = json!({ "max-length": 1 });
    for (pattern, definition, parts) in [
        (
            "(",
            &limit,
            ["(at pattern)", "must be a regular expression"],
        ),
        ("(?=x)", &limit, ["(at pattern)", "look-around"]),
        ("", &json!({}), ["(at definition)", "must say something"]),
        (
            "",
            &json!({ "max-length": -1 }),
            ["(at definition)", "max-length"],
        ),
        (
            "",
            &json!({ "max-size": 1 }),
            ["(at definition)", "max-size"],
        ),
    ] {
        let planned = policy.plan(config(&broker, pattern, definition)).await;
        check_error(planned, &parts);
    }
    let mut operator = terraform.resource("ferrymq_operator_policy");
    let dead = json!({ "dead-letter-exchange": "x" });
    let planned = operator.plan(config(&broker, "", &dead)).await;
    check_error(
        planned,
        &["Invalid operator policy", "dead-letter-exchange"],
    );
    let mut odd = config(&broker, "", &limit);
    odd["apply_to"] = json!("topics");
    check_error(policy.plan(odd).await, &["(at apply_to)", "exchanges"]);
}

#[tokio::test]
async fn drift_of_a_policy_is_shown_and_repaired() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut policy = terraform.resource("ferrymq_policy");
    let limit = json!({ "max-length": 1 });
    policy.apply(config(&broker, "^q", &limit)).await.unwrap();
    let id = policy.state()["id"].as_str().unwrap().to_owned();
    let mut elsewhere = terraform.import("ferrymq_policy", &id).await.unwrap();
    elsewhere
        .apply(config(&broker, "^z", &limit))
        .await
        .unwrap();
    assert!(policy.refresh().await.unwrap());
    assert_eq!(policy.state()["pattern"], "^z");
    let repaired = policy.apply(config(&broker, "^q", &limit)).await.unwrap();
    assert_eq!(repaired.action, ResourceAction::Update);
}
