//! Publishers while memory is short: who waits, who goes on, and up to where.

use wire::amqp091::*;

use super::kit::{Peer, World};
use crate::journal;
use crate::limits::Limits;

const MEMORY_BYTES: u64 = 50_000;

/// What a message of [`BODY`] takes, overhead included, is less than this.
const MESSAGE_BYTES: u64 = 2_500;

const BODY: [u8; 2_000] = [7; 2_000];

const BLOCKED: ConnectionBlocked<'_> = ConnectionBlocked {
    reason: "low on memory or disk",
};

fn small_world() -> World {
    World::with(Limits {
        memory_bytes: MEMORY_BYTES,
        message_bytes: 100_000,
        ..Limits::default()
    })
}

/// Fills `queue` in one turn until memory is short, and is told so.
fn fill(peer: &mut Peer, queue: &str) -> u32 {
    const COUNT: u32 = 30;
    peer.queue(queue);
    for _ in 0..COUNT {
        peer.publish(queue, &BODY, false);
    }
    peer.turn();
    peer.expect(0, BLOCKED);
    COUNT
}

/// Takes the next delivery on channel 1 and says its tag.
fn delivered(peer: &mut Peer) -> u64 {
    let tag = peer.take(1, |method| match method {
        Method::BasicDeliver(deliver) => deliver.delivery_tag,
        other => panic!("{other:?}"),
    });
    peer.expect_content(b"\0\0", &BODY);
    tag
}

fn consume(peer: &mut Peer, queue: &str, prefetch_count: u16) {
    let qos = BasicQos {
        prefetch_count,
        ..Default::default()
    };
    peer.call(1, qos, BasicQosOk {});
    peer.send(
        1,
        BasicConsume {
            queue,
            consumer_tag: "t",
            ..Default::default()
        },
    );
    peer.turn();
    peer.expect(1, BasicConsumeOk { consumer_tag: "t" });
}

fn ack(peer: &mut Peer, delivery_tag: u64) {
    peer.send(
        1,
        BasicAck {
            delivery_tag,
            multiple: false,
        },
    );
}

#[test]
fn a_publisher_pauses_while_memory_is_short_and_goes_on_after() {
    let world = small_world();
    let (mut publisher, mut consumer) = (world.open(), world.open());
    let count = fill(&mut publisher, "q");
    publisher.publish("q", &BODY, false);
    publisher.turn();
    // What it sent waits, and the rest stays in the socket.
    assert!(!publisher.session.wants_input());
    assert_eq!(consumer.ready("q"), count);
    let purge = QueuePurge {
        queue: "q",
        ..Default::default()
    };
    consumer.call(
        1,
        purge,
        QueuePurgeOk {
            message_count: count,
        },
    );
    publisher.wake();
    publisher.expect(0, ConnectionUnblocked {});
    assert!(publisher.session.wants_input());
    assert_eq!(consumer.ready("q"), 1);
}

#[test]
fn only_who_asked_for_it_is_told() {
    let world = small_world();
    let mut publisher = world.connect();
    publisher.input.extend_from_slice(&PROTOCOL_HEADER);
    let start_ok = ConnectionStartOk {
        mechanism: "PLAIN",
        response: LongStr(b"\0guest\0guest"),
        ..Default::default()
    };
    publisher.send(0, start_ok);
    publisher.turn();
    publisher.send(
        0,
        ConnectionTuneOk {
            channel_max: 1,
            frame_max: 8192,
            heartbeat: 0,
        },
    );
    publisher.send(
        0,
        ConnectionOpen {
            virtual_host: "/",
            ..Default::default()
        },
    );
    publisher.turn();
    publisher.out.clear();
    publisher.open_channel(1);
    publisher.queue("q");
    for _ in 0..2 {
        publisher.publish("q", &[0; 60_000], false);
        publisher.turn();
    }
    publisher.expect_nothing();
    assert!(!publisher.session.wants_input());
}

#[test]
fn the_first_message_of_a_connection_waits_too() {
    let world = small_world();
    let (mut first, mut second) = (world.open(), world.open());
    let count = fill(&mut first, "q");
    second.publish("q", &BODY, false);
    second.turn();
    second.expect(0, BLOCKED);
    second.expect_nothing();
    assert!(!second.session.wants_input());
    assert_eq!(first.ready("q"), count);
}

#[test]
fn a_paused_publisher_can_still_do_everything_else() {
    let world = small_world();
    let mut peer = world.open();
    let count = fill(&mut peer, "q");
    // The only connection there is: nobody else could make room.
    consume(&mut peer, "q", 1);
    for _ in 0..count {
        let tag = delivered(&mut peer);
        peer.skip_connection_frames();
        ack(&mut peer, tag);
        assert!(peer.session.wants_input());
        peer.turn();
    }
    peer.skip_connection_frames();
    assert_eq!(peer.ready("q"), 0);
}

