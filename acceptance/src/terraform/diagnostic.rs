//! Errors as Terraform tells them to programs (`-json`).

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// One error.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// Its title.
    pub summary: String,
    /// Its text.
    pub detail: String,
    /// The line of the configuration it points at; empty if it points nowhere.
    pub code: String,
    /// The resource it is about; empty if it is about none.
    pub address: String,
}

impl Diagnostic {
    pub(super) fn errors(output: &str) -> Result<Vec<Self>> {
        let mut errors = Vec::new();
        for line in output.lines().filter(|line| line.starts_with('{')) {
            let message: Value = serde_json::from_str(line).context("a line is not JSON")?;
            let diagnostic = &message["diagnostic"];
            if diagnostic["severity"] == "error" {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                errors.push(Self {
                    summary: text(&diagnostic["summary"]),
                    detail: text(&diagnostic["detail"]),
                    code: text(&diagnostic["snippet"]["code"]),
                    address: text(&diagnostic["address"]),
                });
            }
        }
        ensure!(!errors.is_empty(), "failed without an error:\n{output}");
        Ok(errors)
    }

    /// The only error there is.
    pub fn only(mut errors: Vec<Self>) -> Result<Self> {
        ensure!(errors.len() == 1, "expected one error, got {errors:#?}");
        errors.pop().context("there is one")
    }

    /// Fails unless title or text hold all these words, in any case.
    pub fn says(&self, words: &[&str]) -> Result<&Self> {
        let text = format!("{}\n{}", self.summary, self.detail).to_lowercase();
        for word in words {
            ensure!(
                text.contains(&word.to_lowercase()),
                "{word:?} is not in {self:#?}"
            );
        }
        Ok(self)
    }

    /// Fails unless it points at the line that sets this attribute.
    pub fn points_at(&self, attribute: &str) -> Result<&Self> {
        let words = self.code.split(|c: char| !c.is_alphanumeric() && c != '_');
        ensure!(
            words.into_iter().any(|word| word == attribute),
            "not at {attribute}: {self:#?}"
        );
        Ok(self)
    }
}
