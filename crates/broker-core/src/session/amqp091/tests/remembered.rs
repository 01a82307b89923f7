//! What a channel remembers of a message for the next one holds only as long as they are alike.

use wire::amqp091::*;

use super::kit::{Peer, World};

/// Delivery mode 1, 2, none.
const TRANSIENT: &[u8] = b"\x10\0\x01";
const PERSISTENT: &[u8] = b"\x10\0\x02";
const BARE: &[u8] = b"\0\0";

fn to(routing_key: &str) -> BasicPublish<'_> {
    BasicPublish {
        routing_key,
        ..Default::default()
    }
}

fn consuming(world: &World, queues: &[&str]) -> Peer {
    let mut peer = world.open();
    for queue in queues {
        peer.queue(queue);
        let consume = BasicConsume {
            queue,
            consumer_tag: queue,
            no_ack: true,
            ..Default::default()
        };
        let consumer_tag = queue;
        peer.call(1, consume, BasicConsumeOk { consumer_tag });
    }
    peer
}

fn expect_delivery(peer: &mut Peer, queue: &str, raw: &[u8], body: &[u8]) {
    peer.take(1, |method| match method {
        Method::BasicDeliver(deliver) => {
            assert_eq!((deliver.consumer_tag, deliver.routing_key), (queue, queue));
        }
        other => panic!("{other:?} instead of a delivery from {queue}"),
    });
    peer.expect_content(raw, body);
}

#[test]
fn the_mandatory_flag_is_that_of_each_message() {
    let world = World::new();
    let mut peer = world.open();
    for (number, mandatory) in [true, false, true, true, false].into_iter().enumerate() {
        let publish = BasicPublish {
            mandatory,
            ..to("nowhere")
        };
        peer.publish_to(publish, BARE, &[number as u8]);
    }
    peer.turn();
    for number in [0, 2, 3] {
        peer.take(1, |method| assert_eq!(method.name(), "basic.return"));
        peer.expect_content(BARE, &[number]);
    }
    peer.expect_nothing();
}

#[test]
fn properties_and_keys_are_those_of_each_message() {
    let world = World::new();
    let mut peer = consuming(&world, &["a", "b"]);
    let messages: [(&str, &[u8]); 7] = [
        ("a", BARE),
        ("a", TRANSIENT),
        ("b", TRANSIENT),
        ("a", BARE),
        ("a", PERSISTENT),
        ("b", BARE),
        ("b", TRANSIENT),
    ];
    for (number, (queue, raw)) in messages.iter().enumerate() {
        peer.publish_to(to(queue), raw, &[number as u8]);
    }
    peer.turn();
    // Each queue is entered once for all that it gets.
    for queue in ["a", "b"] {
        let own = messages.iter().enumerate();
        for (number, (_, raw)) in own.filter(|(_, (to, _))| *to == queue) {
            expect_delivery(&mut peer, queue, raw, &[number as u8]);
        }
    }
    peer.expect_nothing();
}

#[test]
fn only_persistent_messages_wait_for_the_journal() {
    let ack = |delivery_tag, multiple| BasicAck {
        delivery_tag,
        multiple,
    };
    let mut world = World::new();
    let mut peer = world.open();
    peer.call(1, ConfirmSelect::default(), ConfirmSelectOk {});
    peer.durable_queue(&mut world, "d");
    for round in 0..2 {
        let before = round * 4;
        for raw in [TRANSIENT, BARE, PERSISTENT, TRANSIENT] {
            peer.publish_to(to("d"), raw, b"x");
        }
        peer.turn();
        peer.expect(1, ack(before + 2, true));
        peer.expect_nothing();
        world.commit();
        peer.wake();
        peer.expect(1, ack(before + 4, true));
    }
    // What is transient at the end of a turn is so at the begin of the next.
    peer.publish_to(to("d"), TRANSIENT, b"x");
    peer.turn();
    peer.expect(1, ack(9, false));
    peer.publish_to(to("d"), PERSISTENT, b"x");
    peer.turn();
    peer.expect_nothing();
}

#[test]
fn the_user_is_checked_in_each_message() {
    let world = World::new();
    let mut peer = world.open();
    peer.queue("q");
    let raw = |user_id| {
        let properties = Properties {
            user_id,
            ..Default::default()
        };
        let mut raw = bytes::BytesMut::new();
        properties.encode(&mut raw);
        raw
    };
    let (ours, none) = (raw(Some(&b"guest"[..])), raw(None));
    let theirs = raw(Some(&b"other"[..]));
    for raw in [&ours, &none, &ours, &theirs, &ours] {
        peer.publish_to(to("q"), raw, b"x");
    }
    peer.turn();
    peer.expect_channel_close(
        1,
        "PRECONDITION_FAILED - user_id property set to 'other' but authenticated user was 'guest'",
    );
    assert_eq!(peer.ready("q"), 3, "those before it");
    // Nothing of it is remembered.
    peer.publish_to(to("q"), &theirs, b"x");
    peer.turn();
    peer.take(1, |method| assert_eq!(method.name(), "channel.close"));
}
