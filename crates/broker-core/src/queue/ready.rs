//! The messages of a queue that wait for a consumer, in order.

use std::collections::{BTreeMap, VecDeque};

use super::Entry;
use crate::call::Sequence;

/// Entries by sequence. Taking the first and adding one behind all others take no search; an entry
/// that belongs anywhere else, as one put back does, costs a search and never a shift of the others.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// Those that came in order.
    fresh: VecDeque<Entry>,
    /// Those that came after one they precede: put back, or overtaken by another publisher.
    late: BTreeMap<Sequence, Entry>,
}

impl Ready {
    pub(super) fn len(&self) -> usize {
        self.fresh.len() + self.late.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.late.is_empty()
    }

    /// The first entry.
    pub(super) fn first(&self) -> Option<&Entry> {
        if self.late_is_first() {
            self.late.first_key_value().map(|(_, entry)| entry)
        } else {
            self.fresh.front()
        }
    }

    /// Takes the first entry out.
    pub(super) fn pop_first(&mut self) -> Option<Entry> {
        if self.late_is_first() {
            self.late.pop_first().map(|(_, entry)| entry)
        } else {
            self.fresh.pop_front()
        }
    }

    /// Puts an entry at its place.
    pub(super) fn insert(&mut self, entry: Entry) {
        match self.fresh.back() {
            Some(last) if last.sequence > entry.sequence => {
                self.late.insert(entry.sequence, entry);
            }
            _ => self.fresh.push_back(entry),
        }
    }

    pub(super) fn contains(&self, sequence: Sequence) -> bool {
        self.late.contains_key(&sequence)
            || self
                .fresh
                .binary_search_by_key(&sequence, |entry| entry.sequence)
                .is_ok()
    }

    /// All entries, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.late.values().chain(&self.fresh)
    }

    fn late_is_first(&self) -> bool {
        match (self.late.first_key_value(), self.fresh.front()) {
            (Some((late, _)), Some(fresh)) => *late < fresh.sequence,
            (late, _) => late.is_some(),
        }
    }
}
