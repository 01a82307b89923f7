//! Records of the hot path: messages published and settled.

use super::codec::{Malformed, Reader, put_blob, put_str, put_varint};
use super::{KEYED_VERSION, TIMED_VERSION, VERSION};
use crate::call::{QueueId, Sequence};
use crate::clock::Timestamp;
use crate::message::{Envelope, Properties};

/// A message read back; the body borrows from the record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PublishRecord<'a> {
    /// When the message came, if it may expire.
    pub(crate) arrived: Option<Timestamp>,
    /// Keys beside its own, if it may expire.
    pub(crate) further_keys: Box<[Box<str>]>,
    pub(crate) targets: Vec<(QueueId, Sequence)>,
    pub(crate) exchange: &'a str,
    pub(crate) routing_key: &'a str,
    pub(crate) properties: Properties,
    pub(crate) body: &'a [u8],
}

/// Settlements read back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SettleRecord<'a> {
    pub(crate) queue: QueueId,
    pub(crate) ranges: SettleRanges<'a>,
}

/// Ranges of sequences: the first of each and how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SettleRanges<'a> {
    rest: Reader<'a>,
    count: u64,
    /// Behind the range before.
    end: u64,
}

/// AMQP 0-9-1 properties.
const PROPERTIES_AMQP091: u8 = 1;

/// Replaces `out` with everything of a publish record that stands before the body.
pub(crate) fn write_publish_head(
    out: &mut Vec<u8>,
    arrived: Option<Timestamp>,
    targets: &[(QueueId, Sequence)],
    envelope: &Envelope,
) {
    let Envelope {
        exchange,
        routing_key,
        properties,
        further_keys,
        ..
    } = envelope;
    out.clear();
    match arrived {
        None => out.push(VERSION),
        Some(Timestamp(ms)) if further_keys.is_empty() => {
            out.push(TIMED_VERSION);
            put_varint(out, ms);
        }
        Some(Timestamp(ms)) => {
            out.push(KEYED_VERSION);
            put_varint(out, ms);
            put_varint(out, further_keys.len() as u64);
            further_keys.iter().for_each(|key| put_str(out, key));
        }
    }
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
    let Opening {
        mut reader,
        arrived,
        further,
    } = read_opening(payload)?;
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
        arrived,
        further_keys: further.keys()?,
        targets,
        exchange,
        routing_key,
        properties,
        body: reader.rest(),
    })
}

/// How a publish record begins, whatever its version.
struct Opening<'a> {
    /// Behind all of it.
    reader: Reader<'a>,
    arrived: Option<Timestamp>,
    further: Further<'a>,
}

/// The further keys, not read yet.
struct Further<'a> {
    reader: Reader<'a>,
    count: u64,
    /// What they weigh in memory.
    bytes: usize,
}

fn read_opening(payload: &[u8]) -> Result<Opening<'_>, Malformed> {
    let version = payload.first().copied();
    let mut reader = match version {
        Some(TIMED_VERSION | KEYED_VERSION) => Reader::new(&payload[1..]),
        _ => Reader::versioned(payload)?,
    };
    let arrived = match version {
        Some(TIMED_VERSION | KEYED_VERSION) => Some(Timestamp(reader.varint()?)),
        _ => None,
    };
    let count = match version {
        Some(KEYED_VERSION) => reader.varint()?,
        _ => 0,
    };
    let keys = reader;
    let mut bytes = 0;
    for _ in 0..count {
        bytes += reader.blob()?.len() + size_of::<Box<str>>();
    }
    Ok(Opening {
        reader,
        arrived,
        further: Further {
            reader: keys,
            count,
            bytes,
        },
    })
}

impl Further<'_> {
    fn keys(mut self) -> Result<Box<[Box<str>]>, Malformed> {
        (0..self.count)
            .map(|_| self.reader.str().map(Box::from))
            .collect()
    }
}

/// Where a message went and what it weighs, without the message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PublishHead<'a> {
    targets: Reader<'a>,
    count: u64,
    /// The message may expire in one of its queues.
    pub(crate) timed: bool,
    /// Bytes the message weighs in memory budgets: see [`crate::message::Message::size_bytes`].
    pub(crate) size_bytes: usize,
}

impl PublishHead<'_> {
    pub(crate) fn targets(&self) -> impl Iterator<Item = (QueueId, Sequence)> {
        let mut reader = self.targets;
        // Reading the head has been through them once, so none is missing.
        (0..self.count).map_while(move |_| {
            let queue = reader.varint().ok()?;
            Some((QueueId(queue), Sequence(reader.varint().ok()?)))
        })
    }
}

/// Reads what stands before the body of a payload of so many bytes.
pub(crate) fn read_publish_head(
    head: &[u8],
    payload_bytes: usize,
) -> Result<PublishHead<'_>, Malformed> {
    let Opening {
        mut reader,
        arrived,
        further,
    } = read_opening(head)?;
    let count = reader.varint()?;
    let targets = reader;
    for _ in 0..count {
        reader.varint()?;
        reader.varint()?;
    }
    // Whoever reads the message sees whether these are text.
    reader.blob()?;
    let routing_key = reader.blob()?;
    if reader.u8()? != PROPERTIES_AMQP091 {
        return Err(Malformed("message properties of an unknown protocol"));
    }
    let properties = reader.blob()?;
    let body_bytes = reader.rest().len() + (payload_bytes - head.len());
    Ok(PublishHead {
        targets,
        count,
        timed: arrived.is_some(),
        size_bytes: body_bytes + properties.len() + routing_key.len() + further.bytes,
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

pub(crate) fn read_settle(payload: &[u8]) -> Result<SettleRecord<'_>, Malformed> {
    let mut rest = Reader::versioned(payload)?;
    let queue = QueueId(rest.varint()?);
    let count = rest.varint()?;
    let ranges = SettleRanges {
        rest,
        count,
        end: 0,
    };
    let mut all = ranges;
    while all.read_next()?.is_some() {}
    all.rest.end()?;
    Ok(SettleRecord { queue, ranges })
}

impl SettleRanges<'_> {
    fn read_next(&mut self) -> Result<Option<(Sequence, u64)>, Malformed> {
        if self.count == 0 {
            return Ok(None);
        }
        let overflow = Malformed("a range of sequences exceeds 64 bits");
        let skip = self.rest.varint()?;
        let first = self.end.checked_add(skip).ok_or(overflow)?;
        let length = self.rest.varint()?;
        self.end = first.checked_add(length).ok_or(overflow)?;
        self.count -= 1;
        Ok(Some((Sequence(first), length)))
    }
}

