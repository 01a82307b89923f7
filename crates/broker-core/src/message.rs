//! A message: the bytes as they came plus what the broker needs to know about them.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::journal::Lsn;

/// One published message, shared by every queue and delivery that refers to it.
#[derive(Debug)]
pub struct Message {
    /// Name of the exchange it was published to; empty for the default exchange.
    pub exchange: Box<str>,
    /// Routing key, at most 255 bytes.
    pub routing_key: Box<str>,
    /// Properties in the encoding they arrived in; never re-encoded for the same protocol.
    pub properties: Properties,
    /// The payload.
    pub body: Bytes,
    /// Survives a restart when it sits in a durable queue.
    pub persistent: bool,
    /// Journal position behind its record: [`Message::PENDING`] until appended, 0 when it is not journaled.
    lsn: AtomicU64,
}

/// Properties as encoded by the protocol that published the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Properties {
    /// AMQP 0-9-1: the property flags and list of a content header, exactly as received.
    Amqp091(Bytes),
}

impl Message {
    /// Position of a durable message whose record is not appended yet: beyond every commit.
    pub const PENDING: u64 = u64::MAX;

    /// A message that no journal holds (yet).
    pub fn new(
        exchange: &str,
        routing_key: &str,
        properties: Properties,
        body: Bytes,
        persistent: bool,
    ) -> Self {
        Self {
            exchange: exchange.into(),
            routing_key: routing_key.into(),
            properties,
            body,
            persistent,
            lsn: AtomicU64::new(0),
        }
    }

    /// Where the journal must be durable before this message may be delivered (rule F13).
    pub fn lsn(&self) -> Lsn {
        Lsn(self.lsn.load(Ordering::Acquire))
    }

    /// Records the position once the journal knows it, or [`Self::PENDING`] before.
    pub fn set_lsn(&self, lsn: Lsn) {
        self.lsn.store(lsn.0, Ordering::Release);
    }

    /// Bytes it weighs in memory budgets.
    pub fn size_bytes(&self) -> usize {
        let Properties::Amqp091(properties) = &self.properties;
        self.body.len() + properties.len() + self.exchange.len() + self.routing_key.len()
    }
}
