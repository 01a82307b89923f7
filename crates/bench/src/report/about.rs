//! Where, with what and how it was measured.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::run::Plan;

const FILE: &str = "about.json";

/// The conditions of a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// What was measured.
    pub commit: String,
    /// Day of the measurement, UTC.
    pub date: String,
    /// Processor, number of them, memory, kernel, file system.
    pub machine: Vec<(String, String)>,
    /// Repetitions.
    pub runs: u32,
    /// Seconds for which each throughput is measured.
    pub seconds: f64,
    /// Name, version and settings of each broker.
    pub brokers: Vec<Broker>,
    /// What went wrong.
    pub failures: Vec<String>,
}

/// One broker of the comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Broker {
    /// As in the records.
    pub name: String,
    /// Its own word.
    pub version: String,
    /// How it ran, or why it did not.
    pub settings: String,
}

impl About {
    /// Looks around.
    pub fn of(plan: &Plan, commit: &str) -> Result<Self> {
        let brokers = plan.kinds.iter().map(|kind| Broker {
            name: kind.name().to_owned(),
            version: kind.version(&plan.programs).unwrap_or_default(),
            settings: match kind.missing(&plan.programs) {
                None => kind.settings().to_owned(),
                Some(reason) => format!("not measured: {reason}"),
            },
        });
        Ok(Self {
            commit: commit.to_owned(),
            date: output("date", &["-u", "+%Y-%m-%d"])?,
            machine: machine(&plan.data_dir)?,
            runs: plan.runs,
            seconds: plan.time.as_secs_f64(),
            brokers: brokers.collect(),
            failures: Vec::new(),
        })
    }

    /// Reads what [`Self::write`] wrote.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Writes it beside the records.
    pub fn write(&self, dir: &Path) -> Result<()> {
        fs::write(dir.join(FILE), serde_json::to_string_pretty(self)?)?;
        Ok(())
    }
}

fn machine(data_dir: &Path) -> Result<Vec<(String, String)>> {
    let of = |path: &str, key: &str| -> Result<String> {
        let text = fs::read_to_string(path)?;
        let line = text.lines().find(|line| line.starts_with(key));
        let value = line.and_then(|line| line.split_once(':'));
        Ok(value
            .map_or("unknown", |(_, value)| value.trim())
            .to_owned())
    };
    let processors = std::thread::available_parallelism()?;
    let data_dir = data_dir.to_string_lossy();
    let file_system = output("df", &["--output=fstype", &data_dir])?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    Ok([
        ("processor", of("/proc/cpuinfo", "model name")?),
        ("processors", processors.to_string()),
        ("memory", of("/proc/meminfo", "MemTotal")?),
        ("kernel", output("uname", &["-sr"])?),
        (
            "file system",
            file_system.lines().last().unwrap_or_default().to_owned(),
        ),
        ("load average at the start", load.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into())
}

fn output(program: &str, args: &[&str]) -> Result<String> {
    let out = Command::new(program)
        .args(args)
        .output()
        .with_context(|| format!("run {program}"))?;
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}
