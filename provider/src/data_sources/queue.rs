//! `data "ferrymq_queue"`: a queue as it is now, with its depth.

use tfplugin_rs::prelude::*;
use tfplugin_rs::value::Dynamic;

use crate::agents::Agents;
use crate::durability::Durability;
use crate::failure::Doing;
use crate::id::{BrokerId, QueueId};
use crate::object::ObjectId as _;
use crate::resources::queue::{fetch, type_of};
use crate::status::optional;
use crate::{arguments, name};

/// The data source.
pub(crate) struct Queue;

/// A queue as it is now: what it was declared with and how many messages it holds.
#[derive(Debug, Clone, Model)]
pub(crate) struct QueueModel {
    /// Arguments it was declared with; null without any.
    #[attr(computed)]
    arguments: Option<Dynamic>,
    /// True: deleted when its last consumer goes.
    auto_delete: Attr<bool>,
    /// Id of the broker, `ferrymq_broker.<label>.id`.
    broker: Text<BrokerId>,
    /// Consumers attached.
    consumers: Attr<u64>,
    /// How safe a persistent message is before it is confirmed and delivered: `fsync`, `os` or
    /// `memory`.
    durability: Attr<String>,
    /// True: survives a restart of the broker.
    durable: Attr<bool>,
    /// Id of the queue, as resource and import have it.
    id: Attr<String>,
    /// Messages in it, `messages_ready` and `messages_unsettled` together.
    messages: Attr<u64>,
    /// Messages waiting for delivery.
    messages_ready: Attr<u64>,
    /// Messages delivered and not yet acknowledged.
    messages_unsettled: Attr<u64>,
    /// Name of the queue.
    #[attr(validate = name::referable())]
    name: String,
    /// Name of the operator policy that applies; null for none.
    operator_policy: Attr<String>,
    /// Name of the policy that applies; null for none.
    policy: Attr<String>,
    /// `classic`, `quorum` or `stream`.
    #[attr(name = "type")]
    ty: Attr<String>,
    /// Virtual host. Default: `/`.
    #[attr(default = "/", validate = name::plain())]
    vhost: String,
}

impl DataSource for Queue {
    const NAME: &'static str = "queue";
    type Data = Agents;
    type Model = QueueModel;

    async fn read(&self, config: QueueModel, cx: &mut Context<Agents>) -> Result<QueueModel> {
        let QueueModel {
            broker,
            vhost,
            name,
            ..
        } = &config;
        let id = QueueId {
            broker: broker.0.clone(),
            vhost: vhost.clone(),
            name: name.clone(),
        };
        let queue = fetch(cx.data(), &id)
            .await
            .map_err(|error| id.task(Doing::Read).failed(&error))?;
        let depth = queue.depth.unwrap_or_default();
        let policies = queue.policies.clone().unwrap_or_default();
        Ok(QueueModel {
            arguments: arguments::seen(queue.arguments.as_ref(), None),
            auto_delete: queue.auto_delete.into(),
            consumers: depth.consumers.into(),
            durability: Durability::of(&queue).to_string().into(),
            durable: queue.durable.into(),
            id: id.to_string().into(),
            messages: (depth.ready + depth.unsettled).into(),
            messages_ready: depth.ready.into(),
            messages_unsettled: depth.unsettled.into(),
            operator_policy: optional(&policies.operator_policy),
            policy: optional(&policies.policy),
            ty: type_of(&queue).to_owned().into(),
            ..config
        })
    }
}
