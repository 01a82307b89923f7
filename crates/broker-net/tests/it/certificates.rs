//! Clients that log in by their certificates.

use std::io;
use std::sync::Arc;

use broker_core::definitions::{Expect, PermissionSpec, UserUpdate};
use broker_net::{ListenerConfig, Options, Server, Tls, UserFrom};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wire::amqp091::*;

use crate::kit::{Client, LOOPBACK, address, in_time, server};

/// Makes certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    roots: Arc<RootCertStore>,
}

type Certified = (CertificateDer<'static>, PrivateKeyDer<'static>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            roots: Arc::new(roots),
        }
    }

    fn certify(&self, common_name: &str) -> Certified {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        (made.der().clone(), key)
    }

    /// A listener that asks for certificates of this authority.
    fn listener(&self, required: bool, user_from: UserFrom) -> ListenerConfig {
        let verifier = WebPkiClientVerifier::builder(Arc::clone(&self.roots));
        let verifier = match required {
            true => verifier,
            false => verifier.allow_unauthenticated(),
        };
        let (certificate, key) = self.certify("the broker");
        let config = ServerConfig::builder()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(vec![certificate], key)
            .unwrap();
        ListenerConfig {
            tls: Some(Tls {
                config: Arc::new(config),
                user_from,
            }),
            ..LOOPBACK
        }
    }

    async fn connect(
        &self,
        server: &Server,
        certified: Option<Certified>,
    ) -> io::Result<Client<TlsStream<TcpStream>>> {
        let builder = ClientConfig::builder().with_root_certificates(Arc::clone(&self.roots));
        let config = match certified {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(vec![certificate], key)
                .unwrap(),
        };
        let stream = TcpStream::connect(address(server)).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let stream = in_time(TlsConnector::from(Arc::new(config)).connect(name, stream)).await?;
        Ok(Client::new(stream))
    }
}

/// A server with a user that has no password.
async fn server_with(user: &str, listener: ListenerConfig) -> Server {
    let server = server(Options::default()).await;
    let admin = server.broker().admin();
    let update = UserUpdate {
        password: None,
        tags: None,
    };
    admin.put_user(user, update, Expect::Any).unwrap();
    let everything = || ".*".to_owned();
    let permission = PermissionSpec {
        user: user.to_owned(),
        vhost: "/".to_owned(),
        configure: everything(),
        write: everything(),
        read: everything(),
    };
    admin.put_permission(&permission, Expect::Any).unwrap();
    server.set_listeners(vec![listener]).await.unwrap();
    server
}

/// Begins, and says which mechanisms are offered.
async fn offered(client: &mut Client<TlsStream<TcpStream>>) -> String {
    client.output.extend_from_slice(&PROTOCOL_HEADER);
    client.flush().await;
    client
        .method(|method| match method {
            Method::ConnectionStart(start) => {
                String::from_utf8(start.mechanisms.0.to_vec()).unwrap()
            }
            other => panic!("{other:?}"),
        })
        .await
}

fn external() -> ConnectionStartOk<'static> {
    ConnectionStartOk {
        mechanism: "EXTERNAL",
        ..Default::default()
    }
}

/// Whether the server ends the handshake: an error instead of any bytes.
async fn is_refused(authority: &Authority, server: &Server, certified: Option<Certified>) -> bool {
    let attempt = async {
        // The handshake of TLS 1.3 is over for the client before the server has had a look.
        let mut client = authority.connect(server, certified).await?;
        client.stream.write_all(&PROTOCOL_HEADER).await?;
        client.stream.read_u8().await
    };
    in_time(attempt).await.is_err()
}

#[tokio::test]
async fn a_certificate_is_enough_to_log_in() {
    let authority = Authority::new();
    for (user, user_from) in [
        ("orders", UserFrom::CommonName),
        ("CN=orders", UserFrom::DistinguishedName),
        ("localhost", UserFrom::SubjectAlternativeName),
    ] {
        let server = server_with(user, authority.listener(false, user_from)).await;
        let certified = authority.certify("orders");
        let mut client = authority.connect(&server, Some(certified)).await.unwrap();
        assert_eq!(offered(&mut client).await, "PLAIN AMQPLAIN EXTERNAL");
        client.call(0, external(), "connection.tune").await;
        let tune = ConnectionTuneOk {
            channel_max: 100,
            frame_max: 131_072,
            heartbeat: 0,
        };
        tune.encode(0, &mut client.output);
        let open = ConnectionOpen {
            virtual_host: "/",
            ..Default::default()
        };
        client.call(0, open, "connection.open-ok").await;
        client
            .call(1, ChannelOpen::default(), "channel.open-ok")
            .await;
        client.declare("q", true).await;
        let connections = server.broker().admin().connections();
        assert!(
            connections.iter().any(|it| it.username == user),
            "{connections:?}"
        );
        client.close().await;
    }
}

#[tokio::test]
async fn who_has_no_certificate_may_come_with_a_password_unless_it_is_a_must() {
    let authority = Authority::new();
    let listener = authority.listener(false, UserFrom::CommonName);
    let server = server_with("orders", listener).await;
    let mut client = authority.connect(&server, None).await.unwrap();
    assert_eq!(offered(&mut client).await, "PLAIN AMQPLAIN");
    // Whoever says so all the same is refused.
    Method::from(external()).encode(0, &mut client.output);
    client.flush().await;
    assert!(client.frame().await.is_none());
    let client = authority.connect(&server, None).await.unwrap();
    Client::open(client.stream).await.close().await;

    let must = authority.listener(true, UserFrom::CommonName);
    server.set_listeners(vec![must]).await.unwrap();
    assert!(is_refused(&authority, &server, None).await);
}

#[tokio::test]
async fn the_certificate_of_another_authority_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let listener = authority.listener(false, UserFrom::CommonName);
    let server = server_with("orders", listener).await;
    let forged = other.certify("orders");
    assert!(is_refused(&authority, &server, Some(forged)).await);
}

#[tokio::test]
async fn a_certificate_does_not_make_a_user() {
    let authority = Authority::new();
    let listener = authority.listener(true, UserFrom::CommonName);
    let server = server_with("orders", listener).await;
    let stranger = authority.certify("stranger");
    let mut client = authority.connect(&server, Some(stranger)).await.unwrap();
    assert_eq!(offered(&mut client).await, "PLAIN AMQPLAIN EXTERNAL");
    let capabilities = TableBuilder::new().entry("authentication_failure_close", Value::Bool(true));
    let properties =
        TableBuilder::new().entry("capabilities", Value::Table(capabilities.as_table()));
    let start_ok = ConnectionStartOk {
        client_properties: properties.as_table(),
        ..external()
    };
    Method::from(start_ok).encode(0, &mut client.output);
    client.flush().await;
    client
        .method(|method| match method {
            Method::ConnectionClose(close) => {
                assert_eq!(close.reply_code, 403);
                assert!(close.reply_text.contains("mechanism EXTERNAL"));
            }
            other => panic!("{other:?}"),
        })
        .await;
}
