//! `data "ferrymq_exchanges"`: the exchanges there are.

use agent_api::v1::{self, ListExchangesRequest};
use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::id::{BrokerId, ExchangeId};
use crate::status::optional;
use crate::{listing, name};

/// The data source.
pub(crate) struct Exchanges;

/// The exchanges of a broker or virtual host as they are now, whoever declared them, the standard ones
/// included.
#[derive(Debug, Clone, Model)]
pub(crate) struct ExchangesModel {
    /// Id of the broker, `ferrymq_broker.<label>.id`.
    broker: Text<BrokerId>,
    /// The exchanges, by virtual host and name.
    exchanges: Attr<Vec<ExchangeSeen>>,
    /// Regular expression that finds something in the names wanted. Default: all names.
    #[attr(validate = name::expression())]
    name_pattern: Option<String>,
    /// Virtual host. Default: all of the broker.
    #[attr(validate = name::plain())]
    vhost: Option<String>,
}

/// One exchange.
#[derive(Debug, Clone, Model)]
pub(crate) struct ExchangeSeen {
    /// True: deleted when its last binding goes.
    auto_delete: Attr<bool>,
    /// Messages that it keeps until they are due; 0 unless its type is `x-delayed-message`.
    delayed_messages: Attr<u64>,
    /// True: survives a restart of the broker.
    durable: Attr<bool>,
    /// Id of the exchange, as resource and import have it; null for the default exchange, which has
    /// no name.
    id: Attr<String>,
    /// True: fed by bindings only, clients cannot publish to it.
    internal: Attr<bool>,
    /// Name of the exchange; empty for the default exchange.
    name: Attr<String>,
    /// Name of the operator policy that applies; null for none.
    operator_policy: Attr<String>,
    /// Name of the policy that applies; null for none.
    policy: Attr<String>,
    /// `direct`, `fanout`, `headers`, `topic`, or another that the broker has.
    #[attr(name = "type")]
    ty: Attr<String>,
    /// Virtual host.
    vhost: Attr<String>,
}

impl DataSource for Exchanges {
    const NAME: &'static str = "exchanges";
    type Data = Agents;
    type Model = ExchangesModel;

    async fn read(
        &self,
        config: ExchangesModel,
        cx: &mut Context<Agents>,
    ) -> Result<ExchangesModel> {
        let broker = &config.broker.0;
        let wanted = listing::wanted(config.name_pattern.as_ref())?;
        let request = ListExchangesRequest {
            broker: broker.name().to_owned(),
            vhost: config.vhost.clone().unwrap_or_default(),
            ..Default::default()
        };
        let exchanges = listing::all(broker, cx.data(), |agent, page_token| {
            let request = ListExchangesRequest {
                page_token,
                ..request.clone()
            };
            async move { agent.exchanges().list_exchanges(request).await }
        });
        let exchanges = exchanges.await?;
        let exchanges = exchanges.iter().filter(|exchange| wanted(&exchange.name));
        let exchanges: Vec<_> = exchanges
            .map(|exchange| ExchangeSeen::of(exchange, broker))
            .collect();
        Ok(ExchangesModel {
            exchanges: exchanges.into(),
            ..config
        })
    }
}

impl ExchangeSeen {
    fn of(exchange: &v1::Exchange, broker: &BrokerId) -> Self {
        let policies = exchange.policies.clone().unwrap_or_default();
        let id = ExchangeId {
            broker: broker.clone(),
            vhost: exchange.vhost.clone(),
            name: exchange.name.clone(),
        };
        let id = (!exchange.name.is_empty()).then(|| id.to_string());
        Self {
            auto_delete: exchange.auto_delete.into(),
            delayed_messages: exchange.delayed_messages.into(),
            durable: exchange.durable.into(),
            id: id.into(),
            internal: exchange.internal.into(),
            name: exchange.name.clone().into(),
            operator_policy: optional(&policies.operator_policy),
            policy: optional(&policies.policy),
            ty: exchange.r#type.clone().into(),
            vhost: exchange.vhost.clone().into(),
        }
    }
}
