//! The state machine of a stream alone, against a plain list.

use std::sync::atomic::AtomicU32;

use proptest::prelude::*;

use super::*;
use crate::call::{ConnectionId, ConsumerId, Delivery};
use crate::message::{Body, Envelope, Message, Properties};
use crate::outbox::{Outbox, Wake};

#[derive(Debug)]
struct NoWake;

impl Wake for NoWake {
    fn wake(&self) {}
}

/// A stream whose journal is a formula: the record of a message lies at a place that follows from its
/// offset.
struct Bench {
    stream: Stream,
    durable: Lsn,
    keep_bytes: usize,
    out: Vec<Effect>,
    /// Readings that somebody is at.
    readings: Vec<Reading>,
}

const BODY_BYTES: usize = 100;

fn record(offset: u64) -> Lsn {
    Lsn(4096 + offset * 200 / 8 * 8)
}

fn entry(offset: u64, account: &'static Account) -> Entry {
    let envelope = Envelope {
        exchange: "".into(),
        routing_key: "s".into(),
        properties: Properties::Amqp091(vec![0, 0].into()),
        persistent: true,
        further_keys: Box::default(),
    };
    let mut message = Message::new(Arc::new(envelope), Body::copy_from_slice(&[0; BODY_BYTES]));
    let hold = account.hold(message.size_bytes(), Some(record(offset)));
    hold.set_record(record(offset));
    message.hold = Some(hold);
    message.lsn = Lsn(record(offset).0 + 8);
    message.arrived = Some(Timestamp(offset));
    Entry {
        sequence: Sequence(offset),
        message: Arc::new(message),
        expires: Timestamp::NEVER,
        journaled: true,
        redelivered: false,
        returns: 0,
    }
}

fn consumer(id: u64, prefetch: u32, start: Start) -> Consumer {
    Consumer {
        id: ConsumerId(id),
        connection: ConnectionId(id),
        outbox: Arc::new(Outbox::new(Box::new(NoWake), usize::MAX)),
        auto_settle: false,
        exclusive: false,
        priority: 0,
        prefetch,
        shared: None,
        start,
        unsettled: AtomicU32::new(0),
    }
}

impl Bench {
    fn new(keep_bytes: usize) -> Self {
        let account = Account::new(u64::MAX, 1 << 20);
        Self {
            stream: Stream::new(QueueId(1), account),
            durable: Lsn(u64::MAX),
            keep_bytes,
            out: Vec::new(),
            readings: Vec::new(),
        }
    }

    /// With so many messages that nobody reads.
    fn with(len: u64, keep_bytes: usize) -> Self {
        let mut bench = Self::new(keep_bytes);
        bench.push(0..len);
        bench
    }

    fn at(&self) -> At {
        At {
            durable: self.durable,
            now: Timestamp(0),
        }
    }

    fn push(&mut self, offsets: impl Iterator<Item = u64>) {
        let account = self.stream.account;
        self.stream
            .push(offsets.map(|offset| entry(offset, account)));
        self.pump();
    }

    /// As a queue does after each operation.
    fn pump(&mut self) {
        let at = self.at();
        self.stream.pump(at, &mut self.out);
        self.stream.page_out(self.keep_bytes, self.durable);
    }

    fn consume(&mut self, id: u64, prefetch: u32, start: Start) {
        let at = self.at();
        let consumer = Arc::new(consumer(id, prefetch, start));
        self.stream
            .consume(consumer, 10, at, &mut self.out)
            .unwrap();
    }

    /// Somebody begins to read for a reader that is behind.
    fn begin(&mut self) -> bool {
        let reading = self.stream.begin_reading(self.keep_bytes, self.durable);
        let begun = reading.is_some();
        self.readings.extend(reading);
        begun
    }

    /// The oldest reading comes to its end.
    fn end(&mut self) {
        if self.readings.is_empty() {
            return;
        }
        let reading = self.readings.remove(0);
        let account = self.stream.account;
        let places = reading.stubs.iter().map(|stub| stub.sequence.0);
        let entries: Vec<_> = places.map(|offset| entry(offset, account)).collect();
        let at = self.at();
        let keep_bytes = self.keep_bytes;
        self.stream
            .read(&reading, entries, keep_bytes, at, &mut self.out);
    }

    fn read_all(&mut self) {
        while self.begin() || !self.readings.is_empty() {
            self.end();
        }
    }

