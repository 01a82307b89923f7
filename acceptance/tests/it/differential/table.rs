//! The differences as people read them.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Context, Result, ensure};

/// One difference: where, and what either broker did there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    /// Name of the scenario.
    pub(super) scenario: String,
    /// The step's name in it.
    pub(super) step: String,
    /// What RabbitMQ did.
    pub(super) theirs: String,
    /// What FerryMQ did.
    pub(super) ours: String,
}

impl Row {
    /// Rows as the table has them.
    pub(super) fn list(rows: &[&Self]) -> String {
        rows.iter().map(|row| format!("{row}\n")).collect()
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scenario,
            step,
            theirs,
            ours,
        } = self;
        write!(f, "| {scenario} | {step} | {theirs} | {ours} |")
    }
}

/// The rows of the page. Each stands below a heading, and below that a sentence that says why.
pub(super) fn rows(page: &str) -> Result<BTreeSet<Row>> {
    let mut rows = BTreeSet::new();
    for part in page.split("\n## ").skip(1) {
        let (heading, part) = part.split_once('\n').context("a heading at the end")?;
        let (reason, table) = part.split_once("\n| ").context("a part without a table")?;
        ensure!(reason.trim().ends_with('.'), "no reason below {heading:?}");
        // The heading of the table and the line below it.
        for line in table.lines().skip(2) {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            let [_, scenario, step, theirs, ours, _] = cells[..] else {
                ensure!(line.is_empty(), "below {heading:?}: no row: {line:?}");
                continue;
            };
            let row = Row {
                scenario: scenario.to_owned(),
                step: step.to_owned(),
                theirs: theirs.to_owned(),
                ours: ours.to_owned(),
            };
            ensure!(rows.insert(row), "twice below {heading:?}: {line}");
        }
    }
    Ok(rows)
}
