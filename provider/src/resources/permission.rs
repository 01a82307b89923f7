//! `ferrymq_permission`.

use agent_api::v1::{self, DeletePermissionRequest, GetPermissionRequest, PutPermissionRequest};
use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::failure::{CallError, Doing};
use crate::id::{self, BrokerId, PermissionId};
use crate::{generation, name, object};

/// The resource.
pub(crate) struct Permission;

/// What a user may do in a virtual host; a user without permission in it cannot connect to it.
///
/// The three expressions are regular expressions over names of queues and exchanges. They match
/// anywhere in a name unless anchored with `^` and `$`; the empty expression matches no name at
/// all.
#[derive(Debug, Clone, Model)]
pub(crate) struct PermissionModel {
    /// Id of the broker, `ferrymq_broker.<label>.id`. Other addresses of the same broker update in
    /// place; another broker, or one not known at plan, replaces the permission.
    #[attr(replace_if = id::names_another_broker)]
    broker: Text<BrokerId>,

    /// Which queues and exchanges the user may create and delete: a regular expression, such as
    /// `^app-.*$`. Changes take effect at once, also for open connections.
    #[attr(validate = name::expression())]
    configure: String,

    /// `<broker>/permission/<vhost>/<user>`, the last two percent-encoded. Known at plan when its
    /// parts are.
    id: Attr<String>,

    /// Which queues the user may consume from and purge, and which exchanges it may bind from: a
    /// regular expression. Changes take effect at once, also for open connections.
    #[attr(validate = name::expression())]
    read: String,

    /// Name of the user. Changing it replaces the permission.
    #[attr(replace, validate = name::plain())]
    user: String,

    /// Virtual host. Default: `/`. Changing it replaces the permission.
    #[attr(default = "/", replace, validate = name::plain())]
    vhost: String,

    /// Which exchanges the user may publish to, and which queues and exchanges it may bind: a
    /// regular expression. Changes take effect at once, also for open connections.
    #[attr(validate = name::expression())]
    write: String,
}

impl Resource for Permission {
    const NAME: &'static str = "permission";
    type Data = Agents;
    type Model = PermissionModel;

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
        id::plan(plan, cx.data(), PermissionId::planned)
    }

    async fn create(
        &self,
        mut plan: PermissionModel,
        cx: &mut Apply<Agents>,
    ) -> Result<PermissionModel> {
        let id = plan.id();
        plan.id = id.to_string().into();
        let request = PutPermissionRequest {
            broker: id.broker.name().to_owned(),
            permission: Some(plan.to_api()),
            expect: generation::absent(),
            idempotency_token: generation::token()?,
        };
        object::create(&id, &plan, cx, |agent| {
            let request = request.clone();
            async move { agent.permissions().put_permission(request).await }
        })
        .await?;
        Ok(plan)
    }

    async fn read(
        &self,
        state: PermissionModel,
        cx: &mut Context<Agents>,
    ) -> Result<Option<PermissionModel>> {
        let id = state.id();
        let permission = object::read(&id, fetch(cx.data(), &id).await, cx)?;
        Ok(permission.map(|permission| PermissionModel::seen(&id, permission)))
    }

    async fn update(
        &self,
        prior: PermissionModel,
        mut plan: PermissionModel,
        cx: &mut Apply<Agents>,
    ) -> Result<PermissionModel> {
        let id = plan.id();
        let agents = cx.shared_data();
        object::follow(&id, &prior.broker.0, || fetch(&agents, &id), cx).await?;
        let request = PutPermissionRequest {
            broker: id.broker.name().to_owned(),
            permission: Some(plan.to_api()),
            expect: generation::expected(cx)?,
            idempotency_token: String::new(),
        };
        object::update(&id, cx, request, |agent, request| async move {
            agent.permissions().put_permission(request).await
        })
        .await?;
        plan.id = id.to_string().into();
        Ok(plan)
    }

    async fn delete(&self, state: PermissionModel, cx: &mut Context<Agents>) -> Result<()> {
        let id = state.id();
        let request = DeletePermissionRequest {
            broker: id.broker.name().to_owned(),
            vhost: id.vhost.clone(),
            user: id.user.clone(),
            expect: generation::expected(cx)?,
        };
        object::delete(&id, cx, request, |agent, request| async move {
            agent.permissions().delete_permission(request).await
        })
        .await
    }

    async fn import(&self, id: &str, cx: &mut Context<Agents>) -> Result<PermissionModel> {
        let id: PermissionId = id.parse()?;
        let permission = object::found(&id, Doing::Import, fetch(cx.data(), &id).await, cx)?;
        Ok(PermissionModel::seen(&id, permission))
    }
}

/// The permission as the agent has it.
async fn fetch(agents: &Agents, id: &PermissionId) -> Result<v1::Permission, CallError> {
    let request = GetPermissionRequest {
        broker: id.broker.name().to_owned(),
        vhost: id.vhost.clone(),
        user: id.user.clone(),
    };
    agents
        .ask(&id.broker, request, |agent, request| async move {
            agent.permissions().get_permission(request).await
        })
        .await
}

impl PermissionModel {
    fn id(&self) -> PermissionId {
        PermissionId {
            broker: self.broker.0.clone(),
            vhost: self.vhost.clone(),
            user: self.user.clone(),
        }
    }

    fn to_api(&self) -> v1::Permission {
        v1::Permission {
            vhost: self.vhost.clone(),
            user: self.user.clone(),
            configure: self.configure.clone(),
            write: self.write.clone(),
            read: self.read.clone(),
            ..Default::default()
        }
    }

    fn seen(id: &PermissionId, permission: v1::Permission) -> Self {
        Self {
            broker: id.broker.clone().into(),
            configure: permission.configure,
            id: id.to_string().into(),
            read: permission.read,
            user: id.user.clone(),
            vhost: id.vhost.clone(),
            write: permission.write,
        }
    }
}
