//! What must always hold, and what must happen sometimes for the exploration to mean anything.

use broker_core::replication::protocol::State;
use stateright::Property;

use crate::bounds::Bounds;
use crate::disk::Entry;
use crate::group::{Broken, Group};

type Check = fn(&Bounds, &Group) -> bool;

/// Loss of what a publisher was told is safe.
pub const LOST: &str = "nothing acknowledged is lost";
/// A consumer was given what then never was.
pub const PHANTOM: &str = "nothing delivered comes undone";
/// Fewer copies than were asked for.
pub const COPIES: &str = "acknowledged by enough";

/// Must hold in every state.
pub const ALWAYS: &[(&str, Check)] = &[
    (LOST, nothing_lost),
    (PHANTOM, nothing_phantom),
    (COPIES, enough_copies),
    ("one leader for each epoch", |_, group| {
        !is_broken(group, Broken::TwoLeaders)
    }),
    ("logs match", logs_match),
    (
        "who is in sync has everything acknowledged",
        in_sync_is_whole,
    ),
    ("nothing committed is truncated", |_, group| {
        !is_broken(group, Broken::TruncatedCommitted)
    }),
];

/// Where to expect something, what it is called, and how to know it.
type Sight = (fn(&Bounds) -> bool, &'static str, Check);

/// Must be seen in some state, wherever the bounds allow it.
pub const SOMETIMES: &[Sight] = &[
    (
        |_| true,
        "acknowledged while two are in sync",
        |_, group| !group.history.acked.is_empty() && group.store.record.isr.len() > 1,
    ),
    (
        |_| true,
        "a later leader acknowledges",
        |_, group| group.history.acked.iter().any(|entry| entry.epoch.0 > 1),
    ),
    (
        |bounds| bounds.min_isr == 1,
        "acknowledged alone",
        |_, group| {
            group.nodes.iter().any(|node| {
                node.protocol.state() == State::Alone && node.protocol.committed().0 > 0
            })
        },
    ),
    (
        |bounds| bounds.silences > 0,
        "all are in sync again behind another leader",
        |_, group| {
            group.store.record.epoch.0 > 1 && group.store.record.isr.len() == group.nodes.len()
        },
    ),
    (
        |bounds| bounds.publishes > 1,
        "two histories",
        |_, group| {
            let logs = || group.nodes.iter().map(|node| &node.disk.entries);
            logs().any(|a| logs().any(|b| a.iter().zip(b).any(|(x, y)| x != y)))
        },
    ),
    (
        |bounds| {
            let faults = bounds.crashes + bounds.wipes + bounds.rollbacks + bounds.damages;
            bounds.silences > 0 && faults == 0
        },
        "one is given up",
        |_, group| {
            let holds = |id| {
                group
                    .nodes
                    .iter()
                    .any(|n| n.disk.entries.iter().any(|e| e.id == id))
            };
            !(0..group.spent.publishes).all(holds)
        },
    ),
    (
        |bounds| bounds.damages + bounds.rollbacks > 0,
        "a repair succeeds",
        |_, group| {
            let robbed = group.spent.damages + group.spent.rollbacks > 0;
            let in_repair = group.nodes.iter().any(|node| node.disk.vow.in_repair);
            robbed
                && !in_repair
                && group.store.record.isr.len() == group.nodes.len()
                && group.nodes.iter().all(|node| !node.disk.entries.is_empty())
        },
    ),
    (
        |bounds| bounds.wipes > 0,
        "a new disk is in sync",
        |_, group| {
            group.store.record.isr.len() > 1
                && group.store.record.isr.iter().any(|m| m.store.0[0] > 0)
        },
    ),
    (
        |bounds| bounds.unknowns > 0,
        "an answer was lost and the change is known",
        |_, group| {
            group.spent.unknowns > 0 && group.nodes.iter().all(|node| !node.protocol.is_changing())
        },
    ),
    (
        |bounds| bounds.resignations > 0,
        "a switchover succeeds",
        |_, group| {
            let resigned = group.spent.resignations > 0 && group.spent.crashes == 0;
            resigned
                && group
                    .store
                    .record
                    .leader
                    .is_some_and(|l| l.node == crate::group::id(1))
                && group.nodes[1].protocol.leads().is_some()
        },
    ),
];

/// As stateright wants them.
pub fn all(bounds: &Bounds) -> Vec<Property<Bounds>> {
    let always = ALWAYS
        .iter()
        .map(|(name, check)| Property::always(name, *check));
    let expected = SOMETIMES.iter().filter(|(expected, ..)| expected(bounds));
    let sometimes = expected.map(|(_, name, check)| Property::sometimes(name, *check));
    always.chain(sometimes).collect()
}

fn is_broken(group: &Group, what: Broken) -> bool {
    group.history.broken.contains(&what)
}

/// Whoever leads the newest epoch has everything that was ever acknowledged.
fn nothing_lost(_: &Bounds, group: &Group) -> bool {
    newest_leaders_have(group, &group.history.acked) && !is_broken(group, Broken::AckedTwoHistories)
}

/// Rule F13: whoever leads the newest epoch has everything that a consumer was given.
fn nothing_phantom(_: &Bounds, group: &Group) -> bool {
    newest_leaders_have(group, &group.history.delivered)
        && !is_broken(group, Broken::DeliveredTwoHistories)
}

fn newest_leaders_have(group: &Group, entries: &[Entry]) -> bool {
    let newest = Some(group.store.record.epoch);
    let mut leaders = group
        .nodes
        .iter()
        .filter(|node| node.protocol.leads() == newest);
    leaders.all(|node| node.disk.entries.starts_with(entries))
}

/// Where two logs have an entry of one epoch at one place, they are equal up to there.
fn logs_match(_: &Bounds, group: &Group) -> bool {
    let pair = |a: &[Entry], b: &[Entry]| {
        let same = a.iter().zip(b).rposition(|(x, y)| x.epoch == y.epoch);
        same.is_none_or(|last| a[..=last] == b[..=last])
    };
    group.nodes.iter().enumerate().all(|(index, node)| {
        let others = &group.nodes[index + 1..];
        others
            .iter()
            .all(|other| pair(&node.disk.entries, &other.disk.entries))
    })
}

/// The invariant behind it all: every member of the set in the store, unless its disk was taken
/// away or robbed, has everything acknowledged on its disk.
fn in_sync_is_whole(_: &Bounds, group: &Group) -> bool {
    group.nodes.iter().enumerate().all(|(index, node)| {
        let member = node.disk.member(crate::group::id(index));
        let counts = group.store.record.isr.contains(&member) && node.disk.robbed == 0;
        !counts || node.disk.entries[..node.disk.synced].starts_with(&group.history.acked)
    })
}

/// Rule F12: while no disk was lost, what is acknowledged is on as many as was asked for.
fn enough_copies(bounds: &Bounds, group: &Group) -> bool {
    let intact = group.spent.wipes + group.spent.rollbacks + group.spent.damages == 0;
    let holders = group
        .nodes
        .iter()
        .filter(|node| node.disk.entries[..node.disk.synced].starts_with(&group.history.acked));
    !intact || holders.count() >= usize::from(bounds.min_isr)
}
