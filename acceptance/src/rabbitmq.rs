//! Debian's `rabbitmq-server` on ports, and in a directory, of its own.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::process::{Finished, Server};
use crate::{debian, poll, ports};

/// It needs most of a minute on a busy machine.
const READY: Duration = Duration::from_secs(120);

/// A running RabbitMQ with its data in a directory that goes with it.
pub struct RabbitMq {
    // Both before the directory, and the node before its name server.
    _node: Server,
    _names: Server,
    _dir: TempDir,
    port: u16,
}

impl RabbitMq {
    /// Starts it with these plug-ins and the definitions of this file; `None` if it is left out by
    /// name.
    pub fn start(plugins: &[&str], definitions: &Path) -> Result<Option<Self>> {
        let Some(program) = debian::rabbitmq_server()? else {
            return Ok(None);
        };
        let dir = tempfile::tempdir()?;
        let (port, names_port) = (ports::free()?, ports::free()?);
        let names = name_server(dir.path(), names_port)?;
        let mut command = Command::new(program);
        configure(&mut command, dir.path(), port, plugins, definitions)?;
        command
            .env("ERL_EPMD_PORT", names_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1");
        let mut node = Server::spawn(&mut command, &dir.path().join("errors"))?;
        while !node.line(READY)?.contains("completed with") {}
        Ok(Some(Self {
            _node: node,
            _names: names,
            _dir: dir,
            port,
        }))
    }

    /// The version of the package; the program itself only tells when it runs.
    pub fn version() -> Result<String> {
        let mut query = Command::new("dpkg-query");
        query.args(["-W", "-f", "${Version}", "rabbitmq-server"]);
        Ok(Finished::run(&mut query)?.success()?.stdout)
    }

    /// `host:port` of its AMQP listener.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// Erlang's name server. A node that finds none starts one that outlives it.
fn name_server(dir: &Path, port: u16) -> Result<Server> {
    let mut command = Command::new("epmd");
    command.args(["-address", "127.0.0.1", "-port", &port.to_string()]);
    let server = Server::spawn(&mut command, &dir.join("names"))?;
    poll::until("Erlang's name server", READY, || {
        Ok(std::net::TcpStream::connect(("127.0.0.1", port)).ok())
    })?;
    Ok(server)
}

fn configure(
    command: &mut Command,
    dir: &Path,
    port: u16,
    plugins: &[&str],
    definitions: &Path,
) -> Result<()> {
    let enabled = dir.join("enabled_plugins");
    fs::write(&enabled, format!("[{}].\n", plugins.join(",")))?;
    let config = dir.join("rabbitmq.conf");
    let definitions = definitions.to_str().context("a path that is no text")?;
    fs::write(
        &config,
        format!(
            "listeners.tcp.1 = 127.0.0.1:{port}\nload_definitions = {definitions}\n\
             log.console.level = warning\n"
        ),
    )?;
    command
        // The script becomes the node instead of watching it, which then ends with us.
        .env("RABBITMQ_ALLOW_INPUT", "1")
        .env("RABBITMQ_SERVER_START_ARGS", "-noinput")
        .env("HOME", dir)
        .env("RABBITMQ_NODENAME", "peer@localhost")
        .env("RABBITMQ_NODE_PORT", port.to_string())
        .env("RABBITMQ_DIST_PORT", ports::free()?.to_string())
        .env("RABBITMQ_CONFIG_FILE", &config)
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", &enabled)
        .env("RABBITMQ_MNESIA_BASE", dir.join("data"))
        .env("RABBITMQ_LOG_BASE", dir.join("logs"))
        .env("RABBITMQ_LOGS", "-");
    Ok(())
}
