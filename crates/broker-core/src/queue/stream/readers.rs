//! The readers of a stream: each at its own offset, with its own credit.

use std::collections::{BTreeMap, VecDeque};

use super::{
    Arc, At, ConsumeError, Consumer, Effect, Entry, Lsn, Sequence, Settled, Start, Stream, Stub,
};
use crate::account::{Account, MESSAGE_BYTES};
use crate::call::{ConnectionId, ConsumerId, Delivery};
use crate::clock::Timestamp;

/// All readers by their numbers.
#[derive(Debug, Default)]
pub(super) struct Readers {
    by_number: BTreeMap<u32, Reader>,
    /// Those that ended and still hold so many deliveries.
    ended: BTreeMap<u32, (Arc<Consumer>, u32)>,
    /// Number of the last one that came.
    last: u32,
}

/// One consumer of a stream.
#[derive(Debug)]
struct Reader {
    consumer: Arc<Consumer>,
    /// Offset of its next message.
    next: u64,
    /// Deliveries it has not settled. They are not told apart: all a settlement does is to give credit.
    unsettled: u32,
    state: Place,
    /// What was read beyond what it could take, from its next message on.
    ahead: VecDeque<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It gets what comes, or what is read for it.
    Active,
    /// It is out of credit or its outbox is full, until something says otherwise.
    Parked,
    /// Somebody is reading for it.
    Reading,
}

/// Messages to be read from the journal. Their records stay there until this is dropped.
#[derive(Debug)]
pub(crate) struct Reading {
    /// For this reader, or to know when a message came.
    reader: Option<u32>,
    pub(crate) stubs: Vec<Stub>,
    account: &'static Account,
    /// The journal frees nothing from here on.
    kept: Lsn,
}

/// Most messages read at a time, and most bytes of them, though never less than one.
const BATCH_LEN: usize = 256;
const BATCH_BYTES: usize = 256 * 1024;

/// Most messages, and bytes of them, read for a reader that cannot take them yet: one that takes a few at
/// a time does not have the journal read for each.
const AHEAD_LEN: usize = 64;
const AHEAD_BYTES: usize = 64 * 1024;

/// Bits of a delivery's number that say which of its reader's it is.
const DELIVERY_BITS: u32 = 32;

impl Readers {
    /// Those that have not ended.
    pub(super) fn len(&self) -> usize {
        self.by_number.len()
    }

    /// Who holds deliveries under that number, and how many.
    fn holder(&mut self, number: u32) -> Option<(&Arc<Consumer>, &mut u32)> {
        if let Some(reader) = self.by_number.get_mut(&number) {
            return Some((&reader.consumer, &mut reader.unsettled));
        }
        let (consumer, unsettled) = self.ended.get_mut(&number)?;
        Some((consumer, unsettled))
    }

    fn add(&mut self, reader: Reader) {
        self.last = self.last.wrapping_add(1);
        self.by_number.insert(self.last, reader);
    }
}

impl Reader {
    fn is(&self, connection: ConnectionId) -> bool {
        self.consumer.connection == connection
    }

    /// How much it may take, if it is to be read for it: its next message is before `end`.
    fn wants_reading(&mut self, end: Option<u64>) -> Option<usize> {
        let behind = end.is_some_and(|end| self.next < end);
        if self.state != Place::Active || !behind {
            return None;
        }
        let credit = self.consumer.credit();
        if credit.is_none() {
            self.state = Place::Parked;
        }
        credit
    }

    /// Hands a message out if the consumer can take it.
    fn take(&mut self, number: u32, entry: &Entry, stream: &Stream, out: &mut Vec<Effect>) -> bool {
        if !self.consumer.try_take(entry.message.size_bytes()) {
            self.state = Place::Parked;
            return false;
        }
        let offset = entry.sequence.0;
        self.next = offset + 1;
        self.unsettled += 1;
        let within = offset & ((1 << DELIVERY_BITS) - 1);
        let delivery = Delivery {
            consumer: Some(self.consumer.id),
            queue: stream.id,
            sequence: Sequence(u64::from(number) << DELIVERY_BITS | within),
            redelivered: false,
            returns: 0,
            offset: Some(offset),
            message: Arc::clone(&entry.message),
        };
        out.push(Effect::Deliver(Arc::clone(&self.consumer), delivery));
        true
    }

    /// Gives it what was read ahead, as far as it goes and as the reader can take it.
    fn take_ahead(&mut self, number: u32, stream: &Stream, out: &mut Vec<Effect>) {
        while self.state == Place::Active
            && let Some(entry) = self.ahead.pop_front()
        {
            // What retention has taken meanwhile is passed over.
            if entry.sequence.0 >= self.next && !self.take(number, &entry, stream, out) {
                self.ahead.push_front(entry);
            }
        }
    }

