//! What a pair looks like from one of its nodes: the replica's status in the contract's words, and
//! what a person should do about it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use agent_api::v1::{self, ReplicationState};
use broker_core::replication::protocol::{Alarm, State};
use broker_core::replication::record::{Leader, NodeId};
use broker_core::replication::replica::{Notice, PeerStatus, ReplicaStatus};

use super::memory::Lags;
use super::settings::{Node, Settings};
use super::store;

/// What is known on this node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight<'a> {
    /// How the broker is replicated.
    pub settings: &'a Settings,
    /// The replica; none while its journal is being read.
    pub replica: Option<&'a ReplicaStatus>,
    /// Listeners are open here.
    pub open: bool,
    /// For how long what this replica, or its slowest follower, lacks has been there.
    pub lags: &'a Lags,
    /// URLs of each node's listeners by its number, as far as they are known.
    pub endpoints: &'a BTreeMap<u16, Vec<String>>,
    /// Nodes that were refused of late, or have refused this one, and why.
    pub refused: &'a BTreeMap<u16, String>,
    /// Why clients cannot be listened for, if this node leads and should.
    pub not_listening: Option<&'a str>,
}

/// The whole picture; its times are filled in by whoever remembers them.
pub(crate) fn picture(sight: &Sight<'_>) -> v1::ReplicationStatus {
    let settings = sight.settings;
    let min_in_sync = settings.durability.min_isr();
    let Some(replica) = sight.replica else {
        return v1::ReplicationStatus {
            state: ReplicationState::Recovering.into(),
            nodes: settings
                .nodes
                .iter()
                .map(|node| unknown(sight, node))
                .collect(),
            min_in_sync: min_in_sync.into(),
            ..Default::default()
        };
    };
    let state = state(replica, sight.open);
    let own = sight.lags.own;
    let followers = sight.lags.followers.iter().map(|(_, behind)| *behind);
    let lag = if leads(replica) {
        followers.max().unwrap_or_default()
    } else {
        own
    };
    v1::ReplicationStatus {
        state: state.into(),
        reason: reason(sight, replica, state),
        epoch: replica.epoch.0.into(),
        leader: replica.leader.map_or(0, |leader| leader.node.0.into()),
        nodes: settings
            .nodes
            .iter()
            .map(|node| node_status(sight, replica, node))
            .collect(),
        end_position: replica.end.0,
        durable_position: replica.durable.0,
        committed_position: replica.committed.0,
        alarms: alarms(sight, replica, state),
        replication_lag_seconds: lag.as_secs_f64(),
        since_ms: 0,
        // Of the record, where there is one.
        min_in_sync: match replica.min_isr {
            0 => min_in_sync.into(),
            least => least.into(),
        },
    }
}

/// Whether the replica leads, serving or not.
pub(crate) fn leads(replica: &ReplicaStatus) -> bool {
    use State::{Alone, Blocked, Draining, Replicated};
    matches!(replica.state, Alone | Blocked | Draining | Replicated)
}

fn state(replica: &ReplicaStatus, open: bool) -> ReplicationState {
    let member = replica.in_sync.iter();
    let mut own = member.filter(|m| m.node == replica.node && m.store == replica.store);
    match replica.state {
        _ if replica.stopping => ReplicationState::Fenced,
        State::Searching if replica.epoch.0 == 0 && replica.in_sync.is_empty() => {
            ReplicationState::Init
        }
        State::Searching if own.next().is_some() => ReplicationState::InSync,
        State::Searching | State::Syncing => ReplicationState::Syncing,
        State::InSync => ReplicationState::InSync,
        State::Candidate => ReplicationState::Candidate,
        State::Draining => ReplicationState::Draining,
        State::Repair => ReplicationState::Repair,
        State::Alone | State::Blocked | State::Replicated if !open => ReplicationState::Promoting,
        State::Replicated => ReplicationState::ActiveReplicated,
        State::Alone => ReplicationState::ActiveAlone,
        State::Blocked => ReplicationState::ActiveBlocked,
    }
}

