//! One real member of etcd on loopback, for what needs a coordination store and not its faults.

use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use crate::process::Server;
use crate::{debian, poll, ports};

/// Longest wait for it to take connections.
const STARTS: Duration = Duration::from_secs(30);

/// A cluster of one. It ends with this value.
pub struct Etcd {
    _server: Server,
    _dir: TempDir,
    port: u16,
}

impl Etcd {
    /// Starts it; `None` if its tests are left out by name.
    pub fn start() -> Result<Option<Self>> {
        if !debian::etcd()? {
            return Ok(None);
        }
        let dir = tempfile::tempdir()?;
        let port = ports::free()?;
        let (client, peer) = (url(port), url(ports::free()?));
        let mut command = Command::new("etcd");
        command
            .arg("--data-dir")
            .arg(dir.path().join("data"))
            .args(["--listen-client-urls", &client])
            .args(["--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer])
            .args(["--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}")]);
        let server = Server::spawn(&mut command, &dir.path().join("log"))?;
        poll::until("etcd to take connections", STARTS, || {
            Ok(TcpStream::connect(("127.0.0.1", port)).ok())
        })?;
        Ok(Some(Self {
            _server: server,
            _dir: dir,
            port,
        }))
    }

    /// Where its clients connect.
    pub fn endpoint(&self) -> String {
        url(self.port)
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
