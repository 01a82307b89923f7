//! Where a node is: a host and a port.

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;

/// `host:port`, the host a name, an IPv4 address, or an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NodeAddress {
    pub(super) host: ServerName<'static>,
    pub(super) port: u16,
}

/// No `host:port`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a node's address: expected host:port, an IPv6 address in brackets")]
pub struct BadAddress(String);

impl NodeAddress {
    pub(super) fn parse(text: &str) -> Result<Self, BadAddress> {
        let parts = || {
            let (host, port) = text.rsplit_once(':')?;
            let port: u16 = port.parse().ok().filter(|port| *port > 0)?;
            let inside = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
            if inside.is_none() && host.contains(':') {
                return None;
            }
            let host = ServerName::try_from(inside.unwrap_or(host).to_owned()).ok()?;
            Some(Self { host, port })
        };
        parts().ok_or_else(|| BadAddress(text.to_owned()))
    }

    /// Whether the certificate, which was verified, is good for that host.
    pub(super) fn is_named_by(&self, certificate: &CertificateDer<'_>) -> bool {
        let parsed = ParsedCertificate::try_from(certificate);
        parsed.is_ok_and(|parsed| rustls::client::verify_server_name(&parsed, &self.host).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address() {
        let parsed = |text: &str| {
            let parsed = NodeAddress::parse(text);
            parsed.map(|it| (it.host.to_str().into_owned(), it.port))
        };
        let good = |host: &str, port| Ok((host.to_owned(), port));
        let name = "broker-a.example.com";
        assert_eq!(parsed("broker-a.example.com:5680"), good(name, 5680));
        assert_eq!(parsed("10.0.0.7:1"), good("10.0.0.7", 1));
        assert_eq!(parsed("[2001:db8::1]:5680"), good("2001:db8::1", 5680));
        for bad in [
            "",
            "a",
            "a:",
            ":1",
            "a:0",
            "a:70000",
            "2001:db8::1:5680",
            "[::1]",
            "a b:1",
        ] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }
}
