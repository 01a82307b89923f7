//! The state machine alone: calls in, effects out.

mod bounds;
mod consumers;
mod life;

use std::iter;
use std::sync::atomic::AtomicU32;

use proptest::prelude::*;

use super::*;
use crate::call::SharedPrefetch;
use crate::message::{Body, Envelope, Message, Properties};
use crate::outbox::{Outbox, Wake};

#[derive(Debug)]
struct NoWake;

impl Wake for NoWake {
    fn wake(&self) {}
}

const NOW: Lsn = Lsn(1000);
const LATER: Lsn = Lsn(2000);

/// A queue with its effects in short form.
struct Bench {
    state: State,
    durable: Lsn,
    now: Timestamp,
    out: Vec<Effect>,
}

impl Bench {
    fn new() -> Self {
        Self {
            state: State::new(QueueId(1), None, Account::new(u64::MAX, 1 << 20)),
            durable: NOW,
            now: Timestamp(0),
            out: Vec::new(),
        }
    }

    fn with(messages: std::ops::Range<u64>) -> Self {
        let mut bench = Self::new();
        messages.for_each(|sequence| bench.push(sequence, NOW));
        bench
    }

    fn push(&mut self, sequence: u64, lsn: Lsn) {
        self.push_entry(entry(sequence, lsn));
    }

    fn push_entry(&mut self, entry: Entry) {
        let at = self.at();
        self.state.push(iter::once(entry), at, &mut self.out);
    }

    fn at(&self) -> At {
        At {
            durable: self.durable,
            now: self.now,
        }
    }

    fn pump(&mut self) {
        let at = self.at();
        self.state.pump(at, &mut self.out);
    }

    fn detach(&mut self, connection: u64) -> bool {
        let at = self.at();
        let connection = ConnectionId(connection);
        self.state.detach(connection, at, &mut self.out)
    }

    fn cancel(&mut self, id: u64) -> bool {
        let (connection, consumer) = (ConnectionId(id), ConsumerId(id));
        let at = self.at();
        self.state.cancel(connection, consumer, at, &mut self.out)
    }

    fn consume(&mut self, consumer: Consumer) -> Result<(), ConsumeError> {
        let at = self.at();
        self.state.consume(Arc::new(consumer), 3, at, &mut self.out)
    }

    fn settle(&mut self, connection: u64, sequences: &[u64], outcome: Outcome) -> Settled {
        let sequences: Vec<_> = sequences.iter().copied().map(Sequence).collect();
        let (at, connection) = (self.at(), ConnectionId(connection));
        self.state
            .settle(connection, &sequences, outcome, at, &mut self.out)
    }

    fn get(&mut self, auto_settle: bool) -> Option<(u64, u32)> {
        // As the broker does it: first what is expired goes.
        self.pump();
        let got = (self.state).get(ConnectionId(9), auto_settle, self.now, &mut self.out);
        got.map(|(delivery, remaining)| (delivery.sequence.0, remaining))
    }

    /// Effects since the last call: `>consumer:sequence` (`!` if redelivered), `.sequence` done,
    /// `xconsumer` cancelled, `+sequence:reason` a dead letter, `^consumer` credit returned.
    fn effects(&mut self) -> String {
        let short = |effect: Effect| match effect {
            Effect::Cancelled(consumer) => format!("x{}", consumer.id.0),
            Effect::CreditReturned(consumer) => format!("^{}", consumer.id.0),
            Effect::Died { entry, reason, .. } => {
                format!("+{}:{}", entry.sequence.0, reason.name())
            }
            Effect::Deliver(consumer, delivery) => {
                let mark = if delivery.redelivered { "!" } else { "" };
                format!(">{}:{}{mark}", consumer.id.0, delivery.sequence.0)
            }
            Effect::Done(sequence) => format!(".{}", sequence.0),
        };
        self.out.drain(..).map(short).collect::<Vec<_>>().join(" ")
    }

    fn counts(&self) -> (u64, u64, u64) {
        let QueueStats {
            ready,
            unsettled,
            consumers,
        } = self.state.stats();
        (ready, unsettled, consumers)
    }
}

fn entry(sequence: u64, lsn: Lsn) -> Entry {
    let properties = Properties::Amqp091(vec![0, 0].into());
    let envelope = Envelope {
        exchange: "".into(),
        routing_key: "q".into(),
        properties,
        persistent: true,
        further_keys: Box::default(),
    };
    let mut message = Message::new(Arc::new(envelope), Body::copy_from_slice(&[0; 100]));
    message.lsn = lsn;
    Entry {
        sequence: Sequence(sequence),
        message: Arc::new(message),
        expires: Timestamp::NEVER,
        journaled: true,
        redelivered: false,
        returns: 0,
    }
}

