//! `data "ferrymq_queues"`: the queues there are, with their depths.

use agent_api::v1::{self, ListQueuesRequest};
use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::durability::Durability;
use crate::id::{BrokerId, QueueId};
use crate::resources::queue::type_of;
use crate::status::optional;
use crate::{listing, name};

/// The data source.
pub(crate) struct Queues;

/// The queues of a broker or virtual host as they are now, whoever declared them, with their depths.
#[derive(Debug, Clone, Model)]
pub(crate) struct QueuesModel {
    /// Id of the broker, `ferrymq_broker.<label>.id`.
    broker: Text<BrokerId>,
    /// Regular expression that finds something in the names wanted. Default: all names.
    #[attr(validate = name::expression())]
    name_pattern: Option<String>,
    /// The queues, by virtual host and name.
    queues: Attr<Vec<QueueSeen>>,
    /// Virtual host. Default: all of the broker.
    #[attr(validate = name::plain())]
    vhost: Option<String>,
}

/// One queue.
#[derive(Debug, Clone, Model)]
pub(crate) struct QueueSeen {
    /// True: deleted when its last consumer goes.
    auto_delete: Attr<bool>,
    /// Consumers attached.
    consumers: Attr<u64>,
    /// How safe a persistent message is before it is confirmed and delivered: `fsync`, `os` or
    /// `memory`.
    durability: Attr<String>,
    /// True: survives a restart of the broker.
    durable: Attr<bool>,
    /// True: belongs to one connection and goes with it.
    exclusive: Attr<bool>,
    /// Id of the queue, as resource and import have it.
    id: Attr<String>,
    /// Messages in it, `messages_ready` and `messages_unsettled` together.
    messages: Attr<u64>,
    /// Messages waiting for delivery.
    messages_ready: Attr<u64>,
    /// Messages delivered and not yet acknowledged.
    messages_unsettled: Attr<u64>,
    /// Name of the queue.
    name: Attr<String>,
    /// Name of the operator policy that applies; null for none.
    operator_policy: Attr<String>,
    /// Name of the policy that applies; null for none.
    policy: Attr<String>,
    /// `classic`, `quorum` or `stream`.
    #[attr(name = "type")]
    ty: Attr<String>,
    /// Virtual host.
    vhost: Attr<String>,
}

impl DataSource for Queues {
    const NAME: &'static str = "queues";
    type Data = Agents;
    type Model = QueuesModel;

    async fn read(&self, config: QueuesModel, cx: &mut Context<Agents>) -> Result<QueuesModel> {
        let broker = &config.broker.0;
        let wanted = listing::wanted(config.name_pattern.as_ref())?;
        let request = ListQueuesRequest {
            broker: broker.name().to_owned(),
            vhost: config.vhost.clone().unwrap_or_default(),
            ..Default::default()
        };
        let queues = listing::all(broker, cx.data(), |agent, page_token| {
            let request = ListQueuesRequest {
                page_token,
                ..request.clone()
            };
            async move { agent.queues().list_queues(request).await }
        });
        let queues = queues.await?;
        let queues = queues.iter().filter(|queue| wanted(&queue.name));
        let queues: Vec<_> = queues.map(|queue| QueueSeen::of(queue, broker)).collect();
        Ok(QueuesModel {
            queues: queues.into(),
            ..config
        })
    }
}

impl QueueSeen {
    fn of(queue: &v1::Queue, broker: &BrokerId) -> Self {
        let depth = queue.depth.unwrap_or_default();
        let policies = queue.policies.clone().unwrap_or_default();
        let id = QueueId {
            broker: broker.clone(),
            vhost: queue.vhost.clone(),
            name: queue.name.clone(),
        };
        Self {
            auto_delete: queue.auto_delete.into(),
            consumers: depth.consumers.into(),
            durability: Durability::of(queue).to_string().into(),
            durable: queue.durable.into(),
            exclusive: queue.exclusive.into(),
            id: id.to_string().into(),
            messages: (depth.ready + depth.unsettled).into(),
            messages_ready: depth.ready.into(),
            messages_unsettled: depth.unsettled.into(),
            name: queue.name.clone().into(),
            operator_policy: optional(&policies.operator_policy),
            policy: optional(&policies.policy),
            ty: type_of(queue).to_owned().into(),
            vhost: queue.vhost.clone().into(),
        }
    }
}
