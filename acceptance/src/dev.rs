//! `broker-agent dev`: the broker that needs no configuration.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::binaries;
use crate::process::Server;
use crate::small_disk::SmallDisk;

/// Generous: the machine may be busy. What start-up may cost is measured by a test of its own.
const READY: Duration = Duration::from_secs(20);

/// A running `broker-agent dev` with its data in a directory that outlives restarts.
pub struct DevBroker {
    // Before the directory, so that it is gone, and its log told, when that goes.
    running: Option<Running>,
    dir: TempDir,
    /// Where its data is, unless in `dir`.
    data_dir: Option<PathBuf>,
    /// What it is started by, if not directly.
    prefix: Vec<String>,
    options: Vec<String>,
}

struct Running {
    server: Server,
    ready: Value,
    took: Duration,
}

impl DevBroker {
    /// Starts one on a port of its own.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// Starts one with further options.
    pub fn start_with(options: &[&str]) -> Result<Self> {
        Self::start_as(options, &[], None)
    }

    /// Starts one by another program, which becomes the broker's own process.
    pub fn start_under(prefix: &[String]) -> Result<Self> {
        Self::start_as(&[], prefix, None)
    }

    /// Starts one with its data on a small disk.
    pub fn start_on(disk: &SmallDisk) -> Result<Self> {
        Self::start_as(&[], &disk.prefix(), Some(disk.path().join("data")))
    }

    fn start_as(options: &[&str], prefix: &[String], data_dir: Option<PathBuf>) -> Result<Self> {
        let mut broker = Self {
            dir: tempfile::tempdir()?,
            running: None,
            data_dir,
            prefix: prefix.to_vec(),
            options: options.iter().map(ToString::to_string).collect(),
        };
        broker.restart()?;
        Ok(broker)
    }

    /// From the next start on directly.
    pub fn run_without_prefix(&mut self) {
        self.prefix.clear();
    }

    /// Starts it again on the same data; its port may differ.
    pub fn restart(&mut self) -> Result<()> {
        self.running = None;
        let binary = binaries::broker_agent()?;
        let mut command = match self.prefix.split_first() {
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(binary);
                command
            }
            None => Command::new(binary),
        };
        command.arg("dev").arg("--data-dir").arg(self.data_dir());
        command.args(["--amqp", "127.0.0.1:0"]).args(&self.options);
        if !self.options.iter().any(|it| it == "--http") {
            command.args(["--http", "none"]);
        }
        let start = Instant::now();
        let mut server = Server::spawn(&mut command, &self.dir.path().join("log"))?;
        let line = server.line(READY)?;
        let took = start.elapsed();
        let ready = serde_json::from_str(&line).with_context(|| format!("ready line {line:?}"))?;
        self.running = Some(Running {
            server,
            ready,
            took,
        });
        Ok(())
    }

    /// Kills it as a crash would, and starts it again.
    pub fn crash(&mut self) -> Result<()> {
        self.server_mut()?.kill()?;
        self.restart()
    }

    /// `host:port` of its AMQP listener.
    pub fn address(&self) -> Result<&str> {
        let address = self
            .ready()?
            .pointer("/endpoints/amqp")
            .and_then(Value::as_str);
        address.with_context(|| format!("no endpoint `amqp` in {}", self.running_ready()))
    }

    /// URI of its default virtual host, with user and password.
    pub fn uri(&self) -> Result<String> {
        Ok(format!("amqp://guest:guest@{}/%2f", self.address()?))
    }

    /// The object it printed when it was ready.
    pub fn ready(&self) -> Result<&Value> {
        Ok(&self
            .running
            .as_ref()
            .context("the broker is not running")?
            .ready)
    }

    /// From the start of the process to its ready line.
    pub fn start_took(&self) -> Result<Duration> {
        Ok(self
            .running
            .as_ref()
            .context("the broker is not running")?
            .took)
    }

    /// The process.
    pub fn server(&self) -> Result<&Server> {
        Ok(&self
            .running
            .as_ref()
            .context("the broker is not running")?
            .server)
    }

    /// The process, to be killed or ended.
    pub fn server_mut(&mut self) -> Result<&mut Server> {
        Ok(&mut self
            .running
            .as_mut()
            .context("the broker is not running")?
            .server)
    }

    /// Where it keeps its data.
    pub fn data_dir(&self) -> PathBuf {
        let own = || self.dir.path().join("data");
        self.data_dir.clone().unwrap_or_else(own)
    }

    fn running_ready(&self) -> String {
        self.running
            .as_ref()
            .map(|running| running.ready.to_string())
            .unwrap_or_default()
    }
}
