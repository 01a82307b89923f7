//! Dead letters: messages that leave a queue without having been accepted go on through the exchange
//! the queue names.
//!
//! They are put into this list under their queue's lock and leave it when nobody holds a lock: a
//! publish takes the virtual host's topology and other queues. Whoever may have added one empties
//! the list afterwards, one at a time, so that they keep their order; nobody takes more than some at
//! a time, and the broker's timers see to the rest, as to those that had to wait for room.
//!
//! The journal gets the dead letter's publish together with the settlement in the queue it comes from:
//! a crash leaves the message in either queue, and not in both. Where the journal has no room for
//! them, the dead letter waits here and still is its first queue's.
//!
//! Messages that a delayed exchange has kept until they are due go the same way, but for what is added
//! to dead letters.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use super::delays;
use super::dispatch::Dispatch;
use super::placed::Appended;
use super::route::{NoExchange, Route};
use super::streams::Streams;
use super::{Broker, LiveQueue, Topology};
use crate::call::Sequence;
use crate::clock::Timestamp;
use crate::death::{self, Death, DeathReason, Remains};
use crate::journal::{Admission, AppendError};
use crate::lock::lock;
use crate::message::{Envelope, Message};
use crate::queue::{Entry, Fate, Left};
use crate::rules::{DeadLetter, Rules};

/// Dead letters on their way.
#[derive(Debug, Default)]
pub(super) struct DeadLetters {
    waiting: Mutex<VecDeque<Dead>>,
    /// How many are not done with, the one that is being sent on included; to look at without a lock.
    count: AtomicUsize,
    /// Held by whoever empties the list.
    burial: Mutex<Burial>,
}

/// One message that died.
#[derive(Debug)]
pub(super) struct Dead {
    pub(super) queue: Arc<LiveQueue>,
    /// The queue's rules when it died.
    pub(super) rules: Option<Arc<Rules>>,
    /// Its place there, if the queue is to be told what became of it.
    pub(super) place: Option<Sequence>,
    /// The journal holds it there.
    pub(super) journaled: bool,
    pub(super) message: Arc<Message>,
    pub(super) reason: DeathReason,
    pub(super) time: Timestamp,
}

/// Working memory.
#[derive(Debug, Default)]
struct Burial {
    route: Route,
    record: Vec<u8>,
    settle: Vec<u8>,
    /// What has left one queue.
    left: Vec<Left>,
}

/// The journal takes no publish now.
#[derive(Debug)]
struct NoRoom;

/// What became of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Buried {
    /// It is empty, or somebody else is at it.
    All,
    /// There are more, enough for one call.
    Some,
    /// They wait for the journal.
    Stuck,
}

/// Most dead letters sent on in one call, so that nobody who only passes by is kept for long.
const MOST: usize = 256;

impl DeadLetters {
    pub(super) fn add(&self, dead: Dead) {
        let mut waiting = lock(&self.waiting);
        waiting.push_back(dead);
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    fn is_empty(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// The first, to be [put back](Self::put_back) or [ticked off](Self::tick_off).
    fn take(&self) -> Option<Dead> {
        lock(&self.waiting).pop_front()
    }

    fn put_back(&self, dead: Dead) {
        lock(&self.waiting).push_front(dead);
    }

    fn tick_off(&self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
    }

    /// The right to empty the list, unless somebody has it. If he panicked, what he was at is gone,
    /// but not what comes after.
    fn begin(&self) -> Option<MutexGuard<'_, Burial>> {
        match self.burial.try_lock() {
            Ok(burial) => Some(burial),
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Poisoned(poisoned)) => {
                self.burial.clear_poison();
                let mut burial = poisoned.into_inner();
                *burial = Burial::default();
                let waiting = lock(&self.waiting);
                self.count.store(waiting.len(), Ordering::SeqCst);
                Some(burial)
            }
        }
    }
}

impl Broker {
    /// A message died; `kept` says whether its queue is to be told what became of it. Called under the
    /// queue's lock.
    pub(super) fn died(
        &self,
        queue: &Arc<LiveQueue>,
        entry: &Entry,
        reason: DeathReason,
        kept: bool,
    ) {
        self.dead_letters.add(Dead {
            queue: Arc::clone(queue),
            rules: queue.rules(),
            place: kept.then_some(entry.sequence),
            journaled: entry.journaled,
            message: Arc::clone(&entry.message),
            reason,
            time: self.clock.now(),
        });
        // Most who come here empty the list when they have let go of the lock; not all.
        self.timers.ring();
    }

