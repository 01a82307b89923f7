//! A queue at work: its state behind a lock, and the carrying out of the state's effects.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::Broker;
use super::owed::Due;
use super::standing::{Present, Standing};
use crate::account::Account;
use crate::call::{ConnectionId, QueueId, Sequence};
use crate::clock::Timestamp;
use crate::definitions::{QueueSpec, QueueStats, Stored};
use crate::durability::{Durability, Reached};
use crate::journal::{Admission, AppendError, Haste, Lsn, Record, Stopped};
use crate::lock::lock;
use crate::message::{Message, Properties};
use crate::names;
use crate::outbox::Event;
use crate::queue::{At, Consumer, Effect, State, Stub};
use crate::records::{self, Change, write_settle};
use crate::rules::Rules;

/// One queue of a virtual host.
#[derive(Debug)]
pub(crate) struct LiveQueue {
    /// The generation of its first definition.
    pub(crate) id: QueueId,
    pub(crate) name: Arc<str>,
    pub(crate) vhost: Arc<str>,
    /// Deleted when its last consumer goes.
    pub(crate) auto_delete: bool,
    /// It survives a restart.
    durable: bool,
    /// The only connection that may use it, if it is exclusive.
    pub(crate) owner: Option<ConnectionId>,
    /// How safe its messages are before anyone gets them.
    pub(crate) durability: Durability,
    /// Messages have priorities up to this one; it never changes.
    max_priority: Option<u8>,
    present: Present,
    next_sequence: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: State,
    /// It is on the broker's list of queues to look at after the next commit.
    awaiting: bool,
    /// When the broker's timers will look at it; never later than there is something to do.
    armed: Timestamp,
    /// Working memory, so that steady traffic allocates nothing here.
    effects: Vec<Effect>,
    /// What the journal is still to be told.
    done: Vec<Sequence>,
    /// The journal had no room for `done`: the position promised for it.
    owed: Option<Lsn>,
    record: Vec<u8>,
}

/// Most bytes of one settled message in a record: two varints.
const SETTLED_BYTES: usize = 20;

/// A queue's working memory for so many effects is kept; a purge may need more.
const KEPT_EFFECTS: usize = 4096;

/// Bytes of a settle record beside those.
const SETTLE_HEAD_BYTES: usize = 32;

impl LiveQueue {
    /// One whose number is `id`: the generation of its first definition.
    pub(crate) fn new(
        id: QueueId,
        standing: Standing,
        owner: Option<ConnectionId>,
        account: &'static Account,
    ) -> Self {
        let spec = &standing.definition.value;
        let rules = standing.rules.clone();
        Self {
            id,
            name: spec.name.as_str().into(),
            vhost: spec.vhost.as_str().into(),
            auto_delete: spec.auto_delete,
            durable: spec.durable && !spec.exclusive,
            durability: Durability::of(&spec.arguments),
            owner,
            max_priority: rules.as_ref().and_then(|rules| rules.max_priority),
            present: Present::new(standing),
            next_sequence: AtomicU64::new(0),
            inner: Mutex::new(Inner {
                state: State::new(id, rules, account),
                awaiting: false,
                armed: Timestamp::NEVER,
                effects: Vec::new(),
                done: Vec::new(),
                owed: None,
                record: Vec::new(),
            }),
        }
    }

    /// It survives a restart.
    pub(crate) fn is_durable(&self) -> bool {
        self.durable
    }

    /// What it is told to do now.
    pub(crate) fn standing(&self) -> Arc<Standing> {
        self.present.get()
    }

    /// Its definition as it is now.
    pub(crate) fn definition(&self) -> Stored<QueueSpec> {
        self.standing().definition.clone()
    }

    /// The record that makes it from nothing.
    pub(crate) fn declaration(&self) -> Change {
        let definition = self.definition();
        if definition.generation == self.id.0 {
            Change::QueuePut(definition)
        } else {
            let id = self.id;
            Change::QueueChanged { id, definition }
        }
    }

    /// Gives it something else to do; see [`Present::set`]. What that asks of the messages there is
    /// done by the next [`Self::pump`].
    pub(crate) fn set_standing(&self, standing: Standing, now: Timestamp) {
        let rules = standing.rules.clone();
        self.present.set(standing);
        lock(&self.inner).state.set_rules(rules, now);
    }

    /// Does what there is to do.
    pub(crate) fn pump(self: &Arc<Self>, broker: &Broker) {
        self.run(broker, |state, at, out| state.pump(at, out));
    }

    /// What dies in it goes on as a dead letter.
    pub(super) fn buries(&self) -> bool {
        let rules = self.rules();
        rules.is_some_and(|rules| rules.dead_letter.is_some())
    }

