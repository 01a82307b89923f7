//! `ferrymq_broker`.

mod pair;
mod plan;

use std::collections::BTreeMap;

use agent_api::FieldMask;
use agent_api::v1::{
    self, CreateBrokerRequest, DeleteBrokerRequest, GetBrokerRequest, UpdateBrokerRequest,
};
use tfplugin_rs::prelude::*;
use tfplugin_rs::validate::Validator;
use tfplugin_rs::value::Value;

use crate::agents::Agents;
use crate::deletion::{self, DeletionPolicy};
use crate::encryption::{self, Encryption};
use crate::failure::{CallError, Doing};
use crate::id::BrokerId;
use crate::listeners::{self, Listeners};
use crate::logs::Logs;
use crate::object::{self, ObjectId as _};
use crate::pair::coordination::Coordination;
use crate::pair::members::replication_address;
use crate::pair::view::View;
use crate::pair::{DeploymentMode, PairDurability};
use crate::status::{Instance, Status};
use crate::{generation, name};

/// The resource.
pub(crate) struct Broker;

/// A message broker, hosted by a broker agent, or by two as a pair of which one is active and the
/// other stands by. It comes with the virtual host `/` and without any user.
///
/// A plan that destroys or replaces a broker fails while its queues hold messages, unless
/// `deletion_policy` is `"force"`. Everything else changes while the broker runs: also a single broker
/// becomes a pair and a pair a single broker in place, with all that is in it.
#[derive(Debug, Clone, Model)]
pub(crate) struct BrokerModel {
    /// Name of the node of a pair that serves; null for a single broker, and while no node does.
    active_node: Attr<String>,

    /// URL of the host's page about the broker; null when its pages are switched off. Of a pair, the
    /// active's.
    console_url: Attr<String>,

    /// Where the nodes of a pair agree who serves: exactly one of `dynamodb`, `etcd` and `file`. The store of a
    /// pair cannot be changed, the way to it can. Goes with `ACTIVE_STANDBY_MULTI_AZ`.
    coordination: Option<Coordination>,

    /// What destroying or replacing the broker does while its queues hold messages, its
    /// `ferrymq_queue`s included: `"if_empty"` fails, at plan already, with their number; `"force"`
    /// loses them. What counts is the value applied last. Default: `"if_empty"`.
    #[attr(default = DeletionPolicy::DEFAULT)]
    deletion_policy: Text<DeletionPolicy>,

    /// `"SINGLE_INSTANCE"`, or `"ACTIVE_STANDBY_MULTI_AZ"` for a pair: what is confirmed is on both
    /// nodes, and when the active one fails the other takes over. Changing it either way keeps all
    /// that is in the broker; connections are closed once. Default: `"SINGLE_INSTANCE"`.
    #[attr(default = DeploymentMode::DEFAULT)]
    deployment_mode: Text<DeploymentMode>,

    /// What a pair does while one of its nodes is away: `"preferred"` goes on with the other alone,
    /// and what is confirmed then is on one disk; `"strict"` confirms nothing, and publishers wait.
    /// Clients notice nothing of a change; without a meaning for a single broker. Default: `"preferred"`.
    #[attr(default = PairDurability::DEFAULT)]
    durability: Text<PairDurability>,

    /// Whether and how what the broker keeps is encrypted on its hosts' disks. Cannot be taken away
    /// again. Default: it is not.
    encryption: Option<Encryption>,

    /// Version of the broker engine.
    engine_version: Attr<String>,

    /// By protocol, what clients take to find the node that serves, first to last of `nodes`. `amqp`:
    /// the list of addresses of AMQP 0-9-1 clients, `host:port,host:port`.
    failover_urls: Attr<BTreeMap<String, String>>,

    /// `ferrymq://<node>[,<node>]/<name>`: what the `broker` argument of other resources takes. Known
    /// at plan when `name` and `nodes` are.
    id: Attr<String>,

    /// Whether every node of a pair has all that was confirmed; null for a single broker.
    in_sync: Attr<bool>,

    /// The nodes that run the broker, in the order of `nodes`.
    instances: Attr<Vec<Instance>>,

    /// Where clients connect; changes take effect at once and leave connections of other listeners
    /// alone. Default: AMQP with TLS on port 5671 of all addresses, Amazon MQ's choice, and nothing
    /// in plaintext. Brokers of one host need distinct ports. The nodes of a pair have the same.
    #[attr(default = listeners::default_value())]
    listeners: Listeners,

    /// Which log files the agents keep about the broker, below `logs/<name>` of their data directories.
    /// Changes take effect at once. Default: all.
    logs: Option<Logs>,