    fn deliveries(&mut self) -> Vec<Delivery> {
        let deliveries = self.out.drain(..).filter_map(|effect| match effect {
            Effect::Deliver(_, delivery) => Some(delivery),
            _ => None,
        });
        deliveries.collect()
    }

    /// Offsets handed out since the last call.
    fn offsets(&mut self) -> Vec<u64> {
        let deliveries = self.deliveries().into_iter();
        deliveries.filter_map(|it| it.offset).collect()
    }
}

#[test]
fn readers_begin_where_they_want_to() {
    for keep_bytes in [0, 1 << 20] {
        for (start, expected) in [
            (Start::First, 0..5),
            (Start::Last, 4..5),
            (Start::Next, 5..5),
            (Start::Offset(2), 2..5),
            (Start::Offset(7), 0..0),
        ] {
            let mut bench = Bench::with(5, keep_bytes);
            bench.consume(1, 100, start);
            bench.read_all();
            assert_eq!(bench.offsets(), expected.collect::<Vec<_>>(), "{start:?}");
            bench.push(5..9);
            bench.read_all();
            let next = if start == Start::Offset(7) {
                7..9
            } else {
                5..9
            };
            assert_eq!(bench.offsets(), next.collect::<Vec<_>>(), "{start:?}");
        }
    }
}

#[test]
fn nothing_is_shown_before_it_is_durable_and_nothing_before_what_comes_first() {
    let mut bench = Bench::new(1 << 20);
    bench.consume(1, 100, Start::Next);
    bench.durable = record(1);
    bench.push([1, 0].into_iter());
    assert_eq!(bench.offsets(), [0]);
    assert!(bench.stream.awaits_commit(bench.durable, None));
    bench.durable = record(4);
    bench.pump();
    assert_eq!(bench.offsets(), [1]);
    bench.push([3].into_iter());
    assert_eq!((bench.offsets(), bench.stream.len()), (vec![], 2));
    bench.push([2].into_iter());
    assert_eq!((bench.offsets(), bench.stream.len()), (vec![2, 3], 4));
}

#[test]
fn settling_gives_credit_and_no_more() {
    let mut bench = Bench::with(10, 0);
    bench.consume(1, 3, Start::First);
    bench.consume(2, 2, Start::Offset(8));
    bench.read_all();
    let deliveries = bench.deliveries();
    let offsets: Vec<_> = deliveries.iter().filter_map(|it| it.offset).collect();
    assert_eq!(offsets, [0, 1, 2, 8, 9]);
    // Of another connection; then of its own.
    let two = [deliveries[0].sequence, deliveries[2].sequence];
    bench.stream.settle(ConnectionId(2), &two);
    bench.read_all();
    assert_eq!(bench.offsets(), []);
    bench.stream.settle(ConnectionId(1), &two);
    bench.read_all();
    assert_eq!((bench.offsets(), bench.stream.len()), (vec![3, 4], 10));
}

#[test]
fn a_reader_that_ended_settles_what_it_holds() {
    let mut bench = Bench::with(5, 1 << 20);
    bench.consume(1, 2, Start::First);
    let held: Vec<_> = bench.deliveries().iter().map(|it| it.sequence).collect();
    assert!(bench.stream.cancel(ConnectionId(1), ConsumerId(1)));
    assert_eq!(bench.stream.consumers(), 0);
    bench.stream.settle(ConnectionId(1), &held);
    bench.pump();
    assert_eq!(bench.offsets(), [], "it is not served any more");
    assert!(!bench.stream.cancel(ConnectionId(1), ConsumerId(1)));
    bench.consume(2, 1, Start::First);
    assert!(bench.stream.detach(ConnectionId(2)));
}

#[test]
fn what_is_let_go_is_passed_over_and_the_newest_stays() {
    let mut bench = Bench::with(10, 1000);
    bench.consume(1, 1, Start::First);
    bench.read_all();
    let first = bench.deliveries()[0].sequence;
    assert!(!bench.stream.trim_before(6, &mut bench.out));
    bench.out.clear();
    bench.stream.settle(ConnectionId(1), &[first]);
    bench.read_all();
    bench.pump();
    assert_eq!(bench.offsets(), [6]);
    // One that is not durable does not count, and the newest that is stays.
    bench.durable = record(10);
    bench.push([10].into_iter());
    bench.stream.trim(Some(0), &mut bench.out);
    assert_eq!((bench.stream.len(), bench.stream.bounds()), (2, (9, 11)));
    bench.durable = Lsn(u64::MAX);
    bench.pump();
    bench.stream.trim(Some(0), &mut bench.out);
    assert_eq!((bench.stream.len(), bench.stream.bounds()), (1, (10, 11)));
}

