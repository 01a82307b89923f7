//! php-amqplib, the PHP client.

use std::path::Path;
use std::process::Command;

use acceptance::debian;
use acceptance::process::Finished;
use anyhow::{Context, Result};

use super::{report, stage::Stage};

#[test]
fn every_scenario() -> Result<()> {
    if !debian::php()? {
        return Ok(());
    }
    let stage = Stage::set()?;
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/php/main.php");
    let mut php = Command::new("php");
    php.arg(program).args([stage.uri(), stage.control()]);
    let ran = Finished::run(&mut php)?;
    let cannot = [("update_secret", "the library has no call for it")];
    report::check(&ran.stdout, &cannot).with_context(|| ran.stderr)
}
