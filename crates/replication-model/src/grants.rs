//! The timed model: clocks that drift, grants that run out, and never two nodes that serve.
//!
//! Drives [`broker_core::replication::node::Node`], protocol and clock together, with small whole
//! numbers for time. Nodes act as late as they like; frames and answers of the store come as late as
//! they like, or never; clocks may lag. Nothing is published: who serves does not depend on it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use broker_core::journal::Lsn;
use broker_core::replication::epochs::EpochTable;
use broker_core::replication::frame::{Frame, Peer};
use broker_core::replication::node::{Event, Node};
use broker_core::replication::protocol::{Effect, LogView, Recovered, Settings, Vow};
use broker_core::replication::record::{Incarnation, Record};
use broker_core::replication::rules::Rule;
use broker_core::replication::timing::{Moment, Timing};
use stateright::{Model, Property};

use crate::bounds::Start;
use crate::disk::Disk;
use crate::group::{Message, id};
use crate::rules::Without;
use crate::store::{Request, Store};

/// Two nodes serve clients at one moment.
pub const TWO_SERVE: &str = "at most one node serves";

/// How far the exploration goes. Durations are in units of time.
#[derive(Debug, Clone, Copy)]
pub struct TimedBounds {
    /// Nodes in the group.
    pub nodes: usize,
    /// Where it begins.
    pub start: Start,
    /// The rule that is left out.
    pub without: Option<Rule>,
    /// L: how long a grant lasts.
    pub lease: u64,
    /// How long a leader goes on after it ran out, at most.
    pub stop: u64,
    /// G: how long who granted does not campaign.
    pub grace: u64,
    /// When it ends.
    pub horizon: u64,
    /// Units that each clock may lose on the way.
    pub slips: u64,
    /// The last epoch that may begin.
    pub epochs: u32,
    /// Restarts in all.
    pub restarts: u8,
    /// Conversations each life of a node opens.
    pub sessions: u64,
    /// Planned switchovers.
    pub resignations: u8,
}

/// A node and what surrounds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Timed {
    node: Node<Without>,
    /// What it takes the time to be.
    clock: u64,
    vow: Vow,
    boots: u8,
    /// It waits for the store to answer a read.
    reading: bool,
}

/// A state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TimedGroup {
    now: u64,
    nodes: Vec<Timed>,
    store: Store,
    net: BTreeSet<Message>,
    restarts: u8,
    resignations: u8,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TimedAction {
    /// A unit of time passes, for all clocks but perhaps one.
    Pass(Option<usize>),
    /// A node looks at its clock.
    Tick(usize),
    /// A frame arrives.
    Deliver(Message),
    /// The store answers a read.
    Read(usize),
    /// The store decides a request.
    Decide(usize),
    /// Its answer arrives.
    Answer(usize),
    /// A node dies and starts again.
    Restart(usize),
    /// A planned switchover to a node.
    Resign(usize, usize),
}

impl fmt::Display for TimedBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} nodes, L {}, stop {}, G {}, ",
            self.nodes, self.lease, self.stop, self.grace
        )?;
        write!(
            f,
            "{} units of time, {} lost by a clock, ",
            self.horizon, self.slips
        )?;
        write!(f, "{} epochs, {} restarts, ", self.epochs, self.restarts)?;
        write!(f, "{} switchovers", self.resignations)
    }
}

impl TimedBounds {
    /// Two nodes, L = 2, and a grace that is just long enough for clocks that agree.
    pub const PAIR: Self = Self {
        nodes: 2,
        start: Start::Running,
        without: None,
        lease: 2,
        stop: 1,
        grace: 4,
        horizon: 6,
        slips: 0,
        epochs: 2,
        restarts: 0,
        sessions: 1,
        resignations: 0,
    };

    fn timing(&self) -> Timing {
        let units = Duration::from_nanos;
        Timing {
            heartbeat: units(1),
            lease: units(self.lease),
            stop: units(self.stop),
            grace: units(self.grace),
            silence: units(self.lease),
            poll: units(1),
        }
    }

    fn boot(&self, index: usize, clock: u64, vow: Vow, boots: u8) -> Timed {
        let recovered = Recovered {
            me: Disk::new(0).member(id(index)),
            incarnation: Incarnation(index as u64 * 100 + u64::from(boots)),
            vow,
            log: LogView {
                front: Lsn(0),
                end: Lsn(0),
                durable: Lsn(0),
                epochs: EpochTable::default(),
            },
            committed: Lsn(0),
            damaged: false,
        };
        let settings = Settings {
            origin: Lsn(0),
            join_lag: 0,
        };
        let (rules, timing) = (Without(self.without), self.timing());
        let (now, jitter) = (Moment(clock), Duration::ZERO);
        let node = Node::with_rules(
            rules,
            now,
            timing,
            jitter,
            settings,
            recovered,
            &mut Vec::new(),
        );
        Timed {
            node,
            clock,
            vow,
            boots,
            reading: false,
        }
    }

