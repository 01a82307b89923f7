//! What can happen next, and what must hold whatever does.

use broker_core::replication::coordinator::CasOutcome;
use broker_core::replication::protocol::Protocol;
use broker_core::replication::record::Member;
use broker_core::replication::rules::Rule;
use stateright::{Model, Property};

use crate::bounds::Bounds;
use crate::disk::{Disk, Entry};
use crate::group::{Group, Message, id};

/// Something that happens to a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client publishes to a leader.
    Publish(usize),
    /// A disk syncs all that is written.
    Sync(usize),
    /// A frame arrives.
    Deliver(Message),
    /// A frame arrives, and will again.
    Duplicate(Message),
    /// A standby loses its conversation, if it has one, and looks for the leader.
    Poll(usize),
    /// The same, and the store answers with an older record.
    StalePoll(usize),
    /// A standby's grace is over.
    Campaign(usize),
    /// A leader has not heard of a member for too long.
    Silent(usize, Member),
    /// It is time to refresh the commit hint.
    Hint(usize),
    /// A planned switchover to a node.
    Resign(usize, usize),
    /// The store decides a request.
    Decide(usize),
    /// Its answer arrives.
    Answer(usize),
    /// Its answer is lost, or it takes too long: the sender gives up waiting.
    Lose(usize),
    /// A node dies in this way, and starts again.
    Fault(usize, Fault),
}

/// How a node dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// So many entries stay on its disk: all that were synced, and perhaps more.
    Crash(usize),
    /// Its disk is replaced by an empty one.
    Wipe,
    /// Its disk is rolled back to so many entries.
    RollBack(usize),
    /// Recovery will find damage behind so many entries.
    Damage(usize),
}

impl Model for Bounds {
    type State = Group;
    type Action = Action;

    fn init_states(&self) -> Vec<Group> {
        vec![Group::new(self)]
    }

    fn actions(&self, group: &Group, actions: &mut Vec<Action>) {
        for message in &group.net {
            actions.push(Action::Deliver(message.clone()));
            if group.spent.duplicates < self.duplicates {
                actions.push(Action::Duplicate(message.clone()));
            }
        }
        for (index, request) in group.store.requests.iter().enumerate() {
            match (&request.decided, request.awaited) {
                (None, _) => actions.push(Action::Decide(index)),
                (Some(_), _) => actions.push(Action::Answer(index)),
            }
            if request.awaited && group.spent.unknowns < self.unknowns {
                actions.push(Action::Lose(index));
            }
        }
        for node in 0..self.nodes {
            self.node_actions(group, node, actions);
            self.faults(group, node, actions);
        }
    }

    fn next_state(&self, last: &Group, action: Action) -> Option<Group> {
        let mut group = last.clone();
        match action {
            Action::Publish(node) => publish(&mut group, node),
            Action::Sync(node) => {
                let disk = &mut group.nodes[node].disk;
                disk.synced = disk.entries.len();
                let durable = disk.log().durable;
                group.act(node, |protocol, out| protocol.on_durable(durable, out));
            }
            Action::Deliver(message) => {
                group.net.remove(&message);
                group.deliver(message);
            }
            Action::Duplicate(message) => {
                group.spent.duplicates += 1;
                group.deliver(message);
            }
            Action::Poll(node) => group.act(node, Protocol::on_poll),
            Action::StalePoll(node) => {
                group.spent.stale_reads += 1;
                let old = group.store.stale_read()?;
                group.act(node, |protocol, out| {
                    protocol.on_poll(out);
                    out.pop();
                    protocol.on_read(old, out);
                });
            }
            Action::Campaign(node) => group.act(node, Protocol::on_campaign),
            Action::Silent(node, member) => {
                group.spent.silences += 1;
                group.act(node, |protocol, out| protocol.on_silent(member, out));
            }
            Action::Hint(node) => {
                group.spent.hints += 1;
                group.act(node, Protocol::on_hint_due);
            }
            Action::Resign(node, to) => {
                group.spent.resignations += 1;
                group.act(node, |protocol, out| {
                    let _refused = protocol.on_resign(id(to), 10_000, out);
                });
            }
            Action::Decide(index) => {
                group.store.decide(index);
                group.store.tidy();
            }
            Action::Answer(index) => group.answer(index),
            Action::Lose(index) => lose(&mut group, index),
            Action::Fault(node, fault) => self.strike(&mut group, node, fault),
        }
        group.put_back();
        (group != *last).then_some(group)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        crate::properties::all(self)
    }

    fn within_boundary(&self, group: &Group) -> bool {
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
                .all(|node| node.protocol.sessions() <= self.sessions)
    }
}

