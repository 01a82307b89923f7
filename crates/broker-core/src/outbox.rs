//! What the broker has to say to a connection: a bounded mailbox drained once per turn.
//!
//! Queues reserve room before they hand a delivery out and skip the connection's consumers when
//! there is none; the connection then asks the broker to go on once it has drained. Control events
//! (a consumer's end, an order to close) always fit: there are at most as many as consumers.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::call::{ConsumerId, Delivery};
use crate::lock::lock;

/// Wakes the driver of a connection; `broker-net` implements it. Must be cheap and never block.
pub trait Wake: Send + Sync + fmt::Debug {
    /// There is something in the outbox, or the journal moved past a position the session waits for.
    fn wake(&self);
}

/// One thing the broker tells a connection.
#[derive(Debug, Clone)]
pub enum Event {
    /// A message for one of its consumers.
    Deliver(Delivery),
    /// A consumer ended because its queue went away. Answer with `Attachment::cancel`, which
    /// forgets it.
    ConsumerCancelled(ConsumerId),
    /// The connection must close: an operator asked, or its virtual host or user was deleted.
    Close(String),
}

/// The mailbox of one connection. Queues push, the session drains.
#[derive(Debug)]
pub struct Outbox {
    mail: Mutex<Mail>,
    /// Bytes reserved by deliveries decided on and not drained yet.
    bytes: AtomicUsize,
    /// A queue was refused room since the last [`Self::take_starved`].
    starved: AtomicBool,
    waker: Box<dyn Wake>,
    /// Bytes of undelivered messages at which queues stop pushing.
    limit_bytes: usize,
}

/// What waits.
#[derive(Debug, Default)]
struct Mail {
    events: Vec<Event>,
    /// Bytes its deliveries reserved, known without looking at each once more.
    bytes: usize,
}

/// What one delivery weighs beside its message, so that empty messages are bounded too.
const DELIVERY_BYTES: usize = 128;

impl Outbox {
    pub(crate) fn new(waker: Box<dyn Wake>, limit_bytes: usize) -> Self {
        Self {
            mail: Mutex::default(),
            bytes: AtomicUsize::new(0),
            starved: AtomicBool::new(false),
            waker,
            limit_bytes,
        }
    }

    /// Moves everything that waits to the end of `into`, oldest first. Call
    /// `Attachment::resume` after every wake, once those events have left for the socket.
    pub fn drain(&self, into: &mut Vec<Event>) {
        let mut mail = self.lock();
        if into.is_empty() {
            std::mem::swap(into, &mut mail.events);
        } else {
            into.append(&mut mail.events);
        }
        let bytes = std::mem::take(&mut mail.bytes);
        drop(mail);
        self.bytes.fetch_sub(bytes, Ordering::SeqCst);
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lock().events.is_empty()
    }

    /// Bytes of deliveries that wait.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Room for one more delivery, taken if there is some. A delivery larger than the limit fits
    /// into an empty outbox, so that it is never stuck.
    ///
    /// `starved` is set before the second look, and [`Self::take_starved`] clears it after the
    /// drain has given bytes back: whichever comes second sees the other, so a refusal is never
    /// left without a later resume.
    pub(crate) fn try_reserve(&self, delivery_bytes: usize) -> bool {
        if !self.has_room() {
            return false;
        }
        self.bytes
            .fetch_add(delivery_bytes + DELIVERY_BYTES, Ordering::SeqCst);
        true
    }

    /// Whether there is room for a delivery; if not, there will be a resume.
    pub(crate) fn has_room(&self) -> bool {
        let is_full = || self.bytes.load(Ordering::SeqCst) >= self.limit_bytes;
        if !is_full() {
            return true;
        }
        self.starved.store(true, Ordering::SeqCst);
        !is_full()
    }

    /// Asks the session to let its queues go on, as if one had been refused room.
    pub(crate) fn ask_resume(&self) {
        self.starved.store(true, Ordering::SeqCst);
        self.waker.wake();
    }

    /// Whether a queue was refused room since the last call.
    pub(crate) fn take_starved(&self) -> bool {
        self.starved.load(Ordering::Relaxed) && self.starved.swap(false, Ordering::SeqCst)
    }

    /// Appends events; deliveries must have reserved their room. Wakes the driver if it had
    /// nothing to do before.
    pub(crate) fn push(&self, events: impl Iterator<Item = Event>) {
        let mut mail = self.lock();
        let Mail { events: all, bytes } = &mut *mail;
        let was_empty = all.is_empty();
        all.extend(events.inspect(|event| *bytes += weight(event)));
        let wake = was_empty && !all.is_empty();
        drop(mail);
        if wake {
            self.waker.wake();
        }
    }

