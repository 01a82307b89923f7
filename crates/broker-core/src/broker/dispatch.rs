//! A message on its way into queues outside of a publisher's batch: a dead letter, one of a
//! transaction.

use std::sync::Arc;
use std::{iter, vec};

use super::placed::{Appended, Places};
use super::{Broker, LiveQueue};
use crate::journal::Lsn;
use crate::message::Message;
use crate::queue::Entry;

/// A message with its places in the queues it goes to, which do not have it yet.
#[derive(Debug)]
pub(super) struct Dispatch {
    pub(super) message: Message,
    /// In queues for which the journal keeps it: it is to be appended before they get it.
    pub(super) places: Places,
    pub(super) queues: Vec<Arc<LiveQueue>>,
}

impl Broker {
    /// Gives a message its places, and enters it in the account. Whoever calls has the turn of the
    /// streams among them until the message is appended.
    pub(super) fn dispatch(&self, mut message: Message, queues: Vec<Arc<LiveQueue>>) -> Dispatch {
        let properties = &message.envelope.properties;
        let timed = properties.ttl_ms().is_some() || queues.iter().any(|it| it.notes_arrivals());
        let journaled = |queue: &&Arc<LiveQueue>| queue.keeps(message.envelope.persistent);
        let arrived = timed.then(|| self.clock.now());
        let place = |queue: &Arc<LiveQueue>| {
            let sequence = queue.next_sequence(properties, arrived);
            (Arc::clone(queue), sequence)
        };
        let places: Places = queues.iter().filter(journaled).map(place).collect();
        // Entered before it is appended, so that its segment cannot be freed in between.
        let record = (!places.is_empty()).then(|| self.journal.end());
        let hold = self.account.hold(message.size_bytes(), record);
        message.arrived = arrived;
        message.hold = Some(hold);
        Dispatch {
            message,
            places,
            queues,
        }
    }

    /// Hands each message to its queues; the others too if that panics with one.
    pub(super) fn deliver_all(&self, dispatches: Vec<Dispatch>) {
        let mut rest = Rest {
            broker: self,
            dispatches: dispatches.into_iter(),
        };
        for dispatch in rest.dispatches.by_ref() {
            self.deliver(dispatch);
        }
    }

    /// Hands the message to its queues. Where the journal keeps it, it was appended.
    pub(super) fn deliver(&self, dispatch: Dispatch) {
        let Dispatch {
            message,
            places,
            queues,
        } = dispatch;
        let message = Arc::new(message);
        let mut places = places.into_iter().peekable();
        let placed = queues.into_iter().map(|queue| {
            let place = places.next_if(|(placed, _)| Arc::ptr_eq(placed, &queue));
            let place = place.map(|(_, sequence)| sequence);
            (queue, place)
        });
        let mut placed: Vec<_> = placed.collect();
        // Streams first: whatever happens to the others, they have every offset.
        placed.sort_by_key(|(queue, _)| !queue.is_stream());
        for (queue, place) in placed {
            // As any publisher does: queues the journal knows nothing of do not wait for it.
            let message = if place.is_some() || message.lsn == Lsn(0) {
                Arc::clone(&message)
            } else {
                super::publish::apart(&message, self.account)
            };
            let sequence = place.unwrap_or_else(|| {
                queue.next_sequence(&message.envelope.properties, message.arrived)
            });
            let entry = Entry {
                sequence,
                expires: queue.expires(sequence, &message),
                message,
                journaled: place.is_some(),
                redelivered: false,
                returns: 0,
            };
            queue.run(self, |state, at, out| {
                state.push(iter::once(entry), at, out)
            });
        }
    }
}

/// Messages that are still to be handed to their queues.
struct Rest<'a> {
    broker: &'a Broker,
    dispatches: vec::IntoIter<Dispatch>,
}

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        for dispatch in self.dispatches.by_ref() {
            self.broker.deliver(dispatch);
        }
    }
}

impl Dispatch {
    /// The journal has the message there.
    pub(super) fn appended(&mut self, Appended { start, end }: Appended) {
        if let Some(hold) = &self.message.hold {
            hold.set_record(start);
        }
        self.message.lsn = end;
    }

    /// Queues that turn messages away and let this one in do not get it after all.
    pub(super) fn call_off(&self) {
        let body_bytes = self.message.body.len();
        self.queues.iter().for_each(|it| it.call_off(body_bytes));
    }
}
