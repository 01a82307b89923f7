//! Encryption at rest, declared by Terraform: on, rotated in place, and never off again.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use acceptance::poll;
use acceptance::terraform::Diagnostic;
use anyhow::{Context as _, Result, ensure};

use super::fixture::Fixture;
use crate::amqp;

const BROKER: &str = "ferrymq_broker.this";
const QUEUE: &str = "canary-of-the-queue";

/// Writes a key file of that digit.
fn key(fixture: &Fixture, name: &str, digit: &str) -> Result<PathBuf> {
    let path = fixture.agent.path(name);
    fs::write(&path, digit.repeat(64))?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok(path)
}

/// The broker of the fixture, encrypted with that key.
fn broker(fixture: &Fixture, key: &Path) -> Result<()> {
    let text = fixture.broker();
    let encryption = format!("  encryption = {{ key_file = {key:?} }}\n  nodes ");
    ensure!(text.contains("  nodes "), "{text}");
    fixture
        .terraform
        .write("broker.tf", &text.replacen("  nodes ", &encryption, 1))
}

/// Whether a file of the agent's brokers holds the name of the queue.
fn is_on_disk(dir: &Path) -> Result<bool> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let found = match path.is_dir() {
            true => is_on_disk(&path)?,
            false => {
                let bytes = fs::read(&path)?;
                bytes.windows(QUEUE.len()).any(|it| it == QUEUE.as_bytes())
            }
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

fn unencrypted_bytes(fixture: &Fixture) -> Result<Option<u64>> {
    fixture.terraform.run(&["refresh", "-input=false"])?;
    let attributes = fixture.terraform.attributes(BROKER)?;
    Ok(attributes["unencrypted_bytes"].as_u64())
}

#[test]
fn a_broker_is_encrypted_in_place_its_key_rotates_and_it_stays_so() -> Result<()> {
    let Some(mut fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    fixture.main(&format!(
        "resource \"ferrymq_queue\" \"q\" {{\n  broker = ferrymq_broker.this.id\n  \
         name = \"{QUEUE}\"\n}}\n"
    ))?;
    fixture.terraform.apply_settles()?;
    amqp::publish(&fixture.uri(), "", QUEUE, 20)?;
    let brokers = fixture.agent.path("data/brokers");
    ensure!(is_on_disk(&brokers)?, "nothing is encrypted yet");

    let (one, two) = (key(&fixture, "one", "1")?, key(&fixture, "two", "2")?);
    broker(&fixture, &one)?;
    let plan = fixture.terraform.plan()?;
    assert_eq!(plan.summary(), ["update ferrymq_broker.this"]);
    fixture.terraform.apply()?;
    poll::until("all of it to be encrypted", Duration::from_secs(30), || {
        Ok((unencrypted_bytes(&fixture)? == Some(0)).then_some(()))
    })?;
    ensure!(!is_on_disk(&brokers)?, "the queue's name is on the disk");
    ensure!(
        fixture.terraform.plan()?.is_empty(),
        "a second plan is empty"
    );

    // Another key is a rotation in place.
    let id = fixture.terraform.attributes(BROKER)?["id"].clone();
    broker(&fixture, &two)?;
    let plan = fixture.terraform.plan()?;
    assert_eq!(plan.summary(), ["update ferrymq_broker.this"]);
    fixture.terraform.apply_settles()?;
    assert_eq!(fixture.terraform.attributes(BROKER)?["id"], id);
    fs::remove_file(&one).context("the first key is not needed any more")?;
    fixture.agent.kill()?;
    fixture.agent.restart()?;
    poll::until("the broker to serve again", Duration::from_secs(20), || {
        Ok(amqp::can_connect(&fixture.uri()).then_some(()))
    })?;
    assert_eq!(amqp::drain(&fixture.uri(), QUEUE)?, 20);

    // It cannot be taken away.
    fixture.terraform.write("broker.tf", &fixture.broker())?;
    Diagnostic::only(fixture.terraform.plan_errors()?)?.says(&["stays", "encrypted"])?;
    broker(&fixture, &two)?;
    fixture.terraform.destroy()
}
