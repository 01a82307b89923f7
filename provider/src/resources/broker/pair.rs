//! `ferrymq_broker` as a pair: between the attributes and what [`crate::pair`] does.

use std::collections::BTreeMap;

use agent_api::{Address, v1};
use tfplugin_rs::prelude::*;

use super::{BrokerModel, Coordination, DeploymentMode, PairDurability, UID, plan};
use crate::agents::Agents;
use crate::encryption::Encryption;
use crate::failure::Doing;
use crate::generation;
use crate::id::BrokerId;
use crate::listeners::Listeners;
use crate::logs::Logs;
use crate::pair::change::Shape;
use crate::pair::members::{Member, replication_address};
use crate::pair::reconcile::{Change, Job};
use crate::pair::settings::{self, Plan, Settings};
use crate::pair::view::View;

/// Private state: the highest number that a node of the pair ever had.
const LAST_NUMBER: &str = "last_node_number";

/// Private state: the generations of the nodes' settings as they were last seen, by agent.
const GENERATIONS: &str = "generations";

/// Checks what single attributes cannot.
pub(super) fn validate(cx: &mut Validation) -> Result<()> {
    let mode: Attr<String> = cx.get("deployment_mode")?;
    let is_pair = match mode.map(|mode| mode.parse().map(DeploymentMode::is_pair)) {
        Attr::Known(Ok(is_pair)) => is_pair,
        Attr::Null => false,
        // One that is none has been refused already.
        Attr::Known(Err(_)) | Attr::Unknown => return Ok(()),
    };
    let count = |attribute: &str| -> Result<Option<usize>> {
        let list: Attr<Vec<Attr<String>>> = cx.get(attribute)?;
        Ok(list.known().map(|list| list.len()))
    };
    let mut problems = Vec::new();
    let nodes = count("nodes")?;
    let wanted = if is_pair { 2 } else { 1 };
    if nodes.is_some_and(|nodes| nodes != wanted && (1..=2).contains(&nodes)) {
        problems.push(wrong_number(is_pair));
    }
    for attribute in ["node_names", "replication_addresses"] {
        let named = count(attribute)?;
        if is_pair && named.is_some_and(|named| Some(named) != nodes && nodes.is_some()) {
            let detail = format!("`{attribute}` has an entry for each of `nodes`, in their order.");
            problems.push(Diagnostic::error("An entry for each node", detail).at(attribute));
        }
    }
    problems.extend(twice(cx, "node_names")?);
    problems.extend(twice(cx, "replication_addresses")?);
    for attribute in [
        "coordination",
        "node_names",
        "preferred_active",
        "replication_addresses",
    ] {
        let path = AttributePath::from(attribute);
        let value = cx.config().value().at(&path).cloned().unwrap_or_default();
        if !is_pair && !value.is_null() {
            let detail = format!(
                "`{attribute}` is about a pair. Set deployment_mode = \"ACTIVE_STANDBY_MULTI_AZ\", or \
                 leave it out."
            );
            problems.push(Diagnostic::error("Not for a single broker", detail).at(attribute));
        }
        if is_pair && attribute == "coordination" && value.is_null() {
            let detail = "The nodes of a pair need a store in which they agree who serves: \
                          coordination = { etcd = { endpoints = [\u{2026}] } }, or \
                          coordination = { dynamodb = { \u{2026} } }.";
            problems.push(Diagnostic::error("No coordination store", detail).at(attribute));
        }
    }
    let file = AttributePath::from("coordination").attribute("file");
    let file = cx.config().value().at(&file).cloned().unwrap_or_default();
    if is_pair && !file.is_null() {
        let detail = "A directory as coordination store is for trials with both agents on one machine: \
                      whoever loses that machine loses both nodes. Use etcd or DynamoDB for everything else.";
        problems.push(
            Diagnostic::warning("The pair is a trial", detail)
                .at(AttributePath::from("coordination").attribute("file")),
        );
    }
    problems.into_iter().for_each(|problem| cx.push(problem));
    Ok(())
}

fn wrong_number(is_pair: bool) -> Diagnostic {
    let (summary, detail) = if is_pair {
        (
            "A pair has two nodes",
            "deployment_mode = \"ACTIVE_STANDBY_MULTI_AZ\" needs two agents in `nodes`, on two hosts.",
        )
    } else {
        (
            "More than one node",
            "A single broker runs on exactly one agent. Name one, or set deployment_mode = \
             \"ACTIVE_STANDBY_MULTI_AZ\" for a pair.",
        )
    };
    Diagnostic::error(summary, detail).at("nodes")
}

/// An entry of a list that is there twice.
fn twice(cx: &Validation, attribute: &'static str) -> Result<Option<Diagnostic>> {
    let list: Attr<Vec<Attr<String>>> = cx.get(attribute)?;
    let mut known: Vec<String> = (list.known().into_iter().flatten())
        .filter_map(Attr::known)
        .map(|text| replication_address(&text).map_or(text, |address| address.to_string()))
        .collect();
    known.sort();
    let twice = known.windows(2).find(|pair| pair[0] == pair[1]);
    Ok(twice.map(|pair| {
        let detail = format!("{:?} is there twice; nodes must differ.", pair[0]);
        Diagnostic::error("Two nodes alike", detail).at(attribute)
    }))
}

