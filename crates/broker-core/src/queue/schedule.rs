//! Messages that wait until they are due, in the order of that: those of a delayed exchange.
//!
//! A message's [place](Sequence::due) says when it is due, so that nothing has to be read to know what
//! comes next. In memory are those that came last and those that only memory has; of the others there
//! is what a [`Stub`] says, and they come back when they are due. Every operation takes time with the
//! logarithm of all that wait, and none looks at what is not due.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, Stub};
use crate::account::{Account, MESSAGE_BYTES};
use crate::call::Sequence;
use crate::clock::Timestamp;
use crate::journal::Lsn;

/// Messages by place.
#[derive(Debug)]
pub(super) struct Schedule {
    account: &'static Account,
    /// Those in memory.
    near: BTreeMap<Sequence, Entry>,
    /// Those of them that the journal keeps as well, by where it must be durable for that.
    leavable: BTreeSet<(Lsn, Sequence)>,
    leavable_bytes: usize,
    /// Those that the journal has alone.
    far: BTreeMap<Sequence, Far>,
    /// When it was last asked what is due.
    now: Timestamp,
    /// Nothing that is due by then may be put in any more: its place may be one that the journal
    /// knows as settled.
    passed: Timestamp,
}

/// What is kept of a message in the journal.
#[derive(Debug, Clone, Copy)]
struct Far {
    record: Lsn,
    size_bytes: u32,
    redelivered: bool,
}

/// About what a message that the journal has alone takes in memory.
const FAR_BYTES: u64 = 64;

/// Most messages brought back at a time, and most bytes of them, though never less than one.
const BATCH_LEN: usize = 256;
const BATCH_BYTES: usize = 256 * 1024;

impl Schedule {
    pub(super) fn new(account: &'static Account) -> Self {
        Self {
            account,
            near: BTreeMap::new(),
            leavable: BTreeSet::new(),
            leavable_bytes: 0,
            far: BTreeMap::new(),
            now: Timestamp::default(),
            passed: Timestamp::default(),
        }
    }

