//! What is measured.
//!
//! Scenarios of throughput and latency run against brokers that are all up at the same time, one
//! broker after the other for each variant, so that a change of the machine's mood hits all alike.
//! Scenarios about a broker's own life (start, backlog, idle cost) start one for themselves.

mod backlog;
mod instructions;
mod latency;
mod life;
mod throughput;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::record::{Record, Records};
use crate::target::{Kind, Programs, Target};

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Scenario {
    /// Transient messages, one publisher, one consumer.
    Transient,
    /// Four publishers, four queues, four consumers.
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
            Self::Scaling => "scaling",
            Self::Single => "single",
            Self::Start => "start",
            Self::Transient => "transient",
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
            Self::Start => life::start(bench),
            Self::Bandwidth | Self::Confirmed | Self::Fanout | Self::Scaling | Self::Transient => {
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
}

impl<'a> Bench<'a> {
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

    /// The brokers, each repetition beginning with another one: whoever comes first finds the
    /// machine in another state than whoever comes last.
    pub fn in_turn(&self) -> impl Iterator<Item = &'a Target> + use<'a> {
        let first = self.run as usize % self.targets.len().max(1);
        let (head, tail) = self.targets.split_at(first);
        tail.iter().chain(head)
    }

    /// A directory of its own for a broker's data.
    pub fn fresh_dir(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.join(format!("{name}-{}", self.run));
        std::fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        Ok(dir)
    }
}
