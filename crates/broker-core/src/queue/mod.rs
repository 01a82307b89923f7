//! One queue's state machine: messages in order, consumers in turn.
//!
//! It touches no journal and no socket: what must happen outside is an [`Effect`], which the
//! caller carries out before it lets go of the queue's lock, in order. [`At::durable`] is always the
//! position up to which the journal is safe, as the queue's level has it; nothing beyond it is pushed to a consumer (rule F13),
//! and a message that has to wait holds back those behind it, so that order is kept.

mod afar;
mod bounds;
mod changing;
mod consumers;
mod entry;
mod held;
mod leaving;
mod life;
mod meter;
mod paged;
mod ready;
mod schedule;
mod stream;
mod streaming;
mod waiting;

use std::sync::Arc;

pub(crate) use consumers::Consumer;
pub(crate) use entry::Entry;
pub(crate) use leaving::{Fate, Left};
pub(crate) use paged::Stub;
pub(crate) use stream::{Index, Probe, Reading, Start};

use self::afar::Afar;
use self::bounds::Load;
use self::consumers::Consumers;
use self::entry::Holder;
use self::held::Held;
use self::leaving::{Leaving, Stuck};
use self::meter::Meter;
use self::stream::Stream;
use self::waiting::Waiting;
use crate::account::Account;
use crate::call::{ConnectionId, ConsumerId, Delivery, Outcome, QueueId, Sequence};
use crate::clock::Timestamp;
use crate::death::DeathReason;
use crate::definitions::QueueStats;
use crate::journal::Lsn;
use crate::rules::Rules;

/// When an operation takes place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At {
    /// How far the journal is safe.
    pub(crate) durable: Lsn,
    /// The time; 0 for a queue that does not [want to know](State::wants_time).
    pub(crate) now: Timestamp,
}

/// What the caller must now do.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Tell the consumer that the queue is gone.
    Cancelled(Arc<Consumer>),
    /// A limit the consumer shares with others is not exhausted any more: other queues may go on.
    CreditReturned(Arc<Consumer>),
    /// Hand the message to the consumer.
    Deliver(Arc<Consumer>, Delivery),
    /// The message goes on as a dead letter.
    Died {
        entry: Entry,
        reason: DeathReason,
        /// It is done here when it is [told](State::buried) what became of it: the journal holds it,
        /// or it stays until it has arrived.
        kept: bool,
    },
    /// A message the journal holds for this queue is done: write that down.
    Done(Sequence),
}

/// Why a consumer cannot be attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConsumeError {
    /// The queue was deleted a moment ago.
    Deleted,
    /// An exclusive consumer has the queue, or wants one that others use.
    Exclusive,
    /// The queue has as many consumers as it may.
    TooMany,
}

/// Why the queue was not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeleteError {
    /// It is deleted already.
    Deleted,
    /// It has consumers.
    InUse(QueueStats),
    /// It holds messages.
    NotEmpty(QueueStats),
}

/// What a settlement did beside its effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Settled {
    /// A limit shared with other queues was reached before: their consumers may go on.
    pub(crate) shared_credit: bool,
}

/// The state of one queue.
#[derive(Debug)]
pub(crate) struct State {
    id: QueueId,
    ready: Waiting,
    held: Held,
    consumers: Consumers,
    deleted: bool,
    /// A ready message may expire.
    timed: bool,
    meter: Meter,
    /// What most queues do without.
    features: Option<Box<Features>>,
    /// Its messages and consumers, if it is a stream: then there are none elsewhere.
    stream: Option<Box<Stream>>,
}

/// What the queue's rules need to know.
#[derive(Debug)]
struct Features {
    rules: Arc<Rules>,
    /// When somebody last asked for the queue, or its last consumer went.
    last_used: Timestamp,
    load: Load,
    /// Messages on their way to where dead letters go, which the journal holds for this queue.
    leaving: Leaving,
    /// Those of them that could not go.
    stuck: Stuck,
    /// Dead letters that have to be read back first,
    dying: Afar<DeathReason>,
    /// and those that were.
    risen: Vec<(Entry, DeathReason)>,
}