fn reason(sight: &Sight<'_>, replica: &ReplicaStatus, state: ReplicationState) -> String {
    let settings = sight.settings;
    let leader = replica.leader.map(|leader| settings.name_of(leader.node));
    if replica.store_unreachable && !leads(replica) {
        let place = store::place(&settings.coordination);
        return format!("the coordination store, {place}, does not answer; it is asked again");
    }
    if has_ended(replica) {
        return "its group has ended; another node has its data".to_owned();
    }
    match (state, replica.state) {
        (ReplicationState::Init, _) if settings.founds() => {
            "the group's first record is being written".to_owned()
        }
        (ReplicationState::Init, _) => {
            let founder = settings.name_of(NodeId(settings.founder));
            format!("the group has no record yet; node {founder} writes the first one")
        }
        (ReplicationState::Fenced, _) => {
            "it does not lead any more; its clients are let go".to_owned()
        }
        (_, State::Searching) => match leader {
            Some(leader) if !is_own(replica, replica.leader) => {
                format!("no connection to node {leader}, which leads")
            }
            _ => "no node leads at the moment".to_owned(),
        },
        (ReplicationState::Syncing, _) => match replica.bulk {
            Some(bulk) if bulk.total_bytes > 0 => format!(
                "a checkpoint is being fetched: {} of {} bytes",
                bulk.done_bytes, bulk.total_bytes
            ),
            Some(_) => "a checkpoint is being fetched".to_owned(),
            None => format!("{} bytes behind", replica.lag_bytes),
        },
        (ReplicationState::Repair, _) => {
            "its journal has to be refilled by a node that leads".to_owned()
        }
        (
            ReplicationState::ActiveAlone
            | ReplicationState::ActiveBlocked
            | ReplicationState::ActiveReplicated,
            _,
        ) if !replica.serving => {
            "clients wait: a node in sync has not confirmed lately that this one leads".to_owned()
        }
        _ => String::new(),
    }
}

fn has_ended(replica: &ReplicaStatus) -> bool {
    let is_end = |notice: &Notice| matches!(notice, Notice::Protocol(Alarm::GroupEnded(_)));
    replica.notices.iter().any(is_end)
}

fn is_own(replica: &ReplicaStatus, leader: Option<Leader>) -> bool {
    leader.is_some_and(|leader| leader.node == replica.node)
}

fn unknown(sight: &Sight<'_>, node: &Node) -> v1::ReplicationNodeStatus {
    let own = node.id == sight.settings.node;
    v1::ReplicationNodeStatus {
        id: node.id.into(),
        name: node.name.clone(),
        agent: node.agent.clone(),
        in_sync: false,
        connected: own,
        durable_position: 0,
        lag_bytes: None,
        lag_seconds: None,
        endpoints: sight.endpoints.get(&node.id).cloned().unwrap_or_default(),
    }
}

fn node_status(
    sight: &Sight<'_>,
    replica: &ReplicaStatus,
    node: &Node,
) -> v1::ReplicationNodeStatus {
    let id = NodeId(node.id);
    let shown = v1::ReplicationNodeStatus {
        in_sync: replica.in_sync.iter().any(|member| member.node == id),
        ..unknown(sight, node)
    };
    if id == replica.node {
        let (lag_bytes, lag) = if leads(replica) {
            (0, Duration::ZERO)
        } else {
            (replica.lag_bytes, sight.lags.own)
        };
        let known = leads(replica) || replica.state != State::Searching;
        return v1::ReplicationNodeStatus {
            durable_position: replica.durable.0,
            lag_bytes: known.then_some(lag_bytes),
            lag_seconds: known.then_some(lag.as_secs_f64()),
            ..shown
        };
    }
    if let Some(peer) = follower(replica, id) {
        let behind = sight.lags.followers.iter().find(|(of, _)| *of == id);
        return v1::ReplicationNodeStatus {
            connected: true,
            durable_position: peer.acked.0,
            lag_bytes: Some(peer.lag_bytes),
            lag_seconds: behind.map(|(_, behind)| behind.as_secs_f64()),
            ..shown
        };
    }
    let followed = matches!(replica.state, State::Syncing | State::InSync)
        && replica.leader.is_some_and(|leader| leader.node == id);
    v1::ReplicationNodeStatus {
        connected: followed,
        ..shown
    }
}

