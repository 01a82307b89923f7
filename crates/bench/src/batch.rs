//! Messages encoded once and sent again and again, with only the first bytes of each body
//! written anew.

use bytes::BytesMut;
use wire::amqp091::{BasicPublish, Properties, encode_content};

use crate::amqp::{CHANNEL, FRAME_MAX_BYTES};
use crate::mqtt;

/// Bytes of one write, as long as one message is not longer.
const WRITE_BYTES: usize = 64 * 1024;

/// The shortest body: the stamp alone.
pub const STAMP_BYTES: usize = 16;

/// What a broker is spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// AMQP 0-9-1.
    Amqp,
    /// MQTT 3.1.1.
    Mqtt,
    /// NATS's own.
    Nats,
}

/// What to publish.
#[derive(Debug, Clone, Copy)]
pub struct Publish<'a> {
    /// Empty for the default exchange.
    pub exchange: &'a str,
    /// Routing key, the queue's name for the default exchange; the subject for NATS, the topic for
    /// MQTT.
    pub key: &'a str,
    /// As many keys as this, at least one, are used in turn, each with the key above and its number
    /// as words; of 1 just the key above. Only of AMQP.
    pub keys: usize,
    /// Delivery mode 2; QoS 1.
    pub persistent: bool,
    /// Length of the body, at least [`STAMP_BYTES`].
    pub body_bytes: usize,
}

/// What stands at the beginning of each body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Number of the message from its publisher, from 0 on.
    pub sequence: u64,
    /// When it was meant to be sent, nanoseconds since the run began.
    pub sent_ns: u64,
}

impl Stamp {
    /// Reads the beginning of a body; `None` if it is too short.
    pub fn read(body: &[u8]) -> Option<Self> {
        let (sequence, rest) = body.split_first_chunk()?;
        Some(Self {
            sequence: u64::from_be_bytes(*sequence),
            sent_ns: u64::from_be_bytes(*rest.first_chunk()?),
        })
    }
}

/// One of many keys, all of the same length; it begins what a topic's binding matches.
pub(crate) fn numbered(key: &str, number: usize) -> String {
    format!("{key}.{number:05}")
}

/// As many equal publishes as one write holds.
#[derive(Debug)]
pub struct Batch {
    bytes: Vec<u8>,
    stride: usize,
    stamp_at: usize,
    /// Where a packet identifier stands that each message has anew.
    identifier_at: Option<usize>,
}

impl Batch {
    /// Encodes the messages.
    pub fn new(publish: &Publish<'_>, protocol: Protocol) -> Self {
        assert!(publish.body_bytes >= STAMP_BYTES, "no room for the stamp");
        match protocol {
            Protocol::Amqp => Self::amqp(publish),
            Protocol::Mqtt => Self::mqtt(publish),
            Protocol::Nats => Self::nats(publish),
        }
    }

    fn mqtt(publish: &Publish<'_>) -> Self {
        let qos = u8::from(publish.persistent);
        let (one, identifier_at, stamp_at) = mqtt::publish(publish.key, qos, publish.body_bytes);
        Self {
            identifier_at,
            ..Self::repeat(&one, stamp_at)
        }
    }

    fn nats(publish: &Publish<'_>) -> Self {
        let mut one = format!("PUB {} {}\r\n", publish.key, publish.body_bytes).into_bytes();
        let stamp_at = one.len();
        one.resize(stamp_at + publish.body_bytes, b'x');
        one.extend_from_slice(b"\r\n");
        Self::repeat(&one, stamp_at)
    }

    fn amqp(publish: &Publish<'_>) -> Self {
        if publish.keys <= 1 {
            let (one, stamp_at) = Self::amqp_message(publish, publish.key);
            return Self::repeat(&one, stamp_at);
        }
        // All keys are equally long, and so are the messages.
        let message = |number| {
            let key = format!("{}.new", numbered(publish.key, number % publish.keys));
            Self::amqp_message(publish, &key)
        };
        let (first, stamp_at) = message(0);
        let count = (WRITE_BYTES / first.len()).max(1);
        Self {
            bytes: (0..count).flat_map(|number| message(number).0).collect(),
            ..Self::repeat(&first, stamp_at)
        }
    }

    fn amqp_message(publish: &Publish<'_>, key: &str) -> (BytesMut, usize) {
        let mut one = BytesMut::new();
        let method = BasicPublish {
            exchange: publish.exchange,
            routing_key: key,
            ..Default::default()
        };
        method.encode(CHANNEL, &mut one);
        let mut properties = BytesMut::new();
        let mode = Properties {
            delivery_mode: Some(if publish.persistent { 2 } else { 1 }),
            ..Default::default()
        };
        mode.encode(&mut properties);
        let header_at = one.len();
        let body = vec![b'x'; publish.body_bytes];
        encode_content(CHANNEL, &properties, &body, FRAME_MAX_BYTES, &mut one);
        // Heading, class, weight and size of the header frame, properties, its end, next heading.
        let stamp_at = header_at + 7 + 12 + properties.len() + 1 + 7;
        (one, stamp_at)
    }

    fn repeat(one: &[u8], stamp_at: usize) -> Self {
        let count = (WRITE_BYTES / one.len()).max(1);
        Self {
            bytes: one.repeat(count),
            stride: one.len(),
            stamp_at,
            identifier_at: None,
        }
    }

    /// How many messages fit.
    pub fn capacity(&self) -> u64 {
        (self.bytes.len() / self.stride) as u64
    }

    /// Stamps `count` messages, numbered from `first` on, and returns how many bytes they take.
    pub fn stamp(&mut self, count: u64, first: u64, sent_ns: u64) -> usize {
        let len = count.min(self.capacity()) as usize * self.stride;
        for (message, sequence) in self.bytes[..len].chunks_exact_mut(self.stride).zip(first..) {
            if let Some(at) = self.identifier_at {
                message[at..at + 2].copy_from_slice(&mqtt::identifier(sequence).to_be_bytes());
            }
            let stamp = &mut message[self.stamp_at..self.stamp_at + STAMP_BYTES];
            stamp[..8].copy_from_slice(&sequence.to_be_bytes());
            stamp[8..].copy_from_slice(&sent_ns.to_be_bytes());
        }
        len
    }

    /// All messages, as they go on the wire.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use wire::amqp091::{Decoder, FrameKind, Method};

    use super::*;

    #[test]
    fn keys_come_in_turn() {
        let publish = Publish {
            exchange: "e",
            key: "k",
            keys: 10,
            persistent: false,
            body_bytes: 16,
        };
        let mut batch = Batch::new(&publish, Protocol::Amqp);
        let len = batch.stamp(batch.capacity(), 7, 0);
        let (mut bytes, decoder) = (
            &batch.bytes()[..len],
            Decoder {
                frame_max: FRAME_MAX_BYTES,
            },
        );
        let (mut keys, mut sequence) = (BTreeSet::new(), 7);
        while let Some(frame) = decoder.decode(&mut bytes).unwrap() {
            match frame.kind {
                FrameKind::Method => match Method::decode(frame.payload).unwrap() {
                    Method::BasicPublish(publish) => {
                        keys.insert(publish.routing_key.to_owned());
                    }
                    other => panic!("{}", other.name()),
                },
                FrameKind::Body => {
                    assert_eq!(Stamp::read(frame.payload).unwrap().sequence, sequence);
                    sequence += 1;
                }
                FrameKind::Header | FrameKind::Heartbeat => {}
            }
        }
        let expected = (0..10).map(|number| format!("k.0000{number}.new"));
        assert!(keys.into_iter().eq(expected));
        assert_eq!(sequence, 7 + batch.capacity());
    }
}