impl State {
    pub(crate) fn new(id: QueueId, rules: Option<Arc<Rules>>, account: &'static Account) -> Self {
        let single = rules.as_ref().is_some_and(|it| it.single_active_consumer);
        let delays = rules.as_ref().is_some_and(|it| it.delays);
        let features = rules.map(|rules| Box::new(Features::new(rules, Timestamp::NEVER, account)));
        Self {
            id,
            ready: if delays {
                Waiting::schedule(account)
            } else {
                Waiting::line(account)
            },
            held: Held::new(account),
            consumers: if single {
                Consumers::single()
            } else {
                Consumers::default()
            },
            deleted: false,
            timed: false,
            meter: Meter::default(),
            features,
            stream: None,
        }
    }

    /// A queue whose messages stay.
    pub(crate) fn stream(
        id: QueueId,
        rules: Option<Arc<Rules>>,
        account: &'static Account,
    ) -> Self {
        Self {
            stream: Some(Box::new(Stream::new(id, account))),
            ..Self::new(id, rules, account)
        }
    }

    pub(crate) fn stats(&self) -> QueueStats {
        if let Some(stream) = &self.stream {
            return QueueStats {
                ready: stream.len(),
                unsettled: 0,
                consumers: stream.consumers() as u64,
            };
        }
        QueueStats {
            ready: self.ready.len() as u64,
            unsettled: (self.held.len() + self.leaving_len() + self.dying_len()) as u64,
            consumers: self.consumers.len() as u64,
        }
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted
    }

    /// The first message waits for the journal, and somebody waits for the message.
    pub(crate) fn awaits_commit(&self, durable: Lsn) -> bool {
        if let Some(stream) = &self.stream {
            return stream.awaits_commit(durable, self.max_bytes());
        }
        self.consumers.any_active()
            && self
                .ready
                .first()
                .is_some_and(|entry| entry.message.lsn > durable)
    }

    /// Takes messages in at their places; a deleted queue lets them go.
    pub(crate) fn push(
        &mut self,
        entries: impl Iterator<Item = Entry>,
        at: At,
        out: &mut Vec<Effect>,
    ) {
        if self.deleted {
            return;
        }
        if self.stream.is_some() {
            return self.push_to_stream(entries, at, out);
        }
        self.meter.batch();
        for entry in entries {
            self.meter.came(&entry, at.durable);
            if let Some(features) = &mut self.features {
                features.came(&entry);
            }
            // The fast path: a consumer that waits gets the message past all bookkeeping.
            if self.ready.is_empty()
                && entry.message.lsn <= at.durable
                && let Some(consumer) = self.consumers.next(entry.message.size_bytes())
            {
                self.hand_out(consumer, entry, out);
            } else {
                self.insert(entry);
            }
        }
        self.pump(at, out);
    }

    /// Takes in messages found in the journal, in order. Nothing else has come yet.
    pub(crate) fn restore(&mut self, stubs: impl Iterator<Item = Stub>) {
        let Self {
            timed, features, ..
        } = self;
        self.ready.restore(stubs.inspect(|stub| {
            *timed |= stub.timed;
            if let Some(features) = features {
                features.restored(stub);
            }
        }));
    }

    /// Whether the first message has to be brought back from the journal before anyone can have it.
    pub(crate) fn is_due(&self) -> bool {
        self.ready.is_due()
    }

    /// Whether that is to be done now: a consumer may be waiting for it, its time may be over, or it
    /// is too much. A queue with many dead letters on their way lets more die when those have gone:
    /// a whole backlog may be expired, and need not fit into memory.
    pub(crate) fn is_wanted(&self) -> bool {
        if self.has_dying() {
            return true;
        }
        if !self.is_due() {
            return false;
        }
        let may_die = self.ready.due_is_timed() || self.is_overfull();
        self.consumers.any_active() || (may_die && !self.has_many_leaving())
    }

