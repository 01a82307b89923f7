//! Consumers that hold a long backlog without settling it.

use std::collections::BTreeMap;
use std::time::Duration;

use broker_core::call::{Delivery, Outcome};
use broker_core::journal::Options;
use broker_core::limits::Limits;
use broker_core::value::Value;

use crate::kit::{Client, World, body, small};

const WINDOW_BYTES: usize = 4 << 10;

/// What a queue keeps at either end, what consumers hold of it in memory, what is read at a time, and
/// an outbox.
const MOST_BYTES: u64 = 20 * WINDOW_BYTES as u64 + (300 << 10) + (64 << 10);

fn world() -> World {
    let journal = Options {
        segment_bytes: 256 << 10,
        ..small()
    };
    let mut world = World::with(Limits::default(), journal);
    world.config.limits.queue_window_bytes = WINDOW_BYTES;
    world.config.limits.outbox_bytes = 16 << 10;
    world.reopen()
}

fn numbered(n: usize) -> String {
    format!("{n:<1000}")
}

fn number(body: &str) -> usize {
    body.trim_end().parse().unwrap()
}

fn fill(world: &mut World, client: &Client, queue: &str, count: usize) {
    for n in 0..count {
        client.publish("", queue, &numbered(n));
        if n % 20 == 19 {
            world.commit();
        }
    }
    world.commit();
}

fn memory_bytes(world: &World) -> u64 {
    world.admin().stats().memory_bytes
}

/// Everything that comes to a consumer, without its message.
fn hold_all(world: &World, client: &Client) -> BTreeMap<usize, Delivery> {
    let mut held = BTreeMap::new();
    loop {
        let deliveries = client.deliveries();
        if deliveries.is_empty() {
            return held;
        }
        for delivery in deliveries {
            let n = number(&body(&delivery));
            // As a session does, which sends the message and keeps where it was.
            let mut plain = (*delivery.message.envelope).clone();
            plain.properties = broker_core::message::Properties::Amqp091(vec![0, 0].into());
            let message = broker_core::message::Message::new(plain.into(), Default::default());
            let delivery = Delivery {
                message: message.into(),
                ..delivery
            };
            held.insert(n, delivery);
        }
        let bytes = memory_bytes(world);
        let known = 128 * held.len() as u64;
        assert!(bytes < MOST_BYTES + known, "{bytes} with {}", held.len());
    }
}

/// Lets dead letters go, some at a time, as the journal has room.
fn settle_down(world: &mut World) {
    for _ in 0..20 {
        while world.broker.on_time() == Some(Duration::ZERO) {
            world.commit();
        }
        world.commit();
    }
}

fn settle(client: &Client, delivery: &Delivery, outcome: Outcome) {
    let sequences = [delivery.sequence];
    client
        .attachment
        .settle(delivery.queue, &sequences, outcome);
}

#[test]
fn a_consumer_without_a_limit_holds_a_backlog_that_does_not_fit_into_memory() {
    let mut world = world();
    let client = world.client();
    client.queue("dead", true);
    let dead = [
        ("x-dead-letter-exchange", Value::Text(String::new())),
        ("x-dead-letter-routing-key", Value::Text("dead".to_owned())),
    ];
    client.queue_with("q", dead);
    fill(&mut world, &client, "q", 3000);
    client.consume("q", 1, 0);
    let held = hold_all(&world, &client);
    assert!(held.keys().copied().eq(0..3000));
    let stats = world.admin().queue("/", "q").unwrap().stats;
    assert_eq!((stats.ready, stats.unsettled), (0, 3000));
    for (n, delivery) in &held {
        match n % 3 {
            0 => settle(&client, delivery, Outcome::Accept),
            1 => settle(&client, delivery, Outcome::Reject),
            _ => {}
        }
    }
    settle_down(&mut world);
    // What was neither accepted nor rejected comes back with the end of its connection.
    drop(client);
    assert!(memory_bytes(&world) < MOST_BYTES + 2000 * 128);
    let client = world.client();
    let left: Vec<_> = client.empty("q").iter().map(|it| number(it)).collect();
    assert!(left.iter().copied().eq((2..3000).step_by(3)));
    let mut dead: Vec<_> = client.empty("dead").iter().map(|it| number(it)).collect();
    dead.sort_unstable();
    assert!(dead.iter().copied().eq((1..3000).step_by(3)));
    drop(client);
    let world = world.reopen();
    assert!(world.client().empty("q").is_empty());
}

#[test]
fn what_is_held_moves_on_in_the_journal_and_is_there_after_a_restart() {
    let mut world = world();
    let client = world.client();
    client.queue("q", true);
    client.queue("churn", true);
    fill(&mut world, &client, "q", 500);
    let consumer = world.client();
    consumer.consume("q", 1, 0);
    let held = hold_all(&world, &consumer);
    for _ in 0..60 {
        for _ in 0..10 {
            client.publish("", "churn", &"x".repeat(20_000));
        }
        world.commit();
        assert_eq!(client.empty("churn").len(), 10);
        world.commit();
    }
    // 12 MB went through: the messages held were copied forward.
    let stored: usize = world.disk.contents().values().map(Vec::len).sum();
    assert!(stored < 6_000_000, "{stored}");
    for delivery in held.values().take(100) {
        settle(&consumer, delivery, Outcome::Accept);
    }
    for delivery in held.values().skip(300).take(50) {
        settle(&consumer, delivery, Outcome::Requeue);
    }
    let again = hold_all(&world, &consumer);
    assert!(again.keys().copied().eq(300..350));
    assert!(again.values().all(|delivery| delivery.redelivered));
    drop((client, consumer));
    let world = world.reopen();
    let left = world.client().empty("q");
    assert!(left.iter().map(|it| number(it)).eq(100..500));
}

#[test]
fn a_queue_that_counts_returns_knows_them_of_what_it_left_to_the_journal() {
    let mut world = world();
    let client = world.client();
    let text = |text: &str| Value::Text(text.to_owned());
    client.queue("dead", true);
    let limited = [
        ("x-queue-type", text("quorum")),
        ("x-delivery-limit", Value::Int(2)),
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text("dead")),
    ];
    client.queue_with("q", limited);
    fill(&mut world, &client, "q", 600);
    for returns in 0..3 {
        let consumer = world.client();
        consumer.consume("q", 1, 0);
        let held = hold_all(&world, &consumer);
        assert!(held.keys().copied().eq(0..600));
        assert!(held.values().all(|delivery| delivery.returns == returns));
    }
    settle_down(&mut world);
    assert!(client.empty("q").is_empty());
    assert_eq!(client.empty("dead").len(), 600);
}
