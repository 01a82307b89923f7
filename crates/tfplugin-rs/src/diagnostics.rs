//! Errors and warnings as Terraform shows them, and the `?` that collects them.
//!
//! A [`Diagnostic`] has a short summary, a detail that says what to do next, and where it belongs
//! the path of an attribute. Fallible methods return [`Result`], whose error is a whole list of
//! [`Diagnostics`]; `?` turns a single diagnostic, or any `std::error::Error`, into one.

use std::error::Error;
use std::fmt;

use crate::path::AttributePath;
use crate::proto::tfplugin6 as proto;

/// A result whose error is shown to the person at the terminal.
pub type Result<T, E = Diagnostics> = std::result::Result<T, E>;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Stops the operation.
    Error,
    /// Is shown and does not stop anything.
    Warning,
}

/// One error or warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What happened, in a few words without a full stop.
    pub summary: String,
    /// Why, and the way out.
    pub detail: String,
    /// The attribute it is about; the root when it is about no single one.
    pub path: AttributePath,
}

impl Diagnostic {
    /// An error.
    pub fn error(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(Severity::Error, summary, detail)
    }

    /// A warning.
    pub fn warning(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(Severity::Warning, summary, detail)
    }

    fn new(severity: Severity, summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            severity,
            summary: summary.into(),
            detail: detail.into(),
            path: AttributePath::root(),
        }
    }

    /// Says which attribute it is about.
    #[must_use]
    pub fn at(mut self, path: impl Into<AttributePath>) -> Self {
        self.path = path.into();
        self
    }

    /// True for errors.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_error() { "error" } else { "warning" };
        write!(f, "{kind}: {}", self.summary)?;
        if !self.path.is_root() {
            write!(f, " (at {})", self.path)?;
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

/// Errors and warnings, in the order they came.
///
/// Any `std::error::Error` converts with `?`: its message becomes the summary and its sources the
/// detail. [`OrDiagnostic::or_diagnostic`] gives it a better summary.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// None yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one, unless the very same is there already.
    pub fn push(&mut self, diagnostic: impl Into<Diagnostic>) {
        let diagnostic = diagnostic.into();
        if !self.0.contains(&diagnostic) {
            self.0.push(diagnostic);
        }
    }

    /// True if there is an error among them.
    pub fn has_error(&self) -> bool {
        self.0.iter().any(Diagnostic::is_error)
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// `Err` with everything collected if there is an error among it.
    pub fn into_result(self) -> Result<()> {
        if self.has_error() { Err(self) } else { Ok(()) }
    }

    /// Collects the error of a result and goes on with its value.
    pub fn absorb<T>(&mut self, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(diagnostics) => {
                self.extend(diagnostics);
                None
            }
        }
    }

    pub(crate) fn into_proto(self) -> Vec<proto::Diagnostic> {
        self.0
            .into_iter()
            .map(crate::wire::diagnostic_to_proto)
            .collect()
    }
}

impl fmt::Debug for Diagnostics {
    /// One diagnostic a line: this is what a failing test prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.0.iter().enumerate() {
            write!(f, "{}{diagnostic}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, diagnostics: I) {
        for diagnostic in diagnostics {
            self.push(diagnostic);
        }
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(diagnostics: I) -> Self {
        let mut all = Self::new();
        all.extend(diagnostics);
        all
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

// `Diagnostics` must not implement `Error` itself, or this would overlap with `From<T> for T`.
impl<E: Error + 'static> From<E> for Diagnostics {
    fn from(error: E) -> Self {
        Diagnostic::error(error.to_string(), causes(&error)).into()
    }
}

/// Names an operation that failed: `file.read().or_diagnostic("Could not read the note")?`.
pub trait OrDiagnostic<T> {
    /// Turns an error into a diagnostic with this summary and the error's whole chain as detail.
    fn or_diagnostic(self, summary: impl Into<String>) -> Result<T, Diagnostic>;
}

impl<T, E: Error + 'static> OrDiagnostic<T> for std::result::Result<T, E> {
    fn or_diagnostic(self, summary: impl Into<String>) -> Result<T, Diagnostic> {
        self.map_err(|error| {
            let sources = causes(&error);
            let separator = if sources.is_empty() { "" } else { ": " };
            Diagnostic::error(summary, format!("{error}{separator}{sources}"))
        })
    }
}

/// The chain of sources, without those whose text the error already repeats.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut last = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let message = source.to_string();
        if !last.contains(&message) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&message);
        }
        last = message;
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("open the note")]
    struct Outer(#[source] std::io::Error);

    fn broken() -> Outer {
        Outer(std::io::Error::other("disk on fire"))
    }

    #[test]
    fn any_error_becomes_a_diagnostic() {
        fn fails() -> Result<()> {
            Err(broken())?;
            Ok(())
        }
        let diagnostics = fails().unwrap_err();
        assert_eq!(
            diagnostics.to_string(),
            "error: open the note: disk on fire"
        );
        let diagnostic = Err::<(), _>(broken())
            .or_diagnostic("Could not read")
            .unwrap_err();
        assert_eq!(
            diagnostic.to_string(),
            "error: Could not read: open the note: disk on fire"
        );
    }

    #[test]
    fn repeats_are_kept_once() {
        let mut diagnostics = Diagnostics::new();
        diagnostics.push(Diagnostic::warning("w", "").at("a"));
        diagnostics.push(Diagnostic::warning("w", "").at("a"));
        diagnostics.push(Diagnostic::warning("w", "").at("b"));
        assert_eq!(diagnostics.len(), 2);
        assert!(!diagnostics.has_error());
        assert!(diagnostics.into_result().is_ok());
    }
}

#[cfg(test)]
#[path = "diagnostics_tests.rs"]
mod table_tests;