impl Bounds {
    fn node_actions(&self, group: &Group, node: usize, actions: &mut Vec<Action>) {
        let protocol = &group.nodes[node].protocol;
        let (disk, spent) = (&group.nodes[node].disk, &group.spent);
        if disk.synced < disk.entries.len() {
            actions.push(Action::Sync(node));
        }
        if protocol.leads().is_none() {
            if protocol.is_changing() {
                return;
            }
            actions.push(Action::Poll(node));
            if group.store.record.epoch.0 < self.epochs {
                actions.push(Action::Campaign(node));
            }
            if spent.stale_reads < self.stale_reads && group.store.stale_read().is_some() {
                actions.push(Action::StalePoll(node));
            }
            return;
        }
        if spent.publishes < self.publishes {
            actions.push(Action::Publish(node));
        }
        if spent.hints < self.hints {
            actions.push(Action::Hint(node));
        }
        if spent.silences < self.silences {
            let waits = |member: &Member| protocol.waits_for(member);
            let members = group.members().filter(waits);
            actions.extend(members.map(|member| Action::Silent(node, member)));
        }
        if spent.resignations < self.resignations {
            let others = (0..self.nodes).filter(|other| *other != node);
            actions.extend(others.map(|other| Action::Resign(node, other)));
        }
    }

    fn faults(&self, group: &Group, node: usize, actions: &mut Vec<Action>) {
        let (disk, spent) = (&group.nodes[node].disk, &group.spent);
        if spent.crashes < self.crashes {
            let kept = disk.synced..=disk.entries.len();
            actions.extend(kept.map(|kept| Action::Fault(node, Fault::Crash(kept))));
        }
        if spent.wipes < self.wipes {
            actions.push(Action::Fault(node, Fault::Wipe));
        }
        if spent.rollbacks < self.rollbacks {
            // What lies above the hint is what no rule can tell: see the README.
            let hint = usize::try_from(group.store.record.commit_hint.lsn.0).expect("few entries");
            let kept = 0..hint.min(disk.synced);
            actions.extend(kept.map(|kept| Action::Fault(node, Fault::RollBack(kept))));
        }
        if spent.damages < self.damages {
            actions.extend((0..disk.synced).map(|kept| Action::Fault(node, Fault::Damage(kept))));
        }
    }

    fn strike(&self, group: &mut Group, node: usize, fault: Fault) {
        let kept = match fault {
            Fault::Crash(kept) => {
                group.spent.crashes += 1;
                kept
            }
            Fault::Wipe => {
                group.spent.wipes += 1;
                let told = self.without != Some(Rule::NewDiskNewMember);
                let generation = group.nodes[node].disk.generation + u8::from(told);
                group.nodes[node].disk = Disk::new(generation);
                0
            }
            Fault::RollBack(kept) => {
                group.spent.rollbacks += 1;
                group.rob(node);
                kept
            }
            Fault::Damage(kept) => {
                group.spent.damages += 1;
                group.rob(node);
                group.nodes[node].disk.damaged = true;
                kept
            }
        };
        group.restart(self, node, kept);
    }
}

impl Group {
    /// All members there ever were.
    fn members(&self) -> impl Iterator<Item = Member> {
        let disks = self.nodes.iter().enumerate();
        disks.flat_map(|(node, n)| {
            (0..=n.disk.generation).map(move |generation| Disk::new(generation).member(id(node)))
        })
    }

    fn rob(&mut self, node: usize) {
        let disk = &mut self.nodes[node].disk;
        disk.robbed = disk.robbed.max(disk.synced);
    }

    /// A disk that was robbed counts again when it has as much as before.
    fn put_back(&mut self) {
        for node in &mut self.nodes {
            let disk = &mut node.disk;
            let whole = disk.entries[..disk.synced].starts_with(&self.history.acked);
            if whole && disk.synced >= disk.robbed {
                disk.robbed = 0;
            }
        }
    }
}

fn publish(group: &mut Group, node: usize) {
    let id = group.spent.publishes;
    group.spent.publishes += 1;
    let epoch = group.nodes[node]
        .protocol
        .leads()
        .expect("only leaders take publishes");
    let disk = &mut group.nodes[node].disk;
    disk.entries.push(Entry { epoch, id });
    let end = disk.log().end;
    group.act(node, |protocol, out| protocol.on_appended(end, out));
}

/// The sender hears that nobody knows; the request itself may still be decided.
fn lose(group: &mut Group, index: usize) {
    group.spent.unknowns += 1;
    let request = &mut group.store.requests[index];
    request.awaited = false;
    let (from, nonce) = (request.from, request.nonce());
    group.act(from, |protocol, out| {
        protocol.on_cas(nonce, CasOutcome::Unknown, out)
    });
}
