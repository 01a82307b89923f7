//! `data "ferrymq_broker"`: a broker declared elsewhere.

use std::collections::BTreeMap;

use agent_api::v1;
use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::failure::Doing;
use crate::listeners::{ClientCertificates, Listeners};
use crate::name;
use crate::object::ObjectId as _;
use crate::pair::view::View;
use crate::pair::{DeploymentMode, PairDurability};
use crate::resources::broker::{broker_id, nodes};
use crate::status::{Instance, Status, optional};

/// The data source.
pub(crate) struct Broker;

/// A broker that another configuration manages, found by its name and its hosts.
#[derive(Debug, Clone, Model)]
pub(crate) struct BrokerModel {
    /// Name of the node of a pair that serves; null for a single broker, and while no node does.
    active_node: Attr<String>,
    /// URL of the host's page about the broker; null when its pages are switched off. Of a pair, the
    /// active's.
    console_url: Attr<String>,
    /// `SINGLE_INSTANCE`, or `ACTIVE_STANDBY_MULTI_AZ` for a pair.
    deployment_mode: Attr<String>,
    /// What a pair does while one of its nodes is away: `preferred` or `strict`; null for a single
    /// broker.
    durability: Attr<String>,
    /// Version of the broker engine.
    engine_version: Attr<String>,
    /// By protocol, what clients take to find the node that serves. `amqp`: the list of addresses of
    /// AMQP 0-9-1 clients, `host:port,host:port`.
    failover_urls: Attr<BTreeMap<String, String>>,
    /// What the `broker` argument of other resources takes.
    id: Attr<String>,
    /// Whether every node of a pair has all that was confirmed; null for a single broker.
    in_sync: Attr<bool>,
    /// The nodes that run the broker.
    instances: Attr<Vec<Instance>>,
    /// Where clients connect.
    listeners: Attr<ListenersSeen>,
    /// Name of the broker.
    #[attr(validate = name::broker())]
    name: String,
    /// Agents that host the broker, each `host:port`: one, or the two of a pair. Port 7443 when left
    /// out.
    #[attr(validate = nodes(2))]
    nodes: Vec<String>,
    /// Name of the node of a pair that should be active; null for whichever is.
    preferred_active: Attr<String>,
    /// How far the nodes of a pair that are not in sync are behind, in seconds; null for a single
    /// broker.
    replication_lag_seconds: Attr<f64>,
    /// `STARTING`, `RUNNING`, `STOPPING` or `FAILED`. Of a pair, the active's.
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
    /// Whose certificates clients may log in with; null when none are asked for.
    client_certificates: Attr<ClientCertificatesSeen>,
    /// TCP port; 0 for one that is chosen at each start.
    port: Attr<u16>,
    /// False: plaintext.
    tls: Attr<bool>,
}

/// Whose certificates clients may log in with.
#[derive(Debug, Clone, Model)]
pub(crate) struct ClientCertificatesSeen {
    /// The authorities that certify clients, PEM.
    ca_certificate: Attr<String>,
    /// True: who has no certificate is turned away.
    required: Attr<bool>,
    /// What of a certificate is the name of the user: `common_name`, `distinguished_name` or
    /// `subject_alternative_name`.
    user_from: Attr<String>,
}

impl DataSource for Broker {
    const NAME: &'static str = "broker";
    type Data = Agents;
    type Model = BrokerModel;

    async fn read(&self, config: BrokerModel, cx: &mut Context<Agents>) -> Result<BrokerModel> {
        let id = broker_id(&config.name, &config.nodes)?;
        let view = View::look(&cx.shared_data(), &id).await;
        let Some(broker) = view.best() else {
            return Err(view.failed(&id.task(Doing::Read)).into());
        };
        let status = Status::of(&view);
        let pair = broker.replication.as_deref();
        let mode = if pair.is_some() {
            DeploymentMode::ActiveStandby
        } else {
            DeploymentMode::Single
        };
        let preferred = pair.and_then(|pair| view.name_of(pair.preferred_active));
        Ok(BrokerModel {
            active_node: status.active_node,
            console_url: status.console_url,
            deployment_mode: mode.to_string().into(),
            durability: pair
                .map(|pair| PairDurability::of(pair.durability()).to_string())
                .into(),
            engine_version: status.engine_version,
            failover_urls: status.failover_urls,
            id: id.to_string().into(),
            in_sync: status.in_sync,
            instances: status.instances,
            listeners: ListenersSeen::of(broker).into(),
            preferred_active: preferred.map(str::to_owned).into(),
            replication_lag_seconds: status.replication_lag_seconds,
            state: state(broker).into(),
            state_reason: optional(&status.failure.unwrap_or_default()),
            ..config
        })
    }
}

impl ListenersSeen {
    fn of(broker: &v1::Broker) -> Self {
        let amqp = Listeners::from_api(broker).map(|listeners| ListenerSeen {
            address: listeners.amqp.address.into(),
            client_certificates: (listeners.amqp.client_certificates)
                .map(ClientCertificatesSeen::of)
                .into(),
            port: listeners.amqp.port,
            tls: listeners.amqp.tls.into(),
        });
        Self { amqp: amqp.into() }
    }
}

impl ClientCertificatesSeen {
    fn of(clients: ClientCertificates) -> Self {
        Self {
            ca_certificate: clients.ca_certificate.into(),
            required: clients.required.into(),
            user_from: clients.user_from.into(),
        }
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
