//! Active/standby pairs by the real Terraform: made, switched over, failed over, made of a single
//! broker and unmade.

use std::fs;
use std::time::{Duration, Instant};

use acceptance::agent::Agent;
use acceptance::aws::StandIn;
use acceptance::etcd::Etcd;
use acceptance::process::Server;
use acceptance::terraform::{Diagnostic, Workspace};
use acceptance::{poll, ports};
use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::amqp;

/// Longest wait for another node to serve, and for what has to wait for that.
const FAILS_OVER: Duration = Duration::from_secs(60);

const PASSWORD: &str = "correct-horse-battery";

/// Two agents of one authority, a directory in which they agree, and a workspace.
struct Fleet {
    a: Agent,
    b: Agent,
    store: TempDir,
    terraform: Workspace,
    port: u16,
}

impl Fleet {
    fn prepare() -> Result<Option<Self>> {
        let a = Agent::start_node(None)?;
        let b = Agent::start_node(Some(&a))?;
        let Some(terraform) = Workspace::prepare(&a)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            a,
            b,
            store: tempfile::tempdir()?,
            terraform,
            port: ports::free()?,
        }))
    }

    /// The broker on both agents; `more` are further arguments.
    fn pair(&self, more: &str) -> Result<()> {
        let store = self.store.path().display();
        self.pair_in(&format!("{{ file = {{ path = \"{store}\" }} }}"), more)
    }

    /// The same, with this coordination store.
    fn pair_in(&self, coordination: &str, more: &str) -> Result<()> {
        let (a, b) = (self.a.endpoint(), self.b.endpoint());
        let (here, there) = (self.a.replication(), self.b.replication());
        self.broker(&format!(
            r#"
  nodes                 = ["{a}", "{b}"]
  deployment_mode       = "ACTIVE_STANDBY_MULTI_AZ"
  node_names            = ["north", "south"]
  replication_addresses = ["{here}", "{there}"]
  coordination          = {coordination}
  {more}"#
        ))
    }

    /// The same broker on the first agent alone.
    fn single(&self) -> Result<()> {
        self.broker(&format!(r#"nodes = ["{}"]"#, self.a.endpoint()))
    }

    fn broker(&self, nodes: &str) -> Result<()> {
        let port = self.port;
        self.terraform.write(
            "main.tf",
            &format!(
                r#"
resource "ferrymq_broker" "this" {{
  name      = "orders"
  listeners = {{ amqp = {{ address = "127.0.0.1", port = {port}, tls = false }} }}
  {nodes}
}}

resource "ferrymq_user" "app" {{
  broker              = ferrymq_broker.this.id
  name                = "app"
  password_wo         = "{PASSWORD}"
  password_wo_version = 1
}}

resource "ferrymq_permission" "app" {{
  broker    = ferrymq_broker.this.id
  user      = ferrymq_user.app.name
  configure = ".*"
  write     = ".*"
  read      = ".*"
}}

resource "ferrymq_queue" "q" {{
  broker = ferrymq_broker.this.id
  name   = "q"
}}
"#
            ),
        )
    }

    fn uri(&self) -> String {
        format!("amqp://app:{PASSWORD}@127.0.0.1:{}/%2f", self.port)
    }

    fn active(&self) -> Result<String> {
        let state = self.terraform.attributes("ferrymq_broker.this")?;
        let active = state["active_node"].as_str();
        Ok(active.context("no node is active")?.to_owned())
    }
}

#[test]
fn a_pair_is_applied_switched_over_failed_over_and_destroyed() -> Result<()> {
    let Some(mut fleet) = Fleet::prepare()? else {
        return Ok(());
    };
    fleet.pair("")?;
    fleet.terraform.apply_settles()?;
    fleet.terraform.apply_settles()?;
    assert_eq!(fleet.active()?, "north");
    amqp::publish(&fleet.uri(), "", "q", 3)?;

    let settings = |durability: &str, preferred: &str| {
        format!("durability = \"{durability}\"\n  preferred_active = \"{preferred}\"")
    };
    fleet.pair(&settings("strict", "north"))?;
    assert_eq!(
        fleet.terraform.plan()?.summary(),
        ["update ferrymq_broker.this"]
    );
    fleet.terraform.apply_settles()?;

    fleet.pair(&settings("preferred", "south"))?;
    let plan = fleet.terraform.plan()?;
    assert_eq!(plan.summary(), ["update ferrymq_broker.this"]);
    fleet.terraform.apply_settles()?;
    assert_eq!(fleet.active()?, "south");

    // The active node crashes: a plan works, and what is new goes to the other one.
    fleet.b.kill()?;
    fleet.terraform.write(
        "more.tf",
        "resource \"ferrymq_queue\" \"more\" {\n  broker = ferrymq_broker.this.id\n  name = \"more\"\n}\n",
    )?;
    let plan = fleet.terraform.plan()?;
    assert_eq!(plan.summary(), ["create ferrymq_queue.more"]);
    fleet.terraform.apply()?;
    assert_eq!(fleet.active()?, "north");
    assert_eq!(amqp::drain(&fleet.uri(), "q")?, 3);

    fleet.b.restart()?;
    fleet.terraform.destroy()?;
    assert!(fleet.terraform.addresses()?.is_empty());
    Ok(())
}

#[test]
fn a_single_broker_becomes_a_pair_and_single_again_with_its_messages() -> Result<()> {
    let Some(fleet) = Fleet::prepare()? else {
        return Ok(());
    };
    fleet.single()?;
    fleet.terraform.apply_settles()?;
    amqp::publish(&fleet.uri(), "", "q", 5)?;

    fleet.pair("")?;
    let plan = fleet.terraform.plan()?;
    assert!(
        plan.changes.iter().all(|change| change.action == "update"),
        "{:?}",
        plan.summary()
    );
    fleet.terraform.apply_settles()?;
    let state = fleet.terraform.attributes("ferrymq_broker.this")?;
    assert_eq!(state["in_sync"], true);

    // Both nodes at once cannot be given up.
    fleet.broker("nodes = [\"127.0.0.1:1\"]")?;
    let refused = Diagnostic::only(fleet.terraform.plan_errors()?)?;
    refused.says(&["No node would keep the broker"])?;

    fleet.single()?;
    fleet.terraform.apply_settles()?;
    amqp::publish(&fleet.uri(), "", "q", 1)?;

    // A second time, in the same store.
    fleet.pair("")?;
    fleet.terraform.apply_settles()?;
    fleet.pair("preferred_active = \"south\"")?;
    fleet.terraform.apply_settles()?;
    assert_eq!(fleet.active()?, "south");
    assert_eq!(amqp::drain(&fleet.uri(), "q")?, 6);
    fleet.terraform.destroy()
}

#[test]
fn nodes_agree_in_a_real_etcd() -> Result<()> {
    let (Some(fleet), Some(etcd)) = (Fleet::prepare()?, Etcd::start()?) else {
        return Ok(());
    };
    let store = format!("{{ etcd = {{ endpoints = [\"{}\"] }} }}", etcd.endpoint());
    agree_in(fleet, &store)
}

/// The agents find their credentials in their environment here, and in their instance profile in AWS.
#[test]
fn nodes_agree_in_a_table_of_dynamodb() -> Result<()> {
    let (Some(mut fleet), Some(aws)) = (Fleet::prepare()?, StandIn::shared()?) else {
        return Ok(());
    };
    let region = "eu-south-1";
    aws.json(
        region,
        "dynamodb",
        "DynamoDB_20120810.CreateTable",
        &serde_json::json!({
            "TableName": "pairs",
            "AttributeDefinitions": [{ "AttributeName": "group", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "group", "KeyType": "HASH" }],
            "BillingMode": "PAY_PER_REQUEST",
        }),
    )?;
    for agent in [&mut fleet.a, &mut fleet.b] {
        for (name, value) in aws.environment() {
            agent.set(name, &value);
        }
        agent.restart()?;
    }
    let store = format!(
        "{{ dynamodb = {{ table = \"pairs\", region = \"{region}\", endpoint = \"{}\" }} }}",
        aws.url()
    );
    agree_in(fleet, &store)
}

/// A pair through its life: its nodes agree in this store.
fn agree_in(mut fleet: Fleet, store: &str) -> Result<()> {
    fleet.pair_in(store, "")?;
    fleet.terraform.apply_settles()?;
    amqp::publish(&fleet.uri(), "", "q", 3)?;
    fleet.pair_in(store, "preferred_active = \"south\"")?;
    fleet.terraform.apply_settles()?;
    assert_eq!(fleet.active()?, "south");
    fleet.b.kill()?;
    poll::until("the other node to serve", FAILS_OVER, || {
        fleet.terraform.apply()?;
        Ok((fleet.active().ok().as_deref() == Some("north")).then_some(()))
    })?;
    fleet.b.restart()?;
    fleet.single()?;
    poll::until("a single broker", FAILS_OVER, || {
        Ok(fleet.terraform.apply().is_ok().then_some(()))
    })?;
    fleet.pair_in(store, "")?;
    fleet.terraform.apply_settles()?;
    assert_eq!(amqp::drain(&fleet.uri(), "q")?, 3);
    fleet.terraform.destroy()
}

#[test]
fn an_interrupt_ends_the_wait_for_a_node_that_serves() -> Result<()> {
    let Some(mut fleet) = Fleet::prepare()? else {
        return Ok(());
    };
    fleet.pair("")?;
    fleet.terraform.apply_settles()?;
    // Without the record nobody is elected.
    for group in fs::read_dir(fleet.store.path())? {
        fs::write(group?.path().join("record"), "no record")?;
    }
    fleet.a.kill()?;
    let mut command = fleet.terraform.prepare_command(&["plan", "-json"]);
    let log = fleet.store.path().join("plan.log");
    command.env("TF_LOG_PROVIDER", "WARN");
    let mut plan = Server::spawn(&mut command, &log)?;
    poll::until("the provider to wait", FAILS_OVER, || {
        let waits = plan.log().contains("waiting for a node of the pair");
        Ok(waits.then_some(()))
    })?;
    let interrupted = Instant::now();
    plan.interrupt()?;
    assert!(!plan.wait(FAILS_OVER)?.success());
    let took = interrupted.elapsed();
    assert!(took < Duration::from_secs(10), "it took {took:?}");
    Ok(())
}

#[test]
fn a_pair_that_cannot_be_made_leaves_nothing_behind() -> Result<()> {
    let Some(fleet) = Fleet::prepare()? else {
        return Ok(());
    };
    // The second agent's certificate is not good for what it is said to be called.
    let there = fleet.b.replication();
    let (_, port) = there.rsplit_once(':').context("no port")?;
    let broken = format!(
        "[\"{}\", \"mq-b.example.com:{port}\"]",
        fleet.a.replication()
    );
    fleet.pair("")?;
    let good = fs::read_to_string(fleet.terraform.root().join("main.tf"))?;
    let whole = format!("[\"{}\", \"{there}\"]", fleet.a.replication());
    assert!(good.contains(&whole), "{good}");
    fleet
        .terraform
        .write("main.tf", &good.replace(&whole, &broken))?;
    let error = Diagnostic::only(fleet.terraform.apply_errors()?)?;
    error.says(&["certificate is not valid", "the next apply begins anew"])?;
    assert!(fleet.terraform.addresses()?.is_empty());
    fleet.pair("")?;
    fleet.terraform.apply_settles()?;
    fleet.terraform.destroy()
}