/// A consumer of a connection of the same number, with a roomy outbox.
fn consumer(id: u64) -> Consumer {
    Consumer {
        id: ConsumerId(id),
        connection: ConnectionId(id),
        outbox: Arc::new(Outbox::new(Box::new(NoWake), 1 << 20)),
        auto_settle: false,
        exclusive: false,
        priority: 0,
        prefetch: 0,
        shared: None,
        start: Start::default(),
        unsettled: AtomicU32::new(0),
    }
}

#[test]
fn consumers_take_turns() {
    let mut bench = Bench::new();
    bench.consume(consumer(1)).unwrap();
    bench.consume(consumer(2)).unwrap();
    (0..4).for_each(|sequence| bench.push(sequence, NOW));
    assert_eq!(bench.effects(), ">1:0 >2:1 >1:2 >2:3");
    assert_eq!(bench.counts(), (0, 4, 2));
}

#[test]
fn a_prefetch_of_one_holds_back_the_second_message() {
    let mut bench = Bench::with(0..3);
    bench
        .consume(Consumer {
            prefetch: 1,
            ..consumer(1)
        })
        .unwrap();
    assert_eq!(bench.effects(), ">1:0");
    bench.settle(1, &[0], Outcome::Accept);
    assert_eq!(bench.effects(), ".0 >1:1");
    bench.settle(1, &[1], Outcome::Reject);
    assert_eq!(bench.effects(), ".1 >1:2");
}

#[test]
fn a_consumer_out_of_credit_does_not_hold_up_the_others() {
    let mut bench = Bench::new();
    bench
        .consume(Consumer {
            prefetch: 1,
            ..consumer(1)
        })
        .unwrap();
    bench.consume(consumer(2)).unwrap();
    (0..4).for_each(|sequence| bench.push(sequence, NOW));
    assert_eq!(bench.effects(), ">1:0 >2:1 >2:2 >2:3");
}

#[test]
fn a_message_the_journal_has_not_yet_holds_back_those_behind_it() {
    let mut bench = Bench::new();
    bench.consume(consumer(1)).unwrap();
    bench.push(0, LATER);
    bench.push(1, NOW);
    assert_eq!(bench.effects(), "");
    assert!(bench.state.awaits_commit(NOW));
    bench.durable = LATER;
    bench.pump();
    assert_eq!(bench.effects(), ">1:0 >1:1");
    assert!(!bench.state.awaits_commit(LATER));
}

#[test]
fn a_late_message_still_takes_its_place() {
    let mut bench = Bench::new();
    [2, 0, 1]
        .into_iter()
        .for_each(|sequence| bench.push(sequence, NOW));
    bench.consume(consumer(1)).unwrap();
    assert_eq!(bench.effects(), ">1:0 >1:1 >1:2");
}

#[test]
fn requeued_messages_go_back_to_their_places_as_redelivered() {
    let mut bench = Bench::with(0..4);
    bench
        .consume(Consumer {
            prefetch: 3,
            ..consumer(1)
        })
        .unwrap();
    assert_eq!(bench.effects(), ">1:0 >1:1 >1:2");
    bench.cancel(1);
    bench.settle(1, &[2, 0], Outcome::Requeue);
    bench.consume(consumer(2)).unwrap();
    assert_eq!(bench.effects(), ">2:0! >2:2! >2:3");
}

#[test]
fn detaching_puts_back_all_a_connection_holds() {
    let mut bench = Bench::with(0..4);
    bench
        .consume(Consumer {
            prefetch: 2,
            ..consumer(1)
        })
        .unwrap();
    bench.consume(consumer(2)).unwrap();
    assert_eq!(bench.effects(), ">1:0 >1:1 >2:2 >2:3");
    assert!(!bench.detach(1), "one is left");
    assert_eq!(bench.effects(), ">2:0! >2:1!");
    assert!(bench.detach(2));
    assert_eq!(bench.counts(), (4, 0, 0));
}

#[test]
fn nobody_settles_what_another_holds() {
    let mut bench = Bench::with(0..1);
    bench.consume(consumer(1)).unwrap();
    bench.effects();
    bench.settle(2, &[0], Outcome::Accept);
    bench.settle(1, &[7], Outcome::Accept);
    assert_eq!((bench.effects().as_str(), bench.counts()), ("", (0, 1, 1)));
    bench.settle(1, &[0, 0], Outcome::Accept);
    assert_eq!(
        (bench.effects().as_str(), bench.counts()),
        (".0", (0, 0, 1))
    );
}

#[test]
fn auto_settled_deliveries_are_done_when_sent() {
    let mut bench = Bench::with(0..2);
    bench
        .consume(Consumer {
            auto_settle: true,
            prefetch: 1,
            ..consumer(1)
        })
        .unwrap();
    assert_eq!(bench.effects(), ".0 >1:0 .1 >1:1");
    assert_eq!(bench.counts(), (0, 0, 1));
}

