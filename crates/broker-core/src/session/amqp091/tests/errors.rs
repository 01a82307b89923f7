//! The right reply code, at the right level, for everything a client can do wrong.

use bytes::BytesMut;
use wire::amqp091::*;

use super::kit::{Peer, World};

/// Sends one method on channel 1 and expects the channel to be closed with this text.
fn refused<'m>(peer: &mut Peer, method: impl Into<Method<'m>>, text: &str) {
    peer.send(1, method);
    peer.turn();
    peer.expect_channel_close(1, text);
}

/// Sends one method on channel 1 of a new connection and expects that to be closed.
fn fatal<'m>(world: &World, method: impl Into<Method<'m>>, text: &str) {
    let mut peer = world.open();
    peer.send(1, method);
    peer.turn();
    peer.expect_connection_close(text);
}

/// Sends raw bytes on a new connection and expects that to be closed.
fn fatal_bytes(world: &World, bytes: &[u8], text: &str) {
    let mut peer = world.open();
    peer.input.extend_from_slice(bytes);
    peer.turn();
    peer.expect_connection_close(text);
}

#[test]
fn missing_things_are_not_found() {
    let world = World::new();
    let mut peer = world.open();
    let queue = "x";
    let no_queue = "NOT_FOUND - no queue 'x' in vhost '/'";
    let no_exchange = "NOT_FOUND - no exchange 'x' in vhost '/'";
    refused(
        &mut peer,
        QueueDeclare {
            queue,
            passive: true,
            ..Default::default()
        },
        no_queue,
    );
    refused(
        &mut peer,
        BasicGet {
            queue,
            ..Default::default()
        },
        no_queue,
    );
    refused(
        &mut peer,
        BasicConsume {
            queue,
            ..Default::default()
        },
        no_queue,
    );
    refused(
        &mut peer,
        QueuePurge {
            queue,
            ..Default::default()
        },
        no_queue,
    );
    let bind = QueueBind {
        queue,
        exchange: "amq.direct",
        ..Default::default()
    };
    refused(&mut peer, bind, no_queue);
    let check = ExchangeDeclare {
        exchange: "x",
        passive: true,
        ..Default::default()
    };
    refused(&mut peer, check, no_exchange);
    refused(
        &mut peer,
        BasicGet::default(),
        "NOT_FOUND - no previously declared queue",
    );
    peer.publish_to(
        BasicPublish {
            exchange: "x",
            ..Default::default()
        },
        b"\0\0",
        b"",
    );
    peer.turn();
    peer.expect_channel_close(1, no_exchange);
}

#[test]
fn conflicts_and_wrong_states_fail_a_precondition() {
    let world = World::new();
    let mut peer = world.open();
    peer.queue("q");
    refused(
        &mut peer,
        QueueDeclare {
            queue: "q",
            auto_delete: true,
            ..Default::default()
        },
        "PRECONDITION_FAILED - inequivalent arg 'auto_delete' for queue 'q' in vhost '/': \
         received 'true' but current is 'false'",
    );
    refused(
        &mut peer,
        ExchangeDeclare {
            exchange: "amq.topic",
            kind: "fanout",
            durable: true,
            ..Default::default()
        },
        "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'amq.topic' in vhost '/': \
         received 'fanout' but current is 'topic'",
    );
    let unknown = "PRECONDITION_FAILED - unknown delivery tag 5";
    refused(
        &mut peer,
        BasicAck {
            delivery_tag: 5,
            multiple: false,
        },
        unknown,
    );
    refused(
        &mut peer,
        BasicAck {
            delivery_tag: 5,
            multiple: true,
        },
        unknown,
    );
    refused(
        &mut peer,
        BasicReject {
            delivery_tag: 5,
            requeue: true,
        },
        unknown,
    );
    let nack = BasicNack {
        delivery_tag: 5,
        multiple: true,
        requeue: false,
    };
    refused(&mut peer, nack, unknown);
    peer.publish("q", b"x", false);
    peer.send(
        1,
        QueueDelete {
            queue: "q",
            if_empty: true,
            ..Default::default()
        },
    );
    peer.turn();
    peer.take(1, |method| match method {
        Method::ChannelClose(close) => {
            assert_eq!(
                (close.reply_code, close.class_id, close.method_id),
                (406, 50, 40)
            );
        }
        other => panic!("{other:?}"),
    });
}

