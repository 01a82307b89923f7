//! What stands for the records of a full segment when the journal is opened.

use super::VERSION;
use super::codec::{Malformed, Reader, put_blob, put_varint};
use super::delivery::PublishHead;
use crate::call::{QueueId, Sequence};
use crate::journal::Lsn;

/// A message in the queue of the one before, one above its sequence: the usual one.
const NEXT: u8 = 0;
/// A message anywhere.
const MESSAGE: u8 = 1;
const SETTLE: u8 = 2;
const CHANGE: u8 = 3;
/// As those two, of a message that may expire.
const TIMED_NEXT: u8 = 4;
const TIMED_MESSAGE: u8 = 5;

/// Positions are multiples of it.
const STEP: u64 = 8;

/// One thing a segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Indexed<'a> {
    /// A change of definitions whose record ends there.
    Change { end: Lsn, payload: &'a [u8] },
    /// A message in one queue.
    Message(Found),
    /// The payload of a settle record.
    Settle(&'a [u8]),
}

/// A message in one queue: where, and what it weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) queue: QueueId,
    pub(crate) sequence: Sequence,
    /// Where its record begins.
    pub(crate) record: Lsn,
    pub(crate) size_bytes: u32,
    /// It may expire.
    pub(crate) timed: bool,
}

/// What both sides know from what came before.
#[derive(Debug, Clone, Copy)]
struct Before {
    position: u64,
    queue: u64,
    sequence: u64,
}

/// Makes an index, one record after the other.
#[derive(Debug)]
pub(crate) struct IndexWriter {
    out: Vec<u8>,
    before: Before,
}

impl IndexWriter {
    pub(crate) fn new() -> Self {
        Self {
            out: vec![VERSION],
            before: Before::START,
        }
    }

    pub(crate) fn publish(&mut self, record: Lsn, head: &PublishHead<'_>) {
        let size_bytes = u32::try_from(head.size_bytes).unwrap_or(u32::MAX);
        for (queue, sequence) in head.targets() {
            let before = self.before;
            let follows = before.sequence.checked_add(1) == Some(sequence.0);
            if follows && before.queue == queue.0 {
                self.out.push(if head.timed { TIMED_NEXT } else { NEXT });
            } else {
                self.out
                    .push(if head.timed { TIMED_MESSAGE } else { MESSAGE });
                put_varint(&mut self.out, queue.0);
                put_varint(&mut self.out, sequence.0);
            }
            self.step(record);
            put_varint(&mut self.out, size_bytes.into());
            (self.before.queue, self.before.sequence) = (queue.0, sequence.0);
        }
    }

    pub(crate) fn settle(&mut self, payload: &[u8]) {
        self.out.push(SETTLE);
        put_blob(&mut self.out, payload);
    }

    pub(crate) fn change(&mut self, end: Lsn, payload: &[u8]) {
        self.out.push(CHANGE);
        self.step(end);
        put_blob(&mut self.out, payload);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }

    /// Positions only rise.
    fn step(&mut self, to: Lsn) {
        put_varint(&mut self.out, (to.0 - self.before.position) / STEP);
        self.before.position = to.0;
    }
}

impl Before {
    const START: Self = Self {
        position: 0,
        queue: 0,
        sequence: 0,
    };

    fn step(&mut self, reader: &mut Reader<'_>) -> Result<Lsn, Malformed> {
        let overflow = Malformed("a position exceeds 64 bits");
        let step = reader.varint()?.checked_mul(STEP).ok_or(overflow)?;
        self.position = self.position.checked_add(step).ok_or(overflow)?;
        Ok(Lsn(self.position))
    }
}

/// Hands everything an index holds to `take`, in order.
pub(crate) fn read_index<'a>(
    payload: &'a [u8],
    mut take: impl FnMut(Indexed<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut reader = Reader::versioned(payload)?;
    let mut before = Before::START;
    while !reader.is_empty() {
        let tag = reader.u8()?;
        take(match tag {
            NEXT | MESSAGE | TIMED_NEXT | TIMED_MESSAGE => {
                Indexed::Message(read_message(tag, &mut reader, &mut before)?)
            }
            SETTLE => Indexed::Settle(reader.blob()?),
            CHANGE => Indexed::Change {
                end: before.step(&mut reader)?,
                payload: reader.blob()?,
            },
            _ => return Err(Malformed("something an index does not hold")),
        })?;
    }
    Ok(())
}