#[test]
fn get_takes_the_first_and_counts_the_rest() {
    let mut bench = Bench::with(0..3);
    assert_eq!(bench.get(true), Some((0, 2)));
    assert_eq!(bench.effects(), ".0");
    assert_eq!(bench.get(false), Some((1, 1)));
    assert_eq!((bench.effects().as_str(), bench.counts()), ("", (1, 1, 0)));
    bench.settle(9, &[1], Outcome::Accept);
    assert_eq!(bench.effects(), ".1");
}

#[test]
fn an_exclusive_consumer_is_alone() {
    let exclusive = |id| Consumer {
        exclusive: true,
        ..consumer(id)
    };
    let mut bench = Bench::new();
    bench.consume(consumer(1)).unwrap();
    assert_eq!(bench.consume(exclusive(2)), Err(ConsumeError::Exclusive));
    assert!(bench.cancel(1));
    bench.consume(exclusive(2)).unwrap();
    assert_eq!(bench.consume(consumer(1)), Err(ConsumeError::Exclusive));
}

#[test]
fn consumers_are_bounded() {
    let mut bench = Bench::new();
    (0..3).for_each(|id| bench.consume(consumer(id)).unwrap());
    assert_eq!(bench.consume(consumer(3)), Err(ConsumeError::TooMany));
}

#[test]
fn a_shared_limit_counts_over_all_its_consumers() {
    let shared = Arc::new(SharedPrefetch {
        limit: 2.into(),
        unsettled: 0.into(),
    });
    let with_shared = |id| Consumer {
        shared: Some(Arc::clone(&shared)),
        ..consumer(id)
    };
    let mut bench = Bench::with(0..4);
    bench.consume(with_shared(1)).unwrap();
    assert_eq!(bench.effects(), ">1:0 >1:1");
    let mut other = Bench::with(0..4);
    other.consume(with_shared(1)).unwrap();
    assert_eq!(other.effects(), "");

    assert!(bench.settle(1, &[0], Outcome::Accept).shared_credit);
    assert_eq!(bench.effects(), ".0 >1:2", "this queue came first");
    shared.limit.store(3, std::sync::atomic::Ordering::SeqCst);
    other.state.unpark(ConnectionId(1));
    other.pump();
    assert_eq!(other.effects(), ">1:0");
    other.state.end(&mut other.out);
    assert_eq!(other.effects(), "^1 x1");
}

#[test]
fn a_full_outbox_is_skipped_until_it_is_drained() {
    let outbox = Arc::new(Outbox::new(Box::new(NoWake), 300));
    let mut bench = Bench::with(0..4);
    bench
        .consume(Consumer {
            outbox: Arc::clone(&outbox),
            ..consumer(1)
        })
        .unwrap();
    assert_eq!(
        bench.effects(),
        ">1:0 >1:1",
        "about 230 bytes each, the last may exceed"
    );
    assert!(outbox.take_starved());
    assert_eq!(
        bench.counts(),
        (2, 2, 1),
        "credit is not lost with the room"
    );
}

#[test]
fn purge_forgets_what_is_ready_only() {
    let mut bench = Bench::with(0..4);
    bench
        .consume(Consumer {
            prefetch: 1,
            ..consumer(1)
        })
        .unwrap();
    bench.effects();
    assert_eq!(bench.state.purge(&mut bench.out), 3);
    assert_eq!(
        (bench.effects().as_str(), bench.counts()),
        (".1 .2 .3", (0, 1, 1))
    );
}

#[test]
fn deletion_checks_what_it_is_asked_to() {
    let mut bench = Bench::with(0..2);
    bench
        .consume(Consumer {
            prefetch: 1,
            ..consumer(1)
        })
        .unwrap();
    bench.effects();
    let stats = QueueStats {
        ready: 1,
        unsettled: 1,
        consumers: 1,
    };
    let check = |bench: &Bench, unused, empty| bench.state.check_delete(unused, empty);
    assert_eq!(check(&bench, true, false), Err(DeleteError::InUse(stats)));
    assert_eq!(
        check(&bench, false, true),
        Err(DeleteError::NotEmpty(stats))
    );
    assert_eq!(check(&bench, false, false), Ok(stats));
    bench.state.end(&mut bench.out);
    assert_eq!(check(&bench, false, false), Err(DeleteError::Deleted));
    assert_eq!(bench.effects(), "x1");
    bench.push(5, NOW);
    assert_eq!(bench.counts(), (0, 0, 0), "a late message finds nothing");
    assert_eq!(bench.consume(consumer(2)), Err(ConsumeError::Deleted));
}

