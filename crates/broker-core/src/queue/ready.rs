//! The messages of a queue that wait for a consumer, in order.
//!
//! A short queue is in memory as a whole. Of a long one only both ends are: the `head`, which is
//! due next, and the `tail`, which came last and may be due soon if the consumers catch up. What
//! lies between them is in the journal alone ([`Paged`]) and comes back in batches when the head is
//! used up. Memory does not grow with the backlog.

use std::collections::{BTreeMap, VecDeque};

use super::Entry;
use super::paged::{Paged, Stub};
use crate::account::{Account, MESSAGE_BYTES};
use crate::call::Sequence;
use crate::journal::Lsn;

/// Entries by sequence. Taking the first and adding one behind all others take no search; an entry
/// that belongs anywhere else, as one put back does, costs a search, and a shift of at most
/// [`OVERTAKEN`] others.
#[derive(Debug)]
pub(super) struct Ready {
    /// Those that came in order: these first,
    head: Window,
    /// then these,
    paged: Paged,
    /// then these.
    tail: Window,
    /// Those that came after one they precede: put back, or overtaken by another publisher.
    late: BTreeMap<Sequence, Entry>,
    late_bytes: usize,
}

/// Entries in memory, and their weight.
#[derive(Debug, Default)]
struct Window {
    entries: VecDeque<Entry>,
    bytes: usize,
}

/// Most entries shifted for one that they overtook.
const OVERTAKEN: usize = 1024;

/// Most stubs brought back at a time, and most bytes of messages, though never less than one.
const BATCH_LEN: usize = 256;
const BATCH_BYTES: usize = 256 * 1024;