    /// Has some dead letters go on, and the timers see to the others. Those the journal does not take
    /// are tried again after the next commit, and when there is room. Call it with no lock held.
    pub(super) fn bury(&self) {
        match self.try_bury() {
            Buried::All => {}
            Buried::Some => self.timers.ring(),
            // The room may have come back in between.
            Buried::Stuck => self.journal.recall(),
        }
    }

    /// The same for the timers: whether to call it again at once.
    pub(super) fn bury_on_time(&self) -> bool {
        // They are rung after each commit while something waits: no need to call the writer.
        self.try_bury() == Buried::Some
    }

    /// After a commit, or when room has come back: the timers have them go on. The journal's writer
    /// has other things to do.
    pub(super) fn bury_later(&self) {
        if !self.dead_letters.is_empty() {
            self.timers.ring();
        }
    }

    fn try_bury(&self) -> Buried {
        let mut rest = MOST;
        while !self.dead_letters.is_empty() {
            if rest == 0 {
                return Buried::Some;
            }
            // Whoever is at it looks for more when he is done.
            let Some(mut burial) = self.dead_letters.begin() else {
                break;
            };
            if self.bury_with(&mut burial, &mut rest).is_err() {
                return Buried::Stuck;
            }
        }
        Buried::All
    }

    /// Sends on the first `rest`, which is counted down.
    fn bury_with(&self, burial: &mut Burial, rest: &mut usize) -> Result<(), NoRoom> {
        let mut last: Option<Arc<LiveQueue>> = None;
        let mut outcome = Ok(());
        while *rest > 0
            && let Some(dead) = self.dead_letters.take()
        {
            *rest -= 1;
            if let Some(last) = last.take_if(|last| !Arc::ptr_eq(last, &dead.queue)) {
                self.leave(&last, burial);
            }
            let Ok(fate) = self.send_on(&dead, burial) else {
                self.dead_letters.put_back(dead);
                outcome = Err(NoRoom);
                break;
            };
            let reason = dead.reason;
            burial.left.extend(dead.place.map(|place| Left {
                place,
                reason,
                fate,
            }));
            self.dead_letters.tick_off();
            last = Some(dead.queue);
        }
        if let Some(last) = last {
            self.leave(&last, burial);
        }
        self.journal.hurry();
        outcome
    }

    /// Tells a queue what has left it.
    fn leave(&self, queue: &Arc<LiveQueue>, burial: &mut Burial) {
        queue.run(self, |state, at, out| {
            state.buried(&burial.left, at.now, out);
        });
        burial.left.clear();
    }

    /// Publishes a dead letter. One that no queue takes is gone, unless its queue wants it to arrive.
    fn send_on(&self, dead: &Dead, burial: &mut Burial) -> Result<Fate, NoRoom> {
        let Some(rules) = dead.rules.as_deref() else {
            return Ok(Fate::Gone);
        };
        let Some(rule) = &rules.dead_letter else {
            return Ok(Fate::Gone);
        };
        let Ok(vhost) = self.vhost(&dead.queue.vhost) else {
            return Ok(Fate::Gone);
        };
        // Held until the queues have the message, as by any publisher.
        let Ok(topology) = vhost.open() else {
            return Ok(Fate::Gone);
        };
        let envelope = if rules.delays {
            let envelope = delays::envelope_after(&dead.message.envelope);
            // An exchange that is gone has taken with it what it kept.
            let routed = topology.route_from(&rule.exchange, &envelope, &mut burial.route);
            routed.unwrap_or_else(|NoExchange| burial.route.queues.clear());
            envelope
        } else {
            dead.bury(rule, &topology, &mut burial.route)
        };
        let message = Message::new(Arc::new(envelope), dead.message.body.clone());
        self.deliver_dead(message, dead, burial)
    }

    /// Journals the message and puts it into the queues found.
    fn deliver_dead(
        &self,
        message: Message,
        dead: &Dead,
        burial: &mut Burial,
    ) -> Result<Fate, NoRoom> {
        let queues = &mut burial.route.queues;
        let unsent = dead.fate_of_unsent();
        if unsent == Fate::Stays {
            if !admit_all(queues, message.body.len()) {
                return Ok(unsent);
            }
        } else {
            // Turned away, it is not looked after any more: no publisher waits for the word.
            queues.retain(|queue| queue.admit(message.body.len()));
        }
        if queues.is_empty() {
            return Ok(unsent);
        }
        let streams = Streams::among(queues.iter());
        let turn = streams.take_turn();
        let mut dispatch = self.dispatch(message, mem::take(queues));
        if self.must_owe(&streams) {
            dispatch.call_off();
            return Err(NoRoom);
        }
        let mut fate = Fate::Gone;
        if !dispatch.places.is_empty() {
            match self.append_dead(&dispatch, dead, burial) {
                Ok((appended, moved)) => {
                    dispatch.appended(appended);
                    fate = moved;
                }
                Err(AppendError::TooLarge { size_bytes, .. }) => {
                    let kept = unsent == Fate::Stays;
                    tracing::warn!(bytes = size_bytes, kept, "dead letter is too large");
                    dispatch.call_off();
                    return Ok(unsent);
                }
                Err(_) => {
                    dispatch.call_off();
                    return Err(NoRoom);
                }
            }
        }
        turn.keep();
        self.deliver(dispatch);
        Ok(fate)
    }

