//! Ids of bindings. A binding has no name: all it says is its identity.

use std::fmt;
use std::str::FromStr;

use agent_api::v1;
use serde_json::Value as Json;

use super::broker::BrokerId;
use super::{BadId, ExchangeId, QueueId, topology};
use crate::failure::Kind;
use crate::object::ObjectId;
use crate::renewal::Attached;

/// The id of a binding.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct BindingId {
    pub(crate) broker: BrokerId,
    pub(crate) vhost: String,
    pub(crate) source: String,
    pub(crate) destination_type: DestinationType,
    pub(crate) destination: String,
    pub(crate) routing_key: String,
    /// A JSON object; empty when there are none.
    pub(crate) arguments: String,
}

/// What a binding feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum DestinationType {
    Exchange,
    Queue,
}

const KIND: &str = Kind::Binding.noun();
const FORM: &str =
    "BROKER-ID/binding/VHOST/SOURCE/queue|exchange/DESTINATION/ROUTING-KEY[/ARGUMENTS-AS-JSON]";

impl Attached for BindingId {
    fn bases(&self) -> Vec<String> {
        let exchange = |name: &str| {
            let (broker, vhost) = (self.broker.clone(), self.vhost.clone());
            ExchangeId {
                broker,
                vhost,
                name: name.to_owned(),
            }
            .to_string()
        };
        let destination = match self.destination_type {
            DestinationType::Exchange => exchange(&self.destination),
            DestinationType::Queue => {
                let (broker, vhost) = (self.broker.clone(), self.vhost.clone());
                QueueId {
                    broker,
                    vhost,
                    name: self.destination.clone(),
                }
                .to_string()
            }
        };
        let mut bases = topology::surroundings(&self.broker, &self.vhost);
        bases.extend([exchange(&self.source), destination]);
        bases
    }
}

impl ObjectId for BindingId {
    const KIND: Kind = Kind::Binding;

    fn broker(&self) -> &BrokerId {
        &self.broker
    }

    fn name(&self) -> &str {
        &self.destination
    }
}

impl FromStr for BindingId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        parse(text).map_err(|why| BadId::new(text, KIND, FORM, why))
    }
}

fn parse(text: &str) -> Result<BindingId, String> {
    let (broker, mut parts) = topology::parts_of(text, KIND)?;
    let arguments = if parts.len() == 6 { parts.pop() } else { None };
    let found = parts.len();
    let [vhost, source, destination_type, destination, routing_key] =
        <[String; 5]>::try_from(parts)
            .map_err(|_| format!("{found} parts follow \"{KIND}\", not 5 or 6"))?;
    if [&vhost, &source, &destination]
        .iter()
        .any(|name| name.is_empty())
    {
        return Err("a name is empty".to_owned());
    }
    if let Some(arguments) = &arguments {
        match serde_json::from_str(arguments) {
            Ok(Json::Object(object)) if !object.is_empty() => {}
            _ => return Err("the arguments are no JSON object with members".to_owned()),
        }
    }
    Ok(BindingId {
        broker,
        vhost,
        source,
        destination_type: destination_type.parse()?,
        destination,
        routing_key,
        arguments: arguments.unwrap_or_default(),
    })
}

impl fmt::Display for BindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ty = self.destination_type.as_str();
        let parts = [
            &self.vhost,
            &self.source,
            ty,
            &self.destination,
            &self.routing_key,
            &self.arguments,
        ];
        let count = parts.len() - usize::from(self.arguments.is_empty());
        topology::print(f, &self.broker, KIND, &parts[..count])
    }
}

impl DestinationType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Exchange => "exchange",
            Self::Queue => "queue",
        }
    }
}

impl FromStr for DestinationType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "exchange" => Ok(Self::Exchange),
            "queue" => Ok(Self::Queue),
            _ => Err(format!("{text:?} is neither \"queue\" nor \"exchange\"")),
        }
    }
}

impl fmt::Display for DestinationType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<DestinationType> for v1::DestinationType {
    fn from(ty: DestinationType) -> Self {
        match ty {
            DestinationType::Exchange => Self::Exchange,
            DestinationType::Queue => Self::Queue,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::broker::tests::any_broker;
    use super::*;

    proptest! {
        #[test]
        fn ids_survive_printing(
            broker in any_broker(),
            names in prop::array::uniform3(".{1,12}"),
            routing_key in ".{0,12}",
            to_queue: bool,
            argument in prop::option::of(".{0,12}"),
        ) {
            let [vhost, source, destination] = names;
            let id = BindingId {
                broker,
                vhost,
                source,
                destination_type:
                    if to_queue { DestinationType::Queue } else { DestinationType::Exchange },
                destination,
                routing_key,
                arguments: argument
                    .map(|text| serde_json::json!({ "x": text }).to_string())
                    .unwrap_or_default(),
            };
            prop_assert_eq!(id.to_string().parse::<BindingId>(), Ok(id));
        }
    }

    #[test]
    fn a_binding_is_told_by_all_it_says() {
        let plain = "ferrymq://a:7443/b/binding/%2F/orders/queue/incoming/order.%23";
        let id: BindingId = plain.parse().unwrap();
        assert_eq!(
            (id.routing_key.as_str(), id.arguments.as_str()),
            ("order.#", "")
        );
        assert_eq!(id.to_string(), plain);

        let no_key = "ferrymq://a:7443/b/binding/%2F/orders/exchange/all/";
        assert_eq!(no_key.parse::<BindingId>().unwrap().routing_key, "");

        let arguments = format!("{no_key}/%7B%22x-match%22%3A%22all%22%7D");
        let id: BindingId = arguments.parse().unwrap();
        assert_eq!(id.arguments, r#"{"x-match":"all"}"#);
        assert_eq!(id.to_string(), arguments);
    }

    #[test]
    fn what_is_no_id_says_why() {
        for (rest, why) in [
            ("%2F/orders/queue/incoming", "4 parts follow"),
            ("%2F//queue/incoming/", "a name is empty"),
            ("%2F/orders/topic/incoming/", "\"topic\" is neither"),
            ("%2F/orders/queue/incoming/k/5", "no JSON object"),
            (
                "%2F/orders/queue/incoming/k/%7B%7D",
                "no JSON object with members",
            ),
        ] {
            let text = format!("ferrymq://a:7443/b/binding/{rest}");
            let error = text.parse::<BindingId>().unwrap_err().to_string();
            assert!(
                error.contains(why) && error.contains("DESTINATION/ROUTING-KEY"),
                "{error}"
            );
        }
    }
}
