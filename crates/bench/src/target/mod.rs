//! The brokers under test, started by the bench itself on loopback.

mod artemis;
mod ferrymq;
mod mosquitto;
mod nats_server;
mod null;
mod rabbitmq;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::amqp;
use crate::batch::Protocol;
use crate::mqtt;
use crate::nats;
use crate::usage::{Usage, family};

/// RabbitMQ needs most of a minute on a busy machine.
const START_DEADLINE: Duration = Duration::from_secs(120);

/// A broker that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Kind {
    /// `broker-agent dev`.
    Ferrymq,
    /// The null broker.
    Null,
    /// The null broker with a journal.
    NullJournal,
    /// RabbitMQ.
    Rabbitmq,
    /// NATS, its core without persistence.
    Nats,
    /// Mosquitto.
    Mosquitto,
    /// ActiveMQ Artemis.
    Artemis,
}

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// This program, for the null broker.
    pub bench: PathBuf,
    /// `broker-agent`, release build.
    pub broker_agent: PathBuf,
    /// `artemis` in the `bin` directory of the distribution.
    pub artemis: PathBuf,
    /// `mosquitto`.
    pub mosquitto: PathBuf,
    /// `nats-server`.
    pub nats_server: PathBuf,
    /// The `sbin` directory with `rabbitmq-server`.
    pub rabbitmq_server: PathBuf,
}

/// A broker that runs. Dropped, it is killed with all its processes.
#[derive(Debug)]
pub struct Target {
    /// Which it is.
    pub kind: Kind,
    /// Where it listens.
    pub address: SocketAddr,
    /// From its start to its first word on a connection.
    pub started_in: Duration,
    child: Child,
    pids: Vec<u32>,
}

