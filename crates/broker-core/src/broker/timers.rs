//! Which queues time has something to do in, and when: one list for all queues of a broker, and one
//! task outside that sleeps until its first entry is due.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use super::{Broker, LiveQueue};
use crate::admin::DeleteIf;
use crate::call::QueueId;
use crate::clock::Timestamp;
use crate::lock::{lock, read};
use crate::outbox::Wake;

/// The queues by when to look at them, each once at most.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: Mutex<BTreeMap<(Timestamp, QueueId), Arc<LiveQueue>>>,
    /// Rung when the first entry comes sooner than before.
    bell: OnceLock<Box<dyn Wake>>,
}

/// Most queues looked at in one go, so that one go is short.
const BATCH_LEN: usize = 256;

impl Timers {
    /// Has a queue looked at then and no longer at `old`; see [`Timestamp::NEVER`].
    pub(super) fn set(&self, queue: &Arc<LiveQueue>, old: Timestamp, new: Timestamp) {
        let mut due = lock(&self.due);
        due.remove(&(old, queue.id));
        let first = due.first_key_value().map(|((first, _), _)| *first);
        if new < Timestamp::NEVER {
            due.insert((new, queue.id), Arc::clone(queue));
        }
        drop(due);
        if first.is_none_or(|first| new < first) {
            self.ring();
        }
    }

    /// There is something to do at once.
    pub(super) fn ring(&self) {
        if let Some(bell) = self.bell.get() {
            bell.wake();
        }
    }

    /// Takes out some of the queues that are due.
    fn take_due(&self, now: Timestamp) -> Vec<Arc<LiveQueue>> {
        let mut due = lock(&self.due);
        let is_due = |due: &BTreeMap<(Timestamp, QueueId), _>| {
            let first = due.first_key_value();
            first.is_some_and(|((first, _), _)| *first <= now)
        };
        let next = || if is_due(&due) { due.pop_first() } else { None };
        let taken = std::iter::from_fn(next).take(BATCH_LEN);
        taken.map(|(_, queue)| queue).collect()
    }

    fn first(&self) -> Option<Timestamp> {
        let due = lock(&self.due);
        due.first_key_value().map(|((first, _), _)| *first)
    }
}

impl Broker {
    /// Rings that bell whenever [`Self::on_time`] is due sooner than it said. Only the first bell
    /// counts.
    pub fn ring_on_time(&self, bell: Box<dyn Wake>) {
        // A second driver would do the same work.
        let _ = self.timers.bell.set(bell);
    }

    /// Does what is due: messages expire, unused queues go, dead letters go on. Answers when to call it again; without
    /// an answer nothing waits for time. Whoever drives the broker calls it first when the bell is
    /// in place.
    pub fn on_time(&self) -> Option<Duration> {
        let now = self.clock.now();
        for queue in self.timers.take_due(now) {
            if queue.on_time(self) {
                self.delete_unused_for_long(&queue);
            }
        }
        self.bury();
        self.timers.first().map(|first| first.after(now))
    }

    fn delete_unused_for_long(&self, queue: &Arc<LiveQueue>) {
        let Ok(vhost) = self.vhost(&queue.definition.value.vhost) else {
            return;
        };
        tracing::info!(vhost = %vhost.name, queue = %queue.name, "queue expires: nobody used it");
        let only_if = DeleteIf {
            unused: true,
            empty: false,
        };
        self.delete_abandoned(&vhost, queue, only_if);
    }

    /// Looks at every queue once that came back with something time may have to do in.
    pub(super) fn arm_queues(&self) {
        for vhost in self.all_vhosts() {
            let topology = read(&vhost.topology);
            topology.queues().for_each(|queue| queue.arm(self));
        }
    }
}
