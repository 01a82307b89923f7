//! `ferrymq_queue`.

use agent_api::v1::{self, DeleteQueueRequest, GetQueueRequest, PutQueueRequest};
use tfplugin_rs::prelude::*;
use tfplugin_rs::value::Dynamic;

use crate::agents::Agents;
use crate::arguments::BadArguments;
use crate::deletion::{self, DeletionPolicy, Loss};
use crate::durability::Durability;
use crate::failure::{CallError, Doing};
use crate::id::{self, BrokerId, QueueId};
use crate::object::{self, ObjectId as _};
use crate::{arguments, generation, name};

/// The resource.
pub(crate) struct Queue;

/// A queue: messages in order, waiting for consumers.
///
/// A plan that destroys or replaces a queue fails while the queue holds messages, unless
/// `deletion_policy` is `"force"`.
#[derive(Debug, Clone, Model)]
pub(crate) struct QueueModel {
    /// Optional arguments, such as `{ x-queue-mode = "lazy" }`; numbers stay numbers. Default: none.
    /// Changing what they say replaces the queue.
    #[attr(validate = arguments::valid_for_queue(), replace_if = arguments::differ)]
    arguments: Option<Dynamic>,

    /// True: deleted when its last consumer goes. Default: `false`. Changing it replaces the queue.
    #[attr(default = false, replace)]
    auto_delete: bool,

    /// Id of the broker, `ferrymq_broker.<label>.id`. Other addresses of the same broker update in
    /// place; another broker, or one not known at plan, replaces the queue.
    #[attr(replace_if = id::names_another_broker)]
    broker: Text<BrokerId>,

    /// What destroying or replacing the queue does while it holds messages: `"if_empty"` fails, at
    /// plan already, with their number; `"force"` loses them. What counts is the value applied
    /// last. Default: `"if_empty"`.
    #[attr(default = DeletionPolicy::DEFAULT)]
    deletion_policy: Text<DeletionPolicy>,

    /// How safe a persistent message is before it is confirmed and delivered: `"fsync"` is on the
    /// disk, `"os"` is with the operating system and survives a crash of the broker but not of the
    /// machine, `"memory"` is lost when the broker ends. Default: `"fsync"`, which means nothing
    /// unless `durable` is true. Changing it replaces the queue.
    #[attr(default = Durability::DEFAULT, replace)]
    durability: Text<Durability>,

    /// True: survives a restart of the broker. Default: `true`. Changing it replaces the queue.
    #[attr(default = true, replace)]
    durable: bool,

    /// `<broker>/queue/<vhost>/<name>`, the last two percent-encoded. Known at plan when its parts
    /// are.
    id: Attr<String>,

    /// Name, 1 to 255 bytes of UTF-8; names that begin with `amq.` are reserved. Changing it
    /// replaces the queue.
    #[attr(replace, validate = name::declarable())]
    name: String,

    /// Virtual host. Default: `/`. Changing it replaces the queue.
    #[attr(default = "/", replace, validate = name::plain())]
    vhost: String,
}

