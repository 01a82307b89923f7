//! Keys and names a sender chooses: `CC`, `BCC`, `user_id`.

use std::collections::BTreeSet;

use bytes::{Bytes, BytesMut};
use wire::amqp091::*;

use super::kit::{Peer, World};
use crate::definitions::{Expect, UserUpdate};

/// Encoded properties with these lists of keys in the headers.
fn properties(lists: &[(&str, &[&str])]) -> Bytes {
    let headers = lists
        .iter()
        .fold(TableBuilder::new(), |headers, (name, keys)| {
            let keys = keys.iter().fold(TableBuilder::new(), |list, key| {
                list.item(Value::Text(key.as_bytes()))
            });
            headers.entry(name, Value::List(keys.as_list()))
        });
    encoded(&Properties {
        headers: Some(headers.as_table()),
        ..Properties::default()
    })
}

fn encoded(properties: &Properties<'_>) -> Bytes {
    let mut out = BytesMut::new();
    properties.encode(&mut out);
    out.freeze()
}

/// Publishes, and says how many of each queue's messages there are then.
fn reached(peer: &mut Peer, exchange: &str, key: &str, raw: &[u8], queues: &[&str]) -> Vec<u32> {
    let publish = BasicPublish {
        exchange,
        routing_key: key,
        ..Default::default()
    };
    peer.publish_to(publish, raw, b"x");
    peer.turn();
    let counts = queues.iter().map(|queue| {
        let count = peer.ready(queue);
        let purge = QueuePurge {
            queue,
            ..Default::default()
        };
        let message_count = count;
        peer.call(1, purge, QueuePurgeOk { message_count });
        count
    });
    counts.collect()
}

#[test]
fn copies_go_by_every_kind_of_exchange_and_each_queue_gets_one() {
    let world = World::new();
    let mut peer = world.open();
    let queues = ["a", "b", "c"];
    for queue in queues {
        peer.queue(queue);
        for exchange in ["amq.direct", "amq.topic"] {
            let bind = QueueBind {
                queue,
                exchange,
                routing_key: queue,
                ..Default::default()
            };
            peer.call(1, bind, QueueBindOk {});
        }
    }
    let plain = encoded(&Properties::default());
    let copied = properties(&[("CC", &["b", "a"]), ("BCC", &["c", "nowhere"])]);
    for exchange in ["", "amq.direct", "amq.topic"] {
        assert_eq!(
            reached(&mut peer, exchange, "a", &plain, &queues),
            [1, 0, 0]
        );
        assert_eq!(
            reached(&mut peer, exchange, "a", &copied, &queues),
            [1, 1, 1]
        );
        assert_eq!(
            reached(&mut peer, exchange, "none", &copied, &queues),
            [1, 1, 1]
        );
        assert_eq!(
            reached(&mut peer, exchange, "a", &plain, &queues),
            [1, 0, 0]
        );
    }
}

#[test]
fn who_gets_a_copy_sees_the_open_ones_alone() {
    let world = World::new();
    let mut peer = world.open();
    peer.queue("b");
    let publish = BasicPublish {
        routing_key: "a",
        ..Default::default()
    };
    let sent = properties(&[("BCC", &["b"]), ("CC", &["c"])]);
    peer.publish_to(publish, &sent, b"x");
    peer.publish_to(publish, &sent, b"x");
    peer.turn();
    for message_count in [1, 0] {
        let get = BasicGet {
            queue: "b",
            no_ack: true,
            ..Default::default()
        };
        peer.send(1, get);
        peer.turn();
        peer.take(1, |method| match method {
            Method::BasicGetOk(ok) => {
                assert_eq!((ok.routing_key, ok.message_count), ("a", message_count))
            }
            other => panic!("{other:?}"),
        });
        peer.expect_content(&properties(&[("CC", &["c"])]), b"x");
    }
}

#[test]
fn copies_that_are_no_list_close_the_channel() {
    let world = World::new();
    let mut peer = world.open();
    let headers = TableBuilder::new().text("CC", "a");
    let raw = encoded(&Properties {
        headers: Some(headers.as_table()),
        ..Properties::default()
    });
    peer.publish_to(BasicPublish::default(), &raw, b"x");
    peer.turn();
    peer.expect_channel_close(
        1,
        "PRECONDITION_FAILED - invalid message: header 'CC' must be a list of texts",
    );
}

#[test]
fn more_copies_than_a_message_may_have_close_the_channel() {
    let world = World::new();
    let mut peer = world.open();
    let keys: Vec<_> = (0..300).map(|number| number.to_string()).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    // The same key again is no further copy.
    let raw = properties(&[("CC", &keys[..256]), ("BCC", &keys[..256])]);
    peer.publish_to(BasicPublish::default(), &raw, b"x");
    peer.turn();
    let raw = properties(&[("CC", &keys[..200]), ("BCC", &keys[100..300])]);
    peer.publish_to(BasicPublish::default(), &raw, b"x");
    peer.turn();
    peer.expect_channel_close(
        1,
        "PRECONDITION_FAILED - invalid message: more than 256 keys in CC and BCC",
    );
}

/// Gives `guest` this tag and no other.
fn tag(world: &mut World, tag: &str) {
    let update = UserUpdate {
        tags: Some(BTreeSet::from([tag.to_owned()])),
        password: None,
    };
    let admin = world.broker.admin();
    admin.put_user("guest", update, Expect::Any).unwrap();
    world.commit();
}

#[test]
fn only_an_impersonator_borrows_a_name() {
    let mut world = World::new();
    let mut peer = world.open();
    peer.queue("q");
    let raw = encoded(&Properties {
        user_id: Some(b"someone"),
        ..Properties::default()
    });
    tag(&mut world, "impersonator");
    assert_eq!(reached(&mut peer, "", "q", &raw, &["q"]), [1]);
    tag(&mut world, "administrator");
    let publish = BasicPublish {
        routing_key: "q",
        ..Default::default()
    };
    peer.publish_to(publish, &raw, b"x");
    peer.turn();
    peer.expect_channel_close(
        1,
        "PRECONDITION_FAILED - user_id property set to 'someone' but authenticated user was 'guest'",
    );
}
