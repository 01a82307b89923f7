//! A message: the bytes as they came plus what the broker needs to know about them.

use std::borrow::Cow;
use std::fmt;
use std::iter;
use std::ops::Deref;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use wire::amqp091::{self, TableBuilder};

use crate::account::Hold;
use crate::call::Delivery;
use crate::clock::Timestamp;
use crate::expiration;
use crate::field_table;
use crate::journal::Lsn;
use crate::value::Value;

/// One published message, shared by every queue and delivery that refers to it.
#[derive(Debug)]
pub struct Message {
    /// Where it was published to, and how.
    pub envelope: Arc<Envelope>,
    /// The payload.
    pub body: Body,
    /// Where the journal must be durable before this message may be delivered (rule F13); 0 when no
    /// journal holds it.
    pub lsn: Lsn,
    /// When it came; noted only where it, or a queue it is in, lets messages expire.
    pub arrived: Option<Timestamp>,
    /// Its share of the broker's memory and its place in the journal; given back on drop.
    pub(crate) hold: Option<Hold>,
}

/// All of a message but its payload. A publisher tends to repeat it, and then shares it between its
/// messages: what is derived from one message's, its route for one, holds for the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Name of the exchange it was published to; empty for the default exchange.
    pub exchange: Arc<str>,
    /// Routing key, at most 255 bytes.
    pub routing_key: Box<str>,
    /// Properties in the encoding they arrived in; never re-encoded for the same protocol.
    pub properties: Properties,
    /// Survives a restart when it sits in a durable queue.
    pub persistent: bool,
    /// Keys it is routed by as well, as its sender chose; nobody asks once it is in its queues.
    pub further_keys: Box<[Box<str>]>,
}

/// Properties as encoded by the protocol that published the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Properties {
    /// AMQP 0-9-1: the property flags and list of a content header, exactly as received.
    Amqp091(Bytes),
}

/// One of the properties that a consistent-hash exchange may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Property {
    CorrelationId,
    MessageId,
    Timestamp,
}

/// A message's payload. A short one lies in the message itself and takes no memory of its own.
#[derive(Clone)]
pub struct Body(Place);

#[derive(Clone)]
enum Place {
    Inside { len: u8, bytes: [u8; INSIDE_BYTES] },
    Outside(Bytes),
}

/// The header that says how often a message came back.
const DELIVERY_COUNT: &str = "x-delivery-count";
/// The header that says where in its stream a message is.
const STREAM_OFFSET: &str = "x-stream-offset";

/// The bits in the first byte of AMQP 0-9-1 properties that announce an expiration and a priority.
const EXPIRATION_FLAG: u8 = 1;
const PRIORITY_FLAG: u8 = 8;

/// Longest payload inside a message. With its length it fills one cache line.
const INSIDE_BYTES: usize = 62;

impl Message {
    /// A message that no journal holds and nobody accounts for.
    pub fn new(envelope: Arc<Envelope>, body: Body) -> Self {
        Self {
            envelope,
            body,
            lsn: Lsn(0),
            arrived: None,
            hold: None,
        }
    }

    /// Bytes it weighs in memory budgets.
    pub fn size_bytes(&self) -> usize {
        self.envelope.size_bytes() + self.body.len()
    }
}

impl Envelope {
    /// Bytes it weighs in memory budgets, in each message.
    #[inline]
    pub fn size_bytes(&self) -> usize {
        let keys = self.keys().map(str::len).sum::<usize>();
        self.properties.size_bytes() + keys + size_of_val(&*self.further_keys)
    }

    /// All keys it is routed by.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        let further = self.further_keys.iter().map(|key| &**key);
        iter::once(&*self.routing_key).chain(further)
    }
}

impl Delivery {
    /// The envelope to show: a message that came back says how often, where its queue counts that,
    /// and one of a stream its offset.
    #[inline]
    pub(crate) fn envelope(&self) -> Cow<'_, Arc<Envelope>> {
        let envelope = &self.message.envelope;
        match (self.returns, self.offset) {
            (0, None) => Cow::Borrowed(envelope),
            (_, Some(offset)) => Cow::Owned(marked(envelope, STREAM_OFFSET, offset.cast_signed())),
            (times, None) => Cow::Owned(marked(envelope, DELIVERY_COUNT, times.into())),
        }
    }
}

/// The envelope with one header more.
#[cold]
fn marked(envelope: &Envelope, name: &str, number: i64) -> Arc<Envelope> {
    Arc::new(Envelope {
        properties: envelope.properties.with_number(name, number),
        ..envelope.clone()
    })
}

impl Properties {
    /// Bytes of the encoding.
    pub fn size_bytes(&self) -> usize {
        let Self::Amqp091(properties) = self;
        properties.len()
    }

    /// How urgent the publisher says the message is; 0 unless it says so.
    pub(crate) fn priority(&self) -> u8 {
        let Self::Amqp091(properties) = self;
        // Told by its flag, since few messages have it.
        if properties
            .first()
            .is_none_or(|flags| flags & PRIORITY_FLAG == 0)
        {
            return 0;
        }
        let properties = amqp091::Properties::parse(properties).ok();
        properties.and_then(|it| it.priority).unwrap_or(0)
    }

