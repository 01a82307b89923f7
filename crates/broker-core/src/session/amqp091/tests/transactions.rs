//! `tx.*`: all of it, or nothing.

use wire::amqp091::*;

use super::kit::{Peer, World};
use crate::journal;
use crate::limits::Limits;

fn transactional(world: &World) -> Peer {
    let mut peer = world.open();
    peer.call(1, TxSelect {}, TxSelectOk {});
    peer
}

fn ack(delivery_tag: u64, multiple: bool) -> BasicAck {
    BasicAck {
        delivery_tag,
        multiple,
    }
}

/// Takes the first message without settling it.
fn get(peer: &mut Peer, queue: &str, body: &[u8]) {
    let get = BasicGet {
        queue,
        ..Default::default()
    };
    peer.send(1, get);
    peer.turn();
    peer.take(1, |method| assert_eq!(method.name(), "basic.get-ok"));
    assert_eq!(peer.take_content().1, body);
}

fn filled(peer: &mut Peer, queue: &str, bodies: &[&str]) {
    peer.queue(queue);
    for body in bodies {
        peer.publish(queue, body.as_bytes(), false);
    }
    peer.turn();
}

#[test]
fn nothing_takes_effect_before_its_commit() {
    let world = World::new();
    let (mut peer, mut other) = (transactional(&world), world.open());
    filled(&mut other, "q", &["a", "b"]);
    get(&mut peer, "q", b"a");
    peer.send(1, ack(1, false));
    for _ in 0..2 {
        peer.publish("q", b"new", false);
    }
    peer.turn();
    assert_eq!(other.ready("q"), 1);
    peer.call(1, TxCommit {}, TxCommitOk {});
    assert_eq!(other.ready("q"), 3);
    // The next transaction has begun.
    peer.publish("q", b"later", false);
    peer.turn();
    assert_eq!(other.ready("q"), 3);
    peer.call(1, TxCommit {}, TxCommitOk {});
    peer.call(1, TxCommit {}, TxCommitOk {});
    assert_eq!(other.ready("q"), 4);
    drop(peer);
    assert_eq!(other.ready("q"), 4, "what was acknowledged is gone");
}

#[test]
fn the_answer_waits_for_the_disk() {
    let mut world = World::new();
    let mut peer = transactional(&world);
    peer.durable_queue(&mut world, "d");
    peer.publish("d", b"safe", true);
    peer.send(1, TxCommit {});
    peer.turn();
    peer.expect_nothing();
    world.commit();
    peer.wake();
    peer.expect(1, TxCommitOk {});
    get(&mut peer, "d", b"safe");
    // An acknowledgement alone waits as well.
    peer.send(1, ack(1, false));
    peer.send(1, TxCommit {});
    peer.turn();
    peer.expect_nothing();
    world.commit();
    peer.wake();
    peer.expect(1, TxCommitOk {});
}

#[test]
fn a_rollback_drops_publishes_and_forgets_settlements() {
    let world = World::new();
    let (mut peer, mut other) = (transactional(&world), world.open());
    filled(&mut other, "q", &["a", "b", "c"]);
    for body in [b"a", b"b", b"c"] {
        get(&mut peer, "q", body);
    }
    peer.send(1, ack(2, true));
    let reject = BasicReject {
        delivery_tag: 3,
        requeue: true,
    };
    peer.send(1, reject);
    peer.publish("q", b"never", false);
    peer.call(1, TxRollback {}, TxRollbackOk {});
    assert_eq!(other.ready("q"), 0, "they are still the client's");
    peer.send(1, ack(1, false));
    peer.send(1, ack(3, false));
    peer.call(1, TxCommit {}, TxCommitOk {});
    drop(peer);
    assert_eq!(other.ready("q"), 1);
    get(&mut other, "q", b"b");
}