    fn begin(&self) -> TimedGroup {
        let isr = (0..self.nodes).map(|index| Disk::new(0).member(id(index)));
        let founding = Record::founding(Incarnation(u64::MAX), isr.collect(), 1, BTreeMap::new());
        // Late enough for graces of earlier starts to be over, on the clock of node 0.
        let mut group = TimedGroup {
            now: 0,
            nodes: (0..self.nodes)
                .map(|index| self.boot(index, 0, Vow::default(), 0))
                .collect(),
            store: Store::new(founding),
            net: BTreeSet::new(),
            restarts: 0,
            resignations: 0,
        };
        group.lead_first(self);
        group
    }
}

impl TimedGroup {
    /// Node 0 becomes the leader, and in a running group the others follow it and have granted.
    fn lead_first(&mut self, bounds: &TimedBounds) {
        let zero = &mut self.nodes[0];
        zero.clock = bounds.grace;
        self.act(0, Event::Tick);
        self.settle();
        for index in 0..self.nodes.len() {
            self.nodes[index] = Timed {
                clock: bounds.grace,
                ..if index == 0 {
                    self.nodes[0].clone()
                } else {
                    bounds.boot(index, bounds.grace, Vow::default(), 0)
                }
            };
        }
        self.now = bounds.grace;
        if bounds.start == Start::Running {
            for index in 1..self.nodes.len() {
                self.act(index, Event::Tick);
                self.settle();
            }
            self.nodes.iter_mut().for_each(|node| node.clock += 1);
            self.now += 1;
            self.act(0, Event::Tick);
            self.settle();
        }
        self.store.forget_previous();
    }

    fn settle(&mut self) {
        loop {
            if let Some(message) = self.net.pop_first() {
                self.deliver(message);
            } else if let Some(node) = self.nodes.iter().position(|node| node.reading) {
                self.read(node);
            } else if !self.store.requests.is_empty() {
                self.store.decide(0);
                self.answer(0);
            } else {
                return;
            }
        }
    }

    fn deliver(&mut self, message: Message) {
        let peer = Peer {
            node: id(message.from),
            session: message.session,
        };
        self.act(message.to, Event::Frame(peer, message.frame));
    }

    fn read(&mut self, node: usize) {
        self.nodes[node].reading = false;
        self.act(node, Event::Read(self.store.read()));
    }

    fn answer(&mut self, index: usize) {
        let request = self.store.requests.remove(index);
        let outcome = request
            .decided
            .clone()
            .expect("only decided requests are answered");
        self.act(request.from, Event::Cas(request.nonce(), outcome));
    }

    fn act(&mut self, index: usize, event: Event) {
        let mut effects = Vec::new();
        let timed = &mut self.nodes[index];
        timed.node.on(Moment(timed.clock), event, &mut effects);
        self.perform(index, effects);
    }

    fn resign(&mut self, index: usize, to: usize) {
        let mut effects = Vec::new();
        let timed = &mut self.nodes[index];
        let patience = Duration::from_secs(10);
        let _refused = timed
            .node
            .resign(Moment(timed.clock), id(to), patience, &mut effects);
        self.perform(index, effects);
    }

    fn restart(&mut self, bounds: &TimedBounds, index: usize) {
        let Timed {
            clock, vow, boots, ..
        } = self.nodes[index];
        self.store.abandon(index);
        self.nodes[index] = bounds.boot(index, clock, vow, boots + 1);
        self.perform(index, Vec::new());
    }

    fn perform(&mut self, index: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Save(vow) => self.nodes[index].vow = vow,
                Effect::Connect { to, frame, .. } | Effect::Send { to, frame } => {
                    self.send(index, to, frame);
                }
                Effect::Read => self.nodes[index].reading = true,
                Effect::Cas { expected, record } => self.store.requests.push(Request {
                    from: index,
                    expected,
                    record: *record,
                    decided: None,
                    awaited: true,
                }),
                // Who serves is read off the nodes; conversations that are over are dropped below.
                _ => {}
            }
        }
        let (nodes, net) = (&self.nodes, &mut self.net);
        net.retain(|message| {
            let protocol = nodes[message.to].node.protocol();
            let peer = Peer {
                node: id(message.from),
                session: message.session,
            };
            let known = || {
                protocol
                    .followers()
                    .any(|(_, follower, _)| follower == peer)
            };
            match message.frame {
                Frame::Hello(_) | Frame::Reject(_) => true,
                Frame::Ack { .. } | Frame::Grant { .. } => known(),
                _ => protocol.conversation() == Some(peer),
            }
        });
        self.store.tidy();
    }

    /// Of several heartbeats, or grants, of one conversation only the last is kept under way: what an
    /// older one allows, a newer one allows for longer.
    fn send(&mut self, from: usize, to: Peer, frame: Frame) {
        let message = Message {
            to: usize::from(to.node.0),
            from,
            session: to.session,
            frame,
            entries: Vec::new(),
        };
        let kind = std::mem::discriminant(&message.frame);
        let repeats = |m: &Message| {
            (m.to, m.from, m.session) == (message.to, message.from, message.session)
                && std::mem::discriminant(&m.frame) == kind
        };
        if matches!(message.frame, Frame::Heartbeat(_) | Frame::Grant { .. }) {
            self.net.retain(|m| !repeats(m));
        }
        self.net.insert(message);
    }

    /// Nodes that serve now, or have not stopped yet although they should.
    fn serving(&self, bounds: &TimedBounds) -> usize {
        let stop = Duration::from_nanos(bounds.stop);
        let serves = |timed: &&Timed| {
            let until = timed.node.serves_until().map(|until| until.plus(stop));
            timed.node.protocol().is_serving() && until.is_none_or(|u| Moment(timed.clock) < u)
        };
        self.nodes.iter().filter(serves).count()
    }
}

