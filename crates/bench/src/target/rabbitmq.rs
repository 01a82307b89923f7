//! rabbitmq-server as Debian packages it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command};

use anyhow::Result;

pub(super) const SETTINGS: &str = "its defaults, no plug-ins; classic queues, whose confirm of a \
    persistent message means the page cache, without an `fsync`";

pub(super) fn start(program: &Path, dir: &Path) -> Result<(Child, SocketAddr)> {
    let port = super::free_port()?;
    let epmd_port = super::free_port()?;
    let distribution_port = super::free_port()?;
    let plugins = dir.join("enabled_plugins");
    fs::write(&plugins, "[].\n")?;
    let config = dir.join("rabbitmq.conf");
    fs::write(&config, format!("listeners.tcp.1 = 127.0.0.1:{port}\n"))?;
    let log = File::create(dir.join("log"))?;
    // The node's name server would otherwise outlive the node, as a daemon.
    let child = Command::new("sh")
        .args(["-c", "epmd & exec \"$0\""])
        .arg(program)
        .env("HOME", dir)
        // The data's directory is named after the node: another name would find nothing.
        .env("RABBITMQ_NODENAME", "bench@localhost")
        .env("RABBITMQ_NODE_PORT", port.to_string())
        .env("RABBITMQ_DIST_PORT", distribution_port.to_string())
        .env("ERL_EPMD_PORT", epmd_port.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_CONFIG_FILE", &config)
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", &plugins)
        .env("RABBITMQ_MNESIA_BASE", dir.join("data"))
        .env("RABBITMQ_LOG_BASE", dir.join("logs"))
        .env("RABBITMQ_LOGS", "-")
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    Ok((child, (Ipv4Addr::LOCALHOST, port).into()))
}

/// From the package; the program itself only tells when it runs.
pub(super) fn version() -> Option<String> {
    let out = Command::new("dpkg-query")
        .args(["-W", "-f", "${Version}", "rabbitmq-server"])
        .output()
        .ok()?;
    let version = String::from_utf8(out.stdout).ok()?;
    Some(format!("Debian {}", version.trim()))
}
