//! What the journal holds for one queue, gathered while it is read.
//!
//! Reading brings a million messages within milliseconds, so they go into a plain list as they come
//! and are put in order, and rid of what is settled, all at once: at the end, and each time the list
//! has doubled, so that a journal full of messages long gone takes little memory.

use crate::call::Sequence;
use crate::journal::Lsn;
use crate::records::SettleRanges;

/// Lists are not looked through before they are this long.
const TIDY_LEN: usize = 16 * 1024;

/// A message the journal holds; it stays there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) sequence: Sequence,
    /// Where its record begins.
    pub(super) record: Lsn,
    pub(super) size_bytes: u32,
    /// It may expire.
    pub(super) timed: bool,
}

/// Sequences that are settled, from the first to the one behind the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    first: u64,
    end: u64,
}

/// What is known of one queue so far.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Messages as they came, settled ones among them.
    held: Vec<Held>,
    /// They came out of order.
    disordered: bool,
    /// A copy of a settled message may follow its settlement, so these outlive the messages they
    /// settle.
    settled: Vec<Run>,
    /// Above the number of every sequence seen.
    next: u64,
    /// Lengths of the two lists at which they are looked through.
    tidy_held: usize,
    tidy_settled: usize,
}

impl Contents {
    pub(super) fn hold(&mut self, held: Held) {
        self.next = self.next.max(held.sequence.number() + 1);
        let last = self.held.last();
        self.disordered |= last.is_some_and(|last| last.sequence >= held.sequence);
        self.held.push(held);
        if self.held.len() >= self.tidy_held.max(TIDY_LEN) {
            self.tidy();
        }
    }

    pub(super) fn settle(&mut self, ranges: SettleRanges<'_>) {
        for (first, length) in ranges {
            let (first, end) = (first.0, first.0.saturating_add(length));
            // Ranges that reach from one rank into the next do not exist.
            if let Some(last) = end.checked_sub(1) {
                self.next = self.next.max(Sequence(last).number() + 1);
            }
            match self.settled.last_mut() {
                Some(last) if (last.first..=last.end).contains(&first) => {
                    last.end = last.end.max(end);
                }
                _ => self.settled.push(Run { first, end }),
            }
        }
        if self.settled.len() >= self.tidy_settled.max(TIDY_LEN) {
            self.join_settled();
        }
    }

    /// A sequence of the first rank whose number is above all seen.
    pub(super) fn next(&self) -> Sequence {
        Sequence(self.next)
    }

    /// The last place of which a message is known to have left.
    pub(super) fn last_settled(&self) -> Option<Sequence> {
        let ends = self.settled.iter().map(|run| run.end);
        ends.max()?.checked_sub(1).map(Sequence)
    }

    /// The messages that are left, in order.
    pub(super) fn into_held(mut self) -> Vec<Held> {
        self.tidy();
        self.held
    }

    fn tidy(&mut self) {
        if self.disordered {
            // Of a message that was copied forward, the newest record counts.
            (self.held)
                .sort_unstable_by_key(|held| (held.sequence, std::cmp::Reverse(held.record)));
            self.held.dedup_by_key(|held| held.sequence);
            self.disordered = false;
        }
        self.join_settled();
        let mut runs = self.settled.iter().peekable();
        self.held.retain(|held| {
            while runs.next_if(|run| run.end <= held.sequence.0).is_some() {}
            runs.peek().is_none_or(|run| held.sequence.0 < run.first)
        });
        self.tidy_held = 2 * self.held.len();
    }

    /// Puts the runs in order, those that touch each other joined.
    fn join_settled(&mut self) {
        self.settled.sort_unstable_by_key(|run| run.first);
        self.settled.dedup_by(|later, run| {
            let touches = later.first <= run.end;
            if touches {
                run.end = run.end.max(later.end);
            }
            touches
        });
        self.tidy_settled = 2 * self.settled.len();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::call::QueueId;
    use crate::records::{read_settle, write_settle};

    fn settle(contents: &mut Contents, sequences: &[u64]) {
        let mut sequences: Vec<_> = sequences.iter().copied().map(Sequence).collect();
        let mut payload = Vec::new();
        write_settle(&mut payload, QueueId(1), &mut sequences);
        contents.settle(read_settle(&payload).unwrap().ranges);
    }

    fn held(sequence: u64, record: u64) -> Held {
        Held {
            sequence: Sequence(sequence),
            record: Lsn(record),
            size_bytes: 1,
            timed: false,
        }
    }

    #[test]
    fn settled_runs_join() {
        let mut contents = Contents::default();
        for runs in [
            &[10, 11][..],
            &[0, 1],
            &[4, 5],
            &[2, 3],
            &[11, 12, 13],
            &[30],
        ] {
            settle(&mut contents, runs);
        }
        contents.join_settled();
        let run = |first, end| Run { first, end };
        assert_eq!(contents.settled, [run(0, 6), run(10, 14), run(30, 31)]);
        assert_eq!(contents.next(), Sequence(31));
    }

    #[test]
    fn messages_long_gone_take_no_memory() {
        let mut contents = Contents::default();
        for sequence in 0..1_000_000 {
            contents.hold(held(sequence, sequence));
            settle(&mut contents, &[sequence]);
        }
        assert!(contents.held.len() <= TIDY_LEN && contents.settled.len() == 1);
        assert!(contents.held.capacity() <= 2 * TIDY_LEN);
    }

    proptest! {
        /// Against a plain map and set, with lists looked through at any time.
        #[test]
        fn what_is_not_settled_is_left(
            ops in prop::collection::vec((0..4u8, 0..60u64, 1..5u64), 0..200),
        ) {
            let mut contents = Contents::default();
            let (mut model, mut settled) = (BTreeMap::new(), BTreeSet::new());
            for (record, (op, sequence, count)) in (0..).zip(ops) {
                let run: Vec<_> = (sequence..sequence + count).collect();
                match op {
                    0 | 1 => {
                        contents.hold(held(sequence, record));
                        model.insert(sequence, record);
                    }
                    2 => {
                        settle(&mut contents, &run);
                        settled.extend(run);
                    }
                    _ => contents.tidy(),
                }
            }
            let next = model.keys().chain(&settled).max().map_or(0, |last| last + 1);
            prop_assert_eq!(contents.next(), Sequence(next));
            model.retain(|sequence, _| !settled.contains(sequence));
            let expected: Vec<_> = model.into_iter().map(|(s, record)| held(s, record)).collect();
            prop_assert_eq!(contents.into_held(), expected);
        }
    }
}
