//! Who a caller is and whom it trusts: three PEM texts.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, Error, RootCertStore};

/// A client certificate with its key, and the authority agents must be certified by.
#[derive(Clone)]
pub struct Identity {
    /// Certificates of the fleet's authority, PEM.
    pub ca_certificate: String,
    /// The caller's certificate, PEM, with intermediates if there are any.
    pub certificate: String,
    /// The private key of the certificate, PEM (PKCS#8, PKCS#1 or SEC1).
    pub key: String,
}

/// Which part of an [`Identity`] is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// [`Identity::ca_certificate`].
    CaCertificate,
    /// [`Identity::certificate`].
    Certificate,
    /// [`Identity::key`], by itself or together with the certificate.
    Key,
}

/// An identity that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {part} cannot be used: {why}")]
pub struct BadIdentity {
    /// The wrong part.
    pub part: Part,
    /// What is wrong with it; never its content.
    pub why: String,
}

impl Identity {
    /// Finds out whether the parts can be used at all, without a connection.
    pub fn check(&self) -> Result<(), BadIdentity> {
        self.tls().map(drop)
    }

    /// Checks the parts and turns them into TLS 1.3 settings that speak HTTP/2.
    pub(crate) fn tls(&self) -> Result<ClientConfig, BadIdentity> {
        let mut roots = RootCertStore::empty();
        for root in certificates(&self.ca_certificate, Part::CaCertificate)? {
            roots
                .add(root)
                .map_err(|error| bad(Part::CaCertificate, error))?;
        }
        let chain = certificates(&self.certificate, Part::Certificate)?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes())
            .map_err(|error| bad(Part::Key, explain(&error, "a private key")))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| bad(Part::Key, error))?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(|error| match error {
                Error::InconsistentKeys(_) => {
                    bad(Part::Key, "it does not belong to the client certificate")
                }
                Error::InvalidCertificate(_) => bad(Part::Certificate, error),
                _ => bad(Part::Key, error),
            })?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CaCertificate => "CA certificate",
            Self::Certificate => "client certificate",
            Self::Key => "client key",
        })
    }
}

fn certificates(text: &str, part: Part) -> Result<Vec<CertificateDer<'static>>, BadIdentity> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| bad(part, explain(&error, "a certificate")))?;
    if found.is_empty() {
        return Err(bad(
            part,
            explain(&pem::Error::NoItemsFound, "a certificate"),
        ));
    }
    Ok(found)
}

fn explain(error: &pem::Error, what: &str) -> String {
    match error {
        pem::Error::NoItemsFound => format!("it does not hold {what} in PEM form"),
        other => format!("it is not well-formed PEM ({other})"),
    }
}

fn bad(part: Part, why: impl fmt::Display) -> BadIdentity {
    BadIdentity {
        part,
        why: why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["a".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn each_part_is_blamed_for_its_own_fault() {
        let (certificate, key) = pair();
        let good = Identity {
            ca_certificate: certificate.clone(),
            certificate,
            key,
        };
        assert_eq!(good.check(), Ok(()));

        #[track_caller]
        fn check(identity: &Identity, part: Part, why: &str) {
            let error = identity.check().unwrap_err();
            assert_eq!(error.part, part, "{error}");
            assert!(error.to_string().contains(why), "{error}");
        }
        let empty = String::new;
        let no_ca = Identity {
            ca_certificate: empty(),
            ..good.clone()
        };
        check(&no_ca, Part::CaCertificate, "does not hold a certificate");
        let swapped = Identity {
            certificate: good.key.clone(),
            ..good.clone()
        };
        check(&swapped, Part::Certificate, "does not hold a certificate");
        let no_key = Identity {
            key: "a path/to/key.pem".to_owned(),
            ..good.clone()
        };
        check(&no_key, Part::Key, "does not hold a private key");
        let stranger = Identity {
            key: pair().1,
            ..good.clone()
        };
        check(&stranger, Part::Key, "does not belong");
        let torn = Identity {
            certificate: good.certificate.replace("-----END", "-"),
            ..good
        };
        check(&torn, Part::Certificate, "PEM");
    }

    #[test]
    fn printing_an_identity_shows_no_key() {
        let (certificate, key) = pair();
        let identity = Identity {
            ca_certificate: certificate.clone(),
            certificate,
            key,
        };
        assert_eq!(format!("{identity:?}"), "Identity { .. }");
    }
}