impl Iterator for SettleRanges<'_> {
    type Item = (Sequence, u64);

    fn next(&mut self) -> Option<Self::Item> {
        // Reading the record has been through them once: there is no error any more.
        self.read_next().ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn envelope(properties: &'static [u8], further_keys: &[&str]) -> Envelope {
        Envelope {
            exchange: "ex".into(),
            routing_key: "k".into(),
            properties: Properties::Amqp091(Bytes::from_static(properties)),
            persistent: true,
            further_keys: further_keys.iter().map(|key| Box::from(*key)).collect(),
        }
    }

    #[test]
    fn a_publish_record_keeps_its_bytes() {
        let targets = [(QueueId(5), Sequence(300)), (QueueId(7), Sequence(1))];
        let mut out = vec![9, 9];
        let envelope = envelope(&[0x10, 0, 2], &[]);
        write_publish_head(&mut out, None, &targets, &envelope);
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
            arrived: None,
            further_keys: Box::default(),
            targets: targets.to_vec(),
            exchange: "ex",
            routing_key: "k",
            properties: envelope.properties.clone(),
            body: b"body",
        };
        let size_bytes = b"body".len() + 3 + b"k".len();
        assert_eq!(read_publish(&out), Ok(expected));
        // The head alone tells the same, however much of the body is with it.
        for cut in out.len() - 4..=out.len() {
            let head = read_publish_head(&out[..cut], out.len()).unwrap();
            assert_eq!(head.targets().collect::<Vec<_>>(), targets);
            assert_eq!(head.size_bytes, size_bytes);
            assert!(!head.timed);
        }
        // One that may expire says when it came, and is the same behind that.
        let untimed = out.clone();
        let arrived = Some(Timestamp(300));
        write_publish_head(&mut out, arrived, &targets, &envelope);
        assert_eq!(
            out,
            [&[2, 0xac, 2], &untimed[1..untimed.len() - 4]].concat()
        );
        out.extend_from_slice(b"body");
        assert_eq!(read_publish(&out).unwrap().arrived, arrived);
        let head = read_publish_head(&out, out.len()).unwrap();
        assert!(head.timed && head.size_bytes == size_bytes);
    }

    #[test]
    fn further_keys_are_kept_where_they_may_be_needed_again() {
        let targets = [(QueueId(5), Sequence(1 << 60))];
        let keyed = envelope(&[0, 0], &["b", "cc"]);
        let mut out = Vec::new();
        write_publish_head(&mut out, None, &targets, &keyed);
        assert_eq!(read_publish(&out).unwrap().further_keys, Box::default());
        let behind = out[1..].to_vec();
        write_publish_head(&mut out, Some(Timestamp(300)), &targets, &keyed);
        let golden = [&[3, 0xac, 2, 2, 1][..], b"b", &[2], b"cc", &behind];
        assert_eq!(out, golden.concat());
        let read = read_publish(&out).unwrap();
        assert_eq!(read.further_keys, keyed.further_keys);
        assert_eq!(read.targets, targets);
        let head = read_publish_head(&out, out.len()).unwrap();
        assert_eq!((head.timed, head.size_bytes), (true, keyed.size_bytes()));
    }

    #[test]
    fn a_settle_record_joins_runs() {
        let mut sequences = [12, 3, 11, 4, 10].map(Sequence);
        let mut out = Vec::new();
        write_settle(&mut out, QueueId(9), &mut sequences);
        assert_eq!(out, [1, 9, 2, 3, 2, 5, 3]);
        let settle = read_settle(&out).unwrap();
        assert_eq!(settle.queue, QueueId(9));
        let ranges = [(Sequence(3), 2), (Sequence(10), 3)];
        assert_eq!(settle.ranges.collect::<Vec<_>>(), ranges);
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
                ranges.flat_map(|(first, length)| first.0..first.0 + length).collect();
            prop_assert_eq!(read, sequences.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let version = 1 + bytes.first().map_or(0, |byte| byte % 3);
            let versioned: Vec<u8> = [&[version][..], &bytes].concat();
            let _ = (read_publish(&bytes), read_settle(&bytes));
            let _ = (read_publish(&versioned), read_settle(&versioned));
            let whole = read_publish(&versioned).map(|it| {
                let further = it.further_keys.iter().map(|key| key.len() + size_of::<Box<str>>());
                let size_bytes = it.body.len()
                    + it.properties.size_bytes()
                    + it.routing_key.len()
                    + further.sum::<usize>();
                (it.targets, size_bytes)
            });
            let head = read_publish_head(&versioned, versioned.len());
            let head = head.map(|it| (it.targets().collect(), it.size_bytes));
            if whole != Err(Malformed("text is not UTF-8")) {
                prop_assert_eq!(whole, head);
            }
        }
    }
}