impl Ready {
    pub(super) fn new(account: &'static Account) -> Self {
        Self {
            head: Window::default(),
            paged: Paged::new(account),
            tail: Window::default(),
            late: BTreeMap::new(),
            late_bytes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.head.entries.len() + self.paged.len() + self.tail.entries.len() + self.late.len()
    }

    /// Bytes of those in memory.
    pub(super) fn memory_bytes(&self) -> u64 {
        (self.head.bytes + self.tail.bytes + self.late_bytes) as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first entry. None also if it has to be brought back first, see [`Self::is_due`].
    pub(super) fn first(&self) -> Option<&Entry> {
        if self.late_is_first() {
            self.late.first_key_value().map(|(_, entry)| entry)
        } else {
            self.head.entries.front()
        }
    }

    /// Takes the first entry out; none as for [`Self::first`].
    pub(super) fn pop_first(&mut self) -> Option<Entry> {
        if self.late_is_first() {
            let (_, entry) = self.late.pop_first()?;
            self.late_bytes -= entry.weight_bytes();
            return Some(entry);
        }
        let first = self.head.pop_front();
        self.close_up();
        first
    }

    /// Puts an entry at its place.
    pub(super) fn insert(&mut self, entry: Entry) {
        match self.last() {
            Some(last) if last > entry.sequence => {
                if let Err(entry) = self.insert_near_end(entry) {
                    self.late_bytes += entry.weight_bytes();
                    self.late.insert(entry.sequence, entry);
                }
            }
            _ if self.paged.is_empty() && self.tail.entries.is_empty() => {
                self.head.push_back(entry);
            }
            _ => self.tail.push_back(entry),
        }
    }

    /// Puts an entry at its place that only a few came before: publishers at the same time overtake
    /// each other by what they bring in one go. Gives back one that belongs elsewhere.
    fn insert_near_end(&mut self, entry: Entry) -> Result<(), Entry> {
        let is_all = self.paged.is_empty() && self.tail.entries.is_empty();
        let window = if is_all {
            &mut self.head
        } else {
            &mut self.tail
        };
        let before = |it: &Entry| it.sequence < entry.sequence;
        let place = window.entries.partition_point(before);
        if window.entries.len() - place > OVERTAKEN || place == 0 && !is_all {
            return Err(entry);
        }
        window.insert(place, entry);
        Ok(())
    }

    /// Puts a message at its place that only the journal has. Those in memory that stand before one
    /// like that, or behind one at the end, wait apart from both ends until they have their turn.
    pub(super) fn put_back(&mut self, stub: Stub) {
        let precedes_head = self
            .head
            .entries
            .back()
            .is_some_and(|it| stub.sequence < it.sequence);
        if precedes_head {
            self.late_bytes += self.head.bytes;
            let head = std::mem::take(&mut self.head).entries.into_iter();
            self.late.extend(head.map(|entry| (entry.sequence, entry)));
        }
        let follows_tail = self
            .tail
            .entries
            .front()
            .is_some_and(|it| stub.sequence > it.sequence);
        if follows_tail {
            self.late_bytes += self.tail.bytes;
            let tail = std::mem::take(&mut self.tail).entries.into_iter();
            self.late.extend(tail.map(|entry| (entry.sequence, entry)));
        }
        self.paged.insert(stub);
    }

    /// Begins with messages that only the journal has, in order.
    pub(super) fn restore(&mut self, stubs: impl Iterator<Item = Stub>) {
        debug_assert!(self.is_empty());
        self.paged.extend(stubs);
    }

    pub(super) fn contains(&self, sequence: Sequence) -> bool {
        self.entry(sequence).is_some() || self.paged.contains(sequence)
    }

    /// The entry of that sequence, if it is in memory.
    pub(super) fn entry(&self, sequence: Sequence) -> Option<&Entry> {
        let late = self.late.get(&sequence);
        late.or_else(|| self.head.get(sequence))
            .or_else(|| self.tail.get(sequence))
    }

    /// All entries in memory, in no order.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        let windows = self.head.entries.iter().chain(&self.tail.entries);
        self.late.values().chain(windows)
    }

    /// All that are not in memory.
    pub(super) fn stubs(&self) -> impl Iterator<Item = Stub> {
        self.paged.iter()
    }

    /// The message's record is at another place now; false if it is not in the journal alone.
    pub(super) fn moved(&mut self, sequence: Sequence, record: Lsn) -> bool {
        self.paged.moved(sequence, record)
    }

    /// Whether the first message has to be brought back before it can be had.
    pub(super) fn is_due(&self) -> bool {
        self.head.entries.is_empty() && !self.paged.is_empty() && !self.late_is_first()
    }

    /// Whether that message may expire.
    pub(super) fn due_is_timed(&self) -> bool {
        self.is_due() && self.paged.first_is_timed()
    }

    /// What to bring back next, of a queue that keeps so many bytes at either end.
    pub(super) fn due(&self, keep_bytes: usize) -> Vec<Stub> {
        // More would be put away again at once.
        let most_bytes = BATCH_BYTES.min(keep_bytes / 2);
        let mut bytes = 0;
        let fits = |stub: &Stub| {
            let before = bytes;
            bytes += stub.size_bytes as usize + MESSAGE_BYTES as usize;
            before == 0 || bytes <= most_bytes
        };
        self.paged.iter().take(BATCH_LEN).take_while(fits).collect()
    }

    /// The first stubs are these entries.
    pub(super) fn brought_back(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            self.head.push_back(entry);
            self.paged.pop_front();
        }
        self.close_up();
    }

    /// Leaves to the journal what is in memory beyond `keep_bytes` at either end, as far as it is
    /// durable there. Half of that stays, so that a steady stream is not handled one by one.
    pub(super) fn page_out(&mut self, keep_bytes: usize, durable: Lsn) {
        if self.tail.bytes > keep_bytes {
            while self.tail.bytes > keep_bytes / 2
                && let Some(stub) = self.tail.entries.front().and_then(|it| it.stub(durable))
            {
                self.paged.push_back(stub);
                self.tail.pop_front();
            }
        }
        if self.late_bytes > keep_bytes {
            self.join_late();
            self.page_late(durable);
        }
        if self.head.bytes > keep_bytes {
            self.cut_head(keep_bytes, durable);
        }
    }

