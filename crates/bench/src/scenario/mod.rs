//! What is measured.
//!
//! Scenarios of throughput and latency run against brokers that are all up at the same time, one
//! broker after the other for each variant, so that a change of the machine's mood hits all alike.
//! Scenarios about a broker's own life (start, backlog, idle cost) start one for themselves.

mod backlog;
mod instructions;
mod latency;
mod life;
mod scaling;
mod throughput;

pub(crate) use self::throughput::warm_up;

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::record::{Record, Records};
use crate::target::{Kind, Programs, Target};
use crate::usage::machine_cpu_s;

/// How long the machine has to be quiet before a measurement, and how long that is waited for.
const QUIET: Duration = Duration::from_millis(200);
const QUIET_DEADLINE: Duration = Duration::from_secs(15);

/// Part of one processor that others may use in a quiet machine.
const QUIET_CORES: f64 = 0.1;

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Scenario {
    /// Transient messages, one publisher, one consumer.
    Transient,
    /// One publisher, queue and consumer on one processor; four of each on two.
    Scaling,
    /// Persistent messages with confirms, 256 of them unconfirmed.
    Confirmed,
    /// Persistent messages of 16 KiB as fast as the disk takes them.
    Bandwidth,
    /// One publisher, a hundred consumers, each with a queue of its own.
    Fanout,
    /// Persistent messages, each confirmed before the next is published.
    Single,
    /// Latency at 5,000 messages per second.
    Latency,
    /// Transient messages through a topic exchange with few and with many bindings.
    Routing,
    /// From start to first word, and memory then.
    Start,
    /// Memory of connections that do nothing.
    Idle,
    /// Ten thousand durable queues.
    Declares,
    /// A million messages in a queue: filled, crashed, restarted, drained.
    Backlog,
    /// Instructions of the engine for each message; needs valgrind.
    Instructions,
}

impl Scenario {
    /// Its name in records and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Backlog => "backlog",
            Self::Bandwidth => "bandwidth",
            Self::Confirmed => "confirmed",
            Self::Declares => "declares",
            Self::Fanout => "fanout",
            Self::Idle => "idle",
            Self::Instructions => "instructions",
            Self::Latency => "latency",
            Self::Routing => "routing",
            Self::Scaling => "scaling",
            Self::Single => "single",
            Self::Start => "start",
            Self::Transient => "transient",
        }
    }

    /// Whether it needs brokers that are up, instead of starting its own.
    pub fn shares_brokers(self) -> bool {
        match self {
            Self::Bandwidth
            | Self::Confirmed
            | Self::Fanout
            | Self::Latency
            | Self::Routing
            | Self::Single
            | Self::Transient => true,
            Self::Backlog
            | Self::Declares
            | Self::Idle
            | Self::Instructions
            | Self::Scaling
            | Self::Start => false,
        }
    }

    /// Measures once.
    pub fn run(self, bench: &mut Bench<'_>) -> Result<()> {
        match self {
            Self::Backlog => backlog::run(bench),
            Self::Declares => life::declares(bench),
            Self::Idle => life::idle(bench),
            Self::Instructions => instructions::run(bench),
            Self::Latency => latency::run(bench),
            Self::Single => latency::run_single(bench),
            Self::Scaling => scaling::run(bench),
            Self::Start => life::start(bench),
            Self::Bandwidth | Self::Confirmed | Self::Fanout | Self::Routing | Self::Transient => {
                throughput::run(self, bench)
            }
        }
    }
}

/// What a scenario works with.
#[derive(Debug)]
pub struct Bench<'a> {
    /// Where programs are.
    pub programs: &'a Programs,
    /// The brokers that are up.
    pub targets: &'a [Target],
    /// Brokers that were asked for and can run, for scenarios that start their own.
    pub kinds: &'a [Kind],
    /// A directory for data, on the disk that is measured.
    pub dir: &'a Path,
    /// Number of the repetition, from 1 on.
    pub run: u32,
    /// How long a throughput is measured.
    pub time: Duration,
    /// Messages in the backlog.
    pub backlog: u64,
    /// Where results go.
    pub records: &'a mut Records,
    /// What could not be measured, and why.
    pub failures: &'a mut Vec<String>,
    /// Brokers that failed, by name.
    pub broken: Vec<String>,
}

impl<'a> Bench<'a> {
    /// Records what was measured. A failure is noted, and the rest goes on without that broker: what
    /// it still does would be taken for the work of the next.
    pub fn take(
        &mut self,
        scenario: Scenario,
        variant: &str,
        target: &str,
        measured: Result<Vec<(&str, f64)>>,
    ) -> Result<()> {
        match measured {
            Ok(metrics) => self.record(scenario, variant, target, &metrics),
            Err(error) => {
                let (run, scenario) = (self.run, scenario.name());
                let failure = format!("run {run}: {scenario} {variant} {target}: {error:#}");
                eprintln!("{failure}");
                self.failures.push(failure);
                self.broken.push(target.to_owned());
                let mut targets = self.targets.iter();
                if let Some(broken) = targets.find(|it| it.kind.name() == target) {
                    broken.crash();
                }
                Ok(())
            }
        }
    }

    /// Adds a record and says so.
    pub fn record(
        &mut self,
        scenario: Scenario,
        variant: &str,
        target: &str,
        metrics: &[(&str, f64)],
    ) -> Result<()> {
        let metrics: BTreeMap<_, _> = metrics
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect();
        eprintln!(
            "{} {} {variant} {target}: {}",
            self.run,
            scenario.name(),
            serde_json::to_string(&metrics)?
        );
        self.records.add(Record {
            scenario: scenario.name().to_owned(),
            variant: variant.to_owned(),
            target: target.to_owned(),
            run: self.run,
            metrics,
        })
    }

    /// The brokers that work, each repetition beginning with another one: whoever comes first finds
    /// the machine in another state than whoever comes last.
    pub fn in_turn(&self) -> Vec<&'a Target> {
        let first = self.run as usize % self.targets.len().max(1);
        let (head, tail) = self.targets.split_at(first);
        let works = |target: &&Target| !self.broken.iter().any(|it| it == target.kind.name());
        tail.iter().chain(head).filter(works).collect()
    }

    /// Waits until nobody else uses the processors, within bounds: a broker may go on for some time
    /// with what its last measurement left it to do.
    pub fn await_quiet(&self) -> Result<()> {
        let deadline = Instant::now() + QUIET_DEADLINE;
        while Instant::now() < deadline {
            let before = machine_cpu_s()?;
            thread::sleep(QUIET);
            if machine_cpu_s()? - before <= QUIET_CORES * QUIET.as_secs_f64() {
                break;
            }
        }
        Ok(())
    }

    /// A directory for a broker's data; gone when dropped, so keep it longer than the broker.
    pub fn fresh_dir(&self, name: &str) -> Result<TempDir> {
        tempfile::Builder::new()
            .prefix(&format!("{name}-"))
            .tempdir_in(self.dir)
            .with_context(|| format!("a directory in {}", self.dir.display()))
    }
}
