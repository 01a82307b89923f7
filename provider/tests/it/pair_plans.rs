//! What is planned for a pair before any agent is asked.

use serde_json::{Value as Json, json};
use tfplugin_rs::testing::UNKNOWN;

use crate::agent::{Agent, check_error};

/// A pair on two hosts that need not exist, with what differs from it.
fn pair(more: Json) -> Json {
    let mut config = json!({
        "name": "orders",
        "deployment_mode": "ACTIVE_STANDBY_MULTI_AZ",
        "nodes": ["mq-a.example.com", "mq-b.example.com:7443"],
        "coordination": { "etcd": { "endpoints": ["https://etcd-1.example.com:2379"] } },
    });
    if let Json::Object(more) = more {
        config.as_object_mut().unwrap().extend(more);
    }
    config
}

#[tokio::test]
async fn nodes_get_names_and_addresses_and_the_id_holds_both() {
    let agent = Agent::start();
    let terraform = agent.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    let planned = broker.plan(pair(json!({}))).await.unwrap().planned;
    assert_eq!(
        planned["id"],
        "ferrymq://mq-a.example.com:7443,mq-b.example.com:7443/orders"
    );
    assert_eq!(planned["node_names"], json!(["mq-a", "mq-b"]));
    assert_eq!(
        planned["replication_addresses"],
        json!(["mq-a.example.com:7444", "mq-b.example.com:7444"])
    );
    assert_eq!(planned["durability"], "preferred");
    for attribute in ["active_node", "in_sync", "failover_urls", "instances"] {
        assert_eq!(planned[attribute], UNKNOWN, "{attribute}");
    }

    let named = pair(json!({
        "node_names": ["left", "right"],
        "replication_addresses": ["10.0.0.1", "10.0.0.2:9000"],
        "preferred_active": "right",
    }));
    let planned = broker.plan(named).await.unwrap().planned;
    assert_eq!(planned["node_names"], json!(["left", "right"]));
    assert_eq!(
        planned["replication_addresses"],
        json!(["10.0.0.1", "10.0.0.2:9000"])
    );

    let unknown = pair(json!({ "nodes": ["mq-a.example.com", UNKNOWN] }));
    let planned = broker.plan(unknown).await.unwrap().planned;
    for attribute in ["id", "node_names", "replication_addresses"] {
        assert_eq!(planned[attribute], UNKNOWN, "{attribute}");
    }
}

#[tokio::test]
async fn what_makes_no_pair_is_refused_at_plan() {
    let agent = Agent::start();
    let terraform = agent.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    for (more, parts) in [
        (
            json!({ "nodes": ["mq-a.example.com"] }),
            ["A pair has two nodes (at nodes)", "on two hosts"],
        ),
        (
            json!({ "nodes": ["a", "b", "c"] }),
            ["Too many nodes (at nodes)", "names 3 agents"],
        ),
        (
            json!({ "nodes": ["mq-a", "mq-a:7443"] }),
            ["Twice the same node (at nodes)", "mq-a:7443"],
        ),
        (
            json!({ "coordination": null }),
            ["No coordination store (at coordination)", "etcd"],
        ),
        (
            json!({ "coordination": {} }),
            ["(at coordination)", "`etcd`, `file`"],
        ),
        (
            json!({ "coordination": { "etcd": { "endpoints": ["etcd-1:2379"] } } }),
            ["(at coordination.etcd.endpoints[0])", "member's URL"],
        ),
        (
            json!({ "node_names": ["one"] }),
            ["An entry for each node (at node_names)", "in their order"],
        ),
        (
            json!({ "node_names": ["one", "one"] }),
            ["Two nodes alike (at node_names)", "\"one"],
        ),
        (
            json!({ "node_names": ["one", "t w o"] }),
            ["(at node_names[1])", "1 to 50 letters"],
        ),
        (
            json!({ "replication_addresses": ["a", "tcp://b"] }),
            ["(at replication_addresses[1])", "host or host:port"],
        ),
        (
            json!({ "replication_addresses": ["a", "a:7444"] }),
            ["Two nodes alike (at replication_addresses)", "a:7444"],
        ),
    ] {
        check_error(broker.plan(pair(more)).await, &parts);
    }
}