    /// Empties it and tells the sequences of what the journal holds.
    pub(super) fn clear(&mut self, mut journaled: impl FnMut(Sequence)) {
        let entries = self.entries().filter(|entry| entry.journaled);
        entries.for_each(|entry| journaled(entry.sequence));
        while let Some(stub) = self.paged.pop_front() {
            journaled(stub.sequence);
        }
        self.head = Window::default();
        self.tail = Window::default();
        self.late = BTreeMap::new();
        self.late_bytes = 0;
    }

    /// Puts those that were put back where they belong, as far as that is in memory.
    fn join_late(&mut self) {
        let behind = self.paged.first();
        let behind = behind.or_else(|| self.tail.entries.front().map(|entry| entry.sequence));
        let last = self.late.last_key_value();
        let first = self.late.first_key_value();
        let gains = last.is_some_and(|(_, last)| last.journaled)
            && first.is_some_and(|(first, _)| behind.is_none_or(|behind| *first < behind));
        if !gains {
            return;
        }
        let rest = behind.map(|behind| self.late.split_off(&behind));
        let mut joined = std::mem::replace(&mut self.late, rest.unwrap_or_default());
        let put_back: usize = joined.values().map(Entry::weight_bytes).sum();
        self.late_bytes -= put_back;
        let head = std::mem::take(&mut self.head.entries);
        joined.extend(head.into_iter().map(|entry| (entry.sequence, entry)));
        self.head.entries = joined.into_values().collect();
        self.head.bytes += put_back;
    }

    /// Leaves those to the journal that belong between others of which it has them alone.
    fn page_late(&mut self, durable: Lsn) {
        let Some(first) = self.paged.first() else {
            return;
        };
        let next = self.late.range(first..).next();
        if next.is_none_or(|(_, next)| next.stub(durable).is_none()) {
            return;
        }
        let mut behind = self.late.split_off(&first);
        behind.retain(|_, entry| match entry.stub(durable) {
            Some(stub) => {
                self.late_bytes -= entry.weight_bytes();
                self.paged.insert(stub);
                false
            }
            None => true,
        });
        self.late.append(&mut behind);
    }

    /// Makes the head short. Its end may be too new to be left to the journal: that becomes the
    /// tail. What the journal will never have stays where it is, and all before it.
    fn cut_head(&mut self, keep_bytes: usize, durable: Lsn) {
        let least = usize::from(keep_bytes > 0);
        while self.head.bytes > keep_bytes / 2 && self.head.entries.len() > least {
            let Some(last) = self.head.entries.back() else {
                return;
            };
            if let Some(stub) = last.stub(durable) {
                self.paged.push_front(stub);
                self.head.pop_back();
            } else if last.journaled
                && self.paged.is_empty()
                && self.head.entries.len() > 1
                && let Some(last) = self.head.pop_back()
            {
                self.tail.push_front(last);
            } else {
                return;
            }
        }
    }

    /// With nothing between them, both ends are one.
    fn close_up(&mut self) {
        if self.head.entries.is_empty() && self.paged.is_empty() {
            std::mem::swap(&mut self.head, &mut self.tail);
        }
    }

    /// The last sequence of those that came in order.
    fn last(&self) -> Option<Sequence> {
        let tail = self.tail.entries.back().map(|entry| entry.sequence);
        tail.or_else(|| self.paged.last())
            .or_else(|| self.head.entries.back().map(|entry| entry.sequence))
    }

    fn late_is_first(&self) -> bool {
        let Some((late, _)) = self.late.first_key_value() else {
            return false;
        };
        let head = self.head.entries.front().map(|entry| entry.sequence);
        let first = head.or_else(|| self.paged.first());
        first.is_none_or(|first| *late < first)
    }
}

impl Window {
    fn push_back(&mut self, entry: Entry) {
        self.bytes += entry.weight_bytes();
        self.entries.push_back(entry);
    }

    fn insert(&mut self, place: usize, entry: Entry) {
        self.bytes += entry.weight_bytes();
        self.entries.insert(place, entry);
    }

    fn push_front(&mut self, entry: Entry) {
        self.bytes += entry.weight_bytes();
        self.entries.push_front(entry);
    }