/// Makes a pair.
pub(super) async fn create(
    id: BrokerId,
    plan: BrokerModel,
    cx: &mut Apply<Agents>,
) -> Result<BrokerModel> {
    let group = generation::token()?;
    let wanted = plan.wanted()?;
    let settings = Settings::founding(&wanted, group.clone());
    cx.private_mut().set(UID, &group)?;
    cx.private_mut().set(LAST_NUMBER, &settings.last_number())?;
    let job = job(id.clone(), Doing::Create, cx)?;
    let made = job
        .found(&wanted, &settings, |is_there| match is_there {
            true => cx.save(&plan),
            false => cx.unsave(),
        })
        .await;
    cx.data().renewals().made(&id);
    let view = made?;
    keep_generations(&view, cx)?;
    let mut plan = plan;
    plan.forget_secrets();
    plan.show(&view, cx);
    Ok(plan)
}

/// Makes a single broker a pair, changes a pair, or makes it single.
pub(super) async fn update(
    id: &BrokerId,
    prior: BrokerModel,
    mut plan: BrokerModel,
    cx: &mut Apply<Agents>,
) -> Result<BrokerModel> {
    let before = prior.shape()?;
    let after = plan.shape()?;
    let job = job(id.clone().and(&before.agents), Doing::Update, cx)?;
    let uid: Option<String> = cx.private().get(UID)?;
    let last_number: Option<u32> = cx.private().get(LAST_NUMBER)?;
    let rotates = (plan.coordination.as_ref())
        .is_some_and(|coordination| coordination.rotates(prior.coordination.as_ref()));
    let change = Change {
        before: &before,
        after: &after,
        uid: &uid.unwrap_or_default(),
        rotates,
        last_number: last_number.unwrap_or_default(),
    };
    if after.mode.is_pair() {
        let (_, last_number) = job.follow(&plan.wanted()?, &change).await?;
        cx.private_mut().set(LAST_NUMBER, &last_number)?;
    } else {
        job.unmake(plan.to_api(), &change).await?;
    }
    let view = View::look(&cx.shared_data(), id).await;
    keep_generations(&view, cx)?;
    plan.forget_secrets();
    Ok(plan.shown(&view, cx))
}

/// Deletes all copies.
pub(super) async fn delete(
    id: BrokerId,
    state: &BrokerModel,
    cx: &mut Context<Agents>,
) -> Result<()> {
    let job = job(id, Doing::Delete, cx)?;
    job.delete_all(state.deletion_policy.is_force()).await
}

/// The state with everything the agents have. Nodes that have lost their copy, or have other
/// settings than the one that knows best, are left out of `nodes`: so the next plan shows them as
/// ones to be made.
pub(super) fn seen(
    mut state: BrokerModel,
    id: &BrokerId,
    view: &View,
    cx: &mut Context<Agents>,
) -> Result<BrokerModel> {
    let Some(best) = view.best() else {
        return Ok(state);
    };
    cx.private_mut().set(UID, &best.uid)?;
    keep_generations(view, cx)?;
    if let Some(listeners) = Listeners::from_api(best) {
        state.listeners = listeners.spelled_like(&state.listeners);
    }
    state.logs = Logs::seen(best, state.logs.as_ref());
    state.encryption = Encryption::from_api(best);
    state.id = id.to_string().into();
    state.see_nodes(id, best, view);
    match &best.replication {
        Some(replication) => state.see_pair(replication),
        None => state.see_single(),
    }
    warn_of_silence(id, view, cx);
    state.show(view, cx);
    Ok(state)
}

/// The agents of all its nodes, as the pair itself knows them.
pub(super) fn agents_of(broker: &v1::Broker) -> Vec<Address> {
    let nodes = broker.replication.iter().flat_map(|it| &it.nodes);
    nodes.filter_map(|node| node.agent.parse().ok()).collect()
}

fn job(id: BrokerId, doing: Doing, cx: &Context<Agents>) -> Result<Job> {
    let seen: Option<BTreeMap<String, u64>> = cx.private().get(GENERATIONS)?;
    Ok(Job {
        agents: cx.shared_data(),
        id,
        doing,
        deadline: cx.deadline(),
        stop: cx.stop().clone(),
        seen: seen.unwrap_or_default(),
    })
}

/// Remembers what was seen last of each node, and of a single broker also as of any object.
fn keep_generations(view: &View, cx: &mut Context<Agents>) -> Result<()> {
    let seen: BTreeMap<String, u64> = (view.seen.iter())
        .filter_map(|seen| Some((seen.agent.to_string(), seen.broker()?.generation)))
        .collect();
    if let Some(best) = view.best() {
        generation::keep(cx, best.generation)?;
    }
    cx.private_mut().set(GENERATIONS, &seen)
}

