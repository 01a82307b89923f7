//! Records of the hot path: messages published and settled.

use super::VERSION;
use super::codec::{Malformed, Reader, put_blob, put_str, put_varint};
use crate::call::{QueueId, Sequence};
use crate::message::Properties;

/// A message read back; the body borrows from the record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PublishRecord<'a> {
    pub(crate) targets: Vec<(QueueId, Sequence)>,
    pub(crate) exchange: &'a str,
    pub(crate) routing_key: &'a str,
    pub(crate) properties: Properties,
    pub(crate) body: &'a [u8],
}

impl PublishRecord<'_> {
    /// Bytes the message weighs in memory budgets.
    pub(crate) fn size_bytes(&self) -> usize {
        self.body.len() + self.properties.size_bytes() + self.routing_key.len()
    }
}

/// Settlements read back: ranges of first sequence and how many.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SettleRecord {
    pub(crate) queue: QueueId,
    pub(crate) ranges: Vec<(Sequence, u64)>,
}

/// AMQP 0-9-1 properties.
const PROPERTIES_AMQP091: u8 = 1;

/// Replaces `out` with everything of a publish record that stands before the body.
pub(crate) fn write_publish_head(
    out: &mut Vec<u8>,
    targets: &[(QueueId, Sequence)],
    exchange: &str,
    routing_key: &str,
    properties: &Properties,
) {
    out.clear();
    out.push(VERSION);
    put_varint(out, targets.len() as u64);
    for (queue, sequence) in targets {
        put_varint(out, queue.0);
        put_varint(out, sequence.0);
    }
    put_str(out, exchange);
    put_str(out, routing_key);
    let Properties::Amqp091(properties) = properties;
    out.push(PROPERTIES_AMQP091);
    put_blob(out, properties);
}

pub(crate) fn read_publish(payload: &[u8]) -> Result<PublishRecord<'_>, Malformed> {
    let mut reader = Reader::versioned(payload)?;
    let mut targets = Vec::new();
    for _ in 0..reader.varint()? {
        targets.push((QueueId(reader.varint()?), Sequence(reader.varint()?)));
    }
    let exchange = reader.str()?;
    let routing_key = reader.str()?;
    if reader.u8()? != PROPERTIES_AMQP091 {
        return Err(Malformed("message properties of an unknown protocol"));
    }
    let properties = Properties::Amqp091(reader.blob()?.to_vec().into());
    Ok(PublishRecord {
        targets,
        exchange,
        routing_key,
        properties,
        body: reader.rest(),
    })
}

/// Replaces `out` with a settle record. Sorts the sequences, so that runs become ranges.
pub(crate) fn write_settle(out: &mut Vec<u8>, queue: QueueId, sequences: &mut [Sequence]) {
    sequences.sort_unstable();
    let ranges = || sequences.chunk_by(|left, right| left.0 + 1 == right.0);
    out.clear();
    out.push(VERSION);
    put_varint(out, queue.0);
    put_varint(out, ranges().count() as u64);
    let mut end = 0;
    for range in ranges() {
        put_varint(out, range[0].0 - end);
        put_varint(out, range.len() as u64);
        end = range[0].0 + range.len() as u64;
    }
}

pub(crate) fn read_settle(payload: &[u8]) -> Result<SettleRecord, Malformed> {
    let mut reader = Reader::versioned(payload)?;
    let queue = QueueId(reader.varint()?);
    let mut ranges = Vec::new();
    let mut end = 0u64;
    for _ in 0..reader.varint()? {
        let overflow = Malformed("a range of sequences exceeds 64 bits");
        let first = end.checked_add(reader.varint()?).ok_or(overflow)?;
        let length = reader.varint()?;
        end = first.checked_add(length).ok_or(overflow)?;
        ranges.push((Sequence(first), length));
    }
    reader.end()?;
    Ok(SettleRecord { queue, ranges })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn properties(bytes: &'static [u8]) -> Properties {
        Properties::Amqp091(Bytes::from_static(bytes))
    }

    #[test]
    fn a_publish_record_keeps_its_bytes() {
        let targets = [(QueueId(5), Sequence(300)), (QueueId(7), Sequence(1))];
        let mut out = vec![9, 9];
        write_publish_head(&mut out, &targets, "ex", "k", &properties(&[0x10, 0, 2]));
        let golden = [
            &[1, 2, 5, 0xac, 2, 7, 1, 2][..],
            b"ex",
            &[1],
            b"k",
            &[1, 3, 0x10, 0, 2],
            b"body",
        ];
        out.extend_from_slice(b"body");
        assert_eq!(out, golden.concat());
        let expected = PublishRecord {
            targets: targets.to_vec(),
            exchange: "ex",
            routing_key: "k",
            properties: properties(&[0x10, 0, 2]),
            body: b"body",
        };
        assert_eq!(read_publish(&out), Ok(expected));
    }

    #[test]
    fn a_settle_record_joins_runs() {
        let mut sequences = [12, 3, 11, 4, 10].map(Sequence);
        let mut out = Vec::new();
        write_settle(&mut out, QueueId(9), &mut sequences);
        assert_eq!(out, [1, 9, 2, 3, 2, 5, 3]);
        let ranges = vec![(Sequence(3), 2), (Sequence(10), 3)];
        assert_eq!(
            read_settle(&out),
            Ok(SettleRecord {
                queue: QueueId(9),
                ranges
            })
        );
    }

    proptest! {
        #[test]
        fn settlements_round_trip(sequences in prop::collection::btree_set(0u64..5000, 0..200)) {
            let mut list: Vec<_> = sequences.iter().copied().map(Sequence).collect();
            list.reverse();
            let mut out = Vec::new();
            write_settle(&mut out, QueueId(1), &mut list);
            let ranges = read_settle(&out).unwrap().ranges;
            let read: Vec<u64> =
                ranges.iter().flat_map(|(first, length)| first.0..first.0 + length).collect();
            prop_assert_eq!(read, sequences.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let versioned: Vec<u8> = [&[1][..], &bytes].concat();
            let _ = (read_publish(&bytes), read_settle(&bytes));
            let _ = (read_publish(&versioned), read_settle(&versioned));
        }
    }
}
