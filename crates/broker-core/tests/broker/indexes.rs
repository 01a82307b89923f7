//! A broker opened by the indexes of its journal is the broker that reading the whole journal makes.

use broker_core::broker::{Broker, BrokerConfig};
use broker_core::call::{Outcome, Publish};
use broker_core::journal::{Options, SimDisk, Survival};
use broker_core::limits::Limits;
use proptest::prelude::*;

use crate::kit::{Client, World, message, small};

const QUEUES: [&str; 3] = ["one", "two", "both"];

/// What may happen between two openings.
#[derive(Debug, Clone)]
enum Step {
    Commit,
    DeleteAndDeclare(usize),
    Kill,
    Publish { key: &'static str, count: usize },
    Purge(usize),
    Settle { queue: usize, count: usize },
    Upkeep,
}

fn step() -> impl Strategy<Value = Step> {
    let queue = || 0..QUEUES.len();
    prop_oneof![
        8 => (prop::sample::select(vec!["one", "two", "all"]), 1..30_usize)
            .prop_map(|(key, count)| Step::Publish { key, count }),
        6 => (queue(), 1..25_usize).prop_map(|(queue, count)| Step::Settle { queue, count }),
        4 => Just(Step::Commit),
        1 => queue().prop_map(Step::DeleteAndDeclare),
        1 => queue().prop_map(Step::Purge),
        1 => Just(Step::Kill),
        1 => Just(Step::Upkeep),
    ]
}

fn world() -> World {
    let journal = Options {
        segment_bytes: 20 << 10,
        batch_bytes: 8 << 10,
        ..small()
    };
    let mut world = World::with(Limits::default(), journal);
    let client = world.client();
    QUEUES.iter().for_each(|queue| declare(&client, queue));
    world.commit();
    world
}

fn declare(client: &Client, queue: &str) {
    client.queue(queue, true);
    client.bind("amq.direct", queue, "all");
    if queue != "both" {
        client.bind("amq.direct", queue, queue);
    }
}

/// One step; answers the world that goes on.
fn take(mut world: World, client: &mut Client, number: usize, step: &Step) -> World {
    match step {
        Step::Commit => world.commit(),
        Step::DeleteAndDeclare(queue) => {
            let queue = QUEUES[*queue];
            client.attachment.delete_queue(queue, false, false).unwrap();
            declare(client, queue);
        }
        Step::Kill => {
            let disk = world.disk.after_power_loss(Survival::Everything);
            world = World::open(disk, world.config.clone());
            *client = world.client();
        }
        Step::Publish { key, count } => {
            for n in 0..*count {
                let body = format!("{number}/{n:<300}");
                let call: Publish = message("amq.direct", key, &body);
                // A disk without room for it is no matter here.
                let _ = client.try_publish(call);
            }
        }
        Step::Purge(queue) => drop(client.attachment.purge_queue(QUEUES[*queue]).unwrap()),
        Step::Settle { queue, count } => {
            let taken = (0..*count).map_while(|_| {
                let taken = client.attachment.get(QUEUES[*queue], false).unwrap()?;
                Some(taken.0)
            });
            let mut taken: Vec<_> = taken.collect();
            // Not in order, and one is given back.
            taken.reverse();
            let back = taken.pop();
            client.settle(&taken, Outcome::Accept);
            client.settle(&Vec::from_iter(back), Outcome::Requeue);
        }
        Step::Upkeep => {
            for _ in 0..4 {
                world.commit();
                world.broker.committed();
            }
        }
    }
    world
}

/// Everything a broker has: definitions, and the messages of every queue in order.
fn dump(disk: &SimDisk, config: &BrokerConfig) -> String {
    let opened = Broker::open(config, std::sync::Arc::new(disk.clone())).unwrap();
    let world = World::open_with(opened, disk.clone(), config.clone());
    let admin = world.admin();
    let mut text = format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n",
        admin.users(),
        admin.permissions(None),
        admin.bindings("/").unwrap(),
        admin.queues("/").unwrap()
    );
    let client = world.client();
    for queue in QUEUES {
        while let Some((delivery, behind)) = client.attachment.get(queue, false).unwrap() {
            let body = delivery.message.body.len();
            let (sequence, key) = (delivery.sequence, &delivery.message.envelope.routing_key);
            text += &format!("{queue} {sequence:?} {key} {body} {behind}\n");
        }
        // Where the next message will be.
        client.publish("", queue, "next");
        let next = client.attachment.get(queue, false).unwrap();
        text += &format!("{:?}\n", next.map(|(delivery, _)| delivery.sequence));
    }
    text
}

fn indexes_of(disk: &SimDisk) -> Vec<String> {
    let names = disk.contents().into_keys();
    names.filter(|name| name.starts_with("index-")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

    #[test]
    fn both_ways_of_opening_find_the_same(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = world();
        let mut client = world.client();
        for (number, step) in steps.iter().enumerate() {
            world = take(world, &mut client, number, step);
        }
        let by_index = world.disk.after_power_loss(Survival::Everything);
        let by_reading = world.disk.after_power_loss(Survival::Everything);
        indexes_of(&by_reading).iter().for_each(|name| by_reading.lose(name));
        prop_assert_eq!(dump(&by_index, &world.config), dump(&by_reading, &world.config));
    }
}

#[test]
fn full_segments_get_indexes_and_a_broker_opens_by_them() {
    let world = world();
    let mut client = world.client();
    let many = Step::Publish {
        key: "all",
        count: 100,
    };
    let mut world = take(world, &mut client, 0, &many);
    world.commit();
    let full = indexes_of(&world.disk);
    assert!(full.len() >= 2, "{full:?}");
    // Were the first segment read, its damage would be found.
    let disk = world.disk.after_power_loss(Survival::Everything);
    let (before, name) = (dump(&disk, &world.config), "segment-00000001");
    let disk = world.disk.after_power_loss(Survival::Everything);
    let at = disk.contents()[name].len() / 2;
    disk.flip(name, at * 8);
    let opened = Broker::open(&world.config, std::sync::Arc::new(disk)).unwrap();
    assert_eq!(before.matches("both ").count(), 100);
    assert_eq!(
        opened.0.admin().queue("/", "both").unwrap().stats.ready,
        100
    );
}
