//! The agent's certificates as TLS settings, one for each kind of listener.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::config::Tls;
use crate::registry::ClientCertificates;

/// Settings for every TLS listener of the agent.
#[derive(Debug, Clone)]
pub(crate) struct Acceptors {
    /// gRPC: TLS 1.3, a client certificate of our authority is a must.
    pub grpc: Arc<ServerConfig>,
    /// Status pages: TLS 1.2 or 1.3, a client certificate is looked at when there is one.
    pub http: Arc<ServerConfig>,
    /// Clients of brokers: TLS 1.2 or 1.3, they log in by password.
    broker: Arc<ServerConfig>,
    /// To make more for brokers, whose clients have certificates of other authorities.
    pair: Arc<Pair>,
}

impl Acceptors {
    /// For clients of a broker, which may have certificates of their own.
    pub(crate) fn broker(
        &self,
        clients: Option<&ClientCertificates>,
    ) -> Result<broker_net::Tls, TlsError> {
        let Some(clients) = clients else {
            return Ok(Arc::clone(&self.broker).into());
        };
        let roots = Arc::new(authorities(&clients.ca_certificate)?);
        let callers = callers(&roots, clients.required)?;
        Ok(broker_net::Tls {
            config: self.pair.settings(Some(callers), false, b"")?,
            user_from: clients.user_from.into(),
        })
    }
}

/// The authorities of a PEM text.
pub(crate) fn authorities(pem: &str) -> Result<RootCertStore, TlsError> {
    let unusable = |cause: String| TlsError::Clients(cause);
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let found = found.map_err(|error| unusable(error.to_string()))?;
    if found.is_empty() {
        return Err(unusable("it holds no certificate in PEM form".to_owned()));
    }
    let mut roots = RootCertStore::empty();
    for certificate in found {
        let added = roots.add(certificate);
        added.map_err(|error| unusable(error.to_string()))?;
    }
    Ok(roots)
}

/// A certificate or key file that cannot be used. Keys are named as in the configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("{key} = {}: {cause}", file.display())]
    File {
        key: &'static str,
        file: PathBuf,
        cause: String,
    },
    #[error("tls.certificate and tls.key cannot be used together: {0}")]
    Pair(rustls::Error),
    #[error("tls.ca_certificate cannot be used: {0}")]
    Authority(String),
    #[error("the authority of client certificates cannot be used: {0}")]
    Clients(String),
}

/// Reads the files and builds all settings, so that a wrong file stops the start.
pub(crate) fn load(tls: &Tls) -> Result<Acceptors, TlsError> {
    let authority = certificates("tls.ca_certificate", &tls.ca_certificate)?;
    let chain = certificates("tls.certificate", &tls.certificate)?;
    let key = key("tls.key", &tls.key)?;
    let mut roots = RootCertStore::empty();
    for certificate in authority {
        roots
            .add(certificate)
            .map_err(|error| TlsError::Authority(error.to_string()))?;
    }
    let roots = Arc::new(roots);
    let pair = Arc::new(Pair { chain, key });
    Ok(Acceptors {
        grpc: pair.settings(Some(callers(&roots, true)?), true, b"h2")?,
        http: pair.settings(Some(callers(&roots, false)?), false, b"http/1.1")?,
        broker: pair.settings(None, false, b"")?,
        pair,
    })
}

struct Pair {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Without the key.
impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").finish_non_exhaustive()
    }
}

impl Pair {
    fn settings(
        &self,
        callers: Option<Arc<dyn ClientCertVerifier>>,
        only_tls13: bool,
        application: &[u8],
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = if only_tls13 {
            builder.with_protocol_versions(&[&rustls::version::TLS13])
        } else {
            builder.with_safe_default_protocol_versions()
        };
        let builder = builder.map_err(TlsError::Pair)?;
        let builder = match callers {
            None => builder.with_no_client_auth(),
            Some(callers) => builder.with_client_cert_verifier(callers),
        };
        let mut config = builder
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(TlsError::Pair)?;
        if !application.is_empty() {
            config.alpn_protocols = vec![application.to_vec()];
        }
        Ok(Arc::new(config))
    }
}

fn callers(
    roots: &Arc<RootCertStore>,
    required: bool,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), provider);
    let builder = if required {
        builder
    } else {
        builder.allow_unauthenticated()
    };
    builder
        .build()
        .map_err(|error| TlsError::Authority(error.to_string()))
}

fn certificates(key: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unusable = |cause: String| TlsError::File {
        key,
        file: file.to_owned(),
        cause,
    };
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(error.to_string()))?;
    if found.is_empty() {
        return Err(unusable("it holds no certificate in PEM form".to_owned()));
    }
    Ok(found)
}

fn key(key: &'static str, file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| TlsError::File {
        key,
        file: file.to_owned(),
        cause: error.to_string(),
    })
}
