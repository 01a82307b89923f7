//! The readers of a stream: each at its own offset, with its own credit.

use std::collections::BTreeMap;

use super::{
    Arc, At, ConsumeError, Consumer, Effect, Entry, Lsn, Sequence, Settled, Start, Stream, Stub,
};
use crate::account::Account;
use crate::call::{ConnectionId, ConsumerId, Delivery};
use crate::clock::Timestamp;

/// All readers by their numbers, those among them that ended and still hold deliveries.
#[derive(Debug, Default)]
pub(super) struct Readers {
    by_number: BTreeMap<u32, Reader>,
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It gets what comes, or what is read for it.
    Active,
    /// It is out of credit or its outbox is full, until something says otherwise.
    Parked,
    /// Somebody is reading for it.
    Reading,
    /// It ended; its deliveries may still be settled.
    Ended,
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

/// Bits of a delivery's number that say which of its reader's it is.
const DELIVERY_BITS: u32 = 32;

impl Readers {
    /// Those that have not ended.
    pub(super) fn len(&self) -> usize {
        self.present().count()
    }

    fn present(&self) -> impl Iterator<Item = &Reader> {
        let readers = self.by_number.values();
        readers.filter(|reader| reader.state != Place::Ended)
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
        let mut present = self.readers.present();
        if consumer.exclusive && others > 0 || present.any(|other| other.consumer.exclusive) {
            return Err(ConsumeError::Exclusive);
        }
        drop(present);
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
        });
        self.pump(at, out);
        Ok(())
    }

    /// Hands out what is in memory, to each reader that has come so far.
    pub(in crate::queue) fn pump(&mut self, at: At, out: &mut Vec<Effect>) {
        self.commit(at.durable);
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
        let waits = |reader: &Reader| {
            let next = self.in_tail(reader.next);
            reader.state == Place::Active && next.is_some_and(|entry| entry.message.lsn > durable)
        };
        self.readers.by_number.values().any(waits)
    }

    /// What is to be read next from the journal, for a reader that can take something. Answer with
    /// [`Self::read`].
    pub(in crate::queue) fn begin_reading(&mut self) -> Option<Reading> {
        let behind = |reader: &Reader| self.index.end().is_some_and(|end| reader.next < end);
        for (number, reader) in &mut self.readers.by_number {
            if reader.state != Place::Active || !behind(reader) {
                continue;
            }
            let Some(credit) = reader.consumer.credit() else {
                reader.state = Place::Parked;
                continue;
            };
            let mut bytes = 0;
            let fits = |stub: &Stub| {
                let before = bytes;
                bytes += stub.size_bytes as usize;
                before == 0 || bytes <= BATCH_BYTES
            };
            let next = self.index.from(reader.next).take(BATCH_LEN.min(credit));
            let stubs: Vec<_> = next.take_while(fits).collect();
            reader.state = Place::Reading;
            return Some(Reading::new(Some(*number), stubs, self.account));
        }
        None
    }

    /// What was to be read is there.
    pub(in crate::queue) fn read(
        &mut self,
        reading: &Reading,
        entries: &[Entry],
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
            let mut rest = entries.iter();
            while rest
                .next()
                .is_some_and(|it| reader.take(number, it, self, out))
            {}
            self.serve(number, &mut reader, at.durable, out);
        }
        self.readers.by_number.insert(number, reader);
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
            let Some(reader) = self.readers.by_number.get_mut(&number) else {
                continue;
            };
            if !reader.is(connection) || reader.unsettled == 0 {
                continue;
            }
            reader.unsettled -= 1;
            settled.shared_credit |= reader.consumer.give_back();
            if reader.state == Place::Ended && reader.unsettled == 0 {
                self.readers.by_number.remove(&number);
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
        let before = self.readers.len();
        self.readers.by_number.retain(|_, reader| {
            if reader.is(connection) && reader.consumer.id == id {
                reader.state = Place::Ended;
            }
            reader.state != Place::Ended || reader.unsettled > 0
        });
        before > 0 && self.readers.len() == 0
    }

    /// Ends all of a connection's readers. True if one ended and none is left.
    pub(in crate::queue) fn detach(&mut self, connection: ConnectionId) -> bool {
        let before = self.readers.len();
        self.readers
            .by_number
            .retain(|_, reader| !reader.is(connection));
        before > 0 && self.readers.len() == 0
    }

    /// Ends all readers, since the stream ends.
    pub(in crate::queue) fn end(&mut self, out: &mut Vec<Effect>) {
        self.clear();
        for (_, reader) in std::mem::take(&mut self.readers.by_number) {
            let Reader {
                consumer,
                unsettled,
                state,
                ..
            } = reader;
            let returned = (0..unsettled).filter(|_| consumer.give_back()).count();
            if returned > 0 {
                out.push(Effect::CreditReturned(Arc::clone(&consumer)));
            }
            if state != Place::Ended {
                out.push(Effect::Cancelled(consumer));
            }
        }
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
