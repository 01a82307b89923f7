//! Consuming: attach, get, settle, go on.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::LiveQueue;
use super::attachment::{Attachment, Own, Resource};
use super::exhausted;
use super::queues::{self, no_queue};
use crate::access::Action;
use crate::arguments;
use crate::call::{Consume, ConsumerId, Delivery, Outcome, QueueId, Sequence};
use crate::clock::Timestamp;
use crate::journal::Lsn;
use crate::lock::lock;
use crate::queue::{ConsumeError, Consumer, Start, State};
use crate::refusal::{Reason, Refusal};
use crate::rules;
use crate::stream_start::{self, StreamStart};

impl Attachment {
    /// How long deliveries may be kept of those queues of this connection that have a time of their own.
    pub(crate) fn consumer_timeouts(&self) -> HashMap<QueueId, Duration> {
        let own = lock(&self.own);
        let timed = own.queues.iter().filter_map(|(id, queue)| {
            let ms = queue.consumer_timeout_ms()?;
            Some((*id, Duration::from_millis(ms)))
        });
        timed.collect()
    }

    /// Attaches a consumer. Deliveries may be in the outbox before this returns.
    pub fn consume(&self, call: &Consume<'_>) -> Result<(), Refusal> {
        let limits = self.broker.limits();
        self.require(Action::Read, Resource::Queue(call.queue))?;
        let queue = self.usable_queue(call.queue)?;
        arguments::check_consumer(&call.arguments, limits)?;
        let thing = queues::thing(call.queue, self.vhost());
        let priority = rules::consumer_priority(&call.arguments, &thing)?;
        let start = stream_start::of(&call.arguments, &thing, queue.is_stream())?;
        if queue.is_stream() {
            check_reader(call, &thing)?;
        }
        let start = self.resolve(&queue, start)?;
        self.attach_consumer(call, &queue, priority, start)
    }

    /// The place that is meant.
    fn resolve(&self, queue: &LiveQueue, start: StreamStart) -> Result<Start, Refusal> {
        let now = || self.broker.clock.now();
        let time = match start {
            StreamStart::At(start) => return Ok(start),
            StreamStart::Ago { ms } => Timestamp(now().0.saturating_sub(ms)),
            StreamStart::Since(time) => time,
        };
        match queue.first_since(time, &self.broker) {
            Ok((offset, _)) => Ok(Start::Offset(offset)),
            Err(stopped) => Err(Refusal::new(Reason::Unavailable, stopped)),
        }
    }

    /// Attaches a consumer that may be.
    pub(super) fn attach_consumer(
        &self,
        call: &Consume<'_>,
        queue: &Arc<LiveQueue>,
        priority: i32,
        start: Start,
    ) -> Result<(), Refusal> {
        self.note_consumer(call.consumer, queue)?;
        let consumer = Arc::new(Consumer {
            id: call.consumer,
            connection: self.id(),
            outbox: Arc::clone(&self.connection.outbox),
            auto_settle: call.auto_settle,
            exclusive: call.exclusive,
            priority,
            prefetch: call.prefetch,
            shared: call.shared.clone(),
            start,
            unsettled: AtomicU32::new(0),
        });
        let most = self.broker.limits().consumers_per_queue;
        let (attached, _) = queue.run_reading(&self.broker, |state, at, out| {
            state.consume(consumer, most, at, out)
        });
        attached.map_err(|error| {
            lock(&self.own).consumers.remove(&call.consumer);
            let vhost = self.vhost();
            match error {
                ConsumeError::Deleted => no_queue(call.queue, vhost),
                ConsumeError::Exclusive => Refusal::new(
                    Reason::AccessRefused,
                    format!("queue '{}' in vhost '{vhost}' in exclusive use", call.queue),
                ),
                ConsumeError::TooMany => exhausted("consumers of a queue", most),
            }
        })
    }

    /// Ends a consumer; what it holds unsettled stays with the connection. Deliveries already in the
    /// outbox still arrive. Unknown numbers are ignored.
    pub fn cancel(&self, consumer: ConsumerId) {
        let Some(queue) = lock(&self.own).consumers.remove(&consumer) else {
            return;
        };
        let id = self.id();
        let (unused, _) = queue.run(&self.broker, |state, at, out| {
            state.cancel(id, consumer, at, out)
        });
        if unused {
            self.broker.delete_unused(&self.connection.vhost, &queue);
        }
    }

