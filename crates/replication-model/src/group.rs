//! A group of nodes, their disks, the wire between them and the store: one state of the exploration,
//! and how the effects of the broker's own state machine change it.

use std::collections::{BTreeMap, BTreeSet};

use broker_core::journal::{Epoch, Lsn};
use broker_core::replication::frame::{Frame, Peer, Session};
use broker_core::replication::protocol::{Alarm, Effect, Protocol, Recovered, Settings};
use broker_core::replication::record::{Incarnation, NodeId, Record};

use crate::bounds::{Bounds, Start};
use crate::disk::{Disk, Entry};
use crate::rules::Without;
use crate::store::{Request, Store};

/// A node: the broker's state machine on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    /// The code under test.
    pub protocol: Protocol<Without>,
    /// What survives a crash.
    pub disk: Disk,
    /// Counts its lives.
    pub boots: u8,
}

/// A frame under way. Any of them may arrive next, or never.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Message {
    /// Index of the receiver.
    pub to: usize,
    /// Index of the sender.
    pub from: usize,
    /// The conversation it belongs to.
    pub session: Session,
    /// What it says.
    pub frame: Frame,
    /// The entries that come with it.
    pub entries: Vec<Entry>,
}

/// How much of each bound is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(missing_docs)] // Named as in `Bounds`.
pub struct Spent {
    pub publishes: u8,
    pub silences: u8,
    pub crashes: u8,
    pub wipes: u8,
    pub rollbacks: u8,
    pub damages: u8,
    pub unknowns: u8,
    pub duplicates: u8,
    pub stale_reads: u8,
    pub hints: u8,
    pub resignations: u8,
}

/// What clients were told, and what must hold for ever after.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct History {
    /// Acknowledged, in the order of the log.
    pub acked: Vec<Entry>,
    /// Delivered to consumers, in the order of the log.
    pub delivered: Vec<Entry>,
    /// Who has led each epoch.
    pub reigns: BTreeMap<Epoch, (NodeId, Incarnation)>,
    /// What has gone wrong at the moment it did, if anything.
    pub broken: BTreeSet<Broken>,
}

/// Something that must never happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Broken {
    /// Two leaders acknowledged different entries for one place.
    AckedTwoHistories,
    /// A consumer got an entry that another leader has not.
    DeliveredTwoHistories,
    /// An epoch had two leaders.
    TwoLeaders,
    /// A follower was asked to give up what was committed.
    TruncatedCommitted,
}

/// A state of the exploration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Group {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The store.
    pub store: Store,
    /// The wire.
    pub net: BTreeSet<Message>,
    /// Used up.
    pub spent: Spent,
    /// Promised.
    pub history: History,
}

fn incarnation(node: usize, boots: u8) -> Incarnation {
    Incarnation(node as u64 * 100 + u64::from(boots))
}

/// The number that the group knows the node of this index by.
pub fn id(node: usize) -> NodeId {
    NodeId(u16::try_from(node).expect("few nodes"))
}

fn recovered(
    bounds: &Bounds,
    node: usize,
    disk: &Disk,
    boots: u8,
) -> (Protocol<Without>, Vec<Effect>) {
    let settings = Settings {
        origin: Lsn(0),
        join_lag: bounds.join_lag,
    };
    let recovered = Recovered {
        me: disk.member(id(node)),
        incarnation: incarnation(node, boots),
        vow: disk.vow,
        log: disk.log(),
        committed: Lsn(0),
        damaged: disk.damaged,
    };
    let mut effects = Vec::new();
    let rules = Without(bounds.without);
    let protocol = Protocol::with_rules(rules, settings, recovered, &mut effects);
    (protocol, effects)
}

impl Group {
    /// The state the exploration begins with.
    pub fn new(bounds: &Bounds) -> Self {
        let disks: Vec<Disk> = (0..bounds.nodes).map(|_| Disk::new(0)).collect();
        let members = disks.iter().enumerate();
        let isr = members.map(|(node, disk)| disk.member(id(node))).collect();
        let founding =
            Record::founding(Incarnation(u64::MAX), isr, bounds.min_isr, BTreeMap::new());
        let nodes = disks.into_iter().enumerate().map(|(node, disk)| {
            let (protocol, _) = recovered(bounds, node, &disk, 0);
            Node {
                protocol,
                disk,
                boots: 0,
            }
        });
        let mut group = Self {
            nodes: nodes.collect(),
            store: Store::new(founding),
            net: BTreeSet::new(),
            spent: Spent::default(),
            history: History::default(),
        };
        if bounds.start != Start::Cold {
            group.act(0, Protocol::on_campaign);
            group.settle();
        }
        if bounds.start == Start::Running {
            for node in 1..bounds.nodes {
                group.act(node, Protocol::on_poll);
                group.settle();
            }
        }
        group.store.forget_previous();
        group
    }

    /// Everything under way arrives, in order, until nothing is.
    fn settle(&mut self) {
        while !self.store.requests.is_empty() || !self.net.is_empty() {
            if let Some(message) = self.net.pop_first() {
                self.deliver(message);
            } else {
                self.store.decide(0);
                self.answer(0);
            }
        }
    }

    /// Lets a node act, carries out what it wants, and notes what clients saw.
    pub fn act(&mut self, node: usize, act: impl FnOnce(&mut Protocol<Without>, &mut Vec<Effect>)) {
        self.act_with(node, &[], act);
    }

    /// A frame arrives.
    pub fn deliver(&mut self, message: Message) {
        let Message {
            to,
            from,
            session,
            frame,
            entries,
        } = message;
        let peer = Peer {
            node: id(from),
            session,
        };
        self.act_with(to, &entries, |node, out| node.on_frame(peer, frame, out));
    }

