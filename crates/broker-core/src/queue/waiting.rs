//! The messages of a queue that nobody has yet: in a line, or by when they are due.

use super::ready::Ready;
use super::schedule::Schedule;
use super::{Entry, Stub};
use crate::account::Account;
use crate::call::Sequence;
use crate::clock::Timestamp;
use crate::journal::Lsn;

/// What waits, in its order.
#[derive(Debug)]
pub(super) enum Waiting {
    /// In the order in which messages came.
    Line(Ready),
    /// In the order in which they are due.
    Schedule(Box<Schedule>),
}

/// The same question to either.
macro_rules! either {
    ($waiting:expr, $it:ident => $answer:expr) => {
        match $waiting {
            Self::Line($it) => $answer,
            Self::Schedule($it) => $answer,
        }
    };
}

impl Waiting {
    pub(super) fn line(account: &'static Account) -> Self {
        Self::Line(Ready::new(account))
    }

    pub(super) fn schedule(account: &'static Account) -> Self {
        Self::Schedule(Box::new(Schedule::new(account)))
    }

    pub(super) fn len(&self) -> usize {
        either!(self, it => it.len())
    }

    /// Bytes of those in memory.
    pub(super) fn memory_bytes(&self) -> u64 {
        either!(self, it => it.memory_bytes())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first message. None also if it has to be brought back first.
    pub(super) fn first(&self) -> Option<&Entry> {
        either!(self, it => it.first())
    }

    /// Takes the first message out; none as for [`Self::first`].
    pub(super) fn pop_first(&mut self) -> Option<Entry> {
        either!(self, it => it.pop_first())
    }

    /// Puts a message at its place.
    pub(super) fn insert(&mut self, entry: Entry) {
        either!(self, it => it.insert(entry));
    }

    /// Puts a message at its place that only the journal has.
    pub(super) fn put_back(&mut self, stub: Stub) {
        match self {
            Self::Line(line) => line.put_back(stub),
            Self::Schedule(schedule) => schedule.leave(stub),
        }
    }

    /// Begins with messages that only the journal has, in order.
    pub(super) fn restore(&mut self, stubs: impl Iterator<Item = Stub>) {
        either!(self, it => it.restore(stubs));
    }

    pub(super) fn contains(&self, sequence: Sequence) -> bool {
        either!(self, it => it.contains(sequence))
    }

    /// The message of that sequence, if it is in memory.
    pub(super) fn entry(&self, sequence: Sequence) -> Option<&Entry> {
        either!(self, it => it.entry(sequence))
    }

    /// All messages in memory, in no order.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        let (line, schedule) = self.both();
        let line = line.into_iter().flat_map(Ready::entries);
        line.chain(schedule.into_iter().flat_map(Schedule::entries))
    }

    /// All that are not in memory.
    pub(super) fn stubs(&self) -> impl Iterator<Item = Stub> {
        let (line, schedule) = self.both();
        let line = line.into_iter().flat_map(Ready::stubs);
        line.chain(schedule.into_iter().flat_map(Schedule::stubs))
    }

    /// The message's record is at another place now; false if it is not in the journal alone.
    pub(super) fn moved(&mut self, sequence: Sequence, record: Lsn) -> bool {
        either!(self, it => it.moved(sequence, record))
    }

    /// Whether the first message has to be brought back before it can be had.
    pub(super) fn is_due(&self) -> bool {
        either!(self, it => it.is_due())
    }

    /// Whether that message may be let go because of its time.
    pub(super) fn due_is_timed(&self) -> bool {
        match self {
            Self::Line(line) => line.due_is_timed(),
            Self::Schedule(schedule) => schedule.is_due(),
        }
    }

    /// What to bring back next, of a queue that keeps so many bytes.
    pub(super) fn due(&self, keep_bytes: usize) -> Vec<Stub> {
        match self {
            Self::Line(line) => line.due(keep_bytes),
            Self::Schedule(schedule) => schedule.due(),
        }
    }

    /// Takes in what was due, in the same order.
    pub(super) fn brought_back(&mut self, entries: Vec<Entry>) {
        either!(self, it => it.brought_back(entries));
    }

    /// Leaves to the journal what is in memory beyond so many bytes.
    pub(super) fn page_out(&mut self, keep_bytes: usize, durable: Lsn) {
        either!(self, it => it.page_out(keep_bytes, durable));
    }

    /// Empties it and tells the sequences of what the journal holds.
    pub(super) fn clear(&mut self, journaled: impl FnMut(Sequence)) {
        either!(self, it => it.clear(journaled));
    }

    /// It is so late now.
    pub(super) fn look(&mut self, now: Timestamp) {
        if let Self::Schedule(schedule) = self {
            schedule.look(now);
        }
    }

    /// When the first message is let go because of its time, unless it has to be brought back.
    pub(super) fn first_expires(&self) -> Timestamp {
        let expires = match self {
            Self::Line(line) => line.first().map(|first| first.expires),
            Self::Schedule(schedule) => schedule.first_due().filter(|_| !schedule.is_due()),
        };
        expires.unwrap_or(Timestamp::NEVER)
    }

    fn both(&self) -> (Option<&Ready>, Option<&Schedule>) {
        match self {
            Self::Line(line) => (Some(line), None),
            Self::Schedule(schedule) => (None, Some(schedule)),
        }
    }
}
