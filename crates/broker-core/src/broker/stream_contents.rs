//! What the journal holds for one stream, gathered while it is read: a few bytes for each message.
//!
//! Messages come in the order of their offsets, but for those the journal has moved forward: these
//! come again, or for the first time, behind others. So they are gathered in runs that follow each
//! other, of which there are few, and put together at the end.

use std::cmp::Reverse;

use super::contents::Contents;
use crate::queue::{Index, Stub};
use crate::records::SettleRanges;

/// What is known of one stream so far.
#[derive(Debug, Default)]
pub(super) struct StreamContents {
    /// Messages without a gap, in the order in which the first of each came.
    runs: Vec<Index>,
    /// Retention has let all go below this offset.
    kept_from: u64,
    /// Behind the highest offset seen.
    next: u64,
}

/// Runs that may still go on: publishers and those who move messages write at the same time.
const OPEN_RUNS: usize = 4;

impl StreamContents {
    /// Takes over what was gathered before it was known that the queue is a stream.
    pub(super) fn begin_with(&mut self, earlier: Contents) {
        self.next = self.next.max(earlier.next().0);
        for held in earlier.into_held() {
            self.hold(Stub {
                sequence: held.sequence,
                record: held.record,
                size_bytes: held.size_bytes,
                redelivered: false,
                returns: 0,
                timed: held.timed,
            });
        }
    }

    pub(super) fn hold(&mut self, stub: Stub) {
        let offset = stub.sequence.0;
        self.next = self.next.max(offset + 1);
        if offset < self.kept_from {
            return;
        }
        let mut open = self.runs.iter_mut().rev().take(OPEN_RUNS);
        match open.find(|run| run.end() == Some(offset)) {
            Some(run) => run.push(stub),
            None => {
                let mut run = Index::default();
                run.push(stub);
                self.runs.push(run);
            }
        }
    }

    /// What is settled has been let go, from the front.
    pub(super) fn settle(&mut self, ranges: SettleRanges<'_>) {
        for (first, length) in ranges {
            self.kept_from = self.kept_from.max(first.0.saturating_add(length));
        }
        self.next = self.next.max(self.kept_from);
        // So that what is gone takes no memory while the rest is read.
        for run in &mut self.runs {
            while run.first().is_some_and(|first| first < self.kept_from) {
                run.pop_first();
            }
        }
        self.runs.retain(|run| !run.is_empty());
    }

    /// The messages that are left, and the offset of the next one to come.
    pub(super) fn into_index(mut self) -> (Index, u64) {
        if self.runs.len() == 1
            && let Some(run) = self.runs.pop()
        {
            return (run, self.next);
        }
        let mut index = Index::default();
        let mut runs: Vec<_> = self.runs.iter().map(|run| run.iter().peekable()).collect();
        loop {
            let heads = runs.iter_mut().filter_map(|run| run.peek().copied());
            // Of a message that was moved, the newest record counts.
            let first = heads.min_by_key(|stub| (stub.sequence, Reverse(stub.record)));
            let Some(first) = first else {
                return (index, self.next);
            };
            index.push(first);
            for run in &mut runs {
                run.next_if(|stub| stub.sequence == first.sequence);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::call::{QueueId, Sequence};
    use crate::journal::Lsn;
    use crate::records::{read_settle, write_settle};

    fn stub(offset: u64, record: u64) -> Stub {
        Stub {
            sequence: Sequence(offset),
            record: Lsn(record),
            size_bytes: 100,
            redelivered: false,
            returns: 0,
            timed: true,
        }
    }

    fn let_go(contents: &mut StreamContents, below: u64) {
        let mut payload = Vec::new();
        let mut gone: Vec<_> = (0..below).map(Sequence).collect();
        write_settle(&mut payload, QueueId(1), &mut gone);
        contents.settle(read_settle(&payload).unwrap().ranges);
    }

    #[test]
    fn an_empty_stream_knows_where_it_goes_on() {
        let mut contents = StreamContents::default();
        contents.hold(stub(6, 8));
        let_go(&mut contents, 7);
        let (index, next) = contents.into_index();
        assert_eq!((index.len(), next), (0, 7));
    }

    proptest! {
        /// Against a plain map: messages come, are moved forward between others, and are let go.
        #[test]
        fn what_is_not_let_go_is_left_where_it_was_last_seen(
            ops in prop::collection::vec((0..5u8, 1..40u64), 0..60),
        ) {
            let (mut contents, mut model) = (StreamContents::default(), BTreeMap::new());
            let (mut next, mut record, mut gone) = (0, 4096, 0);
            for (op, count) in ops {
                match op {
                    0..=2 => for turn in 0..count {
                        record += 8;
                        contents.hold(stub(next, record));
                        model.insert(next, record);
                        next += 1;
                        // One of the oldest is moved meanwhile.
                        if op == 2 && gone + turn < next {
                            record += 8;
                            contents.hold(stub(gone + turn, record));
                            model.insert(gone + turn, record);
                        }
                    },
                    3 => for offset in gone..(gone + count).min(next) {
                        record += 8;
                        contents.hold(stub(offset, record));
                        model.insert(offset, record);
                    },
                    _ => {
                        gone = (gone + count / 4).min(next);
                        let_go(&mut contents, gone);
                    }
                }
            }
            model.retain(|offset, _| *offset >= gone);
            let (index, end) = contents.into_index();
            prop_assert_eq!(end, next);
            let found: Vec<_> = index.iter().map(|it| (it.sequence.0, it.record.0)).collect();
            prop_assert_eq!(found, model.into_iter().collect::<Vec<_>>());
        }
    }
}
