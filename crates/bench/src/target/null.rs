//! The null broker, in a process of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};

use anyhow::{Context as _, Result};

pub(super) const SETTINGS: &str = "one thread, no features, confirms at once";

pub(super) const JOURNAL_SETTINGS: &str = "the same, with one write and one `fdatasync` into a \
    file written in full beforehand, per round of its loop and before confirms and deliveries";

pub(super) fn start(program: &Path, journal: Option<&Path>) -> Result<(Child, SocketAddr)> {
    let mut command = Command::new(program);
    command.arg("null");
    if let Some(dir) = journal {
        command.arg("--journal").arg(dir);
    }
    let (child, ready) = super::start_with_line(&mut command, None)?;
    let address = ready["amqp"].as_str().context("no address")?.parse()?;
    Ok((child, address))
}
