//! Pairs on two real agents: made, used, failed over, changed and taken apart.

use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tfplugin_rs::testing::{Terraform, TestResource};
use tfplugin_rs::{Provider, ResourceAction, Result};

use crate::agent::{Agent, check_error, free_ports};

/// Two agents of one authority, and a directory in which they agree.
struct Fleet {
    a: Agent,
    b: Agent,
    store: TempDir,
    port: u16,
}

impl Fleet {
    fn start() -> Self {
        let a = Agent::start_node(None);
        let b = Agent::start_node(Some(&a));
        let [port] = free_ports();
        Self {
            a,
            b,
            store: tempfile::tempdir().unwrap(),
            port,
        }
    }

    /// The broker `orders` on both.
    fn pair(&self) -> Json {
        self.pair_of(&self.a, &self.b)
    }

    fn pair_of(&self, first: &Agent, second: &Agent) -> Json {
        let mut config = self.single(first);
        let more = json!({
            "deployment_mode": "ACTIVE_STANDBY_MULTI_AZ",
            "nodes": [first.address(), second.address()],
            "replication_addresses": [first.replication(), second.replication()],
            "coordination": { "file": { "path": self.store.path() } },
        });
        let Json::Object(more) = more else {
            unreachable!("it is an object")
        };
        config.as_object_mut().unwrap().extend(more);
        config
    }

    /// The same on one.
    fn single(&self, agent: &Agent) -> Json {
        json!({
            "name": "orders",
            "nodes": [agent.address()],
            "listeners": { "amqp": { "address": "127.0.0.1", "port": self.port, "tls": false } },
            "timeouts": { "create": "60s", "update": "60s" },
        })
    }

    /// Id of the pair.
    fn id(&self) -> String {
        format!("ferrymq://{},{}/orders", self.a.address(), self.b.address())
    }

    fn queue(&self) -> Json {
        json!({ "broker": self.id(), "name": "q" })
    }
}

/// Imports the broker by the address of this agent alone.
async fn import<'a, P: Provider>(
    terraform: &'a Terraform<P>,
    agent: &Agent,
) -> Result<TestResource<'a, P>> {
    terraform
        .import("ferrymq_broker", &agent.id("orders"))
        .await
}

fn with(mut config: Json, attribute: &str, value: impl Into<Json>) -> Json {
    config[attribute] = value.into();
    config
}

#[tokio::test]
async fn a_pair_is_made_found_imported_and_removed() {
    let fleet = Fleet::start();
    let terraform = fleet.a.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    broker.apply(fleet.pair()).await.unwrap();
    let state = broker.state();
    assert_eq!(state["id"], fleet.id());
    assert_eq!(state["node_names"], json!(["node-1", "node-2"]));
    assert_eq!(
        (&state["active_node"], &state["in_sync"]),
        (&json!("node-1"), &json!(true))
    );
    let address = format!("127.0.0.1:{}", fleet.port);
    assert_eq!(
        state["failover_urls"]["amqp"],
        format!("{address},{address}")
    );
    let names: Vec<&Json> = (0..2).map(|i| &state["instances"][i]["name"]).collect();
    assert_eq!(names, ["node-1", "node-2"]);

    let mut queue = terraform.resource("ferrymq_queue");
    queue.apply(fleet.queue()).await.unwrap();
    let found = terraform
        .data(
            "ferrymq_broker",
            json!({ "name": "orders", "nodes": [fleet.a.address(), fleet.b.address()] }),
        )
        .await
        .unwrap();
    assert_eq!(found["deployment_mode"], "ACTIVE_STANDBY_MULTI_AZ");
    assert_eq!(
        (&found["in_sync"], &found["durability"]),
        (&json!(true), &json!("preferred"))
    );
    let status = terraform
        .data(
            "ferrymq_replication_status",
            json!({ "broker": fleet.id() }),
        )
        .await
        .unwrap();
    assert_eq!(status["in_sync_nodes"], json!(["node-1", "node-2"]));
    assert_eq!(status["nodes"][0]["state"], "ACTIVE_REPLICATED");
    assert_eq!(status["nodes"][1]["state"], "IN_SYNC");

    // One of the two addresses is enough to find both.
    for agent in [&fleet.a, &fleet.b] {
        let imported = import(&terraform, agent);
        let imported = imported.await.unwrap().state();
        assert_eq!(imported["deployment_mode"], "ACTIVE_STANDBY_MULTI_AZ");
        assert_eq!(imported["nodes"].as_array().unwrap().len(), 2);
        assert_eq!(imported["coordination"], state["coordination"]);
    }
    fleet.a.publish("orders", "q", 1).await;
    check_error(broker.destroy().await, &["Plan would lose 1 message"]);
    queue
        .apply(with(fleet.queue(), "deletion_policy", "force"))
        .await
        .unwrap();
    queue.destroy().await.unwrap();
    broker.destroy().await.unwrap();
    for agent in [&fleet.a, &fleet.b] {
        let gone = import(&terraform, agent);
        check_error(gone.await.map(drop), &["Nothing to import"]);
    }
}