    /// Name, unique on its hosts: 1 to 50 letters, digits, `-` or `_`, beginning with a letter or
    /// digit. Changing it replaces the broker.
    #[attr(replace, validate = name::broker())]
    name: String,

    /// Names of the nodes of a pair, in the order of `nodes`; the rules are those of `name`. Default:
    /// their hosts' names up to the first dot, or `node-1` and `node-2` where those are IP addresses
    /// or alike.
    #[attr(optional, computed, validate = validate::each([name::broker()]))]
    node_names: Attr<Vec<String>>,

    /// Agents that host the broker, each `host:port`: one, or the two of a pair. Port 7443 when left
    /// out. Another address of the same agent updates in place. A single broker is replaced by one at
    /// an agent that does not have it, for brokers do not move by themselves, and by nodes that are
    /// not known at plan, as of a host that is made anew. A broker of the same name that is another
    /// one is refused, and an agent that cannot be asked at plan is an error: bring it up first. Of a
    /// pair, one node at a time can be exchanged, and the new one gets a copy of the other's; so does
    /// a node that has lost its broker.
    #[attr(validate = nodes(2))]
    nodes: Vec<String>,

    /// Name of the node of a pair that should be active. Changing it switches over, in place, if that
    /// node is in sync. After a failover it stays as it is, and so does the node that took over: to
    /// go back, set it to that node, then to the other. Default: whichever is.
    preferred_active: Option<String>,

    /// Where the nodes of a pair reach each other, each `host` or `host:port`, in the order of
    /// `nodes`. Port 7444 when left out. The agents' certificates must be valid for these hosts.
    /// Default: the hosts of `nodes`.
    #[attr(optional, computed, validate = replication_addresses())]
    replication_addresses: Attr<Vec<String>>,

    /// How far the nodes of a pair that are not in sync are behind, in seconds; null for a single
    /// broker.
    replication_lag_seconds: Attr<f64>,

    /// How long creating and updating wait for an agent that cannot be reached, as on a host that is
    /// booting, and for the nodes of a pair to be in sync; `0s` for not at all. The first copy of a
    /// broker that holds much takes as long as sending it over the network does.
    #[attr(timeouts(create = "2m", update = "2m"))]
    timeouts: Timeouts,

    /// Bytes of the broker's journal up to the last that was written before the broker was encrypted
    /// and is not rewritten yet: 0 when nothing is left. Null for a broker that is not encrypted, and
    /// while none serves.
    unencrypted_bytes: Attr<u64>,
}

/// Private state: what tells the broker from another one of its name.
const UID: &str = "uid";