fn follower(replica: &ReplicaStatus, id: NodeId) -> Option<&PeerStatus> {
    replica.peers.iter().find(|peer| peer.member.node == id)
}

fn alarms(
    sight: &Sight<'_>,
    replica: &ReplicaStatus,
    state: ReplicationState,
) -> Vec<v1::ReplicationAlarm> {
    let settings = sight.settings;
    let mut found = Vec::new();
    let mut raise = |kind: &str, text: String| {
        found.push(v1::ReplicationAlarm {
            kind: kind.to_owned(),
            text,
            since_ms: 0,
        });
    };
    if replica.store_unreachable {
        raise("store_unreachable", store_unreachable(settings, replica));
    }
    match replica.state {
        State::Alone => raise("alone", alone(settings, replica)),
        State::Blocked => raise("blocked", blocked(settings, replica)),
        _ => {}
    }
    for (kind, text) in link_alarms(sight, replica) {
        raise(kind, text);
    }
    if leads(replica)
        && let Some(preferred) = not_preferred(settings, replica)
    {
        let text = format!(
            "node {} should be active and is in sync; switch over when it suits: broker-agent \
                 switchover --to {}",
            preferred.name, preferred.name
        );
        raise("not_preferred", text);
    }
    let waits = state == ReplicationState::Init && !has_ended(replica);
    if waits && !settings.founds() && !replica.store_unreachable {
        let founder = settings.find(settings.founder);
        let text = founder.map_or_else(String::new, |node| {
            format!(
                "the group has no record; make the broker on node {} (agent {}), which founds it",
                node.name, node.agent
            )
        });
        raise("founder_missing", text);
    }
    for notice in &replica.notices {
        let (kind, text) = notice_text(settings, notice);
        raise(kind, text);
    }
    found
}

/// What keeps nodes from each other, or clients from the active.
fn link_alarms(sight: &Sight<'_>, replica: &ReplicaStatus) -> Vec<(&'static str, String)> {
    let settings = sight.settings;
    let mut found = Vec::new();
    let mut raise = |kind, text| found.push((kind, text));
    if leads(replica) {
        for node in settings.others() {
            let is_connected = follower(replica, NodeId(node.id)).is_some();
            if let Some(why) = sight.refused.get(&node.id).filter(|_| !is_connected) {
                raise("peer_refused", refused(node, why));
            } else if !is_connected {
                let text = format!(
                    "node {} is not connected; see whether its agent {} runs and reaches {}",
                    node.name,
                    node.agent,
                    settings.own().replication
                );
                raise("peer_unreachable", text);
            }
        }
    }
    if let Some(why) = sight.not_listening.filter(|_| leads(replica)) {
        let text = format!(
            "it leads, and clients cannot connect: {why}; it tries again, and hands over to a node in \
             sync if that does not help"
        );
        raise("not_listening", text);
    }
    if replica.state == State::Searching
        && let Some(leader) = replica.leader.filter(|_| !is_own(replica, replica.leader))
    {
        match settings.find(leader.node.0) {
            Some(node) => {
                if let Some(why) = sight.refused.get(&node.id) {
                    raise("peer_refused", refused(node, why));
                }
            }
            None => raise("left_out", left_out(leader)),
        }
    }
    found
}

/// The preferred node, if it could be active and is not.
pub(crate) fn not_preferred<'a>(
    settings: &'a Settings,
    replica: &ReplicaStatus,
) -> Option<&'a Node> {
    let preferred = settings.find(settings.preferred_active?)?;
    let id = NodeId(preferred.id);
    let ready = id != replica.node && replica.in_sync.iter().any(|member| member.node == id);
    ready.then_some(preferred)
}

