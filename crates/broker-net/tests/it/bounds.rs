//! Bounds on connections: how many, how slow, how deaf.

use std::time::Duration;

use broker_net::{AdmissionLimits, Deadlines, Options};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use wire::amqp091::*;

use crate::kit::{Client, PATIENCE, address, in_time, server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_idle_connections_leave_room_for_work() {
    let server = server(Options::default()).await;
    let at = address(&server);
    let mut idle = Vec::new();
    for _ in 0..50 {
        let opening: Vec<_> = (0..20).map(|_| tokio::spawn(Client::connect(at))).collect();
        for client in opening {
            idle.push(client.await.unwrap());
        }
    }
    assert_eq!(server.broker().admin().connections().len(), 1000);
    let mut busy = Client::connect(at).await;
    busy.select_confirms().await;
    busy.declare("q", true).await;
    busy.publish("q", b"x", true);
    busy.flush().await;
    busy.confirmed(1).await;
    for client in &mut idle {
        client.call(1, BasicQos::default(), "basic.qos-ok").await;
    }
}

#[tokio::test]
async fn strangers_are_counted_per_address_until_they_log_in() {
    let admission = AdmissionLimits {
        half_open_per_address: 2,
        ..AdmissionLimits::default()
    };
    let server = server(Options {
        admission,
        ..Options::default()
    })
    .await;
    let at = address(&server);
    // Those who are in do not count.
    let mut inside = Vec::new();
    for _ in 0..5 {
        inside.push(Client::connect(at).await);
    }
    let first = TcpStream::connect(at).await.unwrap();
    let _second = TcpStream::connect(at).await.unwrap();
    let mut third = TcpStream::connect(at).await.unwrap();
    assert_eq!(in_time(third.read(&mut [0])).await.unwrap_or(0), 0);
    drop(first);
    // A place is free again as soon as the server notices.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let mut next = TcpStream::connect(at).await.unwrap();
        let heard = tokio::time::timeout(Duration::from_millis(50), next.read(&mut [0])).await;
        if heard.is_err() {
            break; // Nobody turned it away.
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "the place never became free"
        );
    }
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_cut_off_and_its_messages_go_back() {
    let write = Duration::from_millis(300);
    let deadlines = Deadlines {
        write,
        ..Deadlines::default()
    };
    let server = server(Options {
        deadlines,
        ..Options::default()
    })
    .await;
    let mut publisher = Client::connect(address(&server)).await;
    publisher.declare("q", false).await;
    for _ in 0..40 {
        publisher.publish("q", &vec![1; 1 << 20], false);
        publisher.flush().await;
    }
    assert_eq!(publisher.ready("q").await, 40);
    let mut deaf = Client::connect(address(&server)).await;
    let consume = BasicConsume {
        queue: "q",
        consumer_tag: "t",
        ..Default::default()
    };
    deaf.call(1, consume, "basic.consume-ok").await;
    // The broker stops handing out long before all is in flight, then gives the peer up.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while server.broker().admin().connections().len() > 1 {
        assert!(
            tokio::time::Instant::now() < deadline,
            "the deaf peer was never given up"
        );
        tokio::task::yield_now().await;
    }
    assert_eq!(publisher.ready("q").await, 40);
}

#[tokio::test]
async fn shutdown_says_goodbye_and_keeps_what_was_confirmed() {
    let server = server(Options::default()).await;
    let mut client = Client::connect(address(&server)).await;
    let mut deaf = Client::connect(address(&server)).await;
    let at = address(&server);
    let stopping = tokio::spawn(server.shutdown(Duration::from_millis(500)));
    let code = client
        .method(|method| match method {
            Method::ConnectionClose(close) => close.reply_code,
            other => panic!("{other:?}"),
        })
        .await;
    assert_eq!(code, 320);
    ConnectionCloseOk {}.encode(0, &mut client.output);
    client.flush().await;
    assert!(client.frame().await.is_none());
    // One who never answers cannot hold it up.
    in_time(stopping).await.unwrap();
    deaf.expect("connection.close").await;
    assert!(TcpStream::connect(at).await.is_err());
}
