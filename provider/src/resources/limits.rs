//! `ferrymq_limits`.

use agent_api::v1::limited::Kind as Limited;
use agent_api::v1::{self, DeleteLimitsRequest, GetLimitsRequest, PutLimitsRequest};
use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::failure::{CallError, Doing};
use crate::id::{self, BrokerId, LimitsId};
use crate::{generation, name, object};

/// The resource.
pub(crate) struct Limits;

/// Limits of one user or one virtual host. A limit turns away what comes; what is there when it is set
/// stays.
#[derive(Debug, Clone, Model)]
#[model(rule = rule::exactly_one_of(["user", "vhost"]))]
#[model(rule = rule::at_least_one_of(["max_channels", "max_connections", "max_queues"]))]
pub(crate) struct LimitsModel {
    /// Id of the broker, `ferrymq_broker.<label>.id`. Other addresses of the same broker update in
    /// place; another broker, or one not known at plan, replaces the limits.
    #[attr(replace_if = id::names_another_broker)]
    broker: Text<BrokerId>,

    /// `<broker>/limits/user/<user>` or `<broker>/limits/vhost/<vhost>`, the last percent-encoded.
    /// Known at plan when its parts are.
    id: Attr<String>,

    /// Most channels of the user at a time, of all its connections together. Only with `user`.
    /// Default: any number.
    #[attr(validate = validate::conflicts_with(["vhost"]))]
    max_channels: Option<u64>,

    /// Most connections at a time, of the user or to the virtual host. Default: any number.
    max_connections: Option<u64>,

    /// Most queues of the virtual host. Only with `vhost`. Default: any number.
    #[attr(validate = validate::conflicts_with(["user"]))]
    max_queues: Option<u64>,

    /// Name of the user; or name a `vhost`. Changing it replaces the limits.
    #[attr(replace, validate = name::plain())]
    user: Option<String>,

    /// Name of the virtual host; or name a `user`. Changing it replaces the limits.
    #[attr(replace, validate = name::plain())]
    vhost: Option<String>,
}

impl Resource for Limits {
    const NAME: &'static str = "limits";
    type Data = Agents;
    type Model = LimitsModel;

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
        id::plan(plan, cx.data(), LimitsId::planned)
    }

    async fn create(&self, mut plan: LimitsModel, cx: &mut Apply<Agents>) -> Result<LimitsModel> {
        let id = plan.id();
        plan.id = id.to_string().into();
        let request = PutLimitsRequest {
            broker: id.broker.name().to_owned(),
            limits: Some(plan.to_api(&id)),
            expect: generation::absent(),
            idempotency_token: generation::token()?,
        };
        object::create(&id, &plan, cx, |agent| {
            let request = request.clone();
            async move { agent.limits().put_limits(request).await }
        })
        .await?;
        Ok(plan)
    }

    async fn read(
        &self,
        state: LimitsModel,
        cx: &mut Context<Agents>,
    ) -> Result<Option<LimitsModel>> {
        let id = state.id();
        let limits = object::read(&id, fetch(cx.data(), &id).await, cx)?;
        Ok(limits.map(|limits| LimitsModel::seen(&id, &limits)))
    }

    async fn update(
        &self,
        prior: LimitsModel,
        mut plan: LimitsModel,
        cx: &mut Apply<Agents>,
    ) -> Result<LimitsModel> {
        let id = plan.id();
        let agents = cx.shared_data();
        object::follow(&id, &prior.broker.0, || fetch(&agents, &id), cx).await?;
        plan.id = id.to_string().into();
        let limits = plan.to_api(&id);
        if limits == prior.to_api(&id) {
            return Ok(plan);
        }
        let request = PutLimitsRequest {
            broker: id.broker.name().to_owned(),
            limits: Some(limits),
            expect: generation::expected(cx)?,
            idempotency_token: String::new(),
        };
        object::update(&id, cx, request, |agent, request| async move {
            agent.limits().put_limits(request).await
        })
        .await?;
        Ok(plan)
    }

    async fn delete(&self, state: LimitsModel, cx: &mut Context<Agents>) -> Result<()> {
        let id = state.id();
        let request = DeleteLimitsRequest {
            broker: id.broker.name().to_owned(),
            of: Some(id.limited()),
            expect: generation::expected(cx)?,
        };
        object::delete(&id, cx, request, |agent, request| async move {
            agent.limits().delete_limits(request).await
        })
        .await
    }

    async fn import(&self, id: &str, cx: &mut Context<Agents>) -> Result<LimitsModel> {
        let id: LimitsId = id.parse()?;
        let limits = object::found(&id, Doing::Import, fetch(cx.data(), &id).await, cx)?;
        Ok(LimitsModel::seen(&id, &limits))
    }
}

/// The limits as the agent has them.
async fn fetch(agents: &Agents, id: &LimitsId) -> Result<v1::Limits, CallError> {
    let request = GetLimitsRequest {
        broker: id.broker.name().to_owned(),
        of: Some(id.limited()),
    };
    agents
        .ask(&id.broker, request, |agent, request| async move {
            agent.limits().get_limits(request).await
        })
        .await
}

impl LimitsModel {
    /// Exactly one of the two is set: the rule of the model.
    fn id(&self) -> LimitsId {
        let user = self.user.clone().map(Limited::User);
        let vhost = || Limited::Vhost(self.vhost.clone().unwrap_or_default());
        LimitsId {
            broker: self.broker.0.clone(),
            of: user.unwrap_or_else(vhost),
        }
    }

    fn to_api(&self, id: &LimitsId) -> v1::Limits {
        v1::Limits {
            of: Some(id.limited()),
            max_connections: self.max_connections,
            max_channels: self.max_channels,
            max_queues: self.max_queues,
            ..Default::default()
        }
    }

    /// Everything as the agent has it.
    fn seen(id: &LimitsId, limits: &v1::Limits) -> Self {
        let (user, vhost) = match id.of.clone() {
            Limited::User(name) => (Some(name), None),
            Limited::Vhost(name) => (None, Some(name)),
        };
        Self {
            broker: id.broker.clone().into(),
            id: id.to_string().into(),
            max_channels: limits.max_channels,
            max_connections: limits.max_connections,
            max_queues: limits.max_queues,
            user,
            vhost,
        }
    }
}
