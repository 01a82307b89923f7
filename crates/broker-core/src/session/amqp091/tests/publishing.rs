//! Publishing: assembly, confirms, returns.

use wire::amqp091::*;

use super::kit::{Peer, World};

fn confirming(world: &World) -> Peer {
    let mut peer = world.open();
    peer.call(1, ConfirmSelect::default(), ConfirmSelectOk {});
    peer
}

fn ack(delivery_tag: u64, multiple: bool) -> BasicAck {
    BasicAck {
        delivery_tag,
        multiple,
    }
}

#[test]
fn properties_and_bodies_of_all_sizes_come_back_as_they_went() {
    let world = World::new();
    let mut peer = world.open();
    peer.queue("q");
    let headers = TableBuilder::new().entry("n", Value::I8(1)).text("s", "ü");
    let properties = Properties {
        content_type: Some(b"x/y"),
        headers: Some(headers.as_table()),
        priority: Some(200),
        user_id: Some(b"guest"),
        cluster_id: Some(b"kept"),
        ..Default::default()
    };
    let mut raw = bytes::BytesMut::new();
    properties.encode(&mut raw);
    for size in [0, 1, 8183, 8184, 8185, 20_000, 100_000] {
        let body: Vec<u8> = (0..size).map(|n| n as u8).collect();
        let publish = BasicPublish {
            routing_key: "q",
            ..Default::default()
        };
        // Twice, since the second time the properties are remembered.
        for _ in 0..2 {
            peer.publish_to(publish, &raw, &body);
            peer.send(
                1,
                BasicGet {
                    queue: "q",
                    no_ack: true,
                    ..Default::default()
                },
            );
            peer.turn();
            peer.take(1, |method| assert_eq!(method.name(), "basic.get-ok"));
            peer.expect_content(&raw, &body);
        }
    }
}

/// Clients of RabbitMQ put raw bytes, such as those of a UUID, where the specification has text.
#[test]
fn properties_need_not_be_text() {
    let world = World::new();
    let mut peer = world.open();
    peer.queue("q");
    peer.send(
        1,
        BasicConsume {
            queue: "q",
            consumer_tag: "t",
            no_ack: true,
            ..Default::default()
        },
    );
    peer.turn();
    peer.expect(1, BasicConsumeOk { consumer_tag: "t" });
    for raw in [
        // A correlation id, a message id, a header's name.
        &b"\x04\0\x04\xff\xfe\0\x80"[..],
        b"\0\x80\x01\xc3",
        b"\x20\0\0\0\0\x03\x01\xffV",
    ] {
        let publish = BasicPublish {
            routing_key: "q",
            ..Default::default()
        };
        peer.publish_to(publish, raw, b"x");
        peer.turn();
        peer.take(1, |method| assert_eq!(method.name(), "basic.deliver"));
        peer.expect_content(raw, b"x");
    }
}

#[test]
fn a_message_cut_anywhere_is_put_together() {
    let world = World::new();
    let mut script = world.open();
    script.publish("q", &[9; 9000], false);
    script.publish("q", b"", false);
    let mut peer = world.open();
    peer.queue("q");
    for byte in &script.input {
        peer.input.extend_from_slice(&[*byte]);
        peer.turn();
    }
    assert_eq!(peer.ready("q"), 2);
}

#[test]
fn confirms_wait_for_the_journal_and_come_together() {
    let mut world = World::new();
    let mut peer = confirming(&world);
    peer.durable_queue(&mut world, "d");
    for _ in 0..5 {
        peer.publish("d", b"x", true);
    }
    peer.turn();
    peer.expect_nothing();
    world.commit();
    peer.wake();
    peer.expect(1, ack(5, true));
    // Nothing to wait for: at the end of the turn.
    peer.publish("d", b"x", false);
    peer.turn();
    peer.expect(1, ack(6, false));
    peer.expect_nothing();
}

#[test]
fn a_confirm_never_overtakes_an_older_one() {
    let mut world = World::new();
    let mut peer = confirming(&world);
    peer.durable_queue(&mut world, "d");
    peer.publish("d", b"persistent", true);
    peer.publish("d", b"transient", false);
    peer.turn();
    peer.expect_nothing();
    world.commit();
    peer.wake();
    peer.expect(1, ack(2, true));
    peer.expect_nothing();
}