impl Resource for Broker {
    const NAME: &'static str = "broker";
    type Data = Agents;
    type Model = BrokerModel;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        pair::validate(cx)
    }

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
        if !plan.planned().is_null() {
            encryption::plan(plan)?;
            plan::settle(plan, cx).await?;
        }
        if !deletion::is_planned(plan) {
            return Ok(());
        }
        let state: BrokerModel = plan.prior().model()?;
        if state.deletion_policy.is_force() {
            return Ok(());
        }
        let id = state.id()?;
        let loss = deletion::loss_within(cx.data(), &id, "").await;
        deletion::judge(&id.task(Doing::Delete), loss, plan, cx)
    }

    async fn create(&self, mut plan: BrokerModel, cx: &mut Apply<Agents>) -> Result<BrokerModel> {
        let id = plan.planned_id()?;
        plan.id = id.to_string().into();
        if plan.deployment_mode.is_pair() {
            return pair::create(id, plan, cx).await;
        }
        let request = CreateBrokerRequest {
            broker: Some(plan.to_api()),
            idempotency_token: generation::token()?,
        };
        await_up(&id, Doing::Create, cx).await?;
        let broker = object::create(&id, &plan, cx, |agent| {
            let request = request.clone();
            async move { agent.brokers().create_broker(request).await }
        })
        .await?;
        cx.private_mut().set(UID, &broker.uid)?;
        plan.show(&View::single(id.addresses()[0].clone(), broker), cx);
        Ok(plan)
    }

    async fn read(
        &self,
        state: BrokerModel,
        cx: &mut Context<Agents>,
    ) -> Result<Option<BrokerModel>> {
        let id = state.id()?;
        let view = View::look(&cx.shared_data(), &id).await;
        if view.best().is_none() {
            return match view.first_error() {
                // An agent that was not heard may have it.
                Some(error) => Err(id.task(Doing::Read).failed(error).into()),
                None => Ok(None),
            };
        }
        pair::seen(state, &id, &view, cx).map(Some)
    }

    async fn update(
        &self,
        prior: BrokerModel,
        mut plan: BrokerModel,
        cx: &mut Apply<Agents>,
    ) -> Result<BrokerModel> {
        let id = plan.planned_id()?;
        plan.id = id.to_string().into();
        if plan.deployment_mode.is_pair() || prior.deployment_mode.is_pair() {
            return Box::pin(pair::update(&id, prior, plan, cx)).await;
        }
        await_up(&id, Doing::Update, cx).await?;
        if prior.nodes != plan.nodes {
            let there = object::present(&id, Doing::Update, fetch(cx.data(), &id).await)?;
            refuse_namesake(&id, &there, cx)?;
        }
        let mut paths = Vec::new();
        if prior.listeners != plan.listeners {
            paths.push("listeners".to_owned());
        }
        if prior.logs != plan.logs {
            paths.push("logs".to_owned());
        }
        if prior.encryption != plan.encryption {
            paths.push("encryption".to_owned());
        }
        let broker = if paths.is_empty() {
            object::found(&id, Doing::Update, fetch(cx.data(), &id).await, cx)?
        } else {
            let request = UpdateBrokerRequest {
                broker: Some(plan.to_api()),
                update_mask: Some(FieldMask { paths }),
                expect: generation::expected(cx)?,
            };
            object::update(&id, cx, request, |agent, request| async move {
                agent.brokers().update_broker(request).await
            })
            .await?
        };
        let view = View::single(id.addresses()[0].clone(), broker);
        Ok(plan.shown(&view, cx))
    }

    async fn delete(&self, state: BrokerModel, cx: &mut Context<Agents>) -> Result<()> {
        let id = state.id()?;
        if id.addresses().len() > 1 {
            return pair::delete(id, &state, cx).await;
        }
        let request = DeleteBrokerRequest {
            name: id.name().to_owned(),
            expect: generation::expected(cx)?,
            force: state.deletion_policy.is_force(),
        };
        object::delete(&id, cx, request, |agent, request| async move {
            agent.brokers().delete_broker(request).await
        })
        .await
    }

    async fn import(&self, id: &str, cx: &mut Context<Agents>) -> Result<BrokerModel> {
        let id: BrokerId = id.parse()?;
        let view = View::look(&cx.shared_data(), &id).await;
        let Some(best) = view.best() else {
            return Err(view.failed(&id.task(Doing::Import)).into());
        };
        // Whoever names one node of a pair means the pair.
        let id = id.and(&pair::agents_of(best));
        let view = View::look(&cx.shared_data(), &id).await;
        pair::seen(BrokerModel::blank(&id), &id, &view, cx)
    }
}

/// Refuses to take another broker for the one that was seen last.
fn refuse_namesake(id: &BrokerId, there: &v1::Broker, cx: &Context<Agents>) -> Result<()> {
    let seen: Option<String> = cx.private().get(UID)?;
    if seen.is_some_and(|uid| uid != there.uid) {
        return Err(id.task(Doing::Update).namesake().into());
    }
    Ok(())
}

/// Waits for the agent as long as the operation may: its host may have been made or started anew in
/// this very apply, and the agent comes up a moment later.
async fn await_up(id: &BrokerId, doing: Doing, cx: &Context<Agents>) -> Result<()> {
    let up = cx.data().await_up(id, cx.deadline(), cx.stop()).await;
    up.map_err(|error| id.task(doing).given_up(&error).into())
}

/// The broker as an agent of it has it.
pub(crate) async fn fetch(agents: &Agents, id: &BrokerId) -> Result<v1::Broker, CallError> {
    let request = GetBrokerRequest {
        name: id.name().to_owned(),
    };
    agents
        .ask(id, request, |agent, request| async move {
            agent.brokers().get_broker(request).await
        })
        .await
}

/// The id of a broker by its attributes.
pub(crate) fn broker_id(name: &str, nodes: &[String]) -> Result<BrokerId> {
    BrokerId::new(plan::addresses(nodes)?, name).ok_or_else(|| {
        Diagnostic::error("No node", "Name the agent that hosts the broker.")
            .at("nodes")
            .into()
    })
}

impl BrokerModel {
    /// The id in the state, which also holds nodes that have lost their copy; else by attributes.
    fn id(&self) -> Result<BrokerId> {
        let known = self.id.as_deref().known();
        match known.and_then(|id| id.parse().ok()) {
            Some(id) => Ok(id),
            None => self.planned_id(),
        }
    }

