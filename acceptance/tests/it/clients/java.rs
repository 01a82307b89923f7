//! `com.rabbitmq:amqp-client`, the Java client.

use acceptance::java::Java;
use anyhow::{Context, Result};

use super::{report, stage::Stage};

#[test]
fn every_scenario() -> Result<()> {
    let Some(java) = Java::scenarios()? else {
        return Ok(());
    };
    let stage = Stage::set()?;
    let ran = java.run("Main", &[&stage.uri(), &stage.control()])?;
    report::check(&ran.stdout, &[]).with_context(|| ran.stderr)
}