    fn pop_front(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.weight_bytes();
        Some(entry)
    }

    fn pop_back(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_back()?;
        self.bytes -= entry.weight_bytes();
        Some(entry)
    }

    fn get(&self, sequence: Sequence) -> Option<&Entry> {
        let place = self
            .entries
            .binary_search_by_key(&sequence, |entry| entry.sequence);
        place.ok().map(|place| &self.entries[place])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Timestamp;
    use crate::message::{Body, Envelope, Message, Properties};

    /// An entry of some 1,000 bytes that is in the journal, durable below 1 MiB, or is not.
    fn entry(sequence: u64, account: &'static Account, journaled: bool) -> Entry {
        let record = Lsn(4096 + 8 * sequence);
        let properties = Properties::Amqp091(Vec::new().into());
        let envelope = Envelope {
            exchange: "".into(),
            routing_key: "q".into(),
            properties,
            persistent: journaled,
            further_keys: Box::default(),
        };
        let mut message = Message::new(Arc::new(envelope), Body::copy_from_slice(&[0; 1000]));
        let hold = account.hold(1000, journaled.then_some(record));
        if journaled {
            message.lsn = record;
            hold.set_record(record);
        }
        message.hold = Some(hold);
        Entry {
            sequence: Sequence(sequence),
            message: Arc::new(message),
            expires: Timestamp::NEVER,
            journaled,
            redelivered: false,
            returns: 0,
        }
    }

    fn filled(journaled: bool, durable: Lsn) -> Ready {
        let account = Account::new(u64::MAX, 1 << 20);
        let mut ready = Ready::new(account);
        for sequence in 0..1000 {
            ready.insert(entry(sequence, account, journaled));
            ready.page_out(10_000, durable);
        }
        ready
    }

    fn lengths(ready: &Ready) -> [usize; 3] {
        let (head, tail) = (&ready.head.entries, &ready.tail.entries);
        [head.len(), ready.paged.len(), tail.len()]
    }

    #[test]
    fn both_ends_stay_in_memory() {
        let ready = filled(true, Lsn(1 << 20));
        let [head, paged, tail] = lengths(&ready);
        assert!((1..9).contains(&head) && (1..9).contains(&tail));
        assert_eq!(head + paged + tail, 1000);
    }

    #[test]
    fn what_the_journal_does_not_have_is_never_moved_about() {
        assert_eq!(lengths(&filled(false, Lsn(1 << 20))), [1000, 0, 0]);
    }

    #[test]
    fn publishers_that_overtake_each_other_leave_no_more_in_memory() {
        let account = Account::new(u64::MAX, 1 << 20);
        for window_bytes in [10_000, 0] {
            let mut ready = Ready::new(account);
            for round in 0..20 {
                for sequence in (0..256).step_by(2).chain((1..256).step_by(2)) {
                    ready.insert(entry(round * 256 + sequence, account, true));
                    // Every so often, as queues are entered.
                    if sequence > 250 {
                        ready.page_out(window_bytes, Lsn(1 << 20));
                    }
                }
            }
            assert!(ready.entries().count() < 20, "{}", ready.entries().count());
            let mut order = Vec::new();
            while !ready.is_empty() {
                if let Some(entry) = ready.pop_first() {
                    order.push(entry.sequence.0);
                    continue;
                }
                let due = ready.due(1 << 20);
                let back = due.iter().map(|stub| entry(stub.sequence.0, account, true));
                ready.brought_back(back.collect());
            }
            assert!(order.iter().copied().eq(0..20 * 256));
        }
    }

    #[test]
    fn what_is_not_durable_stays_until_it_is() {
        let mut ready = filled(true, Lsn(4096 + 8 * 500));
        assert_eq!(lengths(&ready).iter().sum::<usize>(), 1000);
        assert_eq!(ready.paged.last(), Some(Sequence(499)));
        ready.page_out(10_000, Lsn(1 << 20));
        assert!(lengths(&ready)[2] < 9);
    }
}
