//! A message on its way into queues outside of a publisher's batch: a dead letter, one of a
//! transaction.

use std::iter;
use std::sync::Arc;

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

    /// Hands the message to its queues. Where the journal keeps it, it was appended.
    pub(super) fn deliver(&self, dispatch: Dispatch) {
        let Dispatch {
            message,
            places,
            queues,
        } = dispatch;
        let message = Arc::new(message);
        let mut places = places.iter().peekable();
        for queue in &queues {
            let place = places.next_if(|(placed, _)| Arc::ptr_eq(placed, queue));
            // As any publisher does: queues the journal knows nothing of do not wait for it.
            let message = if place.is_some() || message.lsn == Lsn(0) {
                Arc::clone(&message)
            } else {
                super::publish::apart(&message, self.account)
            };
            let sequence = place.map_or_else(
                || queue.next_sequence(&message.envelope.properties, message.arrived),
                |(_, sequence)| *sequence,
            );
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