#[test]
fn rights_are_checked() {
    let mut world = World::new();
    world.permit("^mine", "^mine", "^mine");
    let mut peer = world.open();
    for (method, text) in [
        (
            Method::from(QueueDeclare {
                queue: "x",
                ..Default::default()
            }),
            "ACCESS_REFUSED - configure access to queue 'x' in vhost '/' refused for user 'guest'",
        ),
        (
            Method::from(BasicGet {
                queue: "x",
                ..Default::default()
            }),
            "ACCESS_REFUSED - read access to queue 'x' in vhost '/' refused for user 'guest'",
        ),
        (
            Method::from(ExchangeDeclare {
                exchange: "x",
                kind: "direct",
                ..Default::default()
            }),
            "ACCESS_REFUSED - configure access to exchange 'x' in vhost '/' refused for user \
             'guest'",
        ),
    ] {
        refused(&mut peer, method, text);
    }
    peer.queue("mine");
    peer.publish("mine", b"", false);
    peer.turn();
    peer.take(1, |method| match method {
        Method::ChannelClose(close) => {
            assert_eq!(
                (close.reply_code, close.class_id, close.method_id),
                (403, 60, 40)
            );
            assert_eq!(
                close.reply_text,
                "ACCESS_REFUSED - write access to exchange 'amq.default' in vhost '/' refused for \
                 user 'guest'"
            );
        }
        other => panic!("{other:?}"),
    });
}

/// Everything that can be done to a queue by its name.
fn uses_of(queue: &str) -> [Method<'_>; 8] {
    [
        QueueDeclare {
            queue,
            ..Default::default()
        }
        .into(),
        QueueDeclare {
            queue,
            passive: true,
            ..Default::default()
        }
        .into(),
        QueueDelete {
            queue,
            ..Default::default()
        }
        .into(),
        BasicConsume {
            queue,
            ..Default::default()
        }
        .into(),
        BasicGet {
            queue,
            ..Default::default()
        }
        .into(),
        QueuePurge {
            queue,
            ..Default::default()
        }
        .into(),
        QueueBind {
            queue,
            exchange: "amq.direct",
            ..Default::default()
        }
        .into(),
        QueueUnbind {
            queue,
            exchange: "amq.direct",
            ..Default::default()
        }
        .into(),
    ]
}

#[test]
fn exclusive_things_belong_to_one() {
    let world = World::new();
    let (mut owner, mut other) = (world.open(), world.open());
    owner.call(
        1,
        QueueDeclare {
            queue: "own",
            exclusive: true,
            ..Default::default()
        },
        QueueDeclareOk {
            queue: "own",
            message_count: 0,
            consumer_count: 0,
        },
    );
    for method in uses_of("own") {
        refused(
            &mut other,
            method,
            "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'own' in vhost '/'. It \
             could be originally declared on another connection or the exclusive property value does \
             not match that of the original declaration.",
        );
    }
    drop(owner);
    let mut third = world.open();
    refused(
        &mut third,
        BasicGet {
            queue: "own",
            ..Default::default()
        },
        "NOT_FOUND - no queue 'own' in vhost '/'",
    );
    third.queue("q");
    let exclusive = QueueDeclare {
        queue: "q",
        exclusive: true,
        ..Default::default()
    };
    refused(
        &mut third,
        exclusive,
        "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It \
         could be originally declared on another connection or the exclusive property value does \
         not match that of the original declaration.",
    );
    let consume = BasicConsume {
        queue: "q",
        consumer_tag: "t",
        exclusive: true,
        ..Default::default()
    };
    third.call(1, consume, BasicConsumeOk { consumer_tag: "t" });
    let mut fourth = world.open();
    refused(
        &mut fourth,
        BasicConsume {
            queue: "q",
            ..Default::default()
        },
        "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use",
    );
}

