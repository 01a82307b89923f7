//! Long queues: what lies between their ends is in the journal alone, and nobody notices.

use std::collections::{BTreeMap, BTreeSet};

use broker_core::call::{Delivery, Outcome};
use broker_core::journal::Options;
use broker_core::limits::Limits;
use broker_core::refusal::Reason;
use proptest::prelude::*;

use crate::kit::{Client, World, body, place_of, publish, small};

const WINDOW_BYTES: usize = 16 << 10;

fn world() -> World {
    let journal = Options {
        segment_bytes: 256 << 10,
        ..small()
    };
    let mut world = World::with(Limits::default(), journal);
    world.config.limits.queue_window_bytes = WINDOW_BYTES;
    world.reopen()
}

fn fill(world: &mut World, client: &Client, queue: &str, messages: std::ops::Range<usize>) {
    for n in messages {
        client.publish("", queue, &numbered(n));
        if n % 20 == 19 {
            world.commit();
        }
    }
    world.commit();
}

/// A body of 1,000 bytes that begins with a number.
fn numbered(n: usize) -> String {
    format!("{n:<1000}")
}

fn number(body: &str) -> usize {
    body.trim_end().parse().unwrap()
}

fn memory_bytes(world: &World) -> u64 {
    world.admin().stats().memory_bytes
}

/// Both ends, each filled up to twice what it may keep once it is too long, and what is brought
/// back at a time.
const MOST_BYTES: u64 = 2 * WINDOW_BYTES as u64 + (300 << 10);

#[test]
fn memory_does_not_grow_with_the_backlog() {
    let mut world = world();
    let client = world.client();
    client.queue("q", true);
    fill(&mut world, &client, "q", 0..3000);
    assert!(
        memory_bytes(&world) < MOST_BYTES,
        "{}",
        memory_bytes(&world)
    );
    drop(client);

    let world = world.reopen();
    let client = world.client();
    assert_eq!(memory_bytes(&world), 0, "nothing is read before it is due");
    for n in 0..3000 {
        let (delivery, behind) = client.attachment.get("q", true).unwrap().unwrap();
        assert_eq!((number(&body(&delivery)), behind as usize), (n, 2999 - n));
        assert!(memory_bytes(&world) < MOST_BYTES);
    }
    assert!(client.attachment.get("q", true).unwrap().is_none());
}

#[test]
fn a_consumer_gets_a_long_backlog_in_order_and_what_it_gives_back_first() {
    let mut world = world();
    let client = world.client();
    client.queue("q", true);
    fill(&mut world, &client, "q", 0..500);
    client.consume("q", 1, 30);
    let first = client.deliveries();
    assert_eq!(first.len(), 30);
    client.settle(&first[10..20], Outcome::Requeue);
    client.settle(&first[..10], Outcome::Accept);
    client.settle(&first[20..], Outcome::Accept);
    let mut seen = BTreeSet::new();
    loop {
        let deliveries = client.deliveries();
        if deliveries.is_empty() {
            break;
        }
        for delivery in &deliveries {
            let n = number(&body(delivery));
            assert_eq!(delivery.redelivered, (10..20).contains(&n), "{n}");
            assert!(seen.insert(n));
        }
        client.settle(&deliveries, Outcome::Accept);
    }
    assert!(seen.into_iter().eq((10..20).chain(30..500)));
}

#[test]
fn what_is_purged_or_deleted_with_its_queue_does_not_come_back() {
    let mut world = world();
    let client = world.client();
    for name in ["kept", "purged", "deleted"] {
        client.queue(name, true);
        fill(&mut world, &client, name, 0..100);
    }
    let (purged, _) = client.attachment.purge_queue("purged").unwrap();
    assert_eq!(purged, 100);
    client
        .attachment
        .delete_queue("deleted", false, false)
        .unwrap();
    world.commit();
    drop(client);
    let world = world.reopen();
    let client = world.client();
    assert_eq!(client.empty("kept").len(), 100);
    assert!(client.empty("purged").is_empty());
    client.queue("deleted", true);
    assert!(client.empty("deleted").is_empty());
}

#[test]
fn many_queues_share_one_memory() {
    let mut world = world();
    let limit_bytes = 1 << 20;
    world.config.limits.memory_bytes = limit_bytes;
    let mut world = world.reopen();
    let client = world.client();
    let names: Vec<_> = (0..100).map(|n| format!("q{n}")).collect();
    for name in &names {
        client.queue(name, true);
        // Each queue would keep 12 of its messages, all of them more than there is memory.
        fill(&mut world, &client, name, 0..12);
        assert!(!client.attachment.publish_paused(|| false), "{name}");
    }
    assert!(memory_bytes(&world) < limit_bytes);
    for name in &names {
        let bodies = client.empty(name);
        assert!(bodies.iter().map(|body| number(body)).eq(0..12));
    }
}

