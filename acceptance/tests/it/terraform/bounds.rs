//! What users and virtual hosts are let have, felt by a client as soon as it is applied.

use acceptance::terraform::Diagnostic;
use anyhow::{Result, ensure};

use super::fixture::Fixture;
use crate::amqp;

const LIMITS: &str = r#"
resource "ferrymq_limits" "app" {
  broker          = ferrymq_broker.this.id
  user            = ferrymq_user.app.name
  max_connections = 0
}

resource "ferrymq_limits" "root" {
  broker     = ferrymq_broker.this.id
  vhost      = "/"
  max_queues = 1
}
"#;

const QUEUE: &str = r##"
resource "ferrymq_queue" "q" {
  broker = ferrymq_broker.this.id
  name   = "q"
}

resource "ferrymq_binding" "q" {
  broker      = ferrymq_broker.this.id
  source      = "amq.topic"
  destination = ferrymq_queue.q.name
  routing_key = "#"
}
"##;

const TOPICS: &str = r#"
resource "ferrymq_topic_permission" "app" {
  broker   = ferrymq_broker.this.id
  user     = ferrymq_user.app.name
  exchange = "amq.topic"
  write    = "^{username}\\."
  read     = ""
}
"#;

#[test]
fn limits_hold_as_long_as_they_are_declared() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    let uri = fixture.uri();
    ensure!(amqp::can_connect(&uri), "nothing limits the user yet");
    fixture.main(LIMITS)?;
    fixture.terraform.apply_settles()?;
    ensure!(!amqp::can_connect(&uri), "no connection is allowed");
    fixture.main(&LIMITS.replace("max_connections = 0", "max_connections = 5"))?;
    fixture.terraform.apply_settles()?;
    let declare = |queue: &str| amqp::declare_queue(&uri, queue, Default::default());
    declare("first")?;
    let refused = declare("second").err().map(|error| format!("{error:#}"));
    let refused = refused.unwrap_or_default();
    ensure!(
        refused.contains("queue limit in vhost '/' (1)"),
        "{refused:?}"
    );
    fixture.main("")?;
    fixture.terraform.apply_settles()?;
    declare("second")
}

#[test]
fn routing_keys_are_permitted_as_declared() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    let uri = fixture.uri();
    let publish = |key: &str| amqp::publish(&uri, "amq.topic", key, 1);
    fixture.main(QUEUE)?;
    fixture.terraform.apply_settles()?;
    publish("other.x")?;
    fixture.main(&(QUEUE.to_owned() + TOPICS))?;
    fixture.terraform.apply_settles()?;
    publish("app.x")?;
    let refused = publish("other.x").err().map(|error| format!("{error:#}"));
    let refused = refused.unwrap_or_default();
    ensure!(refused.contains("access to topic 'other.x'"), "{refused:?}");
    Ok(())
}

#[test]
fn a_protected_virtual_host_outlives_a_destroy() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    let vhost = |protected: bool| {
        format!(
            "resource \"ferrymq_vhost\" \"v\" {{\n  broker = ferrymq_broker.this.id\n  name = \"v\"\n  \
             default_queue_type = \"quorum\"\n  deletion_protection = {protected}\n}}\n\
             resource \"ferrymq_queue\" \"q\" {{\n  broker = ferrymq_broker.this.id\n  \
             vhost = ferrymq_vhost.v.name\n  name = \"q\"\n}}\n"
        )
    };
    fixture.main(&vhost(true))?;
    fixture.terraform.apply_settles()?;
    let queue = fixture.terraform.attributes("ferrymq_queue.q")?;
    assert_eq!(queue["type"], "quorum");
    fixture.main("")?;
    let refused = Diagnostic::only(fixture.terraform.plan_errors()?)?;
    refused.says(&["\"v\"", "deletion_protection = false"])?;
    fixture.main(&vhost(false))?;
    fixture.terraform.apply_settles()?;
    fixture.main("")?;
    fixture.terraform.apply_settles()
}
