//! What a plan would do to a broker of which a pair is made, is changed or is unmade: what people
//! should know before they apply it, and what it must not do. No agent is asked here.

use agent_api::Address;
use tfplugin_rs::prelude::*;

use super::coordination::Coordination;
use super::view::View;
use super::{DeploymentMode, PairDurability};

/// A broker as it was or is to be.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) mode: DeploymentMode,
    pub(crate) agents: Vec<Address>,
    /// Names of the nodes at those agents; empty where they are not known.
    pub(crate) names: Vec<String>,
    pub(crate) preferred: Option<String>,
    pub(crate) coordination: Option<Coordination>,
    pub(crate) durability: PairDurability,
    /// What else is told to every node, in any form: a change of it starts the nodes anew.
    pub(crate) replication: Vec<String>,
}

/// What the agents of the one shape are to those of the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Nodes {
    /// They have the broker and keep it, perhaps at another address.
    pub(crate) kept: Vec<Address>,
    /// They are to get it.
    pub(crate) added: Vec<Address>,
    /// They are to lose it.
    pub(crate) gone: Vec<Address>,
}

impl Nodes {
    /// Compares two shapes; `uid` tells the broker from one that only has its name.
    pub(crate) fn compare(before: &[Address], after: &[Address], view: &View, uid: &str) -> Self {
        let has_it = |agent: &Address| match view.at(agent).map(|seen| (seen, seen.broker())) {
            Some((_, Some(broker))) => uid.is_empty() || broker.uid == uid,
            // Not heard: what it had it still has.
            Some((seen, None)) => !seen.is_missing() && before.contains(agent),
            None => before.contains(agent),
        };
        let (kept, added): (Vec<_>, Vec<_>) = after.iter().cloned().partition(has_it);
        let is_same_node = |a: &Address, b: &Address| {
            a == b || (view.node_of(a).is_some() && view.node_of(a) == view.node_of(b))
        };
        let is_gone = |agent: &&Address| !kept.iter().any(|kept| is_same_node(kept, agent));
        let is_replaced_by_itself = |agent: &&Address| !after.contains(agent);
        let gone = before
            .iter()
            .filter(is_gone)
            .filter(is_replaced_by_itself)
            .cloned()
            .collect();
        Self { kept, added, gone }
    }
}

/// The node that has to become active for the change, if another one is now.
pub(crate) fn successor(
    before: &Shape,
    after: &Shape,
    nodes: &Nodes,
    view: &View,
) -> Option<Address> {
    let active = view.active();
    let wanted = |name: &str| {
        let place = after.names.iter().position(|it| it == name)?;
        after.agents.get(place)
    };
    let preferred = after.preferred.as_deref().and_then(wanted);
    let changed = before.preferred != after.preferred;
    if let Some(preferred) = preferred.filter(|_| changed) {
        return (active != Some(preferred)).then(|| preferred.clone());
    }
    let leaves = active.is_some_and(|active| nodes.gone.contains(active));
    let can = |agent: &&Address| view.is_in_sync(agent);
    leaves
        .then(|| nodes.kept.iter().find(can).cloned())
        .flatten()
}

/// Judges a change: warnings that say what will happen, or the reason not to do it.
pub(crate) fn judge(
    before: &Shape,
    after: &Shape,
    view: &View,
    uid: &str,
) -> Result<Diagnostics, Diagnostic> {
    let nodes = Nodes::compare(&before.agents, &after.agents, view, uid);
    refuse_another_store(before, after)?;
    refuse_to_lose(before, after, &nodes, view)?;
    let mut warnings = Diagnostics::new();
    let mut warn = |summary: &str, detail: String, path: &str| {
        warnings.push(Diagnostic::warning(summary, detail).at(path));
    };
    let successor = successor(before, after, &nodes, view);
    if let Some(to) = &successor {
        let is_new = nodes.added.contains(to);
        if !is_new && !view.is_in_sync(to) {
            return Err(not_ready(to));
        }
        let path = if nodes.gone.is_empty() {
            "preferred_active"
        } else {
            "nodes"
        };
        warn("The broker fails over", switchover(to, is_new, view), path);
    }
    match (before.mode.is_pair(), after.mode.is_pair()) {
        (false, true) => warn(
            "The broker becomes a pair",
            becoming_a_pair(&nodes),
            "deployment_mode",
        ),
        (true, false) => warn(
            "The pair becomes a single broker",
            becoming_single(&nodes),
            "deployment_mode",
        ),
        (true, true) if !nodes.added.is_empty() => {
            warn("A node gets a new copy", new_copy(&nodes), "nodes");
        }
        (true, true) if restarts(before, after) => warn(
            "The nodes of the pair start anew",
            "Names, addresses and the way to the coordination store are read at the start. One node \
             after the other starts with them, the standby first, and connections are closed as in a \
             failover."
                .to_owned(),
            "nodes",
        ),
        _ => {}
    }
    let are_pairs = before.mode.is_pair() && after.mode.is_pair();
    if are_pairs && before.durability != after.durability {
        let detail = other_durability(after.durability).to_owned();
        warn("The durability of the pair changes", detail, "durability");
    }
    for left in nodes.gone.iter().filter(|it| is_silent(view, it)) {
        warn("A copy may be left behind", left_behind(left), "nodes");
    }
    Ok(warnings)
}

