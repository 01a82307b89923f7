//! `data "ferrymq_bindings"`: the bindings there are.

use agent_api::v1::{self, ListBindingsRequest};
use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::arguments;
use crate::id::{BindingId, BrokerId, DestinationType};
use crate::{listing, name};

/// The data source.
pub(crate) struct Bindings;

/// The bindings of a broker or virtual host, whoever declared them. Those that every queue has to the
/// default exchange are not among them.
#[derive(Debug, Clone, Model)]
pub(crate) struct BindingsModel {
    /// The bindings, by virtual host, source, destination and routing key.
    bindings: Attr<Vec<BindingSeen>>,
    /// Id of the broker, `ferrymq_broker.<label>.id`.
    broker: Text<BrokerId>,
    /// Only those that feed the queue or exchange of this name.
    #[attr(validate = name::referable())]
    destination: Option<String>,
    /// Only those of the exchange of this name.
    #[attr(validate = name::referable())]
    source: Option<String>,
    /// Virtual host. Default: all of the broker.
    #[attr(validate = name::plain())]
    vhost: Option<String>,
}

/// One binding.
#[derive(Debug, Clone, Model)]
pub(crate) struct BindingSeen {
    /// Arguments as a JSON object; null without any.
    arguments_json: Attr<String>,
    /// Name of the queue or exchange that is fed.
    destination: Attr<String>,
    /// `queue` or `exchange`.
    destination_type: Attr<String>,
    /// Id of the binding, as resource and import have it.
    id: Attr<String>,
    /// What the exchange compares a message's routing key with.
    routing_key: Attr<String>,
    /// Name of the exchange that feeds.
    source: Attr<String>,
    /// Virtual host.
    vhost: Attr<String>,
}

impl DataSource for Bindings {
    const NAME: &'static str = "bindings";
    type Data = Agents;
    type Model = BindingsModel;

    async fn read(&self, config: BindingsModel, cx: &mut Context<Agents>) -> Result<BindingsModel> {
        let broker = &config.broker.0;
        let request = ListBindingsRequest {
            broker: broker.name().to_owned(),
            vhost: config.vhost.clone().unwrap_or_default(),
            source: config.source.clone(),
            destination: config.destination.clone(),
            ..Default::default()
        };
        let bindings = listing::all(broker, cx.data(), |agent, page_token| {
            let request = ListBindingsRequest {
                page_token,
                ..request.clone()
            };
            async move { agent.bindings().list_bindings(request).await }
        });
        let bindings = bindings.await?.into_iter();
        let bindings: Vec<_> = bindings
            .map(|binding| BindingSeen::of(binding, broker))
            .collect();
        Ok(BindingsModel {
            bindings: bindings.into(),
            ..config
        })
    }
}

impl BindingSeen {
    fn of(binding: v1::Binding, broker: &BrokerId) -> Self {
        let destination_type = match binding.destination_type() {
            v1::DestinationType::Exchange => DestinationType::Exchange,
            v1::DestinationType::Queue | v1::DestinationType::Unspecified => DestinationType::Queue,
        };
        let arguments = binding.arguments.clone().unwrap_or_default();
        let id = BindingId {
            broker: broker.clone(),
            vhost: binding.vhost.clone(),
            source: binding.source.clone(),
            destination_type,
            destination: binding.destination.clone(),
            routing_key: binding.routing_key.clone(),
            arguments: arguments::id_text(&arguments),
        };
        let arguments_json = Some(id.arguments.clone()).filter(|text| !text.is_empty());
        Self {
            arguments_json: arguments_json.into(),
            destination: binding.destination.into(),
            destination_type: destination_type.to_string().into(),
            id: id.to_string().into(),
            routing_key: binding.routing_key.into(),
            source: binding.source.into(),
            vhost: binding.vhost.into(),
        }
    }
}
