//! A message: the bytes as they came plus what the broker needs to know about them.

use std::sync::Arc;

use bytes::Bytes;

use crate::account::Hold;
use crate::journal::Lsn;

/// One published message, shared by every queue and delivery that refers to it.
#[derive(Debug)]
pub struct Message {
    /// Name of the exchange it was published to; empty for the default exchange.
    pub exchange: Arc<str>,
    /// Routing key, at most 255 bytes.
    pub routing_key: Box<str>,
    /// Properties in the encoding they arrived in; never re-encoded for the same protocol.
    pub properties: Properties,
    /// The payload.
    pub body: Bytes,
    /// Survives a restart when it sits in a durable queue.
    pub persistent: bool,
    /// Where the journal must be durable before this message may be delivered (rule F13); 0 when no
    /// journal holds it.
    pub lsn: Lsn,
    /// Its share of the broker's memory and its place in the journal; given back on drop.
    pub(crate) hold: Option<Hold>,
}

/// Properties as encoded by the protocol that published the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Properties {
    /// AMQP 0-9-1: the property flags and list of a content header, exactly as received.
    Amqp091(Bytes),
}

impl Message {
    /// A message that no journal holds and nobody accounts for.
    pub fn new(
        exchange: Arc<str>,
        routing_key: &str,
        properties: Properties,
        body: Bytes,
        persistent: bool,
    ) -> Self {
        let routing_key = routing_key.into();
        Self {
            exchange,
            routing_key,
            properties,
            body,
            persistent,
            lsn: Lsn(0),
            hold: None,
        }
    }

    /// Bytes it weighs in memory budgets.
    pub fn size_bytes(&self) -> usize {
        self.body.len() + self.properties.size_bytes() + self.routing_key.len()
    }
}

impl Properties {
    /// Bytes of the encoding.
    pub fn size_bytes(&self) -> usize {
        let Self::Amqp091(properties) = self;
        properties.len()
    }
}
