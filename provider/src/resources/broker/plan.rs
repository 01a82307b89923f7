//! Plans of `ferrymq_broker`: where its nodes go, and what is known before anything is done.

use agent_api::Address;
use tfplugin_rs::prelude::*;

use super::{
    Coordination, DeploymentMode, Instance, PairDurability, UID, broker_id, fetch, refuse_namesake,
};
use crate::agents::Agents;
use crate::failure::Doing;
use crate::id::{self, BrokerId, Planned};
use crate::listeners;
use crate::object::ObjectId as _;
use crate::pair::change::{self, Shape};
use crate::pair::members::{default_names, default_replication};
use crate::pair::view::View;

/// Everything but what a deletion needs.
pub(super) async fn settle(plan: &mut ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
    plan_members(plan)?;
    check_preferred(plan)?;
    plan_change(plan, cx).await?;
    plan_known(plan, cx)
}

/// Plans what becomes of a broker that exists when its nodes, or what they are to each other,
/// change.
///
/// The apply plans once more and must come to the same. So nothing is left for it to find out: nodes
/// of a single broker that are not known yet replace it, for they belong to a host that is still to
/// be made, and an agent that cannot be asked now is an error.
async fn plan_change(plan: &mut ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
    if plan.action() != ResourceAction::Update {
        return Ok(());
    }
    let before = shape(plan.prior())?;
    let planned_mode: Text<DeploymentMode> = plan.planned().get("deployment_mode")?;
    let concerns_a_pair =
        before.as_ref().is_some_and(|it| it.mode.is_pair()) || planned_mode.is_pair();
    if !concerns_a_pair {
        return plan_move(plan, cx).await;
    }
    let (Some(before), Some(after)) = (before, shape(plan.planned())?) else {
        return Err(unknown_node().into());
    };
    let name: String = plan.planned().get("name")?;
    let Some(id) = BrokerId::new(before.agents.clone(), name) else {
        return Ok(());
    };
    let id = id.and(&after.agents);
    let view = View::look(&cx.shared_data(), &id).await;
    if view.best().is_none() {
        // Reading it has told why already, or was skipped on purpose.
        if let Some(error) = view.first_error() {
            id.task(Doing::Update)
                .warn_unchecked(error, "what becomes of the pair", cx);
        }
        return Ok(());
    }
    let uid: Option<String> = cx.private().get(UID)?;
    let uid = uid.unwrap_or_default();
    let strange = |agent: &&Address| {
        let there = view.at(agent).and_then(|seen| seen.broker());
        there.is_some_and(|broker| !uid.is_empty() && broker.uid != uid)
    };
    if after.agents.iter().any(|agent| strange(&agent)) {
        return Err(id.task(Doing::Update).namesake().into());
    }
    for warning in change::judge(&before, &after, &view, &uid)? {
        cx.push(warning);
    }
    Ok(())
}

/// Plans where a change of `nodes` leads a single broker: to the same broker at another address of
/// its agent, in place; to an agent without it, which replaces it; to a namesake, which is refused.
async fn plan_move(plan: &mut ResourcePlan, cx: &Context<Agents>) -> Result<()> {
    // A change of the name has replaced it already: here the nodes alone can be unknown.
    let Some(id) = planned_id(&Planned(plan))? else {
        plan.require_replace("nodes");
        return Ok(());
    };
    let before: Vec<String> = plan.prior().get("nodes")?;
    if broker_id(id.name(), &before)? == id {
        return Ok(());
    }
    match fetch(cx.data(), &id).await {
        Ok(there) => refuse_namesake(&id, &there, cx),
        Err(error) if error.is_not_found() => {
            plan.require_replace("nodes");
            Ok(())
        }
        Err(error) => Err(id.task(Doing::Update).undecided(&error).into()),
    }
}

fn unknown_node() -> Diagnostic {
    let detail = "A node of the pair is not known before the apply, as that of a host that is made in \
                  it. Whether messages are safe cannot be judged without it, and everything in the \
                  broker would be planned anew, since its id holds the nodes. Make the host first, \
                  with -target, and apply again.";
    Diagnostic::error("The node is not known yet", detail).at("nodes")
}

/// A broker as these values have it; `None` while a node is not known.
fn shape(values: &Values) -> Result<Option<Shape>> {
    let nodes: Attr<Vec<Attr<String>>> = values.get("nodes")?;
    let nodes: Option<Vec<String>> = nodes
        .known()
        .and_then(|nodes| nodes.into_iter().map(Attr::known).collect());
    let Some(nodes) = nodes else { return Ok(None) };
    // A state from before there were pairs has no mode.
    let mode: Attr<Text<DeploymentMode>> = values.get("deployment_mode")?;
    let names: Attr<Vec<Attr<String>>> = values.get("node_names")?;
    let names = names.known().unwrap_or_default();
    let preferred: Attr<String> = values.get("preferred_active")?;
    let coordination: Attr<Coordination> = match values.get("coordination") {
        Ok(coordination) => coordination,
        // Part of it is not known yet: it is looked at when the plan is made again.
        Err(_) => Attr::Unknown,
    };
    let durability: Attr<Text<PairDurability>> = values.get("durability")?;
    let replication: Attr<Vec<Attr<String>>> = values.get("replication_addresses")?;
    let replication = replication.known().unwrap_or_default();
    Ok(Some(Shape {
        mode: mode
            .known()
            .map_or(DeploymentMode::Single, Text::into_inner),
        agents: addresses(&nodes)?,
        names: names
            .into_iter()
            .map(|name| name.known().unwrap_or_default())
            .collect(),
        preferred: preferred.known(),
        coordination: coordination.known(),
        durability: durability
            .known()
            .map_or(PairDurability::Preferred, Text::into_inner),
        replication: replication
            .into_iter()
            .map(|address| address.known().unwrap_or_default())
            .collect(),
    }))
}

