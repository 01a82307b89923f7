//! FerryMQ: `broker-agent dev`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};

use anyhow::{Context as _, Result};

pub(super) const SETTINGS: &str = "`broker-agent dev`, release build, its defaults: journal with \
    `fdatasync` before every confirm of a persistent message, permissions checked";

pub(super) fn start(program: &Path, dir: &Path) -> Result<(Child, SocketAddr)> {
    let mut command = Command::new(program);
    command
        .args(["dev", "--amqp", "127.0.0.1:0", "--http", "none"])
        .arg("--data-dir")
        .arg(dir.join("data"));
    let (child, ready) = super::start_with_line(&mut command, Some(&dir.join("log")))?;
    let address = ready["endpoints"]["amqp"].as_str().context("no endpoint")?;
    let address = address
        .parse()
        .with_context(|| format!("endpoint {address}"))?;
    Ok((child, address))
}
