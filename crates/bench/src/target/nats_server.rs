//! nats-server.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command};

use anyhow::Result;

pub(super) const SETTINGS: &str = "its defaults; core only, without JetStream; nothing is durable";

pub(super) fn start(program: &Path, dir: &Path) -> Result<(Child, SocketAddr)> {
    let port = super::free_port()?;
    let log = File::create(dir.join("log"))?;
    let child = Command::new(program)
        .args(["--addr", "127.0.0.1", "--port", &port.to_string()])
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    Ok((child, (Ipv4Addr::LOCALHOST, port).into()))
}
