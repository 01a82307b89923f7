//! What a run has seen: coverage, justified differences, and the first of those that are not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::answer::Difference;
use crate::call::Call;
use crate::compare::Compared;
use crate::coverage::Coverage;
use crate::justified::TABLE;
use crate::schema::World;

/// A row of the table that claims more of a hundred answers to one RPC is too wide to tell a mistake
/// from what it is about.
const MOST_PERCENT: f64 = 10.0;

/// Of fewer answers a share says nothing.
const MANY: u64 = 100;

/// Counts and findings.
pub(crate) struct Report {
    pub(crate) calls: u64,
    coverage: Coverage,
    /// Answers that each row of the table has claimed, by RPC.
    justified: BTreeMap<(&'static str, &'static str), u64>,
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
            *self.justified.entry((name, call.rpc.name())).or_default() += 1;
        }
        let Some(first) = compared.open.first() else {
            return false;
        };
        self.open += 1;
        // That one of them refuses is told by the diagnostics too, and better.
        let is_bare = |found: &&Difference| !matches!(found, Difference::Stops { .. });
        let first = compared.open.iter().find(is_bare).unwrap_or(first);
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
        }
        found.extend(self.too_wide());
        found
    }

    /// Rows that claim more of an RPC than is good.
    fn too_wide(&self) -> impl Iterator<Item = String> {
        let shares = self
            .justified
            .keys()
            .map(|(row, rpc)| (row, rpc, self.share(row, rpc)));
        let wide =
            shares.filter(|(_, rpc, share)| *share > MOST_PERCENT && self.asked(rpc) >= MANY);
        wide.map(|(row, rpc, share)| {
            format!(
                "the row {row:?} claims {share:.1} % of all answers to {rpc}, more than \
                 {MOST_PERCENT} %"
            )
        })
    }

    fn claims(&self, row: &str) -> u64 {
        let of_row = self.justified.iter().filter(|((name, _), _)| *name == row);
        of_row.map(|(_, claims)| claims).sum()
    }

    fn asked(&self, rpc: &str) -> u64 {
        self.coverage
            .rpcs
            .get(rpc)
            .map_or(0, |count| count.requests)
    }

    /// How many of a hundred answers to an RPC a row claims.
    #[expect(clippy::cast_precision_loss, reason = "a share, to be read")]
    fn share(&self, row: &'static str, rpc: &'static str) -> f64 {
        let claims = self.justified.get(&(row, rpc)).copied().unwrap_or(0);
        100.0 * claims as f64 / self.asked(rpc).max(1) as f64
    }

    /// The RPC of which a row claims the greatest share.
    fn widest(&self, row: &'static str) -> Option<(&'static str, f64)> {
        let rpcs = self.justified.keys().filter(|(name, _)| *name == row);
        rpcs.map(|(_, rpc)| (*rpc, self.share(row, rpc)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
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
            "| Justified difference | answers | at most | reason |\n| --- | ---: | --- | --- |"
        );
        for row in TABLE {
            let claims = self.claims(row.name);
            let (name, reason) = (row.name, row.reason);
            let widest = self.widest(name).map_or_else(
                || "nothing".to_owned(),
                |(rpc, share)| format!("{share:.2} % of {rpc}"),
            );
            let _ = writeln!(text, "| {name} | {claims} | {widest} | {reason} |");
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
fn brief(difference: &Difference) -> String {
    let text = difference.to_string();
    let cut: String = text.chars().take(110).collect();
    cut.chars().filter(|c| !c.is_ascii_digit()).collect()
}
