//! The consumers of one queue, served in turn: those of a higher priority before all others, and in
//! some queues only one at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Start;
use crate::call::{ConnectionId, ConsumerId, SharedPrefetch};
use crate::outbox::Outbox;

/// One consumer of one queue.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) id: ConsumerId,
    pub(crate) connection: ConnectionId,
    pub(crate) outbox: Arc<Outbox>,
    /// Deliveries count as settled when sent; they take no credit.
    pub(crate) auto_settle: bool,
    pub(crate) exclusive: bool,
    /// Served before those of a lower one, as long as it can take messages.
    pub(crate) priority: i32,
    /// Most unsettled deliveries; 0 = no limit.
    pub(crate) prefetch: u32,
    pub(crate) shared: Option<Arc<SharedPrefetch>>,
    /// Where it begins, if the queue is a stream.
    pub(crate) start: Start,
    /// Unsettled deliveries of its own; changed under the queue's lock only.
    pub(crate) unsettled: AtomicU32,
}

/// Consumers that can take a message now, in turn, and those that cannot.
#[derive(Debug, Default)]
pub(super) struct Consumers {
    /// By falling priority, if they differ.
    active: VecDeque<Arc<Consumer>>,
    /// Out of credit or with a full outbox, until something says otherwise.
    parked: Vec<Arc<Consumer>>,
    /// Those who get nothing before the one that does has gone, in the order they came.
    waiting: VecDeque<Arc<Consumer>>,
    /// One of them has a priority.
    ranked: bool,
    /// Only one is served at a time.
    single: bool,
}

impl Consumer {
    /// Takes credit and room for one delivery, or neither.
    pub(super) fn try_take(&self, delivery_bytes: usize) -> bool {
        if self.auto_settle {
            return self.outbox.try_reserve(delivery_bytes);
        }
        let unsettled = self.unsettled.load(Ordering::Relaxed);
        if self.prefetch > 0 && unsettled >= self.prefetch {
            return false;
        }
        if self
            .shared
            .as_ref()
            .is_some_and(|shared| !shared.try_take())
        {
            return false;
        }
        if !self.outbox.try_reserve(delivery_bytes) {
            if let Some(shared) = &self.shared {
                shared.give_back();
            }
            return false;
        }
        self.unsettled.store(unsettled + 1, Ordering::Relaxed);
        true
    }

    /// How many deliveries it may be able to take; none if it has no room, or no credit of its own.
    pub(super) fn credit(&self) -> Option<usize> {
        let credit = match self.prefetch {
            0 => u32::MAX,
            prefetch => prefetch.saturating_sub(self.unsettled.load(Ordering::Relaxed)),
        };
        (credit > 0 && self.outbox.has_room()).then_some(credit as usize)
    }

    /// One of its deliveries is settled. Tells whether that ended a shared limit's exhaustion, in
    /// which case other queues may go on too.
    pub(super) fn give_back(&self) -> bool {
        self.unsettled.fetch_sub(1, Ordering::Relaxed);
        self.shared
            .as_ref()
            .is_some_and(|shared| shared.give_back())
    }
}

impl SharedPrefetch {
    /// Counts one more unsettled delivery, unless the limit is reached.
    fn try_take(&self) -> bool {
        self.unsettled
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |unsettled| {
                let limit = self.limit.load(Ordering::SeqCst);
                (limit == 0 || unsettled < limit).then_some(unsettled + 1)
            })
            .is_ok()
    }

    /// Counts one less; true if the limit was reached before.
    fn give_back(&self) -> bool {
        let before = self.unsettled.fetch_sub(1, Ordering::SeqCst);
        let limit = self.limit.load(Ordering::SeqCst);
        limit != 0 && before >= limit
    }
}

impl Consumers {
    /// The consumers of a queue that serves one at a time.
    pub(super) fn single() -> Self {
        Self {
            single: true,
            ..Self::default()
        }
    }

    /// One is served at a time.
    pub(super) fn is_single(&self) -> bool {
        self.single
    }

    pub(super) fn len(&self) -> usize {
        self.active.len() + self.parked.len() + self.waiting.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Consumer>> {
        self.active.iter().chain(&self.parked).chain(&self.waiting)
    }

    /// Whether any may be able to take a message.
    pub(super) fn any_active(&self) -> bool {
        !self.active.is_empty()
    }

    pub(super) fn add(&mut self, consumer: Arc<Consumer>) {
        self.ranked |= consumer.priority != 0;
        if self.single && self.len() > 0 {
            self.waiting.push_back(consumer);
        } else {
            self.activate(consumer);
        }
    }

    /// Puts a consumer behind those of its priority.
    fn activate(&mut self, consumer: Arc<Consumer>) {
        if !self.ranked {
            return self.active.push_back(consumer);
        }
        let before = |other: &Arc<Consumer>| other.priority >= consumer.priority;
        let place = self.active.partition_point(before);
        self.active.insert(place, consumer);
    }

    /// The next consumer whose turn it is and who has credit and room for a delivery of that size;
    /// both are taken. Those that have not are parked on the way.
    pub(super) fn next(&mut self, delivery_bytes: usize) -> Option<Arc<Consumer>> {
        while let Some(consumer) = self.active.pop_front() {
            if consumer.try_take(delivery_bytes) {
                self.activate(Arc::clone(&consumer));
                return Some(consumer);
            }
            self.parked.push(consumer);
        }
        None
    }

    /// Lets the parked consumers that match try again, in the order they were parked.
    pub(super) fn unpark(&mut self, matches: impl Fn(&Consumer) -> bool) {
        let back: Vec<_> = self
            .parked
            .extract_if(.., |consumer| matches(consumer))
            .collect();
        back.into_iter()
            .for_each(|consumer| self.activate(consumer));
    }

    /// Takes out those that match and says how many they were.
    pub(super) fn remove(&mut self, matches: impl Fn(&Consumer) -> bool) -> usize {
        let before = self.len();
        self.active.retain(|consumer| !matches(consumer));
        self.parked.retain(|consumer| !matches(consumer));
        self.waiting.retain(|consumer| !matches(consumer));
        let removed = before - self.len();
        if self.active.is_empty()
            && self.parked.is_empty()
            && let Some(next) = self.next_single()
        {
            self.activate(next);
        }
        removed
    }

    /// Takes out who is served next where only one is: the first of the highest priority.
    fn next_single(&mut self) -> Option<Arc<Consumer>> {
        let priorities = self.waiting.iter().map(|consumer| consumer.priority);
        let highest = priorities.max()?;
        let first = |consumer: &Arc<Consumer>| consumer.priority == highest;
        let place = self.waiting.iter().position(first)?;
        self.waiting.remove(place)
    }

    /// Takes out all.
    pub(super) fn take(&mut self) -> Vec<Arc<Consumer>> {
        let mut all = Vec::from(std::mem::take(&mut self.active));
        all.append(&mut self.parked);
        all.extend(std::mem::take(&mut self.waiting));
        all
    }
}
