//! `amqp091-go`, the Go client.

use std::process::Command;

use acceptance::go;
use acceptance::process::Finished;
use anyhow::{Context, Result};

use super::{report, stage::Stage};

#[test]
fn every_scenario() -> Result<()> {
    let Some(scenarios) = go::scenarios()? else {
        return Ok(());
    };
    let stage = Stage::set()?;
    let ran = Finished::run(Command::new(scenarios).args([stage.uri(), stage.control()]))?;
    report::check(&ran.stdout, &[]).with_context(|| ran.stderr)
}