#[test]
fn all_words_on_a_delivery_wait_for_the_commit() {
    let world = World::new();
    let (mut peer, mut other) = (transactional(&world), world.open());
    filled(&mut other, "q", &["a", "b", "c"]);
    for body in [b"a", b"b", b"c"] {
        get(&mut peer, "q", body);
    }
    let nack = |delivery_tag, requeue| BasicNack {
        delivery_tag,
        multiple: false,
        requeue,
    };
    peer.send(1, nack(1, true));
    peer.send(1, nack(2, false));
    peer.turn();
    // What has been said of these two is not said again.
    peer.call(1, BasicRecover { requeue: true }, BasicRecoverOk {});
    assert_eq!(other.ready("q"), 1);
    peer.call(1, TxCommit {}, TxCommitOk {});
    assert_eq!(other.ready("q"), 2);
    get(&mut other, "q", b"a");
    get(&mut other, "q", b"c");
}

#[test]
fn a_delivery_is_settled_once() {
    let world = World::new();
    let mut peer = transactional(&world);
    filled(&mut peer, "q", &["a"]);
    peer.call(1, TxCommit {}, TxCommitOk {});
    get(&mut peer, "q", b"a");
    peer.send(1, ack(1, false));
    peer.send(1, ack(1, false));
    peer.turn();
    peer.expect_channel_close(1, "PRECONDITION_FAILED - unknown delivery tag 1");
    assert_eq!(peer.ready("q"), 1, "what was not committed comes back");
}

#[test]
fn a_channel_that_closes_takes_its_transaction_along() {
    let world = World::new();
    let (mut peer, mut other) = (transactional(&world), world.open());
    filled(&mut other, "q", &["a"]);
    get(&mut peer, "q", b"a");
    peer.send(1, ack(1, false));
    peer.publish("q", b"never", false);
    peer.call(1, ChannelClose::default(), ChannelCloseOk {});
    assert_eq!(other.ready("q"), 1);
    get(&mut other, "q", b"a");
}

#[test]
fn transactions_and_confirms_exclude_each_other() {
    let world = World::new();
    let mut peer = world.open();
    let refused = |peer: &mut Peer, method: Method<'_>, text| {
        peer.send(1, method);
        peer.turn();
        peer.expect_channel_close(1, text);
    };
    for method in [Method::from(TxCommit {}), Method::from(TxRollback {})] {
        let text = "PRECONDITION_FAILED - channel is not transactional";
        refused(&mut peer, method, text);
    }
    peer.call(1, TxSelect {}, TxSelectOk {});
    peer.call(1, TxSelect {}, TxSelectOk {});
    refused(
        &mut peer,
        ConfirmSelect::default().into(),
        "PRECONDITION_FAILED - cannot switch from tx to confirm mode",
    );
    peer.call(1, ConfirmSelect::default(), ConfirmSelectOk {});
    refused(
        &mut peer,
        TxSelect {}.into(),
        "PRECONDITION_FAILED - cannot switch from confirm to tx mode",
    );
}

#[test]
fn a_mandatory_message_comes_back_before_the_commit_is_answered() {
    let world = World::new();
    let mut peer = transactional(&world);
    for mandatory in [true, false] {
        let publish = BasicPublish {
            routing_key: "nowhere",
            mandatory,
            ..Default::default()
        };
        peer.publish_to(publish, b"\0\0", b"x");
    }
    peer.turn();
    peer.expect_nothing();
    peer.send(1, TxCommit {});
    peer.turn();
    peer.take(1, |method| assert_eq!(method.name(), "basic.return"));
    peer.expect_content(b"\0\0", b"x");
    peer.expect(1, TxCommitOk {});
    peer.expect_nothing();
}

#[test]
fn what_cannot_be_published_is_refused_at_once() {
    let world = World::new();
    let mut peer = transactional(&world);
    let publish = BasicPublish {
        exchange: "none",
        ..Default::default()
    };
    peer.publish_to(publish, b"\0\0", b"x");
    peer.turn();
    peer.expect_channel_close(1, "NOT_FOUND - no exchange 'none' in vhost '/'");
}

