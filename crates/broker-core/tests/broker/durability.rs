//! What survives, and what is told when.

use broker_core::call::{DeclareExchange, Outcome};
use broker_core::journal::{Lsn, Options};
use broker_core::limits::Limits;

use crate::kit::{World, body, exchange, publish, queue, small};

#[test]
fn a_persistent_message_is_delivered_only_after_its_commit() {
    let mut world = World::new();
    let client = world.client();
    client.queue("q", true);
    world.commit();
    client.consume("q", 1, 0);
    let lsn = client.publish("", "q", "safe").unwrap();
    assert!(lsn > world.broker.durable());
    assert!(client.bodies().is_empty());
    world.commit();
    assert!(lsn <= world.broker.durable());
    assert_eq!(client.bodies(), ["safe"]);
}

#[test]
fn what_others_have_to_have_too_waits_for_them() {
    let mut world = World::new();
    let client = world.client();
    client.queue("q", true);
    world.commit();
    client.consume("q", 1, 0);
    let held = world.broker.durable();
    world.broker.hold_durable(held);
    let first = client.publish("", "q", "first").unwrap();
    let second = client.publish("", "q", "second").unwrap();
    world.commit();
    assert_eq!(world.broker.durable(), held);
    assert!(client.bodies().is_empty(), "our disk alone is not enough");
    world.broker.hold_durable(first);
    assert_eq!(world.broker.durable(), first);
    assert_eq!(client.bodies(), ["first"]);
    // What counts already stays, and what is not on our disk does not count for being elsewhere.
    world.broker.hold_durable(held);
    assert_eq!(world.broker.durable(), first);
    let third = client.publish("", "q", "third").unwrap();
    world.broker.hold_durable(third);
    assert!(world.broker.durable() >= second && world.broker.durable() < third);
    assert_eq!(client.bodies(), ["second"]);
    world.commit();
    assert_eq!(client.bodies(), ["third"]);
}

#[test]
fn who_asks_gets_a_message_that_is_on_its_way_with_the_position_to_wait_for() {
    let mut world = World::new();
    let client = world.client();
    client.queue("q", true);
    world.commit();
    let lsn = client.publish("", "q", "new").unwrap();
    let (delivery, _) = client.attachment.get("q", false).unwrap().unwrap();
    assert_eq!(delivery.message.lsn, lsn);
    assert!(lsn > world.broker.durable());
}

#[test]
fn a_transient_message_waits_for_nothing_but_those_before_it() {
    let mut world = World::new();
    let client = world.client();
    client.queue("q", true);
    client.consume("q", 1, 0);
    let transient = |body| {
        let call = publish("", "q", body, false);
        client.try_publish(call).unwrap()
    };
    assert_eq!(transient("a"), Some(Lsn(0)));
    assert_eq!(client.bodies(), ["a"]);
    client.publish("", "q", "b");
    transient("c");
    assert!(client.bodies().is_empty());
    world.commit();
    assert_eq!(client.bodies(), ["b", "c"]);
}

#[test]
fn definitions_and_unsettled_messages_survive_a_restart() {
    let world = World::new();
    let client = world.client();
    client.exchange("ex", "topic");
    client.queue("q", true);
    client.queue("gone", false);
    client.bind("ex", "q", "a.#");
    for n in 0..5 {
        client.publish("ex", "a.b", &format!("m{n}"));
    }
    let mut world = world;
    world.commit();
    client.consume("q", 1, 3);
    let deliveries = client.deliveries();
    assert_eq!(deliveries.len(), 3);
    client.settle(&deliveries[1..2], Outcome::Accept);
    drop(client);

    let world = world.reopen();
    let client = world.client();
    assert!(
        client
            .attachment
            .declare_queue(&queue("gone", true))
            .is_ok(),
        "it was not durable"
    );
    assert!(
        client
            .attachment
            .declare_exchange(&exchange("ex", "topic"))
            .is_ok()
    );
    let (first, remaining) = client.attachment.get("q", true).unwrap().unwrap();
    assert_eq!((body(&first).as_str(), remaining), ("m0", 3));
    assert!(
        first.redelivered,
        "the journal does not know that it was not"
    );
    assert_eq!(client.empty("q"), ["m2", "m3", "m4"]);
    client.publish("ex", "a", "new");
    let mut world = world;
    world.commit();
    assert_eq!(client.empty("q"), ["new"]);
}

