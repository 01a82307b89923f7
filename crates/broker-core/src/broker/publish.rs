//! Publishing: route, journal, enqueue.
//!
//! A persistent message for a durable queue, one of level `memory` excepted, and any message for a
//! stream, is appended to the
//! journal before any queue holds it, with the places it will take there. Queues put it at its place, and hold it back until the
//! journal is durable up to it. A crash before the append loses a message nobody was told about; a
//! crash after it may keep one that was never confirmed, which the publisher sends again.
//!
//! While the journal prepares its next segment a message may find no room there. That is no reason
//! to refuse it: it goes to its queues and is owed to the journal, and its publisher is paused.
//!
//! Messages come in batches: those in a row that share an envelope are routed once, and each queue is
//! entered once, with all that the batch brings it.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::iter::repeat_n;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::attachment::{Attachment, Own, Resource};
use super::exchanges::no_exchange;
use super::live_queue::LiveQueue;
use super::owed::{Announced, Due};
use super::placed::{Appended, Placed};
use super::route::NoExchange;
use super::streams::Streams;
use super::{Broker, Topology, refuse_append};
use crate::access::{AccessCache, Action};
use crate::account::{Account, Hold};
use crate::call::{Publish, Published, QueueId};
use crate::clock::Timestamp;
use crate::durability::{Durability, Promise};
use crate::journal::{Admission, AppendError, Lsn};
use crate::lock::lock;
use crate::message::{Envelope, Message};
use crate::names;
use crate::number_hash::NumberHasher;
use crate::queue::Entry;
use crate::records::write_publish_head;
use crate::refusal::{Reason, Refusal};

/// What the journal said to a message.
struct Journaled {
    promise: Promise,
    hold: Hold,
    /// It had no room yet.
    debt: Option<Announced>,
}

/// A batch on its way to the queues.
#[derive(Debug, Default)]
pub(super) struct Batch {
    runs: Vec<Run>,
    /// Where each queue's run is.
    places: HashMap<QueueId, usize, BuildHasherDefault<NumberHasher>>,
    /// The envelope routed last; the route and `reached` are its.
    envelope: Option<Arc<Envelope>>,
    /// What the exchange counts whose name it has, if it has one,
    exchange: Option<Arc<AtomicU64>>,
    /// and how many messages that were not counted yet.
    of_exchange: u64,
    /// The runs of the queues it reaches, in the order of the route.
    pub(super) reached: Vec<usize>,
    /// The streams among them.
    streams: Streams,
    /// The message, or a queue it reaches, lets messages expire; or it reaches a stream.
    timed: bool,
    /// A queue it reaches may turn messages away.
    turns_away: bool,
    owed: Vec<(Announced, Placed)>,
    /// The journal has some of it.
    journaled: bool,
    /// Bytes taken in since memory was looked at.
    unchecked_bytes: usize,
    /// Vectors to use again.
    spare: Vec<Vec<Entry>>,
}

/// What a batch brings one queue.
#[derive(Debug)]
struct Run {
    queue: Arc<LiveQueue>,
    entries: Vec<Entry>,
}

/// What somebody gathers. The queues get it when this goes, be it by a panic: the journal has it, and
/// a stream waits for each offset that was given out.
struct Gathered<'a> {
    own: &'a mut Own,
    broker: &'a Broker,
}

impl Drop for Gathered<'_> {
    fn drop(&mut self) {
        self.own.route.queues.clear();
        self.own.batch.enqueue(self.broker);
    }
}

/// Memory is looked at each time so much was taken in.
const CHECKED_BYTES: usize = 64 * 1024;

/// Most vectors kept, and the largest of them, in entries.
const SPARE_VECTORS: usize = 1;
const SPARE_ENTRIES: usize = 256;

/// Queues that a route leads to for which memory is kept.
const SPARE_RUNS: usize = 256;

impl Attachment {
    /// Publishes messages from the front of `batch`, and adds to `told` what became of each, up to
    /// the first that is refused: the error is about that one, which is taken out as well, and those
    /// behind it are left.
    pub fn publish(
        &self,
        batch: &mut VecDeque<Publish>,
        told: &mut Vec<Published>,
    ) -> Result<(), Refusal> {
        let outcome = self.publish_batch(batch, told);
        // What had to make room for it.
        self.broker.bury();
        outcome
    }

