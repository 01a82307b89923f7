//! What a run has seen: counts, justified differences, and the first of those that are not.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::call::{Call, Slot};
use crate::compare::Compared;
use crate::justified::TABLE;
use crate::term::Term;

/// Counts and findings.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) calls: u64,
    by_rpc: BTreeMap<&'static str, u64>,
    by_feature: BTreeMap<String, u64>,
    justified: BTreeMap<&'static str, u64>,
    /// Calls with a difference that no row of the table claims, by kind of difference.
    pub(crate) open: u64,
    open_kinds: BTreeMap<String, u64>,
    findings: Vec<String>,
    /// How many unexplained differences are kept in full.
    shown: usize,
}

impl Report {
    pub(crate) fn new(shown: usize) -> Self {
        Self {
            shown,
            ..Self::default()
        }
    }

    /// Takes note of a call. True if it is one to be shown in full.
    pub(crate) fn count(&mut self, call: &Call, compared: &Compared) -> bool {
        self.calls += 1;
        *self.by_rpc.entry(call.rpc.name()).or_default() += 1;
        for feature in features(call, compared) {
            *self.by_feature.entry(feature).or_default() += 1;
        }
        for name in &compared.justified {
            *self.justified.entry(name).or_default() += 1;
        }
        let Some(first) = compared.open.first() else {
            return false;
        };
        self.open += 1;
        let kind = format!("{} {}: {}", call.rpc.name(), call.subject, brief(first));
        let seen = self.open_kinds.entry(kind).or_default();
        *seen += 1;
        *seen == 1 && self.findings.len() < self.shown
    }

    pub(crate) fn show(&mut self, finding: String) {
        self.findings.push(finding);
    }

    /// Rows of the table that have not been needed.
    fn stale(&self) -> impl Iterator<Item = &'static str> {
        let names = TABLE.iter().map(|row| row.name);
        names.filter(|name| !self.justified.contains_key(name))
    }

    /// The whole report. A full run is one that is long enough to meet every row of the table.
    pub(crate) fn text(&self, is_full: bool) -> String {
        let mut text = String::new();
        let mut table = |title: &str, rows: &BTreeMap<String, u64>| {
            let _ = writeln!(text, "\n{title}");
            for (name, count) in rows {
                let _ = writeln!(text, "  {count:>9}  {name}");
            }
        };
        let owned = |rows: &BTreeMap<&'static str, u64>| -> BTreeMap<String, u64> {
            rows.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect()
        };
        table("Requests by RPC", &owned(&self.by_rpc));
        table("Requests by feature", &self.by_feature);
        let _ = writeln!(text, "\nJustified differences");
        for row in TABLE {
            let count = self.justified.get(row.name).copied().unwrap_or(0);
            let _ = writeln!(
                text,
                "  {count:>9}  {}\n             {}",
                row.name, row.reason
            );
        }
        if is_full {
            for name in self.stale() {
                let _ = writeln!(text, "  stale: {name} was not needed any more");
            }
        }
        if self.open > 0 {
            let _ = writeln!(
                text,
                "\nDifferences without a reason, {} requests",
                self.open
            );
            let mut kinds: Vec<_> = self.open_kinds.iter().collect();
            kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            for (kind, count) in kinds.into_iter().take(60) {
                let _ = writeln!(text, "  {count:>9}  {kind}");
            }
        }
        for finding in &self.findings {
            let _ = writeln!(text, "\n{finding}");
        }
        text
    }
}

/// A difference without what is particular about it.
fn brief(difference: &crate::answer::Difference) -> String {
    let text = difference.to_string();
    let cut: String = text.chars().take(110).collect();
    cut.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// What a request and its answer touch.
fn features(call: &Call, compared: &Compared) -> Vec<String> {
    let mut found = vec![match call.subject.as_str() {
        "" => "provider configuration".to_owned(),
        subject => format!("type {subject}"),
    }];
    let mut mark = |is_so: bool, name: &str| {
        if is_so {
            found.push(name.to_owned());
        }
    };
    let any = |holds: &dyn Fn(&Term) -> bool| call.values.iter().any(|(_, value)| value.any(holds));
    mark(any(&|t| matches!(t, Term::Unknown(_))), "unknown values");
    mark(
        any(&|t| matches!(t, Term::Unknown(about) if !about.is_empty())),
        "unknown values with refinements",
    );
    mark(any(&|t| matches!(t, Term::Dynamic(_))), "dynamic values");
    mark(
        any(&|t| matches!(t, Term::Set(e) if !e.is_empty())),
        "sets with elements",
    );
    mark(
        any(&|t| matches!(t, Term::Number(n) if n.precision() > 17 || !n.is_whole())),
        "numbers beyond 64 bits or with fractions",
    );
    mark(
        any(&|t| matches!(t, Term::Broken(_))),
        "bytes that are no value",
    );
    mark(!call.private.is_empty(), "private state");
    mark(
        !compared.reference.requires_replace.is_empty(),
        "answers: replacement",
    );
    mark(compared.reference.stops(), "answers: refusal");
    mark(
        compared
            .reference
            .diagnostics
            .iter()
            .any(|told| !told.is_error),
        "answers: warning",
    );
    let (prior, proposed) = (call.value(Slot::Prior), call.value(Slot::Proposed));
    if call.rpc == crate::call::Rpc::Plan {
        let action = match (prior.is_null(), proposed.is_null()) {
            (true, false) => "plan: create",
            (false, true) => "plan: destroy",
            (true, true) => "plan: nothing",
            (false, false) if prior == proposed => "plan: no change",
            (false, false) => "plan: update",
        };
        mark(true, action);
    }
    found
}
