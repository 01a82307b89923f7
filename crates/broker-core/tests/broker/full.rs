//! A disk that fills up and gets room again: nothing that was said to be done is undone, and nothing
//! is half done.

use std::sync::atomic::Ordering;

use broker_core::call::{Delivery, Outcome};
use broker_core::journal::{Lsn, Options};
use broker_core::limits::Limits;
use broker_core::refusal::Reason;

use crate::kit::{Client, World, message, small};

fn small_segments() -> World {
    let journal = Options {
        segment_bytes: 64 << 10,
        ..small()
    };
    World::with(Limits::default(), journal)
}

/// Lets nobody write a new file.
fn fill_up(world: &World) {
    world.disk.set_capacity_bytes(0);
}

fn give_room(world: &World) {
    world.disk.set_capacity_bytes(u64::MAX);
}

fn publish_until_refused(world: &mut World, client: &Client, queue: &str) -> usize {
    for count in 0.. {
        match client.try_publish(message("", queue, &"x".repeat(100))) {
            Ok(_) => world.commit(),
            Err(refusal) => {
                assert_eq!(refusal.reason, Reason::ResourceExhausted);
                return count;
            }
        }
    }
    unreachable!("the loop has no end")
}

/// Takes all messages of the queue out, unsettled.
fn take_all(client: &Client, queue: &str) -> Vec<Delivery> {
    std::iter::from_fn(|| client.attachment.get(queue, false).unwrap())
        .map(|(delivery, _)| delivery)
        .collect()
}

/// A disk so full that not even a settlement goes in, with `kept` in memory and in the journal.
fn brimful(world: &mut World, client: &Client, kept: &str, messages: usize) {
    client.queue(kept, true);
    client.queue("filler", true);
    for n in 0..messages {
        client.publish("", kept, &format!("m{n}"));
        world.commit();
    }
    fill_up(world);
    publish_until_refused(world, client, "filler");
    use_up_the_reserve(world, client);
}

/// Settles and publishes in a queue nobody else uses until the journal takes no settlement.
fn use_up_the_reserve(world: &mut World, client: &Client) {
    for delivery in take_all(client, "filler") {
        let lsn = client
            .attachment
            .settle(delivery.queue, &[delivery.sequence], Outcome::Accept);
        world.commit();
        if lsn > world.broker.durable() {
            return;
        }
    }
    panic!("there is room left");
}

#[test]
fn settlements_made_on_a_full_disk_are_journaled_once_there_is_room() {
    let mut world = small_segments();
    let client = world.client();
    brimful(&mut world, &client, "q", 50);
    let deliveries = take_all(&client, "q");
    assert_eq!(deliveries.len(), 50);
    let mut last = None;
    for delivery in &deliveries[..40] {
        last = Some(client.attachment.settle(
            delivery.queue,
            &[delivery.sequence],
            Outcome::Accept,
        ));
    }
    world.commit();
    assert!(last.unwrap() > world.broker.durable());
    give_room(&world);
    world.commit();
    assert!(last.unwrap() <= world.broker.durable());
    drop(client);

    let world = world.reopen();
    let expected: Vec<_> = (40..50).map(|n| format!("m{n}")).collect();
    assert_eq!(world.client().empty("q"), expected);
}

#[test]
fn who_waits_for_a_purge_on_a_full_disk_is_woken_once_there_is_room() {
    let mut world = small_segments();
    let client = world.client();
    brimful(&mut world, &client, "q", 5);
    let (purged, lsn) = client.attachment.purge_queue("q").unwrap();
    assert_eq!(purged, 5);
    let wakes = client.wakes.load(Ordering::SeqCst);
    for _ in 0..3 {
        client.attachment.watch_commit(lsn);
        world.commit();
    }
    assert_eq!(client.wakes.load(Ordering::SeqCst), wakes);
    give_room(&world);
    world.commit();
    assert_eq!(client.wakes.load(Ordering::SeqCst), wakes + 1);
    assert!(lsn <= client.attachment.durable());
    drop(client);
    assert!(world.reopen().client().empty("q").is_empty());
}

#[test]
fn memory_that_becomes_free_wakes_nobody_who_waits_for_the_disk() {
    let mut world = small_segments();
    let client = world.client();
    brimful(&mut world, &client, "q", 10);
    let publisher = world.client();
    assert!(publisher.attachment.publish_paused(|| false));
    for _ in 0..10 {
        client.empty("filler");
        client.attachment.get("q", true).unwrap().unwrap();
        assert!(publisher.attachment.publish_paused(|| false));
    }
    assert_eq!(publisher.wakes.load(Ordering::SeqCst), 0);
    give_room(&world);
    world.commit();
    assert_eq!(publisher.wakes.load(Ordering::SeqCst), 1);
    assert!(!publisher.attachment.publish_paused(|| false));
}

#[test]
fn a_publish_waits_for_the_next_segment_and_is_not_refused() {
    let mut world = small_segments();
    let client = world.client();
    client.queue("q", true);
    world.commit();
    let mut expected = Vec::new();
    for round in 0..10 {
        // The disk is slow: several segments come while it does nothing at all.
        let mut last = Lsn(0);
        for n in 0..100 {
            let body = format!("{round}:{n} {}", "x".repeat(3000));
            last = client.publish("", "q", &body).unwrap();
            expected.push(body);
        }
        assert!(client.attachment.publish_paused(|| false), "round {round}");
        assert!(last > client.attachment.durable());
        client.attachment.watch_commit(last);
        let wakes = client.wakes.load(Ordering::SeqCst);
        world.commit();
        assert!(last <= client.attachment.durable());
        assert!(client.wakes.load(Ordering::SeqCst) > wakes);
        assert!(!client.attachment.publish_paused(|| false));
    }
    drop(client);
    let world = world.reopen();
    assert_eq!(world.client().empty("q"), expected);
}

#[test]
fn a_message_that_waits_for_its_segment_can_be_had_and_settled_and_stays_so() {
    let mut world = small_segments();
    let client = world.client();
    client.queue("q", true);
    client.consume("q", 1, 0);
    world.commit();
    for n in 0..60 {
        client.publish("", "q", &format!("{n:02}{}", "x".repeat(3000)));
    }
    assert!(client.attachment.publish_paused(|| false));
    assert!(client.deliveries().is_empty(), "nothing is durable");
    let (waiting, _) = std::iter::from_fn(|| client.attachment.get("q", false).unwrap())
        .last()
        .unwrap();
    assert!(waiting.message.lsn > world.broker.durable());
    client
        .attachment
        .settle(waiting.queue, &[waiting.sequence], Outcome::Accept);
    world.commit();
    drop(client);
    let world = world.reopen();
    let left: Vec<_> = world
        .client()
        .empty("q")
        .iter()
        .map(|body| body[..2].to_owned())
        .collect();
    assert_eq!(left, (0..59).map(|n| format!("{n:02}")).collect::<Vec<_>>());
}
