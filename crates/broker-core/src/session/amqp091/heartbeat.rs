//! Signs of life, both ways.

use std::time::{Duration, Instant};

/// When to send a heartbeat, and when to give the peer up.
#[derive(Debug)]
pub(super) struct Heartbeat {
    /// Agreed interval; `None` when heartbeats are off.
    interval: Option<Duration>,
    sent: Instant,
    received: Instant,
}

impl Heartbeat {
    /// `interval_s` of 0 turns heartbeats off.
    pub(super) fn new(interval_s: u16, now: Instant) -> Self {
        let interval = (interval_s > 0).then(|| Duration::from_secs(u64::from(interval_s)));
        Self {
            interval,
            sent: now,
            received: now,
        }
    }

    /// Anything was sent: counts as a heartbeat.
    pub(super) fn sent(&mut self, now: Instant) {
        self.sent = now;
    }

    /// The peer showed life, or could not have shown any.
    pub(super) fn received(&mut self, now: Instant) {
        self.received = now;
    }

    /// When something is due next. Sends twice per interval; two intervals of silence are an end.
    pub(super) fn next_tick(&self) -> Option<Instant> {
        let interval = self.interval?;
        Some((self.sent + interval / 2).min(self.received + interval * 2))
    }

    /// The peer has been silent for too long.
    pub(super) fn is_dead(&self, now: Instant) -> bool {
        self.interval
            .is_some_and(|interval| now >= self.received + interval * 2)
    }

    /// Nothing was sent for half an interval.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.interval
            .is_some_and(|interval| now >= self.sent + interval / 2)
    }
}
