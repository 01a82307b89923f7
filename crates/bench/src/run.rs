//! The whole of a comparison: brokers up, scenarios in turn, repeated.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::record::Records;
use crate::scenario::{Bench, Scenario, warm_up};
use crate::target::{Kind, Programs, Target};

/// How long a broker that compiles just in time is used before it counts.
const WARM_UP: Duration = Duration::from_secs(10);

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
    /// Moves this process, and with it every broker it starts, before or behind others, and lets
    /// them open as many files as the system allows.
    pub fn prepare(&self) -> Result<()> {
        let mut files = getrlimit(Resource::Nofile);
        files.current = files.maximum;
        setrlimit(Resource::Nofile, files).context("raise the number of open files")?;
        rustix::process::setpriority_process(None, self.nice)
            .with_context(|| format!("run at nice {}; only root may go below 0", self.nice))
    }

    /// Runs everything. What fails is noted and left out; the rest goes on. `after_each` is called
    /// after each repetition, with all failures so far. Answers whether all failures are those of
    /// other brokers.
    pub fn run(
        &self,
        records: &mut Records,
        mut after_each: impl FnMut(&Records, &[String]) -> Result<()>,
    ) -> Result<bool> {
        let dir = tempfile::Builder::new()
            .prefix("ferrymq-bench-")
            .tempdir_in(&self.data_dir)
            .with_context(|| format!("a directory in {}", self.data_dir.display()))?;
        let present = |kind: &&Kind| kind.missing(&self.programs).is_none();
        let kinds: Vec<Kind> = self.kinds.iter().filter(present).copied().collect();
        let mut failures = Vec::new();
        let mut targets = Vec::new();
        let mut sound = true;
        for run in 1..=self.runs {
            sound &= self.start(&kinds, dir.path(), run, &mut targets, &mut failures);
            let mut bench = Bench {
                programs: &self.programs,
                targets: &targets,
                kinds: &kinds,
                dir: dir.path(),
                run,
                time: self.time,
                backlog: self.backlog,
                records,
                failures: &mut failures,
                broken: Vec::new(),
            };
            for scenario in &self.scenarios {
                if let Err(error) = scenario.run(&mut bench) {
                    let failure = format!("run {run}: {}: {error:#}", scenario.name());
                    eprintln!("{failure}");
                    bench.failures.push(failure);
                    sound = false;
                }
            }
            let broken = bench.broken;
            let is_peer = |name: &String| kinds.iter().any(|it| it.name() == name && it.is_peer());
            sound &= broken.iter().all(is_peer);
            targets.retain(|target| !broken.iter().any(|name| name == target.kind.name()));
            after_each(records, &failures)?;
        }
        Ok(sound)
    }

    /// Starts what does not run: everything at first, later what failed. Answers whether all that
    /// does not start are other brokers.
    fn start(
        &self,
        kinds: &[Kind],
        dir: &Path,
        run: u32,
        targets: &mut Vec<Target>,
        failures: &mut Vec<String>,
    ) -> bool {
        let mut sound = true;
        for kind in kinds {
            if !self
                .scenarios
                .iter()
                .any(|scenario| scenario.shares_brokers())
                || targets.iter().any(|target| target.kind == *kind)
            {
                continue;
            }
            let data = dir.join(format!("{}-{run}", kind.name()));
            let started = fs::create_dir_all(&data)
                .map_err(anyhow::Error::from)
                .and_then(|()| kind.start(&self.programs, &data))
                .and_then(|target| {
                    if kind.compiles_just_in_time() {
                        warm_up(&target, WARM_UP).context("warm up")?;
                    }
                    Ok(target)
                });
            match started {
                Ok(target) => targets.push(target),
                Err(error) => {
                    let failure = format!("run {run}: {}: {error:#}", kind.name());
                    eprintln!("{failure}");
                    failures.push(failure);
                    sound &= kind.is_peer();
                }
            }
        }
        sound
    }
}
