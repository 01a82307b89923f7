//! Two brokers, one of which serves and the other of which takes its journal: whoever serves dies at
//! any moment, and the other takes over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use broker_core::broker::{BrokerConfig, Standby};
use broker_core::call::{Consume, Outcome};
use broker_core::journal::{Epoch, Lsn, Options, Shipment, SimDisk, Survival, Turn};
use broker_core::limits::Limits;
use broker_core::value::{Arguments, Value};

use crate::kit::{Client, World, body, consume, small};

/// The one that serves, and the one that stands by.
struct Pair {
    active: World,
    standby: Standby,
    standby_disk: SimDisk,
}

fn stand_by(config: &BrokerConfig, disk: &SimDisk) -> Standby {
    Standby::open(config, Arc::new(disk.clone())).unwrap()
}

impl Pair {
    fn new() -> Self {
        let active = World::new();
        let standby_disk = SimDisk::new(99);
        let standby = stand_by(&active.config, &standby_disk);
        let mut pair = Self {
            active,
            standby,
            standby_disk,
        };
        pair.hold();
        pair
    }

    /// From now on nothing counts that the standby does not have.
    fn hold(&mut self) {
        self.active.broker.hold_durable(self.standby.durable());
        self.settle();
    }

    /// Ships one portion; false if there is none.
    fn ship(&mut self, most_bytes: usize) -> bool {
        let shipment = self.active.broker.ship(self.standby.end(), most_bytes);
        match shipment.unwrap() {
            Shipment::Run(run) => self.standby.append(run).unwrap(),
            Shipment::Nothing => return false,
            Shipment::Freed(first) => panic!("records before lsn {} are gone", first.0),
        }
        true
    }

    /// The standby syncs and says so; the active says what is committed.
    fn acknowledge(&mut self) {
        let durable = self.standby.sync().unwrap();
        self.active.broker.hold_durable(durable);
        self.standby.commit(self.active.broker.durable()).unwrap();
        self.standby.upkeep().unwrap();
    }

    /// Until the standby has all there is.
    fn settle(&mut self) {
        loop {
            self.active.commit();
            while self.ship(4000) {}
            let before = self.active.broker.durable();
            self.acknowledge();
            if self.active.broker.durable() == before {
                break;
            }
        }
    }

    /// The active loses its power, the standby takes over, and the other comes back as the standby.
    fn fail_over(self, seed: u64) -> Self {
        let Self {
            active,
            mut standby,
            standby_disk,
        } = self;
        let World {
            disk,
            config,
            clock,
            ..
        } = active;
        let old = disk.after_power_loss(Survival::Some(seed));
        standby.sync().unwrap();
        let parted = standby.end();
        let epoch = Epoch(standby.epoch().0 + 1);
        let opened = standby.promote(epoch, parted).unwrap();
        let mut active = World::open_with(opened, standby_disk, config);
        active.clock = clock;
        active.broker.hold_durable(parted);
        let mut standby = stand_by(&active.config, &old);
        if standby.end() > parted {
            standby = standby.truncate(parted).unwrap();
        }
        Self {
            active,
            standby,
            standby_disk: old,
        }
    }
}

#[test]
fn what_is_declared_and_published_is_there_after_the_standby_took_over() {
    let mut pair = Pair::new();
    let client = pair.active.client();
    client.exchange("ex", "topic");
    client.queue("q", true);
    client.queue("gone", true);
    client.queue("transient", false);
    client.bind("ex", "q", "a.#");
    for n in 0..6 {
        client.publish("ex", "a.b", &format!("m{n}"));
    }
    client.publish("", "transient", "lost");
    pair.settle();
    client.consume("q", 1, 3);
    let deliveries = client.deliveries();
    client.settle(&deliveries[..2], Outcome::Accept);
    client
        .attachment
        .delete_queue("gone", false, false)
        .unwrap();
    pair.settle();
    drop(client);

    let mut pair = pair.fail_over(1);
    pair.settle();
    let client = pair.active.client();
    client.publish("ex", "a.c", "after");
    pair.settle();
    assert_eq!(client.empty("q"), ["m2", "m3", "m4", "m5", "after"]);
    assert!(client.attachment.get("gone", true).is_err());
    assert!(client.attachment.get("transient", true).is_err());
}