    /// It is for the answers to one consumer.
    pub(crate) fn takes_replies(&self) -> bool {
        self.owner.is_some() && names::is_reply_address(&self.name)
    }

    /// The journal keeps what is persistent in it.
    pub(crate) fn is_journaled(&self) -> bool {
        self.is_durable() && self.durability > Durability::Memory
    }

    /// A place for one more message, behind all others of its priority.
    #[inline]
    pub(crate) fn next_sequence(&self, properties: &Properties) -> Sequence {
        let number = self.next_sequence.fetch_add(1, Ordering::Relaxed);
        match self.max_priority {
            None => Sequence(number),
            Some(max) => ranked(max, number, properties),
        }
    }

    pub(crate) fn stats(&self) -> QueueStats {
        lock(&self.inner).state.stats()
    }

    /// Reads the state.
    pub(crate) fn inspect<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&lock(&self.inner).state)
    }

    /// Fills a queue that nobody uses yet with what the journal held for it, in order.
    pub(crate) fn restore(&self, next: Sequence, stubs: impl Iterator<Item = Stub>) {
        self.next_sequence.store(next.0, Ordering::Relaxed);
        lock(&self.inner).state.restore(stubs);
    }

    /// Runs one operation on the state and carries out its effects, all under the queue's lock, so
    /// that effects of two operations never mix. The position is that of the settlements among
    /// the effects, 0 without any.
    pub(crate) fn run<R>(
        self: &Arc<Self>,
        broker: &Broker,
        operation: impl FnOnce(&mut State, At, &mut Vec<Effect>) -> R,
    ) -> (R, Lsn) {
        self.run_locked(lock(&self.inner), broker, operation)
    }

    /// The same for an operation that needs the first message at hand. It has none where too many
    /// before it have expired to let them all go at once. The error says that it cannot be read: the
    /// journal has stopped.
    pub(crate) fn run_with_first<R>(
        self: &Arc<Self>,
        broker: &Broker,
        operation: impl FnOnce(&mut State, At, &mut Vec<Effect>) -> R,
    ) -> Result<(R, Lsn), Stopped> {
        let mut inner = lock(&self.inner);
        let mut brought_back = false;
        loop {
            let Inner { state, effects, .. } = &mut *inner;
            // Expired ones do not stand before those behind them.
            state.pump(self.at(broker.reached(), state, broker), effects);
            if !state.is_due() || (brought_back && state.has_many_leaving()) {
                return Ok(self.run_locked(inner, broker, operation));
            }
            inner.bring_back(self, broker)?;
            brought_back = true;
        }
    }

    fn run_locked<R>(
        self: &Arc<Self>,
        mut inner: MutexGuard<'_, Inner>,
        broker: &Broker,
        operation: impl FnOnce(&mut State, At, &mut Vec<Effect>) -> R,
    ) -> (R, Lsn) {
        let reached = broker.reached();
        let safe = reached.at(self.durability);
        let Inner { state, effects, .. } = &mut *inner;
        let result = operation(state, self.at(reached, state, broker), effects);
        // What cannot be read stays where it is: the broker is about to stop.
        while inner.state.is_wanted() && inner.bring_back(self, broker).is_ok() {
            let Inner { state, effects, .. } = &mut *inner;
            let left = state.leaving_len();
            state.pump(self.at(reached, state, broker), effects);
            // Consumers have waited for messages that die: some at a time, as if nobody waited.
            if state.has_many_leaving() && state.leaving_len() > left {
                break;
            }
        }
        if inner.state.wants_time() || inner.armed < Timestamp::NEVER {
            inner.arm(self, broker);
        }
        let window_bytes = broker.window_bytes();
        inner.state.page_out(window_bytes, reached.durable);
        let lsn = inner.carry_out(self, broker);
        let awaits = inner.state.awaits_commit(safe) && !inner.awaiting;
        inner.awaiting |= awaits;
        drop(inner);
        if awaits {
            self.await_commit(broker, safe);
        }
        (result, lsn)
    }

    /// When an operation on the state takes place.
    fn at(&self, reached: Reached, state: &State, broker: &Broker) -> At {
        let now = if state.wants_time() {
            broker.clock.now()
        } else {
            Timestamp::default()
        };
        At {
            durable: reached.at(self.durability),
            now,
        }
    }

    /// The broker's timers are due. Says whether the queue is to go, since nobody used it.
    pub(crate) fn on_time(self: &Arc<Self>, broker: &Broker) -> bool {
        lock(&self.inner).armed = Timestamp::NEVER;
        let (abandoned, _) = self.run(broker, |state, at, out| {
            state.pump(at, out);
            state.is_abandoned(at.now)
        });
        abandoned
    }

    /// Somebody asks for the queue.
    pub(crate) fn touch(self: &Arc<Self>, broker: &Broker) {
        if self.present.is_ruled() {
            self.run(broker, |state, at, _| state.touch(at.now));
        }
    }

    /// Has the timers look at a queue that has just come back, if it wants them. Not at once: its
    /// first message may have to be read.
    pub(crate) fn arm(self: &Arc<Self>, broker: &Broker) {
        let mut inner = lock(&self.inner);
        if inner.state.wants_time() {
            let now = broker.clock.now();
            inner.state.touch(now);
            inner.armed = now;
            broker.timers.set(self, Timestamp::NEVER, now);
        }
    }

    /// Messages expire here even if their publishers do not ask for it.
    pub(crate) fn lets_expire(&self) -> bool {
        self.present.lets_expire()
    }

    /// When the message expires here.
    #[inline]
    pub(crate) fn expires(&self, message: &Message) -> Timestamp {
        match message.arrived {
            None => Timestamp::NEVER,
            Some(arrived) => self.expires_after(arrived, &message.envelope.properties),
        }
    }

    #[cold]
    fn expires_after(&self, arrived: Timestamp, properties: &Properties) -> Timestamp {
        let ours = self.message_ttl_ms();
        let ttl_ms = ours.into_iter().chain(properties.ttl_ms()).min();
        ttl_ms.map_or(Timestamp::NEVER, |ms| arrived.plus_ms(ms.into()))
    }

    /// The rules by which its messages die.
    pub(crate) fn rules(&self) -> Option<Arc<Rules>> {
        self.standing().rules.clone()
    }

    /// Publishers have to [ask](Self::admit) before a message comes.
    pub(crate) fn turns_away(&self) -> bool {
        self.present.turns_away()
    }

    /// What it turns away goes on as a dead letter.
    pub(crate) fn buries_turned_away(&self) -> bool {
        self.present.buries_turned_away()
    }

    /// Whether a message with such a body may come. If so it has to, or to be called off.
    pub(crate) fn admit(&self, body_bytes: usize) -> bool {
        !self.turns_away() || lock(&self.inner).state.admit(body_bytes)
    }

    /// A message that was let in does not come.
    pub(crate) fn call_off(&self, body_bytes: usize) {
        if self.turns_away() {
            lock(&self.inner).state.call_off(body_bytes);
        }
    }

    fn message_ttl_ms(&self) -> Option<u32> {
        self.standing().rules.as_ref()?.message_ttl_ms
    }

    /// A commit may let it go on.
    pub(crate) fn commit_reached(self: &Arc<Self>, broker: &Broker) {
        lock(&self.inner).awaiting = false;
        self.pump(broker);
    }

    /// A copy of the message was appended at `record`. If the queue does not hold the message any
    /// more, `sequence` is added to the journal's settlements again: its first settlement may stand
    /// before the copy.
    pub(crate) fn moved(self: &Arc<Self>, sequence: Sequence, record: Lsn, broker: &Broker) {
        let mut inner = lock(&self.inner);
        if !inner.state.moved(sequence, record) {
            inner.done.push(sequence);
            inner.append_done(self, broker);
        }
    }

    /// Leaves to the journal what the broker does not want in memory.
    pub(crate) fn page_out(&self, broker: &Broker) {
        let durable = broker.durable();
        let mut inner = lock(&self.inner);
        inner.state.page_out(broker.window_bytes(), durable);
    }

    /// Appends the settlements that are owed, if there is room for them now.
    pub(crate) fn pay(&self, broker: &Broker) -> Option<Lsn> {
        let mut inner = lock(&self.inner);
        let lsn = inner.journal_done(self.id, broker).ok()?;
        inner.owed = None;
        Some(lsn)
    }

    /// Puts itself on the list for the next commit. A commit that came in between did not see it
    /// there, so look once more.
    fn await_commit(self: &Arc<Self>, broker: &Broker, safe: Lsn) {
        lock(&broker.awaiting).push(Arc::clone(self));
        if self.durability == Durability::Os {
            broker.journal.announce_written();
        }
        if broker.reached().at(self.durability) > safe {
            self.commit_reached(broker);
        }
    }
}