    /// What to bring back.
    pub(crate) fn due(&self, keep_bytes: usize) -> Vec<Stub> {
        if self.has_dying() {
            return self.dying();
        }
        self.ready.due(keep_bytes)
    }

    /// Takes in what was due, in the same order.
    pub(crate) fn brought_back(&mut self, entries: Vec<Entry>) {
        if self.has_dying() {
            self.rise(entries);
        } else {
            self.ready.brought_back(entries);
        }
    }

    /// Leaves messages beyond so many bytes at either end to the journal.
    pub(crate) fn page_out(&mut self, keep_bytes: usize, durable: Lsn) {
        if let Some(stream) = &mut self.stream {
            return stream.page_out(keep_bytes, durable);
        }
        self.ready.page_out(keep_bytes, durable);
        self.held.page_out(keep_bytes, durable);
        self.page_out_stuck(keep_bytes, durable);
    }

    /// Hands out what can be handed out.
    pub(crate) fn pump(&mut self, at: At, out: &mut Vec<Effect>) {
        if self.stream.is_some() {
            return self.pump_stream(at, out);
        }
        if self.timed {
            self.drop_expired(at.now, out);
        }
        while let Some(first) = self.ready.first()
            && first.message.lsn <= at.durable
            && let Some(consumer) = self.consumers.next(first.message.size_bytes())
            && let Some(entry) = self.take_first()
        {
            self.hand_out(consumer, entry, out);
            if self.timed {
                self.drop_expired(at.now, out);
            }
        }
        if self.features.is_some() {
            self.trim(at.durable, out);
            self.bury_risen(at.now, out);
            self.retry(at.now, out);
        }
    }

    /// Attaches a consumer.
    pub(crate) fn consume(
        &mut self,
        consumer: Arc<Consumer>,
        most: usize,
        at: At,
        out: &mut Vec<Effect>,
    ) -> Result<(), ConsumeError> {
        if self.deleted {
            return Err(ConsumeError::Deleted);
        }
        if let Some(stream) = &mut self.stream {
            return stream.consume(consumer, most, at, out);
        }
        let others = self.consumers.len();
        let alone = consumer.exclusive && (others > 0 || self.consumers.is_single());
        if alone || self.consumers.iter().any(|other| other.exclusive) {
            return Err(ConsumeError::Exclusive);
        }
        if others >= most {
            return Err(ConsumeError::TooMany);
        }
        self.consumers.add(consumer);
        self.touch(at.now);
        self.pump(at, out);
        Ok(())
    }

    /// Ends one consumer; what it holds stays unsettled. Another may be served instead. True if it
    /// was the queue's last.
    pub(crate) fn cancel(
        &mut self,
        connection: ConnectionId,
        id: ConsumerId,
        at: At,
        out: &mut Vec<Effect>,
    ) -> bool {
        if let Some(stream) = &mut self.stream {
            return stream.cancel(connection, id);
        }
        let removed = self
            .consumers
            .remove(|consumer| consumer.connection == connection && consumer.id == id);
        if removed > 0 {
            self.touch(at.now);
            self.pump(at, out);
        }
        removed > 0 && self.consumers.len() == 0
    }

    /// Ends all of a connection's consumers and puts back what it holds. True if a consumer ended
    /// and none is left.
    pub(crate) fn detach(
        &mut self,
        connection: ConnectionId,
        at: At,
        out: &mut Vec<Effect>,
    ) -> bool {
        if let Some(stream) = &mut self.stream {
            return stream.detach(connection);
        }
        let removed = self
            .consumers
            .remove(|consumer| consumer.connection == connection);
        if removed > 0 {
            self.touch(at.now);
        }
        for (taken, holder) in self.held.take_all(connection) {
            if let Holder::Consumer(consumer) = &holder {
                consumer.give_back();
            }
            self.settle_taken(taken, Outcome::Requeue, out);
        }
        self.pump(at, out);
        removed > 0 && self.consumers.len() == 0
    }

