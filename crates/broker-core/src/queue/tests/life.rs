//! What time does to a queue.

use super::*;
use crate::value::{Arguments, Value};

fn expiring(sequence: u64, ms: u64) -> Entry {
    Entry {
        expires: Timestamp(ms),
        ..entry(sequence, NOW)
    }
}

fn with_expiries(expiries: &[u64]) -> Bench {
    let mut bench = Bench::new();
    for (sequence, ms) in (0..).zip(expiries) {
        bench.push_entry(expiring(sequence, *ms));
    }
    bench
}

#[test]
fn messages_expire_at_the_head_alone() {
    const NEVER: u64 = u64::MAX;
    let mut bench = with_expiries(&[10, 20, NEVER, 5, 40]);
    assert!(bench.state.wants_time());
    assert_eq!(bench.state.deadline(), Timestamp(10));
    bench.now = Timestamp(9);
    bench.pump();
    assert_eq!(bench.effects(), "");
    bench.now = Timestamp(30);
    bench.pump();
    assert_eq!(bench.effects(), ".0 .1");
    // The next waits for ever, and those behind it wait for that one.
    assert_eq!(bench.state.deadline(), Timestamp::NEVER);
    assert_eq!(bench.counts(), (3, 0, 0));
    assert_eq!(bench.get(true), Some((2, 2)));
    assert_eq!(bench.effects(), ".2");
    // The one that was late goes with the next look, and nobody gets it.
    assert_eq!(bench.get(true), Some((4, 0)));
    assert_eq!(bench.effects(), ".3 .4");
}

#[test]
fn a_consumer_never_gets_what_is_expired() {
    let mut bench = with_expiries(&[10, 20, 30]);
    bench.now = Timestamp(25);
    bench.consume(consumer(1)).unwrap();
    assert_eq!(bench.effects(), ".0 .1 >1:2");
}

#[test]
fn what_is_handed_out_expires_once_it_is_put_back() {
    let mut bench = with_expiries(&[10]);
    bench.consume(consumer(1)).unwrap();
    assert_eq!(bench.effects(), ">1:0");
    bench.now = Timestamp(99);
    bench.pump();
    assert_eq!(bench.counts(), (0, 1, 1));
    bench.settle(1, &[0], Outcome::Requeue);
    assert_eq!(bench.effects(), ".0");
    assert_eq!(bench.counts(), (0, 0, 1));
}

#[test]
fn a_message_without_time_goes_to_a_waiting_consumer_and_to_nobody_else() {
    let mut bench = Bench::new();
    bench.now = Timestamp(50);
    bench.push_entry(expiring(0, 50));
    bench.consume(consumer(1)).unwrap();
    assert_eq!(bench.effects(), ".0");
    bench.push_entry(expiring(1, 50));
    assert_eq!(bench.effects(), ">1:1");
}

#[test]
fn an_emptied_queue_asks_for_the_time_no_more() {
    let mut bench = with_expiries(&[10]);
    bench.now = Timestamp(10);
    bench.pump();
    assert!(!bench.state.wants_time());
}

#[test]
fn a_queue_is_abandoned_when_nobody_has_used_it_for_its_time() {
    let arguments = Arguments::from([("x-expires".to_owned(), Value::Int(100))]);
    let rules = Rules::of(&arguments).map(Arc::new);
    let mut bench = Bench::new();
    bench.state = State::new(QueueId(1), rules, Account::new(u64::MAX, 1 << 20));
    let abandoned = |bench: &Bench, ms| bench.state.is_abandoned(Timestamp(ms));
    bench.state.touch(Timestamp(1000));
    assert!(!abandoned(&bench, 1099) && abandoned(&bench, 1100));
    // A consumer uses it as long as it is there.
    bench.now = Timestamp(1050);
    bench.consume(consumer(1)).unwrap();
    assert_eq!(bench.state.deadline(), Timestamp::NEVER);
    bench.now = Timestamp(5000);
    bench.detach(1);
    assert_eq!(bench.state.deadline(), Timestamp(5100));
    // Who asks for a message uses it too, even in vain.
    bench.now = Timestamp(5090);
    assert_eq!(bench.get(true), None);
    assert_eq!(bench.state.deadline(), Timestamp(5190));
    bench.state.end(&mut bench.out);
    assert!(!abandoned(&bench, 9999));
}
