//! `data "ferrymq_broker"`: a broker declared elsewhere.

use agent_api::v1;
use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::failure::Doing;
use crate::listeners::Listeners;
use crate::name;
use crate::object::ObjectId as _;
use crate::resources::broker::{broker_id, fetch, nodes};
use crate::status::{Instance, Status, optional};

/// The data source.
pub(crate) struct Broker;

/// A broker that another configuration manages, found by its name and its host.
#[derive(Debug, Clone, Model)]
pub(crate) struct BrokerModel {
    /// URL of the host's page about the broker; null when its pages are switched off.
    console_url: Attr<String>,
    /// Version of the broker engine.
    engine_version: Attr<String>,
    /// What the `broker` argument of other resources takes.
    id: Attr<String>,
    /// The nodes that run the broker.
    instances: Attr<Vec<Instance>>,
    /// Where clients connect.
    listeners: Attr<ListenersSeen>,
    /// Name of the broker.
    #[attr(validate = name::broker())]
    name: String,
    /// Agents that host the broker, each `host:port`; exactly one in this version. Port 7443 when
    /// left out.
    #[attr(validate = nodes())]
    nodes: Vec<String>,
    /// `STARTING`, `RUNNING`, `STOPPING` or `FAILED`.
    state: Attr<String>,
    /// Why the broker failed; null otherwise.
    state_reason: Attr<String>,
}

/// Where clients connect.
#[derive(Debug, Clone, Model)]
pub(crate) struct ListenersSeen {
    /// AMQP 0-9-1; null without it.
    amqp: Attr<ListenerSeen>,
}

/// One listener.
#[derive(Debug, Clone, Model)]
pub(crate) struct ListenerSeen {
    /// IP address it listens on; null for all addresses of the host.
    address: Attr<String>,
    /// TCP port; 0 for one that is chosen at each start.
    port: Attr<u16>,
    /// False: plaintext.
    tls: Attr<bool>,
}

impl DataSource for Broker {
    const NAME: &'static str = "broker";
    type Data = Agents;
    type Model = BrokerModel;

    async fn read(&self, config: BrokerModel, cx: &mut Context<Agents>) -> Result<BrokerModel> {
        let id = broker_id(&config.name, &config.nodes)?;
        let broker = fetch(cx.data(), &id)
            .await
            .map_err(|error| id.task(Doing::Read).failed(&error))?;
        let status = Status::of(&broker, &id);
        let amqp = Listeners::from_api(&broker).map(|listeners| ListenerSeen {
            address: listeners.amqp.address.into(),
            port: listeners.amqp.port,
            tls: listeners.amqp.tls.into(),
        });
        Ok(BrokerModel {
            console_url: status.console_url,
            engine_version: status.engine_version,
            id: id.to_string().into(),
            instances: status.instances,
            listeners: ListenersSeen { amqp: amqp.into() }.into(),
            state: state(&broker).into(),
            state_reason: optional(&status.failure.unwrap_or_default()),
            ..config
        })
    }
}

/// The state in one word.
fn state(broker: &v1::Broker) -> String {
    let state = broker
        .status
        .as_ref()
        .map(v1::BrokerStatus::state)
        .unwrap_or_default();
    state
        .as_str_name()
        .trim_start_matches("BROKER_STATE_")
        .to_owned()
}
