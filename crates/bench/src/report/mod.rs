//! From records to a page that a person reads.

mod about;
mod bars;
mod html;
mod markdown;
mod summary;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

pub use self::about::About;
use self::summary::Summary;
use crate::record::Record;

/// Everything that a report tells.
#[derive(Debug)]
pub struct Report {
    /// Where and how it was measured.
    pub about: About,
    summary: Summary,
}

impl Report {
    /// Takes the medians.
    pub fn new(about: About, records: Vec<Record>) -> Self {
        Self {
            about,
            summary: Summary::of(&records),
        }
    }

    /// The report as Markdown.
    pub fn markdown(&self) -> String {
        markdown::render(&self.about, &self.summary)
    }

    /// The report as one page of HTML with charts.
    pub fn html(&self) -> String {
        html::render(&self.about, &self.summary)
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
