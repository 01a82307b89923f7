//! Listeners of a broker: what a caller asked for, with defaults filled in, and what came of it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use agent_api::Failure;
use agent_api::v1;
use agent_api::v1::Reason;
use broker_net::{ListenerConfig, Protocol};

use crate::init::all_addresses_are_v6;
use crate::registry::{ClientCertificates, Listener, UserFrom};
use crate::tls::{self, Acceptors};

/// Everything a broker can listen for: name in the contract, protocol, URL schemes without and
/// with TLS, standard ports without and with TLS.
const PROTOCOLS: [(&str, Protocol, [&str; 2], [u16; 2]); 1] =
    [("amqp", Protocol::Amqp, ["amqp", "amqps"], [5672, 5671])];

/// Names of the protocols, as `AgentInfo.protocols` lists them.
pub(crate) fn protocols() -> Vec<String> {
    PROTOCOLS
        .iter()
        .map(|(name, ..)| (*name).to_owned())
        .collect()
}

/// Checks what a caller asked for and fills in the defaults. None at all: AMQP with TLS.
pub(crate) fn resolve(
    asked: &BTreeMap<String, v1::Listener>,
) -> Result<BTreeMap<String, Listener>, Failure> {
    if asked.is_empty() {
        let standard = BTreeMap::from([("amqp".to_owned(), v1::Listener::default())]);
        return resolve(&standard);
    }
    asked
        .iter()
        .map(|(protocol, listener)| Ok((protocol.clone(), resolve_one(protocol, listener)?)))
        .collect()
}

fn resolve_one(protocol: &str, asked: &v1::Listener) -> Result<Listener, Failure> {
    let Some((_, _, _, standard_ports)) = PROTOCOLS.iter().find(|(name, ..)| *name == protocol)
    else {
        let offered = protocols().join(", ");
        let sentence = format!(
            "listener protocol {protocol:?} is not offered by this agent; it offers: {offered}"
        );
        return Err(Failure::new(Reason::Invalid, sentence).at(format!("listeners.{protocol}")));
    };
    if !asked.address.is_empty() && asked.address.parse::<IpAddr>().is_err() {
        let sentence = format!(
            "listener address {:?} is not an IP address; write one of the machine's own, or leave \
             it out to listen on all",
            asked.address
        );
        let field = format!("listeners.{protocol}.address");
        return Err(Failure::new(Reason::Invalid, sentence).at(field));
    }
    let tls = asked.tls.unwrap_or(true);
    let port = asked
        .port
        .unwrap_or_else(|| standard_ports[usize::from(tls)].into());
    let port = u16::try_from(port).map_err(|_| {
        let sentence = format!("listener port {port} is not a TCP port; use 0 to 65535");
        Failure::new(Reason::Invalid, sentence).at(format!("listeners.{protocol}.port"))
    })?;
    let client_certificates = asked.client_certificates.as_ref();
    let client_certificates = client_certificates
        .map(|asked| resolve_clients(protocol, asked, tls))
        .transpose()?;
    Ok(Listener {
        address: asked.address.clone(),
        port,
        tls,
        client_certificates,
    })
}

fn resolve_clients(
    protocol: &str,
    asked: &v1::ClientCertificates,
    tls: bool,
) -> Result<ClientCertificates, Failure> {
    let field = format!("listeners.{protocol}.client_certificates");
    let invalid = |sentence: &str, field: String| Failure::new(Reason::Invalid, sentence).at(field);
    if !tls {
        return Err(invalid("client certificates come with TLS only", field));
    }
    tls::authorities(&asked.ca_certificate)
        .map_err(|error| invalid(&error.to_string(), format!("{field}.ca_certificate")))?;
    let user_from = match asked.user_from() {
        v1::UserFrom::Unspecified | v1::UserFrom::CommonName => UserFrom::CommonName,
        v1::UserFrom::DistinguishedName => UserFrom::DistinguishedName,
        v1::UserFrom::SubjectAlternativeName => UserFrom::SubjectAlternativeName,
    };
    Ok(ClientCertificates {
        ca_certificate: asked.ca_certificate.clone(),
        required: asked.required,
        user_from,
    })
}

