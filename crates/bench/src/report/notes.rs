//! What people wrote about scenarios: why a bar is missed, what the profile shows, what was tried.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Paragraphs by scenario, from a file kept by hand.
///
/// A heading of the second level names the scenario; what stands before the first is for whoever
/// edits the file.
#[derive(Debug, Clone, Default)]
pub struct Notes(BTreeMap<String, Vec<String>>);

impl Notes {
    /// Reads the file; one that is not there has no notes.
    pub fn read(path: &Path) -> Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        let mut notes = BTreeMap::new();
        for section in text.split("\n## ").skip(1) {
            let (scenario, body) = section.split_once('\n').unwrap_or((section, ""));
            let paragraphs = body.split("\n\n").map(str::trim);
            let paragraphs = paragraphs.filter(|paragraph| !paragraph.is_empty());
            notes.insert(
                scenario.trim().to_owned(),
                paragraphs.map(str::to_owned).collect(),
            );
        }
        Self(notes)
    }

    /// Paragraphs about a scenario.
    pub(super) fn of(&self, scenario: &str) -> &[String] {
        self.0.get(scenario).map_or(&[], Vec::as_slice)
    }

    /// Scenarios that have any.
    #[cfg(test)]
    pub(super) fn scenarios(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