    /// The id by attributes.
    fn planned_id(&self) -> Result<BrokerId> {
        broker_id(&self.name, &self.nodes)
    }

    /// What an import knows before it has asked.
    fn blank(id: &BrokerId) -> Self {
        Self {
            active_node: Attr::Null,
            console_url: Attr::Null,
            coordination: None,
            deletion_policy: DeletionPolicy::IfEmpty.into(),
            deployment_mode: DeploymentMode::Single.into(),
            durability: PairDurability::Preferred.into(),
            encryption: None,
            engine_version: Attr::Null,
            failover_urls: Attr::Null,
            id: id.to_string().into(),
            in_sync: Attr::Null,
            instances: Attr::Null,
            listeners: Listeners::default(),
            logs: None,
            name: id.name().to_owned(),
            node_names: Attr::Null,
            nodes: id.addresses().iter().map(ToString::to_string).collect(),
            preferred_active: None,
            replication_addresses: Attr::Null,
            replication_lag_seconds: Attr::Null,
            timeouts: Timeouts::default(),
            unencrypted_bytes: Attr::Null,
        }
    }

    fn to_api(&self) -> v1::Broker {
        v1::Broker {
            name: self.name.clone(),
            listeners: self.listeners.to_api(),
            logs: self.logs.as_ref().map(Logs::to_api),
            encryption: self.encryption.as_ref().map(Encryption::to_api),
            ..Default::default()
        }
    }

    /// With what the running broker tells; a broker that does not run is worth a warning.
    fn show(&mut self, view: &View, cx: &mut Context<Agents>) {
        let status = Status::of(view);
        if let Some(reason) = status.failure {
            let detail = format!(
                "The broker {:?} is hosted but does not serve: {reason}. Its queues and users \
                 cannot be read or changed until it runs again.",
                self.name
            );
            cx.push(Diagnostic::warning("Broker does not run", detail).at("name"));
        }
        self.active_node = status.active_node;
        self.console_url = status.console_url;
        self.engine_version = status.engine_version;
        self.failover_urls = status.failover_urls;
        self.in_sync = status.in_sync;
        self.instances = status.instances;
        self.replication_lag_seconds = status.replication_lag_seconds;
        self.unencrypted_bytes = status.unencrypted_bytes;
    }

    /// With what the running broker tells, where the plan did not know it. What it did know must
    /// come back as planned, whatever it is by now; the next refresh tells.
    fn shown(mut self, view: &View, cx: &mut Context<Agents>) -> Self {
        let planned = self.clone();
        self.show(view, cx);
        promised(&mut self.active_node, planned.active_node);
        promised(&mut self.console_url, planned.console_url);
        promised(&mut self.engine_version, planned.engine_version);
        promised(&mut self.failover_urls, planned.failover_urls);
        promised(&mut self.in_sync, planned.in_sync);
        promised(&mut self.instances, planned.instances);
        promised(
            &mut self.replication_lag_seconds,
            planned.replication_lag_seconds,
        );
        promised(&mut self.unencrypted_bytes, planned.unencrypted_bytes);
        self
    }
}

fn promised<T>(value: &mut Attr<T>, planned: Attr<T>) {
    if !planned.is_unknown() {
        *value = planned;
    }
}

/// Addresses of agents, well formed and distinct.
pub(crate) fn nodes(at_most: usize) -> Validator {
    Validator::new(move |value, report| {
        let nodes = value.as_elements().unwrap_or_default();
        if nodes.len() > at_most {
            report.push(Diagnostic::error(
                "Too many nodes",
                format!(
                    "Attribute nodes names {} agents, but a broker runs on one, and a pair on {at_most}.",
                    nodes.len()
                ),
            ));
        }
        if nodes.is_empty() {
            report.refuse("must name the agent that hosts the broker", value);
        }
        let mut seen = Vec::new();
        for node in nodes.iter().filter_map(Value::as_str) {
            match node.parse::<agent_api::Address>() {
                Ok(address) if seen.contains(&address) => {
                    report.push(Diagnostic::error(
                        "Twice the same node",
                        format!("The agent {address} is named twice; a pair needs two."),
                    ));
                }
                Ok(address) => seen.push(address),
                Err(error) => {
                    let detail = format!("{error}.");
                    report.push(Diagnostic::error("Not an agent's address", detail));
                }
            }
        }
    })
}

fn replication_addresses() -> Validator {
    validate::each([validate::string(|text| {
        let wrong = |why| format!("must be host or host:port ({why})");
        replication_address(text).map(drop).map_err(wrong)
    })])
}