#[test]
fn a_connection_that_moves_messages_on_empties_its_source() {
    for prefetch in [1, 7, 0] {
        let world = small_world();
        let (mut filler, mut mover) = (world.open(), world.open());
        let count = fill(&mut filler, "a");
        filler.publish("a", &BODY, false);
        filler.turn();
        assert!(!filler.session.wants_input());
        mover.queue("b");
        consume(&mut mover, "a", prefetch);
        for _ in 0..count {
            let tag = delivered(&mut mover);
            mover.publish("b", &BODY, false);
            ack(&mut mover, tag);
            assert!(mover.session.wants_input(), "at delivery {tag}");
            mover.turn();
        }
        mover.written();
        mover.skip_connection_frames();
        mover.expect_nothing();
        // Memory is as short as before, since everything is in the other queue now.
        assert!(!filler.session.wants_input());
        let mut drain = world.open();
        consume(&mut drain, "b", 0);
        for _ in 0..count {
            let tag = delivered(&mut drain);
            ack(&mut drain, tag);
            drain.turn();
        }
        drain.expect_nothing();
        filler.wake();
        filler.expect(0, ConnectionUnblocked {});
        assert!(filler.session.wants_input());
        mover.written();
        mover.skip_connection_frames();
        delivered(&mut mover);
    }
}

#[test]
fn who_holds_deliveries_and_never_settles_is_refused_at_twice_the_limit() {
    let world = small_world();
    let mut peer = world.open();
    peer.call(1, ConfirmSelect::default(), ConfirmSelectOk {});
    peer.queue("a");
    peer.queue("b");
    peer.publish("a", &BODY, false);
    peer.turn();
    peer.skip_confirms();
    consume(&mut peer, "a", 0);
    let held = delivered(&mut peer);
    let (mut accepted, mut refused) = (1, 0);
    for _ in 0..100 {
        peer.publish("b", &BODY, false);
        assert!(peer.session.wants_input());
        peer.turn();
        peer.take(1, |method| match method {
            Method::BasicAck(_) => accepted += 1,
            Method::BasicNack(_) => refused += 1,
            other => panic!("{other:?}"),
        });
        let memory = world.broker.admin().stats().memory_bytes;
        assert!(memory <= 2 * MEMORY_BYTES + MESSAGE_BYTES, "{memory}");
    }
    peer.expect_nothing();
    assert!(refused > 0);
    assert!(accepted > MEMORY_BYTES / MESSAGE_BYTES, "{accepted}");
    // Once it has settled, it is a publisher like any other.
    ack(&mut peer, held);
    peer.publish("b", &BODY, false);
    peer.turn();
    peer.publish("b", &BODY, false);
    peer.turn();
    peer.take(1, |method| assert_eq!(method.name(), "basic.nack"));
    peer.expect(0, BLOCKED);
    peer.expect_nothing();
    assert!(!peer.session.wants_input());
}

#[test]
fn without_confirms_the_refusal_closes_the_channel() {
    let world = small_world();
    let mut peer = world.open();
    peer.queue("a");
    peer.publish("a", &BODY, false);
    peer.turn();
    consume(&mut peer, "a", 0);
    delivered(&mut peer);
    for _ in 0..2 * MEMORY_BYTES / 2_000 + 1 {
        peer.publish("a", &BODY, false);
    }
    peer.turn();
    // What comes in one go may go beyond the bound, by less than it takes to look each time.
    peer.publish("a", &BODY, false);
    peer.turn();
    let reason = loop {
        let reason = peer.take(1, |method| match method {
            Method::BasicDeliver(_) => None,
            Method::ChannelClose(close) => Some(close.reply_text.to_owned()),
            other => panic!("{other:?}"),
        });
        match reason {
            None => peer.expect_content(b"\0\0", &BODY),
            Some(reason) => break reason,
        }
    };
    assert_eq!(
        reason,
        "PRECONDITION_FAILED - the broker holds twice the 50000 bytes of messages it may hold in \
         memory; settle deliveries first"
    );
    assert!(peer.session.is_open());
}

#[test]
fn a_writer_far_behind_makes_everyone_wait() {
    let mut world = World::with_journal(
        Limits::default(),
        journal::Options {
            backlog_bytes: 10_000,
            ..World::journal()
        },
    );
    let mut peer = world.open();
    peer.durable_queue(&mut world, "d");
    peer.queue("a");
    peer.publish("a", &BODY, false);
    peer.turn();
    consume(&mut peer, "a", 0);
    delivered(&mut peer);
    for _ in 0..6 {
        peer.publish("d", &BODY, true);
    }
    peer.turn();
    peer.expect(0, BLOCKED);
    peer.publish("d", &BODY, true);
    peer.turn();
    assert!(!peer.session.wants_input());
    world.commit();
    peer.wake();
    peer.expect(0, ConnectionUnblocked {});
    assert!(peer.session.wants_input());
    world.commit();
    assert_eq!(peer.ready("d"), 7);
}
