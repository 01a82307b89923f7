//! What a run found, one line of JSON for each scenario, variant, broker and repetition.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// One measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Name of the scenario.
    pub scenario: String,
    /// Size, rate or whatever else is varied within it.
    pub variant: String,
    /// The broker's name, `disk` for the disk itself.
    pub target: String,
    /// Number of the repetition, from 1 on.
    pub run: u32,
    /// Values by metric; each name ends in its unit.
    pub metrics: BTreeMap<String, f64>,
}

/// Collects records, and writes each to a file the moment it is there.
#[derive(Debug)]
pub struct Records {
    file: File,
    /// All so far.
    pub all: Vec<Record>,
}

impl Records {
    /// Starts a new file.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
        Ok(Self {
            file,
            all: Vec::new(),
        })
    }

    /// Adds one.
    pub fn add(&mut self, record: Record) -> Result<()> {
        let mut line = serde_json::to_string(&record)?;
        line.push('\n');
        self.file.write_all(line.as_bytes())?;
        self.all.push(record);
        Ok(())
    }
}

/// Reads what [`Records`] wrote.
pub fn read(path: &Path) -> Result<Vec<Record>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let parse = |line| serde_json::from_str(line).with_context(|| format!("line {line}"));
    text.lines().map(parse).collect()
}
