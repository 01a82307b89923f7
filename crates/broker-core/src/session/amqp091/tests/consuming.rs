//! Consuming: deliveries, settlement, prefetch, cancellation.

use wire::amqp091::*;

use super::kit::{Peer, World};
use crate::limits::Limits;

fn consume(peer: &mut Peer, queue: &str, no_ack: bool) {
    let consume = BasicConsume {
        queue,
        consumer_tag: "t",
        no_ack,
        ..Default::default()
    };
    peer.send(1, consume);
    peer.turn();
    peer.expect(1, BasicConsumeOk { consumer_tag: "t" });
}

fn filled(peer: &mut Peer, queue: &str, bodies: &[&str]) {
    peer.queue(queue);
    for body in bodies {
        peer.publish(queue, body.as_bytes(), false);
    }
    peer.turn();
}

fn ack(delivery_tag: u64, multiple: bool) -> BasicAck {
    BasicAck {
        delivery_tag,
        multiple,
    }
}

#[test]
fn a_consumer_gets_what_is_there_and_what_comes() {
    let world = World::new();
    let (mut publisher, mut peer) = (world.open(), world.open());
    filled(&mut publisher, "q", &["a", "b"]);
    consume(&mut peer, "q", false);
    peer.expect_delivery(1, false, b"a");
    peer.expect_delivery(2, false, b"b");
    publisher.publish("q", b"c", false);
    publisher.turn();
    peer.wake();
    peer.expect_delivery(3, false, b"c");
    peer.expect_nothing();
    peer.send(1, ack(3, true));
    assert_eq!(peer.ready("q"), 0);
    drop(peer);
    assert_eq!(publisher.ready("q"), 0);
}

#[test]
fn a_persistent_message_is_delivered_only_once_it_is_durable() {
    let mut world = World::new();
    let mut peer = world.open();
    peer.durable_queue(&mut world, "d");
    consume(&mut peer, "d", true);
    peer.publish("d", b"safe", true);
    peer.turn();
    peer.expect_nothing();
    world.commit();
    peer.wake();
    peer.take(1, |method| assert_eq!(method.name(), "basic.deliver"));
    peer.expect_content(b"\x10\0\x02", b"safe");
}

#[test]
fn what_is_not_settled_comes_back_marked_and_in_order() {
    let world = World::new();
    let mut peer = world.open();
    filled(&mut peer, "q", &["a", "b", "c", "d"]);
    let mut gone = world.open();
    consume(&mut gone, "q", false);
    for (tag, body) in [(1, b"a"), (2, b"b"), (3, b"c"), (4, b"d")] {
        gone.expect_delivery(tag, false, body);
    }
    gone.send(1, ack(2, false));
    gone.send(
        1,
        BasicReject {
            delivery_tag: 3,
            requeue: false,
        },
    );
    gone.turn();
    drop(gone);
    consume(&mut peer, "q", false);
    peer.expect_delivery(1, true, b"a");
    peer.expect_delivery(2, true, b"d");
    // Requeued by nack, by reject and by recover: each time they come again.
    peer.send(
        1,
        BasicNack {
            delivery_tag: 2,
            multiple: true,
            requeue: true,
        },
    );
    peer.turn();
    peer.expect_delivery(3, true, b"a");
    peer.expect_delivery(4, true, b"d");
    peer.send(
        1,
        BasicReject {
            delivery_tag: 4,
            requeue: true,
        },
    );
    peer.turn();
    peer.expect_delivery(5, true, b"d");
    peer.send(1, BasicRecover { requeue: true });
    peer.turn();
    peer.expect(1, BasicRecoverOk {});
    peer.expect_delivery(6, true, b"a");
    peer.expect_delivery(7, true, b"d");
    peer.send(1, BasicRecoverAsync { requeue: true });
    peer.turn();
    peer.expect_delivery(8, true, b"a");
    peer.expect_delivery(9, true, b"d");
    peer.expect_nothing();
    // Tag 0 with multiple settles all there are.
    peer.send(1, ack(0, true));
    assert_eq!(peer.ready("q"), 0);
}

