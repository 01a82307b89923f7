//! Who is served: priorities, one at a time, and messages that come back too often.

use super::*;
use crate::value::{Arguments, Value};

fn bench<const N: usize>(arguments: [(&str, Value); N]) -> Bench {
    let arguments = arguments.map(|(name, value)| (name.to_owned(), value));
    let rules = Rules::of(&Arguments::from(arguments)).map(Arc::new);
    let mut bench = Bench::new();
    bench.state = State::new(QueueId(1), rules, Account::new(u64::MAX, 1 << 20));
    bench
}

fn ranked(id: u64, priority: i32, prefetch: u32) -> Consumer {
    Consumer {
        priority,
        prefetch,
        ..consumer(id)
    }
}

#[test]
fn a_consumer_of_higher_priority_is_served_as_long_as_it_can_take_messages() {
    let mut bench = Bench::new();
    bench.consume(ranked(1, 0, 0)).unwrap();
    bench.consume(ranked(2, 10, 2)).unwrap();
    bench.consume(ranked(3, -1, 0)).unwrap();
    (0..4).for_each(|sequence| bench.push(sequence, NOW));
    assert_eq!(bench.effects(), ">2:0 >2:1 >1:2 >1:3");
    bench.settle(2, &[0], Outcome::Accept);
    bench.push(4, NOW);
    assert_eq!(bench.effects(), ".0 >2:4");
}

#[test]
fn consumers_of_one_priority_take_turns() {
    let mut bench = Bench::new();
    bench.consume(ranked(1, 5, 0)).unwrap();
    bench.consume(ranked(2, 5, 0)).unwrap();
    bench.consume(ranked(3, 0, 0)).unwrap();
    (0..4).for_each(|sequence| bench.push(sequence, NOW));
    assert_eq!(bench.effects(), ">1:0 >2:1 >1:2 >2:3");
}

#[test]
fn one_consumer_is_served_until_it_goes() {
    let mut bench = bench([("x-single-active-consumer", Value::Bool(true))]);
    bench.consume(ranked(1, 0, 1)).unwrap();
    bench.consume(ranked(2, 0, 0)).unwrap();
    bench.consume(ranked(3, 0, 0)).unwrap();
    (0..3).for_each(|sequence| bench.push(sequence, NOW));
    // The others wait even while the first can take no more.
    assert_eq!(bench.effects(), ">1:0");
    assert_eq!(bench.counts(), (2, 1, 3));
    // Who waits may go as well.
    assert!(!bench.cancel(2));
    bench.detach(1);
    assert_eq!(bench.effects(), ">3:0! >3:1 >3:2");
}

#[test]
fn who_is_served_next_gets_the_backlog_at_once() {
    let mut bench = bench([("x-single-active-consumer", Value::Bool(true))]);
    bench.consume(ranked(1, 0, 1)).unwrap();
    bench.consume(ranked(2, 0, 0)).unwrap();
    (0..3).for_each(|sequence| bench.push(sequence, NOW));
    assert_eq!(bench.effects(), ">1:0");
    assert!(!bench.cancel(1));
    assert_eq!(bench.effects(), ">2:1 >2:2");
}

#[test]
fn the_next_to_be_served_alone_is_the_first_of_the_highest_priority() {
    let mut bench = bench([("x-single-active-consumer", Value::Bool(true))]);
    for (id, priority) in [(1, 0), (2, 1), (3, 1)] {
        bench.consume(ranked(id, priority, 0)).unwrap();
    }
    bench.cancel(1);
    bench.push(0, NOW);
    assert_eq!(bench.effects(), ">2:0");
}

#[test]
fn nobody_has_a_queue_alone_that_serves_one_at_a_time() {
    let mut bench = bench([("x-single-active-consumer", Value::Bool(true))]);
    let exclusive = Consumer {
        exclusive: true,
        ..consumer(1)
    };
    assert_eq!(bench.consume(exclusive), Err(ConsumeError::Exclusive));
}

#[test]
fn what_comes_back_more_often_than_the_limit_is_let_go() {
    let mut bench = bench([
        ("x-queue-type", Value::Text("quorum".into())),
        ("x-delivery-limit", Value::Int(2)),
        ("x-dead-letter-exchange", Value::Text("x".into())),
    ]);
    bench.push(0, NOW);
    let took = |bench: &mut Bench| {
        let got = bench
            .state
            .get(ConnectionId(9), false, bench.now, &mut bench.out);
        got.map(|(delivery, _)| delivery.returns)
    };
    for returns in 0..3 {
        assert_eq!(took(&mut bench), Some(returns));
        assert_eq!(bench.effects(), "");
        // Whether it is put back or its consumer goes.
        if returns == 1 {
            bench.detach(9);
        } else {
            bench.settle(9, &[0], Outcome::Requeue);
        }
    }
    assert_eq!(bench.effects(), "+0:delivery_limit");
    assert_eq!(took(&mut bench), None);
}

#[test]
fn only_queues_that_are_asked_to_count_returns() {
    let mut bench = Bench::with(0..1);
    for _ in 0..50 {
        let got = bench
            .state
            .get(ConnectionId(9), false, bench.now, &mut bench.out);
        assert_eq!(got.map(|(delivery, _)| delivery.returns), Some(0));
        bench.settle(9, &[0], Outcome::Requeue);
    }
}
