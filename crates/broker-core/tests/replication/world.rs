//! The world: true time, what is to happen when, and who is told.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::discriminant;

use broker_core::broker::BrokerConfig;
use broker_core::journal::{Options, SimDisk};
use broker_core::limits::Limits;
use broker_core::replication::coordinator::{CasOutcome, ReadError, Snapshot, Version};
use broker_core::replication::frame::Peer;
use broker_core::replication::record::{NodeId, Nonce, Record};
use broker_core::replication::replica::{Input, Packet, ReplicaConfig};
use broker_core::replication::rules::{Rule, Rules};

use crate::clients::Ledger;
use crate::faults::Fault;
use crate::machine::Machine;
use crate::mix::Mix;
use crate::network::Network;
use crate::store::Store;

/// A nanosecond, and what makes many of them.
pub(crate) const MS: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1000 * MS;
/// Of a journal.
pub(crate) const SEGMENT_BYTES: u64 = 24 << 10;

/// Numbers by chance, the same for the same seed.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `most`.
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.next() % most.max(1)
    }

    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// One time in so many.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// A machine in one of its lives, and an engine in one of its reigns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) machine: usize,
    pub(crate) life: u64,
}

/// What is to happen.
#[derive(Debug)]
pub(crate) enum Happening {
    /// The replica's deadline.
    Wake(Life),
    Settle(Life),
    Tell(Life, Box<Input>),
    /// A packet arrives at one end of a conversation.
    Arrive {
        conversation: u64,
        at_leader: bool,
        packet: Box<Packet>,
    },
    /// One end learns that a conversation is over.
    Ended {
        conversation: u64,
        at_leader: bool,
    },
    /// A request arrives at the store.
    StoreRead(Life),
    StoreWrite(Life, Version, Box<Record>),
    LateWrites,
    /// The engine's threads and clients.
    Turn(Life, u64),
    Client(Life, u64),
    Obey(Life, u64, Order),
    Restart(usize),
    Fault(Fault),
    Mend(Fault),
    /// An operator's word to a machine.
    Force(usize),
}

/// What an engine was told, and obeys a moment later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Drain,
    Pause,
    Resume,
    Stop,
}

pub(crate) type Answer = Result<Snapshot, ReadError>;

pub(crate) fn answered(nonce: Nonce, outcome: CasOutcome) -> Box<Input> {
    Box::new(Input::Cas(nonce, outcome))
}

/// How a world is set up.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) nodes: usize,
    pub(crate) min_isr: u8,
    /// Clocks differ in speed.
    pub(crate) drift: bool,
    /// Clocks stand still now and then, and the store may answer with a record that is past. Two may
    /// serve at once then, and nothing is lost all the same.
    pub(crate) wild: bool,
    /// Clients publish and consume.
    pub(crate) clients: bool,
    pub(crate) retain_bytes: u64,
    /// A rule that replicas do not follow.
    pub(crate) without: Option<Rule>,
}

/// All rules but one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AllBut(Option<Rule>);

impl Rules for AllBut {
    fn holds(&self, rule: Rule) -> bool {
        self.0 != Some(rule)
    }
}

impl Setup {
    pub(crate) fn rules(&self) -> AllBut {
        AllBut(self.without)
    }

    pub(crate) fn pair(seed: u64) -> Self {
        Self {
            seed,
            nodes: 2,
            min_isr: 1,
            drift: false,
            wild: false,
            clients: true,
            retain_bytes: 0,
            without: None,
        }
    }
}

pub(crate) struct World {
    pub(crate) setup: Setup,
    pub(crate) now: u64,
    pub(crate) chance: Chance,
    agenda: BTreeMap<(u64, u64), Happening>,
    planned: u64,
    pub(crate) machines: Vec<Machine>,
    pub(crate) network: Network,
    pub(crate) store: Store,
    pub(crate) ledger: Ledger,
    /// Which faults come, and how often.
    pub(crate) mix: Mix,
    /// What happened, for who reads a failure.
    pub(crate) trace: Vec<String>,
    /// Of everything that happened and when: the same for the same seed.
    digest: DefaultHasher,
    pub(crate) counts: BTreeMap<&'static str, u64>,
}

impl World {
    pub(crate) fn new(setup: Setup) -> Self {
        let mut chance = Chance::new(setup.seed);
        let mix = Mix::draw(&mut chance, setup.wild);
        let machines = (0..setup.nodes)
            .map(|index| {
                let disk = SimDisk::new(chance.next());
                let ppm = if setup.drift {
                    chance.below(9000) as i64 - 4500
                } else {
                    0
                };
                Machine::new(
                    disk,
                    replica_config(index, &setup),
                    chance.below(SECOND),
                    ppm,
                )
            })
            .collect();
        let mut this = Self {
            setup,
            now: 0,
            chance,
            agenda: BTreeMap::new(),
            planned: 0,
            machines,
            network: Network::default(),
            store: Store::default(),
            ledger: Ledger::default(),
            mix,
            trace: Vec::new(),
            digest: DefaultHasher::new(),
            counts: BTreeMap::new(),
        };
        for index in 0..this.setup.nodes {
            this.boot(index);
        }
        this.found();
        this
    }