#[tokio::test]
async fn preferred_active_switches_over_in_place() {
    let fleet = Fleet::start();
    let terraform = fleet.a.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    broker.apply(fleet.pair()).await.unwrap();
    let other = with(fleet.pair(), "preferred_active", "node-2");
    let plan = broker.plan(other.clone()).await.unwrap();
    assert_eq!(plan.action, ResourceAction::Update);
    let warnings = plan.warnings.to_string();
    assert!(warnings.contains("The broker fails over"), "{warnings}");
    broker.apply(other).await.unwrap();
    assert_eq!(broker.state()["active_node"], "node-2");

    // What is asked of the standby goes on to the active one, also in another process.
    let mut queue = terraform.resource("ferrymq_queue");
    queue.apply(fleet.queue()).await.unwrap();
    let terraform = fleet.a.terraform().await;
    let found = terraform.data("ferrymq_queue", fleet.queue()).await;
    assert_eq!(found.unwrap()["messages"], 0);
}

#[tokio::test]
async fn after_a_crash_of_the_active_work_goes_on_at_the_other() {
    let mut fleet = Fleet::start();
    let terraform = fleet.a.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    broker.apply(fleet.pair()).await.unwrap();
    let mut queue = terraform.resource("ferrymq_queue");
    queue.apply(fleet.queue()).await.unwrap();
    fleet.a.kill();

    // At once: it is waited for until the other one has taken over.
    let terraform = fleet.b.terraform().await;
    let mut other = terraform.resource("ferrymq_queue");
    other
        .apply(with(fleet.queue(), "name", "made after"))
        .await
        .unwrap();
    assert_eq!(
        broker.plan(fleet.pair()).await.unwrap().action,
        ResourceAction::Keep
    );
    let away = with(fleet.pair(), "preferred_active", "node-1");
    check_error(
        broker.plan(away).await,
        &["The preferred node is not in sync (at preferred_active)"],
    );
    // The only copy that is in sync cannot be given up.
    check_error(
        broker.plan(fleet.single(&fleet.a)).await,
        &["Plan would drop the last copy in sync (at nodes)"],
    );
    let status = terraform
        .data(
            "ferrymq_replication_status",
            json!({ "broker": fleet.id() }),
        )
        .await
        .unwrap();
    assert_eq!(status["active_node"], "node-2");
    let error = status["nodes"][0]["error"].as_str().unwrap();
    assert!(error.contains("cannot be reached"), "{error}");
}

#[tokio::test]
async fn a_single_broker_becomes_a_pair_and_single_again_with_all_it_has() {
    let fleet = Fleet::start();
    let terraform = fleet.a.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    broker.apply(fleet.single(&fleet.a)).await.unwrap();
    let uid_before = broker.private().get::<String>("uid").unwrap();
    let mut queue = terraform.resource("ferrymq_queue");
    let single = with(fleet.queue(), "broker", fleet.a.id("orders"));
    queue.apply(single.clone()).await.unwrap();
    fleet.a.publish("orders", "q", 3).await;

    let change = broker.apply(fleet.pair()).await.unwrap();
    assert_eq!(change.action, ResourceAction::Update);
    assert_eq!(broker.state()["in_sync"], true);
    assert_eq!(broker.private().get::<String>("uid").unwrap(), uid_before);
    let moved = queue.apply(fleet.queue()).await.unwrap();
    assert_eq!(moved.action, ResourceAction::Update, "only its id");
    let seen = terraform.data("ferrymq_queue", fleet.queue()).await;
    assert_eq!(seen.unwrap()["messages"], 3);

    // The other node stays: it takes over first.
    let other = with(fleet.queue(), "broker", fleet.b.id("orders"));
    let change = broker.apply(fleet.single(&fleet.b)).await.unwrap();
    assert_eq!(change.action, ResourceAction::Update);
    assert_eq!(broker.state()["deployment_mode"], "SINGLE_INSTANCE");
    queue.apply(other.clone()).await.unwrap();
    let seen = terraform.data("ferrymq_queue", other).await;
    assert_eq!(seen.unwrap()["messages"], 3);
    let gone = import(&terraform, &fleet.a);
    check_error(gone.await.map(drop), &["Nothing to import"]);
}