    /// Hands out the first message to a connection that asks for one, and says how many are ready
    /// behind it. The connection shows it to nobody before the journal is durable up to its `lsn`:
    /// who publishes and then asks must find the message, and not have to wait here for the disk.
    /// One that [is due](Self::is_due) has to be brought back before.
    pub(crate) fn get(
        &mut self,
        connection: ConnectionId,
        auto_settle: bool,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Option<(Delivery, u32)> {
        self.touch(now);
        let entry = self.take_first()?;
        self.meter.got(&entry, !auto_settle);
        let delivery = entry.clone().into_delivery(self.id, None);
        if auto_settle {
            done(&entry, out);
        } else {
            self.held.insert(entry, Holder::Connection(connection));
        }
        Some((delivery, saturate(self.ready.len())))
    }

    /// Settles what the connection holds of these sequences, and hands out what that allows.
    pub(crate) fn settle(
        &mut self,
        connection: ConnectionId,
        sequences: &[Sequence],
        outcome: Outcome,
        at: At,
        out: &mut Vec<Effect>,
    ) -> Settled {
        if let Some(stream) = &mut self.stream {
            let settled = stream.settle(connection, sequences);
            self.meter.counts.acknowledged += sequences.len() as u64;
            self.pump_stream(at, out);
            return settled;
        }
        let mut settled = Settled::default();
        for sequence in sequences {
            let Some((taken, holder)) = self.held.take(connection, *sequence) else {
                continue;
            };
            if let Holder::Consumer(consumer) = holder {
                settled.shared_credit |= consumer.give_back();
            }
            self.settle_taken(taken, outcome, out);
        }
        self.unpark(connection);
        self.pump(at, out);
        settled
    }

    /// Those of these sequences that the connection holds and the journal keeps for this queue.
    pub(crate) fn held_in_journal(
        &self,
        connection: ConnectionId,
        sequences: &[Sequence],
    ) -> Vec<Sequence> {
        let is_held = |sequence: &Sequence| self.held.is_journaled(connection, *sequence);
        sequences.iter().copied().filter(is_held).collect()
    }

    /// Lets the connection's consumers try again.
    pub(crate) fn unpark(&mut self, connection: ConnectionId) {
        if let Some(stream) = &mut self.stream {
            return stream.unpark(connection);
        }
        self.consumers
            .unpark(|consumer| consumer.connection == connection);
    }

    /// Forgets all ready messages and says how many.
    pub(crate) fn purge(&mut self, out: &mut Vec<Effect>) -> u32 {
        let purged = saturate(self.ready.len());
        self.meter.purged(self.ready.len() as u64);
        self.ready
            .clear(|sequence| out.push(Effect::Done(sequence)));
        if let Some(features) = &mut self.features {
            features.cleared();
        }
        purged
    }

    /// Whether the queue may be ended: not if it holds messages or has consumers and the caller
    /// minds.
    pub(crate) fn check_delete(
        &self,
        if_unused: bool,
        if_empty: bool,
    ) -> Result<QueueStats, DeleteError> {
        let stats = self.stats();
        if self.deleted {
            return Err(DeleteError::Deleted);
        }
        if if_unused && stats.consumers > 0 {
            return Err(DeleteError::InUse(stats));
        }
        if if_empty && stats.ready + stats.unsettled > 0 {
            return Err(DeleteError::NotEmpty(stats));
        }
        Ok(stats)
    }

    /// Ends the queue. What it held needs no settlement: the record of the queue's deletion covers
    /// it.
    pub(crate) fn end(&mut self, out: &mut Vec<Effect>) {
        self.deleted = true;
        if let Some(stream) = &mut self.stream {
            stream.end(out);
        }
        self.ready.clear(|_| ());
        // Those on their way go on without it.
        self.features = None;
        for holder in self.held.clear() {
            if let Holder::Consumer(consumer) = holder
                && consumer.give_back()
            {
                out.push(Effect::CreditReturned(consumer));
            }
        }
        out.extend(self.consumers.take().into_iter().map(Effect::Cancelled));
    }

    /// Whether the message of that sequence is still here.
    pub(crate) fn holds(&self, sequence: Sequence) -> bool {
        if let Some(stream) = &self.stream {
            return !self.deleted && stream.holds(sequence);
        }
        self.held.contains(sequence) || self.ready.contains(sequence) || self.is_leaving(sequence)
    }

    /// Every message here that is in memory, ready or not.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        let stream = self.stream.iter().flat_map(|stream| stream.entries());
        self.ready
            .entries()
            .chain(stream)
            .chain(self.held.entries())
            .chain(self.leaving())
    }