#[test]
fn names_and_exchanges_of_the_broker_are_refused_in_the_words_clients_know() {
    let world = World::new();
    let mut peer = world.open();
    let reserved =
        |what| format!("ACCESS_REFUSED - {what} name 'amq.mine' contains reserved prefix 'amq.*'");
    let declare = |exchange, passive| ExchangeDeclare {
        exchange,
        kind: "direct",
        passive,
        ..Default::default()
    };
    let delete = |exchange| ExchangeDelete {
        exchange,
        ..Default::default()
    };
    let queue = QueueDeclare {
        queue: "amq.mine",
        ..Default::default()
    };
    refused(&mut peer, queue, &reserved("queue"));
    refused(&mut peer, declare("amq.mine", false), &reserved("exchange"));
    let preset =
        "ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed";
    refused(&mut peer, delete("amq.direct"), preset);
    let default = "ACCESS_REFUSED - operation not permitted on the default exchange";
    refused(&mut peer, delete(""), default);
    refused(&mut peer, declare("", false), default);
    refused(&mut peer, declare("", true), default);
}

#[test]
fn what_is_not_offered_is_said_to_be() {
    let world = World::new();
    let not = |what: &str| format!("NOT_IMPLEMENTED - {what}");
    fatal(
        &world,
        BasicQos {
            prefetch_size: 9,
            ..Default::default()
        },
        &not("prefetch_size!=0 (9)"),
    );
    fatal(
        &world,
        BasicRecover { requeue: false },
        &not("requeue=false"),
    );
    fatal(
        &world,
        BasicRecoverAsync { requeue: false },
        &not("requeue=false"),
    );
    fatal(&world, ChannelFlow { active: false }, &not("active=false"));
    fatal(
        &world,
        BasicPublish {
            immediate: true,
            ..Default::default()
        },
        &not("immediate=true"),
    );
}

#[test]
fn methods_at_a_wrong_time_or_place_end_the_connection() {
    let world = World::new();
    fatal(
        &world,
        BasicDeliver::default(),
        "COMMAND_INVALID - unexpected method basic.deliver",
    );
    fatal(
        &world,
        ConnectionOpen::default(),
        "COMMAND_INVALID - unexpected method connection.open",
    );
    fatal(
        &world,
        ChannelOpen::default(),
        "CHANNEL_ERROR - second 'channel.open' seen",
    );
    let mut peer = world.open();
    peer.send(0, BasicAck::default());
    peer.turn();
    peer.expect_connection_close("COMMAND_INVALID - unexpected method basic.ack");
    let mut peer = world.open();
    peer.send(9, QueueDeclare::default());
    peer.turn();
    peer.expect_connection_close("CHANNEL_ERROR - expected 'channel.open'");
    let mut peer = world.open();
    peer.send(2048, ChannelOpen::default());
    peer.turn();
    peer.expect_connection_close(
        "NOT_ALLOWED - channel number 2048 is higher than the negotiated channel_max (2047)",
    );
    let mut peer = world.open();
    peer.queue("q");
    let consume = BasicConsume {
        queue: "q",
        consumer_tag: "t",
        ..Default::default()
    };
    peer.call(1, consume, BasicConsumeOk { consumer_tag: "t" });
    peer.send(1, consume);
    peer.turn();
    peer.expect_connection_close("NOT_ALLOWED - attempt to reuse consumer tag 't'");
}

#[test]
fn content_out_of_place_ends_the_connection() {
    let world = World::new();
    let content = |channel| {
        let mut bytes = BytesMut::new();
        encode_content(channel, b"\0\0", b"x", 8192, &mut bytes);
        bytes
    };
    let not_open = "CHANNEL_ERROR - expected 'channel.open'";
    fatal_bytes(&world, &content(5), not_open);
    fatal_bytes(
        &world,
        &content(0),
        "UNEXPECTED_FRAME - channel 0 carries no content",
    );
    let text = "UNEXPECTED_FRAME - expected method frame, got non method frame instead";
    fatal_bytes(&world, &content(1), text);
    let mut bytes = BytesMut::new();
    BasicPublish::default().encode(1, &mut bytes);
    BasicAck::default().encode(1, &mut bytes);
    fatal_bytes(
        &world,
        &bytes,
        "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame \
         instead",
    );
    let mut bytes = BytesMut::new();
    BasicPublish::default().encode(1, &mut bytes);
    ContentHeader {
        class: 50,
        body_size: 1,
        properties: b"\0\0",
    }
    .encode(1, &mut bytes);
    fatal_bytes(
        &world,
        &bytes,
        "UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 instead",
    );
    let mut bytes = BytesMut::new();
    BasicPublish::default().encode(1, &mut bytes);
    ContentHeader {
        class: 60,
        body_size: 3,
        properties: b"\0\0",
    }
    .encode(1, &mut bytes);
    encode_body(1, b"toolong", 8192, &mut bytes);
    fatal_bytes(
        &world,
        &bytes,
        "FRAME_ERROR - body frames exceed the announced size of 3 bytes",
    );
    fatal_bytes(
        &world,
        b"\x08\0\x01\0\0\0\0\xce",
        "UNEXPECTED_FRAME - a heartbeat belongs on channel 0",
    );
}

