//! Three members of Debian's etcd, each in a room of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use acceptance::poll;
use acceptance::process::{Finished, Server};
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
            .arg(self.data(index));
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
            let times = (0..MEMBERS).map(|index| (self.led_since(index), index));
            let last = times.max().filter(|(time, _)| time.is_some());
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

    /// Keeps what all members have, under this name. They are down for that moment.
    pub(crate) fn back_up(&mut self, lab: &Lab, name: &str) -> Result<()> {
        (0..MEMBERS).try_for_each(|index| self.kill(index))?;
        let place = self.dir.join(name);
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        fs::create_dir(&place)?;
        for index in 0..MEMBERS {
            copy(&self.data(index), &place)?;
        }
        (0..MEMBERS).try_for_each(|index| self.run(lab, index))
    }

    /// Gives all members back what they had when this was kept.
    pub(crate) fn restore(&mut self, lab: &Lab, name: &str) -> Result<()> {
        (0..MEMBERS).try_for_each(|index| self.kill(index))?;
        for index in 0..MEMBERS {
            fs::remove_dir_all(self.data(index))?;
            copy(&self.dir.join(name).join(format!("m{index}")), &self.dir)?;
        }
        (0..MEMBERS).try_for_each(|index| self.run(lab, index))
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

    /// When it became leader last, as its log tells times, which are in order as texts are. Not by
    /// terms: they begin again where the store is restored.
    fn led_since(&self, index: usize) -> Option<String> {
        let log = fs::read_to_string(self.log_path(index)).ok()?;
        let mut lines = log.lines();
        let line = lines.rfind(|line| line.contains("became leader at term "))?;
        let (_, time) = line.split_once(r#""ts":""#)?;
        Some(time.split_once('"')?.0.to_owned())
    }

    fn data(&self, index: usize) -> PathBuf {
        self.dir.join(format!("m{index}"))
    }

    fn log_path(&self, index: usize) -> PathBuf {
        self.dir.join(format!("m{index}.log"))
    }
}

/// Copies a directory into another one. Files of the log are mostly holes.
fn copy(from: &Path, into: &Path) -> Result<()> {
    let mut command = Command::new("cp");
    command.args(["-r", "--sparse=always"]).arg(from).arg(into);
    Finished::run(&mut command)?.success().map(drop)
}
