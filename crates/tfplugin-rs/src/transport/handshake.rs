//! What the client tells us by environment, and the line we answer with.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `TF_PLUGIN_MAGIC_COOKIE` | a fixed value: we were started as a plugin, not by hand |
//! | `PLUGIN_PROTOCOL_VERSIONS` | major protocol versions the client speaks: `5,6` |
//! | `PLUGIN_CLIENT_CERT` | its certificate in PEM; absent when it turned TLS off |
//! | `PLUGIN_UNIX_SOCKET_DIR` | where to put the socket, else the temporary directory |
//! | `PLUGIN_MULTIPLEX_GRPC` | it wants to know whether we multiplex (we do not) |
//!
//! The answer is `1|6|unix|PATH|grpc|CERTIFICATE`: version of go-plugin's own
//! protocol, version of the provider protocol, where we listen, and our certificate's
//! DER in base64 without padding (empty without TLS).

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::TransportError;

/// Terraform's constant. It guards against accidents and is no secret.
const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";
const CORE_PROTOCOL: u32 = 1;
pub(super) const PROTOCOL: u32 = 6;

/// The program that started us, as it presented itself.
#[derive(Debug)]
pub(crate) struct Client {
    /// The one certificate we will accept; `None` if the client wants no TLS.
    pub(crate) certificate: Option<CertificateDer<'static>>,
    /// Directory in which to make the private one that holds the socket.
    pub(crate) socket_parent: PathBuf,
    asks_for_multiplexing: bool,
}