impl From<UserFrom> for broker_net::UserFrom {
    fn from(from: UserFrom) -> Self {
        match from {
            UserFrom::CommonName => Self::CommonName,
            UserFrom::DistinguishedName => Self::DistinguishedName,
            UserFrom::SubjectAlternativeName => Self::SubjectAlternativeName,
        }
    }
}

fn shown_clients(clients: &ClientCertificates) -> v1::ClientCertificates {
    let user_from = match clients.user_from {
        UserFrom::CommonName => v1::UserFrom::CommonName,
        UserFrom::DistinguishedName => v1::UserFrom::DistinguishedName,
        UserFrom::SubjectAlternativeName => v1::UserFrom::SubjectAlternativeName,
    };
    v1::ClientCertificates {
        ca_certificate: clients.ca_certificate.clone(),
        required: clients.required,
        user_from: user_from.into(),
    }
}

/// The listeners as the contract shows them: every field set.
pub(crate) fn shown(listeners: &BTreeMap<String, Listener>) -> BTreeMap<String, v1::Listener> {
    let show = |listener: &Listener| v1::Listener {
        address: listener.address.clone(),
        port: Some(listener.port.into()),
        tls: Some(listener.tls),
        client_certificates: listener.client_certificates.as_ref().map(shown_clients),
    };
    listeners
        .iter()
        .map(|(protocol, listener)| (protocol.clone(), show(listener)))
        .collect()
}

/// The listeners as `broker-net` wants them. Protocols a later agent registered are left out, and so is
/// a listener whose clients' authority cannot be read any more: it would let in whom it should not.
pub(crate) fn to_open(
    listeners: &BTreeMap<String, Listener>,
    acceptors: Option<&Acceptors>,
) -> Vec<ListenerConfig> {
    let known = |name: &String| PROTOCOLS.iter().find(|(known, ..)| known == name);
    listeners
        .iter()
        .filter_map(|(name, listener)| known(name).map(|(_, protocol, ..)| (*protocol, listener)))
        .filter_map(|(protocol, listener)| {
            let acceptors = acceptors.filter(|_| listener.tls);
            let clients = listener.client_certificates.as_ref();
            let tls = acceptors.map(|acceptors| acceptors.broker(clients));
            let address = socket_address(listener);
            match tls.transpose() {
                Ok(tls) => Some(ListenerConfig {
                    protocol,
                    address,
                    tls,
                }),
                Err(error) => {
                    tracing::error!(%address, %error, "listener stays closed");
                    None
                }
            }
        })
        .collect()
}

fn socket_address(listener: &Listener) -> SocketAddr {
    let everywhere = || -> IpAddr {
        if all_addresses_are_v6() {
            Ipv6Addr::UNSPECIFIED.into()
        } else {
            Ipv4Addr::UNSPECIFIED.into()
        }
    };
    // Checked when it was registered; a record edited by hand listens everywhere rather than not.
    let address = listener.address.parse().unwrap_or_else(|_| everywhere());
    SocketAddr::new(address, listener.port)
}

/// Which listener an address belongs to, to blame it by name.
pub(crate) fn owner(listeners: &BTreeMap<String, Listener>, address: SocketAddr) -> Option<&str> {
    let found = listeners
        .iter()
        .find(|(_, listener)| socket_address(listener) == address);
    found.map(|(name, _)| name.as_str())
}

/// What clients use to reach a listener that is open.
pub(crate) fn endpoint(open: &broker_net::Endpoint, advertised_host: &str) -> v1::Endpoint {
    let known = PROTOCOLS
        .iter()
        .find(|(_, protocol, ..)| *protocol == open.protocol);
    let (name, schemes) = known.map_or(("", ["", ""]), |(name, _, schemes, _)| (*name, *schemes));
    let host = if open.address.ip().is_loopback() {
        bracketed(&open.address.ip().to_string())
    } else {
        bracketed(advertised_host)
    };
    v1::Endpoint {
        protocol: name.to_owned(),
        url: format!(
            "{}://{host}:{}",
            schemes[usize::from(open.tls)],
            open.address.port()
        ),
        address: open.address.ip().to_string(),
        port: open.address.port().into(),
        tls: open.tls,
    }
}

