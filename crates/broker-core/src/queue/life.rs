//! What time does to a queue: messages expire at its head, and a queue that nobody uses goes.
//!
//! A message further back waits for those before it, even if its own time is over: that is
//! RabbitMQ's way, and it makes the cost one of expired messages and not of waiting ones.

use super::waiting::Waiting;
use super::{Effect, State};
use crate::clock::Timestamp;
use crate::death::DeathReason;

impl State {
    /// Whether operations need to know the time.
    pub(crate) fn wants_time(&self) -> bool {
        self.timed || self.features.is_some()
    }

    /// Lets the messages at the head go whose time is over.
    pub(super) fn drop_expired(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        self.ready.look(now);
        while self.ready.first().is_some_and(|it| it.expires <= now)
            && let Some(expired) = self.take_first()
        {
            self.let_go(expired, DeathReason::Expired, out);
        }
        self.timed = !self.ready.is_empty();
    }

    /// When time has something to do here next.
    pub(crate) fn deadline(&self) -> Timestamp {
        let message = self.ready.first_expires();
        let stream = self.stream.as_ref();
        let old = stream.map_or(Timestamp::NEVER, |stream| stream.check_age_at());
        message
            .min(old)
            .min(self.unused_deadline())
            .min(self.retry_deadline())
    }

    /// Messages that come now are due later than this, in a queue ordered by that.
    pub(crate) fn passed(&self) -> Timestamp {
        match &self.ready {
            Waiting::Schedule(schedule) => schedule.passed(),
            Waiting::Line(_) => Timestamp::default(),
        }
    }

    /// What was due by then has been here, before the restart.
    pub(crate) fn pass(&mut self, due: Timestamp) {
        if let Waiting::Schedule(schedule) = &mut self.ready {
            schedule.pass(due);
        }
    }

    /// Somebody uses the queue, or has begun not to.
    pub(crate) fn touch(&mut self, now: Timestamp) {
        if let Some(features) = &mut self.features {
            features.last_used = now;
        }
    }

    /// The queue was not in use for as long as it may be.
    pub(crate) fn is_abandoned(&self, now: Timestamp) -> bool {
        self.unused_deadline() <= now
    }

    fn unused_deadline(&self) -> Timestamp {
        let limit = self.features.as_ref().and_then(|it| {
            let ms = it.rules.expires_ms?;
            Some(it.last_used.plus_ms(ms))
        });
        limit
            .filter(|_| self.consumers.len() == 0 && !self.deleted)
            .unwrap_or(Timestamp::NEVER)
    }
}