    fn publish_batch(
        &self,
        batch: &mut VecDeque<Publish>,
        told: &mut Vec<Published>,
    ) -> Result<(), Refusal> {
        let mut own = lock(&self.own);
        // Held until the queues have the messages: who deletes them if they are empty waits for it.
        let topology = self.connection.vhost.open().inspect_err(|_| {
            batch.pop_front();
        })?;
        let gathered = Gathered {
            own: &mut own,
            broker: &self.broker,
        };
        let (before, tally) = (told.len(), &self.connection.tally);
        let mut outcome = Ok(());
        while let Some(publish) = batch.pop_front() {
            match self.take_in(&topology, publish, gathered.own) {
                Ok(published) => told.push(published),
                Err(refusal) => {
                    tally.refused.add(1);
                    outcome = Err(refusal);
                    break;
                }
            }
        }
        let refused = u64::from(outcome.is_err());
        tally.published.add((told.len() - before) as u64 + refused);
        outcome
    }

    /// Publishes one message.
    pub fn publish_one(&self, publish: Publish) -> Result<Published, Refusal> {
        let mut told = Vec::with_capacity(1);
        self.publish(&mut VecDeque::from([publish]), &mut told)?;
        Ok(told.pop().expect("one was taken in"))
    }

    /// Whether publishes of this connection should wait for now: the broker holds too much in
    /// memory, its disk is full or its writer far behind. When that ends, the connection is woken.
    ///
    /// One that holds unsettled deliveries waits for the writer alone, which catches up by itself.
    /// Room is made by settlements, and its own come behind its publishes: if it waited for room,
    /// everyone might wait for ever. What it may add is bounded by [`Self::publish`].
    pub fn publish_paused(&self, holds_deliveries: impl FnOnce() -> bool) -> bool {
        let (broker, outbox) = (&self.broker, &self.connection.outbox);
        broker.account.pass_on();
        if !broker.publish_paused() {
            return false;
        }
        if holds_deliveries() {
            return broker
                .writer_waiters
                .wait_while(outbox, || broker.journal.is_behind());
        }
        broker.account.pauses(outbox)
            || broker
                .journal_waiters
                .wait_while(outbox, || !broker.takes_publishes())
    }

    /// Routes a message, journals it and gathers it for its queues.
    fn take_in(
        &self,
        topology: &Topology,
        publish: Publish,
        own: &mut Own,
    ) -> Result<Published, Refusal> {
        let size_bytes = publish.envelope.size_bytes() + publish.body.len();
        self.check_size(publish.body.len())?;
        if !own.batch.is_routed(&publish.envelope) {
            self.route(topology, &publish.envelope, own)?;
        }
        own.batch.of_exchange += 1;
        if own.route.queues.is_empty() {
            self.connection.tally.unroutable.add(1);
            return Ok(Published::Unroutable(publish));
        }
        self.check_memory(size_bytes, &mut own.batch)?;
        if own.batch.turns_away {
            return self.take_in_if_let(publish, size_bytes, own);
        }
        let promise = self.accept(publish, size_bytes, own)?;
        Ok(Published::Routed(promise))
    }

    /// Journals a message and gathers it for its queues.
    #[inline(always)] // Once for each message; the other caller is a rare one.
    pub(super) fn accept(
        &self,
        publish: Publish,
        size_bytes: usize,
        own: &mut Own,
    ) -> Result<Promise, Refusal> {
        let arrived = own.batch.timed.then(|| self.broker.clock.now());
        let Journaled {
            promise,
            hold,
            debt,
        } = self.journal(&publish, arrived, size_bytes, own)?;
        let Publish { envelope, body } = publish;
        let message = Arc::new(Message {
            envelope,
            body,
            lsn: promise.lsn,
            arrived,
            hold: Some(hold),
        });
        if let Some(debt) = debt {
            let placed = own.placed(&message);
            own.batch.owed.push((debt, placed));
        }
        own.gather(message, self.broker.account);
        Ok(promise)
    }

    pub(super) fn check_size(&self, size: usize) -> Result<(), Refusal> {
        let most = self.broker.limits().message_bytes;
        if size <= most {
            return Ok(());
        }
        let text = format!("message of {size} bytes, at most {most} are allowed");
        Err(Refusal::new(Reason::Invalid, text))
    }

