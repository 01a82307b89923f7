//! Publishing: route, journal, enqueue.
//!
//! A persistent message for a durable queue, one of level `memory` excepted, is appended to the journal before any queue holds it,
//! with the places it will take there. Queues put it at its place, and hold it back until the
//! journal is durable up to it. A crash before the append loses a message nobody was told about; a
//! crash after it may keep one that was never confirmed, which the publisher sends again.
//!
//! While the journal prepares its next segment a message may find no room there. That is no reason
//! to refuse it: it goes to its queues and is owed to the journal, and its publisher is paused.

use std::sync::Arc;

use super::attachment::{Attachment, Own, Resource};
use super::exchanges::no_exchange;
use super::live_queue::LiveQueue;
use super::owed::{DebtId, Due};
use super::placed::Placed;
use super::topology::RouteError;
use super::{Topology, refuse_append};
use crate::access::Action;
use crate::account::Hold;
use crate::call::{Publish, Published, Sequence};
use crate::durability::{Durability, Promise};
use crate::journal::{Admission, AppendError, Journal, Lsn, Record};
use crate::lock::lock;
use crate::message::Message;
use crate::names;
use crate::queue::Entry;
use crate::records::{self, write_publish_head};
use crate::refusal::{Reason, Refusal};

/// What the journal said to a message.
struct Journaled {
    promise: Promise,
    hold: Hold,
    /// It had no room yet.
    debt: Option<DebtId>,
}