impl Client {
    /// Reads the client's announcement through `lookup`, the process environment but
    /// for tests. A variable that is empty counts as absent, as it does for go-plugin.
    pub(crate) fn from_env(
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, TransportError> {
        let lookup = |name: &str| lookup(name).filter(|value| !value.is_empty());
        if lookup("TF_PLUGIN_MAGIC_COOKIE").as_deref() != Some(COOKIE) {
            return Err(TransportError::NotStartedByTerraform);
        }
        negotiate(lookup("PLUGIN_PROTOCOL_VERSIONS"))?;
        // Plaintext if and only if nothing was announced: a certificate that cannot be
        // read ends the process instead of weakening it.
        let certificate = lookup("PLUGIN_CLIENT_CERT")
            .as_deref()
            .map(only_certificate);
        Ok(Self {
            certificate: certificate.transpose()?,
            socket_parent: lookup("PLUGIN_UNIX_SOCKET_DIR")
                .map_or_else(std::env::temp_dir, PathBuf::from),
            asks_for_multiplexing: lookup("PLUGIN_MULTIPLEX_GRPC").is_some(),
        })
    }

    /// Whoever is told where the socket is: without TLS, since nobody has announced a certificate.
    pub(crate) fn debugger() -> Self {
        Self {
            certificate: None,
            socket_parent: std::env::temp_dir(),
            asks_for_multiplexing: false,
        }
    }

    /// The line, without its newline, that tells this client how to reach us.
    pub(crate) fn handshake_line(
        &self,
        socket: &Path,
        own_certificate: Option<&CertificateDer<'_>>,
    ) -> String {
        let socket = socket.display();
        let certificate = own_certificate
            .map(|der| BASE64_STANDARD_NO_PAD.encode(der))
            .unwrap_or_default();
        let multiplexing = if self.asks_for_multiplexing {
            "|false"
        } else {
            ""
        };
        format!("{CORE_PROTOCOL}|{PROTOCOL}|unix|{socket}|grpc|{certificate}{multiplexing}")
    }
}

/// A client that lists no versions predates the list; it checks our line instead.
fn negotiate(offered: Option<String>) -> Result<(), TransportError> {
    match offered {
        Some(offered) if !offered.split(',').any(|v| v.trim().parse() == Ok(PROTOCOL)) => {
            Err(TransportError::UnsupportedProtocol { offered })
        }
        _ => Ok(()),
    }
}

fn only_certificate(pem: &str) -> Result<CertificateDer<'static>, TransportError> {
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| TransportError::ClientCertificate(error.to_string()))?;
    <[_; 1]>::try_from(certificates)
        .map(|[certificate]| certificate)
        .map_err(|found| TransportError::ClientCertificate(format!("it holds {}", found.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Environment of a client that turned TLS off, with changes on top.
    fn client(changes: &[(&str, &str)]) -> Result<Client, TransportError> {
        Client::from_env(|name| {
            let changed = changes.iter().find(|(changed, _)| *changed == name);
            let default = match name {
                "TF_PLUGIN_MAGIC_COOKIE" => Some(COOKIE),
                "PLUGIN_PROTOCOL_VERSIONS" => Some("5,6"),
                _ => None,
            };
            changed
                .map(|(_, value)| *value)
                .or(default)
                .map(str::to_owned)
        })
    }

    fn self_signed() -> rcgen::CertifiedKey<rcgen::KeyPair> {
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap()
    }

    #[test]
    fn a_wrong_or_missing_cookie_is_refused() {
        for cookie in ["", "d602bf8f"] {
            let refused = client(&[("TF_PLUGIN_MAGIC_COOKIE", cookie)]);
            assert!(
                matches!(refused, Err(TransportError::NotStartedByTerraform)),
                "{cookie:?}"
            );
        }
    }

    #[test]
    fn version_six_must_be_among_the_versions_if_any_are_named() {
        for offered in ["6", "5,6", "5, 6 ,7", ""] {
            assert!(
                client(&[("PLUGIN_PROTOCOL_VERSIONS", offered)]).is_ok(),
                "{offered:?}"
            );
        }
        for offered in ["5", "4,5", "60", "six"] {
            let refused = client(&[("PLUGIN_PROTOCOL_VERSIONS", offered)]);
            assert!(
                matches!(refused, Err(TransportError::UnsupportedProtocol { .. })),
                "{offered:?}"
            );
        }
    }

    #[test]
    fn the_announced_certificate_is_kept_byte_for_byte() {
        let made = self_signed();
        let client = client(&[("PLUGIN_CLIENT_CERT", &made.cert.pem())]).unwrap();
        assert_eq!(client.certificate.as_ref(), Some(made.cert.der()));
    }

    #[test]
    fn an_unreadable_certificate_never_means_plaintext() {
        let two = self_signed().cert.pem() + &self_signed().cert.pem();
        for pem in ["garbage", "-----BEGIN CERTIFICATE-----\n", two.as_str()] {
            let refused = client(&[("PLUGIN_CLIENT_CERT", pem)]);
            assert!(
                matches!(refused, Err(TransportError::ClientCertificate(_))),
                "{pem:?}"
            );
        }
    }

    #[test]
    fn the_line_names_socket_and_certificate() {
        let der = CertificateDer::from(vec![0xff, 0xfe]);
        let path = Path::new("/run/x/socket");
        let plain = client(&[]).unwrap();
        assert_eq!(
            plain.handshake_line(path, None),
            "1|6|unix|/run/x/socket|grpc|"
        );
        assert_eq!(
            plain.handshake_line(path, Some(&der)),
            "1|6|unix|/run/x/socket|grpc|//4"
        );
        let asking = client(&[("PLUGIN_MULTIPLEX_GRPC", "true")]).unwrap();
        assert_eq!(
            asking.handshake_line(path, Some(&der)),
            "1|6|unix|/run/x/socket|grpc|//4|false"
        );
    }

    #[test]
    fn the_socket_goes_where_the_client_says() {
        let told = client(&[("PLUGIN_UNIX_SOCKET_DIR", "/run/plugins")]).unwrap();
        assert_eq!(told.socket_parent, Path::new("/run/plugins"));
        assert_eq!(client(&[]).unwrap().socket_parent, std::env::temp_dir());
    }
}
