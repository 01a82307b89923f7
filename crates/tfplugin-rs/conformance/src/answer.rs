//! What a provider answered, free of what may differ: texts, order, and forms of the same value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tfplugin_rs::proto::tfplugin6::attribute_path::step::Selector;
use tfplugin_rs::proto::tfplugin6::diagnostic::Severity;
use tfplugin_rs::proto::tfplugin6::{AttributePath, Deferred, Diagnostic};

use crate::term::{Term, Unequal, unequal};

/// One answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Answer {
    /// Values by name: "planned", "state", "result".
    pub(crate) values: BTreeMap<&'static str, Term>,
    pub(crate) private: BTreeMap<String, String>,
    pub(crate) requires_replace: BTreeSet<String>,
    /// Severity and path, sorted.
    pub(crate) diagnostics: Vec<Told>,
    pub(crate) deferred: Option<i32>,
    /// When an ephemeral resource is to be renewed, in seconds since 1970.
    pub(crate) renew_at: Option<i64>,
    /// What an action tells on its way.
    pub(crate) progress: Vec<String>,
    /// The argument that a function's error is about, -1 for none.
    pub(crate) function_error: Option<i64>,
    /// The failure of the call itself.
    pub(crate) status: Option<String>,
    /// What the diagnostics say, for people.
    pub(crate) texts: Vec<String>,
}

/// One diagnostic as far as it is compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Told {
    pub(crate) is_error: bool,
    /// "" for none.
    pub(crate) path: String,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.is_error { "error" } else { "warning" };
        write!(f, "{severity} at {:?}", self.path)
    }
}

/// One way in which two answers differ.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Difference {
    Deferred,
    Diagnostics {
        /// Told by the reference alone.
        reference: Vec<Told>,
        /// Told by ours alone.
        ours: Vec<Told>,
    },
    FunctionError(Option<i64>, Option<i64>),
    Private,
    Progress,
    RenewAt,
    RequiresReplace {
        reference: BTreeSet<String>,
        ours: BTreeSet<String>,
    },
    Status,
    /// Whether there is an error at all.
    Stops {
        reference: bool,
    },
    Value(Unequal),
}

impl Answer {
    pub(crate) fn stops(&self) -> bool {
        self.function_error.is_some() || self.diagnostics.iter().any(|told| told.is_error)
    }

    pub(crate) fn take_diagnostics(&mut self, diagnostics: Vec<Diagnostic>) {
        for diagnostic in diagnostics {
            let path = diagnostic.attribute.as_ref().map(path).unwrap_or_default();
            let is_error = diagnostic.severity() == Severity::Error;
            let said = diagnostic.detail.replace('\n', " ");
            let told = Told { is_error, path };
            self.texts
                .push(format!("{told}: {} | {said:.200}", diagnostic.summary));
            self.diagnostics.push(told);
        }
        // Several rules about one value may be told in one message or in several.
        self.diagnostics.sort();
        self.diagnostics.dedup();
    }

    pub(crate) fn take_deferred(&mut self, deferred: Option<Deferred>) {
        self.deferred = deferred.map(|deferred| deferred.reason);
    }

    /// Private state is JSON: keys and values in base64.
    pub(crate) fn take_private(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match serde_json::from_slice::<BTreeMap<String, String>>(bytes) {
            Ok(entries) => {
                self.private = entries
                    .into_iter()
                    .map(|(key, value)| {
                        let text = BASE64_STANDARD.decode(&value).ok();
                        let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
                        (key, text.unwrap_or_else(|| format!("not base64: {value}")))
                    })
                    .collect();
            }
            Err(error) => {
                let text = String::from_utf8_lossy(bytes);
                self.private
                    .insert("broken".to_owned(), format!("{error}: {text}"));
            }
        }
    }