impl Kind {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Artemis => "artemis",
            Self::Ferrymq => "ferrymq",
            Self::Mosquitto => "mosquitto",
            Self::Nats => "nats",
            Self::Null => "null",
            Self::NullJournal => "null-journal",
            Self::Rabbitmq => "rabbitmq",
        }
    }

    /// What it is spoken to in.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Artemis | Self::Mosquitto => Protocol::Mqtt,
            Self::Nats => Protocol::Nats,
            _ => Protocol::Amqp,
        }
    }

    /// Whether it is somebody else's.
    pub fn is_peer(self) -> bool {
        !matches!(self, Self::Ferrymq | Self::Null | Self::NullJournal)
    }

    /// Whether it is slow at first because it is still being compiled.
    pub fn compiles_just_in_time(self) -> bool {
        matches!(self, Self::Artemis | Self::Rabbitmq)
    }

    /// The settings it runs with, for the report.
    pub fn settings(self) -> &'static str {
        match self {
            Self::Artemis => artemis::SETTINGS,
            Self::Ferrymq => ferrymq::SETTINGS,
            Self::Mosquitto => mosquitto::SETTINGS,
            Self::Nats => nats_server::SETTINGS,
            Self::Null => null::SETTINGS,
            Self::NullJournal => null::JOURNAL_SETTINGS,
            Self::Rabbitmq => rabbitmq::SETTINGS,
        }
    }

    /// Why it cannot run here, or `None` if it can.
    pub fn missing(self, programs: &Programs) -> Option<String> {
        let program = match self {
            Self::Artemis => &programs.artemis,
            Self::Ferrymq => &programs.broker_agent,
            Self::Mosquitto => &programs.mosquitto,
            Self::Nats => &programs.nats_server,
            Self::Null | Self::NullJournal => &programs.bench,
            Self::Rabbitmq => &programs.rabbitmq_server,
        };
        (!program.exists()).then(|| format!("{} is not there", program.display()))
    }

    /// What it calls its version.
    pub fn version(self, programs: &Programs) -> Option<String> {
        let mut command = match self {
            Self::Artemis => return artemis::version(&programs.artemis),
            Self::Ferrymq => Command::new(&programs.broker_agent),
            Self::Mosquitto => return mosquitto::version(&programs.mosquitto),
            Self::Nats => Command::new(&programs.nats_server),
            Self::Null | Self::NullJournal => return None,
            Self::Rabbitmq => return rabbitmq::version(),
        };
        let out = command.arg("--version").output().ok()?;
        let text = String::from_utf8(out.stdout).ok()?;
        Some(text.trim().to_owned())
    }

    /// Starts it with its data in `dir`, which may hold data of an earlier run, and waits until it
    /// serves.
    pub fn start(self, programs: &Programs, dir: &Path) -> Result<Target> {
        fs::create_dir_all(dir)?;
        if self == Self::Artemis {
            artemis::prepare(&programs.artemis, dir).context("artemis")?;
        }
        let began = Instant::now();
        let (mut child, address) = match self {
            Self::Artemis => artemis::start(dir),
            Self::Ferrymq => ferrymq::start(&programs.broker_agent, dir),
            Self::Mosquitto => mosquitto::start(&programs.mosquitto, dir),
            Self::Nats => nats_server::start(&programs.nats_server, dir),
            Self::Null => null::start(&programs.bench, None),
            Self::NullJournal => null::start(&programs.bench, Some(dir)),
            Self::Rabbitmq => rabbitmq::start(&programs.rabbitmq_server, dir),
        }
        .with_context(|| format!("start {}", self.name()))?;
        let log = dir.join("log");
        if let Err(error) = self.await_service(&mut child, address, began) {
            for pid in family(child.id())? {
                kill(pid, Signal::KILL);
            }
            let log = fs::read_to_string(&log).unwrap_or_default();
            return Err(error.context(format!("start {}: {log}", self.name())));
        }
        let started_in = began.elapsed();
        let pids = family(child.id())?;
        Ok(Target {
            kind: self,
            address,
            started_in,
            child,
            pids,
        })
    }

    /// Waits for its first word, which says more than an open port.
    fn await_service(self, child: &mut Child, address: SocketAddr, began: Instant) -> Result<()> {
        loop {
            let outcome = match self.protocol() {
                Protocol::Amqp => amqp::greeted(address),
                Protocol::Mqtt => mqtt::connect(address, "start", true).map(drop),
                Protocol::Nats => nats::connect(address, None).map(drop),
            };
            match outcome {
                Ok(()) => return Ok(()),
                Err(error) if began.elapsed() > START_DEADLINE => return Err(error),
                Err(_) => {}
            }
            if let Some(status) = child.try_wait()? {
                bail!("it ended with {status}");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Target {
    /// What it has used so far.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of(&self.pids)
    }

    /// Kills it as a crash of its machine's software would: no goodbye to anybody.
    pub fn kill(mut self) -> Result<()> {
        self.end()
    }

    /// Ends its processes; it is of no use any more.
    pub fn crash(&self) {
        // It may have started more since; whoever is killed first leaves its children behind.
        let mut pids = family(self.child.id()).unwrap_or_default();
        pids.extend(&self.pids);
        for pid in pids {
            kill(pid, Signal::KILL);
        }
    }

    fn end(&mut self) -> Result<()> {
        self.crash();
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // The pids are still its own: a child is not reaped before `wait`.
        let _ = self.end();
    }
}

fn kill(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Starts a program that prints one line of JSON when it serves; answers with that line.
fn start_with_line(
    command: &mut Command,
    log: Option<&Path>,
) -> Result<(Child, serde_json::Value)> {
    let errors = match log {
        Some(path) => fs::File::create(path)?.into(),
        None => Stdio::inherit(),
    };
    let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn()?;
    let out = child.stdout.take().context("no standard output")?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    let ready = serde_json::from_str(&line);
    match ready {
        Ok(ready) => Ok((child, ready)),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error).with_context(|| format!("it printed {line:?} instead of its address"))
        }
    }
}
