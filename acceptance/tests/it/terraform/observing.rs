//! Logs and metrics: which are kept, and what they tell.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use acceptance::poll;
use acceptance::terraform::Diagnostic;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::fixture::{BROKER, Fixture};
use crate::amqp;

/// A log is written behind what it tells.
const SOON: Duration = Duration::from_secs(10);

/// A minute has to be over before it is known.
const A_MINUTE: Duration = Duration::from_secs(120);

fn log_file(fixture: &Fixture, name: &str) -> PathBuf {
    fixture.agent.path(format!("data/logs/{BROKER}/{name}.log"))
}

/// Lines of a log that is not there yet: none.
fn lines(fixture: &Fixture, name: &str) -> Result<usize> {
    match fs::read_to_string(log_file(fixture, name)) {
        Ok(text) => Ok(text.lines().count()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error).with_context(|| format!("read {name}.log")),
    }
}

/// Waits until a log has more than so many lines, and says how many it has.
fn grows(fixture: &Fixture, name: &str, beyond: usize) -> Result<usize> {
    poll::until(&format!("a line in {name}.log"), SOON, || {
        let count = lines(fixture, name)?;
        Ok((count > beyond).then_some(count))
    })
}

fn broker_with_logs(fixture: &Fixture, logs: &str) -> Result<()> {
    let text = fixture.broker().replacen(
        "  listeners =",
        &format!("  logs = {logs}\n  listeners ="),
        1,
    );
    fixture.terraform.write("broker.tf", &text)
}

#[test]
fn logs_are_switched_in_place() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    amqp::declare_queue(&fixture.uri(), "first", Default::default())?;
    let audited = grows(&fixture, "audit", 0)?;
    let connected = grows(&fixture, "connection", 0)?;

    broker_with_logs(&fixture, "{ connection = false }")?;
    let plan = fixture.terraform.plan()?;
    assert_eq!(plan.summary(), ["update ferrymq_broker.this"]);
    fixture.terraform.apply_settles()?;
    let logs = &fixture.terraform.attributes("ferrymq_broker.this")?["logs"];
    assert_eq!(
        *logs,
        json!({ "audit": true, "connection": false, "general": true })
    );
    let connected = lines(&fixture, "connection")?.max(connected);
    amqp::declare_queue(&fixture.uri(), "second", Default::default())?;
    // The lines of one connection are written in their order: what follows them in another log is
    // there, so they would be.
    let audited = grows(&fixture, "audit", audited)?;
    assert_eq!(lines(&fixture, "connection")?, connected);

    // Whoever switches it past Terraform is seen; leaving the attribute out brings the defaults back.
    fixture.terraform.write("broker.tf", &fixture.broker())?;
    fixture.terraform.apply_settles()?;
    amqp::declare_queue(&fixture.uri(), "third", Default::default())?;
    grows(&fixture, "audit", audited)?;
    grows(&fixture, "connection", connected)?;
    Ok(())
}

#[test]
fn a_metric_tells_what_happened_a_minute_ago() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    amqp::declare_queue(&fixture.uri(), "work", Default::default())?;
    amqp::publish(&fixture.uri(), "", "work", 5)?;
    fixture.main(
        r#"
data "ferrymq_metric" "published" {
  broker    = ferrymq_broker.this.id
  name      = "PublishCount"
  statistic = "Sum"
}

data "ferrymq_metric" "waiting" {
  broker     = ferrymq_broker.this.id
  namespace  = "rabbitmq"
  name       = "MessageReadyCount"
  dimensions = { VirtualHost = "/", Queue = "work" }
  statistic  = "Maximum"
}

output "published" {
  value = sum(concat([0], data.ferrymq_metric.published.datapoints[*].value))
}

output "waiting" {
  value = [data.ferrymq_metric.waiting.value, data.ferrymq_metric.waiting.unit]
}
"#,
    )?;
    poll::until("the minute to be over", A_MINUTE, || {
        fixture.terraform.apply()?;
        let waiting = fixture.terraform.output("waiting")?;
        Ok((waiting[0] != Value::Null).then_some(()))
    })?;
    assert_eq!(fixture.terraform.output("waiting")?, json!([5, "Count"]));
    assert_eq!(fixture.terraform.output("published")?, json!(5));

    fixture.main(
        r#"
data "ferrymq_metric" "unknown" {
  broker = ferrymq_broker.this.id
  name   = "PublishCounts"
}
"#,
    )?;
    let errors = fixture.terraform.plan_errors()?;
    Diagnostic::only(errors)?.says(&["PublishCounts"])?;
    Ok(())
}