    /// Every way in which `ours` differs from the reference.
    pub(crate) fn differences(&self, ours: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        if self.status != ours.status {
            found.push(Difference::Status);
        }
        if self.stops() != ours.stops() {
            let reference = self.stops();
            found.push(Difference::Stops { reference });
        }
        if self.function_error != ours.function_error {
            let (reference, ours) = (self.function_error, ours.function_error);
            found.push(Difference::FunctionError(reference, ours));
        }
        if self.diagnostics != ours.diagnostics {
            found.push(Difference::Diagnostics {
                reference: without(&self.diagnostics, &ours.diagnostics),
                ours: without(&ours.diagnostics, &self.diagnostics),
            });
        }
        if self.requires_replace != ours.requires_replace {
            found.push(Difference::RequiresReplace {
                reference: self.requires_replace.clone(),
                ours: ours.requires_replace.clone(),
            });
        }
        if self.private != ours.private {
            found.push(Difference::Private);
        }
        if self.renew_at != ours.renew_at {
            found.push(Difference::RenewAt);
        }
        if self.progress != ours.progress {
            found.push(Difference::Progress);
        }
        if self.deferred != ours.deferred {
            found.push(Difference::Deferred);
        }
        let names: BTreeSet<_> = self.values.keys().chain(ours.values.keys()).collect();
        for name in names {
            let of = |answer: &Self| answer.values.get(name).cloned().unwrap_or(Term::Null);
            let mut places = Vec::new();
            unequal(name, &of(self), &of(ours), &mut places);
            found.extend(places.into_iter().map(Difference::Value));
        }
        found
    }
}

/// What is in `a` more often than in `b`.
fn without(a: &[Told], b: &[Told]) -> Vec<Told> {
    let mut rest = b.to_vec();
    let mut left = Vec::new();
    for told in a {
        match rest.iter().position(|other| other == told) {
            Some(at) => {
                rest.remove(at);
            }
            None => left.push(told.clone()),
        }
    }
    left
}

/// A path in the notation of configurations.
pub(crate) fn path(path: &AttributePath) -> String {
    let mut text = String::new();
    for step in &path.steps {
        match &step.selector {
            Some(Selector::AttributeName(name)) if text.is_empty() => text.push_str(name),
            Some(Selector::AttributeName(name)) => text += &format!(".{name}"),
            Some(Selector::ElementKeyInt(index)) => text += &format!("[{index}]"),
            Some(Selector::ElementKeyString(key)) => text += &format!("[{key:?}]"),
            None => text.push_str("[?]"),
        }
    }
    text
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for text in &self.texts {
            writeln!(f, "    {text}")?;
        }
        if let Some(status) = &self.status {
            writeln!(f, "    status: {status}")?;
        }
        if let Some(argument) = self.function_error {
            writeln!(f, "    function error about argument {argument}")?;
        }
        if !self.requires_replace.is_empty() {
            writeln!(f, "    replaced by: {:?}", self.requires_replace)?;
        }
        if !self.private.is_empty() {
            writeln!(f, "    private: {:?}", self.private)?;
        }
        if let Some(seconds) = self.renew_at {
            writeln!(f, "    renew at: {seconds}")?;
        }
        if !self.progress.is_empty() {
            writeln!(f, "    progress: {:?}", self.progress)?;
        }
        if let Some(reason) = self.deferred {
            writeln!(f, "    deferred: {reason}")?;
        }
        for (name, value) in &self.values {
            writeln!(f, "    {name}: {value}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |told: &[Told]| {
            let texts: Vec<_> = told.iter().map(ToString::to_string).collect();
            texts.join(", ")
        };
        match self {
            Self::Deferred => f.write_str("deferral"),
            Self::Private => f.write_str("private state"),
            Self::Progress => f.write_str("progress of an action"),
            Self::RenewAt => f.write_str("time of renewal"),
            Self::Status => f.write_str("status of the call"),
            Self::Stops { reference: true } => f.write_str("only the reference refuses"),
            Self::Stops { reference: false } => f.write_str("only ours refuses"),
            Self::FunctionError(a, b) => write!(f, "function error {a:?}, ours {b:?}"),
            Self::Diagnostics { reference, ours } => write!(
                f,
                "diagnostics: reference alone [{}], ours alone [{}]",
                list(reference),
                list(ours)
            ),
            Self::RequiresReplace { reference, ours } => {
                write!(f, "requires_replace {reference:?}, ours {ours:?}")
            }
            Self::Value(place) => write!(
                f,
                "{}: {}, ours {}",
                place.path, place.reference, place.ours
            ),
        }
    }
}