/// URLs that a node's listeners will have when it serves. Of a port that the system chooses nothing
/// can be said before.
pub(crate) fn expected(listeners: &BTreeMap<String, Listener>, host: &str) -> Vec<String> {
    let known = |name: &String| PROTOCOLS.iter().find(|(known, ..)| known == name);
    let fixed = listeners.iter().filter(|(_, listener)| listener.port != 0);
    let urls = fixed.filter_map(|(name, listener)| {
        let (_, protocol, ..) = known(name)?;
        let open = broker_net::Endpoint {
            protocol: *protocol,
            address: socket_address(listener),
            tls: listener.tls,
        };
        Some(endpoint(&open, host).url)
    });
    urls.collect()
}

/// A host as URLs want it: IPv6 addresses in brackets.
pub(crate) fn bracketed(host: &str) -> String {
    if host.parse::<Ipv6Addr>().is_ok() {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(listener: v1::Listener) -> BTreeMap<String, v1::Listener> {
        BTreeMap::from([("amqp".to_owned(), listener)])
    }

    #[track_caller]
    fn check(asked: v1::Listener, port: u16, tls: bool) {
        let resolved = resolve(&ask(asked)).unwrap();
        assert_eq!((resolved["amqp"].port, resolved["amqp"].tls), (port, tls));
    }

    #[track_caller]
    fn refused(asked: &BTreeMap<String, v1::Listener>, field: &str) {
        let failure = resolve(asked).unwrap_err();
        assert_eq!(
            (failure.reason, failure.field.as_str()),
            (Reason::Invalid, field),
            "{failure}"
        );
    }

    #[test]
    fn defaults_are_amazon_mq_ports_and_tls() {
        check(v1::Listener::default(), 5671, true);
        check(
            v1::Listener {
                tls: Some(false),
                ..Default::default()
            },
            5672,
            false,
        );
        check(
            v1::Listener {
                port: Some(0),
                ..Default::default()
            },
            0,
            true,
        );
        assert_eq!(resolve(&BTreeMap::new()).unwrap()["amqp"].port, 5671);
    }

    #[test]
    fn what_is_wrong_is_named() {
        refused(
            &ask(v1::Listener {
                port: Some(65_536),
                ..Default::default()
            }),
            "listeners.amqp.port",
        );
        let named = v1::Listener {
            address: "localhost".into(),
            ..Default::default()
        };
        refused(&ask(named), "listeners.amqp.address");
        let other = BTreeMap::from([("gopher".to_owned(), v1::Listener::default())]);
        refused(&other, "listeners.gopher");
    }

    #[test]
    fn client_certificates_are_checked_and_come_with_tls() {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let with = |ca_certificate: &str, tls| {
            ask(v1::Listener {
                tls: Some(tls),
                client_certificates: Some(v1::ClientCertificates {
                    ca_certificate: ca_certificate.to_owned(),
                    required: true,
                    ..Default::default()
                }),
                ..Default::default()
            })
        };
        refused(&with(&pem, false), "listeners.amqp.client_certificates");
        let field = "listeners.amqp.client_certificates.ca_certificate";
        refused(&with("", true), field);
        refused(&with("no certificate", true), field);
        let resolved = resolve(&with(&pem, true)).unwrap();
        let shown = shown(&resolved)["amqp"]
            .client_certificates
            .clone()
            .unwrap();
        assert_eq!(shown.user_from(), v1::UserFrom::CommonName);
        assert!(shown.required && shown.ca_certificate == pem);
    }

    #[test]
    fn urls_name_the_advertised_host_or_the_loopback_address() {
        let url = |address: &str, tls| {
            let address = address.parse().unwrap();
            endpoint(
                &broker_net::Endpoint {
                    protocol: Protocol::Amqp,
                    address,
                    tls,
                },
                "mq",
            )
            .url
        };
        assert_eq!(url("0.0.0.0:5671", true), "amqps://mq:5671");
        assert_eq!(url("127.0.0.1:5672", false), "amqp://127.0.0.1:5672");
        assert_eq!(url("[::1]:5672", false), "amqp://[::1]:5672");
    }
}