    /// The bound for those whom [`Self::publish_paused`] lets go on while memory is short.
    fn check_memory(&self, size_bytes: usize, batch: &mut Batch) -> Result<(), Refusal> {
        if batch.unchecked_bytes > 0 && batch.unchecked_bytes + size_bytes <= CHECKED_BYTES {
            batch.unchecked_bytes += size_bytes;
            return Ok(());
        }
        batch.unchecked_bytes = size_bytes;
        self.check_far_over()
    }

    pub(super) fn check_far_over(&self) -> Result<(), Refusal> {
        if !self.broker.account.is_far_over() {
            return Ok(());
        }
        let text = format!(
            "the broker holds twice the {} bytes of messages it may hold in memory; settle \
             deliveries first",
            self.broker.limits().memory_bytes
        );
        Err(Refusal::new(Reason::ResourceExhausted, text))
    }

    /// Finds the queues that messages with this envelope reach.
    fn route(
        &self,
        topology: &Topology,
        envelope: &Arc<Envelope>,
        own: &mut Own,
    ) -> Result<(), Refusal> {
        self.check_envelope(topology, envelope, &mut own.access)?;
        let routed = topology.route(envelope, &mut own.route);
        routed.map_err(|NoExchange| no_exchange(&envelope.exchange, self.vhost()))?;
        own.batch.count_for(own.route.published.take());
        own.batch.routed(envelope, &own.route.queues);
        Ok(())
    }

    /// Whether the user may publish such messages.
    pub(super) fn check_envelope(
        &self,
        topology: &Topology,
        envelope: &Envelope,
        access: &mut AccessCache,
    ) -> Result<(), Refusal> {
        let exchange = &envelope.exchange;
        let limits = self.broker.limits();
        envelope
            .keys()
            .try_for_each(|key| names::check_key(key, limits))?;
        self.require_with(access, Action::Write, Resource::Exchange(exchange))?;
        if topology.is_topic(exchange) {
            envelope
                .keys()
                .try_for_each(|key| self.require_key(access, Action::Write, exchange, key))?;
        }
        if topology.is_internal(exchange) {
            let vhost = self.vhost();
            let text =
                format!("cannot publish to internal exchange '{exchange}' in vhost '{vhost}'");
            return Err(Refusal::new(Reason::AccessRefused, text));
        }
        Ok(())
    }

    /// Gives the message its places in the queues and, where one of them is journaled and the message
    /// persistent, appends it to the journal. Where not, there is nothing to wait for.
    fn journal(
        &self,
        publish: &Publish,
        arrived: Option<Timestamp>,
        size_bytes: usize,
        own: &mut Own,
    ) -> Result<Journaled, Refusal> {
        let Own {
            route,
            targets,
            record,
            batch,
            ..
        } = own;
        let envelope = &publish.envelope;
        let properties = &envelope.properties;
        targets.clear();
        let turn = batch.streams.take_turn();
        let mut durability = Durability::Memory;
        for queue in route
            .queues
            .iter()
            .filter(|it| it.keeps(envelope.persistent))
        {
            targets.push((queue.id, queue.next_sequence(properties, arrived)));
            durability = durability.max(queue.durability);
        }
        let broker = &self.broker;
        if targets.is_empty() {
            return Ok(Journaled {
                promise: Promise::KEPT,
                hold: broker.account.hold(size_bytes, None),
                debt: None,
            });
        }
        // Entered before it is appended, so that its segment cannot be freed in between.
        let hold = broker.account.hold(size_bytes, Some(broker.journal.end()));
        write_publish_head(record, arrived, targets, envelope);
        let appended = if broker.must_owe(&batch.streams) {
            Err(AppendError::NotYet)
        } else {
            broker.append_publish(record, &publish.body, Admission::Ordinary)
        };
        let (lsn, debt) = match appended {
            Ok(Appended { start, end }) => {
                hold.set_record(start);
                batch.journaled = true;
                (end, None)
            }
            Err(AppendError::NotYet) => {
                let (debt, lsn) = broker.promise();
                (lsn, Some(debt))
            }
            Err(error) => return Err(refuse_append(&error)),
        };
        turn.keep();
        Ok(Journaled {
            promise: Promise { lsn, durability },
            hold,
            debt,
        })
    }
}

