//! Listeners: occupied addresses, and changes while connections are open.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use broker_core::broker::{Broker, BrokerConfig};
use broker_core::journal::SimDisk;
use broker_net::{ListenerConfig, Options, Server, StartError};
use tokio::net::TcpStream;

use crate::kit::{Client, LOOPBACK, address, server};

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
    assert!(TcpStream::connect(first).await.is_err());
    client.declare("q", false).await;
    server.shutdown(Duration::from_millis(100)).await;
}

/// `127.0.0.1:5672` to `0.0.0.0:5672`: the two overlap and cannot be bound at a time.
#[tokio::test]
async fn an_address_changes_on_its_port() {
    let server = server(Options::default()).await;
    let narrow = address(&server);
    let mut client = Client::connect(narrow).await;
    let wide = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), narrow.port());
    server.set_listeners(vec![at(wide)]).await.unwrap();
    assert_eq!(address(&server), wide);
    Client::connect(narrow).await.close().await;
    client.declare("q", false).await;
    // And back, but together with one that is taken: the old one is there again.
    let occupant = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = occupant.local_addr().unwrap();
    let error = server
        .set_listeners(vec![at(narrow), at(taken)])
        .await
        .unwrap_err();
    assert!(matches!(error, StartError::Occupied { address } if address == taken));
    assert_eq!(address(&server), wide);
    Client::connect(narrow).await.close().await;
    server.set_listeners(vec![at(narrow)]).await.unwrap();
    assert_eq!(address(&server), narrow);
    Client::connect(narrow).await.close().await;
    client.close().await;
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
