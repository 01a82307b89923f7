//! Consumers with priorities and queues of type quorum, as a client sees them.

use bytes::BytesMut;
use wire::amqp091::*;

use super::kit::*;

fn consume<'a>(tag: &'a str, arguments: &'a TableBuilder) -> BasicConsume<'a> {
    BasicConsume {
        queue: "q",
        consumer_tag: tag,
        arguments: arguments.as_table(),
        ..Default::default()
    }
}

#[test]
fn a_message_says_how_often_it_came_back() {
    let mut world = World::new();
    let mut peer = world.open();
    let arguments = TableBuilder::new().text("x-queue-type", "quorum");
    let declare = QueueDeclare {
        queue: "q",
        durable: true,
        arguments: arguments.as_table(),
        ..Default::default()
    };
    peer.send(1, declare);
    peer.turn();
    world.commit();
    peer.wake();
    peer.take(1, |method| assert_eq!(method.name(), "queue.declare-ok"));
    let none = TableBuilder::new();
    peer.publish("q", b"x", false);
    peer.send(1, consume("t", &none));
    peer.turn();
    peer.take(1, |method| assert_eq!(method.name(), "basic.consume-ok"));
    peer.expect_delivery(1, false, b"x");
    for count in 1..3 {
        let requeue = BasicNack {
            delivery_tag: count,
            multiple: false,
            requeue: true,
        };
        peer.send(1, requeue);
        peer.turn();
        peer.take(1, |method| match method {
            Method::BasicDeliver(deliver) => assert!(deliver.redelivered),
            other => panic!("{other:?}"),
        });
        let headers = TableBuilder::new().entry("x-delivery-count", Value::I64(count as i64));
        let mut raw = BytesMut::new();
        let properties = Properties {
            headers: Some(headers.as_table()),
            ..Default::default()
        };
        properties.encode(&mut raw);
        peer.expect_content(&raw, b"x");
    }
}

#[test]
fn a_priority_is_a_whole_number() {
    let world = World::new();
    let mut peer = world.open();
    peer.queue("q");
    let arguments = TableBuilder::new().text("x-priority", "high");
    peer.send(1, consume("t", &arguments));
    peer.turn();
    let text = "PRECONDITION_FAILED - invalid arg 'x-priority' for queue 'q' in vhost '/': \
                \"expected integer, got longstr\"";
    peer.expect_channel_close(1, text);
    let arguments = TableBuilder::new().entry("x-priority", Value::I8(-3));
    let ok = BasicConsumeOk { consumer_tag: "t" };
    peer.call(1, consume("t", &arguments), ok);
}

#[test]
fn a_queue_that_serves_one_at_a_time_belongs_to_nobody_alone() {
    let world = World::new();
    let mut peer = world.open();
    let arguments = TableBuilder::new().entry("x-single-active-consumer", Value::Bool(true));
    let declare = QueueDeclare {
        queue: "q",
        arguments: arguments.as_table(),
        ..Default::default()
    };
    peer.send(1, declare);
    peer.turn();
    peer.take(1, |method| assert_eq!(method.name(), "queue.declare-ok"));
    let none = TableBuilder::new();
    let exclusive = BasicConsume {
        exclusive: true,
        ..consume("t", &none)
    };
    peer.send(1, exclusive);
    peer.turn();
    peer.expect_channel_close(
        1,
        "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use",
    );
}
