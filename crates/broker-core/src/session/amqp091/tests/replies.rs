//! Answers without a queue of one's own: direct reply-to.

use bytes::{Bytes, BytesMut};
use wire::amqp091::*;

use super::kit::{Peer, World};
use crate::limits::Limits;

const REPLY_TO: &str = "amq.rabbitmq.reply-to";

fn request(reply_to: &str) -> Bytes {
    let mut out = BytesMut::new();
    let properties = Properties {
        reply_to: Some(reply_to.as_bytes()),
        correlation_id: Some(b"7"),
        ..Properties::default()
    };
    properties.encode(&mut out);
    out.freeze()
}

fn consume(peer: &mut Peer) {
    let method = BasicConsume {
        queue: REPLY_TO,
        consumer_tag: "t",
        no_ack: true,
        ..Default::default()
    };
    peer.call(1, method, BasicConsumeOk { consumer_tag: "t" });
}

fn cancel(peer: &mut Peer) {
    let cancel = BasicCancel {
        consumer_tag: "t",
        no_wait: false,
    };
    peer.call(1, cancel, BasicCancelOk { consumer_tag: "t" });
}

/// Sends a request and says where its answer is to go.
fn ask(peer: &mut Peer, server: &mut Peer) -> String {
    let publish = BasicPublish {
        routing_key: "rpc",
        ..Default::default()
    };
    peer.publish_to(publish, &request(REPLY_TO), b"question");
    peer.turn();
    peer.expect_nothing();
    let get = BasicGet {
        queue: "rpc",
        no_ack: true,
        ..Default::default()
    };
    server.send(1, get);
    server.turn();
    server.take(1, |method| assert_eq!(method.name(), "basic.get-ok"));
    let (raw, body) = server.take_content();
    assert_eq!(body, b"question");
    let properties = Properties::parse(&raw).unwrap();
    assert_eq!(properties.correlation_id, Some(&b"7"[..]));
    String::from_utf8(properties.reply_to.unwrap().to_vec()).unwrap()
}

fn answer(server: &mut Peer, address: &str, mandatory: bool) {
    let publish = BasicPublish {
        routing_key: address,
        mandatory,
        ..Default::default()
    };
    server.publish_to(publish, b"\0\0", b"answer");
    server.turn();
}

/// Asks with a passive declaration whether the address reaches somebody.
fn is_there(peer: &mut Peer, address: &str) -> bool {
    let declare = QueueDeclare {
        queue: address,
        passive: true,
        ..Default::default()
    };
    peer.send(1, declare);
    peer.turn();
    let there = peer.take(1, |method| match method {
        Method::QueueDeclareOk(ok) => {
            assert_eq!(
                (ok.queue, ok.message_count, ok.consumer_count),
                (address, 0, 1)
            );
            true
        }
        Method::ChannelClose(close) => {
            let text = format!("NOT_FOUND - no queue '{address}' in vhost '/'");
            assert_eq!((close.reply_code, close.reply_text), (404, &*text));
            false
        }
        other => panic!("{other:?}"),
    });
    if !there {
        peer.send(1, ChannelCloseOk {});
        peer.turn();
        peer.open_channel(1);
    }
    there
}

#[test]
fn an_answer_reaches_the_channel_that_asked() {
    let mut world = World::new();
    world.permit("rpc", "rpc|amq.default", "rpc");
    let (mut peer, mut server) = (world.open(), world.open());
    server.queue("rpc");
    consume(&mut peer);
    let address = ask(&mut peer, &mut server);
    assert!(address.starts_with("amq.rabbitmq.reply-to.") && address.len() > 40);
    assert_eq!(ask(&mut peer, &mut server), address);
    for tag in 1..3 {
        answer(&mut server, &address, true);
        server.expect_nothing();
        peer.wake();
        peer.take(1, |method| match method {
            Method::BasicDeliver(deliver) => assert_eq!(
                (
                    deliver.consumer_tag,
                    deliver.delivery_tag,
                    deliver.routing_key
                ),
                ("t", tag, &*address)
            ),
            other => panic!("{other:?}"),
        });
        peer.expect_content(b"\0\0", b"answer");
    }
}

#[test]
fn an_answer_to_who_is_gone_is_dropped_or_comes_back() {
    let world = World::new();
    let (mut peer, mut server) = (world.open(), world.open());
    server.queue("rpc");
    for leave in [
        cancel,
        |peer: &mut Peer| {
            peer.call(1, ChannelClose::default(), ChannelCloseOk {});
            peer.open_channel(1);
        },
        |peer: &mut Peer| {
            peer.send(0, ConnectionClose::default());
            peer.turn();
            assert!(peer.closed);
        },
    ] {
        consume(&mut peer);
        let address = ask(&mut peer, &mut server);
        assert!(is_there(&mut server, &address));
        leave(&mut peer);
        assert!(!is_there(&mut server, &address));
        answer(&mut server, &address, false);
        server.expect_nothing();
        answer(&mut server, &address, true);
        server.take(1, |method| match method {
            Method::BasicReturn(back) => assert_eq!(back.routing_key, address),
            other => panic!("{other:?}"),
        });
        server.expect_content(b"\0\0", b"answer");
    }
}

