//! What a queue counts, and the few messages of which it takes the time.
//!
//! Of most batches nothing is timed. Now and then one message is followed on its way, one on each
//! stretch of it at a time: until it is safe, until a consumer has it, until that has acknowledged it.
//! An operation marks what happened to such a message; who runs the operation looks at the clock
//! afterwards, and only if there is a mark.

use super::{Entry, State};
use crate::call::{Outcome, Sequence};
use crate::death::DeathReason;
use crate::journal::Lsn;
use crate::metrics::{Latencies, QueueCounts};

/// A message is timed of every so many batches; of the first one after somebody has read the meter.
const EVERY_BATCHES: u32 = 64;

/// The same of messages handed out.
const EVERY_DELIVERIES: u64 = 64;

/// Counts of one queue, and what it times.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(super) counts: QueueCounts,
    /// Batches until a message is timed.
    left: u32,
    /// The next message that comes is timed.
    due: bool,
    /// What is to be timed: a place that no message has stands for none.
    saved: Timed<Lsn>,
    waiting: Timed<Sequence>,
    held: Timed<Sequence>,
    /// The message in `waiting` is the one in `saved`.
    same: bool,
    marks: Marks,
    latencies: Option<Box<Latencies>>,
}

/// A message on a stretch of its way.
#[derive(Debug)]
struct Timed<T> {
    what: T,
    /// Microseconds of the clock.
    since: u64,
}

/// What has happened to timed messages in the operation that is under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Marks {
    came: bool,
    handed_out: bool,
    held: bool,
    acknowledged: bool,
}

const NOWHERE: Sequence = Sequence(u64::MAX);
const NEVER: Lsn = Lsn(u64::MAX);

impl Default for Meter {
    fn default() -> Self {
        Self {
            counts: QueueCounts::default(),
            left: 1,
            due: false,
            saved: Timed::new(NEVER),
            waiting: Timed::new(NOWHERE),
            held: Timed::new(NOWHERE),
            same: false,
            marks: Marks::default(),
            latencies: None,
        }
    }
}

impl<T> Timed<T> {
    const fn new(what: T) -> Self {
        Self { what, since: 0 }
    }
}

impl Meter {
    /// A batch of messages comes.
    #[inline]
    pub(super) fn batch(&mut self) {
        self.left -= 1;
        if self.left == 0 {
            self.left = EVERY_BATCHES;
            self.due = self.saved.what == NEVER && !self.marks.came;
        }
    }

    /// One of them.
    #[inline]
    pub(super) fn came(&mut self, entry: &Entry, durable: Lsn) {
        self.counts.published += 1;
        if self.due {
            self.begin(entry, durable);
        }
    }

    #[cold]
    fn begin(&mut self, entry: &Entry, durable: Lsn) {
        self.due = false;
        self.same = self.waiting.what == NOWHERE;
        if self.same {
            self.waiting.what = entry.sequence;
        }
        if entry.message.lsn > durable {
            self.saved.what = entry.message.lsn;
        }
        self.marks.came = true;
    }

    /// Messages came to a stream.
    pub(super) fn came_to_stream(&mut self, count: u64) {
        self.counts.published += count;
    }

    /// A message is on its way to a consumer; if it is not settled by that, somebody holds it.
    #[inline]
    pub(super) fn handed_out(&mut self, entry: &Entry, is_held: bool) {
        self.counts.delivered += 1;
        self.counts.redelivered += u64::from(entry.redelivered);
        self.counts.auto_settled += u64::from(!is_held);
        let is_timed = entry.sequence == self.waiting.what;
        if is_timed || self.counts.delivered.is_multiple_of(EVERY_DELIVERIES) {
            self.mark_handed_out(entry.sequence, is_timed, is_held);
        }
    }

    #[cold]
    fn mark_handed_out(&mut self, place: Sequence, is_timed: bool, is_held: bool) {
        if is_timed {
            self.waiting.what = NOWHERE;
            self.marks.handed_out = true;
        }
        if is_held && self.held.what == NOWHERE {
            self.held.what = place;
            self.marks.held = true;
        }
    }

