//! The provider started as Terraform starts it, for a caller that is not Terraform.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use acceptance::binaries;
use acceptance::process::Server;
use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::{Buf, BufMut, Bytes};
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Endpoint, Uri};
use tonic::{Request, Status};

/// What Terraform and every provider agree on, to keep people from starting a provider by hand.
const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

const READY: Duration = Duration::from_secs(10);

/// A caller's certificate with its key.
pub(crate) struct Caller {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    pem: String,
}

impl Caller {
    pub(crate) fn new() -> Result<Self> {
        let key = KeyPair::generate()?;
        let certificate =
            CertificateParams::new(vec!["localhost".to_owned()])?.self_signed(&key)?;
        let pem = certificate.pem();
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        Ok(Self {
            certificate: certificate.into(),
            key,
            pem,
        })
    }
}

/// A running provider.
pub(crate) struct Plugin {
    _dir: TempDir,
    _process: Server,
    pub(crate) started: Instant,
    pub(crate) socket: String,
    certificate: Vec<u8>,
}

impl Plugin {
    /// Starts it for this caller alone.
    pub(crate) fn start(caller: &Caller) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let mut command = Command::new(binaries::provider()?);
        command
            .env("TF_PLUGIN_MAGIC_COOKIE", COOKIE)
            .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
            .env("PLUGIN_CLIENT_CERT", &caller.pem)
            .env("TMPDIR", dir.path());
        let started = Instant::now();
        let mut process = Server::spawn(&mut command, &dir.path().join("log"))?;
        let line = process.line(READY)?;
        let fields: Vec<_> = line.split('|').collect();
        let [core, protocol, network, socket, transport, certificate] = fields[..] else {
            bail!("a handshake of other than six fields: {line}");
        };
        ensure!(
            [core, protocol, network, transport] == ["1", "6", "unix", "grpc"],
            "{line}"
        );
        let certificate = STANDARD_NO_PAD.decode(certificate)?;
        let socket = socket.to_owned();
        Ok(Self {
            _dir: dir,
            _process: process,
            started,
            socket,
            certificate,
        })
    }

    /// Connects with a certificate, or without any.
    pub(crate) async fn connect(&self, caller: Option<&Caller>) -> Result<TlsStream<UnixStream>> {
        let verifier = Arc::new(Pinned {
            certificate: self.certificate.clone(),
            provider: Arc::new(aws_lc_rs::default_provider()),
        });
        let builder = ClientConfig::builder_with_provider(Arc::clone(&verifier.provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match caller {
            None => builder.with_no_client_auth(),
            Some(caller) => builder
                .with_client_auth_cert(vec![caller.certificate.clone()], caller.key.clone_key())?,
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let socket = UnixStream::connect(&self.socket).await?;
        let name = ServerName::try_from("localhost")?;
        Ok(TlsConnector::from(Arc::new(config))
            .connect(name, socket)
            .await?)
    }

    /// Asks for the provider's schema; gives the answer undecoded.
    pub(crate) async fn schema(&self, caller: Option<&Caller>) -> Result<Bytes> {
        let mut stream = Some(TokioIo::new(self.connect(caller).await?));
        let connector = tower::service_fn(move |_: Uri| {
            let once = stream.take().ok_or(std::io::ErrorKind::NotConnected);
            std::future::ready(once.map_err(std::io::Error::from))
        });
        let endpoint = Endpoint::from_static("http://localhost");
        let channel = endpoint.connect_with_connector(connector).await?;
        let mut grpc = tonic::client::Grpc::new(channel);
        grpc.ready().await?;
        let path = "/tfplugin6.Provider/GetProviderSchema".parse()?;
        let answer = grpc.unary(Request::new(Bytes::new()), path, Raw).await;
        Ok(answer.context("ask for the schema")?.into_inner())
    }
}

/// Accepts exactly the certificate that the handshake line announced, as Terraform does.
#[derive(Debug)]
struct Pinned {
    certificate: Vec<u8>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if certificate.as_ref() == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General(
                "another certificate than announced".to_owned(),
            ))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Messages as bytes.
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