impl Model for TimedBounds {
    type State = TimedGroup;
    type Action = TimedAction;

    fn init_states(&self) -> Vec<TimedGroup> {
        vec![self.begin()]
    }

    fn actions(&self, group: &TimedGroup, actions: &mut Vec<TimedAction>) {
        actions.extend(group.net.iter().cloned().map(TimedAction::Deliver));
        for (index, request) in group.store.requests.iter().enumerate() {
            actions.push(match request.decided {
                None => TimedAction::Decide(index),
                Some(_) => TimedAction::Answer(index),
            });
        }
        if group.now < self.grace + self.horizon {
            actions.push(TimedAction::Pass(None));
            let lag = |timed: &Timed| group.now - timed.clock;
            let slow = group
                .nodes
                .iter()
                .enumerate()
                .filter(|(_, node)| lag(node) < self.slips);
            actions.extend(slow.map(|(index, _)| TimedAction::Pass(Some(index))));
        }
        for (index, timed) in group.nodes.iter().enumerate() {
            actions.push(TimedAction::Tick(index));
            if timed.reading {
                actions.push(TimedAction::Read(index));
            }
            if group.restarts < self.restarts {
                actions.push(TimedAction::Restart(index));
            }
            if group.resignations < self.resignations {
                let others = (0..self.nodes).filter(|other| *other != index);
                actions.extend(others.map(|to| TimedAction::Resign(index, to)));
            }
        }
    }

    fn next_state(&self, last: &TimedGroup, action: TimedAction) -> Option<TimedGroup> {
        let mut group = last.clone();
        match action {
            TimedAction::Pass(slow) => {
                group.now += 1;
                for (index, timed) in group.nodes.iter_mut().enumerate() {
                    timed.clock += u64::from(slow != Some(index));
                }
            }
            TimedAction::Tick(node) => group.act(node, Event::Tick),
            TimedAction::Deliver(message) => {
                group.net.remove(&message);
                group.deliver(message);
            }
            TimedAction::Read(node) => group.read(node),
            TimedAction::Decide(index) => {
                group.store.decide(index);
                group.store.tidy();
            }
            TimedAction::Answer(index) => group.answer(index),
            TimedAction::Restart(node) => {
                group.restarts += 1;
                group.restart(self, node);
            }
            TimedAction::Resign(node, to) => {
                group.resignations += 1;
                group.resign(node, to);
            }
        }
        (group != *last).then_some(group)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(TWO_SERVE, |bounds: &Self, group: &TimedGroup| {
                group.serving(bounds) <= 1
            }),
            Property::sometimes(
                "another node serves",
                |bounds: &Self, group: &TimedGroup| {
                    let other = group.nodes.iter().skip(1);
                    let mut led = other.map(|timed| &timed.node);
                    led.any(|node| node.protocol().is_serving()) && group.serving(bounds) == 1
                },
            ),
            Property::sometimes("nobody serves", |bounds: &Self, group: &TimedGroup| {
                group.serving(bounds) == 0
            }),
            Property::sometimes(
                "it serves on fresh grants at the end",
                |bounds: &Self, group: &TimedGroup| {
                    group.now == bounds.grace + bounds.horizon
                        && group.store.record.isr.len() == bounds.nodes
                        && group.nodes.iter().any(|t| t.node.serves(Moment(t.clock)))
                },
            ),
        ]
    }

    fn within_boundary(&self, group: &TimedGroup) -> bool {
        let asked = group
            .store
            .requests
            .iter()
            .map(|request| request.record.epoch.0);
        asked
            .chain([group.store.record.epoch.0])
            .all(|epoch| epoch <= self.epochs)
            && group
                .nodes
                .iter()
                .all(|t| t.node.protocol().sessions() <= self.sessions)
    }
}