impl Inner {
    /// Has the timers look at the queue when time has something to do in it. They may look sooner:
    /// what comes later than they will is left until then.
    fn arm(&mut self, queue: &Arc<LiveQueue>, broker: &Broker) {
        let deadline = self.state.deadline();
        if deadline < self.armed || self.state.is_deleted() {
            broker.timers.set(queue, self.armed, deadline);
            self.armed = deadline;
        }
    }

    /// Reads the next messages back.
    fn bring_back(&mut self, queue: &LiveQueue, broker: &Broker) -> Result<(), Stopped> {
        let due = self.state.due(broker.window_bytes());
        self.state.brought_back(broker.read_back(queue, &due)?);
        Ok(())
    }

    /// Carries out the effects: settlements become one journal record, deliveries reach each
    /// outbox in one go.
    fn carry_out(&mut self, queue: &Arc<LiveQueue>, broker: &Broker) -> Lsn {
        if self.effects.is_empty() {
            return Lsn(0);
        }
        for effect in &self.effects {
            match effect {
                Effect::Died(entry, reason) => broker.died(queue, entry, *reason),
                Effect::CreditReturned(consumer) => consumer.outbox.ask_resume(),
                Effect::Done(sequence) => self.done.push(*sequence),
                Effect::Cancelled(_) | Effect::Deliver(..) => {}
            }
        }
        let lsn = self.append_done(queue, broker);
        self.effects.retain(|effect| effect.connection().is_some());
        if !self.effects.is_sorted_by_key(Effect::connection) {
            // Stable: the order within a connection stays.
            self.effects.sort_by_key(Effect::connection);
        }
        push_events(&mut self.effects);
        self.effects.shrink_to(KEPT_EFFECTS);
        self.done.shrink_to(KEPT_EFFECTS);
        lsn
    }