#[test]
fn what_somebody_reads_stays_in_the_journal_until_it_is_read() {
    let mut bench = Bench::with(10, 0);
    bench.consume(1, 4, Start::First);
    assert!(bench.begin());
    bench.stream.trim_before(9, &mut bench.out);
    let account = bench.stream.account;
    let bucket = |lsn: Lsn| lsn.0 >> 20 << 20;
    assert_eq!(account.oldest(), Some(Lsn(bucket(record(0)))));
    bench.end();
    assert_eq!(bench.offsets(), [0, 1, 2, 3]);
    drop(bench);
    assert_eq!(account.oldest(), None);
}

#[test]
fn memory_does_not_grow_with_the_stream() {
    let mut bench = Bench::new(10_000);
    for batch in 0..1000 {
        bench.push(batch * 100..(batch + 1) * 100);
    }
    assert!(bench.stream.account.bytes() < 20_000 + 100 * 400);
    assert_eq!(bench.stream.len(), 100_000);
    bench.stream.page_out(0, bench.durable);
    assert_eq!(bench.stream.account.bytes(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Each reader gets every message from where it began, in order and once, but for what was let go
    /// before it came to it; whatever happens in between.
    #[test]
    fn readers_read_all_there_is(ops in prop::collection::vec((0..9u8, 0..200u64), 1..80)) {
        let mut bench = Bench::new(3000);
        let (mut next, mut gone) = (0, 0);
        // By reader: what it was shown, what it has not settled.
        let mut shown: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        let mut held: Vec<(u64, Sequence)> = Vec::new();
        for (op, value) in ops {
            match op {
                0 | 1 => {
                    // The last comes first.
                    bench.push((next..next + value).rev());
                    next += value;
                }
                2 if shown.len() < 5 => {
                    let id = shown.len() as u64 + 1;
                    bench.consume(id, 1 + value as u32 % 20, Start::Offset(value % (next + 1)));
                    shown.insert(id, Vec::new());
                }
                3 => drop(bench.begin()),
                4 => bench.end(),
                5 | 6 => {
                    let some = held.len().min(value as usize);
                    for (id, sequence) in held.drain(..some) {
                        bench.stream.settle(ConnectionId(id), &[sequence]);
                    }
                    bench.pump();
                }
                7 if next > 0 => {
                    gone = gone.max(value % next);
                    bench.stream.trim_before(gone, &mut bench.out);
                }
                _ => bench.keep_bytes = value as usize * 50,
            }
            for delivery in bench.deliveries() {
                let id = delivery.consumer.unwrap().0;
                shown.get_mut(&id).unwrap().push(delivery.offset.unwrap());
                held.push((id, delivery.sequence));
            }
            prop_assert_eq!(bench.stream.len(), next - gone.min(next));
            let size_bytes = BODY_BYTES as u64 + 3;
            prop_assert_eq!(bench.stream.safe_bytes, bench.stream.len() * size_bytes);
        }
        // Everybody settles until nothing comes any more.
        loop {
            bench.read_all();
            for delivery in bench.deliveries() {
                let id = delivery.consumer.unwrap().0;
                shown.get_mut(&id).unwrap().push(delivery.offset.unwrap());
                held.push((id, delivery.sequence));
            }
            if held.is_empty() {
                break;
            }
            for (id, sequence) in held.drain(..) {
                bench.stream.settle(ConnectionId(id), &[sequence]);
            }
            bench.pump();
        }
        for offsets in shown.values() {
            prop_assert!(offsets.is_sorted_by(|one, other| one < other));
            let last = offsets.last().copied();
            // What is missing was let go.
            let missing = offsets.windows(2).flat_map(|pair| pair[0] + 1..pair[1]);
            prop_assert!(missing.max().is_none_or(|offset| offset < gone));
            prop_assert!(last.is_none_or(|last| last + 1 == next) || next == 0);
        }
    }
}