fn store_unreachable(settings: &Settings, replica: &ReplicaStatus) -> String {
    let place = store::place(&settings.coordination);
    let meanwhile = if leads(replica) {
        "clients are served on; who is in sync cannot change, and nobody can take over"
    } else {
        "this node cannot become active"
    };
    format!("the coordination store, {place}, does not answer: {meanwhile}; repair the store")
}

fn refused(node: &Node, why: &str) -> String {
    format!(
        "node {} at {} and this one do not let each other in: {why}; compare both agents' certificates, \
         versions and settings of this broker",
        node.name, node.replication
    )
}

fn left_out(leader: Leader) -> String {
    format!(
        "node {} leads, and this agent knows no such node: the pair goes on without this one; delete \
         the broker here, or give it the settings of the others",
        leader.node
    )
}

fn missing(settings: &Settings, replica: &ReplicaStatus) -> String {
    let in_sync: BTreeSet<NodeId> = replica.in_sync.iter().map(|m| m.node).collect();
    let names = settings
        .others()
        .filter(|n| !in_sync.contains(&NodeId(n.id)));
    let names: Vec<_> = names.map(|node| node.name.as_str()).collect();
    names.join(" or ")
}

fn alone(settings: &Settings, replica: &ReplicaStatus) -> String {
    format!(
        "no other node is in sync: what is confirmed now is on one disk, and nobody can take over; \
         bring {} back",
        missing(settings, replica)
    )
}

fn blocked(settings: &Settings, replica: &ReplicaStatus) -> String {
    format!(
        "publishers wait: {} nodes have to be in sync, and {} is; bring {} back",
        replica.min_isr,
        replica.in_sync.len(),
        missing(settings, replica)
    )
}

fn notice_text(settings: &Settings, notice: &Notice) -> (&'static str, String) {
    let place = store::place(&settings.coordination);
    let refilled =
        "it serves nobody before a node that leads has refilled it, which happens by itself";
    match notice {
        Notice::Protocol(alarm) => match alarm {
            Alarm::GroupEnded(_) => (
                "group_ended",
                format!(
                    "{alarm}, says the record in {place}; this node serves nobody and follows nobody. \
                     Delete the broker on this agent"
                ),
            ),
            Alarm::PastEpoch { .. } => (
                "past_epoch",
                format!("{alarm}; it is turned away and finds out from the record in {place}"),
            ),
            Alarm::RecordGone => (
                "record_gone",
                format!("{alarm}; nobody is elected until {place} is restored from a copy"),
            ),
            Alarm::RecordRolledBack { .. } => (
                "record_rolled_back",
                format!("{alarm}; nobody is elected until the newest copy of {place} is restored"),
            ),
            Alarm::Regressed => ("regressed", format!("{alarm}; {refilled}")),
            Alarm::Damaged => ("damaged", format!("{alarm}; {refilled}")),
            Alarm::TruncatesCommitted { .. } => (
                "truncates_committed",
                format!(
                    "{alarm}; it does not follow. Keep both nodes' data and export it with \
                     `broker-agent salvage` before one of them is made anew"
                ),
            ),
        },
        Notice::Damaged(_) => ("damaged", format!("{notice}; {refilled}")),
        Notice::VowLost(_) => ("damaged", format!("{notice}; {refilled}")),
        Notice::RecordUnreadable(_) => (
            "record_unreadable",
            format!(
                "the record in {place} cannot be read: {notice}; a newer agent may have written it"
            ),
        ),
        Notice::DiskFull => ("disk_full", format!("{notice}; make room on this node")),
        Notice::Refused(_) => ("refused", format!("{notice}; see the log of both agents")),
        Notice::Differs { .. } => ("differs", format!("{notice}; {refilled}")),
    }
}

#[cfg(test)]
#[path = "picture_tests.rs"]
mod tests;
