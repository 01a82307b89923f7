//! A disk that fills up and gets room again: nothing that was said to be done is undone, and nothing
//! is half done.

use std::sync::atomic::Ordering;

use broker_core::call::{Delivery, Outcome};
use broker_core::journal::Options;
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
