//! The differences that are meant to be, each with its reason and with what tells it from a mistake.
//!
//! Whatever no row of this table claims fails the run, and a row that claims nothing any more is
//! reported as stale by a full run.

use crate::answer::{Answer, Difference};
use crate::call::Call;

/// A request, and what the two providers answered.
pub(crate) struct Exchange<'a> {
    pub(crate) call: &'a Call,
    pub(crate) reference: &'a Answer,
    pub(crate) ours: &'a Answer,
}

/// A difference that is meant to be.
pub(crate) struct Justified {
    /// For the report.
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) claims: fn(&Exchange<'_>, &Difference) -> bool,
}

/// The table.
pub(crate) const TABLE: &[Justified] = &[];

/// The row that claims a difference.
pub(crate) fn claim(exchange: &Exchange<'_>, difference: &Difference) -> Option<&'static str> {
    let row = TABLE.iter().find(|row| (row.claims)(exchange, difference));
    row.map(|row| row.name)
}
