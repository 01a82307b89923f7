//! Listeners: occupied addresses, and changes while connections are open.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use broker_core::broker::{Broker, BrokerConfig};
use broker_core::journal::SimDisk;
use broker_net::{ListenerConfig, Options, Server, StartError};
use tokio::net::TcpStream;

use crate::kit::{Client, LOOPBACK, PATIENCE, address, server};

fn at(address: SocketAddr) -> ListenerConfig {
    ListenerConfig {
        address,
        ..LOOPBACK
    }
}

#[tokio::test]
async fn an_occupied_address_is_named() {
    let other = server(Options::default()).await;
    let taken = address(&other);
    let (broker, writer) =
        Broker::open(&BrokerConfig::default(), Arc::new(SimDisk::new(1))).unwrap();
    let error = Server::start(broker, writer, vec![at(taken)])
        .await
        .unwrap_err();
    assert!(matches!(error, StartError::Occupied { address } if address == taken));
    assert!(error.to_string().contains(&taken.to_string()), "{error}");
}

#[tokio::test]
async fn listeners_change_while_connections_stay() {
    let server = server(Options::default()).await;
    let first = address(&server);
    let mut client = Client::connect(first).await;
    // One more; the first is asked for as it was and stays.
    server
        .set_listeners(vec![LOOPBACK, at("127.0.0.2:0".parse().unwrap())])
        .await
        .unwrap();
    let endpoints = server.endpoints();
    assert_eq!((endpoints.len(), endpoints[0].address), (2, first));
    Client::connect(endpoints[1].address).await.close().await;
    // A change that cannot be made changes nothing.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let occupied = at(taken.local_addr().unwrap());
    assert!(server.set_listeners(vec![occupied]).await.is_err());
    assert_eq!(server.endpoints(), endpoints);
    // All gone: no new connections, the old one lives on.
    server.set_listeners(Vec::new()).await.unwrap();
    assert!(server.endpoints().is_empty());
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while TcpStream::connect(first).await.is_ok() {
        assert!(tokio::time::Instant::now() < deadline, "still listening");
    }
    client.declare("q", false).await;
    server.shutdown(Duration::from_millis(100)).await;
}

#[tokio::test]
async fn one_address_cannot_be_asked_for_twice() {
    let server = server(Options::default()).await;
    let twice = at("127.0.0.3:5672".parse().unwrap());
    let error = server
        .set_listeners(vec![twice.clone(), twice])
        .await
        .unwrap_err();
    assert!(matches!(error, StartError::Repeated { .. }));
}
