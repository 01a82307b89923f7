//! Who is not let in, and what it is told.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use broker_core::replication::codec::{HEAD_LEN, Head, decode_answer};
use broker_core::replication::frame::Session;
use broker_core::replication::preface::{Answer, GroupId, Preface, Refusal, VERSIONS, Versions};
use broker_core::replication::record::{Incarnation, NodeId};
use broker_net::replication::{Replicated, ReplicatedError};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::kit::{Authority, GROUP, Group, host, in_sync, serving, until};
use crate::kit::in_time;

fn preface() -> Preface {
    Preface {
        versions: VERSIONS,
        group: GroupId::parse(GROUP).unwrap(),
        from: NodeId(2),
        to: NodeId(1),
        session: Session {
            incarnation: Incarnation(99),
            count: 1,
        },
    }
}

/// Connects to node 1 with a certificate of that authority for that host.
async fn connect(
    group: &Group,
    authority: &Authority,
    named: &str,
    version: &'static rustls::SupportedProtocolVersion,
) -> std::io::Result<TlsStream<TcpStream>> {
    let (certificate, key) = authority.certify(named);
    let config = ClientConfig::builder_with_protocol_versions(&[version])
        .with_root_certificates(group.authority.roots.clone())
        .with_client_auth_cert(vec![certificate], key)
        .unwrap();
    let stream = TcpStream::connect(group.listeners[&1].address()).await?;
    let name = ServerName::from(std::net::IpAddr::from(host(1)));
    in_time(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

/// What node 1 says to these first bytes, and that nothing follows.
async fn told(group: &Group, named: &str, bytes: &[u8]) -> (Refusal, String) {
    let stream = connect(group, &group.authority, named, &TLS13).await;
    let mut stream = stream.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut said = Vec::new();
    in_time(stream.read_to_end(&mut said)).await.unwrap();
    let (head, rest) = said.split_first_chunk::<HEAD_LEN>().expect("an answer");
    let head = Head::parse(*head, 0).unwrap();
    match decode_answer(&head, rest.to_vec()).unwrap() {
        Answer::Refused { why, text } => (why, text),
        other => panic!("{other:?}"),
    }
}

async fn refused(group: &Group, change: impl FnOnce(&mut Preface)) -> (Refusal, String) {
    let mut preface = preface();
    change(&mut preface);
    told(group, &host(2).to_string(), &preface.encode()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_not_the_other_node_is_told_why_not() {
    let group = Group::new().await;
    let one = group.start(1).await;
    serving(&one).await;
    let other_group = GroupId([7; 16]);
    let (why, text) = refused(&group, |preface| preface.group = other_group).await;
    assert_eq!(why, Refusal::Group);
    assert_eq!(
        text,
        format!("group {other_group} is not here, or not as node 1")
    );
    for change in [
        |preface: &mut Preface| preface.to = NodeId(2),
        |preface: &mut Preface| preface.from = NodeId(3),
        |preface: &mut Preface| preface.from = NodeId(1),
    ] {
        assert_eq!(refused(&group, change).await.0, Refusal::Node);
    }
    let newer = |protocol, format| Versions { protocol, format };
    let (why, text) = refused(&group, |preface| preface.versions = newer(2..=9, 1..=1)).await;
    assert_eq!(why, Refusal::Protocol);
    assert!(text.contains("2..=9"), "{text}");
    let (why, _) = refused(&group, |preface| preface.versions = newer(1..=1, 5..=6)).await;
    assert_eq!(why, Refusal::Format);
    let (why, text) = told(&group, &host(9).to_string(), &preface().encode()).await;
    assert_eq!(why, Refusal::Certificate);
    assert!(text.contains("127.0.0.2"), "{text}");
    let garbage = [b'x'; Preface::LEN];
    let (why, _) = told(&group, &host(2).to_string(), &garbage).await;
    assert_eq!(why, Refusal::Garbage);
    // And the one it waits for is let in.
    let _two = group.start(2).await;
    in_sync(&one, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_of_others_and_old_tls_do_not_get_as_far_as_that() {
    let group = Group::new().await;
    let named = host(2).to_string();
    for (authority, version) in [(&Authority::new(), &TLS13), (&group.authority, &TLS12)] {
        let stream = connect(&group, authority, &named, version).await;
        // By TLS 1.3 a client learns only when it reads that its certificate was refused.
        if let Ok(mut stream) = stream {
            let mut said = Vec::new();
            assert!(in_time(stream.read_to_end(&mut said)).await.is_err());
            assert!(said.is_empty());
        }
    }
    let mut plain = TcpStream::connect(group.listeners[&1].address())
        .await
        .unwrap();
    plain.write_all(&preface().encode()).await.unwrap();
    let mut said = Vec::new();
    let _ = in_time(plain.read_to_end(&mut said)).await;
    assert!(said.len() < 16, "an alert at most");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_in_a_conversation_ends_only_that() {
    let group = Group::new().await;
    let one = group.start(1).await;
    serving(&one).await;
    let named = host(2).to_string();
    for garbage in [&[0xff; 64][..], &[0, 0, 0, 9, 3, 0, 0, 0, 0, 0, 0, 0, 0]] {
        let stream = connect(&group, &group.authority, &named, &TLS13).await;
        let mut stream = stream.unwrap();
        stream.write_all(&preface().encode()).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        let mut said = Vec::new();
        // Its preface was accepted; then it was hung up on.
        let _ = in_time(stream.read_to_end(&mut said)).await;
        assert!(said.len() < 32, "{said:?}");
    }
    let _two = group.start(2).await;
    in_sync(&one, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_not_the_one_called_gets_no_data() {
    // The configuration sends the follower to a host whose certificate is another's.
    let group = Group::new().await;
    let one = group.start(1).await;
    serving(&one).await;
    let mut config = group.config(2);
    let port = group.proxies[&1].address.port();
    config
        .nodes
        .insert(NodeId(1), format!("localhost:{port}").into());
    let two = Replicated::start(config, &group.listeners[&2])
        .await
        .unwrap();
    // It has found its leader, called it, and seen that this is another one; and so again.
    let called = Arc::clone(&group.proxies[&1].taken);
    until(|| called.load(Ordering::Relaxed) >= 3).await;
    assert!(one.status().borrow().peers.is_empty());
    in_time(two.shutdown(Duration::from_secs(5))).await;
    let _two = group.start(2).await;
    in_sync(&one, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_runs_once_and_is_one_of_its_group() {
    let group = Group::new().await;
    let _one = group.start(1).await;
    let again = Replicated::start(group.config(1), &group.listeners[&1]).await;
    assert!(matches!(again, Err(ReplicatedError::Runs(NodeId(1), _))));
    let mut config = group.config(2);
    config.nodes.remove(&NodeId(2));
    let no_node = Replicated::start(config, &group.listeners[&2]).await;
    assert!(matches!(no_node, Err(ReplicatedError::NotANode(NodeId(2)))));
    let mut config = group.config(2);
    config.nodes.insert(NodeId(1), "nowhere".into());
    let no_address = Replicated::start(config, &group.listeners[&2]).await;
    assert_eq!(
        no_address.unwrap_err().to_string(),
        "node 1: `nowhere` is not a node's address: expected host:port, an IPv6 address in brackets"
    );
}