    /// Takes the queue's first message, and says how many are ready behind it. Show it to the client
    /// only once the journal is durable up to the message's `lsn`.
    pub fn get(&self, queue: &str, auto_settle: bool) -> Result<Option<(Delivery, u32)>, Refusal> {
        self.require(Action::Read, Resource::Queue(queue))?;
        let queue = self.usable_queue(queue)?;
        if queue.is_stream() {
            let thing = queues::thing(&queue.name, self.vhost());
            let text = format!("basic.get not supported by stream queues {thing}");
            return Err(Refusal::new(Reason::NotImplemented, text));
        }
        if !auto_settle {
            lock(&self.own).note_queue(&queue);
        }
        let id = self.id();
        loop {
            let got = queue.run_with_first(&self.broker, |state, at, out| {
                state.get(id, auto_settle, at.now, out)
            });
            let (got, _) = got.map_err(|stopped| Refusal::new(Reason::Unavailable, stopped))?;
            self.connection
                .tally
                .delivered
                .add(u64::from(got.is_some()));
            if got.is_some() || !queue.inspect(State::is_due) {
                return Ok(got);
            }
            // What has expired before it goes first, if there is room for that.
            let leaving = queue.inspect(State::leaving_len);
            self.broker.bury();
            if queue.inspect(State::leaving_len) >= leaving {
                return Ok(None);
            }
        }
    }

    /// Settles deliveries of one queue, which this connection holds; others are ignored. The
    /// position is where the settlements are durable; nothing of AMQP 0-9-1 waits for it.
    pub fn settle(&self, queue: QueueId, sequences: &[Sequence], outcome: Outcome) -> Lsn {
        let Some(queue) = lock(&self.own).queues.get(&queue).cloned() else {
            return Lsn(0);
        };
        let tally = &self.connection.tally;
        match outcome {
            Outcome::Accept => tally.acknowledged.add(sequences.len() as u64),
            Outcome::Reject => tally.rejected.add(sequences.len() as u64),
            Outcome::Requeue => tally.requeued.add(sequences.len() as u64),
        }
        let id = self.id();
        let (settled, lsn) = queue.run_reading(&self.broker, |state, at, out| {
            state.settle(id, sequences, outcome, at, out)
        });
        if settled.shared_credit {
            self.go_on();
        }
        self.broker.bury();
        lsn
    }

    /// Drained deliveries have left for the socket: queues that skipped this connection's consumers
    /// go on. Cheap when there is none.
    pub fn resume(&self) {
        if self.connection.outbox.take_starved() {
            self.go_on();
        }
    }

    /// A limit shared by consumers of this connection was changed: their queues look again.
    pub fn prefetch_changed(&self) {
        self.go_on();
    }

    /// Lets all queues this connection consumes from try its consumers again.
    fn go_on(&self) {
        let mut queues: Vec<_> = lock(&self.own).consumers.values().cloned().collect();
        queues.sort_unstable_by_key(|queue| queue.id);
        queues.dedup_by_key(|queue| queue.id);
        let id = self.id();
        for queue in queues {
            queue.run_reading(&self.broker, |state, at, out| {
                state.unpark(id);
                state.pump(at, out);
            });
        }
    }

    fn note_consumer(&self, consumer: ConsumerId, queue: &Arc<LiveQueue>) -> Result<(), Refusal> {
        let mut own = lock(&self.own);
        let most = self.broker.limits().consumers_per_connection;
        if own.consumers.len() >= most {
            return Err(exhausted("consumers of a connection", most));
        }
        if own.consumers.contains_key(&consumer) {
            let text = format!("consumer number {} is in use", consumer.0);
            return Err(Refusal::new(Reason::Conflict, text));
        }
        own.consumers.insert(consumer, Arc::clone(queue));
        own.note_queue(queue);
        Ok(())
    }
}

/// Refuses what a consumer of a stream cannot ask for, in RabbitMQ's words.
fn check_reader(call: &Consume<'_>, thing: &str) -> Result<(), Refusal> {
    let shared = call.shared.as_ref();
    let (reason, text) = if call.prefetch == 0 {
        let text = format!("consumer prefetch count is not set for stream {thing}");
        (Reason::Invalid, text)
    } else if call.auto_settle {
        let text = format!("automatic acknowledgement not supported by stream {thing}");
        (Reason::NotImplemented, text)
    } else if shared.is_some_and(|shared| shared.limit.load(Ordering::SeqCst) > 0) {
        (
            Reason::NotImplemented,
            format!("{thing} does not support global qos"),
        )
    } else {
        return Ok(());
    };
    Err(Refusal::new(reason, text))
}

impl Own {
    /// Remembers that messages of the queue may be held; forgets deleted queues now and then.
    fn note_queue(&mut self, queue: &Arc<LiveQueue>) {
        if self.queues.contains_key(&queue.id) {
            return;
        }
        if self.queues.len() == self.queues.capacity() {
            self.queues
                .retain(|_, queue| !queue.inspect(|state| state.is_deleted()));
        }
        self.queues.insert(queue.id, Arc::clone(queue));
    }
}