fn restarts(before: &Shape, after: &Shape) -> bool {
    before.agents != after.agents
        || before.names != after.names
        || before.replication != after.replication
        || before.coordination != after.coordination
}

fn is_silent(view: &View, agent: &Address) -> bool {
    view.at(agent).is_some_and(|seen| seen.error().is_some())
}

fn refuse_another_store(before: &Shape, after: &Shape) -> Result<(), Diagnostic> {
    let (Some(now), Some(next)) = (&before.coordination, &after.coordination) else {
        return Ok(());
    };
    if now.is_same_store(next) {
        return Ok(());
    }
    let detail = "A running pair cannot agree in two stores: the record of who serves would be in the \
                  one and missing in the other. Make the broker a SINGLE_INSTANCE and apply, then a \
                  pair with the new store; its messages stay.";
    Err(Diagnostic::error("The coordination store cannot be changed", detail).at("coordination"))
}

fn other_durability(durability: PairDurability) -> &'static str {
    match durability {
        PairDurability::Preferred => {
            "Clients notice nothing. From then on the broker goes on with one node alone, and what is \
             confirmed meanwhile is on one disk."
        }
        PairDurability::Strict => {
            "Clients notice nothing. From then on nothing is confirmed and publishers wait while only \
             one node is in sync."
        }
    }
}

/// Refuses what would leave no node with everything that was confirmed.
fn refuse_to_lose(
    before: &Shape,
    after: &Shape,
    nodes: &Nodes,
    view: &View,
) -> Result<(), Diagnostic> {
    if nodes.kept.is_empty() {
        let detail = format!(
            "None of the agents now named ({}) has the broker, and its messages would stay behind. \
             Change one node at a time: leave {} named, apply, and change the other when both are in \
             sync again.",
            listed(&after.agents),
            if before.agents.len() > 1 {
                "one of the present ones"
            } else {
                "the present one"
            },
        );
        return Err(Diagnostic::error("No node would keep the broker", detail).at("nodes"));
    }
    let can_stay = |agent: &Address| view.is_in_sync(agent);
    if nodes.gone.is_empty() || nodes.kept.iter().any(can_stay) {
        return Ok(());
    }
    let detail = format!(
        "{} would lose its copy, and {} is not known to have everything that was confirmed: messages \
         could be lost. Bring both nodes up and wait until they are in sync, or keep the node that \
         is.",
        listed(&nodes.gone),
        listed(&nodes.kept),
    );
    Err(Diagnostic::error("Plan would drop the last copy in sync", detail).at("nodes"))
}

fn not_ready(to: &Address) -> Diagnostic {
    let detail = format!(
        "The node at {to} is to become active, but it is not in sync: it may lack messages that were \
         confirmed. Wait until `in_sync` is true, or leave the node that serves."
    );
    Diagnostic::error("The preferred node is not in sync", detail).at("preferred_active")
}

fn switchover(to: &Address, is_new: bool, view: &View) -> String {
    let from = view
        .active()
        .map_or_else(|| "the node that serves".to_owned(), ToString::to_string);
    let when = if is_new { "Once it is in sync, " } else { "" };
    format!(
        "{when}{from} hands over to {to}. Connections are closed, and clients that know both addresses \
         (`failover_urls`) find the new one; the aim is two seconds without a broker. Nothing that \
         was confirmed is lost; what was delivered and not acknowledged comes again."
    )
}

fn becoming_a_pair(nodes: &Nodes) -> String {
    format!(
        "{} stays active and keeps all it has, and {} gets a copy. Connections are closed once; the \
         aim is two seconds without a broker. Until the copy is in sync, what is confirmed is on one \
         node alone. Give clients both addresses (`failover_urls`).",
        listed(&nodes.kept),
        listed(&nodes.added),
    )
}

fn becoming_single(nodes: &Nodes) -> String {
    format!(
        "{} goes on alone with all the broker has, and the copy of {} is deleted. Connections are \
         closed once. From then on the broker is as safe as its one host.",
        listed(&nodes.kept),
        listed(&nodes.gone),
    )
}

fn new_copy(nodes: &Nodes) -> String {
    let gone = if nodes.gone.is_empty() {
        " Clients notice nothing of it.".to_owned()
    } else {
        format!(
            " The copy of {} is deleted before, and connections are closed once.",
            listed(&nodes.gone)
        )
    };
    format!(
        "{} gets a copy of what {} has; it founds nothing of its own.{gone} Until it is in sync, what \
         is confirmed is on one node alone (with durability \"strict\" nothing is confirmed).",
        listed(&nodes.added),
        listed(&nodes.kept),
    )
}

fn left_behind(agent: &Address) -> String {
    format!(
        "The agent at {agent} cannot be reached. The broker goes on without it, but its copy cannot be \
         deleted: if that host comes back, delete the broker there."
    )
}

fn listed(agents: &[Address]) -> String {
    let texts: Vec<String> = agents.iter().map(ToString::to_string).collect();
    if texts.is_empty() {
        return "nobody".to_owned();
    }
    texts.join(" and ")
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