/// Warns of nodes that were not heard, once each.
fn warn_of_silence(id: &BrokerId, view: &View, cx: &mut Context<Agents>) {
    for seen in &view.seen {
        let Some(error) = seen.error() else { continue };
        if !cx.data().is_news(format!("{}: node of {id}", seen.agent)) {
            continue;
        }
        let detail = format!(
            "The broker {:?} is a pair, and of its nodes {error}. What is known comes from the other \
             one.",
            id.name()
        );
        cx.push(Diagnostic::warning("A node of the pair cannot be reached", detail).at("nodes"));
    }
    if view.active().is_none() {
        let detail = format!(
            "None of the nodes of the broker {:?} serves at the moment; what is in it cannot be read or \
             changed until one does.",
            id.name()
        );
        cx.push(Diagnostic::warning("No node of the pair is active", detail).at("nodes"));
    }
}

impl BrokerModel {
    /// Which of the named nodes have their copy; who was not heard is taken to have it.
    fn see_nodes(&mut self, id: &BrokerId, best: &v1::Broker, view: &View) {
        let has_copy = |agent: &Address| {
            let Some(seen) = view.at(agent) else {
                return false;
            };
            match seen.broker() {
                Some(copy) => copy.uid == best.uid && settings::are_alike(copy, best),
                None => !seen.is_missing(),
            }
        };
        let spelled = |agent: &Address| {
            let is_it = |node: &&String| node.parse().as_ref() == Ok(agent);
            let found = self.nodes.iter().find(is_it);
            found.cloned().unwrap_or_else(|| agent.to_string())
        };
        let named = id.addresses().iter().filter(|agent| has_copy(agent));
        self.nodes = named.map(spelled).collect();
    }

    fn see_single(&mut self) {
        self.coordination = None;
        self.deployment_mode = DeploymentMode::Single.into();
        self.node_names = Attr::Null;
        self.preferred_active = None;
        self.replication_addresses = Attr::Null;
    }

    fn see_pair(&mut self, replication: &v1::Replication) {
        self.deployment_mode = DeploymentMode::ActiveStandby.into();
        let durability = PairDurability::of(replication.durability());
        if *self.durability != durability {
            self.durability = durability.into();
        }
        let state = self.coordination.as_ref();
        self.coordination = (replication.coordination.as_ref())
            .and_then(|seen| Coordination::from_api(seen, state));
        let names = replication.nodes.iter().map(|node| node.name.clone());
        self.node_names = names.collect::<Vec<_>>().into();
        let spelled = self
            .replication_addresses
            .clone()
            .known()
            .unwrap_or_default();
        let addresses = replication.nodes.iter().enumerate().map(|(place, node)| {
            let is_it = |text: &&String| {
                replication_address(text).ok() == replication_address(&node.replication).ok()
            };
            let spelling = spelled.get(place).filter(is_it);
            spelling.unwrap_or(&node.replication).clone()
        });
        self.replication_addresses = addresses.collect::<Vec<_>>().into();
        let preferred = replication.preferred_active;
        let preferred = replication.nodes.iter().find(|node| node.id == preferred);
        self.preferred_active = preferred.map(|node| node.name.clone());
    }

    /// What is never kept.
    fn forget_secrets(&mut self) {
        if let Some(etcd) = self.coordination.as_mut().and_then(|it| it.etcd.as_mut()) {
            etcd.client_key_wo = None;
            etcd.password_wo = None;
        }
    }

    fn shape(&self) -> Result<Shape> {
        Ok(Shape {
            mode: *self.deployment_mode,
            agents: plan::addresses(&self.nodes)?,
            names: self.node_names.clone().known().unwrap_or_default(),
            preferred: self.preferred_active.clone(),
            coordination: self.coordination.clone(),
            durability: *self.durability,
            replication: self
                .replication_addresses
                .clone()
                .known()
                .unwrap_or_default(),
        })
    }

    /// What the nodes of the pair are to be.
    fn wanted(&self) -> Result<Plan> {
        let agents = plan::addresses(&self.nodes)?;
        let names = self.node_names.clone().known().unwrap_or_default();
        let replication = self
            .replication_addresses
            .clone()
            .known()
            .unwrap_or_default();
        let members = agents.into_iter().zip(names).zip(replication);
        let members = members.map(|((agent, name), replication)| {
            let replication = replication_address(&replication).map_err(|why| {
                Diagnostic::error("Not an address", format!("{replication:?}: {why}."))
                    .at("replication_addresses")
            })?;
            Ok(Member {
                agent,
                name,
                replication,
            })
        });
        let Some(coordination) = self.coordination.clone() else {
            let detail = "A pair needs a store in which its nodes agree who serves.";
            return Err(Diagnostic::error("No coordination store", detail)
                .at("coordination")
                .into());
        };
        Ok(Plan {
            name: self.name.clone(),
            members: members.collect::<Result<_>>()?,
            listeners: self.listeners.clone(),
            logs: self.logs.clone(),
            encryption: self.encryption.clone(),
            coordination,
            durability: *self.durability,
            preferred: self.preferred_active.clone(),
        })
    }
}