    /// Every other message here whose record begins below that position.
    pub(crate) fn stubs_below(&self, record: Lsn) -> impl Iterator<Item = Stub> {
        let stream = self.stream.iter();
        let stream = stream.flat_map(move |stream| stream.stubs_below(record));
        let others = self.ready.stubs().chain(self.held.stubs());
        let others = others.chain(self.departed_stubs());
        let below = others.filter(move |stub| stub.record < record);
        below.chain(stream)
    }

    /// The message's record is at another place now. False if the message is not here any more.
    pub(crate) fn moved(&mut self, sequence: Sequence, record: Lsn) -> bool {
        if let Some(stream) = &mut self.stream {
            return stream.moved(sequence, record);
        }
        if self.ready.moved(sequence, record)
            || self.held.moved(sequence, record)
            || self.departed_moved(sequence, record)
        {
            return true;
        }
        let entry = self.held.entry(sequence);
        let entry = entry.or_else(|| self.leaving_entry(sequence));
        let Some(entry) = entry.or_else(|| self.ready.entry(sequence)) else {
            return false;
        };
        if let Some(hold) = &entry.message.hold {
            hold.move_to(record);
        }
        true
    }

    /// Puts a message at its place.
    fn insert(&mut self, entry: Entry) {
        self.timed |= entry.is_timed();
        if let Some(features) = &mut self.features {
            features.entered(&entry);
        }
        self.ready.insert(entry);
    }

    /// A message was handed out and comes back, unless that has happened too often.
    fn take_back(&mut self, entry: Entry, out: &mut Vec<Effect>) {
        let mut entry = Entry {
            redelivered: true,
            ..entry
        };
        if self.counts_return(&mut entry.returns) {
            return self.let_go(entry, DeathReason::DeliveryLimit, out);
        }
        self.insert(entry);
    }

    /// Counts one more return, where the queue does. Says whether it is one too many.
    fn counts_return(&self, returns: &mut u32) -> bool {
        let Some(features) = &self.features else {
            return false;
        };
        if !features.rules.counts_returns {
            return false;
        }
        *returns = returns.saturating_add(1);
        let most = features.rules.delivery_limit;
        most.is_some_and(|most| *returns > most)
    }

    /// Takes out the first message.
    fn take_first(&mut self) -> Option<Entry> {
        let first = self.ready.pop_first()?;
        if let Some(features) = &mut self.features {
            features.left(&first);
        }
        Some(first)
    }

    fn hand_out(&mut self, consumer: Arc<Consumer>, entry: Entry, out: &mut Vec<Effect>) {
        self.meter.handed_out(&entry, !consumer.auto_settle);
        let delivery = if consumer.auto_settle {
            done(&entry, out);
            entry.into_delivery(self.id, Some(&consumer))
        } else {
            let delivery = entry.clone().into_delivery(self.id, Some(&consumer));
            let holder = Holder::Consumer(Arc::clone(&consumer));
            self.held.insert(entry, holder);
            delivery
        };
        out.push(Effect::Deliver(consumer, delivery));
    }
}

fn done(entry: &Entry, out: &mut Vec<Effect>) {
    if entry.journaled {
        out.push(Effect::Done(entry.sequence));
    }
}

fn saturate(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