    /// The first node founds the group.
    fn found(&mut self) {
        let min_isr = self.setup.min_isr;
        let endpoints = (0..self.setup.nodes).map(|it| (node_id(it), format!("node{it}").into()));
        let endpoints = endpoints.collect();
        let life = self.life(0);
        let found = Box::new(Input::Found { min_isr, endpoints });
        self.after(MS, Happening::Tell(life, found));
    }

    pub(crate) fn life(&self, machine: usize) -> Life {
        let life = self.machines[machine].life;
        Life { machine, life }
    }

    pub(crate) fn is_current(&self, life: Life) -> bool {
        let machine = &self.machines[life.machine];
        machine.life == life.life && machine.replica.is_some()
    }

    pub(crate) fn after(&mut self, nanos: u64, happening: Happening) {
        self.at(self.now + nanos, happening);
    }

    pub(crate) fn at(&mut self, time: u64, happening: Happening) {
        self.planned += 1;
        self.agenda
            .insert((time.max(self.now), self.planned), happening);
    }

    pub(crate) fn note(&mut self, text: impl FnOnce() -> String) {
        if self.trace.len() < 20_000 {
            let text = format!("{:>9.3} {}", self.now as f64 / 1e9, text());
            text.hash(&mut self.digest);
            self.trace.push(text);
        }
    }

    /// Of everything that happened so far.
    pub(crate) fn digest(&self) -> u64 {
        self.digest.finish()
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Lets so much time pass.
    pub(crate) fn pass(&mut self, nanos: u64) {
        let until = self.now + nanos;
        while self.step(until) {}
        self.now = until;
    }

    /// Lets time pass until this is the case; false if that takes longer than `at_most`.
    pub(crate) fn pass_until(&mut self, at_most: u64, is: impl Fn(&Self) -> bool) -> bool {
        let until = self.now + at_most;
        let mut steps = 0_u32;
        loop {
            steps += 1;
            if steps.is_multiple_of(16) && is(self) {
                return true;
            }
            if !self.step(until) {
                self.now = until;
                return is(self);
            }
        }
    }

    /// The next thing that happens before `until`.
    fn step(&mut self, until: u64) -> bool {
        let Some(entry) = self
            .agenda
            .first_entry()
            .filter(|entry| entry.key().0 <= until)
        else {
            return false;
        };
        let ((time, number), happening) = entry.remove_entry();
        self.now = time;
        (time, number, discriminant(&happening)).hash(&mut self.digest);
        if let Some(machine) = self.whose(&happening)
            && self.machines[machine].frozen_until > time
        {
            // In the same order, when it thaws.
            let later = self.machines[machine].frozen_until;
            self.agenda.insert((later, number), happening);
            return true;
        }
        self.happen(happening);
        true
    }

    /// The machine on which it happens.
    fn whose(&self, happening: &Happening) -> Option<usize> {
        match happening {
            Happening::Wake(life)
            | Happening::Settle(life)
            | Happening::Tell(life, _)
            | Happening::Turn(life, _)
            | Happening::Client(life, _)
            | Happening::Obey(life, ..) => Some(life.machine),
            Happening::Arrive {
                conversation,
                at_leader,
                ..
            }
            | Happening::Ended {
                conversation,
                at_leader,
            } => Some(self.network.end(*conversation, *at_leader).machine),
            Happening::StoreRead(_)
            | Happening::StoreWrite(..)
            | Happening::LateWrites
            | Happening::Restart(_)
            | Happening::Fault(_)
            | Happening::Mend(_)
            | Happening::Force(_) => None,
        }
    }
}

pub(crate) fn node_id(machine: usize) -> NodeId {
    NodeId(machine as u16 + 1)
}

pub(crate) fn machine_of(node: NodeId) -> usize {
    usize::from(node.0) - 1
}

pub(crate) fn peer(machine: usize, of: Peer) -> Peer {
    Peer {
        node: node_id(machine),
        ..of
    }
}

fn replica_config(index: usize, setup: &Setup) -> ReplicaConfig {
    let broker = BrokerConfig {
        limits: Limits {
            queue_window_bytes: 600,
            ..Limits::default()
        },
        journal: Options {
            segment_bytes: SEGMENT_BYTES,
            batch_bytes: 8 << 10,
            keep_free_bytes: Some(0),
            ..Options::default()
        },
        ..BrokerConfig::default()
    };
    ReplicaConfig {
        frame_bytes: 3000,
        window_bytes: 12_000,
        join_lag_bytes: 4000,
        retain_bytes: setup.retain_bytes,
        ..ReplicaConfig::new(node_id(index), broker)
    }
}
