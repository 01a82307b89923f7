//! `make pair-demo`, with the binaries under test.

use std::process::Command;

use acceptance::binaries::{self, source_root};
use acceptance::ports;
use acceptance::prerequisite::Part;
use acceptance::process::Finished;
use anyhow::{Context, Result};

/// The first of four free ports in a row.
fn four_ports() -> Result<u16> {
    let mut row = [
        ports::free()?,
        ports::free()?,
        ports::free()?,
        ports::free()?,
    ];
    while row.windows(2).any(|pair| pair[1] != pair[0] + 1) {
        row.rotate_left(1);
        row[3] = ports::free()?;
    }
    Ok(row[0])
}

#[test]
fn a_killed_node_costs_nothing_and_nothing_is_left() -> Result<()> {
    if !Part::Terraform.wanted()? || !Part::Python.wanted()? {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let work = dir.path().join("work");
    let provider = binaries::provider()?;
    let mut command = Command::new(source_root().join("scripts/pair-demo"));
    command
        .env(
            "FERRYMQ_BIN_DIR",
            provider.parent().context("a file has a folder")?,
        )
        .env("PAIR_DEMO_DIR", &work)
        .env("PAIR_DEMO_PORT", four_ports()?.to_string())
        .env("PAIR_DEMO_AMQP_PORT", ports::free()?.to_string());
    let ran = Finished::run(&mut command)?.success()?;
    for told in [
        "Killing north, the node that serves",
        "south serves now, alone",
        "shop: went on after",
        "north serves again",
        "Every confirmed order was consumed",
    ] {
        assert!(ran.stdout.contains(told), "{told:?} is missing: {ran}");
    }
    assert!(!work.exists());
    Ok(())
}
