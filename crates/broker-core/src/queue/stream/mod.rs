//! A stream: messages that stay, at offsets that never change, and readers that go through them each
//! at its own pace.
//!
//! A message gets the next offset when it comes and leaves when retention says so, from the front.
//! Settling a delivery gives its reader credit and does nothing to the message.
//!
//! # Where the messages are
//!
//! In the broker's one journal, as all others: what is durable has to be there, for that is what is
//! synced once for everybody and shipped to another node, and what checkpoints, copies, scrub and
//! salvage deal with. A file of its own for each stream would make reading it cheaper where other
//! queues write a lot in between, at the price of writing everything twice and of a second format with
//! all of that. What is in memory of a message is a few bytes that tell where in the journal it is
//! ([`Index`]), and the newest messages themselves, as many as a queue may keep at its end. The journal
//! gets a settlement for what retention lets go, and frees or moves segments as for any queue.
//!
//! # Reading
//!
//! A reader at the end gets messages as they become durable, from memory. One further back has them
//! read by whoever gave it credit or room ([`Reading`]), some at a time, with the queue's lock let go
//! while the disk works: nobody who publishes waits for a reader. A little of what a reader cannot take yet
//! waits for it in memory; the rest is read again later.
//!
//! # Offsets are dense
//!
//! Whoever gives out offsets holds the [stream's turn](crate::broker) until the record is in the
//! journal, so that a crash takes messages from the end only. They may arrive here in another order,
//! and are put in place.

mod index;
mod readers;
mod retention;
mod start;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

pub(crate) use index::Index;
pub(crate) use readers::Reading;
pub(crate) use retention::Probe;
pub(crate) use start::Start;

use self::readers::Readers;
use super::{At, ConsumeError, Consumer, Effect, Entry, Settled, Stub};
use crate::account::Account;
use crate::call::{QueueId, Sequence};
use crate::clock::Timestamp;
use crate::journal::Lsn;

/// The messages and readers of one stream.
#[derive(Debug)]
pub(super) struct Stream {
    id: QueueId,
    account: &'static Account,
    /// These come first,
    index: Index,
    /// then these, which are in memory, without a gap.
    tail: VecDeque<Entry>,
    tail_bytes: usize,
    /// Those that came before one that precedes them.
    early: BTreeMap<u64, Entry>,
    /// Behind the offset of the last message, those that came early left out.
    next: u64,
    /// Messages before this offset are durable,
    safe: u64,
    /// and these are the bytes of those of them that are left,
    safe_bytes: u64,
    /// and of all messages.
    bytes: u64,
    readers: Readers,
    /// Behind the last message it began with; 0 once all of those are durable.
    unsure: Lsn,
    /// When to look for messages that are too old; never without a limit.
    check_age_at: Timestamp,
}

impl Stream {
    pub(super) fn new(id: QueueId, account: &'static Account) -> Self {
        Self {
            id,
            account,
            index: Index::default(),
            tail: VecDeque::new(),
            tail_bytes: 0,
            early: BTreeMap::new(),
            next: 0,
            safe: 0,
            safe_bytes: 0,
            bytes: 0,
            readers: Readers::default(),
            unsure: Lsn(0),
            check_age_at: Timestamp::NEVER,
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.index.len() + self.tail.len() as u64
    }

    /// Bytes of the messages in memory.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.tail_bytes as u64
    }

    pub(super) fn consumers(&self) -> usize {
        self.readers.len()
    }

    /// Begins with messages that only the journal has; the next one gets the offset `next`.
    pub(super) fn restore(&mut self, index: Index, next: u64) {
        let records = index.iter().map(|stub| (stub.record, stub.size_bytes));
        self.account.enter_records(records);
        let last = index.iter().map(|stub| stub.record).max();
        self.unsure = last.map_or(Lsn(0), |record| Lsn(record.0 + 1));
        (self.bytes, self.safe_bytes) = (index.bytes(), index.bytes());
        (self.next, self.safe) = (next, next);
        self.index = index;
        // Whether any is too old is for the first look to say.
        self.check_age_at = Timestamp::default();
    }

    /// Offset of the first message; of the next one while there is none.
    pub(super) fn first(&self) -> u64 {
        self.index.first().unwrap_or_else(|| self.tail_first())
    }