/// Nodes as addresses.
pub(super) fn addresses(nodes: &[String]) -> Result<Vec<Address>> {
    let parsed: Result<Vec<Address>, _> = nodes.iter().map(|node| node.parse()).collect();
    Ok(parsed.map_err(|error| {
        Diagnostic::error("Not an agent's address", error.to_string()).at("nodes")
    })?)
}

/// Plans names and addresses of the nodes that the configuration leaves open.
fn plan_members(plan: &mut ResourcePlan) -> Result<()> {
    let mode: Attr<Text<DeploymentMode>> = plan.planned().get("deployment_mode")?;
    let is_pair = mode.known().map(|mode| mode.is_pair());
    let nodes = Planned(plan).texts("nodes")?;
    type Default = fn(&[Address]) -> Vec<String>;
    let open: [(&str, Default); 2] = [
        ("node_names", default_names),
        ("replication_addresses", default_replication),
    ];
    for (attribute, default) in open {
        let configured: Attr<Vec<Attr<String>>> = plan.config().get(attribute)?;
        if configured != Attr::Null {
            continue;
        }
        match (is_pair, &nodes) {
            (Some(false), _) => plan.set(attribute, &Attr::<Vec<String>>::Null)?,
            (Some(true), Some(nodes)) => plan.set(attribute, &default(&addresses(nodes)?))?,
            _ => plan.set_unknown(attribute)?,
        }
    }
    Ok(())
}

/// The preferred node is one of the nodes.
fn check_preferred(plan: &ResourcePlan) -> Result<()> {
    let planned = Planned(plan);
    let (Some(preferred), Some(names)) = (
        planned.text("preferred_active")?,
        planned.texts("node_names")?,
    ) else {
        return Ok(());
    };
    if names.contains(&preferred) {
        return Ok(());
    }
    let detail = format!(
        "No node is called {preferred:?}. They are called {}; `node_names` gives them other names.",
        names.join(" and ")
    );
    Err(Diagnostic::error("No such node", detail)
        .at("preferred_active")
        .into())
}

/// Plans what follows from the rest: ports, the id, and what a running broker tells as long as
/// nothing changes that it depends on.
fn plan_known(plan: &mut ResourcePlan, cx: &Context<Agents>) -> Result<()> {
    listeners::plan_ports(plan)?;
    id::plan(plan, cx.data(), planned_id)?;
    if plan.action() == ResourceAction::Update {
        plan_status(plan)?;
    }
    Ok(())
}

/// The id by planned attributes; `None` while one of them is not known.
fn planned_id(planned: &Planned<'_>) -> Result<Option<BrokerId>> {
    let parts = (planned.text("name")?, planned.texts("nodes")?);
    let (Some(name), Some(nodes)) = parts else {
        return Ok(None);
    };
    broker_id(&name, &nodes).map(Some)
}

/// What the answers of the agents depend on.
const CAUSES: [&str; 9] = [
    "coordination",
    "deployment_mode",
    "durability",
    "encryption",
    "listeners",
    "node_names",
    "nodes",
    "preferred_active",
    "replication_addresses",
];

/// What a running broker tells about itself stays unless something changes that it depends on.
fn plan_status(plan: &mut ResourcePlan) -> Result<()> {
    let same = |attribute: &str| {
        let path = AttributePath::from(attribute);
        plan.planned().value().at(&path) == plan.prior().value().at(&path)
    };
    if !CAUSES.iter().all(|cause| same(cause)) {
        return [
            "active_node",
            "console_url",
            "engine_version",
            "failover_urls",
            "in_sync",
            "instances",
            "replication_lag_seconds",
            "unencrypted_bytes",
        ]
        .into_iter()
        .try_for_each(|attribute| plan.set_unknown(attribute));
    }
    keep::<String>(plan, "active_node")?;
    keep::<String>(plan, "console_url")?;
    keep::<String>(plan, "engine_version")?;
    keep::<std::collections::BTreeMap<String, String>>(plan, "failover_urls")?;
    keep::<bool>(plan, "in_sync")?;
    keep::<Vec<Instance>>(plan, "instances")?;
    keep::<f64>(plan, "replication_lag_seconds")?;
    keep::<u64>(plan, "unencrypted_bytes")
}

fn keep<T>(plan: &mut ResourcePlan, attribute: &'static str) -> Result<()>
where
    Attr<T>: tfplugin_rs::model::Field,
{
    let now: Attr<T> = plan.prior().get(attribute)?;
    plan.set(attribute, &now)
}