#[test]
fn nothing_is_told_that_the_standby_does_not_have() {
    let mut pair = Pair::new();
    let client = pair.active.client();
    client.queue("q", true);
    pair.settle();
    client.consume("q", 1, 0);
    let lsn = client.publish("", "q", "m").unwrap();
    pair.active.commit();
    assert!(pair.active.broker.durable() < lsn && client.bodies().is_empty());
    while pair.ship(1000) {}
    assert!(pair.active.broker.durable() < lsn, "not synced there");
    pair.acknowledge();
    assert!(pair.active.broker.durable() >= lsn);
    assert_eq!(client.bodies(), ["m"]);
}

#[test]
fn a_standby_frees_what_the_active_frees() {
    let mut pair = Pair::new();
    let client = pair.active.client();
    client.queue("q", true);
    for round in 0..60 {
        for n in 0..20 {
            client.publish("", "q", &format!("{round} {n} {}", "x".repeat(1000)));
        }
        pair.settle();
        client.empty("q");
        pair.settle();
    }
    let size = |disk: &SimDisk| disk.contents().values().map(Vec::len).sum::<usize>();
    let (ours, theirs) = (size(&pair.active.disk), size(&pair.standby_disk));
    assert!(ours < 800_000, "the active takes {ours} bytes");
    assert!(theirs < 800_000, "the standby takes {theirs} bytes");
    drop(client);
    let mut pair = pair.fail_over(2);
    pair.settle();
    assert!(pair.active.client().empty("q").is_empty());
}

/// Numbers by chance, the same for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// What clients know of their messages, by queue.
#[derive(Default)]
struct Known {
    published: u64,
    /// By number: what was published, and where the publisher waits for.
    messages: BTreeMap<u64, (usize, Lsn)>,
    confirmed: BTreeSet<u64>,
    delivered: BTreeSet<u64>,
    settled: BTreeSet<u64>,
}

const QUEUES: [&str; 2] = ["one", "two"];

impl Known {
    fn publish(&mut self, client: &Client, chance: &mut Chance) {
        let queue = chance.below(2) as usize;
        let number = self.published;
        self.published += 1;
        let filling = "x".repeat(chance.below(600) as usize);
        let lsn = client.publish("", QUEUES[queue], &format!("{number} {filling}"));
        self.messages.insert(number, (queue, lsn.unwrap()));
    }

    /// Publishers are told of all that counts.
    fn confirm(&mut self, durable: Lsn) {
        let told = self.messages.iter().filter(|(_, (_, lsn))| *lsn <= durable);
        self.confirmed.extend(told.map(|(number, _)| *number));
    }

    /// A consumer takes what there is and settles some of it.
    fn consume(&mut self, client: &Client, chance: &mut Chance) {
        for delivery in client.deliveries() {
            let number = number_of(&body(&delivery));
            self.delivered.insert(number);
            if chance.below(3) > 0 {
                client.settle(std::slice::from_ref(&delivery), Outcome::Accept);
                self.settled.insert(number);
            }
        }
    }

    /// What a broker that took over has to have, and may have.
    fn check(&self, client: &Client, context: &str) {
        for (index, queue) in QUEUES.iter().enumerate() {
            let found: Vec<_> = client.empty(queue).iter().map(|it| number_of(it)).collect();
            assert!(found.is_sorted(), "{context}: order of {found:?}");
            let of_queue = |number: &u64| self.messages[number].0 == index;
            let found: BTreeSet<_> = found.into_iter().collect();
            assert!(found.iter().all(of_queue), "{context}: a phantom");
            for number in self.confirmed.union(&self.delivered) {
                let has_to_be_there = of_queue(number) && !self.settled.contains(number);
                assert!(
                    !has_to_be_there || found.contains(number),
                    "{context}: message {number} was confirmed or delivered, and is lost"
                );
            }
        }
    }
}

