//! What a run has seen: coverage, justified differences, and the first of those that are not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::call::Call;
use crate::compare::Compared;
use crate::coverage::Coverage;
use crate::justified::TABLE;
use crate::schema::World;

/// A row of the table that claims more of a hundred answers is too wide to tell a mistake from what
/// it is about.
const MOST_PERCENT: f64 = 2.0;

/// Counts and findings.
pub(crate) struct Report {
    pub(crate) calls: u64,
    coverage: Coverage,
    /// Answers that each row of the table has claimed.
    justified: BTreeMap<&'static str, u64>,
    /// Calls with a difference that no row of the table claims, by kind of difference.
    pub(crate) open: u64,
    open_kinds: BTreeMap<String, u64>,
    findings: Vec<String>,
    /// How many unexplained differences are kept in full.
    shown: usize,
}

impl Report {
    pub(crate) fn new(shown: usize, world: &World) -> Self {
        Self {
            calls: 0,
            coverage: Coverage::new(world),
            justified: BTreeMap::new(),
            open: 0,
            open_kinds: BTreeMap::new(),
            findings: Vec::new(),
            shown,
        }
    }

    /// Takes note of a call. True if it is one to be shown in full.
    pub(crate) fn count(&mut self, call: &Call, compared: &Compared) -> bool {
        self.calls += 1;
        self.coverage.count(call, compared);
        let rows: BTreeSet<_> = compared.justified.iter().collect();
        for name in rows {
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

    /// What is wrong with the run besides unexplained differences. A full one must meet every row of
    /// the table; one of a single scenario proves nothing of that kind.
    pub(crate) fn problems(&self, is_full: bool) -> Vec<String> {
        let missing = self.coverage.missing().into_iter();
        let mut found: Vec<_> = missing
            .map(|name| format!("nothing was asked about {name:?}"))
            .collect();
        for row in TABLE {
            let claims = self.claims(row.name);
            if is_full && claims == 0 {
                found.push(format!(
                    "the row {:?} is stale: it claims nothing",
                    row.name
                ));
            }
            let percent = self.percent(claims);
            if percent > MOST_PERCENT {
                found.push(format!(
                    "the row {:?} claims {percent:.1} % of all answers, more than {MOST_PERCENT} %",
                    row.name
                ));
            }
        }
        found
    }

    fn claims(&self, row: &str) -> u64 {
        self.justified.get(row).copied().unwrap_or(0)
    }

    #[expect(clippy::cast_precision_loss, reason = "a share, to be read")]
    fn percent(&self, claims: u64) -> f64 {
        100.0 * claims as f64 / self.calls.max(1) as f64
    }

    /// The tables, in Markdown.
    pub(crate) fn tables(&self) -> String {
        let mut text = String::new();
        for (group, rows) in self.coverage.groups() {
            let _ = writeln!(text, "| {group} | requests | answers that differ |");
            let _ = writeln!(text, "| --- | ---: | ---: |");
            for (name, count) in rows {
                let _ = writeln!(
                    text,
                    "| {name} | {} | {} |",
                    count.requests, count.differing
                );
            }
            let _ = writeln!(text);
        }
        let _ = writeln!(
            text,
            "| Justified difference | answers | share | reason |\n| --- | ---: | ---: | --- |"
        );
        for row in TABLE {
            let claims = self.claims(row.name);
            let (name, percent, reason) = (row.name, self.percent(claims), row.reason);
            let _ = writeln!(text, "| {name} | {claims} | {percent:.2} % | {reason} |");
        }
        text
    }

    /// Differences that nobody has explained.
    pub(crate) fn findings(&self) -> String {
        let mut text = String::new();
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
