//! The agent's certificates as TLS settings, one for each kind of listener.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker_net::replication::ReplicationTls;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};

use crate::config::Tls;
use crate::identity::Identity;
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
    /// What all of them show.
    pub identity: Arc<Identity>,
    /// Between agents: TLS 1.3, both ends show the same certificates as here.
    pub links: ReplicationTls,
}

impl Acceptors {
    /// Whether other agents will believe that this one is at that host.
    pub(crate) fn is_valid_for(&self, host: &str) -> bool {
        let own = self.identity.certificate();
        let parsed = own.as_ref().map(ParsedCertificate::try_from);
        let name = ServerName::try_from(host);
        matches!((parsed, name), (Some(Ok(own)), Ok(name)) if verify_server_name(&own, &name).is_ok())
    }

    /// Whether other agents will accept it from who calls and from who is called.
    pub(crate) fn is_good_for_links(&self) -> bool {
        let own = self.identity.certificate();
        let usages = own.as_ref().and_then(Usages::of);
        usages.is_none_or(|usages| usages.server && usages.client)
    }

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
            config: settings(&self.identity, Some(callers), false, b"")?,
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
    let identity = Arc::new(Identity::load(tls)?);
    let mut roots = RootCertStore::empty();
    for certificate in authority {
        roots
            .add(certificate)
            .map_err(|error| TlsError::Authority(error.to_string()))?;
    }
    let (server, client) = (Arc::clone(&identity), Arc::clone(&identity));
    let links = ReplicationTls::resolved(roots.clone(), server, client);
    let links = links.map_err(TlsError::Pair)?;
    let roots = Arc::new(roots);
    Ok(Acceptors {
        grpc: settings(
            &identity,
            Some(Arc::new(Administrators(callers(&roots, true)?))),
            true,
            b"h2",
        )?,
        http: settings(&identity, Some(callers(&roots, false)?), false, b"http/1.1")?,
        broker: settings(&identity, None, false, b"")?,
        identity,
        links,
    })
}

/// Certificates of our authority that are not good as a server's: agents have those, and call each
/// other with them, but command nobody.
#[derive(Debug)]
struct Administrators(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Administrators {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.0.verify_client_cert(end_entity, intermediates, now)?;
        if Usages::of(end_entity).is_some_and(|usages| usages.server) {
            return Err(rustls::CertificateError::InvalidPurpose.into());
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// What a certificate says it may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Usages {
    server: bool,
    client: bool,
}

impl Usages {
    /// None if it does not say, and may be used for anything.
    fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
        let usage = parsed.extended_key_usage().ok()??.value;
        Some(Self {
            server: usage.server_auth || usage.any,
            client: usage.client_auth || usage.any,
        })
    }
}

fn settings(
    identity: &Arc<Identity>,
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
    let mut config = builder.with_cert_resolver(Arc::clone(identity) as _);
    if !application.is_empty() {
        config.alpn_protocols = vec![application.to_vec()];
    }
    Ok(Arc::new(config))
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

pub(crate) fn certificates(
    key: &'static str,
    file: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
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

pub(crate) fn key(key: &'static str, file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| TlsError::File {
        key,
        file: file.to_owned(),
        cause: error.to_string(),
    })
}