#[test]
fn prefetch_holds_deliveries_back() {
    let world = World::new();
    let mut peer = world.open();
    filled(&mut peer, "q", &["a", "b", "c", "d"]);
    peer.call(
        1,
        BasicQos {
            prefetch_count: 2,
            ..Default::default()
        },
        BasicQosOk {},
    );
    consume(&mut peer, "q", false);
    peer.expect_delivery(1, false, b"a");
    peer.expect_delivery(2, false, b"b");
    peer.expect_nothing();
    peer.send(1, ack(1, false));
    peer.turn();
    peer.expect_delivery(3, false, b"c");
    peer.expect_nothing();
    peer.send(1, ack(3, true));
    peer.turn();
    peer.expect_delivery(4, false, b"d");
    peer.expect_nothing();
}

#[test]
fn a_global_prefetch_counts_all_consumers_of_the_channel() {
    let world = World::new();
    let mut peer = world.open();
    filled(&mut peer, "q", &["a", "b"]);
    filled(&mut peer, "r", &["c"]);
    peer.call(
        1,
        BasicQos {
            prefetch_count: 1,
            global: true,
            ..Default::default()
        },
        BasicQosOk {},
    );
    consume(&mut peer, "q", false);
    peer.expect_delivery(1, false, b"a");
    let other = BasicConsume {
        queue: "r",
        consumer_tag: "u",
        ..Default::default()
    };
    peer.call(1, other, BasicConsumeOk { consumer_tag: "u" });
    // A higher limit lets both queues go on at once.
    peer.send(
        1,
        BasicQos {
            prefetch_count: 3,
            global: true,
            ..Default::default()
        },
    );
    peer.turn();
    peer.expect(1, BasicQosOk {});
    let mut tags = Vec::new();
    for _ in 0..2 {
        tags.push(peer.take(1, |method| match method {
            Method::BasicDeliver(deliver) => deliver.consumer_tag.to_owned(),
            other => panic!("{other:?}"),
        }));
        let body: &[u8] = if tags.last().unwrap() == "t" {
            b"b"
        } else {
            b"c"
        };
        peer.expect_content(b"\0\0", body);
    }
    tags.sort();
    assert_eq!(tags, ["t", "u"]);
    peer.expect_nothing();
}

#[test]
fn deliveries_without_acknowledgement_have_nothing_to_settle() {
    let world = World::new();
    let mut peer = world.open();
    filled(&mut peer, "q", &["a"]);
    consume(&mut peer, "q", true);
    peer.expect_delivery(1, false, b"a");
    peer.send(1, ack(1, false));
    peer.turn();
    peer.expect_channel_close(1, "PRECONDITION_FAILED - unknown delivery tag 1");
    assert_eq!(peer.ready("q"), 0);
}

#[test]
fn get_takes_one_and_says_how_many_are_left() {
    let world = World::new();
    let mut peer = world.open();
    filled(&mut peer, "q", &["a", "b"]);
    let get = BasicGet {
        queue: "q",
        ..Default::default()
    };
    peer.send(1, get);
    peer.turn();
    peer.expect(
        1,
        BasicGetOk {
            delivery_tag: 1,
            redelivered: false,
            exchange: "",
            routing_key: "q",
            message_count: 1,
        },
    );
    peer.expect_content(b"\0\0", b"a");
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
    peer.expect_content(b"\0\0", b"b");
    peer.call(1, get, BasicGetEmpty::default());
    peer.send(
        1,
        BasicNack {
            delivery_tag: 1,
            multiple: false,
            requeue: true,
        },
    );
    assert_eq!(peer.ready("q"), 1);
}

#[test]
fn a_cancelled_consumer_gets_no_more_but_may_still_settle() {
    let world = World::new();
    let mut peer = world.open();
    filled(&mut peer, "q", &["a", "b"]);
    consume(&mut peer, "q", false);
    peer.expect_delivery(1, false, b"a");
    peer.expect_delivery(2, false, b"b");
    let cancel = BasicCancel {
        consumer_tag: "t",
        no_wait: false,
    };
    peer.call(1, cancel, BasicCancelOk { consumer_tag: "t" });
    peer.publish("q", b"c", false);
    peer.send(1, ack(1, false));
    peer.send(
        1,
        BasicReject {
            delivery_tag: 2,
            requeue: true,
        },
    );
    assert_eq!(peer.ready("q"), 2);
    // A tag nobody has is cancelled already; the old one is free again.
    peer.call(1, cancel, BasicCancelOk { consumer_tag: "t" });
    consume(&mut peer, "q", false);
    peer.expect_delivery(3, true, b"b");
    peer.expect_delivery(4, false, b"c");
}