    /// Journals the settlements gathered, or owes them. A journal that has stopped is owed them for
    /// good: the messages come back after the restart, and who waits for them waits for ever.
    fn append_done(&mut self, queue: &Arc<LiveQueue>, broker: &Broker) -> Lsn {
        if self.done.is_empty() {
            return Lsn(0);
        }
        if let Some(promised) = self.owed {
            return promised;
        }
        self.journal_done(queue.id, broker).unwrap_or_else(|_| {
            let (debt, promised) = broker.promise();
            self.owed = Some(promised);
            broker.owe(&debt, Due::Settlements(Arc::clone(queue)));
            promised
        })
    }

    /// Appends the settlements in records of a size the journal takes. Those it took are not tried
    /// again after an error.
    fn journal_done(&mut self, queue: QueueId, broker: &Broker) -> Result<Lsn, AppendError> {
        let room_bytes = broker.journal.payload_max_bytes() - SETTLE_HEAD_BYTES;
        let most = room_bytes / SETTLED_BYTES;
        let mut lsn = Lsn(0);
        while !self.done.is_empty() {
            let from = self.done.len().saturating_sub(most);
            write_settle(&mut self.record, queue, &mut self.done[from..]);
            let record = Record {
                kind: records::SETTLE,
                admission: Admission::Essential,
                parts: &[&self.record],
                body: None,
            };
            lsn = broker.journal.append(&record, Haste::Soon)?;
            self.done.truncate(from);
        }
        Ok(lsn)
    }
}

/// The place of a message in a queue that knows priorities up to this one.
#[cold]
fn ranked(max: u8, number: u64, properties: &Properties) -> Sequence {
    Sequence::ranked(max - properties.priority().min(max), number)
}

/// Hands each connection's events over under one lock of its outbox.
fn push_events(effects: &mut Vec<Effect>) {
    let mut effects = effects.drain(..).filter_map(Effect::into_event).peekable();
    while let Some((consumer, first)) = effects.next() {
        let outbox = Arc::clone(&consumer.outbox);
        let same = std::iter::from_fn(|| {
            effects
                .next_if(|(next, _)| next.connection == consumer.connection)
                .map(|(_, event)| event)
        });
        outbox.push(std::iter::once(first).chain(same));
    }
}

impl Effect {
    /// The connection that gets an event of it, if one does.
    fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::Cancelled(consumer) | Self::Deliver(consumer, _) => Some(consumer.connection),
            Self::CreditReturned(_) | Self::Died(..) | Self::Done(_) => None,
        }
    }

    fn into_event(self) -> Option<(Arc<Consumer>, Event)> {
        match self {
            Self::Cancelled(consumer) => {
                let event = Event::ConsumerCancelled(consumer.id);
                Some((consumer, event))
            }
            Self::Deliver(consumer, delivery) => Some((consumer, Event::Deliver(delivery))),
            Self::CreditReturned(_) | Self::Died(..) | Self::Done(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_asks_for_nothing_takes_well_under_a_kilobyte() {
        assert!(size_of::<LiveQueue>() <= 768, "{}", size_of::<LiveQueue>());
    }
}
