//! The consumers of a connection by the numbers the broker knows them by.

use std::collections::BTreeMap;

use crate::call::{ConnectionId, ConsumerId};

/// All consumers of one connection.
#[derive(Debug, Default)]
pub(super) struct Consumers {
    by_id: BTreeMap<ConsumerId, Consumer>,
    last: u64,
}

/// Where a consumer's deliveries go.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) channel: u16,
    pub(super) tag: Box<str>,
    /// Deliveries need no settlement.
    pub(super) auto_settle: bool,
}

impl Consumers {
    /// Adds a consumer under a number never used before on this connection.
    pub(super) fn add(&mut self, consumer: Consumer) -> ConsumerId {
        self.last += 1;
        let id = ConsumerId(self.last);
        self.by_id.insert(id, consumer);
        id
    }

    /// A tag for the next consumer, which no other of the broker's life has had.
    pub(super) fn free_tag(&self, connection: ConnectionId) -> String {
        format!("amq.ctag-{}.{}", connection.0, self.last + 1)
    }

    pub(super) fn get(&self, id: ConsumerId) -> Option<&Consumer> {
        self.by_id.get(&id)
    }

    pub(super) fn remove(&mut self, id: ConsumerId) -> Option<Consumer> {
        self.by_id.remove(&id)
    }
}
