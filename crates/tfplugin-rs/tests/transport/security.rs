//! Who may talk to the process: the holder of the announced certificate's key.

use std::io;

use rustls::version::{TLS12, TLS13};
use rustls::{ALL_VERSIONS, SupportedProtocolVersion};
use tfplugin_rs::proto::tfplugin6::provider_client::ProviderClient;
use tfplugin_rs::proto::tfplugin6::{get_provider_schema, stop_provider};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::identity::{self, Identity};
use crate::terraform::{Running, apply, over, poll};

/// What a caller with `identity` hears first: the server's HTTP/2 settings, or an
/// alert. It says nothing itself, since writing may find the connection closed before
/// the alert is read. The server's side of the handshake ends later than ours, so most
/// refusals show only here.
async fn first_byte(
    running: &Running,
    identity: Option<&Identity>,
    version: &'static SupportedProtocolVersion,
) -> io::Result<usize> {
    let (socket, server) = (running.socket(), running.certificate());
    let mut tls = identity::connect(&socket, &server, identity, &[version]).await?;
    tls.read(&mut [0]).await
}

#[tokio::test]
async fn only_the_announced_certificate_gets_in() {
    let running = Running::start(&[]).await;
    let stranger = Identity::like_terraform();
    let thief = running.identity.with_key_of(&stranger);
    for version in [&TLS12, &TLS13] {
        let own = first_byte(&running, Some(&running.identity), version).await;
        assert_eq!(own.unwrap(), 1, "{version:?}");

        for (who, identity, alert) in [
            ("nobody", None, ["CertificateRequired", "HandshakeFailure"]),
            (
                "a stranger",
                Some(&stranger),
                ["AccessDenied", "AccessDenied"],
            ),
            ("a thief", Some(&thief), ["DecryptError", "BadCertificate"]),
        ] {
            let heard = first_byte(&running, identity, version).await;
            let refusal = heard.expect_err(who).to_string();
            let expected = alert.iter().any(|alert| refusal.contains(alert));
            assert!(expected, "{who} with {version:?}: {refusal}");
        }
    }
    // And still serves the one it is for.
    let mut provider = running.provider().await;
    provider
        .get_provider_schema(get_provider_schema::Request {})
        .await
        .unwrap();
}

#[tokio::test]
async fn plaintext_is_not_understood_where_a_certificate_was_announced() {
    let running = Running::start(&[]).await;
    let mut stream = UnixStream::connect(running.socket()).await.unwrap();
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    let mut answer = Vec::new();
    // Reset or closed, after at most a TLS alert (record type 21).
    stream.read_to_end(&mut answer).await.ok();
    assert!(
        answer.is_empty() || (answer[0] == 21 && answer.len() == 7),
        "{answer:?}"
    );
}

#[tokio::test]
async fn plaintext_serves_a_client_that_announced_no_certificate() {
    let mut running = Running::start_without_tls().await;
    assert_eq!(running.line.len(), 6);
    assert_eq!(running.line[5], "");
    let channel = running.plaintext_channel().await;
    let mut provider = ProviderClient::new(channel.clone());
    provider
        .get_provider_schema(get_provider_schema::Request {})
        .await
        .unwrap();
    running.shut_down(channel).await;
    assert!(running.ended().await.success());
}

#[tokio::test]
async fn garbage_closes_its_own_connection_only() {
    for running in [
        Running::start(&[]).await,
        Running::start_without_tls().await,
    ] {
        // Random, a TLS record of the greatest length that never comes, text of another protocol.
        for garbage in [
            &[0xa5; 5000][..],
            b"\x16\x03\x01\xff\xff",
            b"GET / HTTP/1.1\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            let mut stream = UnixStream::connect(running.socket()).await.unwrap();
            // It may be hung up on before all of it is written.
            stream.write_all(garbage).await.ok();
            stream.shutdown().await.ok();
            stream.read_to_end(&mut Vec::new()).await.ok();
        }
        let channel = match running.line[5].as_str() {
            "" => running.plaintext_channel().await,
            _ => running.channel().await,
        };
        ProviderClient::new(channel)
            .get_provider_schema(get_provider_schema::Request {})
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn silent_callers_hold_up_nobody() {
    let running = Running::start(&[]).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(UnixStream::connect(running.socket()).await.unwrap());
    }
    let (socket, server) = (running.socket(), running.certificate());
    let identity = Some(&running.identity);
    let tls = identity::connect(&socket, &server, identity, ALL_VERSIONS)
        .await
        .unwrap();
    let mut provider = ProviderClient::new(over(tls).await);
    provider
        .get_provider_schema(get_provider_schema::Request {})
        .await
        .unwrap();
}

/// There is one rightful client. Others get nothing, and it does not notice them.
#[tokio::test]
async fn other_clients_do_not_disturb_a_call_in_flight() {
    let running = Running::start(&[("TF_LOG", "INFO")]).await;
    let mut provider = running.provider().await;
    let mut second = provider.clone();
    let applying =
        tokio::spawn(async move { second.apply_resource_change(apply("bare_slow")).await });
    running.stderr.first_with("apply is waiting").await;

    let stranger = Identity::like_terraform();
    for identity in [None, Some(&stranger)] {
        for _ in 0..5 {
            let refused = first_byte(&running, identity, &TLS13).await;
            refused.expect_err("it is not the announced one");
        }
    }
    let mut garbage = UnixStream::connect(running.socket()).await.unwrap();
    garbage.write_all(&[0x16; 4096]).await.ok();

    provider
        .stop_provider(stop_provider::Request {})
        .await
        .unwrap();
    let applied = applying.await.unwrap().unwrap().into_inner();
    assert_eq!(applied.private, "stopped, then finished");
    // Each is told in the log, which is where somebody may look for them.
    let refusals = || {
        let lines = running.stderr.all().into_iter();
        lines
            .filter(|line| line.contains("refused a connection"))
            .count()
    };
    poll(|| refusals() >= 10, "ten refusals in the log").await;
}
