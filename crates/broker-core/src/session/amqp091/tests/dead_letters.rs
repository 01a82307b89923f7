//! Full queues and dead letters, as a client sees them.

use std::time::Duration;

use bytes::BytesMut;
use wire::amqp091::*;

use super::kit::*;

fn declare(peer: &mut Peer, queue: &str, arguments: &TableBuilder) {
    peer.send(
        1,
        QueueDeclare {
            queue,
            arguments: arguments.as_table(),
            ..Default::default()
        },
    );
    peer.turn();
    peer.take(1, |method| assert_eq!(method.name(), "queue.declare-ok"));
}

#[test]
fn a_publisher_with_confirms_is_told_that_the_queue_is_full() {
    let world = World::new();
    let mut peer = world.open();
    let arguments = TableBuilder::new()
        .entry("x-max-length", Value::I32(1))
        .text("x-overflow", "reject-publish");
    declare(&mut peer, "q", &arguments);
    // Without confirms it is not told.
    for body in [b"a", b"b"] {
        peer.publish("q", body, false);
    }
    assert_eq!(peer.ready("q"), 1);
    peer.call(1, ConfirmSelect::default(), ConfirmSelectOk {});
    peer.publish("q", b"c", false);
    peer.turn();
    let nack = |delivery_tag| BasicNack {
        delivery_tag,
        multiple: false,
        requeue: false,
    };
    peer.expect(1, nack(1));
    // Nor is it given back: there is a queue.
    let mandatory = BasicPublish {
        routing_key: "q",
        mandatory: true,
        ..Default::default()
    };
    peer.publish_to(mandatory, b"\0\0", b"d");
    peer.turn();
    peer.expect(1, nack(2));
    peer.call(
        1,
        QueuePurge {
            queue: "q",
            ..Default::default()
        },
        QueuePurgeOk { message_count: 1 },
    );
    peer.publish("q", b"e", false);
    peer.turn();
    let ack = BasicAck {
        delivery_tag: 3,
        multiple: false,
    };
    peer.expect(1, ack);
}

#[test]
fn a_dead_letter_tells_where_and_how_it_died() {
    let world = World::new();
    let mut peer = world.open();
    peer.queue("dead");
    let arguments = TableBuilder::new()
        .text("x-dead-letter-exchange", "")
        .text("x-dead-letter-routing-key", "dead");
    declare(&mut peer, "src", &arguments);
    let mut raw = BytesMut::new();
    let sent = Properties {
        expiration: Some(b"100"),
        correlation_id: Some(b"c"),
        ..Default::default()
    };
    sent.encode(&mut raw);
    let publish = BasicPublish {
        routing_key: "src",
        ..Default::default()
    };
    peer.publish_to(publish, &raw, b"x");
    peer.turn();
    world.clock.pass(Duration::from_millis(100));
    world.broker.on_time();
    peer.send(
        1,
        BasicGet {
            queue: "dead",
            no_ack: true,
            ..Default::default()
        },
    );
    peer.turn();
    peer.take(1, |method| match method {
        Method::BasicGetOk(ok) => assert_eq!((ok.exchange, ok.routing_key), ("", "dead")),
        other => panic!("{other:?}"),
    });
    let keys = TableBuilder::new().item(Value::Text(b"src"));
    let death = TableBuilder::new()
        .entry("count", Value::I64(1))
        .text("reason", "expired")
        .text("queue", "src")
        .entry("time", Value::Timestamp(1_700_000_000))
        .text("exchange", "")
        .entry("routing-keys", Value::List(keys.as_list()))
        .text("original-expiration", "100");
    let deaths = TableBuilder::new().item(Value::Table(death.as_table()));
    let headers = TableBuilder::new()
        .entry("x-death", Value::List(deaths.as_list()))
        .text("x-first-death-exchange", "")
        .text("x-last-death-exchange", "")
        .text("x-first-death-queue", "src")
        .text("x-last-death-queue", "src")
        .text("x-first-death-reason", "expired")
        .text("x-last-death-reason", "expired");
    let expected = Properties {
        headers: Some(headers.as_table()),
        expiration: None,
        ..sent
    };
    raw.clear();
    expected.encode(&mut raw);
    peer.expect_content(&raw, b"x");
}

#[test]
fn arguments_of_full_queues_and_dead_letters_are_refused_in_the_words_clients_know() {
    let mut world = World::new();
    let mut peer = world.open();
    let invalid = |name, why| format!("invalid arg '{name}' for queue 'q' in vhost '/': {why}");
    for (name, value, text) in [
        (
            "x-overflow",
            Value::Text(b"foo"),
            invalid("x-overflow", "invalid_overflow"),
        ),
        (
            "x-max-length",
            Value::I32(-1),
            invalid("x-max-length", "{value_negative,-1}"),
        ),
        (
            "x-dead-letter-routing-key",
            Value::Text(b"k"),
            invalid(
                "x-dead-letter-routing-key",
                "routing_key_but_no_dlx_defined",
            ),
        ),
        (
            "x-dead-letter-exchange",
            Value::I32(1),
            "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'"
                .to_owned(),
        ),
    ] {
        let arguments = TableBuilder::new().entry(name, value);
        peer.send(
            1,
            QueueDeclare {
                queue: "q",
                arguments: arguments.as_table(),
                ..Default::default()
            },
        );
        peer.turn();
        peer.expect_channel_close(1, &format!("PRECONDITION_FAILED - {text}"));
    }
    world.permit(".*", "^$", ".*");
    let arguments = TableBuilder::new().text("x-dead-letter-exchange", "dlx");
    peer.send(
        1,
        QueueDeclare {
            queue: "q",
            arguments: arguments.as_table(),
            ..Default::default()
        },
    );
    peer.turn();
    let text = "ACCESS_REFUSED - write access to exchange 'dlx' in vhost '/' refused for user \
                'guest'";
    peer.expect_channel_close(1, text);
}