#[test]
fn damaged_bytes_end_the_connection() {
    let world = World::new();
    fatal_bytes(
        &world,
        b"\x08\0\0\0\0\0\0\x00",
        "FRAME_ERROR - frame ends in octet 0x00 instead of 0xce",
    );
    fatal_bytes(
        &world,
        b"GET / HTTP/1.1",
        "FRAME_ERROR - unknown frame type 71",
    );
    fatal_bytes(
        &world,
        b"\x03\0\x01\xff\xff\xff\xff",
        "FRAME_ERROR - frame of 4294967303 bytes is larger than the agreed maximum of 8192 bytes",
    );
    fatal_bytes(
        &world,
        b"\x01\0\x01\0\0\0\x04\0\x14\0\x63\xce",
        "COMMAND_INVALID - unknown method 99 of class 20",
    );
    fatal_bytes(
        &world,
        b"\x01\0\x01\0\0\0\x05\0\x3c\0\x50\0\xce",
        "SYNTAX_ERROR - a field reaches beyond the end of its frame",
    );
}

#[test]
fn frames_before_a_damaged_one_are_handled() {
    let world = World::new();
    let mut peer = world.open();
    peer.queue("q");
    peer.publish("q", b"x", false);
    peer.input.extend_from_slice(b"\xff");
    peer.turn();
    peer.expect_connection_close("FRAME_ERROR - unknown frame type 255");
    assert_eq!(world.open().ready("q"), 1);
}

#[test]
fn a_closed_channel_ignores_everything_until_close_ok() {
    let world = World::new();
    let mut peer = world.open();
    peer.queue("q");
    peer.send(
        1,
        BasicGet {
            queue: "x",
            ..Default::default()
        },
    );
    peer.publish("q", b"ignored", false);
    peer.send(
        1,
        QueueDelete {
            queue: "q",
            ..Default::default()
        },
    );
    peer.send(1, BasicDeliver::default());
    peer.turn();
    peer.expect_channel_close(1, "NOT_FOUND - no queue 'x' in vhost '/'");
    assert_eq!(peer.ready("q"), 0);
    // Both sides close at once.
    peer.send(
        1,
        BasicGet {
            queue: "x",
            ..Default::default()
        },
    );
    peer.send(1, ChannelClose::default());
    peer.turn();
    peer.take(1, |method| assert_eq!(method.name(), "channel.close"));
    peer.expect(1, ChannelCloseOk {});
    peer.send(1, ChannelCloseOk {});
    peer.turn();
    peer.open_channel(1);
}

#[test]
fn a_failed_channel_gives_its_deliveries_back() {
    let world = World::new();
    let mut peer = world.open();
    peer.queue("q");
    peer.publish("q", b"x", false);
    peer.send(
        1,
        BasicConsume {
            queue: "q",
            consumer_tag: "t",
            ..Default::default()
        },
    );
    peer.turn();
    peer.expect(1, BasicConsumeOk { consumer_tag: "t" });
    peer.expect_delivery(1, false, b"x");
    peer.send(
        1,
        BasicGet {
            queue: "x",
            ..Default::default()
        },
    );
    peer.turn();
    peer.expect_channel_close(1, "NOT_FOUND - no queue 'x' in vhost '/'");
    assert_eq!(peer.ready("q"), 1);
}

#[test]
fn an_operator_can_close_a_connection() {
    let world = World::new();
    let mut peer = world.open();
    let admin = world.broker.admin();
    let id = admin.connections()[0].id;
    assert!(admin.close_connection(id, "enough"));
    peer.wake();
    peer.expect_connection_close("CONNECTION_FORCED - enough");
}
