//! `make quickstart` and `make quickstart-down`, with the binaries under test.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use acceptance::binaries::{self, source_root};
use acceptance::ports;
use acceptance::prerequisite::Part;
use acceptance::process::Finished;
use anyhow::{Context, Result};

struct Quickstart<'a> {
    dir: &'a Path,
    agent_port: u16,
    amqp_port: u16,
}

impl Quickstart<'_> {
    fn script(&self, name: &str) -> Result<Finished> {
        let provider = binaries::provider()?;
        let bin_dir = provider.parent().context("a file has a folder")?;
        let mut command = Command::new(source_root().join("scripts").join(name));
        command
            .env("FERRYMQ_BIN_DIR", bin_dir)
            .env("QUICKSTART_DIR", self.dir)
            .env("QUICKSTART_AGENT_PORT", self.agent_port.to_string())
            .env("QUICKSTART_AMQP_PORT", self.amqp_port.to_string());
        Finished::run(&mut command)
    }

    fn agent_listens(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.agent_port)).is_ok()
    }
}

#[test]
fn quickstart_works_works_again_and_leaves_nothing() -> Result<()> {
    if !Part::Terraform.wanted()? || !Part::Python.wanted()? {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let work = dir.path().join("work");
    let quickstart = Quickstart {
        dir: &work,
        agent_port: ports::free()?,
        amqp_port: ports::free()?,
    };
    let first = quickstart.script("quickstart").and_then(Finished::success);
    let again = first.and_then(|first| {
        let again = quickstart.script("quickstart")?.success()?;
        Ok((first, again))
    });
    let state = fs::read_to_string(work.join("terraform/terraform.tfstate"));
    let password = fs::read_to_string(work.join("app-password"));
    // Ended before anything is judged, so that a failure leaves no agent behind either.
    quickstart.script("quickstart-down")?.success()?;

    let (first, again) = again?;
    for run in [&first, &again] {
        assert_eq!(
            run.stdout.matches("consumed and acknowledged").count(),
            3,
            "{run}"
        );
        assert!(run.stdout.contains("It works."), "{run}");
    }
    assert!(first.stdout.contains("7 added"), "{first}");
    assert!(again.stdout.contains("No changes."), "{again}");
    let (state, password) = (state?, password?);
    assert!(state.contains("ferrymq_user") && password.trim().len() > 16);
    assert!(!state.contains(password.trim()));
    assert!(!work.exists());
    assert!(!quickstart.agent_listens());
    Ok(())
}

#[test]
fn a_taken_port_is_told_and_the_way_out_too() -> Result<()> {
    if !Part::Terraform.wanted()? || !Part::Python.wanted()? {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let occupied = std::net::TcpListener::bind("127.0.0.1:0")?;
    let work = dir.path().join("work");
    let agent_port = occupied.local_addr()?.port();
    let quickstart = Quickstart {
        dir: &work,
        agent_port,
        amqp_port: ports::free()?,
    };
    let failed = quickstart.script("quickstart").and_then(Finished::failure);
    quickstart.script("quickstart-down")?.success()?;
    let failed = failed?;
    assert!(failed.stderr.contains("QUICKSTART_AGENT_PORT"), "{failed}");
    Ok(())
}
