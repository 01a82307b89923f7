//! The checker fails on everything it is there for, and on nothing else.

use super::*;

const SEED: u64 = 9;
const P: PublisherId = PublisherId(1);

/// A publisher whose messages go to the queues "a" and "b", and so many sent.
fn ledger(sent: usize) -> Ledger {
    let mut ledger = Ledger::new(SEED);
    ledger.open(P, &["a", "b"], true);
    (0..sent).for_each(|number| assert_eq!(ledger.send(P).number, number as u64));
    ledger
}

fn id(number: u64) -> MessageId {
    MessageId {
        publisher: P,
        number,
    }
}

fn deliver(ledger: &mut Ledger, session: &mut Session, number: u64, redelivered: bool) {
    ledger.deliver(session, &id(number).body(SEED, 64), redelivered);
}

/// Numbers with their marks, delivered to one consumer of "a"; the kinds of violations.
fn delivered(alone: bool, sent: usize, deliveries: &[(u64, bool)]) -> Vec<&'static str> {
    let mut ledger = ledger(sent);
    let mut session = ledger.begin("a", alone);
    for (number, redelivered) in deliveries {
        deliver(&mut ledger, &mut session, *number, *redelivered);
    }
    kinds(&ledger)
}

fn kinds(ledger: &Ledger) -> Vec<&'static str> {
    ledger.violations().iter().map(Violation::kind).collect()
}

#[test]
fn what_was_acknowledged_must_come_from_each_queue() {
    let mut ledger = ledger(3);
    ledger.acknowledge(id(0));
    ledger.acknowledge(id(2));
    let [mut a, mut b] = ["a", "b"].map(|queue| ledger.begin(queue, false));
    deliver(&mut ledger, &mut a, 0, false);
    deliver(&mut ledger, &mut a, 2, false);
    deliver(&mut ledger, &mut b, 0, false);
    assert_eq!(
        (ledger.owed(), ledger.owed_by("a"), ledger.owed_by("b")),
        (1, 0, 1)
    );
    ledger.judge();
    let lost = Violation::Lost {
        queue: "b".to_owned(),
        id: id(2),
    };
    assert_eq!(ledger.violations(), [lost]);
    ledger.judge();
    assert_eq!(ledger.violation_count(), 1, "a loss counts once");
    assert_eq!(ledger.owed(), 0);
}

#[test]
fn what_was_not_acknowledged_may_come_or_not() {
    let mut ledger = ledger(2);
    let mut session = ledger.begin("a", true);
    deliver(&mut ledger, &mut session, 1, false);
    ledger.judge();
    assert_eq!(kinds(&ledger), [""; 0]);
}

#[test]
fn transient_messages_may_be_lost() {
    let mut ledger = Ledger::new(SEED);
    ledger.open(P, &["a"], false);
    let id = ledger.send(P);
    ledger.acknowledge(id);
    ledger.judge();
    assert_eq!(kinds(&ledger), [""; 0]);
    assert_eq!(
        (ledger.totals().acked, ledger.totals().acked_durable),
        (1, 0)
    );
}

#[test]
fn what_was_never_sent_is_a_phantom() {
    assert_eq!(delivered(false, 2, &[(0, false), (2, false)]), ["phantom"]);
    let mut ledger = ledger(1);
    let mut elsewhere = ledger.begin("c", false);
    deliver(&mut ledger, &mut elsewhere, 0, false);
    assert_eq!(kinds(&ledger), ["phantom"]);
}

#[test]
fn a_changed_body_is_seen() {
    let mut ledger = ledger(1);
    let mut session = ledger.begin("a", false);
    let mut body = id(0).body(SEED, 64);
    body[40] ^= 0x80;
    assert_eq!(ledger.deliver(&mut session, &body, false), None);
    assert_eq!(kinds(&ledger), ["corrupt"]);
}

#[test]
fn a_second_delivery_must_be_marked() {
    assert_eq!(
        delivered(false, 1, &[(0, false), (0, true), (0, true)]),
        [""; 0]
    );
    // In flight from a node that was deposed while another one delivered it again.
    assert_eq!(delivered(false, 1, &[(0, true), (0, false)]), [""; 0]);
    assert_eq!(
        delivered(false, 1, &[(0, false), (0, false)]),
        ["order", "duplicate"]
    );
    let mut ledger = ledger(1);
    for expected in [0, 2] {
        let mut session = ledger.begin("a", false);
        deliver(&mut ledger, &mut session, 0, false);
        assert_eq!(kinds(&ledger).len(), expected, "also over connections");
    }
}

#[test]
fn first_deliveries_come_in_order() {
    assert_eq!(delivered(false, 3, &[(0, false), (2, false)]), [""; 0]);
    assert_eq!(delivered(false, 3, &[(2, false), (0, false)]), ["order"]);
    // What another consumer left.
    assert_eq!(delivered(false, 3, &[(2, false), (0, true)]), [""; 0]);
    // A consumer that comes later gets later messages.
    let mut ledger = ledger(3);
    let mut session = ledger.begin("a", false);
    deliver(&mut ledger, &mut session, 1, false);
    let mut later = ledger.begin("a", false);
    deliver(&mut ledger, &mut later, 0, false);
    assert_eq!(kinds(&ledger), ["order"]);
}

#[test]
fn who_is_alone_sees_all_in_order() {
    let redelivered = [(0, true), (1, true), (2, false)];
    assert_eq!(delivered(true, 3, &redelivered), [""; 0]);
    assert_eq!(delivered(true, 3, &[(1, true), (0, true)]), ["order"]);
    assert_eq!(delivered(true, 3, &[(2, false), (0, true)]), ["order"]);
    assert_eq!(delivered(true, 3, &[(2, true), (0, false)]), ["order"]);
    assert_eq!(delivered(true, 3, &[(1, true), (1, true)]), ["order"]);
}

#[test]
fn what_a_connection_left_unconfirmed_may_come_late() {
    for alone in [false, true] {
        let mut ledger = ledger(5);
        ledger.give_up(id(1));
        let mut session = ledger.begin("a", alone);
        for number in [0, 3, 1, 4] {
            deliver(&mut ledger, &mut session, number, false);
        }
        assert_eq!(kinds(&ledger), [""; 0]);
        // It says nothing of what comes next to it, and is still a message that comes once.
        deliver(&mut ledger, &mut session, 2, false);
        deliver(&mut ledger, &mut session, 1, false);
        assert_eq!(kinds(&ledger), ["order", "duplicate"]);
    }
}

#[test]
fn thousands_of_losses_are_counted_and_a_few_told() {
    let mut ledger = ledger(1000);
    (0..1000).for_each(|number| ledger.acknowledge(id(number)));
    ledger.judge();
    assert_eq!(ledger.violation_count(), 2000);
    assert_eq!(ledger.violations().len(), 2 * KEPT);
}

#[test]
fn totals_count_each_thing_once() {
    let mut ledger = ledger(3);
    ledger.acknowledge(id(0));
    ledger.acknowledge(id(0));
    let mut session = ledger.begin("a", false);
    deliver(&mut ledger, &mut session, 0, false);
    deliver(&mut ledger, &mut session, 0, true);
    let expected = Totals {
        sent: 3,
        acked: 1,
        acked_durable: 1,
        delivered: 1,
        duplicates: 1,
    };
    assert_eq!(ledger.totals(), expected);
}