#[test]
fn a_message_of_several_queues_is_read_for_each_of_them() {
    let mut world = world();
    let client = world.client();
    client.exchange("all", "fanout");
    for name in ["a", "b"] {
        client.queue(name, true);
        client.bind("all", name, "");
    }
    for n in 0..100 {
        client.publish("all", "", &numbered(n));
    }
    world.commit();
    // Another push, so that what is durable by now can leave the memory.
    client.publish("all", "", &numbered(100));
    world.commit();
    assert!(client.empty("a").iter().map(|body| number(body)).eq(0..101));
    world.commit();
    drop(client);
    let world = world.reopen();
    let client = world.client();
    assert!(client.empty("a").is_empty());
    assert!(client.empty("b").iter().map(|body| number(body)).eq(0..101));
}

#[test]
fn paged_messages_are_copied_forward_from_the_journal_to_the_journal() {
    let mut world = world();
    let client = world.client();
    client.queue("old", true);
    client.queue("churn", true);
    fill(&mut world, &client, "old", 0..200);
    for round in 0..150 {
        fill(&mut world, &client, "churn", 0..40);
        assert_eq!(client.empty("churn").len(), 40);
        if round % 50 == 49 {
            let (delivery, _) = client.attachment.get("old", false).unwrap().unwrap();
            client.settle(&[delivery], Outcome::Accept);
        }
    }
    // 6 MB went through since the messages were written: they must have moved.
    let stored: usize = world.disk.contents().values().map(Vec::len).sum();
    assert!(stored < 4_000_000, "{stored}");
    drop(client);
    let world = world.reopen();
    let left = world.client().empty("old");
    assert!(left.iter().map(|body| number(body)).eq(3..200));
}

/// Lets so many times 200 KB go through a queue of its own, which is empty again afterwards.
fn churn(world: &mut World, client: &Client, times: usize) {
    let big = "x".repeat(20_000);
    for _ in 0..times {
        for _ in 0..10 {
            client.publish("", "churn", &big);
        }
        world.commit();
        assert_eq!(client.empty("churn").len(), 10);
        world.commit();
    }
}

fn stored_bytes(world: &World) -> usize {
    world.disk.contents().values().map(Vec::len).sum()
}

#[test]
fn one_old_message_does_not_keep_the_journal_growing_wherever_it_lies() {
    for before in [0, 2, 5] {
        let mut world = world();
        let client = world.client();
        client.queue("old", true);
        client.queue("churn", true);
        churn(&mut world, &client, before);
        client.publish("", "old", "the oldest of all");
        world.commit();
        churn(&mut world, &client, 40);
        let stored = stored_bytes(&world);
        assert!(stored < 4_000_000, "{stored} bytes, {before} before");
        drop(client);
        let left = world.reopen().client().empty("old");
        assert_eq!(left, ["the oldest of all"]);
    }
}

#[test]
fn a_backlog_of_several_segments_is_copied_forward() {
    let mut world = world();
    let client = world.client();
    client.queue("old", true);
    client.queue("churn", true);
    churn(&mut world, &client, 1);
    for n in 0..6000 {
        client.publish("", "old", &n.to_string());
        if n % 100 == 99 {
            world.commit();
        }
    }
    churn(&mut world, &client, 120);
    // 24 MB went through, and the messages weigh 1.6 MB.
    let stored = stored_bytes(&world);
    assert!(stored < 10_000_000, "{stored}");
    assert!(memory_bytes(&world) < MOST_BYTES);
    drop(client);
    let left = world.reopen().client().empty("old");
    assert!(left.iter().map(|body| number(body)).eq(0..6000));
}

#[test]
fn a_transient_queue_does_not_keep_the_journal_growing() {
    let mut world = world();
    let client = world.client();
    client.exchange("all", "fanout");
    client.queue("work", true);
    client.queue("watch", false);
    client.bind("all", "work", "");
    client.bind("all", "watch", "");
    client.queue("churn", true);
    client.publish("all", "", "seen by both");
    world.commit();
    assert_eq!(client.empty("work"), ["seen by both"]);
    churn(&mut world, &client, 60);
    let stored = stored_bytes(&world);
    assert!(stored < 6_000_000, "{stored}");
    assert_eq!(client.empty("watch"), ["seen by both"]);
}

#[test]
fn what_a_lost_consumer_held_leaves_the_memory_again() {
    let mut world = world();
    let client = world.client();
    client.queue("q", true);
    fill(&mut world, &client, "q", 0..1000);
    let lost = world.client();
    lost.consume("q", 1, 0);
    while !lost.deliveries().is_empty() {}
    let known = 1000 * 128;
    assert!(memory_bytes(&world) < MOST_BYTES + 16 * WINDOW_BYTES as u64 + known);
    drop(lost);
    let held = memory_bytes(&world);
    assert!(held < MOST_BYTES, "{held}");
    assert!(
        client
            .empty("q")
            .iter()
            .map(|body| number(body))
            .eq(0..1000)
    );
}

