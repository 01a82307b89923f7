//! `ferrymq_broker`.

use agent_api::Address;
use agent_api::FieldMask;
use agent_api::v1::{
    self, CreateBrokerRequest, DeleteBrokerRequest, GetBrokerRequest, UpdateBrokerRequest,
};
use tfplugin_rs::prelude::*;
use tfplugin_rs::validate::Validator;
use tfplugin_rs::value::Value;

use crate::agents::Agents;
use crate::deletion::{self, DeletionPolicy};
use crate::failure::{CallError, Doing};
use crate::id::{self, BrokerId, Planned};
use crate::listeners::{self, Listeners};
use crate::object::{self, ObjectId as _};
use crate::status::{Instance, Status};
use crate::{generation, name};

/// The resource.
pub(crate) struct Broker;

/// A message broker, hosted by a broker agent. It comes with the virtual host `/` and without any
/// user.
///
/// A plan that destroys or replaces a broker fails while its queues hold messages, unless
/// `deletion_policy` is `"force"`. Everything else changes while the broker runs.
#[derive(Debug, Clone, Model)]
pub(crate) struct BrokerModel {
    /// URL of the host's page about the broker; null when its pages are switched off.
    console_url: Attr<String>,

    /// What destroying or replacing the broker does while its queues hold messages, its
    /// `ferrymq_queue`s included: `"if_empty"` fails, at plan already, with their number; `"force"`
    /// loses them. What counts is the value applied last. Default: `"if_empty"`.
    #[attr(default = DeletionPolicy::DEFAULT)]
    deletion_policy: Text<DeletionPolicy>,

    /// Version of the broker engine.
    engine_version: Attr<String>,

    /// `ferrymq://<node>/<name>`: what the `broker` argument of other resources takes. Known at plan
    /// when `name` and `nodes` are.
    id: Attr<String>,

    /// The nodes that run the broker.
    instances: Attr<Vec<Instance>>,

    /// Where clients connect; changes take effect at once and leave connections of other listeners
    /// alone. Default: AMQP with TLS on port 5671 of all addresses, Amazon MQ's choice, and nothing
    /// in plaintext. Brokers of one host need distinct ports.
    #[attr(default = listeners::default_value())]
    listeners: Listeners,

    /// Name, unique on its host: 1 to 50 letters, digits, `-` or `_`, beginning with a letter or
    /// digit. Changing it replaces the broker.
    #[attr(replace, validate = name::broker())]
    name: String,

    /// Agents that host the broker, each `host:port`; exactly one in this version. Port 7443 when
    /// left out. Another address of the same agent updates in place; an agent that does not have
    /// the broker replaces it, for brokers do not move, and so do nodes that are not known at plan,
    /// as of a host that is made anew. One that has another broker of its name is refused, and one
    /// that cannot be asked at plan is an error: bring it up first.
    #[attr(validate = nodes())]
    nodes: Vec<String>,

    /// How long creating and updating wait for an agent that cannot be reached, as on a host that is
    /// booting; `0s` for not at all.
    #[attr(timeouts(create = "30s", update = "30s"))]
    timeouts: Timeouts,
}

/// Private state: what tells the broker from another one of its name.
const UID: &str = "uid";

impl Resource for Broker {
    const NAME: &'static str = "broker";
    type Data = Agents;
    type Model = BrokerModel;

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
        if !plan.planned().is_null() {
            plan_move(plan, cx).await?;
            plan_known(plan, cx)?;
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
        let id = plan.id()?;
        plan.id = id.to_string().into();
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
        plan.show(Status::of(&broker, &id), cx);
        Ok(plan)
    }

    async fn read(
        &self,
        state: BrokerModel,
        cx: &mut Context<Agents>,
    ) -> Result<Option<BrokerModel>> {
        let id = state.id()?;
        let broker = object::read(&id, fetch(cx.data(), &id).await, cx)?;
        broker
            .map(|broker| state.seen(&id, &broker, cx))
            .transpose()
    }

    async fn update(
        &self,
        prior: BrokerModel,
        mut plan: BrokerModel,
        cx: &mut Apply<Agents>,
    ) -> Result<BrokerModel> {
        let id = plan.id()?;
        plan.id = id.to_string().into();
        await_up(&id, Doing::Update, cx).await?;
        if prior.nodes != plan.nodes {
            let there = object::present(&id, Doing::Update, fetch(cx.data(), &id).await)?;
            refuse_namesake(&id, &there, cx)?;
        }
        let broker = if prior.listeners == plan.listeners {
            object::found(&id, Doing::Update, fetch(cx.data(), &id).await, cx)?
        } else {
            let request = UpdateBrokerRequest {
                broker: Some(plan.to_api()),
                update_mask: Some(FieldMask {
                    paths: vec!["listeners".to_owned()],
                }),
                expect: generation::expected(cx)?,
            };
            object::update(&id, cx, request, |agent, request| async move {
                agent.brokers().update_broker(request).await
            })
            .await?
        };
        // What the plan already knows must come back as planned, whatever it is by now; the next
        // refresh tells.
        let planned = plan.clone();
        plan.show(Status::of(&broker, &id), cx);
        Ok(plan.true_to(planned))
    }

