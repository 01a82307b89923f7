//! `ferrymq_exchange`.

use agent_api::v1::{self, DeleteExchangeRequest, GetExchangeRequest, PutExchangeRequest};
use tfplugin_rs::model::Field as _;
use tfplugin_rs::prelude::*;
use tfplugin_rs::value::Dynamic;

use crate::agents::Agents;
use crate::arguments::BadArguments;
use crate::deletion::{self, DeletionPolicy, Loss};
use crate::failure::{CallError, Doing};
use crate::id::{self, BrokerId, ExchangeId};
use crate::object::{self, ObjectId as _};
use crate::typed::{self, Seen};
use crate::{arguments, check, generation, name};

/// Types an agent offers.
const TYPES: [&str; 6] = [
    "direct",
    "fanout",
    "headers",
    "topic",
    "x-consistent-hash",
    DELAYED,
];

/// The type that keeps messages back, and needs to know how to pick.
const DELAYED: &str = "x-delayed-message";

/// The resource.
pub(crate) struct Exchange;

/// An exchange: takes published messages and passes them on to the queues and exchanges bound to
/// it.
#[derive(Debug, Clone, Model)]
#[model(rule = typed::said_once(typed::EXCHANGE))]
pub(crate) struct ExchangeModel {
    /// Name of the exchange that gets the messages for which this one finds no way; it need not
    /// exist yet. Changes in place. Default: none.
    #[attr(validate = name::referable())]
    alternate_exchange: Option<String>,

    /// Arguments beyond those with an attribute of their own, as an object; numbers stay numbers.
    /// Those that have an attribute may be said here instead. Default: none. Changing what they say
    /// replaces the exchange, but for the alternate exchange.
    #[attr(validate = arguments::valid())]
    arguments: Option<Dynamic>,

    /// True: deleted when its last binding goes. Default: `false`. Changing it replaces the
    /// exchange.
    #[attr(default = false, replace)]
    auto_delete: bool,

    /// Id of the broker, `ferrymq_broker.<label>.id`. Other addresses of the same broker update in
    /// place; another broker, or one not known at plan, replaces the exchange.
    #[attr(replace_if = id::names_another_broker)]
    broker: Text<BrokerId>,

    /// Of type `"x-delayed-message"`, and required there: the type by which it picks where a message
    /// goes, any of the others. Changing it replaces the exchange.
    #[attr(validate = validate::one_of(TYPES.into_iter().filter(|it| *it != DELAYED)))]
    delayed_type: Option<String>,

    /// What destroying or replacing an exchange of type `"x-delayed-message"` does while it keeps
    /// messages back: `"if_empty"` fails, at plan already, with their number; `"force"` loses them. What
    /// counts is the value applied last. Default: `"if_empty"`.
    #[attr(default = DeletionPolicy::DEFAULT)]
    deletion_policy: Text<DeletionPolicy>,

    /// True: survives a restart of the broker. Default: `true`. Changing it replaces the exchange.
    #[attr(default = true, replace)]
    durable: bool,

    /// Of type `"x-consistent-hash"`: name of the message header that is hashed in place of the
    /// routing key. Changing it replaces the exchange.
    #[attr(validate = validate::conflicts_with(["hash_property"]))]
    hash_header: Option<String>,

    /// Of type `"x-consistent-hash"`: the message property that is hashed in place of the routing
    /// key: `"correlation_id"`, `"message_id"` or `"timestamp"`. Changing it replaces the exchange.
    #[attr(validate = validate::one_of(["correlation_id", "message_id", "timestamp"]))]
    hash_property: Option<String>,

    /// `<broker>/exchange/<vhost>/<name>`, the last two percent-encoded. Known at plan when its
    /// parts are.
    id: Attr<String>,

    /// True: fed by bindings only, clients cannot publish to it. Default: `false`. Changing it
    /// replaces the exchange.
    #[attr(default = false, replace)]
    internal: bool,

    /// Name, 1 to 255 bytes of UTF-8; names that begin with `amq.` are reserved. Changing it
    /// replaces the exchange.
    #[attr(replace, validate = name::declarable())]
    name: String,

    /// How it picks where a message goes: `"direct"` (the routing key equals the binding's),
    /// `"fanout"` (everywhere), `"headers"` (the binding's arguments are conditions on the message's
    /// headers), `"topic"` (the binding's key is a pattern with `*` and `#`), `"x-consistent-hash"`
    /// (one of the bound, by a hash of the routing key; a binding's key is its weight) or
    /// `"x-delayed-message"` (like `delayed_type`, after as many milliseconds as the message's header
    /// `x-delay` says). Changing it replaces the exchange.
    #[attr(name = "type", replace, validate = validate::one_of(TYPES))]
    ty: String,

    /// Virtual host. Default: `/`. Changing it replaces the exchange.
    #[attr(default = "/", replace, validate = name::plain())]
    vhost: String,
}