#[test]
fn messages_put_back_in_any_order_stand_at_their_places() {
    let mut bench = Bench::with(0..8);
    (0..6).for_each(|_| assert!(bench.get(false).is_some()));
    // Between the two that stayed comes one whose publisher was overtaken.
    bench.push(9, NOW);
    bench.push(8, NOW);
    bench.settle(9, &[4, 1], Outcome::Requeue);
    bench.settle(9, &[2, 5], Outcome::Requeue);
    assert_eq!(bench.get(false), Some((1, 7)));
    bench.detach(9);
    let order: Vec<_> = iter::from_fn(|| bench.get(true))
        .map(|(sequence, _)| sequence)
        .collect();
    assert_eq!(order, (0..10).collect::<Vec<_>>());
}

/// So many that a step over all the others for each of them would make this the slowest test here.
#[test]
fn very_many_messages_are_put_back() {
    const MANY: u64 = 200_000;
    let mut bench = Bench::with(0..MANY);
    let hold_all = |bench: &mut Bench| {
        for sequence in 0..MANY {
            let connection = ConnectionId(sequence % 3);
            let got = bench
                .state
                .get(connection, false, bench.now, &mut bench.out);
            assert_eq!(got.unwrap().0.sequence, Sequence(sequence));
        }
    };
    hold_all(&mut bench);
    let held = |connection| (0..MANY).filter(move |sequence| sequence % 3 == connection);
    bench.settle(0, &held(0).collect::<Vec<_>>(), Outcome::Requeue);
    for sequence in held(1) {
        bench.settle(1, &[sequence], Outcome::Requeue);
    }
    bench.detach(2);
    assert_eq!(bench.counts(), (MANY, 0, 0));
    hold_all(&mut bench);
}

#[derive(Debug, Clone)]
enum Step {
    Cancel(u64),
    Consume(u64, u32),
    Detach(u64),
    Push,
    Settle(u64, usize, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (1..4u64).prop_map(Step::Cancel),
        2 => (1..4u64, 0..3u32).prop_map(|(id, prefetch)| Step::Consume(id, prefetch)),
        1 => (1..4u64).prop_map(Step::Detach),
        6 => Just(Step::Push),
        4 => (1..4u64, 0..4usize, any::<bool>()).prop_map(|(id, n, keep)| Step::Settle(id, n, keep)),
    ]
}

proptest! {
    /// Whatever happens, every message is in exactly one place, deliveries never exceed credit, and
    /// first deliveries come in order.
    #[test]
    fn no_message_is_lost_doubled_or_overtaken(steps in prop::collection::vec(step(), 1..80)) {
        let mut bench = Bench::new();
        let mut held: Vec<(u64, u64)> = Vec::new();
        let mut prefetch = [0u32; 4];
        let (mut pushed, mut done, mut newest) = (0, 0, None);
        for step in steps {
            match step {
                Step::Cancel(id) => {
                    bench.cancel(id);
                }
                Step::Consume(id, most) => {
                    if !bench.state.consumers.iter().any(|consumer| consumer.id.0 == id)
                        && !held.iter().any(|(holder, _)| *holder == id)
                    {
                        prefetch[id as usize] = most;
                        bench.consume(Consumer { prefetch: most, ..consumer(id) }).unwrap();
                    }
                }
                Step::Detach(id) => {
                    held.retain(|(holder, _)| *holder != id);
                    bench.detach(id);
                }
                Step::Push => {
                    bench.push(pushed, NOW);
                    pushed += 1;
                }
                Step::Settle(id, nth, accept) => {
                    let mine: Vec<_> = held.iter().filter(|(holder, _)| *holder == id).collect();
                    if let Some((_, sequence)) = mine.get(nth).copied().copied() {
                        held.retain(|(_, other)| *other != sequence);
                        let outcome = if accept { Outcome::Accept } else { Outcome::Requeue };
                        bench.settle(id, &[sequence], outcome);
                    }
                }
            }
            for effect in bench.out.drain(..) {
                match effect {
                    Effect::Deliver(consumer, delivery) => {
                        let sequence = delivery.sequence.0;
                        prop_assert!(!held.iter().any(|(_, other)| *other == sequence));
                        held.push((consumer.id.0, sequence));
                        if !delivery.redelivered {
                            prop_assert!(newest < Some(sequence));
                            newest = Some(sequence);
                        }
                    }
                    Effect::Done(_) => done += 1,
                    other => prop_assert!(false, "unexpected {:?}", other),
                }
            }
            for id in 1..4u64 {
                let holds = held.iter().filter(|(holder, _)| *holder == id).count() as u32;
                let most = prefetch[id as usize];
                prop_assert!(most == 0 || holds <= most);
            }
            let (ready, unsettled, _) = bench.counts();
            prop_assert_eq!(unsettled, held.len() as u64);
            prop_assert_eq!(ready + unsettled + done, pushed);
        }
    }
}
