//! Deliveries that their clients keep for too long: the channel is closed, and they go to others.
//!
//! A connection that holds any looks at the oldest of each channel now and then. It looks at all of
//! them only while a queue of which it may hold some has a time of its own.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use wire::amqp091::ReplyCode;

use super::connection::Connection;
use super::fault::Fault;
use super::unsettled::Delivered;
use crate::call::QueueId;
use crate::session::Output;

/// Longest between two looks.
const PERIOD: Duration = Duration::from_secs(60);

/// The time of one connection, as far as it matters how long a delivery takes.
#[derive(Debug)]
pub(super) struct Patience {
    opened: Instant,
    now: Instant,
    timeout: Duration,
    /// When to look next; nothing may be unsettled without.
    look: Option<Instant>,
}

impl Patience {
    pub(super) fn new(now: Instant, timeout_ms: u64) -> Self {
        Self {
            opened: now,
            now,
            timeout: Duration::from_millis(timeout_ms),
            look: None,
        }
    }

    pub(super) fn set_now(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// A delivery leaves that has to be settled. Answers when, in seconds from the connection's
    /// beginning, rounded up.
    pub(super) fn begin(&mut self) -> u32 {
        self.look.get_or_insert(self.now + self.timeout.min(PERIOD));
        let elapsed = self.now - self.opened;
        let seconds = elapsed.as_secs() + u64::from(elapsed.subsec_nanos() > 0);
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }

    pub(super) fn next_look(&self) -> Option<Instant> {
        self.look
    }

    fn is_over(&self, since_s: u32, timeout: Duration) -> bool {
        let sent = Duration::from_secs(since_s.into());
        self.now - self.opened >= sent.saturating_add(timeout)
    }
}

impl Connection {
    /// Closes the channels whose clients have kept a delivery for too long.
    pub(super) fn look_at_overdue(&mut self, out: &mut Output) -> Result<(), Fault> {
        let patience = &self.context.patience;
        if patience.look.is_none_or(|look| patience.now < look) {
            return Ok(());
        }
        let own = self.context.attachment.consumer_timeouts();
        for number in self.channels.numbers() {
            let Some(timeout) = self.overdue_by(number, &own) else {
                continue;
            };
            let timeout_ms = timeout.as_millis();
            // The words clients know from RabbitMQ.
            let text = format!(
                "delivery acknowledgement on channel {number} timed out. Timeout value used: \
                 {timeout_ms} ms. This timeout value can be configured, see consumers doc guide to \
                 learn more"
            );
            let fault = Fault::new(ReplyCode::PreconditionFailed, text);
            self.close_channel(number, Some(&fault), out)?;
        }
        let holds = self.channels.hold_deliveries();
        let patience = &mut self.context.patience;
        let next = patience.now + patience.timeout.min(PERIOD);
        patience.look = holds.then_some(next);
        Ok(())
    }

    /// The time that is over of a delivery of that channel, if one is overdue. `own` are the times of
    /// queues that have one.
    fn overdue_by(&self, channel: u16, own: &HashMap<QueueId, Duration>) -> Option<Duration> {
        let patience = &self.context.patience;
        let unsettled = &self.channels.get(channel)?.unsettled;
        let over = |it: Delivered| {
            let timeout = *own.get(&it.queue).unwrap_or(&patience.timeout);
            patience.is_over(it.since_s, timeout).then_some(timeout)
        };
        if own.is_empty() {
            unsettled.oldest().and_then(over)
        } else {
            unsettled.iter().find_map(over)
        }
    }
}
