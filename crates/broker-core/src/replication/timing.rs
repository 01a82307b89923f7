//! How long is long: the durations of a group, and what must hold between them.

use std::time::Duration;

/// A moment on this machine's own clock, in nanoseconds from any origin. The clock must go on while
/// the machine is suspended (`CLOCK_BOOTTIME`): one that stands still would keep an old right alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// So much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

/// A group's durations. The same on all its nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timing {
    /// Between two heartbeats.
    pub heartbeat: Duration,
    /// How long a grant lasts, counted by the leader from when the heartbeat left.
    pub lease: Duration,
    /// How long a leader takes at most to fall silent when a grant has run out.
    pub stop: Duration,
    /// How long a follower that has granted does not campaign, counted from when the heartbeat came.
    pub grace: Duration,
    /// After so long without a sign of life, or without progress while there is something to do, a
    /// member is dropped from the in-sync set.
    pub silence: Duration,
    /// Between two looks at the record, for a node that follows nobody.
    pub poll: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(500),
            lease: Duration::from_secs(3),
            stop: Duration::from_millis(500),
            grace: Duration::from_millis(4500),
            silence: Duration::from_secs(2),
            poll: Duration::from_secs(2),
        }
    }
}

/// Durations that do not fit each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimingError {
    /// Rule L2: another node could serve before the old leader has fallen silent.
    #[error("the lease, clock drift and the time to stop must end before the grace")]
    GraceTooShort,
    /// Rule L4: in a partition the side without clients would win.
    #[error("a silent member must be dropped before its grace is over")]
    SilenceTooLong,
    /// A lease could not be renewed in time.
    #[error("there must be at least two heartbeats in a lease")]
    HeartbeatTooSlow,
}

impl Timing {
    /// How much faster one node's clock may run than another's, in thousandths.
    pub const DRIFT_PER_MILLE: u32 = 10;

    /// Whether the durations fit each other.
    ///
    /// # Errors
    /// [`TimingError`] names what does not fit.
    pub fn check(&self) -> Result<(), TimingError> {
        let drift = self.lease * Self::DRIFT_PER_MILLE / 1000;
        if self.lease + drift + self.stop >= self.grace {
            return Err(TimingError::GraceTooShort);
        }
        if self.silence >= self.grace {
            return Err(TimingError::SilenceTooLong);
        }
        if self.heartbeat * 2 > self.lease {
            return Err(TimingError::HeartbeatTooSlow);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_to_fit_each_other() {
        let good = Timing::default();
        let secs = Duration::from_secs;
        assert_eq!(good.check(), Ok(()));
        assert_eq!(
            Timing {
                grace: Duration::from_millis(3530),
                ..good
            }
            .check(),
            Err(TimingError::GraceTooShort)
        );
        assert_eq!(
            Timing {
                silence: secs(5),
                ..good
            }
            .check(),
            Err(TimingError::SilenceTooLong)
        );
        assert_eq!(
            Timing {
                heartbeat: secs(2),
                ..good
            }
            .check(),
            Err(TimingError::HeartbeatTooSlow)
        );
    }
}
