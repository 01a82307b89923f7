//! Deliveries that are kept for too long.

use std::time::Duration;

use wire::amqp091::*;

use super::kit::{Peer, World};
use crate::definitions::{ApplyTo, Expect, PolicySpec};
use crate::limits::Limits;

fn impatient() -> World {
    World::with(Limits {
        consumer_timeout_ms: 90_000,
        ..Limits::default()
    })
}

fn consume(peer: &mut Peer, no_ack: bool) {
    let consume = BasicConsume {
        queue: "q",
        consumer_tag: "t",
        no_ack,
        ..Default::default()
    };
    peer.send(1, consume);
    peer.turn();
    peer.expect(1, BasicConsumeOk { consumer_tag: "t" });
}

/// Lets time pass with the client showing life, up to when it is told something.
fn pass(peer: &mut Peer, seconds: u64) {
    for _ in 0..seconds / 10 {
        peer.input.extend_from_slice(b"\x08\0\0\0\0\0\0\xce");
        peer.turn();
        peer.tick(Duration::from_secs(10), false);
        peer.skip_connection_frames();
        if !peer.out.is_empty() {
            return;
        }
    }
}

const TOO_LONG: &str = "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. \
                        Timeout value used: 90000 ms. This timeout value can be configured, see \
                        consumers doc guide to learn more";

#[test]
fn who_keeps_a_delivery_for_too_long_loses_the_channel_and_others_get_it() {
    let world = impatient();
    let (mut peer, mut other) = (world.open(), world.open());
    peer.queue("q");
    consume(&mut peer, false);
    for body in [b"a", b"b"] {
        other.publish("q", body, false);
    }
    other.turn();
    peer.wake();
    peer.expect_delivery(1, false, b"a");
    peer.expect_delivery(2, false, b"b");
    pass(&mut peer, 80);
    peer.expect_nothing();
    let ack = BasicAck {
        delivery_tag: 1,
        multiple: false,
    };
    peer.send(1, ack);
    peer.turn();
    pass(&mut peer, 70);
    peer.expect_channel_close(1, TOO_LONG);
    assert_eq!(other.ready("q"), 1);
    // The next delivery has its own time.
    consume(&mut peer, false);
    peer.expect_delivery(1, true, b"b");
    pass(&mut peer, 80);
    peer.expect_nothing();
}

#[test]
fn a_queue_may_have_a_time_of_its_own_that_changes_with_its_policy() {
    let mut world = World::with(Limits::default());
    let (mut peer, mut other) = (world.open(), world.open());
    let arguments = TableBuilder::new().entry("x-consumer-timeout", Value::I32(3_600_000));
    for (queue, arguments) in [("q", Table::default()), ("slow", arguments.as_table())] {
        let declare = QueueDeclare {
            queue,
            arguments,
            ..Default::default()
        };
        let declared = QueueDeclareOk {
            queue,
            message_count: 0,
            consumer_count: 0,
        };
        other.call(1, declare, declared);
        other.publish(queue, b"a", false);
    }
    other.turn();
    for queue in ["slow", "q"] {
        let get = BasicGet {
            queue,
            ..Default::default()
        };
        peer.send(1, get);
        peer.turn();
        peer.take(1, |method| assert_eq!(method.name(), "basic.get-ok"));
        peer.take_content();
    }
    pass(&mut peer, 600);
    peer.expect_nothing();
    // The policy is for both queues; of two times the shorter one counts.
    let policy = PolicySpec {
        vhost: "/".into(),
        name: "impatient".into(),
        operator: false,
        pattern: ".*".into(),
        apply_to: ApplyTo::Queues,
        priority: 0,
        definition: [("consumer-timeout".into(), crate::value::Value::Int(700_000))].into(),
    };
    world
        .broker
        .admin()
        .put_policy(&policy, Expect::Any)
        .unwrap();
    world.commit();
    pass(&mut peer, 60);
    peer.expect_nothing();
    pass(&mut peer, 120);
    peer.expect_channel_close(1, &TOO_LONG.replace("90000", "700000"));
    assert_eq!((other.ready("q"), other.ready("slow")), (1, 1));
}

#[test]
fn a_message_that_was_asked_for_is_due_as_well() {
    let world = impatient();
    let mut peer = world.open();
    peer.queue("q");
    peer.publish("q", b"a", false);
    let get = BasicGet {
        queue: "q",
        ..Default::default()
    };
    peer.send(1, get);
    peer.turn();
    peer.take(1, |method| assert_eq!(method.name(), "basic.get-ok"));
    peer.take_content();
    pass(&mut peer, 150);
    peer.expect_channel_close(1, TOO_LONG);
}

#[test]
fn who_settles_in_time_or_need_not_keeps_the_channel() {
    let world = impatient();
    let mut peer = world.open();
    peer.queue("q");
    for no_ack in [true, false] {
        consume(&mut peer, no_ack);
        for round in 1..4 {
            peer.publish("q", b"a", false);
            peer.turn();
            let tag = peer.take(1, |method| match method {
                Method::BasicDeliver(deliver) => deliver.delivery_tag,
                other => panic!("{other:?} in round {round}"),
            });
            peer.take_content();
            pass(&mut peer, 80);
            if !no_ack {
                let ack = BasicAck {
                    delivery_tag: tag,
                    multiple: false,
                };
                peer.send(1, ack);
                peer.turn();
            }
        }
        pass(&mut peer, 200);
        let cancel = BasicCancel {
            consumer_tag: "t",
            no_wait: false,
        };
        peer.call(1, cancel, BasicCancelOk { consumer_tag: "t" });
    }
}
