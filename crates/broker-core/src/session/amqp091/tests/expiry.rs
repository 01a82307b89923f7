//! Messages and queues with a time to live, as a client sees them.

use std::time::Duration;

use wire::amqp091::*;

use super::kit::*;

fn declare<'a>(queue: &'a str, arguments: &'a TableBuilder) -> QueueDeclare<'a> {
    QueueDeclare {
        queue,
        arguments: arguments.as_table(),
        ..Default::default()
    }
}

fn declared(queue: &str, message_count: u32) -> QueueDeclareOk<'_> {
    QueueDeclareOk {
        queue,
        message_count,
        consumer_count: 0,
    }
}

fn publish(peer: &mut Peer, expiration: &str) {
    let mut raw = bytes::BytesMut::new();
    let properties = Properties {
        expiration: Some(expiration.as_bytes()),
        ..Default::default()
    };
    properties.encode(&mut raw);
    let publish = BasicPublish {
        routing_key: "q",
        ..Default::default()
    };
    peer.publish_to(publish, &raw, b"x");
}

#[test]
fn an_expiration_that_is_no_time_closes_the_channel() {
    let world = World::new();
    let mut peer = world.open();
    peer.queue("q");
    for (expiration, why) in [
        ("soon", "no_integer"),
        ("1.5", "{leftover_string,\".5\"}"),
        ("-1", "{value_negative,-1}"),
        ("315360000001", "{value_too_large,315360000001}"),
    ] {
        publish(&mut peer, expiration);
        peer.turn();
        let text = format!("PRECONDITION_FAILED - invalid expiration '{expiration}': {why}");
        peer.expect_channel_close(1, &text);
    }
    assert_eq!(peer.ready("q"), 0);
}

#[test]
fn a_message_is_there_until_its_time_is_over() {
    let world = World::new();
    let mut peer = world.open();
    peer.queue("q");
    publish(&mut peer, "1000");
    assert_eq!(peer.ready("q"), 1);
    world.clock.pass(Duration::from_millis(1000));
    let get = BasicGet {
        queue: "q",
        ..Default::default()
    };
    peer.call(1, get, BasicGetEmpty::default());
}

#[test]
fn wrong_arguments_are_refused_in_the_words_clients_know() {
    let world = World::new();
    let mut peer = world.open();
    for (name, value, why) in [
        (
            "x-message-ttl",
            Value::Text(b"60"),
            "\"expected integer, got longstr\"",
        ),
        ("x-message-ttl", Value::I32(-1), "{value_negative,-1}"),
        ("x-expires", Value::I32(0), "{value_zero,0}"),
        (
            "x-expires",
            Value::I64(1 << 40),
            "{value_too_large,1099511627776}",
        ),
    ] {
        let arguments = TableBuilder::new().entry(name, value);
        peer.send(1, declare("q", &arguments));
        peer.turn();
        let text =
            format!("PRECONDITION_FAILED - invalid arg '{name}' for queue 'q' in vhost '/': {why}");
        peer.expect_channel_close(1, &text);
    }
    let arguments = TableBuilder::new().entry("x-message-ttl", Value::I32(100));
    peer.call(1, declare("q", &arguments), declared("q", 0));
    let arguments = TableBuilder::new().entry("x-message-ttl", Value::U8(99));
    peer.send(1, declare("q", &arguments));
    peer.turn();
    let text = "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost \
                '/': received '99' but current is '100'";
    peer.expect_channel_close(1, text);
}

#[test]
fn an_unused_queue_is_not_found_any_more() {
    let world = World::new();
    let mut peer = world.open();
    let arguments = TableBuilder::new().entry("x-expires", Value::I32(100));
    peer.call(1, declare("q", &arguments), declared("q", 0));
    world.clock.pass(Duration::from_millis(100));
    world.broker.on_time();
    let passive = QueueDeclare {
        queue: "q",
        passive: true,
        ..Default::default()
    };
    peer.send(1, passive);
    peer.turn();
    peer.expect_channel_close(1, "NOT_FOUND - no queue 'q' in vhost '/'");
}
