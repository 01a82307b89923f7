//! mosquitto.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command};

use anyhow::Result;

pub(super) const SETTINGS: &str = "MQTT 3.1.1; `set_tcp_nodelay true`, `max_inflight_messages \
    1000`, `max_queued_messages 0` (none dropped), `persistence true`; a PUBACK means memory: what \
    is kept goes to disk every half hour";

pub(super) fn start(program: &Path, dir: &Path) -> Result<(Child, SocketAddr)> {
    let port = super::free_port()?;
    let config = dir.join("mosquitto.conf");
    // Started as root it would become somebody else, who may not write into the directory.
    let text = format!(
        "user root\nlistener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n\
         max_inflight_messages 1000\nmax_queued_messages 0\npersistence true\n\
         persistence_location {}/\nlog_type error\n",
        dir.display()
    );
    fs::write(&config, text)?;
    let log = File::create(dir.join("log"))?;
    let child = Command::new(program)
        .arg("-c")
        .arg(&config)
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    Ok((child, (Ipv4Addr::LOCALHOST, port).into()))
}

/// From the first line of its help.
pub(super) fn version(program: &Path) -> Option<String> {
    let out = Command::new(program).arg("-h").output().ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    text.lines().next().map(str::to_owned)
}
