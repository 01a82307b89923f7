//! Queues that may hold only so much, and what becomes of the rest.

use super::*;
use crate::value::{Arguments, Value};

fn bench<const N: usize>(arguments: [(&str, Value); N]) -> Bench {
    let arguments = arguments.map(|(name, value)| (name.to_owned(), value));
    let rules = Rules::of(&Arguments::from(arguments)).map(Arc::new);
    let mut bench = Bench::new();
    bench.state = State::new(QueueId(1), rules, Account::new(u64::MAX, 1 << 20));
    bench
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

#[test]
fn what_is_too_much_goes_after_consumers_had_their_share() {
    let mut bench = bench([("x-max-length", Value::Int(1))]);
    bench.push(0, NOW);
    bench.push(1, NOW);
    assert_eq!(bench.effects(), ".0");
    bench
        .consume(Consumer {
            prefetch: 1,
            ..consumer(1)
        })
        .unwrap();
    bench.push(2, NOW);
    assert_eq!(bench.effects(), ">1:1");
    bench.push(3, NOW);
    assert_eq!(bench.effects(), ".2");
    // Put back, it is the oldest again.
    bench.settle(1, &[1], Outcome::Requeue);
    assert_eq!(bench.effects(), ">1:1!");
    bench.settle(1, &[1], Outcome::Accept);
    assert_eq!(bench.effects(), ".1 >1:3");
}

#[test]
fn what_a_consumer_gets_after_the_commit_is_not_too_much() {
    let mut bench = bench([("x-max-length", Value::Int(1))]);
    bench
        .consume(Consumer {
            prefetch: 2,
            ..consumer(1)
        })
        .unwrap();
    (0..4).for_each(|sequence| bench.push(sequence, LATER));
    assert_eq!(bench.effects(), "");
    bench.durable = LATER;
    bench.pump();
    assert_eq!(bench.effects(), ">1:0 >1:1 .2");
}

#[test]
fn a_dead_letter_is_the_queues_until_it_stands_elsewhere() {
    let mut bench = bench([
        ("x-dead-letter-exchange", text("x")),
        ("x-max-length", Value::Int(2)),
    ]);
    for sequence in 0..3 {
        bench.push(sequence, NOW);
    }
    assert_eq!(bench.effects(), "+0:maxlen");
    assert_eq!(bench.get(false), Some((1, 1)));
    bench.settle(9, &[1], Outcome::Reject);
    assert_eq!(bench.effects(), "+1:rejected");
    // A copy of either is moved, not settled.
    assert!(bench.state.holds(Sequence(0)) && bench.state.moved(Sequence(1), Lsn(8)));
    assert_eq!(bench.counts(), (1, 2, 0));
    // What the journal knows already it is not told again.
    let left = |sequence, fate| Left {
        place: Sequence(sequence),
        reason: DeathReason::Rejected,
        fate,
    };
    let left = [
        left(0, Fate::Gone),
        left(1, Fate::Moved(Lsn(9))),
        left(2, Fate::Gone),
    ];
    bench.state.buried(&left, Timestamp(0), &mut bench.out);
    assert_eq!(bench.effects(), ".0");
    assert_eq!(bench.counts(), (1, 0, 0));
    assert!(!bench.state.holds(Sequence(0)));
    // What is accepted or purged is no dead letter.
    assert_eq!(bench.get(true), Some((2, 0)));
    bench.push(3, NOW);
    bench.state.purge(&mut bench.out);
    assert_eq!(bench.effects(), ".2 .3");
}

#[test]
fn what_was_let_in_has_its_place_until_it_comes_or_is_called_off() {
    let mut bench = bench([
        ("x-max-length", Value::Int(2)),
        ("x-overflow", text("reject-publish")),
    ]);
    assert!(bench.state.admit(5) && bench.state.admit(5));
    assert!(!bench.state.admit(5));
    bench.state.call_off(5);
    assert!(bench.state.admit(5));
    bench.push(0, NOW);
    bench.push(1, NOW);
    assert!(!bench.state.admit(5));
    assert_eq!(bench.get(true), Some((0, 1)));
    assert!(bench.state.admit(5));
}

proptest! {
    /// Whatever happens, the count of bytes is that of the bodies that are ready.
    #[test]
    fn bytes_are_counted_right(steps in prop::collection::vec(step(), 1..80)) {
        let mut bench = bench([("x-max-length-bytes", Value::Int(500))]);
        let mut pushed = 0;
        for step in steps {
            match step {
                Step::Cancel(id) => drop(bench.cancel(id)),
                Step::Consume(id, prefetch) => {
                    let _ = bench.consume(Consumer { prefetch, ..consumer(id) });
                }
                Step::Detach(id) => drop(bench.detach(id)),
                Step::Push => {
                    bench.push(pushed, NOW);
                    pushed += 1;
                }
                Step::Settle(id, nth, accept) => {
                    let outcome = if accept { Outcome::Accept } else { Outcome::Requeue };
                    bench.settle(id, &[nth as u64, pushed.saturating_sub(1)], outcome);
                }
            }
            let ready: Vec<_> = bench.state.ready.entries().map(|it| it.message.body.len()).collect();
            prop_assert!(ready.len() <= 5);
            let bytes: usize = ready.iter().sum();
            prop_assert_eq!(bench.state.counted_bytes(), bytes as u64);
        }
    }
}