#[tokio::test]
async fn words_that_mean_nothing_are_refused_at_plan() {
    let agent = Agent::start();
    let terraform = agent.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    for (more, parts) in [
        (
            json!({ "preferred_active": "mq-c" }),
            ["No such node (at preferred_active)", "mq-a and mq-b"],
        ),
        (
            json!({ "durability": "none" }),
            ["(at durability)", "\"strict\""],
        ),
        (
            json!({ "deployment_mode": "CLUSTER_MULTI_AZ" }),
            ["(at deployment_mode)", "ACTIVE_STANDBY_MULTI_AZ"],
        ),
    ] {
        check_error(broker.plan(pair(more)).await, &parts);
    }
    let single = json!({
        "name": "orders", "nodes": ["mq-a"], "preferred_active": "mq-a",
    });
    check_error(
        broker.plan(single).await,
        &["Not for a single broker (at preferred_active)"],
    );
}

#[tokio::test]
async fn a_directory_as_store_is_a_trial() {
    let agent = Agent::start();
    let terraform = agent.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    let trial = pair(json!({ "coordination": { "file": { "path": "/tmp/pair" } } }));
    let warnings = broker.plan(trial).await.unwrap().warnings.to_string();
    assert!(
        warnings.contains("The pair is a trial (at coordination.file)"),
        "{warnings}"
    );
    let relative = pair(json!({ "coordination": { "file": { "path": "here" } } }));
    let error = broker.plan(relative).await.unwrap_err().to_string();
    assert!(error.contains("must be an absolute path"), "{error}");
    let plan = broker.plan(pair(json!({}))).await.unwrap();
    assert_eq!(plan.warnings.len(), 0, "{}", plan.warnings);
}

#[tokio::test]
async fn a_single_broker_becomes_a_pair_in_place() {
    let (agent, mut other) = (Agent::start(), Agent::start());
    other.join(&agent);
    let terraform = agent.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    let listeners = json!({ "amqp": { "address": "127.0.0.1", "port": 0, "tls": false } });
    let single = json!({
        "name": "orders", "nodes": [agent.address()], "listeners": listeners,
    });
    broker.apply(single).await.unwrap();
    let both = |second: &str| {
        pair(json!({
            "nodes": [agent.address(), second],
            "listeners": listeners,
        }))
    };
    let plan = broker.plan(both(other.address())).await.unwrap();
    assert_eq!(plan.action, tfplugin_rs::ResourceAction::Update);
    let warnings = plan.warnings.to_string();
    assert!(warnings.contains("The broker becomes a pair"), "{warnings}");

    // Its own node has to stay, and what is not known cannot be judged.
    let (first, second) = (other.address(), "127.0.0.1:1");
    let mut moved = both(second);
    moved["nodes"] = json!([first, second]);
    check_error(
        broker.plan(moved).await,
        &[
            "No node would keep the broker (at nodes)",
            "one node at a time",
        ],
    );
    check_error(
        broker.plan(both(UNKNOWN)).await,
        &["The node is not known yet (at nodes)", "-target"],
    );
    other.broker("orders").await;
    check_error(
        broker.plan(both(other.address())).await,
        &["Another broker of the same name (at nodes)"],
    );
}

#[tokio::test]
async fn secrets_of_the_store_are_in_no_plan() {
    let agent = Agent::start();
    let terraform = agent.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    let etcd = json!({
        "endpoints": ["https://etcd-1.example.com:2379"],
        "client_certificate": "CERTIFICATE",
        "client_key_wo": "SECRET",
    });
    let config = pair(json!({ "coordination": { "etcd": etcd } }));
    let planned = broker.plan(config).await.unwrap().planned;
    assert!(!planned.to_string().contains("SECRET"), "{planned}");
    let half = json!({ "endpoints": ["https://e:1"], "client_certificate": "CERTIFICATE" });
    check_error(
        broker
            .plan(pair(json!({ "coordination": { "etcd": half } })))
            .await,
        &["client_key_wo"],
    );
}
