//! A queue at work: its state behind a lock, and the carrying out of the state's effects.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use super::Broker;
use super::measuring::Measured;
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
use crate::queue::{At, Consumer, Effect, Index, Reading, State, Stub};
use crate::queue_kind::QueueKind;
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
    /// It never changes.
    order: Order,
    /// Its messages stay, and have offsets for sequences.
    stream: bool,
    /// Held by who gives out offsets of a stream.
    turn: Mutex<()>,
    present: Present,
    next_sequence: AtomicU64,
    account: &'static Account,
    /// Made when it is first used: most of what a queue takes of memory.
    inner: OnceLock<Box<Mutex<Inner>>>,
}

/// What decides where in a queue a message belongs.
#[derive(Debug, Clone, Copy)]
enum Order {
    Arrival,
    /// When it is due.
    Due,
    /// Its priority, those above this one as this one, and then its arrival.
    Priority(u8),
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

/// Places looked at for each millisecond at which a message may be due.
const TRIES: u32 = 64;

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
        let rules = standing.rules.as_ref();
        let stream = QueueKind::of(&spec.arguments) == QueueKind::Stream;
        Self {
            id,
            name: spec.name.as_str().into(),
            vhost: spec.vhost.as_str().into(),
            auto_delete: spec.auto_delete,
            durable: spec.durable && !spec.exclusive,
            durability: Durability::of(&spec.arguments),
            owner,
            order: Order::of(rules.map(|rules| &**rules)),
            stream,
            turn: Mutex::default(),
            present: Present::new(standing),
            next_sequence: AtomicU64::new(0),
            account,
            inner: OnceLock::new(),
        }
    }

    fn enter(&self) -> MutexGuard<'_, Inner> {
        let make = || {
            let state = match self.stream {
                true => State::stream(self.id, self.rules(), self.account),
                false => State::new(self.id, self.rules(), self.account),
            };
            Box::new(Mutex::new(Inner::new(state)))
        };
        lock(self.inner.get_or_init(make))
    }

    /// Nothing was ever done with it.
    fn is_unused(&self) -> bool {
        self.inner.get().is_none()
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
        // Used at the latest now: who uses it first meanwhile may have found the rules before.
        self.enter().state.set_rules(rules, now);
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

    /// It is a stream.
    #[inline]
    pub(crate) fn is_stream(&self) -> bool {
        self.stream
    }

    /// The journal keeps a message in it. What comes to a stream is kept, whatever its publisher asks.
    #[inline]
    pub(crate) fn keeps(&self, persistent: bool) -> bool {
        self.is_journaled() && (persistent || self.stream)
    }

    /// Held while offsets are given out.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        lock(&self.turn)
    }

    /// The offset that is given out next, to who has the turn.
    pub(super) fn next_offset(&self) -> u64 {
        self.next_sequence.load(Ordering::Relaxed)
    }

    /// Takes back what was given out from that offset on, by who has the turn.
    pub(super) fn take_back_offsets(&self, from: u64) {
        self.next_sequence.store(from, Ordering::Relaxed);
    }

    /// A place for one more message, behind all others of its priority. Where messages
    /// [expire](Self::lets_expire) it came at the time `arrived`.
    #[inline]
    pub(crate) fn next_sequence(
        &self,
        properties: &Properties,
        arrived: Option<Timestamp>,
    ) -> Sequence {
        let number = self.next_sequence.fetch_add(1, Ordering::Relaxed);
        match self.order {
            Order::Arrival => Sequence(number),
            Order::Due => self.due_place(number, properties, arrived.unwrap_or_default()),
            Order::Priority(max) => ranked(max, number, properties),
        }
    }

    /// A free place at the time when the message is due. The clock may have been set back: a place
    /// that is past may be settled in the journal, and is not given again.
    #[cold]
    fn due_place(&self, number: u64, properties: &Properties, arrived: Timestamp) -> Sequence {
        let inner = self.enter();
        let from = arrived.max(inner.state.passed());
        let due = from.plus_ms(properties.delay_ms().unwrap_or(1).into());
        let next = || self.next_sequence.fetch_add(1, Ordering::Relaxed);
        free_place(due, number, next, |place| inner.state.holds(place))
    }

    pub(crate) fn stats(&self) -> QueueStats {
        self.inspect_used(State::stats).unwrap_or_default()
    }

    /// What it has counted and timed; none if it was never used.
    pub(super) fn measure(&self) -> Option<Measured> {
        let inner = self.inner.get()?;
        let state = &mut lock(inner).state;
        let (counts, latencies) = state.meter().read();
        Some(Measured {
            stats: state.stats(),
            memory_bytes: state.memory_bytes(),
            counts,
            latencies,
        })
    }

    /// Ends the queue, whose name is free.
    pub(super) fn end(self: &Arc<Self>, broker: &Broker) {
        self.run(broker, |state, _, out| state.end(out));
        broker.queue_gone(self);
    }

    /// Reads the state.
    pub(crate) fn inspect<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.enter().state)
    }

    /// The same, unless the queue was never used.
    pub(crate) fn inspect_used<R>(&self, look: impl FnOnce(&State) -> R) -> Option<R> {
        self.inner.get().map(|inner| look(&lock(inner).state))
    }

    /// Fills a queue that nobody uses yet with what the journal held for it, in order.
    /// Messages up to the place `settled` have left it.
    pub(crate) fn restore(
        &self,
        next: Sequence,
        settled: Option<Sequence>,
        stubs: impl Iterator<Item = Stub>,
    ) {
        self.next_sequence.store(next.0, Ordering::Relaxed);
        if let (Order::Due, Some(settled)) = (self.order, settled) {
            self.enter().state.pass(settled.due_time());
        }
        let mut stubs = stubs.peekable();
        if stubs.peek().is_some() {
            self.enter().state.restore(stubs);
        }
    }

    /// The same for a stream.
    pub(crate) fn restore_stream(&self, index: Index, next: u64) {
        self.next_sequence.store(next, Ordering::Relaxed);
        self.enter().state.restore_stream(index, next);
    }

    /// Runs one operation on the state and carries out its effects, all under the queue's lock, so
    /// that effects of two operations never mix. The position is that of the settlements among
    /// the effects, 0 without any.
    pub(crate) fn run<R>(
        self: &Arc<Self>,
        broker: &Broker,
        operation: impl FnOnce(&mut State, At, &mut Vec<Effect>) -> R,
    ) -> (R, Lsn) {
        self.run_locked(self.enter(), broker, operation)
    }

    /// The same for an operation that needs the first message at hand. It has none where too many
    /// before it have expired to let them all go at once. The error says that it cannot be read: the
    /// journal has stopped.
    pub(crate) fn run_with_first<R>(
        self: &Arc<Self>,
        broker: &Broker,
        operation: impl FnOnce(&mut State, At, &mut Vec<Effect>) -> R,
    ) -> Result<(R, Lsn), Stopped> {
        let mut inner = self.enter();
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
        inner: MutexGuard<'_, Inner>,
        broker: &Broker,
        operation: impl FnOnce(&mut State, At, &mut Vec<Effect>) -> R,
    ) -> (R, Lsn) {
        let done = self.run_once(inner, broker, operation);
        if self.stream {
            self.let_go_too_much(broker);
            self.ask_readers();
        }
        done
    }

    /// As [`Self::run`], without a word to those who read a stream.
    pub(super) fn run_alone<R>(
        self: &Arc<Self>,
        broker: &Broker,
        operation: impl FnOnce(&mut State, At, &mut Vec<Effect>) -> R,
    ) -> (R, Lsn) {
        self.run_once(self.enter(), broker, operation)
    }

    /// See [`State::begin_reading`].
    pub(super) fn begin_reading(&self, keep_bytes: usize, durable: Lsn) -> Option<Reading> {
        self.enter().state.begin_reading(keep_bytes, durable)
    }

    /// See [`State::ask_readers`].
    pub(super) fn ask_readers(&self) {
        self.enter().state.ask_readers();
    }

    fn run_once<R>(
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
        if inner.state.meter_ref().wants_time(safe) {
            let now = broker.clock.elapsed_us();
            inner.state.meter().stamp(now, safe);
        }
        let awaits = inner.state.meter_ref().awaits_commit() || inner.state.awaits_commit(safe);
        let awaits = awaits && !inner.awaiting;
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
        self.enter().armed = Timestamp::NEVER;
        self.retire(broker);
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
        if self.is_unused() && !self.present.is_ruled() {
            return;
        }
        let mut inner = self.enter();
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

    /// When the message expires here, at its place.
    #[inline]
    pub(crate) fn expires(&self, place: Sequence, message: &Message) -> Timestamp {
        match message.arrived {
            None => Timestamp::NEVER,
            Some(arrived) => self.expires_after(arrived, place, &message.envelope.properties),
        }
    }

    #[cold]
    fn expires_after(
        &self,
        arrived: Timestamp,
        place: Sequence,
        properties: &Properties,
    ) -> Timestamp {
        if let Order::Due = self.order {
            return place.due_time();
        }
        let ours = self.message_ttl_ms();
        let ttl_ms = ours.into_iter().chain(properties.ttl_ms()).min();
        ttl_ms.map_or(Timestamp::NEVER, |ms| arrived.plus_ms(ms))
    }

    /// The rules by which its messages die.
    pub(crate) fn rules(&self) -> Option<Arc<Rules>> {
        self.standing().rules.clone()
    }

    /// When a message came matters here, even if its publisher does not ask for it.
    #[inline]
    pub(crate) fn notes_arrivals(&self) -> bool {
        self.stream || self.lets_expire()
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
        !self.turns_away() || self.enter().state.admit(body_bytes)
    }

    /// A message that was turned away goes on as a dead letter.
    pub(super) fn buried_turned_away(&self) {
        self.enter().state.meter().buried_turned_away();
    }

    /// A message that was let in does not come.
    pub(crate) fn call_off(&self, body_bytes: usize) {
        if self.turns_away() {
            self.enter().state.call_off(body_bytes);
        }
    }

    /// How long a consumer may keep a delivery, if the queue has a time of its own.
    pub(crate) fn consumer_timeout_ms(&self) -> Option<u64> {
        if !self.present.is_ruled() {
            return None;
        }
        self.standing().rules.as_ref()?.consumer_timeout_ms
    }

    fn message_ttl_ms(&self) -> Option<u64> {
        self.standing().rules.as_ref()?.message_ttl_ms
    }

    /// A commit may let it go on.
    pub(crate) fn commit_reached(self: &Arc<Self>, broker: &Broker) {
        self.enter().awaiting = false;
        self.pump(broker);
    }

    /// A copy of the message was appended at `record`. If the queue does not hold the message any
    /// more, `sequence` is added to the journal's settlements again: its first settlement may stand
    /// before the copy.
    pub(crate) fn moved(self: &Arc<Self>, sequence: Sequence, record: Lsn, broker: &Broker) {
        let mut inner = self.enter();
        if !inner.state.moved(sequence, record) {
            inner.done.push(sequence);
            inner.append_done(self, broker);
        }
    }

    /// Leaves to the journal what the broker does not want in memory.
    pub(crate) fn page_out(&self, broker: &Broker) {
        let durable = broker.durable();
        let mut inner = self.enter();
        inner.state.page_out(broker.window_bytes(), durable);
        inner.state.ask_readers();
    }

    /// Appends the settlements that are owed, if there is room for them now.
    pub(crate) fn pay(&self, broker: &Broker) -> Option<Lsn> {
        let mut inner = self.enter();
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
    fn new(state: State) -> Self {
        Self {
            state,
            awaiting: false,
            armed: Timestamp::NEVER,
            effects: Vec::new(),
            done: Vec::new(),
            owed: None,
            record: Vec::new(),
        }
    }

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
                Effect::Died {
                    entry,
                    reason,
                    kept,
                } => broker.died(queue, entry, *reason, *kept),
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

impl Order {
    fn of(rules: Option<&Rules>) -> Self {
        match rules {
            Some(rules) if rules.delays => Self::Due,
            Some(rules) => rules.max_priority.map_or(Self::Arrival, Self::Priority),
            None => Self::Arrival,
        }
    }
}

/// The first place that is not taken, at that time or behind it: there are only so many at one time.
/// Whoever fills them all makes the others a little late, and keeps nobody looking for long.
fn free_place(
    mut due: Timestamp,
    mut number: u64,
    mut next: impl FnMut() -> u64,
    taken: impl Fn(Sequence) -> bool,
) -> Sequence {
    for turn in 1.. {
        let place = Sequence::due(due, number);
        if !taken(place) {
            return place;
        }
        if turn % TRIES == 0 {
            due = due.plus_ms(1);
        }
        number = next();
    }
    unreachable!("there is always a later time")
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
            Self::CreditReturned(_) | Self::Died { .. } | Self::Done(_) => None,
        }
    }

    fn into_event(self) -> Option<(Arc<Consumer>, Event)> {
        match self {
            Self::Cancelled(consumer) => {
                let event = Event::ConsumerCancelled(consumer.id);
                Some((consumer, event))
            }
            Self::Deliver(consumer, delivery) => Some((consumer, Event::Deliver(delivery))),
            Self::CreditReturned(_) | Self::Died { .. } | Self::Done(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_at_which_no_place_is_free_is_passed_over() {
        let mut numbers = 7..;
        let next = || numbers.next().expect("no end");
        let full = |place: Sequence| place.due_time() <= Timestamp(1001);
        let place = free_place(Timestamp(1000), 6, next, full);
        assert_eq!(place.due_time(), Timestamp(1002));
        assert_eq!(numbers.start, 7 + 2 * u64::from(TRIES));
    }

    #[test]
    fn a_queue_that_asks_for_nothing_takes_well_under_a_kilobyte() {
        assert!(size_of::<LiveQueue>() <= 768, "{}", size_of::<LiveQueue>());
    }
}
