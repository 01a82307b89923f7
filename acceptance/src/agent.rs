//! `broker-agent init` and `serve`: an agent with certificates of its own, on a fixed port.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::process::{Finished, Server};
use crate::{binaries, ports};

const READY: Duration = Duration::from_secs(20);

/// An agent in a directory that outlives restarts.
pub struct Agent {
    // Before the directory, so that it is gone, and its log told, when that goes.
    server: Option<Server>,
    dir: TempDir,
    port: u16,
    replication: String,
    environment: Vec<(String, String)>,
}

impl Agent {
    /// Makes certificates and configuration, and starts it.
    pub fn start() -> Result<Self> {
        let mut agent = Self::init()?;
        agent.restart()?;
        Ok(agent)
    }

    /// Starts one with the certificates of another, as two agents of one fleet have them.
    pub fn start_beside(other: &Self) -> Result<Self> {
        let mut agent = Self::init_beside(other)?;
        agent.restart()?;
        Ok(agent)
    }

    /// Prepares one with the certificates of another, and starts nothing.
    pub fn init_beside(other: &Self) -> Result<Self> {
        let agent = Self::init()?;
        for name in [
            "ca.pem",
            "server.pem",
            "server-key.pem",
            "admin/ca.pem",
            "admin/client.pem",
            "admin/client-key.pem",
        ] {
            fs::copy(other.path(name), agent.path(name))
                .with_context(|| format!("copy {name} from the other agent"))?;
        }
        Ok(agent)
    }

    /// Starts one that may be a node of a pair, certified by another one's authority if there is one.
    pub fn start_node(authority: Option<&Self>) -> Result<Self> {
        let mut agent = Self::init_node(authority)?;
        agent.restart()?;
        Ok(agent)
    }

    /// Prepares such a one, and starts nothing.
    pub fn init_node(authority: Option<&Self>) -> Result<Self> {
        let replication = format!("127.0.0.1:{}", ports::free()?);
        Self::init_with(&replication, authority)
    }

    /// Makes certificates and configuration, and starts nothing.
    pub fn init() -> Result<Self> {
        Self::init_with("none", None)
    }

    fn init_with(replication: &str, authority: Option<&Self>) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let port = ports::free()?;
        let mut init = Command::new(binaries::broker_agent()?);
        init.args(["init", "--host", "localhost", "--http", "none", "--grpc"]);
        init.arg(format!("127.0.0.1:{port}"))
            .args(["--replication", replication, "--dir"])
            .arg(dir.path().join("agent"));
        if let Some(authority) = authority {
            init.arg("--authority").arg(authority.path(""));
        }
        Finished::run(&mut init)?.success()?;
        let agent = Self {
            dir,
            port,
            replication: replication.to_owned(),
            environment: Vec::new(),
            server: None,
        };
        // The machine that tests may be short of disk: what they store is little.
        let file = agent.path("agent.toml");
        let config = fs::read_to_string(&file)?;
        fs::write(&file, format!("disk_keep_free_mib = 64\n{config}"))?;
        Ok(agent)
    }

    /// Changes its configuration, from its next start on.
    pub fn configure(&self, from: &str, to: &str) -> Result<()> {
        let file = self.path("agent.toml");
        let config = fs::read_to_string(&file)?;
        ensure!(config.contains(from), "the configuration has no {from:?}");
        Ok(fs::write(&file, config.replacen(from, to, 1))?)
    }

    /// Sets a variable of its environment, from its next start on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Starts it again on the same data and port.
    pub fn restart(&mut self) -> Result<()> {
        self.server = None;
        let mut serve = Command::new(binaries::broker_agent()?);
        serve
            .arg("serve")
            .arg("--config")
            .arg(self.path("agent.toml"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut server = Server::spawn(&mut serve, &self.dir.path().join("log"))?;
        // The line tells that its brokers are open again; the log tells why if it never comes.
        server.line(READY)?;
        self.server = Some(server);
        Ok(())
    }

    /// Kills it as a crash would.
    pub fn kill(&mut self) -> Result<()> {
        self.server_mut()?.kill()?;
        self.server = None;
        Ok(())
    }

    /// The process.
    pub fn server_mut(&mut self) -> Result<&mut Server> {
        self.server.as_mut().context("the agent is not running")
    }

    /// `host:port` of its management interface, as `nodes` wants it.
    pub fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `host:port` where other agents reach it, if it may be a node of a pair.
    pub fn replication(&self) -> &str {
        &self.replication
    }

    /// The authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.path("admin/ca.pem")
    }

    /// The administrator's certificate.
    pub fn client_certificate(&self) -> PathBuf {
        self.path("admin/client.pem")
    }

    /// The administrator's key.
    pub fn client_key(&self) -> PathBuf {
        self.path("admin/client-key.pem")
    }

    /// A file of the agent's directory.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join("agent").join(name)
    }
}