    /// The same with that header.
    fn with_number(&self, name: &str, number: i64) -> Self {
        let Self::Amqp091(properties) = self;
        // They were checked when they came.
        let parsed = amqp091::Properties::parse(properties).unwrap_or_default();
        let old = parsed.headers.unwrap_or_default();
        let kept = old.iter().filter(|(other, _)| *other != name.as_bytes());
        let headers = kept.fold(TableBuilder::new(), |table, (name, value)| {
            table.entry(name, value)
        });
        let headers = headers.entry(name, amqp091::Value::I64(number));
        let counted = amqp091::Properties {
            headers: Some(headers.as_table()),
            ..parsed
        };
        let mut out = BytesMut::new();
        counted.encode(&mut out);
        Self::Amqp091(out.freeze())
    }

    /// How long the publisher lets the message wait in a queue, in milliseconds. Sessions refuse
    /// what is no such time.
    pub(crate) fn ttl_ms(&self) -> Option<u64> {
        let Self::Amqp091(properties) = self;
        // Told by its flag, since nearly no message has it.
        if properties.first()? & EXPIRATION_FLAG == 0 {
            return None;
        }
        let properties = amqp091::Properties::parse(properties).ok()?;
        expiration::parse(properties.expiration?).ok()
    }

    /// The application's headers, those whose names and values are text all through. Properties were
    /// checked when they came; of others nothing is read.
    pub(crate) fn headers(&self) -> Vec<(String, Value)> {
        let Self::Amqp091(properties) = self;
        let headers = amqp091::Properties::parse(properties).ok();
        let headers = headers.and_then(|it| it.headers).unwrap_or_default();
        let neutral = |(name, value): (&[u8], _)| {
            let name = str::from_utf8(name).ok()?;
            Some((name.to_owned(), field_table::neutral(value).ok()?))
        };
        headers.iter().filter_map(neutral).collect()
    }

    /// The bytes of one property, if the message has it.
    pub(crate) fn property(&self, property: Property) -> Option<Vec<u8>> {
        let Self::Amqp091(properties) = self;
        let it = amqp091::Properties::parse(properties).ok()?;
        match property {
            Property::CorrelationId => it.correlation_id.map(<[u8]>::to_vec),
            Property::MessageId => it.message_id.map(<[u8]>::to_vec),
            Property::Timestamp => it.timestamp.map(|seconds| seconds.to_be_bytes().to_vec()),
        }
    }
}

impl Property {
    pub(crate) const ALL: [Self; 3] = [Self::CorrelationId, Self::MessageId, Self::Timestamp];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::CorrelationId => "correlation_id",
            Self::MessageId => "message_id",
            Self::Timestamp => "timestamp",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

impl Body {
    /// Copies the payload.
    pub fn copy_from_slice(payload: &[u8]) -> Self {
        match payload.len() {
            len @ ..=INSIDE_BYTES => {
                let mut bytes = [0; INSIDE_BYTES];
                bytes[..len].copy_from_slice(payload);
                Self(Place::Inside {
                    len: len as u8,
                    bytes,
                })
            }
            _ => Self(Place::Outside(Bytes::copy_from_slice(payload))),
        }
    }

    /// The payload as shared memory, unless it lies inside the message.
    pub fn shared(&self) -> Option<&Bytes> {
        match &self.0 {
            Place::Inside { .. } => None,
            Place::Outside(bytes) => Some(bytes),
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::copy_from_slice(&[])
    }
}

impl From<Bytes> for Body {
    fn from(payload: Bytes) -> Self {
        match payload.len() {
            ..=INSIDE_BYTES => Self::copy_from_slice(&payload),
            _ => Self(Place::Outside(payload)),
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(payload: Vec<u8>) -> Self {
        Bytes::from(payload).into()
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Place::Inside { len, bytes } => &bytes[..usize::from(*len)],
            Place::Outside(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_keys_weigh_something() {
        let envelope = |further_keys| Envelope {
            exchange: "".into(),
            routing_key: "key".into(),
            properties: Properties::Amqp091(vec![0, 0].into()),
            persistent: true,
            further_keys,
        };
        assert_eq!(envelope(Box::default()).size_bytes(), 5);
        let further = [Box::from("other"), Box::from("")];
        assert!(envelope(further.into()).size_bytes() >= 10 + 2 * size_of::<Box<str>>());
    }

    #[test]
    fn a_body_is_what_was_put_in() {
        for len in [0, 1, INSIDE_BYTES, INSIDE_BYTES + 1, 100_000] {
            let payload: Vec<u8> = (0..len).map(|byte| byte as u8).collect();
            let shared = Bytes::from(payload.clone());
            for body in [Body::copy_from_slice(&payload), Body::from(shared)] {
                assert_eq!(*body, payload[..]);
                assert_eq!(*body.clone(), payload[..]);
                assert_eq!(body.shared().is_some(), len > INSIDE_BYTES);
            }
        }
        assert_eq!(size_of::<Body>(), 64);
    }
}