    /// A client that asked for a message gets this one.
    pub(super) fn got(&mut self, entry: &Entry, is_held: bool) {
        self.counts.got += 1;
        self.counts.redelivered += u64::from(entry.redelivered);
        self.counts.auto_settled += u64::from(!is_held);
        if entry.sequence == self.waiting.what {
            self.waiting.what = NOWHERE;
            self.marks.handed_out = true;
        }
    }

    /// So many deliveries of a stream.
    pub(super) fn handed_out_of_stream(&mut self, count: u64) {
        self.counts.delivered += count;
    }

    /// A delivery was settled.
    #[inline]
    pub(super) fn settled(&mut self, place: Sequence, outcome: Outcome) {
        match outcome {
            Outcome::Accept => self.counts.acknowledged += 1,
            Outcome::Reject => self.counts.rejected += 1,
            Outcome::Requeue => self.counts.requeued += 1,
        }
        if place == self.held.what {
            self.held.what = NOWHERE;
            self.marks.acknowledged = outcome == Outcome::Accept;
        }
    }

    /// A message is let go, to where dead letters go if there is such a place.
    pub(super) fn died(&mut self, place: Sequence, reason: DeathReason, goes_on: bool) {
        let counts = &mut self.counts;
        match reason {
            DeathReason::Expired => counts.expired += 1,
            DeathReason::MaxLen => counts.dropped += 1,
            DeathReason::DeliveryLimit => counts.delivery_limited += 1,
            // Counted where it was said.
            DeathReason::Rejected => {}
        }
        counts.dead_lettered += u64::from(goes_on);
        self.forget(place);
    }

    /// A message that was turned away goes on as a dead letter.
    pub(crate) fn buried_turned_away(&mut self) {
        self.counts.dead_lettered += 1;
    }

    /// A message goes that was not handed out.
    fn forget(&mut self, place: Sequence) {
        if place == self.waiting.what {
            self.waiting.what = NOWHERE;
        }
    }

    /// All messages go that were not handed out.
    pub(super) fn purged(&mut self, count: u64) {
        self.counts.purged += count;
        self.waiting.what = NOWHERE;
    }

    /// Whether the clock has something to say to this, the journal being safe up to there.
    #[inline]
    pub(crate) fn wants_time(&self, durable: Lsn) -> bool {
        self.marks != Marks::default() || self.saved.what <= durable
    }

    /// A message is timed until the journal is safe behind it.
    #[inline]
    pub(crate) fn awaits_commit(&self) -> bool {
        self.saved.what != NEVER
    }

    /// An operation is over at this time, microseconds of the clock.
    #[cold]
    pub(crate) fn stamp(&mut self, now: u64, durable: Lsn) {
        let marks = std::mem::take(&mut self.marks);
        if marks.came {
            self.saved.since = now;
            if self.same {
                self.waiting.since = now;
            }
        }
        if self.saved.what <= durable {
            self.saved.what = NEVER;
            let us = now.saturating_sub(self.saved.since);
            self.latencies().publish_durable.record(us);
            if std::mem::take(&mut self.same) {
                self.waiting.since = now;
            }
        }
        if marks.handed_out {
            let us = now.saturating_sub(self.waiting.since);
            self.latencies().durable_deliver.record(us);
        }
        if marks.acknowledged {
            let us = now.saturating_sub(self.held.since);
            self.latencies().deliver_ack.record(us);
        }
        if marks.held {
            self.held.since = now;
        }
    }

    fn latencies(&mut self) -> &mut Latencies {
        self.latencies.get_or_insert_default()
    }

    /// What it shows; the next message that comes is timed.
    pub(crate) fn read(&mut self) -> (QueueCounts, Option<Box<Latencies>>) {
        self.left = 1;
        (self.counts, self.latencies.clone())
    }
}

impl State {
    /// Its counts, and what it times.
    pub(crate) fn meter(&mut self) -> &mut Meter {
        &mut self.meter
    }

    /// The same for who only looks.
    pub(crate) fn meter_ref(&self) -> &Meter {
        &self.meter
    }

    /// Bytes of its messages in memory.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let stream = self.stream.as_ref();
        let stream = stream.map_or(0, |stream| stream.memory_bytes());
        self.ready.memory_bytes() + self.held.memory_bytes() + stream
    }
}
