//! Streams, as a client sees them.

use bytes::BytesMut;
use wire::amqp091::*;

use super::kit::*;

fn declare(peer: &mut Peer, world: &mut World) {
    let arguments = TableBuilder::new().text("x-queue-type", "stream");
    let declare = QueueDeclare {
        queue: "s",
        durable: true,
        arguments: arguments.as_table(),
        ..Default::default()
    };
    peer.send(1, declare);
    peer.turn();
    world.commit();
    peer.wake();
    peer.take(1, |method| assert_eq!(method.name(), "queue.declare-ok"));
}

fn consume<'a>(arguments: &'a TableBuilder) -> BasicConsume<'a> {
    BasicConsume {
        queue: "s",
        consumer_tag: "t",
        arguments: arguments.as_table(),
        ..Default::default()
    }
}

fn qos(peer: &mut Peer, prefetch_count: u16, global: bool) {
    let qos = BasicQos {
        prefetch_size: 0,
        prefetch_count,
        global,
    };
    peer.call(1, qos, BasicQosOk {});
}

/// The next delivery's offset.
fn offset(peer: &mut Peer) -> i64 {
    peer.take(1, |method| assert_eq!(method.name(), "basic.deliver"));
    let (raw, _) = peer.take_content();
    let headers = Properties::parse(&raw).unwrap().headers.unwrap();
    let found = headers.iter().find(|(name, _)| *name == b"x-stream-offset");
    match found {
        Some((_, Value::I64(offset))) => offset,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_delivery_of_a_stream_says_its_offset() {
    let mut world = World::new();
    let mut peer = world.open();
    declare(&mut peer, &mut world);
    for body in [&b"a"[..], b"b", b"c"] {
        peer.publish("s", body, true);
    }
    peer.turn();
    world.commit();
    qos(&mut peer, 1, false);
    let first = TableBuilder::new().text("x-stream-offset", "first");
    peer.send(1, consume(&first));
    peer.turn();
    peer.take(1, |method| assert_eq!(method.name(), "basic.consume-ok"));
    for number in 0..3 {
        assert_eq!(offset(&mut peer), number);
        let ack = BasicAck {
            delivery_tag: number as u64 + 1,
            multiple: false,
        };
        peer.send(1, ack);
        peer.turn();
    }
    // A publisher's own header of that name gives way, its others stay.
    let headers = TableBuilder::new()
        .text("x-stream-offset", "mine")
        .text("k", "v");
    let mut raw = BytesMut::new();
    let properties = Properties {
        headers: Some(headers.as_table()),
        ..Default::default()
    };
    properties.encode(&mut raw);
    let publish = BasicPublish {
        routing_key: "s",
        ..Default::default()
    };
    peer.publish_to(publish, &raw, b"d");
    peer.turn();
    world.commit();
    peer.wake();
    peer.take(1, |method| assert_eq!(method.name(), "basic.deliver"));
    let expected = TableBuilder::new()
        .text("k", "v")
        .entry("x-stream-offset", Value::I64(3));
    let mut raw = BytesMut::new();
    let properties = Properties {
        headers: Some(expected.as_table()),
        ..Default::default()
    };
    properties.encode(&mut raw);
    peer.expect_content(&raw, b"d");
}

#[test]
fn what_a_stream_does_not_offer_has_the_known_sentences() {
    let mut world = World::new();
    let mut peer = world.open();
    declare(&mut peer, &mut world);
    let none = TableBuilder::new();
    let closes = |peer: &mut Peer, text: &str| {
        peer.turn();
        peer.expect_channel_close(1, text);
    };
    peer.send(1, consume(&none));
    let text = "PRECONDITION_FAILED - consumer prefetch count is not set for stream queue 's' in \
                vhost '/'";
    closes(&mut peer, text);
    qos(&mut peer, 5, false);
    let no_ack = BasicConsume {
        no_ack: true,
        ..consume(&none)
    };
    peer.send(1, no_ack);
    let text = "NOT_IMPLEMENTED - automatic acknowledgement not supported by stream queue 's' in \
                vhost '/'";
    peer.turn();
    peer.expect_connection_close(text);
    let mut peer = world.open();
    qos(&mut peer, 5, false);
    qos(&mut peer, 5, true);
    peer.send(1, consume(&none));
    peer.turn();
    let text = "NOT_IMPLEMENTED - queue 's' in vhost '/' does not support global qos";
    peer.expect_connection_close(text);
    let get = BasicGet {
        queue: "s",
        ..Default::default()
    };
    let purge = QueuePurge {
        queue: "s",
        ..Default::default()
    };
    let methods: [(Method<'_>, &str); 2] = [
        (
            get.into(),
            "NOT_IMPLEMENTED - basic.get not supported by stream queues",
        ),
        (
            purge.into(),
            "NOT_IMPLEMENTED - queue.purge not supported by stream queues",
        ),
    ];
    for (method, text) in methods {
        let mut peer = world.open();
        peer.send(1, method);
        peer.turn();
        peer.expect_connection_close(&format!("{text} queue 's' in vhost '/'"));
    }
}