impl Own {
    /// Adds the message to what its queues get.
    fn gather(&mut self, message: Arc<Message>, account: &'static Account) {
        let Own {
            route,
            targets,
            batch,
            ..
        } = self;
        let mut journaled = targets.iter().peekable();
        let mut apart = None;
        let queues = route.queues.iter().zip(&batch.reached);
        for ((queue, &run), message) in queues.zip(repeat_n(message, route.queues.len())) {
            let place = journaled
                .next_if(|(id, _)| *id == queue.id)
                .map(|(_, sequence)| *sequence);
            let message = if place.is_some() || message.lsn == Lsn(0) {
                message
            } else {
                Arc::clone(apart.get_or_insert_with(|| self::apart(&message, account)))
            };
            let sequence = place.unwrap_or_else(|| {
                queue.next_sequence(&message.envelope.properties, message.arrived)
            });
            batch.runs[run].entries.push(Entry {
                sequence,
                expires: queue.expires(sequence, &message),
                message,
                journaled: place.is_some(),
                redelivered: false,
                returns: 0,
            });
        }
    }

    /// The message with the places just given to it in journaled queues.
    fn placed(&self, message: &Arc<Message>) -> Placed {
        let journaled = self.route.queues.iter();
        let journaled = journaled.filter(|queue| queue.keeps(message.envelope.persistent));
        let sequences = self.targets.iter().map(|(_, sequence)| *sequence);
        Placed {
            message: Arc::clone(message),
            places: journaled.cloned().zip(sequences).collect(),
        }
    }
}

impl Batch {
    /// Whether the route is that of messages with this envelope.
    fn is_routed(&self, envelope: &Arc<Envelope>) -> bool {
        let last = self.envelope.as_ref();
        last.is_some_and(|last| Arc::ptr_eq(last, envelope))
    }

    /// What comes is for another exchange.
    #[inline]
    fn count_for(&mut self, exchange: Option<Arc<AtomicU64>>) {
        let count = mem::take(&mut self.of_exchange);
        if let Some(before) = mem::replace(&mut self.exchange, exchange) {
            before.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// The envelope reaches these queues.
    fn routed(&mut self, envelope: &Arc<Envelope>, queues: &[Arc<LiveQueue>]) {
        self.envelope = Some(Arc::clone(envelope));
        self.timed = envelope.properties.ttl_ms().is_some()
            || queues.iter().any(|queue| queue.notes_arrivals());
        self.streams = Streams::among(queues.iter());
        self.turns_away = queues.iter().any(|queue| queue.turns_away());
        self.reached.clear();
        for queue in queues {
            let place = *self.places.entry(queue.id).or_insert_with(|| {
                self.runs.push(Run {
                    queue: Arc::clone(queue),
                    entries: self.spare.pop().unwrap_or_default(),
                });
                self.runs.len() - 1
            });
            self.reached.push(place);
        }
    }

    /// Hands each queue what was gathered for it, and ends the batch.
    fn enqueue(&mut self, broker: &Broker) {
        self.count_for(None);
        self.envelope = None;
        self.streams = Streams::default();
        self.reached.clear();
        self.places.clear();
        self.unchecked_bytes = 0;
        // While it writes, the queues are filled.
        if mem::take(&mut self.journaled) {
            broker.journal.hurry();
        }
        if self.runs.iter().any(|run| run.queue.is_stream()) {
            // They go first: whatever happens to the others, they have every offset.
            self.runs.sort_by_key(|run| !run.queue.is_stream());
        }
        for Run { queue, mut entries } in self.runs.drain(..) {
            queue.run(broker, |state, at, out| {
                state.push(entries.drain(..), at, out)
            });
            if self.spare.len() < SPARE_VECTORS && entries.capacity() <= SPARE_ENTRIES {
                self.spare.push(entries);
            }
        }
        self.runs.shrink_to(SPARE_RUNS);
        self.places.shrink_to(SPARE_RUNS);
        self.reached.shrink_to(SPARE_RUNS);
        for (debt, placed) in mem::take(&mut self.owed) {
            broker.owe(&debt, Due::Message(placed));
        }
    }
}

/// The same message for queues the journal knows nothing of: they do not wait for it, they may keep
/// the message for long, and its record must not stay in the journal for their sake.
pub(super) fn apart(message: &Message, account: &'static Account) -> Arc<Message> {
    Arc::new(Message {
        envelope: Arc::clone(&message.envelope),
        body: message.body.clone(),
        lsn: Lsn(0),
        arrived: message.arrived,
        hold: Some(account.hold(message.size_bytes(), None)),
    })
}
