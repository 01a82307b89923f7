//! Three members of Debian's etcd, each in a room of its own.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use acceptance::poll;
use acceptance::process::Server;
use anyhow::{Context as _, Result};

use super::lab::{Lab, Room};

/// How many.
pub(crate) const MEMBERS: usize = 3;

/// Where members serve clients.
pub(crate) const CLIENT_PORT: u16 = 2379;

const PEER_PORT: u16 = 2380;

/// Longest wait for a leader.
const ELECTED: Duration = Duration::from_secs(30);

/// A running cluster.
pub(crate) struct Etcd {
    members: Vec<Option<Server>>,
    dir: PathBuf,
}

impl Etcd {
    /// Starts all members; they keep their data in `dir`.
    pub(crate) fn start(lab: &Lab, dir: PathBuf) -> Result<Self> {
        fs::create_dir_all(&dir)?;
        let mut etcd = Self {
            members: Vec::new(),
            dir,
        };
        for index in 0..MEMBERS {
            etcd.members.push(None);
            etcd.run(lab, index)?;
        }
        etcd.leader()?;
        Ok(etcd)
    }

    /// Starts a member, new or killed before.
    pub(crate) fn run(&mut self, lab: &Lab, index: usize) -> Result<()> {
        let url = |index, port| format!("http://{}:{port}", lab.address(Room::Etcd(index)));
        let all: Vec<_> = (0..MEMBERS)
            .map(|index| format!("m{index}={}", url(index, PEER_PORT)))
            .collect();
        let mut command = lab.prefix(Room::Etcd(index), None);
        command
            .args(["etcd", "--name", &format!("m{index}"), "--data-dir"])
            .arg(self.dir.join(format!("m{index}")));
        let (client, peer) = (url(index, CLIENT_PORT), url(index, PEER_PORT));
        for (option, value) in [
            ("--listen-client-urls", client.as_str()),
            ("--advertise-client-urls", &client),
            ("--listen-peer-urls", &peer),
            ("--initial-advertise-peer-urls", &peer),
            ("--initial-cluster", &all.join(",")),
            ("--initial-cluster-token", "campaign"),
            ("--heartbeat-interval", "100"),
            ("--election-timeout", "1000"),
            ("--logger", "zap"),
        ] {
            command.args([option, value]);
        }
        let member = Server::spawn(&mut command, &self.log_path(index))?;
        self.members[index] = Some(member);
        Ok(())
    }

    /// The member that said last that it leads.
    pub(crate) fn leader(&self) -> Result<usize> {
        poll::until("etcd to elect a leader", ELECTED, || {
            let terms = (0..MEMBERS).map(|index| (self.led_term(index), index));
            let last = terms.max().filter(|(term, _)| term.is_some());
            Ok(last.map(|(_, index)| index))
        })
    }

    /// Ends a member at once.
    pub(crate) fn kill(&mut self, index: usize) -> Result<()> {
        match self.members[index].take() {
            Some(mut member) => member.kill(),
            None => Ok(()),
        }
    }

    /// Freezes a member, or lets it go on.
    pub(crate) fn freeze(&self, index: usize, frozen: bool) -> Result<()> {
        let member = self.members[index].as_ref().context("the member is dead")?;
        member.freeze(frozen)
    }

    /// Members that do not run.
    pub(crate) fn dead(&self) -> Vec<usize> {
        let dead = |index: &usize| self.members[*index].is_none();
        (0..MEMBERS).filter(dead).collect()
    }

    /// Logs of all members.
    pub(crate) fn log_paths(&self) -> Vec<PathBuf> {
        (0..MEMBERS).map(|index| self.log_path(index)).collect()
    }

    fn led_term(&self, index: usize) -> Option<u64> {
        let log = fs::read_to_string(self.log_path(index)).ok()?;
        let line = log
            .lines()
            .rfind(|line| line.contains("became leader at term "))?;
        let term = line.rsplit("at term ").next()?;
        let digits = term.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok()
    }

    fn log_path(&self, index: usize) -> PathBuf {
        self.dir.join(format!("m{index}.log"))
    }
}