#[test]
fn a_full_queue_refuses_the_whole() {
    let world = World::new();
    let mut peer = transactional(&world);
    let limits = TableBuilder::new()
        .entry("x-max-length", Value::I32(2))
        .text("x-overflow", "reject-publish");
    let full = QueueDeclare {
        queue: "full",
        arguments: limits.as_table(),
        ..Default::default()
    };
    let ok = QueueDeclareOk {
        queue: "full",
        message_count: 0,
        consumer_count: 0,
    };
    peer.call(1, full, ok);
    peer.queue("q");
    for queue in ["q", "full", "full", "full"] {
        peer.publish(queue, b"x", false);
    }
    peer.send(1, TxCommit {});
    peer.turn();
    let text = "PRECONDITION_FAILED - transaction refused: queue 'full' in vhost '/' is full";
    peer.expect_channel_close(1, text);
    assert_eq!((peer.ready("q"), peer.ready("full")), (0, 0));
    peer.call(1, TxSelect {}, TxSelectOk {});
    for _ in 0..2 {
        peer.publish("full", b"x", false);
    }
    peer.call(1, TxCommit {}, TxCommitOk {});
    assert_eq!(
        peer.ready("full"),
        2,
        "no place was kept for what never came"
    );
}

#[test]
fn open_transactions_have_a_limit() {
    let world = World::with(Limits {
        transaction_bytes: 10_000,
        message_bytes: 100_000,
        ..Limits::default()
    });
    let text = "PRECONDITION_FAILED - open transactions of this connection exceed 10000 bytes";
    let mut peer = transactional(&world);
    peer.queue("q");
    // Each round has what the one before gave back.
    for body in [4000, 4000, 0, 0] {
        peer.publish("q", &vec![b'x'; body], false);
        peer.call(1, TxRollback {}, TxRollbackOk {});
        peer.publish("q", &vec![b'x'; 4000], false);
        peer.call(1, TxCommit {}, TxCommitOk {});
    }
    for _ in 0..3 {
        peer.publish("q", &[b'x'; 4000], false);
    }
    peer.turn();
    peer.expect_channel_close(1, text);
    peer.call(1, TxSelect {}, TxSelectOk {});
    for _ in 0..40 {
        peer.publish("q", b"", false);
    }
    peer.turn();
    peer.expect_channel_close(1, text);
    assert_eq!(peer.ready("q"), 4);
    let held = world.broker.admin().stats().memory_bytes;
    assert!(held < 20_000, "{held} bytes are held");
}

#[test]
fn a_commit_waits_for_room_in_the_journal() {
    let journal = journal::Options {
        segment_bytes: 256 << 10,
        ..World::journal()
    };
    let mut world = World::with_journal(Limits::default(), journal);
    let mut peer = transactional(&world);
    peer.durable_queue(&mut world, "d");
    let mut publisher = world.open();
    for _ in 0..20 {
        peer.publish("d", &[b'y'; 8000], true);
    }
    peer.turn();
    // What is left of the segment is too little, and nobody has prepared the next.
    let mut sent = 0;
    while publisher.session.wants_input() && sent < 100 {
        publisher.publish("d", &[b'x'; 8000], true);
        publisher.turn();
        sent += 1;
    }
    peer.send(1, TxCommit {});
    peer.turn();
    peer.skip_connection_frames();
    peer.expect_nothing();
    assert!(!peer.session.wants_input(), "it is put back");
    world.commit();
    peer.wake();
    world.commit();
    peer.wake();
    publisher.look();
    world.commit();
    peer.skip_connection_frames();
    peer.expect(1, TxCommitOk {});
    assert!(peer.session.wants_input());
    publisher.skip_connection_frames();
    assert_eq!(publisher.ready("d"), sent + 20);
}
