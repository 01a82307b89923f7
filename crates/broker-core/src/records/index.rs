//! What stands for the records of a full segment when the journal is opened.

use super::codec::{Malformed, Reader, put_blob, put_varint};
use super::delivery::PublishHead;
use crate::call::{QueueId, Sequence};
use crate::journal::{Lsn, SegmentSpan};

/// A message in the queue of the one before, one above its sequence: the usual one.
const NEXT: u8 = 0;
/// A message anywhere.
const MESSAGE: u8 = 1;
const SETTLE: u8 = 2;
const CHANGE: u8 = 3;
/// As those two, of a message that may expire.
const TIMED_NEXT: u8 = 4;
const TIMED_MESSAGE: u8 = 5;
/// Messages like the one before, each as far from the one before it. Since version 2.
const RUN: u8 = 6;

/// Layout of what is written now, and the oldest that is read.
const VERSION: u8 = 2;
const OLDEST_VERSION: u8 = 1;

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
    /// Of the last message: how far it was from what came before it, and all else that is said of it.
    step: u64,
    size_bytes: u32,
    timed: bool,
}

/// Makes an index, one record after the other.
#[derive(Debug)]
pub(crate) struct IndexWriter {
    out: Vec<u8>,
    before: Before,
    /// Messages like the last one that are not written yet.
    run: u64,
}

impl IndexWriter {
    pub(crate) fn new() -> Self {
        Self {
            out: vec![VERSION],
            before: Before::START,
            run: 0,
        }
    }

    pub(crate) fn publish(&mut self, record: Lsn, head: &PublishHead<'_>) {
        let size_bytes = u32::try_from(head.size_bytes).unwrap_or(u32::MAX);
        for (queue, sequence) in head.targets() {
            let before = self.before;
            // Positions only rise.
            let step = (record.0 - before.position) / STEP;
            let follows =
                before.queue == queue.0 && before.sequence.checked_add(1) == Some(sequence.0);
            let timed = head.timed;
            self.before = Before {
                position: record.0,
                queue: queue.0,
                sequence: sequence.0,
                step,
                size_bytes,
                timed,
            };
            let alike = (step, size_bytes, timed);
            if follows && (before.step, before.size_bytes, before.timed) == alike {
                self.run += 1;
                continue;
            }
            self.end_run();
            if follows {
                self.out.push(if timed { TIMED_NEXT } else { NEXT });
            } else {
                self.out.push(if timed { TIMED_MESSAGE } else { MESSAGE });
                put_varint(&mut self.out, queue.0);
                put_varint(&mut self.out, sequence.0);
            }
            put_varint(&mut self.out, step);
            put_varint(&mut self.out, size_bytes.into());
        }
    }

    pub(crate) fn settle(&mut self, payload: &[u8]) {
        self.end_run();
        self.out.push(SETTLE);
        put_blob(&mut self.out, payload);
    }

    pub(crate) fn change(&mut self, end: Lsn, payload: &[u8]) {
        self.end_run();
        self.out.push(CHANGE);
        put_varint(&mut self.out, (end.0 - self.before.position) / STEP);
        self.before.position = end.0;
        put_blob(&mut self.out, payload);
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.end_run();
        self.out
    }

    fn end_run(&mut self) {
        if self.run > 0 {
            self.out.push(RUN);
            put_varint(&mut self.out, self.run);
            self.run = 0;
        }
    }
}

impl Before {
    const START: Self = Self {
        position: 0,
        queue: 0,
        sequence: 0,
        step: 0,
        size_bytes: 0,
        timed: false,
    };

    /// Where it is so many steps on; outside of the segment nothing can be.
    fn go(&mut self, step: u64, span: SegmentSpan) -> Result<Lsn, Malformed> {
        let outside = Malformed("a position outside of the segment");
        let bytes = step.checked_mul(STEP).ok_or(outside)?;
        let position = Lsn(self.position.checked_add(bytes).ok_or(outside)?);
        if !(span.start..=span.end).contains(&position) {
            return Err(outside);
        }
        self.position = position.0;
        Ok(position)
    }

    /// The next message in the same queue, so many steps on.
    fn next(&mut self, span: SegmentSpan) -> Result<Found, Malformed> {
        let overflow = Malformed("a sequence exceeds 64 bits");
        self.sequence = self.sequence.checked_add(1).ok_or(overflow)?;
        self.message(span)
    }