    /// Forgets what nobody will drain any more, so that no message lives on in it.
    pub(crate) fn clear(&self) {
        self.drain(&mut Vec::new());
    }

    /// Wakes the driver without an event.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connections to be woken when something they wait for comes, in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    list: Mutex<VecDeque<Arc<Outbox>>>,
    /// Length of the list, to look at without its lock.
    count: AtomicUsize,
}

impl Waiting {
    /// Whether `still` has to be waited out; if so the connection is on the list.
    ///
    /// The list is locked between the two looks: whoever ends the wait and then calls
    /// [`Self::wake_all`] or [`Self::wake_one`] either finds the connection there, or ended it
    /// before the second look.
    pub(crate) fn wait_while(&self, outbox: &Arc<Outbox>, still: impl Fn() -> bool) -> bool {
        if !still() {
            return false;
        }
        let mut waiting = lock(&self.list);
        if !waiting.iter().any(|other| Arc::ptr_eq(other, outbox)) {
            waiting.push_back(Arc::clone(outbox));
            self.count.store(waiting.len(), Ordering::SeqCst);
        }
        drop(waiting);
        still()
    }

    /// Whether nobody waits. Who came just now may be missed: it looks again itself.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// Wakes each of them once.
    pub(crate) fn wake_all(&self) {
        let mut waiting = lock(&self.list);
        self.count.store(0, Ordering::SeqCst);
        let woken = std::mem::take(&mut *waiting);
        drop(waiting);
        woken.iter().for_each(|outbox| outbox.wake());
    }

    /// Wakes the one that has waited longest.
    pub(crate) fn wake_one(&self) {
        let mut waiting = lock(&self.list);
        let woken = waiting.pop_front();
        self.count.store(waiting.len(), Ordering::SeqCst);
        drop(waiting);
        if let Some(outbox) = woken {
            outbox.wake();
        }
    }

    /// Forgets a connection that is gone.
    pub(crate) fn leave(&self, outbox: &Arc<Outbox>) {
        let mut waiting = lock(&self.list);
        waiting.retain(|other| !Arc::ptr_eq(other, outbox));
        self.count.store(waiting.len(), Ordering::SeqCst);
    }
}

fn weight(event: &Event) -> usize {
    match event {
        Event::Deliver(delivery) => delivery.message.size_bytes() + DELIVERY_BYTES,
        Event::Close(_) | Event::ConsumerCancelled(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Account;
    use crate::call::{QueueId, Sequence};
    use crate::message::{Body, Envelope, Message, Properties};

    #[derive(Debug)]
    struct NoWake;

    impl Wake for NoWake {
        fn wake(&self) {}
    }

    fn delivery(sequence: u64, account: &'static Account) -> Event {
        let envelope = Envelope {
            exchange: "".into(),
            routing_key: "q".into(),
            properties: Properties::Amqp091(Vec::new().into()),
            persistent: false,
            further_keys: Box::default(),
        };
        let mut message = Message::new(Arc::new(envelope), Body::copy_from_slice(&[0; 100]));
        message.hold = Some(account.hold(message.size_bytes(), None));
        Event::Deliver(Delivery {
            consumer: None,
            queue: QueueId(1),
            sequence: Sequence(sequence),
            redelivered: false,
            returns: 0,
            offset: None,
            message: Arc::new(message),
        })
    }

    #[test]
    fn what_is_drained_comes_behind_what_is_there_and_gives_its_bytes_back() {
        let account = Account::new(u64::MAX, 1);
        let outbox = Outbox::new(Box::new(NoWake), 10_000);
        let push = |sequences: std::ops::Range<u64>| {
            let all = sequences.map(|sequence| delivery(sequence, account));
            outbox.push(all.inspect(|event| {
                let Event::Deliver(delivery) = event else {
                    unreachable!("deliveries alone");
                };
                assert!(outbox.try_reserve(delivery.message.size_bytes()));
            }));
        };
        let mut drained = Vec::new();
        for sequences in [0..3, 3..3, 3..8] {
            push(sequences);
            assert_eq!(outbox.bytes() == 0, outbox.is_empty());
            outbox.drain(&mut drained);
            assert_eq!((outbox.bytes(), outbox.is_empty()), (0, true));
        }
        let sequences = drained.iter().map(|event| match event {
            Event::Deliver(delivery) => delivery.sequence.0,
            other => panic!("{other:?}"),
        });
        assert!(sequences.eq(0..8));
    }
}
