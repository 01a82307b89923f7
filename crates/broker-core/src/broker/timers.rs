//! Which queues time has something to do in, and when: one list for all queues of a broker, and one
//! task outside that sleeps until its first entry is due.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use super::queues::DeleteTarget;
use super::{Broker, LiveQueue};
use crate::admin::DeleteIf;
use crate::call::QueueId;
use crate::clock::Timestamp;
use crate::definitions::Expect;
use crate::lock::{lock, read};
use crate::outbox::Wake;
use crate::refusal::Reason;

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
        if self.bury_on_time() {
            return Some(Duration::ZERO);
        }
        self.timers.first().map(|first| first.after(now))
    }

    fn delete_unused_for_long(&self, queue: &Arc<LiveQueue>) {
        let Ok(vhost) = self.vhost(&queue.vhost) else {
            return;
        };
        let target = DeleteTarget::Abandoned(queue);
        match self.delete_queue(&vhost, target, Expect::Any, DeleteIf::default()) {
            Ok(_) => {
                tracing::info!(vhost = %vhost.name, queue = %queue.name, "queue expires: nobody used it");
            }
            // A disk too full to take note of that. It has its whole time again before the next try.
            Err(refusal) if refusal.reason == Reason::ResourceExhausted => queue.touch(self),
            // Somebody used it meanwhile, or deleted it.
            Err(_) => {}
        }
    }

    /// Looks at every queue once that came back with something time may have to do in.
    pub(super) fn arm_queues(&self) {
        for vhost in self.all_vhosts() {
            let topology = read(&vhost.topology);
            topology.holders().for_each(|queue| queue.arm(self));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::BrokerConfig;
    use crate::clock::SimClock;
    use crate::definitions::QueueSpec;
    use crate::journal::SimDisk;
    use crate::value::{Arguments, Value};

    #[test]
    fn a_queue_that_somebody_uses_just_before_it_goes_stays() {
        let clock = Arc::new(SimClock::default());
        let config = BrokerConfig {
            clock: Arc::<SimClock>::clone(&clock),
            ..BrokerConfig::default()
        };
        let (broker, _writer) = Broker::open(&config, Arc::new(SimDisk::new(1))).unwrap();
        let vhost = broker.vhost("/").unwrap();
        let spec = QueueSpec {
            vhost: "/".to_owned(),
            name: "q".to_owned(),
            durable: false,
            exclusive: false,
            auto_delete: false,
            arguments: Arguments::from([("x-expires".to_owned(), Value::Int(100))]),
        };
        let (queue, _) = broker.put_queue(&vhost, spec, None, Expect::Any).unwrap();
        clock.pass(Duration::from_millis(100));
        assert!(queue.on_time(&broker), "nobody has used it");
        queue.touch(&broker);
        broker.delete_unused_for_long(&queue);
        assert!(vhost.queue("q").is_some());
        clock.pass(Duration::from_millis(100));
        assert!(queue.on_time(&broker));
        broker.delete_unused_for_long(&queue);
        assert!(vhost.queue("q").is_none());
    }
}
