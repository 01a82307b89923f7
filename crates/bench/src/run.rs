//! The whole of a comparison: brokers up, scenarios in turn, repeated.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::record::Records;
use crate::scenario::{Bench, Scenario};
use crate::target::{Kind, Programs, Target};

/// What to run.
#[derive(Debug)]
pub struct Plan {
    /// Where programs are.
    pub programs: Programs,
    /// Brokers asked for.
    pub kinds: Vec<Kind>,
    /// Scenarios asked for.
    pub scenarios: Vec<Scenario>,
    /// Repetitions.
    pub runs: u32,
    /// How long one throughput is measured.
    pub time: Duration,
    /// Messages in the backlog.
    pub backlog: u64,
    /// Priority of generator and brokers.
    pub nice: i32,
    /// Where data directories are made, on the disk to be measured.
    pub data_dir: PathBuf,
}

impl Plan {
    /// Moves this process, and with it every broker it starts, before or behind others.
    pub fn set_priority(&self) -> Result<()> {
        rustix::process::setpriority_process(None, self.nice)
            .with_context(|| format!("run at nice {}; only root may go below 0", self.nice))
    }

    /// Runs everything. What fails is said and left out; the rest goes on.
    pub fn run(&self, records: &mut Records) -> Result<Vec<String>> {
        let mut failures = Vec::new();
        for run in 1..=self.runs {
            let dir = tempfile::Builder::new()
                .prefix("ferrymq-bench-")
                .tempdir_in(&self.data_dir)
                .with_context(|| format!("a directory in {}", self.data_dir.display()))?;
            let (kinds, targets) = self.start(dir.path(), &mut failures)?;
            let mut bench = Bench {
                programs: &self.programs,
                targets: &targets,
                kinds: &kinds,
                dir: dir.path(),
                run,
                time: self.time,
                backlog: self.backlog,
                records,
            };
            for scenario in &self.scenarios {
                if let Err(error) = scenario.run(&mut bench) {
                    let failure = format!("run {run}: {}: {error:#}", scenario.name());
                    eprintln!("{failure}");
                    failures.push(failure);
                }
            }
        }
        Ok(failures)
    }

    fn start(&self, dir: &Path, failures: &mut Vec<String>) -> Result<(Vec<Kind>, Vec<Target>)> {
        let (mut kinds, mut targets) = (Vec::new(), Vec::new());
        for kind in &self.kinds {
            if kind.missing(&self.programs).is_some() {
                continue;
            }
            let data = dir.join(kind.name());
            fs::create_dir_all(&data)?;
            match kind.start(&self.programs, &data) {
                Ok(target) => {
                    kinds.push(*kind);
                    targets.push(target);
                }
                Err(error) => failures.push(format!("{error:#}")),
            }
        }
        Ok((kinds, targets))
    }
}
