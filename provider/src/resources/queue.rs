//! `ferrymq_queue`.

use agent_api::v1::{self, DeleteQueueRequest, GetQueueRequest, PutQueueRequest};
use tfplugin_rs::prelude::*;
use tfplugin_rs::value::Dynamic;

use crate::agents::Agents;
use crate::arguments::BadArguments;
use crate::deletion::{self, DeletionPolicy, Loss};
use crate::failure::{self, CallError, Doing, Kind, Task};
use crate::id::{self, BrokerId, QueueId};
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
    #[attr(validate = arguments::valid(), replace_if = arguments::differ)]
    arguments: Option<Dynamic>,

    /// True: deleted when its last consumer goes. Default: `false`. Changing it replaces the queue.
    #[attr(default = false, replace)]
    auto_delete: bool,

    /// Id of the broker, `ferrymq_broker.<label>.id`. Other addresses of the same broker update in
    /// place; another broker replaces the queue.
    #[attr(replace_if = id::names_another_broker)]
    broker: Text<BrokerId>,

    /// What destroying or replacing the queue does while it holds messages: `"if_empty"` fails, at
    /// plan already, with their number; `"force"` loses them. What counts is the value applied
    /// last. Default: `"if_empty"`.
    #[attr(default = DeletionPolicy::DEFAULT)]
    deletion_policy: Text<DeletionPolicy>,

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
        id::plan(plan, cx.data(), |planned| {
            let parts = (
                planned.broker()?,
                planned.text("vhost")?,
                planned.text("name")?,
            );
            let (Some(broker), Some(vhost), Some(name)) = parts else {
                return Ok(None);
            };
            Ok(Some(QueueId {
                broker,
                vhost,
                name,
            }))
        })?;
        if !deletion::is_planned(plan) {
            return Ok(());
        }
        let state: QueueModel = plan.prior().model()?;
        if state.deletion_policy.is_force() {
            return Ok(());
        }
        let id = state.id();
        let loss = fetch(cx.data(), &id).await.map(|queue| held(&queue));
        deletion::judge(&task(Doing::Delete, &id), loss, plan, cx)
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
        let made = cx.data().create(&id.broker, |agent| {
            let request = request.clone();
            async move { agent.queues().put_queue(request).await }
        });
        match made.await {
            Ok(queue) => generation::made(cx, &id, queue.generation)?,
            Err(error) => {
                let task = task(Doing::Create, &id);
                return Err(failure::creation_failed(&task, &error, &plan, cx));
            }
        }
        Ok(plan)
    }

    async fn read(
        &self,
        state: QueueModel,
        cx: &mut Context<Agents>,
    ) -> Result<Option<QueueModel>> {
        let id = state.id();
        let queue = failure::found(fetch(cx.data(), &id).await)
            .map_err(|error| task(Doing::Read, &id).failed(&error))?;
        let Some(queue) = queue else { return Ok(None) };
        generation::keep(cx, queue.generation)?;
        Ok(Some(state.seen(&id, &queue)))
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
        if prior.broker != plan.broker {
            let task = task(Doing::Update, &id);
            let queue = failure::found(fetch(cx.data(), &id).await)
                .map_err(|error| task.failed(&error))?
                .ok_or_else(|| task.missing())?;
            generation::keep(cx, queue.generation)?;
        }
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
        let result = async {
            let agent = cx.data().of(&id.broker).await?;
            agent.call(agent.queues().delete_queue(request)).await
        };
        failure::gone(result.await).map_err(|error| task(Doing::Delete, &id).failed(&error).into())
    }

    async fn import(&self, id: &str, cx: &mut Context<Agents>) -> Result<QueueModel> {
        let id: QueueId = id.parse()?;
        let task = task(Doing::Import, &id);
        let queue = failure::found(fetch(cx.data(), &id).await)
            .map_err(|error| task.failed(&error))?
            .ok_or_else(|| task.missing())?;
        generation::keep(cx, queue.generation)?;
        let blank = QueueModel {
            arguments: None,
            auto_delete: false,
            broker: id.broker.clone().into(),
            deletion_policy: DeletionPolicy::IfEmpty.into(),
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
    let agent = agents.of(&id.broker).await?;
    agent.call(agent.queues().get_queue(request)).await
}

/// For messages.
pub(crate) fn task(doing: Doing, id: &QueueId) -> Task<'_> {
    Task {
        doing,
        kind: Kind::Queue,
        name: &id.name,
        id,
    }
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
            ..Default::default()
        })
    }

    /// With everything the agent has.
    fn seen(self, id: &QueueId, queue: &v1::Queue) -> Self {
        Self {
            arguments: arguments::seen(queue.arguments.as_ref(), self.arguments),
            auto_delete: queue.auto_delete,
            durable: queue.durable,
            id: id.to_string().into(),
            ..self
        }
    }
}