#[test]
fn generations_and_queue_numbers_are_never_given_out_again() {
    let mut world = World::new();
    let mut last = 0;
    for round in 0..4 {
        let client = world.client();
        client.queue(&format!("durable{round}"), true);
        client.queue(&format!("transient{round}"), false);
        let admin = world.admin();
        for name in ["durable", "transient"] {
            let status = admin.queue("/", &format!("{name}{round}")).unwrap();
            assert!(status.definition.generation > last);
            last = status.definition.generation;
        }
        drop(client);
        world = world.reopen();
    }
}

#[test]
fn consumed_messages_do_not_keep_the_journal_growing() {
    let mut world = World::with(Limits::default(), small_segments());
    let client = world.client();
    client.queue("q", true);
    client.queue("pinned", true);
    client.publish("", "pinned", "the oldest of all");
    world.commit();
    let body = "x".repeat(1000);
    let mut most = 0;
    for _ in 0..600 {
        for _ in 0..50 {
            client.publish("", "q", &body);
        }
        world.commit();
        assert_eq!(client.empty("q").len(), 50);
        world.commit();
        most = most.max(stored_bytes(&world));
    }
    // 30 MB went through.
    assert!(most < 4_000_000, "the journal grew to {most} bytes");
    let world = world.reopen();
    let client = world.client();
    assert_eq!(client.empty("pinned"), ["the oldest of all"]);
    assert!(client.empty("q").is_empty());
}

#[test]
fn a_message_copied_forward_keeps_its_place_and_stays_settled() {
    let mut world = World::with(Limits::default(), small_segments());
    let client = world.client();
    client.exchange("all", "fanout");
    for name in ["a", "b", "churn"] {
        client.queue(name, true);
    }
    client.bind("all", "a", "");
    client.bind("all", "b", "");
    for n in 0..10 {
        client.publish("all", "", &format!("m{n}"));
    }
    world.commit();
    let filler = "y".repeat(2000);
    for round in 0..200 {
        for _ in 0..20 {
            client.publish("", "churn", &filler);
        }
        world.commit();
        client.empty("churn");
        if round % 40 == 10 {
            let (delivery, _) = client.attachment.get("a", false).unwrap().unwrap();
            client.settle(&[delivery], Outcome::Accept);
        }
    }
    let expected_a: Vec<_> = (5..10).map(|n| format!("m{n}")).collect();
    let expected_b: Vec<_> = (0..10).map(|n| format!("m{n}")).collect();
    // 8 MB went through since the messages were written: they must have moved.
    assert!(stored_bytes(&world) < 4_000_000);
    drop(client);
    let world = world.reopen();
    let client = world.client();
    assert_eq!(client.empty("a"), expected_a);
    assert_eq!(client.empty("b"), expected_b);
}

fn small_segments() -> Options {
    Options {
        segment_bytes: 256 << 10,
        ..small()
    }
}

fn stored_bytes(world: &World) -> usize {
    world.disk.contents().values().map(Vec::len).sum()
}

/// The journal does not know the bindings of transient queues, which may be all that kept an
/// auto-delete exchange alive while later changes were made to it.
#[test]
fn an_auto_delete_exchange_kept_by_a_transient_queue_survives_replay() {
    let mut world = World::new();
    let client = world.client();
    let call = DeclareExchange {
        durable: true,
        auto_delete: true,
        ..exchange("x", "fanout")
    };
    client.attachment.declare_exchange(&call).unwrap();
    client.queue("first", true);
    client.queue("passing", false);
    client.queue("second", true);
    client.bind("x", "first", "");
    client.bind("x", "passing", "");
    client
        .attachment
        .delete_queue("first", false, false)
        .unwrap();
    client.bind("x", "second", "");
    world.commit();
    drop(client);
    let world = world.reopen();
    let client = world.client();
    assert!(client.publish("x", "", "found").is_some());
    assert_eq!(world.admin().bindings("/").unwrap().len(), 1);
}