#[test]
fn an_unroutable_mandatory_message_comes_back_before_its_confirm() {
    let world = World::new();
    let mut peer = confirming(&world);
    let nowhere = BasicPublish {
        routing_key: "nowhere",
        mandatory: true,
        ..Default::default()
    };
    peer.publish_to(nowhere, b"\x10\0\x02", b"back");
    peer.publish("nowhere", b"gone", false);
    peer.turn();
    peer.expect(
        1,
        BasicReturn {
            reply_code: 312,
            reply_text: "NO_ROUTE",
            exchange: "",
            routing_key: "nowhere",
        },
    );
    peer.expect_content(b"\x10\0\x02", b"back");
    peer.expect(1, ack(2, true));
    peer.expect_nothing();
}

#[test]
fn messages_too_large_are_refused_by_their_header() {
    let world = World::new();
    let mut peer = world.open();
    peer.queue("q");
    for body_size in [100_001, u64::MAX] {
        let mut bytes = bytes::BytesMut::new();
        BasicPublish {
            routing_key: "q",
            ..Default::default()
        }
        .encode(1, &mut bytes);
        ContentHeader {
            class: 60,
            body_size,
            properties: b"\0\0",
        }
        .encode(1, &mut bytes);
        encode_body(1, &[0; 100], 8192, &mut bytes);
        peer.input = bytes;
        peer.turn();
        peer.expect_channel_close(
            1,
            &format!(
                "PRECONDITION_FAILED - message size {body_size} is larger than max size 100000"
            ),
        );
    }
    assert_eq!(peer.ready("q"), 0);
}

#[test]
fn unfinished_messages_are_bounded_in_sum() {
    let world = World::new();
    let mut peer = world.open();
    for channel in 1..=6 {
        if channel > 1 {
            peer.send(channel, ChannelOpen::default());
        }
        BasicPublish::default().encode(channel, &mut peer.input);
        ContentHeader {
            class: 60,
            body_size: 100_000,
            properties: b"\0\0",
        }
        .encode(channel, &mut peer.input);
        encode_body(channel, &[0; 90_000], 8192, &mut peer.input);
    }
    peer.turn();
    for channel in 2..=5 {
        peer.expect(channel, ChannelOpenOk::default());
    }
    peer.expect_connection_close(
        "RESOURCE_ERROR - unfinished messages of this connection exceed 400000 bytes",
    );
}

#[test]
fn a_publisher_may_not_borrow_a_name() {
    let world = World::new();
    let mut peer = world.open();
    let publish = BasicPublish {
        routing_key: "q",
        ..Default::default()
    };
    peer.publish_to(publish, b"\0\x10\x05other", b"");
    peer.turn();
    peer.expect_channel_close(
        1,
        "PRECONDITION_FAILED - user_id property set to 'other' but authenticated user was 'guest'",
    );
}

#[test]
fn a_turn_of_many_publishes_is_confirmed_in_order() {
    let mut world = World::new();
    let mut peer = confirming(&world);
    peer.durable_queue(&mut world, "d");
    for number in 0..1000_u32 {
        peer.publish("d", &number.to_be_bytes(), number % 3 > 0);
    }
    peer.turn();
    let first = peer.take(1, |method| match method {
        Method::BasicAck(ack) => ack.delivery_tag,
        other => panic!("{other:?}"),
    });
    assert_eq!(first, 1, "the first is transient, the second is not");
    peer.expect_nothing();
    world.commit();
    peer.wake();
    peer.expect(1, ack(1000, true));
    for number in 0..1000_u32 {
        peer.send(
            1,
            BasicGet {
                queue: "d",
                no_ack: true,
                ..Default::default()
            },
        );
        peer.turn();
        peer.take(1, |method| assert_eq!(method.name(), "basic.get-ok"));
        let raw: &[u8] = if number % 3 > 0 {
            b"\x10\0\x02"
        } else {
            b"\0\0"
        };
        peer.expect_content(raw, &number.to_be_bytes());
    }
}

#[test]
fn whoever_asks_in_the_same_turn_finds_what_was_published_before() {
    let world = World::new();
    let mut peer = world.open();
    peer.queue("q");
    peer.publish("q", b"x", false);
    let passive = QueueDeclare {
        queue: "q",
        passive: true,
        ..Default::default()
    };
    peer.send(1, passive);
    peer.publish("q", b"y", false);
    peer.send(0, ConnectionClose::default());
    peer.turn();
    let found = QueueDeclareOk {
        queue: "q",
        message_count: 1,
        consumer_count: 0,
    };
    peer.expect(1, found);
    peer.expect(0, ConnectionCloseOk {});
    assert!(peer.closed);
    assert_eq!(world.open().ready("q"), 2);
}