#[test]
fn a_consumer_of_answers_is_one_of_a_kind() {
    let world = World::new();
    let mut peer = world.open();
    let refused = |peer: &mut Peer, consumer_tag, no_ack, text| {
        let method = BasicConsume {
            queue: REPLY_TO,
            consumer_tag,
            no_ack,
            ..Default::default()
        };
        peer.send(1, method);
        peer.turn();
        peer.expect_channel_close(1, text);
    };
    refused(
        &mut peer,
        "t",
        false,
        "PRECONDITION_FAILED - reply consumer cannot acknowledge",
    );
    consume(&mut peer);
    refused(
        &mut peer,
        "u",
        true,
        "PRECONDITION_FAILED - reply consumer already set",
    );
    consume(&mut peer);
    let method = BasicConsume {
        queue: REPLY_TO,
        consumer_tag: "t",
        no_ack: true,
        ..Default::default()
    };
    peer.send(1, method);
    peer.turn();
    peer.expect_connection_close("NOT_ALLOWED - attempt to reuse consumer tag 't'");
}

#[test]
fn who_asks_must_wait_for_answers() {
    let world = World::new();
    let (mut peer, mut server) = (world.open(), world.open());
    server.queue("rpc");
    let refused = |peer: &mut Peer| {
        let publish = BasicPublish {
            routing_key: "rpc",
            ..Default::default()
        };
        peer.publish_to(publish, &request(REPLY_TO), b"question");
        peer.turn();
        peer.expect_channel_close(
            1,
            "PRECONDITION_FAILED - fast reply consumer does not exist",
        );
    };
    refused(&mut peer);
    consume(&mut peer);
    ask(&mut peer, &mut server);
    cancel(&mut peer);
    refused(&mut peer);
    // Any other name is the client's own business.
    let publish = BasicPublish {
        routing_key: "rpc",
        ..Default::default()
    };
    peer.publish_to(publish, &request("mine"), b"question");
    peer.turn();
    peer.expect_nothing();
    assert_eq!(server.ready("rpc"), 1);
}

#[test]
fn nothing_but_an_answer_finds_the_way_to_a_consumer_of_answers() {
    let world = World::new();
    let (mut peer, mut server) = (world.open(), world.open());
    server.queue("rpc");
    consume(&mut peer);
    let address = ask(&mut peer, &mut server);
    let stats = world.broker.admin().stats();
    assert_eq!(stats.queues, 1, "nobody lists it");
    let not_found = format!("NOT_FOUND - no queue '{address}' in vhost '/'");
    let bind = QueueBind {
        queue: &address,
        exchange: "amq.fanout",
        ..Default::default()
    };
    let consume = BasicConsume {
        queue: &address,
        ..Default::default()
    };
    let get = BasicGet {
        queue: &address,
        ..Default::default()
    };
    let methods: [Method<'_>; 3] = [bind.into(), consume.into(), get.into()];
    for method in methods {
        for client in [&mut peer, &mut server] {
            client.send(2, ChannelOpen::default());
            client.send(2, method);
            client.turn();
            client.expect(2, ChannelOpenOk::default());
            client.expect_channel_close(2, &not_found);
            client.call(2, ChannelClose::default(), ChannelCloseOk {});
        }
    }
    assert!(is_there(&mut server, &address));
    assert!(is_there(&mut server, REPLY_TO));
    assert!(!is_there(&mut server, "amq.rabbitmq.reply-to.other"));
    assert!(!is_there(&mut server, "amq.rabbitmq.reply-tomorrow"));
}

#[test]
fn consumers_of_answers_have_a_limit() {
    let world = World::with(Limits {
        queues_per_vhost: 2,
        ..Limits::default()
    });
    let mut peers = [world.open(), world.open(), world.open()];
    let [first, second, third] = &mut peers;
    consume(first);
    consume(second);
    let method = BasicConsume {
        queue: REPLY_TO,
        no_ack: true,
        ..Default::default()
    };
    third.send(1, method);
    third.turn();
    third.expect_channel_close(
        1,
        "PRECONDITION_FAILED - the limit of 2 consumers of answers is reached",
    );
    cancel(first);
    consume(third);
}
