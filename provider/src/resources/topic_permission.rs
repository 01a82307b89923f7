//! `ferrymq_topic_permission`.

use agent_api::v1::{
    self, DeleteTopicPermissionRequest, GetTopicPermissionRequest, PutTopicPermissionRequest,
};
use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::failure::{CallError, Doing};
use crate::id::{self, BrokerId, TopicPermissionId};
use crate::{generation, name, object};

/// The resource.
pub(crate) struct TopicPermission;

/// What a user may do with the routing keys of a topic exchange, beyond what its permission says. An
/// exchange for which a user has no topic permission is open to it with every key.
///
/// The two expressions are regular expressions over routing keys. They match anywhere in a key unless
/// anchored with `^` and `$`; the empty expression matches only the empty key. In them `{username}`
/// and `{vhost}` stand for the user and the virtual host of a connection, letter by letter, and
/// `{client_id}` for the client of protocols that have one; over AMQP 0-9-1 it matches nothing.
#[derive(Debug, Clone, Model)]
pub(crate) struct TopicPermissionModel {
    /// Id of the broker, `ferrymq_broker.<label>.id`. Other addresses of the same broker update in
    /// place; another broker, or one not known at plan, replaces the permission.
    #[attr(replace_if = id::names_another_broker)]
    broker: Text<BrokerId>,

    /// Name of the topic exchange, which need not exist yet. Changing it replaces the permission.
    #[attr(replace, validate = name::referable())]
    exchange: String,

    /// `<broker>/topic_permission/<vhost>/<user>/<exchange>`, the last three percent-encoded. Known at
    /// plan when its parts are.
    id: Attr<String>,

    /// Which routing keys the user may bind with: a regular expression. Changes take effect at once,
    /// also for open connections; bindings there stay.
    #[attr(validate = name::topic_expression())]
    read: String,

    /// Name of the user. Changing it replaces the permission.
    #[attr(replace, validate = name::plain())]
    user: String,

    /// Virtual host. Default: `/`. Changing it replaces the permission.
    #[attr(default = "/", replace, validate = name::plain())]
    vhost: String,

    /// Which routing keys the user may publish with: a regular expression, such as
    /// `^{username}\\.`. Changes take effect at once, also for open connections.
    #[attr(validate = name::topic_expression())]
    write: String,
}

impl Resource for TopicPermission {
    const NAME: &'static str = "topic_permission";
    type Data = Agents;
    type Model = TopicPermissionModel;

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
        id::plan(plan, cx.data(), TopicPermissionId::planned)
    }

    async fn create(
        &self,
        mut plan: TopicPermissionModel,
        cx: &mut Apply<Agents>,
    ) -> Result<TopicPermissionModel> {
        let id = plan.id();
        plan.id = id.to_string().into();
        let request = PutTopicPermissionRequest {
            broker: id.broker.name().to_owned(),
            topic_permission: Some(plan.to_api()),
            expect: generation::absent(),
            idempotency_token: generation::token()?,
        };
        object::create(&id, &plan, cx, |agent| {
            let request = request.clone();
            async move {
                agent
                    .topic_permissions()
                    .put_topic_permission(request)
                    .await
            }
        })
        .await?;
        Ok(plan)
    }

    async fn read(
        &self,
        state: TopicPermissionModel,
        cx: &mut Context<Agents>,
    ) -> Result<Option<TopicPermissionModel>> {
        let id = state.id();
        let permission = object::read(&id, fetch(cx.data(), &id).await, cx)?;
        Ok(permission.map(|permission| TopicPermissionModel::seen(&id, permission)))
    }

    async fn update(
        &self,
        prior: TopicPermissionModel,
        mut plan: TopicPermissionModel,
        cx: &mut Apply<Agents>,
    ) -> Result<TopicPermissionModel> {
        let id = plan.id();
        let agents = cx.shared_data();
        object::follow(&id, &prior.broker.0, || fetch(&agents, &id), cx).await?;
        let request = PutTopicPermissionRequest {
            broker: id.broker.name().to_owned(),
            topic_permission: Some(plan.to_api()),
            expect: generation::expected(cx)?,
            idempotency_token: String::new(),
        };
        object::update(&id, cx, request, |agent, request| async move {
            let mut service = agent.topic_permissions();
            service.put_topic_permission(request).await
        })
        .await?;
        plan.id = id.to_string().into();
        Ok(plan)
    }

    async fn delete(&self, state: TopicPermissionModel, cx: &mut Context<Agents>) -> Result<()> {
        let id = state.id();
        let request = DeleteTopicPermissionRequest {
            broker: id.broker.name().to_owned(),
            vhost: id.vhost.clone(),
            user: id.user.clone(),
            exchange: id.exchange.clone(),
            expect: generation::expected(cx)?,
        };
        object::delete(&id, cx, request, |agent, request| async move {
            agent
                .topic_permissions()
                .delete_topic_permission(request)
                .await
        })
        .await
    }

    async fn import(&self, id: &str, cx: &mut Context<Agents>) -> Result<TopicPermissionModel> {
        let id: TopicPermissionId = id.parse()?;
        let permission = object::found(&id, Doing::Import, fetch(cx.data(), &id).await, cx)?;
        Ok(TopicPermissionModel::seen(&id, permission))
    }
}

/// The permission as the agent has it.
async fn fetch(agents: &Agents, id: &TopicPermissionId) -> Result<v1::TopicPermission, CallError> {
    let request = GetTopicPermissionRequest {
        broker: id.broker.name().to_owned(),
        vhost: id.vhost.clone(),
        user: id.user.clone(),
        exchange: id.exchange.clone(),
    };
    agents
        .ask(&id.broker, request, |agent, request| async move {
            agent
                .topic_permissions()
                .get_topic_permission(request)
                .await
        })
        .await
}

impl TopicPermissionModel {
    fn id(&self) -> TopicPermissionId {
        TopicPermissionId {
            broker: self.broker.0.clone(),
            vhost: self.vhost.clone(),
            user: self.user.clone(),
            exchange: self.exchange.clone(),
        }
    }

    fn to_api(&self) -> v1::TopicPermission {
        v1::TopicPermission {
            vhost: self.vhost.clone(),
            user: self.user.clone(),
            exchange: self.exchange.clone(),
            write: self.write.clone(),
            read: self.read.clone(),
            ..Default::default()
        }
    }

    fn seen(id: &TopicPermissionId, permission: v1::TopicPermission) -> Self {
        Self {
            broker: id.broker.clone().into(),
            exchange: id.exchange.clone(),
            id: id.to_string().into(),
            read: permission.read,
            user: id.user.clone(),
            vhost: id.vhost.clone(),
            write: permission.write,
        }
    }
}