#[test]
fn publishers_wait_for_memory_only_while_nothing_can_be_left_to_the_journal() {
    let mut world = world();
    world.config.limits.memory_bytes = 1 << 20;
    let mut world = world.reopen();
    let client = world.client();
    client.queue("transient", true);
    let body = numbered(0);
    while memory_bytes(&world) < 900_000 {
        let call = publish("", "transient", &body, false);
        client.try_publish(call).unwrap();
    }
    world.commit();
    for n in 0..20 {
        let name = format!("q{n}");
        client.queue(&name, true);
        for _ in 0..50 {
            client.publish("", &name, &body);
        }
        // What came last is durable only now, and nobody publishes there any more.
        world.commit();
        assert!(!client.attachment.publish_paused(|| false), "{name}");
    }
}

#[test]
fn a_damaged_message_is_never_delivered_and_stops_the_broker_by_name() {
    let mut world = world();
    let client = world.client();
    client.queue("q", true);
    fill(&mut world, &client, "q", 0..100);
    let (name, at) = place_of(&world.disk, &numbered(50));
    world.disk.flip(&name, (at + 500) * 8);
    let mut delivered = 0;
    let refusal = loop {
        match client.attachment.get("q", true) {
            Ok(got) => assert_eq!(number(&body(&got.unwrap().0)), delivered),
            Err(refusal) => break refusal,
        }
        delivered += 1;
    };
    assert!(delivered <= 50, "{delivered}");
    assert_eq!(refusal.reason, Reason::Unavailable);
    let stopped = world.broker.stopped().unwrap().to_string();
    let offset_and_reason = stopped.contains("damaged at byte") && stopped.contains("checksum");
    assert!(stopped.contains(&name) && offset_and_reason, "{stopped}");
}

/// One thing that happens to a queue.
#[derive(Debug, Clone)]
enum Step {
    /// Publishes so many messages, persistent or not.
    Publish(usize, bool),
    /// Takes so many out and keeps them.
    Get(usize),
    /// Settles one of those held.
    Settle(prop::sample::Index, bool),
    Purge,
    Commit,
    /// Only what is persistent comes back.
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..30usize, prop::bool::weighted(0.8))
            .prop_map(|(count, persistent)| Step::Publish(count, persistent)),
        4 => (1..30usize).prop_map(Step::Get),
        6 => (any::<prop::sample::Index>(), any::<bool>())
            .prop_map(|(which, accept)| Step::Settle(which, accept)),
        1 => Just(Step::Purge),
        5 => Just(Step::Commit),
        1 => Just(Step::Reopen),
    ]
}

/// What the queue should hold: numbers of messages and whether they are persistent.
#[derive(Debug, Default)]
struct Model {
    next: usize,
    ready: BTreeMap<usize, bool>,
    held: Vec<(usize, bool, Delivery)>,
}

impl Model {
    fn step(&mut self, step: Step, world: World, client: Client) -> (World, Client) {
        let mut world = world;
        match step {
            Step::Publish(count, persistent) => {
                for _ in 0..count {
                    let body = numbered(self.next);
                    let call = publish("", "q", &body, persistent);
                    client.try_publish(call).unwrap();
                    self.ready.insert(self.next, persistent);
                    self.next += 1;
                }
            }
            Step::Get(count) => {
                for _ in 0..count {
                    let got = client.attachment.get("q", false).unwrap();
                    let expected = self.ready.pop_first();
                    let Some((delivery, behind)) = got else {
                        assert_eq!(expected, None);
                        break;
                    };
                    let n = number(&body(&delivery));
                    assert_eq!(Some(n), expected.map(|(n, _)| n));
                    assert_eq!(behind as usize, self.ready.len());
                    self.held.extend(expected.map(|(n, it)| (n, it, delivery)));
                }
            }
            Step::Settle(which, accept) if !self.held.is_empty() => {
                let index = which.index(self.held.len());
                let (n, persistent, delivery) = self.held.swap_remove(index);
                if accept {
                    client.settle(&[delivery], Outcome::Accept);
                } else {
                    client.settle(&[delivery], Outcome::Requeue);
                    self.ready.insert(n, persistent);
                }
            }
            Step::Settle(..) => {}
            Step::Purge => {
                let (purged, _) = client.attachment.purge_queue("q").unwrap();
                assert_eq!(purged as usize, self.ready.len());
                self.ready.clear();
            }
            Step::Commit => world.commit(),
            Step::Reopen => {
                drop(client);
                let held = self
                    .held
                    .drain(..)
                    .map(|(n, persistent, _)| (n, persistent));
                self.ready.extend(held);
                self.ready.retain(|_, persistent| *persistent);
                world = world.reopen();
                let client = world.client();
                return (world, client);
            }
        }
        (world, client)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_long_queue_is_a_queue(
        steps in prop::collection::vec(step(), 1..120),
        window_bytes in prop_oneof![Just(0), Just(2_000), Just(10_000)],
    ) {
        let mut world = world();
        world.config.limits.queue_window_bytes = window_bytes;
        let mut world = world.reopen();
        let mut client = world.client();
        client.queue("q", true);
        let mut model = Model::default();
        for step in steps {
            (world, client) = model.step(step, world, client);
        }
        let left = client.empty("q");
        prop_assert!(left.iter().map(|body| number(body)).eq(model.ready.into_keys()));
    }
}