    /// Keeps of what it could not take as much as may wait in memory. The journal need not have it any
    /// more.
    fn keep_ahead(&mut self, keep_bytes: usize, account: &'static Account) {
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            bytes += entry.weight_bytes();
            bytes <= keep_bytes.min(AHEAD_BYTES)
        };
        let kept = self.ahead.iter().take(AHEAD_LEN).take_while(fits).count();
        self.ahead.truncate(kept);
        for entry in &mut self.ahead {
            if let Some(message) = Arc::get_mut(&mut entry.message) {
                message.hold = Some(account.hold(message.size_bytes(), None));
            }
        }
    }
}

impl Stream {
    /// Attaches a reader where its consumer wants to begin.
    pub(in crate::queue) fn consume(
        &mut self,
        consumer: Arc<Consumer>,
        most: usize,
        at: At,
        out: &mut Vec<Effect>,
    ) -> Result<(), ConsumeError> {
        let others = self.readers.len();
        let mut present = self.readers.by_number.values();
        if consumer.exclusive && others > 0 || present.any(|other| other.consumer.exclusive) {
            return Err(ConsumeError::Exclusive);
        }
        if others >= most {
            return Err(ConsumeError::TooMany);
        }
        let next = match consumer.start {
            Start::First => self.first(),
            Start::Last => self.next.saturating_sub(1).max(self.first()),
            Start::Next => self.next,
            Start::Offset(offset) => offset,
        };
        self.readers.add(Reader {
            consumer,
            next,
            unsettled: 0,
            state: Place::Active,
            ahead: VecDeque::new(),
        });
        self.pump(at, out);
        Ok(())
    }

    /// Hands out what is in memory, to each reader that has come so far.
    pub(in crate::queue) fn pump(&mut self, at: At, out: &mut Vec<Effect>) {
        self.commit(at.durable);
        if self.unsure > Lsn(0) && self.unsure <= at.durable {
            self.unsure = Lsn(0);
            self.ask_readers();
        }
        let mut readers = std::mem::take(&mut self.readers.by_number);
        for (number, reader) in &mut readers {
            self.serve(*number, reader, at.durable, out);
        }
        self.readers.by_number = readers;
    }

    fn serve(&self, number: u32, reader: &mut Reader, durable: Lsn, out: &mut Vec<Effect>) {
        if reader.state != Place::Active {
            return;
        }
        reader.next = self.at_or_after(reader.next);
        reader.take_ahead(number, self, out);
        while reader.state == Place::Active
            && let Some(entry) = self.in_tail(reader.next)
            && entry.message.lsn <= durable
            && reader.take(number, entry, self, out)
        {}
    }

    /// Somebody could have the next message but for the journal, or some have to go for it.
    pub(in crate::queue) fn awaits_commit(&self, durable: Lsn, max_bytes: Option<u64>) -> bool {
        if self.will_have_too_much(max_bytes) {
            return true;
        }
        let unsure = self.unsure > durable;
        let waits = |reader: &Reader| {
            if unsure && self.index.end().is_some_and(|end| reader.next < end) {
                return reader.state == Place::Active;
            }
            let next = self.in_tail(reader.next);
            reader.state == Place::Active && next.is_some_and(|entry| entry.message.lsn > durable)
        };
        self.readers.by_number.values().any(waits)
    }

    /// What is to be read next from the journal, for a reader that can take something, and somewhat more
    /// of a queue that keeps so many bytes. Answer with [`Self::read`].
    /// What this broker found when it took over is read when it is `durable` (rule F13).
    pub(in crate::queue) fn begin_reading(
        &mut self,
        keep_bytes: usize,
        durable: Lsn,
    ) -> Option<Reading> {
        for (number, reader) in &mut self.readers.by_number {
            let Some(credit) = reader.wants_reading(self.index.end()) else {
                continue;
            };
            let (mut count, mut bytes) = (0, 0);
            let fits = |stub: &Stub| {
                count += 1;
                bytes += stub.size_bytes as usize + MESSAGE_BYTES as usize;
                let most = match count <= credit {
                    true => BATCH_BYTES,
                    false => keep_bytes.min(AHEAD_BYTES),
                };
                count == 1 || bytes <= most
            };
            let most = BATCH_LEN.min(credit.max(AHEAD_LEN));
            let next = self.index.from(reader.next).take(most);
            let next = next.take_while(|stub| stub.record < durable);
            let stubs: Vec<_> = next.take_while(fits).collect();
            if stubs.is_empty() {
                continue;
            }
            reader.state = Place::Reading;
            return Some(Reading::new(Some(*number), stubs, self.account));
        }
        None
    }