impl Resource for Exchange {
    const NAME: &'static str = "exchange";
    type Data = Agents;
    type Model = ExchangeModel;

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
        typed::plan_replacement(typed::EXCHANGE, plan);
        id::plan(plan, cx.data(), ExchangeId::planned)?;
        check_plan(plan, cx).await?;
        if !deletion::is_planned(plan) {
            return Ok(());
        }
        let state: ExchangeModel = plan.prior().model()?;
        if state.deletion_policy.is_force() || state.ty != DELAYED {
            return Ok(());
        }
        let id = state.id();
        let exchange = fetch(cx.data(), &id).await;
        let loss = exchange.map(|exchange| Loss {
            messages: exchange.delayed_messages,
            queues: 1,
        });
        deletion::judge(&id.task(Doing::Delete), loss, plan, cx)
    }

    async fn create(
        &self,
        mut plan: ExchangeModel,
        cx: &mut Apply<Agents>,
    ) -> Result<ExchangeModel> {
        let id = plan.id();
        plan.id = id.to_string().into();
        let request = PutExchangeRequest {
            broker: id.broker.name().to_owned(),
            exchange: Some(plan.to_api()?),
            expect: generation::absent(),
            idempotency_token: generation::token()?,
            check_only: false,
        };
        object::create(&id, &plan, cx, |agent| {
            let request = request.clone();
            async move { agent.exchanges().put_exchange(request).await }
        })
        .await?;
        Ok(plan)
    }

    async fn read(
        &self,
        state: ExchangeModel,
        cx: &mut Context<Agents>,
    ) -> Result<Option<ExchangeModel>> {
        let id = state.id();
        let exchange = object::read(&id, fetch(cx.data(), &id).await, cx)?;
        Ok(exchange.map(|exchange| state.seen(&id, exchange)))
    }

    async fn update(
        &self,
        prior: ExchangeModel,
        mut plan: ExchangeModel,
        cx: &mut Apply<Agents>,
    ) -> Result<ExchangeModel> {
        let id = plan.id();
        let agents = cx.shared_data();
        object::follow(&id, &prior.broker.0, || fetch(&agents, &id), cx).await?;
        plan.id = id.to_string().into();
        let exchange = plan.to_api()?;
        if exchange == prior.to_api()? {
            return Ok(plan);
        }
        let request = PutExchangeRequest {
            broker: id.broker.name().to_owned(),
            exchange: Some(exchange),
            expect: generation::expected(cx)?,
            ..Default::default()
        };
        object::update(&id, cx, request, |agent, request| async move {
            agent.exchanges().put_exchange(request).await
        })
        .await?;
        Ok(plan)
    }

    async fn delete(&self, state: ExchangeModel, cx: &mut Context<Agents>) -> Result<()> {
        let id = state.id();
        let request = DeleteExchangeRequest {
            broker: id.broker.name().to_owned(),
            vhost: id.vhost.clone(),
            name: id.name.clone(),
            expect: generation::expected(cx)?,
            force: state.deletion_policy.is_force(),
        };
        object::delete(&id, cx, request, |agent, request| async move {
            agent.exchanges().delete_exchange(request).await
        })
        .await
    }

    async fn import(&self, id: &str, cx: &mut Context<Agents>) -> Result<ExchangeModel> {
        let id: ExchangeId = id.parse()?;
        let exchange = object::found(&id, Doing::Import, fetch(cx.data(), &id).await, cx)?;
        let blank = ExchangeModel {
            alternate_exchange: None,
            arguments: None,
            auto_delete: false,
            broker: id.broker.clone().into(),
            delayed_type: None,
            deletion_policy: DeletionPolicy::IfEmpty.into(),
            durable: true,
            hash_header: None,
            hash_property: None,
            id: Attr::Unknown,
            internal: false,
            name: id.name.clone(),
            ty: String::new(),
            vhost: id.vhost.clone(),
        };
        Ok(blank.seen(&id, exchange))
    }
}

/// Has the agent look at what is planned, as soon as all of it is known.
async fn check_plan(plan: &ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
    let Some(exchange) = id::known::<ExchangeModel>(plan.planned().clone())? else {
        return Ok(());
    };
    let id = exchange.id();
    if !check::is_due(&id, plan, cx.data()) {
        return Ok(());
    }
    let request = PutExchangeRequest {
        broker: id.broker.name().to_owned(),
        exchange: Some(exchange.to_api()?),
        check_only: true,
        ..Default::default()
    };
    check::ask(&id, cx, request, |agent, request| async move {
        agent.exchanges().put_exchange(request).await
    })
    .await
}

/// The exchange as the agent has it.
pub(crate) async fn fetch(agents: &Agents, id: &ExchangeId) -> Result<v1::Exchange, CallError> {
    let request = GetExchangeRequest {
        broker: id.broker.name().to_owned(),
        vhost: id.vhost.clone(),
        name: id.name.clone(),
    };
    agents
        .ask(&id.broker, request, |agent, request| async move {
            agent.exchanges().get_exchange(request).await
        })
        .await
}

impl ExchangeModel {
    fn id(&self) -> ExchangeId {
        ExchangeId {
            broker: self.broker.0.clone(),
            vhost: self.vhost.clone(),
            name: self.name.clone(),
        }
    }

    fn to_api(&self) -> Result<v1::Exchange> {
        let arguments = typed::all(typed::EXCHANGE, &self.to_value());
        let arguments = arguments.map_err(BadArguments::into_diagnostic)?;
        Ok(v1::Exchange {
            vhost: self.vhost.clone(),
            name: self.name.clone(),
            r#type: self.ty.clone(),
            durable: self.durable,
            auto_delete: self.auto_delete,
            internal: self.internal,
            arguments: Some(arguments),
            ..Default::default()
        })
    }

    /// With everything the agent has.
    fn seen(self, id: &ExchangeId, exchange: v1::Exchange) -> Self {
        let mut seen = Seen::new(exchange.arguments, self.arguments);
        Self {
            alternate_exchange: seen.text("alternate-exchange"),
            auto_delete: exchange.auto_delete,
            delayed_type: seen.text("x-delayed-type"),
            durable: exchange.durable,
            hash_header: seen.text("hash-header"),
            hash_property: seen.text("hash-property"),
            id: id.to_string().into(),
            internal: exchange.internal,
            ty: exchange.r#type,
            arguments: seen.rest(),
            ..self
        }
    }
}
