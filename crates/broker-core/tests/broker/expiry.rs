//! Messages and queues that time ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use broker_core::call::{DeclareQueue, Outcome};
use broker_core::journal::Survival;
use broker_core::refusal::Reason;
use broker_core::value::{Arguments, Value};

use crate::kit::{CountingWake, World, expiring, queue};

fn ready(world: &World, queue: &str) -> u64 {
    world.admin().queue("/", queue).unwrap().stats.ready
}

fn ttl(ms: i128) -> [(&'static str, Value); 1] {
    [("x-message-ttl", Value::Int(ms))]
}

#[test]
fn messages_of_a_queue_with_a_ttl_expire_without_anyone_asking() {
    let mut world = World::new();
    let client = world.client();
    client.queue_with("q", ttl(1000));
    client.publish("", "q", "a");
    world.pass_ms(400);
    client.publish("", "q", "b");
    world.commit();
    world.pass_ms(599);
    assert_eq!(ready(&world, "q"), 2);
    world.pass_ms(1);
    assert_eq!(ready(&world, "q"), 1);
    assert_eq!(world.broker.on_time(), Some(Duration::from_millis(400)));
    world.pass_ms(400);
    assert_eq!(ready(&world, "q"), 0);
    assert_eq!(world.broker.on_time(), None);
}

#[test]
fn a_time_may_be_years() {
    const YEAR_MS: u64 = 365 * 24 * 3600 * 1000;
    let mut world = World::new();
    let client = world.client();
    client.queue_with("q", ttl((9 * YEAR_MS).into()));
    let unused = [("x-expires", Value::Int((5 * YEAR_MS).into()))];
    client.queue_with("unused", unused);
    client.publish("", "q", "nine years");
    let four = (4 * YEAR_MS).to_string();
    client
        .try_publish(expiring("unused", "four years", &four, true))
        .unwrap();
    world.commit();
    drop(client);
    world.pass_ms(4 * YEAR_MS - 1);
    let world = world.reopen();
    world.pass_ms(0);
    assert_eq!((ready(&world, "q"), ready(&world, "unused")), (1, 1));
    world.pass_ms(1);
    assert_eq!((ready(&world, "q"), ready(&world, "unused")), (1, 0));
    world.pass_ms(5 * YEAR_MS);
    assert_eq!(ready(&world, "q"), 0);
    assert!(world.admin().queue("/", "unused").is_err());
}

#[test]
fn the_shorter_of_two_times_counts() {
    let mut world = World::new();
    let client = world.client();
    client.queue_with("q", ttl(1000));
    client.queue("plain", true);
    for (queue, ms) in [("q", "5000"), ("q", "10"), ("plain", "10")] {
        client.try_publish(expiring(queue, ms, ms, true)).unwrap();
    }
    world.commit();
    // The second waits for the first, which waits for the queue's time.
    world.pass_ms(999);
    assert_eq!((ready(&world, "q"), ready(&world, "plain")), (2, 0));
    world.pass_ms(1);
    assert_eq!(ready(&world, "q"), 0);
}

#[test]
fn what_is_expired_is_given_to_nobody_even_if_the_timers_are_late() {
    let mut world = World::new();
    let client = world.client();
    client.queue("q", true);
    for body in ["a", "b"] {
        client.try_publish(expiring("q", body, "10", true)).unwrap();
    }
    client.publish("", "q", "c");
    world.commit();
    world.clock.pass(Duration::from_millis(10));
    assert_eq!(client.empty("q"), ["c"]);
}

#[test]
fn a_bell_rings_when_something_is_due_sooner_than_before() {
    let world = World::new();
    let client = world.client();
    let rings = Arc::new(AtomicUsize::new(0));
    let bell = CountingWake(Arc::clone(&rings));
    world.broker.ring_on_time(Box::new(bell));
    let publish = |queue: &str, ms: &str| {
        client.try_publish(expiring(queue, "", ms, false)).unwrap();
        rings.swap(0, Ordering::SeqCst)
    };
    for name in ["q", "r", "s"] {
        client.queue(name, false);
    }
    assert_eq!(publish("q", "1000"), 1);
    assert_eq!(publish("q", "10"), 0, "it waits behind the first");
    assert_eq!(publish("r", "2000"), 0);
    assert_eq!(publish("s", "500"), 1);
    assert_eq!(world.broker.on_time(), Some(Duration::from_millis(500)));
}

#[test]
fn time_goes_on_while_the_broker_is_down() {
    let mut world = World::new();
    let client = world.client();
    client.queue_with("q", ttl(1000));
    client.queue("other", true);
    for n in 0..20 {
        client.publish("", "q", &n.to_string());
    }
    client
        .try_publish(expiring("other", "x", "1000", true))
        .unwrap();
    client.publish("", "other", "y");
    world.pass_ms(500);
    client.publish("", "q", "late");
    drop(client);
    world = world.reopen();
    assert_eq!(ready(&world, "q"), 21);
    world.pass_ms(499);
    assert_eq!((ready(&world, "q"), ready(&world, "other")), (21, 2));
    world.pass_ms(1);
    assert_eq!((ready(&world, "q"), ready(&world, "other")), (1, 1));
    assert_eq!(world.client().empty("other"), ["y"]);
    // Settled for good.
    world = world.reopen();
    assert_eq!((ready(&world, "q"), ready(&world, "other")), (1, 0));
    world.pass_ms(500);
    assert_eq!(ready(&world, "q"), 0);
}

#[test]
fn messages_that_only_the_journal_has_expire_as_well() {
    let mut world = World::new();
    let client = world.client();
    client.queue_with("q", ttl(1000));
    // Far more than the queue keeps in memory, over several segments that are indexed.
    for n in 0..300 {
        client.publish("", "q", &format!("{n:<1000}"));
        world.commit();
    }
    drop(client);
    world = world.reopen();
    world.pass_ms(999);
    assert_eq!(ready(&world, "q"), 300);
    world.pass_ms(1);
    assert_eq!(ready(&world, "q"), 0);
}

#[test]
fn an_expiry_that_was_not_durable_is_repeated_after_a_crash() {
    let mut world = World::new();
    let client = world.client();
    client.queue_with("q", ttl(1000));
    client.publish("", "q", "a");
    world.commit();
    world.pass_ms(1000);
    assert_eq!(ready(&world, "q"), 0);
    let disk = world.disk.after_power_loss(Survival::Nothing);
    let world = World {
        clock: Arc::clone(&world.clock),
        ..World::open(disk, world.config.clone())
    };
    assert_eq!(ready(&world, "q"), 1);
    assert_eq!(world.client().empty("q"), [""; 0]);
}

#[test]
fn an_unused_queue_goes_and_one_in_use_stays() {
    let world = World::new();
    let client = world.client();
    for name in ["unused", "asked", "consumed"] {
        client.queue_with(name, [("x-expires", Value::Int(1000))]);
    }
    client.publish("", "unused", "with a message in it");
    client.consume("consumed", 1, 0);
    world.pass_ms(600);
    assert_eq!(client.empty("asked"), [""; 0]);
    world.pass_ms(399);
    let exists = |name| world.admin().queue("/", name).is_ok();
    assert!(exists("unused"));
    world.pass_ms(1);
    assert!(!exists("unused") && exists("asked"));
    // A declaration is a use, a passive one too.
    let passive = DeclareQueue {
        passive: true,
        ..queue("asked", true)
    };
    client.try_queue(passive).unwrap();
    world.pass_ms(999);
    assert!(exists("asked"));
    world.pass_ms(1);
    assert!(!exists("asked"));
    world.pass_ms(100_000);
    assert!(exists("consumed"));
    client.attachment.cancel(broker_core::call::ConsumerId(1));
    world.pass_ms(1000);
    assert!(!exists("consumed"));
}

#[test]
fn an_unused_queue_has_its_whole_time_again_after_a_restart() {
    let mut world = World::new();
    let client = world.client();
    client.queue_with("q", [("x-expires", Value::Int(1000))]);
    drop(client);
    world.commit();
    world.pass_ms(900);
    world = world.reopen();
    world.pass_ms(999);
    assert!(world.admin().queue("/", "q").is_ok());
    world.pass_ms(1);
    assert!(world.admin().queue("/", "q").is_err());
    world = world.reopen();
    assert!(world.admin().queue("/", "q").is_err());
}

#[test]
fn a_deleted_queue_leaves_nothing_for_the_timers() {
    let world = World::new();
    let client = world.client();
    client.queue_with("q", [("x-expires", Value::Int(1000))]);
    client.try_publish(expiring("q", "", "10", true)).unwrap();
    client.attachment.delete_queue("q", false, false).unwrap();
    assert_eq!(world.broker.on_time(), None);
}

#[test]
fn a_message_put_back_after_its_time_is_gone() {
    let mut world = World::new();
    let client = world.client();
    client.queue_with("q", ttl(10));
    client.publish("", "q", "a");
    world.commit();
    client.consume("q", 1, 0);
    let held = client.deliveries();
    assert_eq!(held.len(), 1);
    world.pass_ms(100);
    client.settle(&held, Outcome::Requeue);
    assert_eq!(client.bodies(), [""; 0]);
    assert_eq!(ready(&world, "q"), 0);
}

#[test]
fn a_queue_with_another_ttl_is_another_queue() {
    let world = World::new();
    let client = world.client();
    client.queue_with("q", ttl(10));
    let refused = |arguments: Arguments| {
        let call = DeclareQueue {
            arguments,
            ..queue("q", true)
        };
        client.try_queue(call).unwrap_err()
    };
    let other = refused(ttl(11).map(|(name, value)| (name.to_owned(), value)).into());
    assert_eq!(other.reason, Reason::Mismatch);
    assert_eq!(refused(Arguments::new()).reason, Reason::Mismatch);
}