impl Attachment {
    /// Publishes one message.
    pub fn publish(&self, call: Publish<'_>) -> Result<Published, Refusal> {
        let limits = self.broker.limits();
        names::check_key(call.routing_key, limits)?;
        if call.body.len() > limits.message_bytes {
            let (size, most) = (call.body.len(), limits.message_bytes);
            let text = format!("message of {size} bytes, at most {most} are allowed");
            return Err(Refusal::new(Reason::Invalid, text));
        }
        let mut own = lock(&self.own);
        self.require_with(
            &mut own.access,
            Action::Write,
            Resource::Exchange(call.exchange),
        )?;
        // Held until the queues have the message: who deletes them if they are empty waits for it.
        let topology = self.connection.vhost.open()?;
        let exchange = self.route(&topology, &call, &mut own)?;
        if own.route.queues.is_empty() {
            let Publish {
                routing_key,
                properties,
                body,
                persistent,
                ..
            } = call;
            let message = Message::new(exchange, routing_key, properties, body, persistent);
            return Ok(Published::Unroutable(Arc::new(message)));
        }
        self.check_memory(&mut own)?;
        let Journaled {
            promise,
            hold,
            debt,
        } = self.journal(&call, &mut own)?;
        let message = Arc::new(Message {
            exchange,
            routing_key: call.routing_key.into(),
            properties: call.properties,
            body: call.body,
            persistent: call.persistent,
            lsn: promise.lsn,
            hold: Some(hold),
        });
        let owed = debt.map(|debt| (debt, own.placed(&message)));
        self.enqueue(&message, &mut own);
        if let Some((debt, placed)) = owed {
            self.broker.owe(debt, Due::Message(placed));
        }
        Ok(Published::Routed(promise))
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

    /// The bound for those whom [`Self::publish_paused`] lets go on while memory is short.
    fn check_memory(&self, own: &mut Own) -> Result<(), Refusal> {
        if !self.broker.account.is_far_over() {
            return Ok(());
        }
        own.route.queues.clear();
        let text = format!(
            "the broker holds twice the {} bytes of messages it may hold in memory; settle \
             deliveries first",
            self.broker.limits().memory_bytes
        );
        Err(Refusal::new(Reason::ResourceExhausted, text))
    }

    fn route(
        &self,
        topology: &Topology,
        call: &Publish<'_>,
        own: &mut Own,
    ) -> Result<Arc<str>, Refusal> {
        let vhost = &self.connection.vhost;
        let routed = topology.route(call.exchange, call.routing_key, &mut own.route);
        routed.map_err(|error| match error {
            RouteError::NoExchange => no_exchange(call.exchange, &vhost.name),
            RouteError::Internal => Refusal::new(
                Reason::AccessRefused,
                format!(
                    "cannot publish to internal exchange '{}' in vhost '{}'",
                    call.exchange, vhost.name
                ),
            ),
        })
    }

    /// Gives the message its places in the queues and, where one of them is journaled and the message
    /// persistent, appends it to the journal. Where not, there is nothing to wait for.
    fn journal(&self, call: &Publish<'_>, own: &mut Own) -> Result<Journaled, Refusal> {
        let size = call.body.len() + call.properties.size_bytes() + call.routing_key.len();
        let Own {
            route,
            targets,
            record,
            ..
        } = own;
        targets.clear();
        let mut durability = Durability::Memory;
        if call.persistent {
            for queue in route.queues.iter().filter(|queue| queue.is_journaled()) {
                targets.push((queue.id, queue.next_sequence()));
                durability = durability.max(queue.durability);
            }
        }
        if targets.is_empty() {
            return Ok(Journaled {
                promise: Promise::KEPT,
                hold: self.broker.account.hold(size, None),
                debt: None,
            });
        }
        // Entered before it is appended, so that its segment cannot be freed in between.
        let journal = &self.broker.journal;
        let hold = self.broker.account.hold(size, Some(journal.end()));
        write_publish_head(
            record,
            targets,
            call.exchange,
            call.routing_key,
            &call.properties,
        );
        let appended = journal.append(&Record {
            kind: records::PUBLISH,
            admission: Admission::Ordinary,
            parts: &[record],
            body: Some(&call.body),
        });
        let (lsn, debt) = match appended {
            Ok(lsn) => {
                hold.set_record(Journal::start_of(lsn, record.len() + call.body.len()));
                (lsn, None)
            }
            Err(AppendError::NotYet) => {
                let (debt, lsn) = self.broker.promise();
                (lsn, Some(debt))
            }
            Err(error) => {
                route.queues.clear();
                return Err(refuse_append(&error));
            }
        };
        Ok(Journaled {
            promise: Promise { lsn, durability },
            hold,
            debt,
        })
    }

    fn enqueue(&self, message: &Arc<Message>, own: &mut Own) {
        let Own { route, targets, .. } = own;
        let mut journaled = targets.iter().peekable();
        let mut apart = None;
        for queue in route.queues.drain(..) {
            let place = journaled
                .next_if(|(id, _)| *id == queue.id)
                .map(|(_, sequence)| *sequence);
            if place.is_some() || message.lsn == Lsn(0) {
                self.push(&queue, message, place);
            } else {
                let message = apart.get_or_insert_with(|| self.apart(message));
                self.push(&queue, message, None);
            }
        }
    }

    /// The same message for queues the journal knows nothing of: they do not wait for it, they may keep
    /// the message for long, and its record must not stay in the journal for their sake.
    fn apart(&self, message: &Message) -> Arc<Message> {
        Arc::new(Message {
            exchange: Arc::clone(&message.exchange),
            routing_key: message.routing_key.clone(),
            properties: message.properties.clone(),
            body: message.body.clone(),
            lsn: Lsn(0),
            hold: Some(self.broker.account.hold(message.size_bytes(), None)),
            ..*message
        })
    }

    fn push(&self, queue: &Arc<LiveQueue>, message: &Arc<Message>, place: Option<Sequence>) {
        let entry = Entry {
            sequence: place.unwrap_or_else(|| queue.next_sequence()),
            message: Arc::clone(message),
            journaled: place.is_some(),
            redelivered: false,
        };
        queue.run(&self.broker, |state, durable, out| {
            state.push(entry, durable, out)
        });
    }
}

impl Own {
    /// The message with the places just given to it in journaled queues.
    fn placed(&self, message: &Arc<Message>) -> Placed {
        let journaled = self.route.queues.iter();
        let journaled = journaled.filter(|queue| queue.is_journaled());
        let sequences = self.targets.iter().map(|(_, sequence)| *sequence);
        Placed {
            message: Arc::clone(message),
            places: journaled.cloned().zip(sequences).collect(),
        }
    }
}
