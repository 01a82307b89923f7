//! The broker's word to a publisher: which publishes of a channel are safe.

use std::collections::VecDeque;

use bytes::BytesMut;
use wire::amqp091::{BasicAck, BasicNack};

use crate::durability::{Promise, Reached};

/// Confirms of one channel, in the order of its publishes.
///
/// They leave in that order, which is what makes `multiple` right: a publish that needs no wait is
/// confirmed after those before it that do.
#[derive(Debug, Default)]
pub(super) struct Confirms {
    /// Tag of the newest publish.
    last: u64,
    /// Tag of the newest publish confirmed or refused.
    told: u64,
    pending: VecDeque<Run>,
}

/// Publishes in a row that share an outcome.
#[derive(Debug)]
struct Run {
    /// Once this is kept, the last of the run and all before it are safe.
    after: Promise,
    /// Tag of the last of the run.
    last: u64,
    accepted: bool,
}

impl Confirms {
    /// Notes the next publish as safe once `after` is kept.
    pub(super) fn accept(&mut self, after: Promise) {
        self.note(after, true);
    }

    /// Notes the next publish as one the broker could not take.
    pub(super) fn refuse(&mut self) {
        self.note(Promise::KEPT, false);
    }

    fn note(&mut self, after: Promise, accepted: bool) {
        self.last += 1;
        let last = self.last;
        match self.pending.back_mut() {
            Some(run) if run.accepted == accepted && run.after.implies(after) => run.last = last,
            _ => self.pending.push_back(Run {
                after,
                last,
                accepted,
            }),
        }
    }

    /// What the oldest open publish waits for.
    pub(super) fn waits_for(&self) -> Option<Promise> {
        self.pending.front().map(|run| run.after)
    }

    /// Whether [`Self::release`] has something to say.
    pub(super) fn is_due(&self, reached: Reached) -> bool {
        self.waits_for().is_some_and(|after| reached.keeps(after))
    }

    /// Confirms everything that is safe now in as few frames as possible, and says how many publishes
    /// that are.
    pub(super) fn release(&mut self, reached: Reached, channel: u16, out: &mut BytesMut) -> u64 {
        let mut confirmed = 0;
        while let Some(first) = self.pending.front()
            && reached.keeps(first.after)
        {
            let (accepted, mut last) = (first.accepted, first.last);
            self.pending.pop_front();
            while let Some(next) = self.pending.front()
                && reached.keeps(next.after)
                && next.accepted == accepted
            {
                last = next.last;
                self.pending.pop_front();
            }
            let multiple = last > self.told + 1;
            let count = last - self.told;
            self.told = last;
            if accepted {
                confirmed += count;
                BasicAck {
                    delivery_tag: last,
                    multiple,
                }
                .encode(channel, out);
            } else {
                BasicNack {
                    delivery_tag: last,
                    multiple,
                    requeue: false,
                }
                .encode(channel, out);
            }
        }
        confirmed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durability::Durability;
    use crate::journal::Lsn;

    fn durable(lsn: u64) -> Promise {
        Promise::durable(Lsn(lsn))
    }

    fn check(confirms: &mut Confirms, at: u64, expected: &[(&str, u64, bool)]) {
        let (mut out, mut wanted) = (BytesMut::new(), BytesMut::new());
        let (written, durable) = (Lsn(at + 10), Lsn(at));
        let reached = Reached { written, durable };
        confirms.release(reached, 1, &mut out);
        for &(kind, delivery_tag, multiple) in expected {
            match kind {
                "ack" => BasicAck {
                    delivery_tag,
                    multiple,
                }
                .encode(1, &mut wanted),
                _ => BasicNack {
                    delivery_tag,
                    multiple,
                    requeue: false,
                }
                .encode(1, &mut wanted),
            }
        }
        assert_eq!(out, wanted);
    }

    #[test]
    fn confirms_come_together_and_in_order() {
        let mut confirms = Confirms::default();
        for after in [10, 20, 0, 30] {
            confirms.accept(durable(after));
        }
        check(&mut confirms, 9, &[]);
        check(&mut confirms, 10, &[("ack", 1, false)]);
        check(&mut confirms, 25, &[("ack", 3, true)]);
        assert_eq!(confirms.waits_for(), Some(durable(30)));
        check(&mut confirms, 30, &[("ack", 4, false)]);
        assert_eq!(confirms.waits_for(), None);
    }

    #[test]
    fn a_refused_publish_is_told_apart() {
        let mut confirms = Confirms::default();
        confirms.accept(Promise::KEPT);
        confirms.accept(Promise::KEPT);
        confirms.refuse();
        confirms.accept(durable(5));
        check(
            &mut confirms,
            5,
            &[("ack", 2, true), ("nack", 3, false), ("ack", 4, false)],
        );
    }

    #[test]
    fn a_publish_that_waits_for_the_write_alone_is_confirmed_before_the_sync() {
        let written = |lsn| Promise {
            lsn: Lsn(lsn),
            durability: Durability::Os,
        };
        let mut confirms = Confirms::default();
        for after in [written(15), durable(12), written(13)] {
            confirms.accept(after);
        }
        check(&mut confirms, 5, &[("ack", 1, false)]);
        check(&mut confirms, 11, &[]);
        check(&mut confirms, 12, &[("ack", 3, true)]);
    }
}