fn read_message(tag: u8, reader: &mut Reader<'_>, before: &mut Before) -> Result<Found, Malformed> {
    if matches!(tag, NEXT | TIMED_NEXT) {
        let overflow = Malformed("a sequence exceeds 64 bits");
        before.sequence = before.sequence.checked_add(1).ok_or(overflow)?;
    } else {
        before.queue = reader.varint()?;
        before.sequence = reader.varint()?;
    }
    let record = before.step(reader)?;
    let too_large = Malformed("a message exceeds 4 GiB");
    Ok(Found {
        queue: QueueId(before.queue),
        sequence: Sequence(before.sequence),
        record,
        size_bytes: u32::try_from(reader.varint()?).map_err(|_| too_large)?,
        timed: matches!(tag, TIMED_NEXT | TIMED_MESSAGE),
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Timestamp;
    use crate::message::Properties;
    use crate::records::{read_publish_head, write_publish_head};

    fn all(payload: &[u8]) -> Result<Vec<Indexed<'_>>, Malformed> {
        let mut all = Vec::new();
        read_index(payload, |one| {
            all.push(one);
            Ok(())
        })?;
        Ok(all)
    }

    fn publish(writer: &mut IndexWriter, record: u64, targets: &[(u64, u64)], body_bytes: usize) {
        publish_at(writer, None, record, targets, body_bytes);
    }

    fn publish_at(
        writer: &mut IndexWriter,
        arrived: Option<Timestamp>,
        record: u64,
        targets: &[(u64, u64)],
        body_bytes: usize,
    ) {
        let targets = targets.iter();
        let targets: Vec<_> = targets.map(|(q, s)| (QueueId(*q), Sequence(*s))).collect();
        let mut head = Vec::new();
        let properties = Properties::Amqp091(Bytes::from_static(&[0, 0]));
        write_publish_head(&mut head, arrived, &targets, "x", "key", &properties);
        let payload_bytes = head.len() + body_bytes;
        let head = read_publish_head(&head, payload_bytes).unwrap();
        writer.publish(Lsn(record), &head);
    }

    fn message(queue: u64, sequence: u64, record: u64, size_bytes: u32) -> Indexed<'static> {
        let (queue, sequence, record) = (QueueId(queue), Sequence(sequence), Lsn(record));
        Indexed::Message(Found {
            queue,
            sequence,
            record,
            size_bytes,
            timed: false,
        })
    }

    #[test]
    fn an_index_keeps_its_bytes() {
        let mut writer = IndexWriter::new();
        publish(&mut writer, 4096, &[(7, 300)], 1000);
        publish(&mut writer, 5200, &[(7, 301)], 1000);
        writer.settle(b"settle");
        publish(&mut writer, 6304, &[(7, 302), (8, 1)], 0);
        writer.change(Lsn(6400), b"change");
        let out = writer.finish();
        let golden = [
            &[1][..],
            &[1, 7, 0xac, 2, 0x80, 4, 0xed, 7],
            &[0, 138, 1, 0xed, 7],
            &[2, 6],
            b"settle",
            &[0, 138, 1, 5],
            &[1, 8, 1, 0, 5],
            &[3, 12, 6],
            b"change",
        ];
        assert_eq!(out, golden.concat());
        let expected = [
            message(7, 300, 4096, 1005),
            message(7, 301, 5200, 1005),
            Indexed::Settle(b"settle"),
            message(7, 302, 6304, 5),
            message(8, 1, 6304, 5),
            Indexed::Change {
                end: Lsn(6400),
                payload: b"change",
            },
        ];
        assert_eq!(all(&out).unwrap(), expected);
        assert!(all(&out[..out.len() - 1]).is_err(), "cut");
        assert!(all(&[2]).is_err(), "a newer version");
    }

    #[test]
    fn an_index_tells_what_may_expire() {
        let mut writer = IndexWriter::new();
        let arrived = Some(Timestamp(1_700_000_000_000));
        publish_at(&mut writer, arrived, 4096, &[(7, 0)], 0);
        publish_at(&mut writer, arrived, 4104, &[(7, 1)], 0);
        publish(&mut writer, 4112, &[(7, 2)], 0);
        let out = writer.finish();
        let golden = [&[1, 5, 7, 0, 0x80, 4, 5][..], &[4, 1, 5], &[0, 1, 5]];
        assert_eq!(out, golden.concat());
        let timed = all(&out).unwrap().into_iter().map(|one| match one {
            Indexed::Message(found) => found.timed,
            other => panic!("{other:?}"),
        });
        assert_eq!(timed.collect::<Vec<_>>(), [true, true, false]);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let versioned: Vec<u8> = [&[1][..], &bytes].concat();
            let _ = all(&versioned);
        }
    }
}