    fn tail_first(&self) -> u64 {
        self.tail.front().map_or(self.next, |it| it.sequence.0)
    }

    /// The offset at which a reader goes on that has come to this one: what retention took before it
    /// is not missed, nor what the journal has lost.
    fn at_or_after(&self, offset: u64) -> u64 {
        if self.index.end().is_some_and(|end| offset < end) {
            offset.max(self.first())
        } else {
            offset.max(self.tail_first())
        }
    }

    /// The message of that offset, if it is in memory and none is missing before it.
    fn in_tail(&self, offset: u64) -> Option<&Entry> {
        let place = offset.checked_sub(self.tail_first())?;
        self.tail.get(usize::try_from(place).ok()?)
    }

    /// Takes messages in at their places.
    pub(super) fn push(&mut self, entries: impl Iterator<Item = Entry>) {
        for entry in entries {
            self.early.insert(entry.sequence.0, entry);
            while let Some(entry) = self.early.remove(&self.next) {
                self.next += 1;
                self.bytes += entry.message.size_bytes() as u64;
                self.tail_bytes += entry.weight_bytes();
                self.tail.push_back(entry);
            }
        }
    }

    /// The journal is durable up to there.
    fn commit(&mut self, durable: Lsn) {
        while let Some(entry) = self.in_tail(self.safe)
            && entry.message.lsn <= durable
        {
            self.safe_bytes += entry.message.size_bytes() as u64;
            self.safe += 1;
        }
    }

    /// Leaves to the journal what is in memory beyond so many bytes, as far as it is durable there.
    pub(super) fn page_out(&mut self, keep_bytes: usize, durable: Lsn) {
        self.commit(durable);
        if keep_bytes == 0 {
            self.drop_ahead();
        }
        if self.tail_bytes <= keep_bytes {
            return;
        }
        while self.tail_bytes > keep_bytes / 2
            && let Some(stub) = self.tail.front().and_then(|it| it.stub(durable))
        {
            self.account.enter_record(stub.record, stub.size_bytes);
            self.index.push(stub);
            self.pop_tail();
        }
    }

    fn pop_tail(&mut self) -> Option<Entry> {
        let entry = self.tail.pop_front()?;
        self.tail_bytes -= entry.weight_bytes();
        Some(entry)
    }

    /// Takes out the first message, which is durable.
    fn pop_first(&mut self) -> Option<Sequence> {
        let (sequence, size_bytes) = match self.index.pop_first() {
            Some(stub) => {
                self.account.leave_record(stub.record, stub.size_bytes);
                (stub.sequence, u64::from(stub.size_bytes))
            }
            None => {
                let entry = self.pop_tail()?;
                (entry.sequence, entry.message.size_bytes() as u64)
            }
        };
        self.safe_bytes -= size_bytes;
        self.bytes -= size_bytes;
        Some(sequence)
    }

    pub(super) fn holds(&self, sequence: Sequence) -> bool {
        (self.first()..self.next).contains(&sequence.0) || self.early.contains_key(&sequence.0)
    }

    /// Every message in memory.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.tail.iter().chain(self.early.values())
    }

    /// Every other one whose record begins below that position.
    pub(super) fn stubs_below(&self, record: Lsn) -> impl Iterator<Item = Stub> {
        self.index.below(record)
    }

    /// The message's record is at another place now. False if the message is not here any more.
    pub(super) fn moved(&mut self, sequence: Sequence, record: Lsn) -> bool {
        if let Some(old) = self.index.moved(sequence.0, record) {
            self.account.enter_record(record, old.size_bytes);
            self.account.leave_record(old.record, old.size_bytes);
            return true;
        }
        let early = || self.early.get(&sequence.0);
        let Some(entry) = self.in_tail(sequence.0).or_else(early) else {
            return false;
        };
        if let Some(hold) = &entry.message.hold {
            hold.move_to(record);
        }
        true
    }

    /// Forgets all messages. What was told to readers is theirs.
    pub(super) fn clear(&mut self) {
        while let Some(stub) = self.index.pop_first() {
            self.account.leave_record(stub.record, stub.size_bytes);
        }
        self.tail.clear();
        self.early.clear();
        (self.tail_bytes, self.safe_bytes, self.bytes) = (0, 0, 0);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests;