    fn message(&mut self, span: SegmentSpan) -> Result<Found, Malformed> {
        let record = self.go(self.step, span)?;
        if record == span.end {
            return Err(Malformed("a message behind the segment"));
        }
        Ok(Found {
            queue: QueueId(self.queue),
            sequence: Sequence(self.sequence),
            record,
            size_bytes: self.size_bytes,
            timed: self.timed,
        })
    }

    fn read_rest(&mut self, timed: bool, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        let too_large = Malformed("a message exceeds 4 GiB");
        self.timed = timed;
        self.step = reader.varint()?;
        self.size_bytes = u32::try_from(reader.varint()?).map_err(|_| too_large)?;
        Ok(())
    }
}

/// Hands everything an index holds to `take`, in order. The segment's records are within `span`.
pub(crate) fn read_index<'a>(
    span: SegmentSpan,
    payload: &'a [u8],
    mut take: impl FnMut(Indexed<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut reader = Reader::new(payload);
    let version = reader.u8()?;
    if !(OLDEST_VERSION..=VERSION).contains(&version) {
        return Err(Malformed("an index of a newer version"));
    }
    let mut before = Before::START;
    while !reader.is_empty() {
        match reader.u8()? {
            tag @ (NEXT | TIMED_NEXT) => {
                before.read_rest(tag == TIMED_NEXT, &mut reader)?;
                take(Indexed::Message(before.next(span)?))?;
            }
            tag @ (MESSAGE | TIMED_MESSAGE) => {
                before.queue = reader.varint()?;
                before.sequence = reader.varint()?;
                before.read_rest(tag == TIMED_MESSAGE, &mut reader)?;
                take(Indexed::Message(before.message(span)?))?;
            }
            SETTLE => take(Indexed::Settle(reader.blob()?))?,
            CHANGE => {
                let step = reader.varint()?;
                let end = before.go(step, span)?;
                let payload = reader.blob()?;
                take(Indexed::Change { end, payload })?;
            }
            RUN if version > OLDEST_VERSION => {
                for _ in 0..read_run(&mut reader, &before, span)? {
                    take(Indexed::Message(before.next(span)?))?;
                }
            }
            _ => return Err(Malformed("something an index does not hold")),
        }
    }
    Ok(())
}

