//! Moving what is ready in one queue to the end of another, before the first one is deleted.
//!
//! Some messages at a time are taken out as by a client that asks for them, and put back as if nobody
//! had if they cannot go. The journal gets a message's new place and that it left the old one in one
//! piece: after a crash it is in either queue, and not in both.

use std::sync::Arc;

use super::changes::check_expected;
use super::placed::{Appended, Places};
use super::queues::thing;
use super::streams::Streams;
use super::{Broker, LiveQueue, Vhost, refuse_append};
use crate::admin::Drained;
use crate::call::{ConnectionId, Delivery, Outcome, Sequence};
use crate::definitions::Expect;
use crate::journal::{Admission, AppendError};
use crate::message::Message;
use crate::queue::Entry;
use crate::refusal::{Reason, Refusal};

/// Who holds the messages on their way: no connection has this number.
const MOVER: ConnectionId = ConnectionId(0);

/// Most messages moved in one call.
const MOST: usize = 1024;

/// Why a message stays where it is.
enum Stay {
    /// The journal's writer has to catch up first.
    NotYet,
    Refused(Refusal),
}

impl Broker {
    /// Moves some of what is ready out of the queue the caller expects.
    pub(crate) fn drain_queue(
        &self,
        vhost: &Vhost,
        from: &str,
        to: &str,
        expect: Expect,
    ) -> Result<Drained, Refusal> {
        let source = self.queue(vhost, from)?;
        check_expected(expect, Some(&source.definition()), || {
            thing(from, &vhost.name)
        })?;
        if from == to {
            let text = format!("queue '{from}' cannot be drained into itself");
            return Err(Refusal::new(Reason::Invalid, text).at("drain_to"));
        }
        if source.is_stream() {
            let text =
                format!("queue '{from}' is a stream: its messages stay, and cannot be moved");
            return Err(Refusal::new(Reason::NotImplemented, text).at("drain_to"));
        }
        // Held as by a publisher: neither queue is deleted before the messages have arrived.
        let topology = vhost.open()?;
        let target = topology.queue(to).cloned();
        let target = target.ok_or_else(|| no_target(to, &vhost.name))?;
        let mut moved = 0;
        let outcome = loop {
            if moved == MOST as u64 {
                break Ok(());
            }
            match self.move_first(&source, &target) {
                Ok(true) => moved += 1,
                Ok(false) | Err(Stay::NotYet) => break Ok(()),
                Err(Stay::Refused(refusal)) => break Err(refusal),
            }
        };
        drop(topology);
        self.bury();
        self.journal.hurry();
        outcome?;
        Ok(Drained {
            moved,
            rest: source.stats().ready,
            lsn: self.journal.end(),
        })
    }

    /// Moves the first message, if there is one.
    fn move_first(&self, source: &Arc<LiveQueue>, target: &Arc<LiveQueue>) -> Result<bool, Stay> {
        let got =
            source.run_with_first(self, |state, at, out| state.get(MOVER, false, at.now, out));
        let stopped = |error| Stay::Refused(Refusal::new(Reason::Unavailable, error));
        let (Some((delivery, _)), _) = got.map_err(stopped)? else {
            return Ok(false);
        };
        let place = [delivery.sequence];
        let arrived = self.arrive(&delivery, source, target);
        source.run(self, |state, at, out| match arrived {
            // Written down once more: a copy the journal made of the message in between stands behind
            // what it was told.
            Ok(()) => {
                state.settle(MOVER, &place, Outcome::Accept, at, out);
            }
            Err(_) => state.put_back(MOVER, &place, at, out),
        });
        arrived.map(|()| true)
    }

    /// Puts a message at the end of a queue, as its publisher sent it.
    fn arrive(
        &self,
        delivery: &Delivery,
        source: &LiveQueue,
        target: &Arc<LiveQueue>,
    ) -> Result<(), Stay> {
        let Message { envelope, body, .. } = &*delivery.message;
        if !target.admit(body.len()) {
            let text = format!("queue '{}' is full: it takes no more messages", target.name);
            let refusal = Refusal::new(Reason::ResourceExhausted, text).at("drain_to");
            return Err(Stay::Refused(refusal));
        }
        let mut message = Message::new(Arc::clone(envelope), body.clone());
        if envelope.properties.ttl_ms().is_some() || target.notes_arrivals() {
            let arrived = delivery.message.arrived;
            message.arrived = arrived.or_else(|| Some(self.clock.now()));
        }
        let streams = Streams::among([target].into_iter());
        let turn = streams.take_turn();
        let sequence = target.next_sequence(&envelope.properties, message.arrived);
        let journaled = target.keeps(envelope.persistent);
        // Entered before it is appended, so that its segment cannot be freed in between.
        let end = journaled.then(|| self.journal.end());
        let hold = self.account.hold(message.size_bytes(), end);
        if journaled {
            let places = vec![(Arc::clone(target), sequence)];
            let appended = if self.must_owe(&streams) {
                Err(AppendError::NotYet)
            } else {
                self.append_arrived(&message, &places, source, delivery.sequence)
            };
            match appended {
                Ok(Appended { start, end }) => {
                    hold.set_record(start);
                    message.lsn = end;
                }
                Err(error) => {
                    target.call_off(body.len());
                    return Err(match error {
                        AppendError::NotYet => Stay::NotYet,
                        error => Stay::Refused(refuse_append(&error)),
                    });
                }
            }
        }
        turn.keep();
        message.hold = Some(hold);
        let entry = Entry {
            sequence,
            expires: target.expires(sequence, &message),
            message: Arc::new(message),
            journaled,
            redelivered: delivery.redelivered,
            returns: 0,
        };
        let entries = std::iter::once(entry);
        target.run(self, |state, at, out| state.push(entries, at, out));
        Ok(())
    }

    /// Appends the message for its new place, and that it has left the old one if the journal has it
    /// there. What is too large for both together is appended alone.
    fn append_arrived(
        &self,
        message: &Message,
        places: &Places,
        source: &LiveQueue,
        left: Sequence,
    ) -> Result<Appended, AppendError> {
        let (mut publish, mut settle) = (Vec::new(), Vec::new());
        let was_kept = source.inspect(|state| !state.held_in_journal(MOVER, &[left]).is_empty());
        if was_kept {
            let records = [&mut publish, &mut settle];
            match self.append_moved(message, places, (source.id, left), records) {
                Err(AppendError::TooLarge { .. }) => {}
                moved => return moved.map(|(appended, _)| appended),
            }
        }
        self.append_placed(message, places, Admission::Ordinary, &mut publish)
    }
}

/// Not that there is no such queue: that would say that the one to be drained is gone.
fn no_target(name: &str, vhost: &str) -> Refusal {
    let text = format!("there is no queue '{name}' in vhost '{vhost}' to drain into");
    Refusal::new(Reason::Invalid, text).at("drain_to")
}
