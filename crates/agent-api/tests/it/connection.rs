//! The client against a small agent on a real socket: trust in both directions, one connection
//! for many calls, and errors that say what to do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agent_api::v1::agent_server::{Agent, AgentServer};
use agent_api::v1::{AgentInfo, GetInfoRequest, GetQueueRequest, Reason};
use agent_api::{Client, Error, Identity};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::StreamExt as _;
use tonic::{Request, Response, Status};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn certify(authority: &Authority, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn identity(trusted: &Authority, own: &Authority) -> Identity {
    let (certificate, key) = certify(own, "caller");
    Identity {
        ca_certificate: trusted.pem(),
        certificate,
        key,
    }
}

fn server_tls(authority: &Authority) -> TlsAcceptor {
    let (certificate, key) = certify(authority, "localhost");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

#[derive(Default)]
struct Answers {
    connections: Arc<AtomicUsize>,
}

#[tonic::async_trait]
impl Agent for Answers {
    async fn get_info(&self, _: Request<GetInfoRequest>) -> Result<Response<AgentInfo>, Status> {
        Ok(Response::new(AgentInfo {
            agent_version: "1.2.3".into(),
            ..Default::default()
        }))
    }
}

/// Serves [`Answers`] until the test's runtime ends; counts connections.
async fn serve(authority: &Authority) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = server_tls(authority);
    let answers = Answers::default();
    let connections = Arc::clone(&answers.connections);
    let count = Arc::clone(&connections);
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener)
        .then(move |socket| {
            let acceptor = acceptor.clone();
            count.fetch_add(1, Ordering::Relaxed);
            async move { acceptor.accept(socket?).await.map(Stream) }
        })
        .filter(Result::is_ok);
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(AgentServer::new(answers))
            .serve_with_incoming(incoming),
    );
    (address, connections)
}

/// The accepted stream, in the shape tonic asks for.
struct Stream(TlsStream<tokio::net::TcpStream>);

impl tonic::transport::server::Connected for Stream {
    type ConnectInfo = ();
    fn connect_info(&self) {}
}

impl tokio::io::AsyncRead for Stream {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl tokio::io::AsyncWrite for Stream {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.0).poll_write(context, bytes)
    }
    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_flush(context)
    }
    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[tokio::test]
async fn one_connection_carries_many_calls_at_once() {
    let ours = authority();
    let (address, connections) = serve(&ours).await;
    let endpoint = format!("localhost:{}", address.port());
    let client = Client::connect(&endpoint, &identity(&ours, &ours))
        .await
        .unwrap();
    assert_eq!(client.info().agent_version, "1.2.3");

    let calls: Vec<_> = (0..500)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                client
                    .call(client.agent().get_info(GetInfoRequest {}))
                    .await
                    .unwrap()
            })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().agent_version, "1.2.3");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_call_the_agent_does_not_know_is_unsupported() {
    let ours = authority();
    let (address, _) = serve(&ours).await;
    let endpoint = format!("localhost:{}", address.port());
    let client = Client::connect(&endpoint, &identity(&ours, &ours))
        .await
        .unwrap();
    match client
        .call(client.queues().get_queue(GetQueueRequest::default()))
        .await
    {
        Err(Error::Rpc(failure)) => assert_eq!(failure.reason, Reason::Unsupported),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_agent_of_another_authority_is_untrusted() {
    let (ours, theirs) = (authority(), authority());
    let (address, _) = serve(&theirs).await;
    let endpoint = format!("localhost:{}", address.port());
    let error = Client::connect(&endpoint, &identity(&ours, &ours))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Untrusted { .. }), "{error}");
    assert!(
        error.to_string().contains("not signed by the given CA"),
        "{error}"
    );
}

#[tokio::test]
async fn an_agent_under_another_name_is_untrusted() {
    let ours = authority();
    let (address, _) = serve(&ours).await;
    let error = Client::connect(&address.to_string(), &identity(&ours, &ours))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Untrusted { .. }), "{error}");
    assert!(error.to_string().contains("for another host"), "{error}");
}

#[tokio::test]
async fn a_caller_of_another_authority_is_refused() {
    let (ours, theirs) = (authority(), authority());
    let (address, _) = serve(&ours).await;
    let endpoint = format!("localhost:{}", address.port());
    let error = Client::connect(&endpoint, &identity(&ours, &theirs))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn nobody_there_and_no_tls_there_are_unreachable() {
    let ours = authority();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut socket, b"SSH-2.0-x\r\n")
            .await
            .unwrap();
    });
    let error = Client::connect(&endpoint, &identity(&ours, &ours))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");

    // The listener went with its task: the port is free again.
    let error = Client::connect(&endpoint, &identity(&ours, &ours))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}
