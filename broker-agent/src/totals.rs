//! Sums over all queues of a broker.

use broker_core::admin::Admin;
use serde::Serialize;

/// How much a broker, or one virtual host of it, holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Totals {
    /// Queues.
    pub queues: u64,
    /// Messages waiting for delivery.
    pub ready: u64,
    /// Messages delivered and not yet settled.
    pub unsettled: u64,
    /// Consumers.
    pub consumers: u64,
}

impl Totals {
    /// Of all virtual hosts.
    pub(crate) fn of_broker(admin: &Admin) -> Self {
        admin
            .vhosts()
            .iter()
            .map(|vhost| Self::of_vhost(admin, &vhost.value.name))
            .fold(Self::default(), Self::plus)
    }

    /// Of one virtual host; nothing when it is gone.
    pub(crate) fn of_vhost(admin: &Admin, vhost: &str) -> Self {
        let queues = admin.queues(vhost).unwrap_or_default();
        queues.iter().fold(Self::default(), |sum, queue| {
            sum.plus(Self {
                queues: 1,
                ready: queue.stats.ready,
                unsettled: queue.stats.unsettled,
                consumers: queue.stats.consumers,
            })
        })
    }

    /// Messages that deleting would lose.
    pub(crate) const fn messages(self) -> u64 {
        self.ready + self.unsettled
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            queues: self.queues + other.queues,
            ready: self.ready + other.ready,
            unsettled: self.unsettled + other.unsettled,
            consumers: self.consumers + other.consumers,
        }
    }
}