    /// Has those who can take something that is to be read for them see to that.
    pub(in crate::queue) fn ask_readers(&mut self) {
        let end = self.index.end();
        for reader in self.readers.by_number.values_mut() {
            if reader.wants_reading(end).is_some() {
                reader.consumer.outbox.ask_resume();
            }
        }
    }

    /// What was to be read is there.
    pub(in crate::queue) fn read(
        &mut self,
        reading: &Reading,
        entries: Vec<Entry>,
        keep_bytes: usize,
        at: At,
        out: &mut Vec<Effect>,
    ) {
        let Some(number) = reading.reader else {
            return;
        };
        let Some(mut reader) = self.readers.by_number.remove(&number) else {
            return;
        };
        if reader.state == Place::Reading {
            reader.state = Place::Active;
            reader.ahead = entries.into();
            // What retention has taken since was there when it was read.
            reader.take_ahead(number, self, out);
            self.serve(number, &mut reader, at.durable, out);
            reader.keep_ahead(keep_bytes, self.account);
        }
        self.readers.by_number.insert(number, reader);
    }

    /// Keeps nothing for those who cannot take it.
    pub(super) fn drop_ahead(&mut self) {
        for reader in self.readers.by_number.values_mut() {
            reader.ahead = VecDeque::new();
        }
    }

    /// Takes the connection's word on deliveries: its readers get their credit back.
    pub(in crate::queue) fn settle(
        &mut self,
        connection: ConnectionId,
        deliveries: &[Sequence],
    ) -> Settled {
        let mut settled = Settled::default();
        for delivery in deliveries {
            let number = (delivery.0 >> DELIVERY_BITS) as u32;
            let Some((consumer, unsettled)) = self.readers.holder(number) else {
                continue;
            };
            if consumer.connection != connection || *unsettled == 0 {
                continue;
            }
            *unsettled -= 1;
            let is_done = *unsettled == 0;
            settled.shared_credit |= consumer.give_back();
            if is_done {
                self.readers.ended.remove(&number);
            }
        }
        self.unpark(connection);
        settled
    }

    /// Lets the connection's readers try again.
    pub(in crate::queue) fn unpark(&mut self, connection: ConnectionId) {
        for reader in self.readers.by_number.values_mut() {
            if reader.is(connection) && reader.state == Place::Parked {
                reader.state = Place::Active;
            }
        }
    }

    /// Ends one reader. True if it was the last.
    pub(in crate::queue) fn cancel(&mut self, connection: ConnectionId, id: ConsumerId) -> bool {
        let Readers {
            by_number, ended, ..
        } = &mut self.readers;
        let before = by_number.len();
        by_number.retain(|number, reader| {
            let ends = reader.is(connection) && reader.consumer.id == id;
            if ends && reader.unsettled > 0 {
                let holds = (Arc::clone(&reader.consumer), reader.unsettled);
                ended.insert(*number, holds);
            }
            !ends
        });
        before > 0 && by_number.is_empty()
    }

    /// Ends all of a connection's readers. True if one ended and none is left.
    pub(in crate::queue) fn detach(&mut self, connection: ConnectionId) -> bool {
        let Readers {
            by_number, ended, ..
        } = &mut self.readers;
        let before = by_number.len();
        by_number.retain(|_, reader| !reader.is(connection));
        ended.retain(|_, (consumer, _)| consumer.connection != connection);
        before > 0 && by_number.is_empty()
    }

    /// Ends all readers, since the stream ends.
    pub(in crate::queue) fn end(&mut self, out: &mut Vec<Effect>) {
        self.clear();
        let Readers {
            by_number, ended, ..
        } = std::mem::take(&mut self.readers);
        let present = by_number.values();
        let present = present.map(|reader| (&reader.consumer, reader.unsettled));
        let ended = ended.values().map(|(consumer, held)| (consumer, *held));
        for (consumer, unsettled) in present.chain(ended) {
            let returned = (0..unsettled).filter(|_| consumer.give_back()).count();
            if returned > 0 {
                out.push(Effect::CreditReturned(Arc::clone(consumer)));
            }
        }
        let ended = by_number.into_values().map(|reader| reader.consumer);
        out.extend(ended.map(Effect::Cancelled));
        self.check_age_at = Timestamp::NEVER;
    }
}

impl Reading {
    pub(super) fn new(reader: Option<u32>, stubs: Vec<Stub>, account: &'static Account) -> Self {
        let kept = stubs
            .iter()
            .map(|stub| stub.record)
            .min()
            .unwrap_or_default();
        account.enter_record(kept, 0);
        Self {
            reader,
            stubs,
            account,
            kept,
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.account.leave_record(self.kept, 0);
    }
}