    fn act_with(
        &mut self,
        node: usize,
        entries: &[Entry],
        act: impl FnOnce(&mut Protocol<Without>, &mut Vec<Effect>),
    ) {
        let mut effects = Vec::new();
        let protocol = &mut self.nodes[node].protocol;
        act(protocol, &mut effects);
        // Without time every joiner has granted.
        protocol.admit(|_| true, &mut effects);
        self.perform(node, effects, entries);
        self.finish();
    }

    /// The answer to a decided request arrives.
    pub fn answer(&mut self, index: usize) {
        let request = self.store.requests.remove(index);
        let outcome = request
            .decided
            .clone()
            .expect("only decided requests are answered");
        self.act(request.from, |node, out| {
            node.on_cas(request.nonce(), outcome, out)
        });
    }

    /// A node dies with so many entries left on its disk, and starts again.
    pub fn restart(&mut self, bounds: &Bounds, node: usize, kept: usize) {
        let disk = &mut self.nodes[node].disk;
        disk.cut(kept);
        let boots = self.nodes[node].boots + 1;
        let (protocol, effects) = recovered(bounds, node, &self.nodes[node].disk, boots);
        self.nodes[node].protocol = protocol;
        self.nodes[node].boots = boots;
        self.nodes[node].disk.damaged = false;
        self.store.abandon(node);
        self.perform(node, effects, &[]);
        self.finish();
    }

    fn perform(&mut self, node: usize, effects: Vec<Effect>, entries: &[Entry]) {
        for effect in effects {
            match effect {
                Effect::Save(vow) => self.nodes[node].disk.vow = vow,
                Effect::Truncate(end) => {
                    let disk = &mut self.nodes[node].disk;
                    disk.entries
                        .truncate(usize::try_from(end.0).expect("few entries"));
                    disk.synced = disk.synced.min(disk.entries.len());
                }
                Effect::Write => self.nodes[node].disk.entries.extend(entries),
                Effect::Connect { to, frame, .. } | Effect::Send { to, frame } => {
                    self.send(node, to, frame, Vec::new());
                }
                Effect::Ship { to, append } => {
                    let entries = self.nodes[node].disk.range(append.prev.lsn, append.end);
                    self.send(node, to, Frame::Append(append), entries);
                }
                Effect::Read => {
                    let mut effects = Vec::new();
                    self.nodes[node]
                        .protocol
                        .on_read(self.store.read(), &mut effects);
                    self.perform(node, effects, &[]);
                }
                Effect::Cas { expected, record } => self.store.requests.push(Request {
                    from: node,
                    expected,
                    record: *record,
                    decided: None,
                    awaited: true,
                }),
                Effect::Lead(epoch) => self.note_reign(node, epoch),
                Effect::Commit(end) => self.note_commit(node, end),
                Effect::Alarm(Alarm::TruncatesCommitted { .. }) => {
                    self.history.broken.insert(Broken::TruncatedCommitted);
                }
                // Conversations that are over are dropped in `finish`.
                Effect::HangUp(_)
                | Effect::StopLeading
                | Effect::Pause
                | Effect::Resume
                | Effect::Alarm(_) => {}
                Effect::Fetch(_) | Effect::SetAside => {
                    unreachable!("logs are kept whole here")
                }
            }
        }
    }

    fn send(&mut self, from: usize, to: Peer, frame: Frame, entries: Vec<Entry>) {
        let (to, session) = (usize::from(to.node.0), to.session);
        self.net.insert(Message {
            to,
            from,
            session,
            frame,
            entries,
        });
    }

    fn note_reign(&mut self, node: usize, epoch: Epoch) {
        let leader = (id(node), incarnation(node, self.nodes[node].boots));
        let before = self.history.reigns.insert(epoch, leader);
        if before.is_some_and(|before| before != leader) {
            self.history.broken.insert(Broken::TwoLeaders);
        }
    }

    fn note_commit(&mut self, node: usize, end: Lsn) {
        if self.nodes[node].protocol.leads().is_some() {
            let told = self.nodes[node].disk.range(Lsn(0), end);
            if !extend(&mut self.history.acked, &told) {
                self.history.broken.insert(Broken::AckedTwoHistories);
            }
        }
    }

    /// What consumers get from leaders now; and what is under way to nobody is dropped.
    fn finish(&mut self) {
        for node in &self.nodes {
            if node.protocol.leads().is_some() {
                let seen = node.disk.range(Lsn(0), node.protocol.deliverable());
                if !extend(&mut self.history.delivered, &seen) {
                    self.history.broken.insert(Broken::DeliveredTwoHistories);
                }
            }
        }
        let (nodes, net) = (&self.nodes, &mut self.net);
        net.retain(|message| can_matter(&nodes[message.to].protocol, message));
        self.store.tidy();
    }
}

/// Whether a frame may still have an effect: conversations do not come back, nor do reigns.
fn can_matter(to: &Protocol<Without>, message: &Message) -> bool {
    let peer = Peer {
        node: id(message.from),
        session: message.session,
    };
    let leads = to.leads();
    match &message.frame {
        Frame::Hello(_) => true,
        Frame::Ack { epoch, .. } => leads == Some(*epoch),
        Frame::Reject(reject) if leads.is_some_and(|epoch| epoch < reject.known_epoch) => true,
        _ => to.conversation() == Some(peer),
    }
}

/// Makes the history as long as this part of a log; false if they differ.
fn extend(history: &mut Vec<Entry>, log: &[Entry]) -> bool {
    let common = history.len().min(log.len());
    if history[..common] != log[..common] {
        return false;
    }
    history.extend(&log[common..]);
    true
}