fn number_of(body: &str) -> u64 {
    body.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn no_confirmed_message_is_lost_whenever_the_active_dies() {
    for seed in 1..=60 {
        let mut chance = Chance(seed * 0x9e37_79b9);
        let mut pair = Pair::new();
        let admin = pair.active.client();
        QUEUES.iter().for_each(|queue| admin.queue(queue, true));
        pair.settle();
        drop(admin);
        for reign in 0..4 {
            let mut known = Known::default();
            let client = pair.active.client();
            client.consume(QUEUES[0], 1, 0);
            for _ in 0..chance.below(120) {
                match chance.below(8) {
                    0..3 => known.publish(&client, &mut chance),
                    3 => {
                        if pair.active.writer.turn().unwrap() != Turn::Idle {
                            pair.active.broker.committed();
                        }
                    }
                    4 => {
                        pair.ship(1 + chance.below(3000) as usize);
                    }
                    5 | 6 => pair.acknowledge(),
                    _ => known.consume(&client, &mut chance),
                }
                known.confirm(pair.active.broker.durable());
            }
            drop(client);
            pair = pair.fail_over(seed * 10 + reign);
            pair.settle();
            let context = format!("seed {seed}, reign {reign}");
            known.check(&pair.active.client(), &context);
            pair.settle();
        }
    }
}

#[test]
fn a_standby_of_other_options_still_opens_as_a_broker() {
    let mut pair = Pair::new();
    let client = pair.active.client();
    client.queue("q", true);
    client.publish("", "q", "kept");
    pair.settle();
    drop(pair.standby);
    let config = BrokerConfig {
        journal: Options {
            segment_bytes: 128 << 10,
            ..small()
        },
        ..pair.active.config.clone()
    };
    let world = World::open(pair.standby_disk, config);
    assert_eq!(world.client().empty("q"), ["kept"]);
}

/// The standby takes over with more than it knows to be committed.
fn taken_over(pair: Pair, committed: Lsn) -> World {
    let Pair {
        mut standby,
        standby_disk,
        active,
    } = pair;
    standby.sync().unwrap();
    let epoch = Epoch(standby.epoch().0 + 1);
    let opened = standby.promote(epoch, committed).unwrap();
    World::open_with(opened, standby_disk, active.config)
}

#[test]
fn who_takes_over_delivers_nothing_before_it_is_committed() {
    let mut pair = Pair::new();
    let client = pair.active.client();
    client.queue("q", true);
    client.queue("got", true);
    client.queue_with("s", [("x-queue-type", Value::Text("stream".into()))]);
    for queue in ["q", "got", "s"] {
        client.publish("", queue, "known");
    }
    pair.settle();
    let committed = pair.standby.durable();
    for queue in ["q", "got", "s"] {
        client.publish("", queue, "more");
    }
    drop(client);
    pair.active.commit();
    while pair.ship(4000) {}
    let mut world = taken_over(pair, committed);
    world.commit();
    let client = world.client();
    client.consume("q", 1, 0);
    let from_first = Consume {
        queue: "s",
        prefetch: 10,
        arguments: Arguments::from([("x-stream-offset".into(), Value::Text("first".into()))]),
        ..consume("s", 2)
    };
    client.attachment.consume(&from_first).unwrap();
    // What is asked for is taken at once, and shown when it is durable.
    let shown_at = || {
        client
            .attachment
            .get("got", true)
            .unwrap()
            .unwrap()
            .0
            .message
            .lsn
    };
    assert_eq!(read_all(&client), ["known", "known"]);
    assert!(shown_at() <= world.broker.durable());
    let later = shown_at();
    assert!(later > world.broker.durable());

    world.broker.hold_durable(world.broker.extent().synced);
    assert_eq!(read_all(&client), ["more", "more"]);
    assert!(later <= world.broker.durable());
}

/// All that comes as long as anything does.
fn read_all(client: &Client) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..4 {
        all.extend(client.bodies());
    }
    all
}

#[test]
fn publishers_wait_for_others_once_too_much_is_here_alone() {
    let journal = Options {
        segment_bytes: 64 << 10,
        held_bytes: 20_000,
        ..small()
    };
    let mut world = World::with(Limits::default(), journal);
    let client = world.client();
    client.queue("q", true);
    world.commit();
    world.broker.hold_durable(world.broker.extent().synced);
    let paused = || client.attachment.publish_paused(|| false);
    let body = "x".repeat(1000);
    let mut published = 0;
    while !paused() {
        published += 1;
        assert!(published < 100, "nobody waits");
        client.publish("", "q", &body);
        world.commit();
    }
    assert!((18..=20).contains(&published), "{published}");
    client.wakes.store(0, Ordering::SeqCst);
    world.broker.hold_durable(world.broker.extent().synced);
    assert!(client.wakes.load(Ordering::SeqCst) > 0, "nobody is told");
    assert!(!paused());
}
