//! Active/standby pairs by the real Terraform: made, switched over, failed over, made of a single
//! broker and unmade.

use acceptance::agent::Agent;
use acceptance::ports;
use acceptance::terraform::{Diagnostic, Workspace};
use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::amqp;

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
        let (a, b) = (self.a.endpoint(), self.b.endpoint());
        let (here, there) = (self.a.replication(), self.b.replication());
        let store = self.store.path().display();
        self.broker(&format!(
            r#"
  nodes                 = ["{a}", "{b}"]
  deployment_mode       = "ACTIVE_STANDBY_MULTI_AZ"
  node_names            = ["north", "south"]
  replication_addresses = ["{here}", "{there}"]
  coordination          = {{ file = {{ path = "{store}" }} }}
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

    fleet.pair("preferred_active = \"south\"")?;
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
    assert_eq!(amqp::drain(&fleet.uri(), "q")?, 5);
    fleet.terraform.destroy()
}