#[test]
fn a_refused_publish_ends_its_channel_and_no_other() {
    let world = World::new();
    let mut peer = confirming(&world);
    peer.queue("q");
    peer.open_channel(2);
    peer.call(2, ConfirmSelect::default(), ConfirmSelectOk {});
    let mut on = |channel, exchange| {
        let publish = BasicPublish {
            exchange,
            routing_key: "q",
            ..Default::default()
        };
        publish.encode(channel, &mut peer.input);
        encode_content(channel, b"\0\0", b"x", 8192, &mut peer.input);
    };
    on(1, "");
    on(2, "");
    on(1, "missing");
    on(2, "");
    on(1, "");
    // Its channel is closed by then: nobody hears of this.
    peer.send(1, ack(77, false));
    peer.turn();
    peer.take(1, |method| match method {
        Method::ChannelClose(close) => assert_eq!(
            close.reply_text,
            "NOT_FOUND - no exchange 'missing' in vhost '/'"
        ),
        other => panic!("{other:?}"),
    });
    peer.expect(2, ack(2, true));
    peer.expect_nothing();
    assert_eq!(world.open().ready("q"), 3, "two are the other channel's");
}

#[test]
fn a_fault_behind_a_publish_does_not_take_it_back() {
    let world = World::new();
    let mut peer = world.open();
    peer.queue("q");
    peer.publish("q", b"x", false);
    peer.send(1, ack(77, false));
    peer.publish("q", b"ignored", false);
    peer.turn();
    peer.expect_channel_close(1, "PRECONDITION_FAILED - unknown delivery tag 77");
    assert_eq!(peer.ready("q"), 1);
    peer.publish("q", b"y", false);
    // No frame has a type like this.
    peer.input.extend_from_slice(&[99]);
    peer.turn();
    assert_eq!(world.open().ready("q"), 2);
}

#[test]
fn large_bodies_pass_uncopied_and_whole() {
    let world = World::new();
    let mut peer = world.open_with(131_072);
    peer.queue("q");
    let consume = BasicConsume {
        queue: "q",
        consumer_tag: "t",
        no_ack: true,
        ..Default::default()
    };
    peer.call(1, consume, BasicConsumeOk { consumer_tag: "t" });
    for (tag, len) in [8 * 1024, 16 * 1024, 70_000, 99_999]
        .into_iter()
        .enumerate()
    {
        let body: Vec<u8> = (0..len).map(|byte: usize| (byte % 251) as u8).collect();
        let publish = BasicPublish {
            routing_key: "q",
            ..Default::default()
        };
        let mut bytes = bytes::BytesMut::new();
        publish.encode(1, &mut bytes);
        encode_content(1, b"\0\0", &body, 131_072, &mut bytes);
        // As sockets bring it: a part of a frame, and the rest with the begin of the next.
        let rest = bytes.split_off(len / 2);
        peer.input.unsplit(bytes);
        peer.turn();
        assert_eq!(
            peer.session.missing_bytes(&peer.input),
            len + 8 - peer.input.len()
        );
        peer.input.extend_from_slice(&rest);
        peer.turn();
        peer.expect_delivery(tag as u64 + 1, false, &body);
    }
    peer.expect_nothing();
}

#[test]
fn a_mandatory_message_that_an_alternate_exchange_takes_does_not_come_back() {
    let world = World::new();
    let mut peer = confirming(&world);
    peer.queue("spare");
    let spare = TableBuilder::new().text("alternate-exchange", "");
    let declare = ExchangeDeclare {
        exchange: "e",
        kind: "headers",
        arguments: spare.as_table(),
        ..Default::default()
    };
    peer.call(1, declare, ExchangeDeclareOk {});
    let publish = |routing_key| BasicPublish {
        exchange: "e",
        routing_key,
        mandatory: true,
        ..Default::default()
    };
    peer.publish_to(publish("spare"), b"\0\0", b"x");
    peer.turn();
    peer.expect(1, ack(1, false));
    peer.publish_to(publish("other"), b"\0\0", b"x");
    peer.turn();
    peer.take(1, |method| match method {
        Method::BasicReturn(back) => assert_eq!((back.exchange, back.reply_code), ("e", 312)),
        other => panic!("{other:?}"),
    });
    peer.expect_content(b"\0\0", b"x");
    peer.expect(1, ack(2, false));
    assert_eq!(peer.ready("spare"), 1);
}
