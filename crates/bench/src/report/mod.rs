//! From records to a page that a person reads.

mod about;
mod bars;
mod html;
mod markdown;
mod notes;
mod summary;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

pub use self::about::About;
pub use self::notes::Notes;
use self::summary::Summary;
use crate::record::Record;

/// Everything that a report tells.
#[derive(Debug)]
pub struct Report {
    /// Where and how it was measured.
    pub about: About,
    summary: Summary,
    notes: Notes,
}

impl Report {
    /// Takes the medians.
    pub fn new(about: About, records: &[Record], notes: Notes) -> Self {
        Self {
            about,
            summary: Summary::of(records),
            notes,
        }
    }

    /// The report as Markdown.
    pub fn markdown(&self) -> String {
        markdown::render(&self.about, &self.summary, &self.notes)
    }

    /// The report as one page of HTML with charts.
    pub fn html(&self) -> String {
        html::render(&self.about, &self.summary, &self.notes)
    }

    /// Writes both beside the records: `report.md` and `report.html`.
    pub fn write(&self, dir: &Path) -> Result<()> {
        for (name, text) in [("report.md", self.markdown()), ("report.html", self.html())] {
            let path = dir.join(name);
            fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        }
        Ok(())
    }
}

/// Scenarios with bars that are missed: what each asks for, and by which factor it is missed.
fn missed(summary: &Summary) -> Vec<(&'static str, Vec<(&'static str, f64)>)> {
    let mut scenarios: Vec<(&str, Vec<_>)> = Vec::new();
    for bar in bars::BARS {
        let Some(verdict) = bar.judge(summary).filter(|verdict| !verdict.met) else {
            continue;
        };
        let missed = (bar.what, verdict.must.missed_by(verdict.figure));
        match scenarios.iter_mut().find(|(name, _)| *name == bar.scenario) {
            Some((_, bars)) => bars.push(missed),
            None => scenarios.push((bar.scenario, vec![missed])),
        }
    }
    scenarios
}
