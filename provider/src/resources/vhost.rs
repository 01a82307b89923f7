//! `ferrymq_vhost`.

use agent_api::v1::{self, DeleteVhostRequest, GetVhostRequest, PutVhostRequest};
use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::deletion::{self, DeletionPolicy};
use crate::failure::{self, CallError, Doing, Kind, Task};
use crate::id::{self, BrokerId, VhostId};
use crate::{generation, name};

/// The resource.
pub(crate) struct Vhost;

/// A virtual host: a namespace with its own exchanges, queues, bindings and permissions. Every
/// broker comes with one named `/`, which need not be declared.
///
/// Destroying a virtual host destroys everything in it.
#[derive(Debug, Clone, Model)]
pub(crate) struct VhostModel {
    /// Id of the broker, `ferrymq_broker.<label>.id`. Other addresses of the same broker update in
    /// place; another broker replaces the virtual host.
    #[attr(replace_if = id::names_another_broker)]
    broker: Text<BrokerId>,

    /// What destroying or replacing the virtual host does while queues in it hold messages, its
    /// `ferrymq_queue`s included: `"if_empty"` fails, at plan already, with their number; `"force"`
    /// loses them. What counts is the value applied last. Default: `"if_empty"`.
    #[attr(default = DeletionPolicy::DEFAULT)]
    deletion_policy: Text<DeletionPolicy>,

    /// `<broker>/vhost/<name>`, the last percent-encoded. Known at plan when its parts are.
    id: Attr<String>,

    /// Name, 1 to 255 bytes of UTF-8 without control characters. Changing it replaces the virtual
    /// host.
    #[attr(replace, validate = name::plain())]
    name: String,
}

impl Resource for Vhost {
    const NAME: &'static str = "vhost";
    type Data = Agents;
    type Model = VhostModel;

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
        id::plan(plan, cx.data(), |planned| {
            let parts = (planned.broker()?, planned.text("name")?);
            let (Some(broker), Some(name)) = parts else {
                return Ok(None);
            };
            Ok(Some(VhostId { broker, name }))
        })?;
        if !deletion::is_planned(plan) {
            return Ok(());
        }
        let state: VhostModel = plan.prior().model()?;
        if state.deletion_policy.is_force() {
            return Ok(());
        }
        let id = state.id();
        let loss = deletion::loss_within(cx.data(), &id.broker, &id.name).await;
        deletion::judge(&task(Doing::Delete, &id), loss, plan, cx)
    }

    async fn create(&self, mut plan: VhostModel, cx: &mut Apply<Agents>) -> Result<VhostModel> {
        let id = plan.id();
        plan.id = id.to_string().into();
        let request = PutVhostRequest {
            broker: id.broker.name().to_owned(),
            vhost: Some(v1::Vhost {
                name: id.name.clone(),
                ..Default::default()
            }),
            expect: generation::absent(),
            idempotency_token: generation::token()?,
        };
        let made = cx.data().create(&id.broker, |agent| {
            let request = request.clone();
            async move { agent.vhosts().put_vhost(request).await }
        });
        match made.await {
            Ok(vhost) => generation::made(cx, &id, vhost.generation)?,
            Err(error) => {
                let task = task(Doing::Create, &id);
                return Err(failure::creation_failed(&task, &error, &plan, cx));
            }
        }
        Ok(plan)
    }

    async fn read(
        &self,
        state: VhostModel,
        cx: &mut Context<Agents>,
    ) -> Result<Option<VhostModel>> {
        let id = state.id();
        let vhost = failure::found(fetch(cx.data(), &id).await)
            .map_err(|error| task(Doing::Read, &id).failed(&error))?;
        let Some(vhost) = vhost else { return Ok(None) };
        generation::keep(cx, vhost.generation)?;
        Ok(Some(VhostModel {
            id: id.to_string().into(),
            ..state
        }))
    }

    async fn update(
        &self,
        prior: VhostModel,
        mut plan: VhostModel,
        cx: &mut Apply<Agents>,
    ) -> Result<VhostModel> {
        let id = plan.id();
        if prior.broker != plan.broker {
            let task = task(Doing::Update, &id);
            let vhost = failure::found(fetch(cx.data(), &id).await)
                .map_err(|error| task.failed(&error))?
                .ok_or_else(|| task.missing())?;
            generation::keep(cx, vhost.generation)?;
        }
        plan.id = id.to_string().into();
        Ok(plan)
    }

    async fn delete(&self, state: VhostModel, cx: &mut Context<Agents>) -> Result<()> {
        let id = state.id();
        let request = DeleteVhostRequest {
            broker: id.broker.name().to_owned(),
            name: id.name.clone(),
            expect: generation::expected(cx)?,
            force: state.deletion_policy.is_force(),
        };
        let result = async {
            let agent = cx.data().of(&id.broker).await?;
            agent.call(agent.vhosts().delete_vhost(request)).await
        };
        failure::gone(result.await).map_err(|error| task(Doing::Delete, &id).failed(&error).into())
    }

    async fn import(&self, id: &str, cx: &mut Context<Agents>) -> Result<VhostModel> {
        let id: VhostId = id.parse()?;
        let task = task(Doing::Import, &id);
        let vhost = failure::found(fetch(cx.data(), &id).await)
            .map_err(|error| task.failed(&error))?
            .ok_or_else(|| task.missing())?;
        generation::keep(cx, vhost.generation)?;
        Ok(VhostModel {
            broker: id.broker.clone().into(),
            deletion_policy: DeletionPolicy::IfEmpty.into(),
            id: id.to_string().into(),
            name: id.name,
        })
    }
}

/// The virtual host as the agent has it.
async fn fetch(agents: &Agents, id: &VhostId) -> Result<v1::Vhost, CallError> {
    let request = GetVhostRequest {
        broker: id.broker.name().to_owned(),
        name: id.name.clone(),
    };
    let agent = agents.of(&id.broker).await?;
    agent.call(agent.vhosts().get_vhost(request)).await
}

/// For messages.
fn task(doing: Doing, id: &VhostId) -> Task<'_> {
    Task {
        doing,
        kind: Kind::Vhost,
        name: &id.name,
        id,
    }
}

impl VhostModel {
    fn id(&self) -> VhostId {
        VhostId {
            broker: self.broker.0.clone(),
            name: self.name.clone(),
        }
    }
}
