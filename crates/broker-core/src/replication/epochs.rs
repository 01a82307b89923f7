//! Which epoch wrote which part of a log: what two nodes compare to find where they differ.

use super::record::Position;
use crate::journal::{Epoch, Lsn};

/// For each epoch that wrote to the log, the position of its first record. Epochs and positions
/// both rise. One entry for each reign that wrote anything, so it stays small.
///
/// An epoch has one leader, and its records come from that leader alone. So where two logs have a
/// record of the same epoch at the same position, they are equal up to there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EpochTable(Vec<(Epoch, Lsn)>);

impl EpochTable {
    /// From pairs as they came from a disk or a peer. `None` unless both columns rise.
    pub fn new(entries: Vec<(Epoch, Lsn)>) -> Option<Self> {
        let rises = entries
            .windows(2)
            .all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1);
        rises.then_some(Self(entries))
    }

    /// The pairs, rising.
    pub fn entries(&self) -> &[(Epoch, Lsn)] {
        &self.0
    }

    /// Notes that records from `from` on are of `epoch`. An epoch that turns out to have written
    /// nothing leaves no trace.
    pub fn begin(&mut self, epoch: Epoch, from: Lsn) {
        self.cut(from);
        if self.0.last().is_none_or(|&(last, _)| last < epoch) {
            self.0.push((epoch, from));
        }
    }

    /// Forgets what lies at `end` and behind it.
    pub fn cut(&mut self, end: Lsn) {
        self.0.retain(|&(_, from)| from < end);
    }

    /// The position that ends at `lsn`.
    pub fn position(&self, lsn: Lsn) -> Position {
        let before = self.0.iter().rev().find(|&&(_, from)| from < lsn);
        Position {
            epoch: before.map_or(Epoch(0), |&(epoch, _)| epoch),
            lsn,
        }
    }

    /// The epoch of the record at `lsn`, and where the records of that epoch end, in a log that
    /// ends at `end`. `None` where there is no record.
    pub fn run_at(&self, lsn: Lsn, end: Lsn) -> Option<(Epoch, Lsn)> {
        if lsn >= end {
            return None;
        }
        let index = self.0.iter().rposition(|&(_, from)| from <= lsn)?;
        let until = self
            .0
            .get(index + 1)
            .map_or(end, |&(_, next)| next.min(end));
        Some((self.0[index].0, until))
    }

    /// Up to where this log, which ends at `end`, and the other one hold the same records.
    pub fn divergence(&self, end: Lsn, other: &Self, other_end: Lsn) -> Lsn {
        let mut common = Lsn(0);
        for (index, (mine, theirs)) in self.0.iter().zip(&other.0).enumerate() {
            if mine != theirs {
                break;
            }
            let until = |table: &Self, end: Lsn| match table.0.get(index + 1) {
                Some(&(_, next)) => next.min(end),
                None => end,
            };
            common = until(self, end).min(until(other, other_end));
        }
        common
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: &[(u32, u64)]) -> EpochTable {
        let entries = entries.iter().map(|&(e, l)| (Epoch(e), Lsn(l))).collect();
        EpochTable::new(entries).unwrap()
    }

    /// Position after which they differ, of two logs given as table and end. Symmetric.
    fn diverge(a: (&[(u32, u64)], u64), b: (&[(u32, u64)], u64)) -> u64 {
        let (ta, tb) = (table(a.0), table(b.0));
        let there = ta.divergence(Lsn(a.1), &tb, Lsn(b.1));
        assert_eq!(there, tb.divergence(Lsn(b.1), &ta, Lsn(a.1)));
        there.0
    }

    #[test]
    fn logs_part_where_their_epochs_do() {
        let both: &[(u32, u64)] = &[(1, 0), (2, 5)];
        assert_eq!(diverge((both, 9), (both, 9)), 9);
        assert_eq!(diverge((both, 9), (both, 7)), 7);
        assert_eq!(diverge((both, 9), (&[(1, 0)], 5)), 5);
        // The other went on in epoch 1 where this one has epoch 2.
        assert_eq!(diverge((both, 9), (&[(1, 0)], 8)), 5);
        // It heard of another reign at another place.
        assert_eq!(diverge((both, 9), (&[(1, 0), (3, 4)], 6)), 4);
        assert_eq!(diverge((both, 9), (&[(1, 0), (3, 5)], 6)), 5);
        assert_eq!(diverge((both, 9), (&[(2, 0)], 6)), 0);
        assert_eq!(diverge((both, 9), (&[], 0)), 0);
    }

    #[test]
    fn a_reign_that_wrote_nothing_leaves_no_trace() {
        let mut log = table(&[(1, 0)]);
        log.begin(Epoch(2), Lsn(5));
        log.begin(Epoch(3), Lsn(5));
        assert_eq!(log, table(&[(1, 0), (3, 5)]));
        // It began, but nothing was written: the table is ahead of the log's end.
        assert_eq!(log.divergence(Lsn(5), &table(&[(1, 0)]), Lsn(7)), Lsn(5));
    }

    #[test]
    fn a_cut_forgets_the_reigns_behind_it() {
        let mut log = table(&[(1, 0), (2, 5), (4, 8)]);
        log.cut(Lsn(8));
        assert_eq!(log, table(&[(1, 0), (2, 5)]));
        log.cut(Lsn(3));
        assert_eq!(log, table(&[(1, 0)]));
        log.cut(Lsn(0));
        assert_eq!(log, EpochTable::default());
    }

    #[test]
    fn positions_and_runs_know_their_epoch() {
        let log = table(&[(1, 0), (2, 5)]);
        let at = |lsn| log.position(Lsn(lsn)).epoch.0;
        assert_eq!([at(0), at(1), at(5), at(6), at(9)], [0, 1, 1, 2, 2]);
        let run = |lsn| log.run_at(Lsn(lsn), Lsn(9)).map(|(e, end)| (e.0, end.0));
        assert_eq!(run(0), Some((1, 5)));
        assert_eq!(run(4), Some((1, 5)));
        assert_eq!(run(5), Some((2, 9)));
        assert_eq!(run(9), None);
    }

    #[test]
    fn tables_that_do_not_rise_are_refused() {
        let bad = |entries: &[(u32, u64)]| {
            let entries = entries.iter().map(|&(e, l)| (Epoch(e), Lsn(l))).collect();
            EpochTable::new(entries).is_none()
        };
        assert!(bad(&[(2, 0), (1, 5)]));
        assert!(bad(&[(1, 5), (2, 5)]));
        assert!(!bad(&[]));
    }
}