/// How many messages follow that are like the one before. No two records begin at one position, so
/// that even a wrong number is bounded by what is left of the segment.
fn read_run(reader: &mut Reader<'_>, before: &Before, span: SegmentSpan) -> Result<u64, Malformed> {
    let count = reader.varint()?;
    let left = span.end.0.saturating_sub(before.position);
    let bytes = count
        .checked_mul(before.step)
        .and_then(|steps| steps.checked_mul(STEP));
    match bytes {
        Some(bytes) if (1..=left).contains(&bytes) => Ok(count),
        _ => Err(Malformed("a run of messages that no segment holds")),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Timestamp;
    use crate::message::{Envelope, Properties};
    use crate::records::{read_publish_head, write_publish_head};

    /// Where most tests have their records.
    const SPAN: SegmentSpan = SegmentSpan {
        start: Lsn(0),
        end: Lsn(1 << 20),
    };

    fn all(payload: &[u8]) -> Result<Vec<Indexed<'_>>, Malformed> {
        all_within(SPAN, payload)
    }

    fn all_within(span: SegmentSpan, payload: &[u8]) -> Result<Vec<Indexed<'_>>, Malformed> {
        let mut all = Vec::new();
        read_index(span, payload, |one| {
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
        let envelope = Envelope {
            exchange: "x".into(),
            routing_key: "key".into(),
            properties: Properties::Amqp091(Bytes::from_static(&[0, 0])),
            persistent: true,
            further_keys: Box::default(),
        };
        write_publish_head(&mut head, arrived, &targets, &envelope);
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

    /// What version 1 wrote.
    fn golden_1() -> Vec<u8> {
        let parts = [
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
        parts.concat()
    }

    fn contents() -> [Indexed<'static>; 6] {
        [
            message(7, 300, 4096, 1005),
            message(7, 301, 5200, 1005),
            Indexed::Settle(b"settle"),
            message(7, 302, 6304, 5),
            message(8, 1, 6304, 5),
            Indexed::Change {
                end: Lsn(6400),
                payload: b"change",
            },
        ]
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
        // Without runs the versions differ by their number alone.
        assert_eq!((out[0], &out[1..]), (2, &golden_1()[1..]));
        assert_eq!(all(&out).unwrap(), contents());
        assert!(all(&out[..out.len() - 1]).is_err(), "cut");
        assert!(all(&[3]).is_err(), "a newer version");
    }

    #[test]
    fn an_index_of_version_1_is_read() {
        assert_eq!(all(&golden_1()).unwrap(), contents());
        let run = [&golden_1()[..], &[RUN, 1]].concat();
        assert!(all(&run).is_err(), "it had no runs");
    }

    #[test]
    fn messages_alike_are_a_run() {
        let mut writer = IndexWriter::new();
        let mut expected = Vec::new();
        // Two batches, the first of them with a settlement in it, and a mark between them.
        for (sequence, record) in [1000, 2000, 3000, 4000, 5000, 6048, 7048, 8048, 9048]
            .into_iter()
            .enumerate()
        {
            publish(&mut writer, record, &[(7, sequence as u64)], 100);
            expected.push(message(7, sequence as u64, record, 105));
            if record == 4000 {
                writer.settle(b"s");
                expected.push(Indexed::Settle(b"s"));
            }
        }
        let out = writer.finish();
        let golden = [
            &[2, 1, 7, 0, 125, 105, 6, 3, 2, 1, b's', 6, 1][..],
            &[0, 131, 1, 105, 0, 125, 105, 6, 2],
        ];
        assert_eq!(out, golden.concat());
        assert_eq!(all(&out).unwrap(), expected);
    }

    #[test]
    fn a_run_that_no_segment_holds_is_refused() {
        let mut index = vec![VERSION, MESSAGE, 7, 0, 125, 105, RUN];
        put_varint(&mut index, u64::MAX);
        assert!(all(&index).is_err());
        // Of messages that take no place: it could be endless.
        assert!(all(&[VERSION, MESSAGE, 7, 0, 0, 105, RUN, 100]).is_err());
        assert!(all(&[VERSION, RUN, 1]).is_err(), "of nothing");
    }

    #[test]
    fn positions_outside_of_the_segment_are_refused() {
        let within = |start, end, index: &[u8]| {
            let (start, end) = (Lsn(start), Lsn(end));
            all_within(SegmentSpan { start, end }, index).is_ok()
        };
        // Of version 1: four messages at 4096 to 6304, and a change that ends at 6400.
        let golden = golden_1();
        assert!(within(4096, 6400, &golden));
        assert!(!within(4096, 6392, &golden) && !within(4104, 6400, &golden));
        // Messages at 1000, 2000, and three to follow.
        let run = [VERSION, MESSAGE, 7, 0, 125, 105, NEXT, 125, 105, RUN, 3];
        assert!(within(1000, 5008, &run));
        assert!(!within(1000, 5000, &run), "the last would begin at the end");
        assert!(!within(1000, 4992, &run));
    }

    #[test]
    fn an_index_tells_what_may_expire() {
        let mut writer = IndexWriter::new();
        let arrived = Some(Timestamp(1_700_000_000_000));
        publish_at(&mut writer, arrived, 4096, &[(7, 0)], 0);
        publish_at(&mut writer, arrived, 4104, &[(7, 1)], 0);
        publish(&mut writer, 4112, &[(7, 2)], 0);
        publish(&mut writer, 4120, &[(7, 3)], 0);
        let out = writer.finish();
        let golden = [&[2, 5, 7, 0, 0x80, 4, 5][..], &[4, 1, 5, 0, 1, 5, 6, 1]];
        assert_eq!(out, golden.concat());
        let timed = all(&out).unwrap().into_iter().map(|one| match one {
            Indexed::Message(found) => found.timed,
            other => panic!("{other:?}"),
        });
        assert_eq!(timed.collect::<Vec<_>>(), [true, true, false, false]);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let versioned: Vec<u8> = [&[VERSION][..], &bytes].concat();
            let _ = all(&versioned);
        }
    }
}