impl Resource for Queue {
    const NAME: &'static str = "queue";
    type Data = Agents;
    type Model = QueueModel;

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
        id::plan(plan, cx.data(), QueueId::planned)?;
        if !deletion::is_planned(plan) {
            return Ok(());
        }
        let state: QueueModel = plan.prior().model()?;
        if state.deletion_policy.is_force() {
            return Ok(());
        }
        let id = state.id();
        let loss = fetch(cx.data(), &id).await.map(|queue| held(&queue));
        deletion::judge(&id.task(Doing::Delete), loss, plan, cx)
    }

    async fn create(&self, mut plan: QueueModel, cx: &mut Apply<Agents>) -> Result<QueueModel> {
        let id = plan.id();
        plan.id = id.to_string().into();
        let request = PutQueueRequest {
            broker: id.broker.name().to_owned(),
            queue: Some(plan.to_api()?),
            expect: generation::absent(),
            idempotency_token: generation::token()?,
        };
        object::create(&id, &plan, cx, |agent| {
            let request = request.clone();
            async move { agent.queues().put_queue(request).await }
        })
        .await?;
        Ok(plan)
    }

    async fn read(
        &self,
        state: QueueModel,
        cx: &mut Context<Agents>,
    ) -> Result<Option<QueueModel>> {
        let id = state.id();
        let queue = object::read(&id, fetch(cx.data(), &id).await, cx)?;
        Ok(queue.map(|queue| state.seen(&id, &queue)))
    }

    async fn update(
        &self,
        prior: QueueModel,
        mut plan: QueueModel,
        cx: &mut Apply<Agents>,
    ) -> Result<QueueModel> {
        // A queue itself never changes in place; what does is where its broker's agent is and what
        // Terraform alone keeps.
        let id = plan.id();
        let agents = cx.shared_data();
        object::follow(&id, &prior.broker.0, || fetch(&agents, &id), cx).await?;
        plan.id = id.to_string().into();
        Ok(plan)
    }

    async fn delete(&self, state: QueueModel, cx: &mut Context<Agents>) -> Result<()> {
        let id = state.id();
        let request = DeleteQueueRequest {
            broker: id.broker.name().to_owned(),
            vhost: id.vhost.clone(),
            name: id.name.clone(),
            expect: generation::expected(cx)?,
            force: state.deletion_policy.is_force(),
        };
        object::delete(&id, cx, |agent| async move {
            agent.queues().delete_queue(request).await
        })
        .await
    }

    async fn import(&self, id: &str, cx: &mut Context<Agents>) -> Result<QueueModel> {
        let id: QueueId = id.parse()?;
        let queue = object::found(&id, Doing::Import, fetch(cx.data(), &id).await, cx)?;
        let blank = QueueModel {
            arguments: None,
            auto_delete: false,
            broker: id.broker.clone().into(),
            deletion_policy: DeletionPolicy::IfEmpty.into(),
            durability: Durability::Fsync.into(),
            durable: true,
            id: Attr::Unknown,
            name: id.name.clone(),
            vhost: id.vhost.clone(),
        };
        Ok(blank.seen(&id, &queue))
    }
}

/// The queue as the agent has it.
pub(crate) async fn fetch(agents: &Agents, id: &QueueId) -> Result<v1::Queue, CallError> {
    let request = GetQueueRequest {
        broker: id.broker.name().to_owned(),
        vhost: id.vhost.clone(),
        name: id.name.clone(),
    };
    agents
        .call(&id.broker, |agent| async move {
            agent.queues().get_queue(request).await
        })
        .await
}

fn held(queue: &v1::Queue) -> Loss {
    let depth = queue.depth.unwrap_or_default();
    Loss {
        messages: depth.ready + depth.unsettled,
        queues: 1,
    }
}

impl QueueModel {
    fn id(&self) -> QueueId {
        QueueId {
            broker: self.broker.0.clone(),
            vhost: self.vhost.clone(),
            name: self.name.clone(),
        }
    }

    fn to_api(&self) -> Result<v1::Queue> {
        let arguments =
            arguments::sent(self.arguments.as_ref()).map_err(BadArguments::into_diagnostic)?;
        Ok(v1::Queue {
            vhost: self.vhost.clone(),
            name: self.name.clone(),
            durable: self.durable,
            auto_delete: self.auto_delete,
            arguments: Some(arguments),
            durability: self.durability.to_api().into(),
            ..Default::default()
        })
    }

    /// With everything the agent has.
    fn seen(self, id: &QueueId, queue: &v1::Queue) -> Self {
        Self {
            arguments: arguments::seen(queue.arguments.as_ref(), self.arguments),
            auto_delete: queue.auto_delete,
            durability: Durability::of(queue).into(),
            durable: queue.durable,
            id: id.to_string().into(),
            ..self
        }
    }
}