#[test]
fn a_delivery_on_its_way_leaves_before_cancel_ok() {
    let world = World::new();
    let (mut publisher, mut peer) = (world.open(), world.open());
    publisher.queue("q");
    consume(&mut peer, "q", true);
    publisher.publish("q", b"late", false);
    publisher.turn();
    peer.send(
        1,
        BasicCancel {
            consumer_tag: "t",
            no_wait: false,
        },
    );
    peer.turn();
    peer.expect_delivery(1, false, b"late");
    peer.expect(1, BasicCancelOk { consumer_tag: "t" });
    peer.expect_nothing();
}

#[test]
fn a_delivery_on_its_way_leaves_before_close_ok() {
    let world = World::new();
    let (mut publisher, mut peer) = (world.open(), world.open());
    publisher.queue("q");
    consume(&mut peer, "q", true);
    publisher.publish("q", b"late", false);
    publisher.turn();
    peer.send(1, ChannelClose::default());
    peer.turn();
    peer.expect_delivery(1, false, b"late");
    peer.expect(1, ChannelCloseOk {});
    peer.expect_nothing();
}

#[test]
fn a_consumer_is_told_when_its_queue_goes() {
    let world = World::new();
    let (mut publisher, mut peer) = (world.open(), world.open());
    publisher.queue("q");
    consume(&mut peer, "q", false);
    let delete = QueueDelete {
        queue: "q",
        ..Default::default()
    };
    publisher.call(1, delete, QueueDeleteOk { message_count: 0 });
    peer.wake();
    peer.expect(
        1,
        BasicCancel {
            consumer_tag: "t",
            no_wait: true,
        },
    );
    peer.expect_nothing();
    // The tag is free again.
    publisher.queue("q");
    consume(&mut peer, "q", false);
}

/// The broker keeps nothing of a consumer whose queue went: else each round here would take one of
/// the few places there are.
#[test]
fn a_consumer_whose_queue_goes_leaves_its_place() {
    let world = World::with(Limits {
        consumers_per_connection: 2,
        ..Limits::default()
    });
    let (mut publisher, mut peer) = (world.open(), world.open());
    for _ in 0..4 {
        publisher.queue("q");
        consume(&mut peer, "q", false);
        let delete = QueueDelete {
            queue: "q",
            ..Default::default()
        };
        publisher.call(1, delete, QueueDeleteOk { message_count: 0 });
        peer.wake();
        peer.take(1, |method| assert_eq!(method.name(), "basic.cancel"));
    }
}

#[test]
fn tags_chosen_by_the_broker_differ() {
    let world = World::new();
    let mut peer = world.open();
    peer.queue("q");
    let mut tags: Vec<String> = (0..2)
        .map(|_| {
            peer.send(
                1,
                BasicConsume {
                    queue: "q",
                    ..Default::default()
                },
            );
            peer.turn();
            peer.take(1, |method| match method {
                Method::BasicConsumeOk(ok) => ok.consumer_tag.to_owned(),
                other => panic!("{other:?}"),
            })
        })
        .collect();
    assert!(tags.iter().all(|tag| tag.starts_with("amq.ctag-")));
    tags.dedup();
    assert_eq!(tags.len(), 2);
}

#[test]
fn deliveries_stay_behind_held_replies_of_their_channel() {
    let mut world = World::new();
    let mut peer = world.open();
    filled(&mut peer, "q", &["a"]);
    peer.send(
        1,
        QueueDeclare {
            queue: "d",
            durable: true,
            ..Default::default()
        },
    );
    peer.send(
        1,
        BasicConsume {
            queue: "q",
            consumer_tag: "t",
            ..Default::default()
        },
    );
    peer.turn();
    peer.expect_nothing();
    world.commit();
    peer.wake();
    peer.expect(
        1,
        QueueDeclareOk {
            queue: "d",
            message_count: 0,
            consumer_count: 0,
        },
    );
    peer.expect(1, BasicConsumeOk { consumer_tag: "t" });
    peer.expect_delivery(1, false, b"a");
    peer.expect_nothing();
}
