//! What every node of a pair is told: the same on all of them, but for which one it is.

use std::collections::BTreeMap;

use agent_api::v1;

use super::PairDurability;
use super::coordination::{Coordination, without_secrets};
use super::members::Member;
use super::view::View;
use crate::encryption::Encryption;
use crate::listeners::Listeners;
use crate::logs::Logs;

/// What is planned for a pair.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) members: Vec<Member>,
    pub(crate) listeners: Listeners,
    pub(crate) logs: Option<Logs>,
    pub(crate) encryption: Option<Encryption>,
    pub(crate) coordination: Coordination,
    pub(crate) durability: PairDurability,
    /// Name of the node that should be active.
    pub(crate) preferred: Option<String>,
}

/// The same with everything that the agents need to know.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    name: String,
    listeners: BTreeMap<String, v1::Listener>,
    logs: v1::Logs,
    encryption: Option<v1::Encryption>,
    replication: v1::Replication,
}

impl Settings {
    /// For a pair that does not exist yet. `group` names it; its first node, or the one that should
    /// be active, founds it.
    pub(crate) fn founding(plan: &Plan, group: String) -> Self {
        let numbers: Vec<u32> = (1..).take(plan.members.len()).collect();
        let founder = number_of(plan, &numbers, plan.preferred.as_deref());
        Self::new(plan, &numbers, group, founder.unwrap_or(1))
    }

    /// For a broker that exists. Nodes keep their numbers, and new ones get numbers that no node had
    /// before: `last` is the highest that is known to have been used.
    pub(crate) fn following(plan: &Plan, view: &View, last: u32) -> Self {
        let best = view.best();
        let now = best.and_then(|best| best.replication.as_ref());
        let used = now.map_or(&[][..], |now| &now.nodes);
        let mut last = used.iter().map(|node| node.id).fold(last, u32::max);
        let mut fresh = || {
            last += 1;
            last
        };
        // A node that has lost its copy is the same node with another disk.
        let numbers: Vec<u32> = (plan.members.iter())
            .map(|member| view.node_of(&member.agent).unwrap_or_else(&mut fresh))
            .collect();
        // Only a node that has the data may write the first record.
        let having = |member: &&Member| {
            let seen = view.at(&member.agent);
            seen.is_some_and(|seen| seen.broker().is_some())
        };
        let active = view.active();
        let founder = (plan.members.iter().zip(&numbers))
            .filter(|(member, _)| having(member))
            .max_by_key(|(member, _)| active == Some(&member.agent));
        let group = best.map(|best| best.uid.clone()).unwrap_or_default();
        let founder = founder.map_or(0, |(_, number)| *number);
        Self::new(plan, &numbers, group, founder)
    }

    fn new(plan: &Plan, numbers: &[u32], group: String, founder: u32) -> Self {
        let nodes = plan.members.iter().zip(numbers);
        let nodes = nodes.map(|(member, number)| v1::ReplicationNode {
            id: *number,
            name: member.name.clone(),
            agent: member.agent.to_string(),
            replication: member.replication.to_string(),
        });
        let preferred = number_of(plan, numbers, plan.preferred.as_deref());
        Self {
            name: plan.name.clone(),
            listeners: plan.listeners.to_api(),
            logs: plan.logs.clone().unwrap_or_default().to_api(),
            encryption: plan.encryption.as_ref().map(Encryption::to_api),
            replication: v1::Replication {
                group,
                nodes: nodes.collect(),
                node: 0,
                founder,
                coordination: Some(plan.coordination.to_api()),
                durability: plan.durability.to_api().into(),
                preferred_active: preferred.unwrap_or_default(),
            },
        }
    }

    /// What the node at this place is told.
    pub(crate) fn of_node(&self, place: usize) -> v1::Broker {
        let node = self.replication.nodes[place].id;
        v1::Broker {
            name: self.name.clone(),
            listeners: self.listeners.clone(),
            logs: Some(self.logs),
            encryption: self.encryption.clone(),
            replication: Some(Box::new(v1::Replication {
                node,
                ..self.replication.clone()
            })),
            ..Default::default()
        }
    }

    /// Place of the node that founds the pair.
    pub(crate) fn founder(&self) -> usize {
        let nodes = &self.replication.nodes;
        let founder = self.replication.founder;
        nodes
            .iter()
            .position(|node| node.id == founder)
            .unwrap_or_default()
    }

    /// The highest number of a node.
    pub(crate) fn last_number(&self) -> u32 {
        let numbers = self.replication.nodes.iter().map(|node| node.id);
        numbers.max().unwrap_or_default()
    }

    /// The settings that a node has otherwise, by the contract's names.
    pub(crate) fn changed(&self, node: &v1::Broker) -> Vec<String> {
        let mut paths = Vec::new();
        if !has_same_listeners(&self.of_node(0), node) {
            paths.push("listeners".to_owned());
        }
        if Logs::from_api(node).to_api() != self.logs {
            paths.push("logs".to_owned());
        }
        if node.encryption != self.encryption {
            paths.push("encryption".to_owned());
        }
        let is_same = node.replication.as_ref().is_some_and(|now| {
            now.nodes == self.replication.nodes
                && now.durability() == self.replication.durability()
                && now.preferred_active == self.replication.preferred_active
                && without_secrets(now.coordination.as_ref())
                    == without_secrets(self.replication.coordination.as_ref())
        });
        if !is_same {
            paths.push("replication".to_owned());
        }
        paths
    }
}

/// Whether two nodes, or two states of one, have the same listeners, however they are written.
pub(crate) fn has_same_listeners(a: &v1::Broker, b: &v1::Broker) -> bool {
    match (Listeners::from_api(a), Listeners::from_api(b)) {
        (Some(a), Some(b)) => a.clone().spelled_like(&b) == b,
        (a, b) => a == b,
    }
}

/// Whether two nodes are told the same.
pub(crate) fn are_alike(a: &v1::Broker, b: &v1::Broker) -> bool {
    let common = |broker: &v1::Broker| {
        let replication = broker.replication.clone().unwrap_or_default();
        v1::Replication {
            node: 0,
            founder: 0,
            coordination: without_secrets(replication.coordination.as_ref()),
            ..*replication
        }
    };
    let is_kept_alike = Logs::from_api(a) == Logs::from_api(b) && a.encryption == b.encryption;
    has_same_listeners(a, b) && is_kept_alike && common(a) == common(b)
}

fn number_of(plan: &Plan, numbers: &[u32], name: Option<&str>) -> Option<u32> {
    let place = plan
        .members
        .iter()
        .position(|member| Some(member.name.as_str()) == name)?;
    numbers.get(place).copied()
}
