//! Mutual TLS between two certificates that know each other byte for byte.
//!
//! Terraform announces a self-signed certificate in the environment and we announce
//! ours in the handshake line; each side accepts the other's and nothing else. Two
//! facts about Terraform's shape this file: its key is on curve P-521, which of
//! rustls' backends only aws-lc-rs knows (with ring, Go would silently send no
//! certificate at all), and it is marked as a CA, which rustls' stock client verifier
//! refuses in a leaf. Hence [`Pinned`], which builds no chain: equal bytes, and a
//! handshake signature that proves the key.
//!
//! The first random byte from aws-lc takes 40 ms, most of a provider's start, unless it
//! is built with `AWS_LC_SYS_NO_JITTER_ENTROPY=1`: then it is seeded by the kernel and
//! the processor's own generator instead of by timing itself.

use std::io;
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
};
use tokio::net::UnixStream;
use tokio_rustls::TlsAcceptor;

use super::TransportError;
use super::listener::Transfer;

/// How connections are protected beyond the socket's file permissions.
#[derive(Clone)]
pub(crate) enum Security {
    /// The client announced no certificate; who can enter the directory can call.
    Plaintext,
    /// Mutual TLS with the announced certificate.
    Tls {
        acceptor: TlsAcceptor,
        own: CertificateDer<'static>,
    },
}

impl Security {
    /// The protection that a client with this certificate expects.
    pub(crate) fn towards(
        client: Option<&CertificateDer<'static>>,
    ) -> Result<Self, TransportError> {
        let Some(client) = client else {
            return Ok(Self::Plaintext);
        };
        let (own, key) = own_certificate().map_err(TransportError::Certificate)?;
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let verifier = Pinned {
            client: client.clone(),
            provider: Arc::clone(&provider),
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TransportError::Tls)?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_single_cert(vec![own.clone()], key.into())
            .map_err(TransportError::Tls)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        // No resumption: every connection shows the certificate anew.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self::Tls {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            own,
        })
    }

    /// The certificate to announce in the handshake line.
    pub(crate) fn own_certificate(&self) -> Option<&CertificateDer<'static>> {
        match self {
            Self::Plaintext => None,
            Self::Tls { own, .. } => Some(own),
        }
    }

    /// Performs the TLS handshake, if any, on a fresh connection.
    pub(crate) async fn accept(&self, stream: UnixStream) -> io::Result<Box<dyn Transfer>> {
        match self {
            Self::Plaintext => Ok(Box::new(stream)),
            Self::Tls { acceptor, .. } => Ok(Box::new(acceptor.accept(stream).await?)),
        }
    }
}

/// A fresh key on P-256, quick to make, and its certificate for `localhost`, the name
/// go-plugin's client checks. Valid without limit: it dies with the process.
fn own_certificate() -> Result<(CertificateDer<'static>, PrivatePkcs8KeyDer<'static>), rcgen::Error>
{
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new(["localhost".to_owned()])?;
    params
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.self_signed(&key)?;
    Ok((
        certificate.der().clone(),
        PrivatePkcs8KeyDer::from(key.serialize_der()),
    ))
}

/// Accepts one certificate, compared byte for byte.
#[derive(Debug)]
struct Pinned {
    client: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if *end_entity == self.client {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
