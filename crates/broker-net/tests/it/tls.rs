//! TLS 1.2 and 1.3, and what is not TLS on a TLS port.

use std::sync::Arc;
use std::time::Duration;

use broker_net::{Deadlines, ListenerConfig, Options, Server};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use wire::amqp091::*;

use crate::kit::{Client, LOOPBACK, address, in_time, server};

struct Identity {
    server: Arc<ServerConfig>,
    roots: RootCertStore,
}

fn identity() -> Identity {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Identity {
        server: Arc::new(server),
        roots,
    }
}

fn tls(identity: &Identity) -> ListenerConfig {
    ListenerConfig {
        tls: Some(Arc::clone(&identity.server).into()),
        ..LOOPBACK
    }
}

async fn connect(
    server: &Server,
    roots: &RootCertStore,
    version: &'static SupportedProtocolVersion,
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let config = ClientConfig::builder_with_protocol_versions(&[version])
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    let stream = TcpStream::connect(address(server)).await?;
    let name = ServerName::try_from("localhost").unwrap();
    in_time(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

#[tokio::test]
async fn messages_go_round_under_both_versions() {
    let (server, identity) = (server(Options::default()).await, identity());
    server.set_listeners(vec![tls(&identity)]).await.unwrap();
    assert!(server.endpoints()[0].tls);
    for version in [&TLS12, &TLS13] {
        let stream = connect(&server, &identity.roots, version).await.unwrap();
        let mut client = Client::open(stream).await;
        client.select_confirms().await;
        client.declare("q", true).await;
        let body = vec![5; 300_000];
        client.publish("q", &body, true);
        client.flush().await;
        client.confirmed(1).await;
        let get = BasicGet {
            queue: "q",
            no_ack: true,
            ..Default::default()
        };
        client.call(1, get, "basic.get-ok").await;
        assert_eq!(client.body().await, body);
        client.close().await;
    }
}

#[tokio::test]
async fn a_new_certificate_takes_effect_without_a_new_listener() {
    let (server, old, new) = (server(Options::default()).await, identity(), identity());
    server.set_listeners(vec![tls(&old)]).await.unwrap();
    let at = address(&server);
    let stream = connect(&server, &old.roots, &TLS13).await.unwrap();
    let mut client = Client::open(stream).await;
    server.set_listeners(vec![tls(&new)]).await.unwrap();
    assert_eq!(address(&server), at);
    assert!(connect(&server, &old.roots, &TLS13).await.is_err());
    connect(&server, &new.roots, &TLS13).await.unwrap();
    client.declare("q", false).await;
}

#[tokio::test]
async fn what_is_not_tls_is_closed() {
    let deadlines = Deadlines {
        tls: Duration::from_millis(200),
        ..Deadlines::default()
    };
    let server = server(Options {
        deadlines,
        ..Options::default()
    })
    .await;
    let identity = identity();
    server.set_listeners(vec![tls(&identity)]).await.unwrap();
    // The last two only begin a handshake, and run into its deadline.
    let hello = b"\x16\x03\x01\x02\0\x01";
    for bytes in [
        &b"AMQP\0\0\x09\x01"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        hello,
        b"",
    ] {
        let mut stream = TcpStream::connect(address(&server)).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A reset is as good as an end.
        let _ = in_time(stream.read_to_end(&mut answer)).await;
        assert!(!answer.starts_with(b"AMQP"), "{answer:?}");
    }
    let stream = connect(&server, &identity.roots, &TLS13).await.unwrap();
    Client::open(stream).await.close().await;
}
