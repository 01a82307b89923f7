//! Moving what is ready in one queue to the end of another, before the first one is deleted.
//!
//! Some messages at a time are taken out as by a client that asks for them, appended to the journal
//! for their new place, and only then settled at the old one: a crash in between leaves a message in
//! both queues, and none at which it is in neither.

use std::sync::Arc;

use super::changes::check_expected;
use super::placed::Appended;
use super::queues::thing;
use super::{Broker, LiveQueue, Vhost, refuse_append};
use crate::call::{ConnectionId, Delivery, Outcome};
use crate::definitions::Expect;
use crate::journal::{Admission, AppendError, Lsn};
use crate::message::Message;
use crate::queue::Entry;
use crate::refusal::{Reason, Refusal};

/// Who holds the messages on their way: no connection has this number.
const MOVER: ConnectionId = ConnectionId(0);

/// Messages moved before the next look at what else wants the queues.
const BATCH_LEN: usize = 256;

impl Broker {
    /// Moves what is ready out of the queue the caller expects, and says how many messages that was.
    pub(crate) fn drain_queue(
        &self,
        vhost: &Vhost,
        from: &str,
        to: &str,
        expect: Expect,
    ) -> Result<u64, Refusal> {
        if from == to {
            let text = format!("queue '{from}' cannot be drained into itself");
            return Err(Refusal::new(Reason::Invalid, text).at("drain_to"));
        }
        let source = self.queue(vhost, from)?;
        check_expected(expect, Some(&source.definition()), || {
            thing(from, &vhost.name)
        })?;
        // What comes meanwhile is the deletion's to find.
        let mut rest = source.stats().ready;
        let mut moved = 0;
        while rest > 0 {
            // Held as by a publisher: neither queue is deleted before the messages have arrived.
            let topology = vhost.open()?;
            let target = topology.queue(to).cloned();
            let target = target.ok_or_else(|| no_target(to, &vhost.name))?;
            let most = usize::try_from(rest).unwrap_or(BATCH_LEN).min(BATCH_LEN);
            let count = self.move_some(&source, &target, most)?;
            drop(topology);
            self.bury();
            if count == 0 {
                break;
            }
            moved += count;
            rest = rest.saturating_sub(count);
        }
        self.journal.hurry();
        Ok(moved)
    }

    fn move_some(
        &self,
        source: &Arc<LiveQueue>,
        target: &Arc<LiveQueue>,
        most: usize,
    ) -> Result<u64, Refusal> {
        let mut count = 0;
        for _ in 0..most {
            let got = source.run_with_first(self, |state, at, out| {
                state.get(MOVER, false, at.now, out)
            });
            let got = got.map_err(|error| Refusal::new(Reason::Unavailable, error))?;
            let (Some((delivery, _)), _) = got else { break };
            let arrived = self.arrive(&delivery, target);
            let outcome = match arrived {
                Ok(()) => Outcome::Accept,
                Err(_) => Outcome::Requeue,
            };
            source.run(self, |state, at, out| {
                state.settle(MOVER, &[delivery.sequence], outcome, at, out)
            });
            arrived?;
            count += 1;
        }
        Ok(count)
    }

    /// Puts a message at the end of a queue, as its publisher sent it.
    fn arrive(&self, delivery: &Delivery, target: &Arc<LiveQueue>) -> Result<(), Refusal> {
        let Message { envelope, body, .. } = &*delivery.message;
        if !target.admit(body.len()) {
            let text = format!("queue '{}' is full: it takes no more messages", target.name);
            return Err(Refusal::new(Reason::ResourceExhausted, text).at("drain_to"));
        }
        let mut message = Message::new(Arc::clone(envelope), body.clone());
        let timed = envelope.properties.ttl_ms().is_some() || target.lets_expire();
        let arrived = delivery.message.arrived;
        message.arrived = timed.then(|| arrived.unwrap_or_else(|| self.clock.now()));
        let sequence = target.next_sequence(&envelope.properties);
        let journaled = envelope.persistent && target.is_journaled();
        let place = journaled.then(|| (Arc::clone(target), sequence));
        // Entered before it is appended, so that its segment cannot be freed in between.
        let end = journaled.then(|| self.journal.end());
        let hold = self.account.hold(message.size_bytes(), end);
        if let Some(place) = place {
            let mut record = Vec::new();
            let places = vec![place];
            let append = |admission, record: &mut Vec<u8>| {
                self.append_placed(&message, &places, admission, record)
            };
            let appended = match append(Admission::Ordinary, &mut record) {
                // The disk has room, and a settlement follows that makes some.
                Err(AppendError::NotYet) => append(Admission::Essential, &mut record),
                appended => appended,
            };
            match appended {
                Ok(Appended { start, end }) => {
                    hold.set_record(start);
                    message.lsn = end;
                }
                Err(error) => {
                    target.call_off(body.len());
                    return Err(refuse_append(&error));
                }
            }
        } else {
            message.lsn = Lsn(0);
        }
        message.hold = Some(hold);
        let entry = Entry {
            sequence,
            expires: target.expires(&message),
            message: Arc::new(message),
            journaled,
            redelivered: delivery.redelivered,
            returns: 0,
        };
        let entries = std::iter::once(entry);
        target.run(self, |state, at, out| state.push(entries, at, out));
        Ok(())
    }
}

/// Not that there is no such queue: that would say that the one to be drained is gone.
fn no_target(name: &str, vhost: &str) -> Refusal {
    let text = format!("there is no queue '{name}' in vhost '{vhost}' to drain into");
    Refusal::new(Reason::Invalid, text).at("drain_to")
}
