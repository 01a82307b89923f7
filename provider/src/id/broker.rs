//! Ids of brokers: the name, and the addresses of the agents that host it.

use std::fmt;
use std::str::FromStr;

use agent_api::Address;

use super::{BadId, decode, encode};
use crate::failure::Kind;
use crate::object::ObjectId;
use crate::renewal::Attached;

/// The id of a broker.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct BrokerId {
    /// Never empty.
    addresses: Vec<Address>,
    name: String,
}

const KIND: &str = "broker";
const SCHEME: &str = "ferrymq://";
const FORM: &str = "ferrymq://HOST:7443/BROKER";

impl BrokerId {
    /// `None` without any address.
    pub(crate) fn new(addresses: Vec<Address>, name: impl Into<String>) -> Option<Self> {
        if addresses.is_empty() {
            return None;
        }
        Some(Self {
            addresses,
            name: name.into(),
        })
    }

    /// The agents; at least one.
    pub(crate) fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The same broker as one agent has it.
    pub(crate) fn at(&self, agent: &Address) -> Self {
        Self {
            addresses: vec![agent.clone()],
            name: self.name.clone(),
        }
    }

    /// The same broker at further agents.
    pub(crate) fn and(mut self, others: &[Address]) -> Self {
        for other in others {
            if !self.addresses.contains(other) {
                self.addresses.push(other.clone());
            }
        }
        self
    }

    /// The broker's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Takes an id apart that begins with a broker's: the broker and the parts after it, still
    /// encoded. The error is the reason.
    pub(super) fn split(text: &str) -> Result<(Self, Vec<&str>), String> {
        let rest = text
            .strip_prefix(SCHEME)
            .ok_or_else(|| format!("it does not begin with {SCHEME}"))?;
        let (authority, path) = rest
            .split_once('/')
            .ok_or("no broker follows the agents' addresses")?;
        let addresses = authority
            .split(',')
            .map(str::parse)
            .collect::<Result<Vec<Address>, _>>()
            .map_err(|error| error.to_string())?;
        let mut parts = path.split('/');
        let name = decode(parts.next().unwrap_or_default())?;
        if name.is_empty() {
            return Err("the broker's name is empty".to_owned());
        }
        Ok((Self { addresses, name }, parts.collect()))
    }
}

impl Attached for BrokerId {
    fn bases(&self) -> Vec<String> {
        Vec::new()
    }
}

impl ObjectId for BrokerId {
    const KIND: Kind = Kind::Broker;

    fn broker(&self) -> &BrokerId {
        self
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for BrokerId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = |why: String| BadId::new(text, KIND, FORM, why);
        let (id, rest) = Self::split(text).map_err(bad)?;
        if !rest.is_empty() {
            return Err(bad("something follows the broker's name".to_owned()));
        }
        if id.to_string() != text {
            return Err(bad(format!("written in full it is {:?}", id.to_string())));
        }
        Ok(id)
    }
}

impl fmt::Display for BrokerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEME)?;
        for (i, address) in self.addresses.iter().enumerate() {
            write!(f, "{}{address}", if i == 0 { "" } else { "," })?;
        }
        write!(f, "/{}", encode(&self.name))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn any_broker() -> impl Strategy<Value = BrokerId> {
        let address = prop_oneof![
            "[a-z][a-z0-9.-]{0,20}",
            Just("10.1.2.3".to_owned()),
            Just("::1".to_owned())
        ];
        let addresses = prop::collection::vec((address, 1..=u16::MAX), 1..4);
        (addresses, ".{1,20}").prop_map(|(addresses, name)| {
            let addresses = addresses
                .into_iter()
                .map(|(host, port)| Address { host, port })
                .collect();
            BrokerId::new(addresses, name).unwrap()
        })
    }

    proptest! {
        #[test]
        fn ids_survive_printing(id in any_broker()) {
            prop_assert_eq!(id.to_string().parse::<BrokerId>(), Ok(id));
        }

        #[test]
        fn what_parses_prints_the_same(text in "(ferrymq://)?[a-z:0-9,/%._-]{0,30}") {
            if let Ok(id) = text.parse::<BrokerId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn the_form_is_a_uri() {
        let text = "ferrymq://a.example.com:7443,[::1]:7444/orders";
        let id: BrokerId = text.parse().unwrap();
        assert_eq!(id.name(), "orders");
        assert_eq!(id.addresses()[1].port, 7444);
        assert_eq!(id.to_string(), text);
    }

    #[test]
    fn what_is_no_id_says_why() {
        for (text, why) in [
            ("orders", "does not begin with ferrymq://"),
            ("ferrymq://a:7443", "no broker follows"),
            ("ferrymq://a:7443/", "name is empty"),
            ("ferrymq:///orders", "no legal host name"),
            ("ferrymq://a:0/orders", "port is not a number from 1"),
            ("ferrymq://a:7443/orders/queue", "something follows"),
            (
                "ferrymq://a/orders",
                "written in full it is \"ferrymq://a:7443/orders\"",
            ),
            (
                "ferrymq://a:7443/a%2fb",
                "written in full it is \"ferrymq://a:7443/a%2Fb\"",
            ),
            ("ferrymq://a:7443/%FF", "does not decode to UTF-8"),
        ] {
            let error = text.parse::<BrokerId>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(
                error.contains("it has the form ferrymq://HOST:7443/BROKER"),
                "{error}"
            );
        }
    }
}