    /// Appends the message for its places, and with it that it has left its queue. What is too large
    /// for both together is appended alone.
    fn append_dead(
        &self,
        dispatch: &Dispatch,
        dead: &Dead,
        burial: &mut Burial,
    ) -> Result<(Appended, Fate), AppendError> {
        let Dispatch {
            message, places, ..
        } = dispatch;
        if let Some(place) = dead.place.filter(|_| dead.journaled) {
            let from = (dead.queue.id, place);
            let Burial { record, settle, .. } = burial;
            match self.append_moved(message, places, from, [record, settle]) {
                Err(AppendError::TooLarge { .. }) => {}
                Ok((appended, settled)) => return Ok((appended, Fate::Moved(settled))),
                Err(error) => return Err(error),
            }
        }
        let admission = Admission::Ordinary;
        let appended = self.append_placed(message, places, admission, &mut burial.record)?;
        Ok((appended, Fate::Gone))
    }
}

/// Lets a message into all of these queues, or into none.
fn admit_all(queues: &[Arc<LiveQueue>], body_bytes: usize) -> bool {
    let full = queues.iter().position(|queue| !queue.admit(body_bytes));
    let let_in = full.map_or(&[][..], |full| &queues[..full]);
    let_in.iter().for_each(|queue| queue.call_off(body_bytes));
    full.is_none()
}

impl Dead {
    /// What becomes of it if there is no queue that takes it.
    fn fate_of_unsent(&self) -> Fate {
        match &self.rules {
            Some(rules) if rules.at_least_once && self.place.is_some() => Fate::Stays,
            _ => Fate::Gone,
        }
    }

    /// What goes on of a message that died, and to which queues.
    fn bury(&self, rule: &DeadLetter, topology: &Topology, found: &mut Route) -> Envelope {
        let remains = death::remains(&self.message.envelope, &self.account(rule));
        let Remains {
            properties,
            routing_keys,
            cycle,
        } = remains;
        let mut keys = routing_keys.into_iter().map(String::into_boxed_str);
        let envelope = Envelope {
            exchange: Arc::clone(&rule.exchange),
            routing_key: keys.next().unwrap_or_default(),
            properties,
            persistent: self.message.envelope.persistent,
            further_keys: keys.collect(),
        };
        route(topology, &envelope, &cycle, found);
        envelope
    }

    fn account<'a>(&'a self, rule: &'a DeadLetter) -> Death<'a> {
        Death {
            queue: &self.queue.name,
            reason: self.reason,
            time: self.time,
            routing_key: rule.routing_key.as_deref(),
        }
    }
}

/// The queues a dead letter reaches, each once, without those it goes round in circles through.
fn route(topology: &Topology, envelope: &Envelope, cycle: &[String], route: &mut Route) {
    // An exchange that does not exist, or not any more, takes no dead letters.
    if topology.route(envelope, route).is_err() {
        return;
    }
    route.queues.retain(|queue| {
        let cycles = cycle.iter().any(|passed| **passed == *queue.name);
        if cycles {
            tracing::debug!(queue = %queue.name, "dead letter goes round in circles; it is dropped");
        }
        !cycles
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burial_that_panicked_leaves_the_next_one_nothing_of_its_own() {
        let letters = DeadLetters::default();
        letters.count.store(1, Ordering::SeqCst);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            letters.begin().unwrap().left.push(Left {
                place: Sequence(7),
                reason: DeathReason::Rejected,
                fate: Fate::Gone,
            });
            let _burial = letters.begin().unwrap();
            panic!("while a letter is being sent on");
        }));
        assert!(panicked.is_err());
        for _ in 0..2 {
            let burial = letters.begin().unwrap();
            assert!(burial.left.is_empty() && letters.is_empty());
            assert!(letters.begin().is_none(), "one at a time");
        }
    }
}