#[tokio::test]
async fn a_node_that_lost_its_copy_gets_another_one_and_founds_nothing() {
    let fleet = Fleet::start();
    let terraform = fleet.a.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    let config = with(fleet.pair(), "preferred_active", "node-2");
    broker.apply(config.clone()).await.unwrap();
    let mut queue = terraform.resource("ferrymq_queue");
    queue.apply(fleet.queue()).await.unwrap();
    fleet.b.publish("orders", "q", 2).await;

    // The founder's agent forgets the broker.
    fleet.a.delete_broker("orders").await;
    broker.refresh().await.unwrap();
    assert_eq!(broker.state()["nodes"], json!([fleet.b.address()]));
    assert_eq!(broker.state()["id"], fleet.id());
    queue.refresh().await.unwrap();
    assert!(!queue.state().is_null(), "it is at the other node");
    let change = broker.apply(config).await.unwrap();
    assert_eq!(change.action, ResourceAction::Update);
    let warnings = change.warnings.to_string();
    assert!(warnings.contains("founds nothing of its own"), "{warnings}");
    assert_eq!(broker.state()["in_sync"], true);
    let seen = terraform.data("ferrymq_queue", fleet.queue()).await;
    assert_eq!(seen.unwrap()["messages"], 2);
}

#[tokio::test]
async fn a_node_is_exchanged() {
    let fleet = Fleet::start();
    let c = Agent::start_node(Some(&fleet.a));
    let terraform = fleet.a.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    broker.apply(fleet.pair()).await.unwrap();
    let mut queue = terraform.resource("ferrymq_queue");
    queue.apply(fleet.queue()).await.unwrap();
    fleet.a.publish("orders", "q", 2).await;

    // The active one goes.
    let change = broker.apply(fleet.pair_of(&c, &fleet.b)).await.unwrap();
    assert_eq!(change.action, ResourceAction::Update);
    assert_eq!(broker.state()["in_sync"], true);
    let id = format!("ferrymq://{},{}/orders", c.address(), fleet.b.address());
    assert_eq!(broker.state()["id"], id);
    let now = with(fleet.queue(), "broker", id);
    queue.apply(now.clone()).await.unwrap();
    let seen = terraform.data("ferrymq_queue", now).await;
    assert_eq!(seen.unwrap()["messages"], 2);
    let gone = import(&terraform, &fleet.a);
    check_error(gone.await.map(drop), &["Nothing to import"]);
}

#[tokio::test]
async fn half_a_pair_is_known_and_made_whole() {
    let mut fleet = Fleet::start();
    let terraform = fleet.a.terraform().await;
    let mut broker = terraform.resource("ferrymq_broker");
    let address = fleet.b.address().to_owned();
    fleet.b.kill();
    let short = json!({ "create": "1s", "update": "60s" });
    let config = with(fleet.pair(), "timeouts", short);
    check_error(
        broker.apply(config.clone()).await,
        &["Agent cannot be reached (at nodes)", &address],
    );
    assert!(broker.state().is_null(), "nothing was made yet");

    // Someone's own half of a pair: an import finds it, and an apply makes the other.
    fleet.b.serve();
    broker.apply(fleet.pair()).await.unwrap();
    fleet.b.delete_broker("orders").await;
    let mut imported = terraform
        .import("ferrymq_broker", &fleet.id())
        .await
        .unwrap();
    assert_eq!(imported.state()["nodes"], json!([fleet.a.address()]));
    imported.apply(fleet.pair()).await.unwrap();
    assert_eq!(imported.state()["in_sync"], true);
}
