//! Delayed exchanges, as clients of RabbitMQ's plugin use them.

use std::time::Duration;

use bytes::BytesMut;
use wire::amqp091::*;

use super::kit::*;

/// Encoded properties with that delay.
fn delayed(ms: i32) -> BytesMut {
    let headers = TableBuilder::new().entry("x-delay", Value::I32(ms));
    let properties = Properties {
        headers: Some(headers.as_table()),
        ..Default::default()
    };
    let mut raw = BytesMut::new();
    properties.encode(&mut raw);
    raw
}

#[test]
fn a_delayed_message_reaches_its_queue_in_time_and_says_how_long_it_was_kept() {
    let world = World::new();
    let mut peer = world.open();
    peer.queue("q");
    let arguments = TableBuilder::new().text("x-delayed-type", "direct");
    let declare = ExchangeDeclare {
        exchange: "later",
        kind: "x-delayed-message",
        arguments: arguments.as_table(),
        ..Default::default()
    };
    peer.call(1, declare, ExchangeDeclareOk {});
    let bind = QueueBind {
        queue: "q",
        exchange: "later",
        routing_key: "k",
        ..Default::default()
    };
    peer.call(1, bind, QueueBindOk {});
    peer.call(1, ConfirmSelect::default(), ConfirmSelectOk {});
    // Kept, it does not come back as one that found no queue, whatever it finds in the end.
    for routing_key in ["k", "nowhere"] {
        let publish = BasicPublish {
            exchange: "later",
            routing_key,
            mandatory: true,
            ..Default::default()
        };
        peer.publish_to(publish, &delayed(1000), b"x");
    }
    peer.turn();
    let ack = BasicAck {
        delivery_tag: 2,
        multiple: true,
    };
    peer.expect(1, ack);
    assert_eq!(peer.ready("q"), 0);
    world.clock.pass(Duration::from_millis(1000));
    world.broker.on_time();
    let get = BasicGet {
        queue: "q",
        ..Default::default()
    };
    peer.send(1, get);
    peer.turn();
    let got = BasicGetOk {
        delivery_tag: 1,
        redelivered: false,
        exchange: "later",
        routing_key: "k",
        message_count: 0,
    };
    peer.expect(1, got);
    peer.expect_content(&delayed(-1000), b"x");
}