    /// Bytes of those in memory that the journal has as well.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.leavable_bytes as u64
    }

    pub(super) fn len(&self) -> usize {
        self.near.len() + self.far.len()
    }

    /// What is due by now may be taken out.
    pub(super) fn look(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    /// Everything due by then has been here; see [`Self::passed`].
    pub(super) fn pass(&mut self, due: Timestamp) {
        self.passed = self.passed.max(due);
    }

    /// Messages that come now are due later than this.
    pub(super) fn passed(&self) -> Timestamp {
        self.passed
    }

    /// When the first message is due.
    pub(super) fn first_due(&self) -> Option<Timestamp> {
        let near = self.near.first_key_value().map(|(place, _)| *place);
        let far = self.far.first_key_value().map(|(place, _)| *place);
        near.into_iter().chain(far).min().map(Sequence::due_time)
    }

    /// The first message. None also if it has to be brought back first, see [`Self::is_due`].
    pub(super) fn first(&self) -> Option<&Entry> {
        let (place, entry) = self.near.first_key_value()?;
        let far = self.far.first_key_value();
        far.is_none_or(|(far, _)| place < far).then_some(entry)
    }

    /// Takes the first message out; none as for [`Self::first`].
    pub(super) fn pop_first(&mut self) -> Option<Entry> {
        self.first()?;
        let (place, entry) = self.near.pop_first()?;
        self.left(&entry);
        self.pass(place.due_time());
        Some(entry)
    }

    pub(super) fn insert(&mut self, entry: Entry) {
        if entry.journaled {
            self.leavable.insert((entry.message.lsn, entry.sequence));
            self.leavable_bytes += entry.weight_bytes();
        }
        self.near.insert(entry.sequence, entry);
    }

    /// Begins with messages that only the journal has.
    pub(super) fn restore(&mut self, stubs: impl Iterator<Item = Stub>) {
        stubs.for_each(|stub| self.leave(stub));
    }

    pub(super) fn contains(&self, place: Sequence) -> bool {
        self.near.contains_key(&place) || self.far.contains_key(&place)
    }

    /// The message of that place, if it is in memory.
    pub(super) fn entry(&self, place: Sequence) -> Option<&Entry> {
        self.near.get(&place)
    }

    /// All messages in memory.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.near.values()
    }

    /// All that are not in memory.
    pub(super) fn stubs(&self) -> impl Iterator<Item = Stub> {
        self.far.iter().map(|(place, far)| far.stub(*place))
    }

    /// The message's record is at another place in the journal now; false if it is not there alone.
    pub(super) fn moved(&mut self, place: Sequence, record: Lsn) -> bool {
        let Some(far) = self.far.get_mut(&place) else {
            return false;
        };
        let old = std::mem::replace(&mut far.record, record);
        self.account.enter_record(record, far.size_bytes);
        self.account.leave_record(old, far.size_bytes);
        true
    }

    /// Whether the first message is due, and has to be brought back for that.
    pub(super) fn is_due(&self) -> bool {
        self.first().is_none() && self.first_due().is_some_and(|due| due <= self.now)
    }

    /// What to bring back.
    pub(super) fn due(&self) -> Vec<Stub> {
        let mut bytes = 0;
        let fits = |stub: &Stub| {
            let before = bytes;
            bytes += stub.size_bytes as usize + MESSAGE_BYTES as usize;
            stub.sequence.due_time() <= self.now && (before == 0 || bytes <= BATCH_BYTES)
        };
        self.stubs().take(BATCH_LEN).take_while(fits).collect()
    }

    /// The first of those that were not in memory are these.
    pub(super) fn brought_back(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            self.far_left(entry.sequence);
            self.insert(entry);
        }
    }

    /// Leaves messages beyond so many bytes to the journal, those that came first before the others,
    /// as far as they are durable there.
    pub(super) fn page_out(&mut self, keep_bytes: usize, durable: Lsn) {
        if self.leavable_bytes <= keep_bytes {
            return;
        }
        while self.leavable_bytes > keep_bytes / 2
            && let Some((_, place)) = self.leavable.first()
            && let Some(entry) = self.near.get(place)
            && let Some(stub) = entry.stub(durable)
            && let Some(entry) = self.near.remove(&stub.sequence)
        {
            self.left(&entry);
            self.leave(stub);
        }
    }

    /// Empties it and tells the places of what the journal holds.
    pub(super) fn clear(&mut self, mut journaled: impl FnMut(Sequence)) {
        let near = std::mem::take(&mut self.near);
        let kept = near.values().filter(|entry| entry.journaled);
        kept.for_each(|entry| journaled(entry.sequence));
        self.leavable = BTreeSet::new();
        self.leavable_bytes = 0;
        while let Some((place, far)) = self.far.pop_first() {
            self.account.leave_record(far.record, far.size_bytes);
            self.account.unweigh(FAR_BYTES);
            journaled(place);
        }
    }

    /// A message is not in memory any more.
    fn left(&mut self, entry: &Entry) {
        if self.leavable.remove(&(entry.message.lsn, entry.sequence)) {
            self.leavable_bytes -= entry.weight_bytes();
        }
    }

    /// A message is in the journal alone.
    pub(super) fn leave(&mut self, stub: Stub) {
        self.account.enter_record(stub.record, stub.size_bytes);
        self.account.weigh(FAR_BYTES);
        let far = Far {
            record: stub.record,
            size_bytes: stub.size_bytes,
            redelivered: stub.redelivered,
        };
        self.far.insert(stub.sequence, far);
    }

    /// It is not any more. Whoever needs its record has seen to that it stays.
    fn far_left(&mut self, place: Sequence) {
        if let Some(far) = self.far.remove(&place) {
            self.account.leave_record(far.record, far.size_bytes);
            self.account.unweigh(FAR_BYTES);
        }
    }
}

