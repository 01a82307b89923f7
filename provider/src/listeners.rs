//! Listeners of a broker: between the attribute and the contract.

use std::collections::BTreeMap;
use std::net::IpAddr;

use agent_api::v1;
use tfplugin_rs::prelude::*;
use tfplugin_rs::validate::Validator;
use tfplugin_rs::value::Value;

/// Where clients connect.
#[derive(Debug, Clone, PartialEq, Eq, Model)]
pub(crate) struct Listeners {
    /// AMQP 0-9-1.
    pub(crate) amqp: Listener,
}

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq, Model)]
pub(crate) struct Listener {
    /// IP address to listen on. Default: all addresses of the host.
    #[attr(validate = ip_address())]
    pub(crate) address: Option<String>,

    /// TCP port, 0 to 65535. 0 takes a free one at each start; `instances` tells which. Default:
    /// `5671` with TLS, `5672` without.
    #[attr(optional, computed)]
    pub(crate) port: Attr<u16>,

    /// False: plaintext, readable by everyone on the way. Default: `true`.
    #[attr(default = true)]
    pub(crate) tls: bool,

    /// Asks clients for certificates; who has one may log in without a password (SASL EXTERNAL). Goes
    /// with TLS. Default: none is asked for.
    pub(crate) client_certificates: Option<ClientCertificates>,
}

/// Whose certificates clients may log in with.
#[derive(Debug, Clone, PartialEq, Eq, Model)]
pub(crate) struct ClientCertificates {
    /// The authorities that certify clients, PEM.
    pub(crate) ca_certificate: String,

    /// True: who has no certificate is turned away. Default: `false`, and it may log in by password.
    #[attr(default = false)]
    pub(crate) required: bool,

    /// What of a certificate is the name of the user, who must exist: `"common_name"`,
    /// `"distinguished_name"` (such as `CN=orders,O=Ferry`) or `"subject_alternative_name"` (the
    /// first DNS name). Default: `"common_name"`.
    #[attr(default = COMMON_NAME, validate = validate::one_of(USER_FROM.map(|(name, _)| name)))]
    pub(crate) user_from: String,
}

const COMMON_NAME: &str = "common_name";

/// What of a certificate is the user's name, here and in the contract.
const USER_FROM: [(&str, v1::UserFrom); 3] = [
    (COMMON_NAME, v1::UserFrom::CommonName),
    ("distinguished_name", v1::UserFrom::DistinguishedName),
    (
        "subject_alternative_name",
        v1::UserFrom::SubjectAlternativeName,
    ),
];

/// The contract's name of the protocol.
const AMQP: &str = "amqp";
const AMQPS_PORT: u16 = 5671;
const AMQP_PORT: u16 = 5672;

/// The attribute where the configuration has none: Amazon MQ's port, with TLS.
pub(crate) fn default_value() -> Value {
    let amqp = Value::object([
        ("address", Value::Null),
        ("port", AMQPS_PORT.into()),
        ("tls", true.into()),
        ("client_certificates", Value::Null),
    ]);
    Value::object([("amqp", amqp)])
}

/// The port of a listener that names none.
pub(crate) const fn default_port(tls: bool) -> u16 {
    if tls { AMQPS_PORT } else { AMQP_PORT }
}

/// Plans the ports that the configuration leaves open: they follow `tls`, whatever they were.
pub(crate) fn plan_ports(plan: &mut ResourcePlan) -> Result<()> {
    let amqp = || AttributePath::from("listeners").attribute("amqp");
    let configured: Attr<u16> = plan.config().get(amqp().attribute("port"))?;
    let tls: Attr<bool> = plan.planned().get(amqp().attribute("tls"))?;
    match (configured, tls) {
        (Attr::Null, Attr::Known(tls)) => plan.set(amqp().attribute("port"), &default_port(tls)),
        _ => Ok(()),
    }
}

impl Default for Listeners {
    fn default() -> Self {
        Self {
            amqp: Listener {
                address: None,
                port: AMQPS_PORT.into(),
                tls: true,
                client_certificates: None,
            },
        }
    }
}

impl ClientCertificates {
    fn to_api(&self) -> v1::ClientCertificates {
        let known = USER_FROM.iter().find(|(name, _)| *name == self.user_from);
        let user_from = known.map_or(v1::UserFrom::Unspecified, |(_, from)| *from);
        v1::ClientCertificates {
            ca_certificate: self.ca_certificate.clone(),
            required: self.required,
            user_from: user_from.into(),
        }
    }