    async fn delete(&self, state: BrokerModel, cx: &mut Context<Agents>) -> Result<()> {
        let id = state.id()?;
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
        let broker = object::found(&id, Doing::Import, fetch(cx.data(), &id).await, cx)?;
        let blank = BrokerModel {
            console_url: Attr::Null,
            deletion_policy: DeletionPolicy::IfEmpty.into(),
            engine_version: Attr::Null,
            id: Attr::Unknown,
            instances: Attr::Null,
            listeners: Listeners::default(),
            name: id.name().to_owned(),
            nodes: id.addresses().iter().map(ToString::to_string).collect(),
            timeouts: Timeouts::default(),
        };
        blank.seen(&id, &broker, cx)
    }
}

/// Plans where a change of `nodes` leads: to the same broker at another address of its agent, in
/// place; to an agent without it, which replaces it; to a namesake, which is refused.
///
/// The apply plans once more and must come to the same. So nothing is left for it to find out: nodes
/// that are not known yet replace the broker, for they belong to a host that is still to be made,
/// and an agent that cannot be asked now is an error.
async fn plan_move(plan: &mut ResourcePlan, cx: &Context<Agents>) -> Result<()> {
    if plan.action() != ResourceAction::Update {
        return Ok(());
    }
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

/// Refuses to take another broker for the one that was seen last.
fn refuse_namesake(id: &BrokerId, there: &v1::Broker, cx: &Context<Agents>) -> Result<()> {
    let seen: Option<String> = cx.private().get(UID)?;
    if seen.is_some_and(|uid| uid != there.uid) {
        return Err(id.task(Doing::Update).namesake().into());
    }
    Ok(())
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

/// What a running broker tells about itself stays unless something changes that it depends on.
fn plan_status(plan: &mut ResourcePlan) -> Result<()> {
    let same = |attribute: &str| {
        let path = AttributePath::from(attribute);
        plan.planned().value().at(&path) == plan.prior().value().at(&path)
    };
    if !same("listeners") || !same("nodes") {
        return ["console_url", "engine_version", "instances"]
            .into_iter()
            .try_for_each(|attribute| plan.set_unknown(attribute));
    }
    let console_url: Attr<String> = plan.prior().get("console_url")?;
    let engine_version: Attr<String> = plan.prior().get("engine_version")?;
    let instances: Attr<Vec<Instance>> = plan.prior().get("instances")?;
    plan.set("console_url", &console_url)?;
    plan.set("engine_version", &engine_version)?;
    plan.set("instances", &instances)
}

/// Waits for the agent as long as the operation may: its host may have been made or started anew in
/// this very apply, and the agent comes up a moment later.
async fn await_up(id: &BrokerId, doing: Doing, cx: &Context<Agents>) -> Result<()> {
    let up = cx.data().await_up(id, cx.deadline(), cx.stop()).await;
    up.map_err(|error| id.task(doing).given_up(&error).into())
}

/// The broker as the agent has it.
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
    let addresses = nodes
        .iter()
        .map(|node| node.parse::<Address>())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| {
            Diagnostic::error("Not an agent's address", error.to_string()).at("nodes")
        })?;
    BrokerId::new(addresses, name).ok_or_else(|| {
        Diagnostic::error("No node", "Name the agent that hosts the broker.")
            .at("nodes")
            .into()
    })
}

impl BrokerModel {
    fn id(&self) -> Result<BrokerId> {
        broker_id(&self.name, &self.nodes)
    }

    fn to_api(&self) -> v1::Broker {
        let listeners = self.listeners.to_api();
        v1::Broker {
            name: self.name.clone(),
            listeners,
            ..Default::default()
        }
    }

    /// With everything the agent has.
    fn seen(
        mut self,
        id: &BrokerId,
        broker: &v1::Broker,
        cx: &mut Context<Agents>,
    ) -> Result<Self> {
        cx.private_mut().set(UID, &broker.uid)?;
        if let Some(listeners) = Listeners::from_api(broker) {
            self.listeners = listeners.spelled_like(&self.listeners);
        }
        self.id = id.to_string().into();
        self.show(Status::of(broker, id), cx);
        Ok(self)
    }

    /// With what the running broker tells; a broker that does not run is worth a warning.
    fn show(&mut self, status: Status, cx: &mut Context<Agents>) {
        if let Some(reason) = status.failure {
            let detail = format!(
                "The broker {:?} is hosted but does not serve: {reason}. Its queues and users \
                 cannot be read or changed until it runs again.",
                self.name
            );
            cx.push(Diagnostic::warning("Broker does not run", detail).at("name"));
        }
        self.console_url = status.console_url;
        self.engine_version = status.engine_version;
        self.instances = status.instances;
    }

    /// With the values the plan promised.
    fn true_to(mut self, planned: Self) -> Self {
        if !planned.console_url.is_unknown() {
            self.console_url = planned.console_url;
        }
        if !planned.engine_version.is_unknown() {
            self.engine_version = planned.engine_version;
        }
        if !planned.instances.is_unknown() {
            self.instances = planned.instances;
        }
        self
    }
}

/// One address, well formed.
pub(crate) fn nodes() -> Validator {
    Validator::new(|value, report| {
        let nodes = value.as_elements().unwrap_or_default();
        if nodes.len() > 1 {
            report.push(Diagnostic::error(
                "More than one node",
                format!(
                    "Attribute nodes names {} agents, but a broker runs on exactly one in this \
                     version. Name one, and declare another broker for the other host.",
                    nodes.len()
                ),
            ));
        }
        if nodes.is_empty() {
            report.refuse("must name the agent that hosts the broker", value);
        }
        for error in nodes
            .iter()
            .filter_map(Value::as_str)
            .filter_map(|node| node.parse::<Address>().err())
        {
            report.push(Diagnostic::error(
                "Not an agent's address",
                format!("{error}."),
            ));
        }
    })
}