impl Far {
    fn stub(self, sequence: Sequence) -> Stub {
        Stub {
            sequence,
            record: self.record,
            size_bytes: self.size_bytes,
            redelivered: self.redelivered,
            returns: 0,
            timed: true,
        }
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        self.clear(|_| ());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::message::{Body, Envelope, Message, Properties};

    /// A message of some 1,000 bytes due then; the journal has it below 1 MiB, or does not.
    fn entry(due: u64, number: u64, account: &'static Account, journaled: bool) -> Entry {
        let record = Lsn(4096 + 8 * number);
        let envelope = Envelope {
            exchange: "".into(),
            routing_key: "q".into(),
            properties: Properties::Amqp091(Vec::new().into()),
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
            sequence: Sequence::due(Timestamp(due), number),
            message: Arc::new(message),
            expires: Timestamp(due),
            journaled,
            redelivered: false,
            returns: 0,
        }
    }

    /// All that is due by then, in order, as its times.
    fn take_due(schedule: &mut Schedule, account: &'static Account, now: u64) -> Vec<u64> {
        schedule.look(Timestamp(now));
        let mut taken = Vec::new();
        loop {
            if schedule.is_due() {
                let back = schedule.due().into_iter().map(|stub| {
                    let number = (stub.record.0 - 4096) / 8;
                    let due = stub.sequence.due_time().0;
                    entry(due, number, account, true)
                });
                let back = back.collect();
                schedule.brought_back(back);
            }
            match schedule.first() {
                Some(first) if first.expires.0 <= now => {
                    taken.push(schedule.pop_first().unwrap().expires.0);
                }
                _ => return taken,
            }
        }
    }

    const DURABLE: Lsn = Lsn(1 << 30);

    #[test]
    fn a_long_schedule_takes_little_memory_and_brings_back_what_is_due_alone() {
        let account = Account::new(u64::MAX, 1 << 20);
        let mut schedule = Schedule::new(account);
        for number in 0..2000 {
            // Neither in order nor all at different times.
            let due = 1000 + number * 7919 % 500;
            schedule.insert(entry(due, number, account, true));
            schedule.page_out(20_000, DURABLE);
        }
        assert!(schedule.near.len() < 20 && schedule.len() == 2000);
        assert_eq!(take_due(&mut schedule, account, 999), []);
        let due: Vec<u64> = (0..400).map(|it| 1000 + it / 4).collect();
        assert_eq!(take_due(&mut schedule, account, 1099), due);
        assert!(schedule.near.len() < 20 && schedule.len() == 1600);
        assert_eq!(schedule.first_due(), Some(Timestamp(1100)));
        assert_eq!(schedule.passed(), Timestamp(1099));
        drop(schedule);
        assert_eq!((account.bytes(), account.oldest()), (0, None));
    }

    #[test]
    fn what_is_not_durable_and_what_the_journal_never_has_stays_in_memory() {
        let account = Account::new(u64::MAX, 1 << 20);
        let mut schedule = Schedule::new(account);
        for number in 0..100 {
            schedule.insert(entry(5000 - number, number, account, number % 2 == 0));
        }
        schedule.page_out(0, Lsn(4096 + 8 * 50));
        assert_eq!((schedule.near.len(), schedule.far.len()), (75, 25));
        schedule.page_out(0, DURABLE);
        assert_eq!((schedule.near.len(), schedule.far.len()), (50, 50));
        let all: Vec<u64> = (4901..=5000).collect();
        assert_eq!(take_due(&mut schedule, account, 9999), all);
    }

    #[test]
    fn a_record_that_moves_is_read_where_it_went() {
        let account = Account::new(u64::MAX, 1 << 20);
        let mut schedule = Schedule::new(account);
        schedule.insert(entry(10, 0, account, true));
        let place = Sequence::due(Timestamp(10), 0);
        assert!(!schedule.moved(place, Lsn(8 << 20)), "it is in memory");
        schedule.page_out(0, DURABLE);
        assert!(schedule.moved(place, Lsn(8 << 20)));
        assert_eq!(account.oldest(), Some(Lsn(8 << 20)));
        assert_eq!(schedule.stubs().next().unwrap().record, Lsn(8 << 20));
        let mut told = Vec::new();
        schedule.clear(|place| told.push(place));
        assert_eq!((told, account.oldest()), (vec![place], None));
    }

    proptest! {
        #[test]
        fn messages_come_out_by_when_they_are_due(
            ops in prop::collection::vec((0..4u8, 1..200u64), 0..200),
        ) {
            let account = Account::new(u64::MAX, 1 << 20);
            let mut schedule = Schedule::new(account);
            let (mut model, mut now) = (BTreeSet::new(), 0);
            for (number, (op, ms)) in (0..).zip(ops) {
                match op {
                    0 | 1 => {
                        schedule.insert(entry(now + ms, number, account, op == 0));
                        model.insert((now + ms, number));
                    }
                    2 => schedule.page_out(1500, DURABLE),
                    _ => {
                        now += ms / 4;
                        let later = model.split_off(&(now + 1, 0));
                        let due: Vec<u64> = model.iter().map(|(due, _)| *due).collect();
                        model = later;
                        prop_assert_eq!(take_due(&mut schedule, account, now), due);
                    }
                }
                prop_assert_eq!(schedule.len(), model.len());
                let first = model.first().map(|(due, _)| Timestamp(*due));
                prop_assert_eq!(schedule.first_due(), first);
            }
        }
    }
}