    fn from_api(clients: &v1::ClientCertificates) -> Self {
        let from = clients.user_from();
        let known = USER_FROM.iter().find(|(_, known)| *known == from);
        Self {
            ca_certificate: clients.ca_certificate.clone(),
            required: clients.required,
            user_from: known.map_or(COMMON_NAME, |(name, _)| name).to_owned(),
        }
    }
}

impl Listeners {
    /// As requests carry them.
    pub(crate) fn to_api(&self) -> BTreeMap<String, v1::Listener> {
        let listener = v1::Listener {
            address: self.amqp.address.clone().unwrap_or_default(),
            port: self.amqp.port.known().map(u32::from),
            tls: Some(self.amqp.tls),
            client_certificates: (self.amqp.client_certificates.as_ref())
                .map(ClientCertificates::to_api),
        };
        [(AMQP.to_owned(), listener)].into()
    }

    /// As the agent has them; `None` for a broker without any.
    pub(crate) fn from_api(broker: &v1::Broker) -> Option<Self> {
        let listener = broker.listeners.get(AMQP)?;
        let tls = listener.tls.unwrap_or(true);
        let port = listener.port.and_then(|port| u16::try_from(port).ok());
        let amqp = Listener {
            address: Some(listener.address.clone()).filter(|address| !address.is_empty()),
            port: port.unwrap_or(default_port(tls)).into(),
            tls,
            client_certificates: (listener.client_certificates.as_ref())
                .map(ClientCertificates::from_api),
        };
        Some(Self { amqp })
    }

    /// With `state`'s spelling of an address that means the same, such as `::1` for `0:0:…:1`.
    #[must_use]
    pub(crate) fn spelled_like(mut self, state: &Self) -> Self {
        if ip(&self.amqp) == ip(&state.amqp) {
            self.amqp.address.clone_from(&state.amqp.address);
        }
        self
    }
}

fn ip(listener: &Listener) -> Option<IpAddr> {
    listener.address.as_ref()?.parse().ok()
}

fn ip_address() -> Validator {
    validate::string(|text| match text.parse::<IpAddr>() {
        Ok(_) => Ok(()),
        Err(_) => Err("must be an IP address such as 127.0.0.1 or ::1".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listeners(address: Option<&str>, port: u16, tls: bool) -> Listeners {
        let address = address.map(str::to_owned);
        Listeners {
            amqp: Listener {
                address,
                port: port.into(),
                tls,
                client_certificates: None,
            },
        }
    }

    fn there_and_back(listeners: &Listeners) -> Listeners {
        let broker = v1::Broker {
            listeners: listeners.to_api(),
            ..Default::default()
        };
        Listeners::from_api(&broker).unwrap()
    }

    #[test]
    fn listeners_survive_the_trip() {
        for some in [
            listeners(None, 5671, true),
            listeners(Some("127.0.0.1"), 0, false),
            listeners(Some("::1"), 65535, true),
        ] {
            assert_eq!(there_and_back(&some), some);
        }
        for (user_from, _) in USER_FROM {
            let mut some = listeners(None, 5671, true);
            some.amqp.client_certificates = Some(ClientCertificates {
                ca_certificate: "PEM".to_owned(),
                required: true,
                user_from: user_from.to_owned(),
            });
            assert_eq!(there_and_back(&some), some);
        }
    }

    #[test]
    fn what_the_agent_leaves_out_is_its_default() {
        let broker = |listener| v1::Broker {
            listeners: [(AMQP.to_owned(), listener)].into(),
            ..Default::default()
        };
        let bare = v1::Listener::default();
        assert_eq!(
            Listeners::from_api(&broker(bare)),
            Some(listeners(None, 5671, true))
        );
        let plain = v1::Listener {
            tls: Some(false),
            ..Default::default()
        };
        assert_eq!(
            Listeners::from_api(&broker(plain)),
            Some(listeners(None, 5672, false))
        );
        assert_eq!(Listeners::from_api(&v1::Broker::default()), None);
    }

    #[test]
    fn an_address_keeps_its_spelling() {
        let (long, short) = (Some("0:0:0:0:0:0:0:1"), Some("::1"));
        let agent = listeners(short, 1, true);
        assert_eq!(
            agent.clone().spelled_like(&listeners(long, 1, true)),
            listeners(long, 1, true)
        );
        let other = listeners(Some("::2"), 1, true);
        assert_eq!(agent.clone().spelled_like(&other), agent);
    }
}
