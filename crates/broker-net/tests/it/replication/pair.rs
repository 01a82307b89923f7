//! What a pair does for its clients.

use std::time::Duration;

use broker_core::definitions::{Expect, VhostSpec};
use broker_core::journal::Trouble;
use broker_core::replication::coordinator::Coordinator as _;
use broker_core::replication::protocol::State;
use broker_core::replication::record::NodeId;
use broker_net::ListenerConfig;
use broker_net::replication::Replicated;
use tokio::net::TcpStream;
use wire::amqp091::*;

use super::kit::{Group, client, host, in_sync, sees, server, serving, until};
use crate::kit::{Client, LOOPBACK, address, in_time};

/// A client that has published so many confirmed messages.
async fn publish(node: &Replicated, count: u32) -> Client<TcpStream> {
    let mut client = client(node).await;
    client.select_confirms().await;
    client.declare("q", true).await;
    publish_more(&mut client, 0, count).await;
    client
}

async fn publish_more(client: &mut Client<TcpStream>, from: u32, count: u32) {
    for number in from..from + count {
        client.publish("q", &number.to_be_bytes().repeat(64), true);
    }
    client.flush().await;
    client.confirmed((from + count).into()).await;
}

/// All messages are there, in their order.
async fn take_all(node: &Replicated, count: u32) {
    let mut client = client(node).await;
    assert_eq!(client.ready("q").await, count);
    let consume = BasicConsume {
        queue: "q",
        consumer_tag: "t",
        no_ack: true,
        ..Default::default()
    };
    client.call(1, consume, "basic.consume-ok").await;
    for number in 0..count {
        client.expect("basic.deliver").await;
        assert_eq!(client.body().await, number.to_be_bytes().repeat(64));
    }
}

/// The goodbye of a broker that leads no more.
async fn forced_away(client: &mut Client<TcpStream>) {
    let code = client.method(|method| match method {
        Method::ConnectionClose(close) => close.reply_code,
        other => panic!("{other:?}"),
    });
    assert_eq!(code.await, 320);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_confirmed_outlives_the_one_who_served() {
    let group = Group::new().await;
    let (one, two) = group.start_both().await;
    assert!(two.server().is_none(), "who stands by serves nobody");
    let mut publisher = publish(&one, 2000).await;
    drop(one);
    assert!(
        publisher.frame().await.is_none(),
        "no goodbye from the dead"
    );
    serving(&two).await;
    take_all(&two, 2000).await;
    sees(&two, |status| status.state == State::Alone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switchover_loses_nothing_and_says_goodbye() {
    let group = Group::new().await;
    let (one, two) = group.start_both().await;
    let mut publisher = publish(&one, 500).await;
    let patience = Duration::from_secs(10);
    let wrong = in_time(one.switchover(NodeId(7), patience)).await;
    assert_eq!(wrong.unwrap_err().to_string(), "node 7 is not in sync");
    in_time(one.switchover(NodeId(2), patience)).await.unwrap();
    forced_away(&mut publisher).await;
    serving(&two).await;
    // The old one follows, and is in sync again.
    in_sync(&two, 2).await;
    assert!(one.server().is_none());
    in_time(two.switchover(NodeId(1), patience)).await.unwrap();
    serving(&one).await;
    take_all(&one, 500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_end_of_the_active_hands_over() {
    let group = Group::new().await;
    let (one, two) = group.start_both().await;
    let mut publisher = publish(&one, 100).await;
    in_time(one.shutdown(Duration::from_secs(10))).await;
    forced_away(&mut publisher).await;
    serving(&two).await;
    // What it was at goes on when it comes back, on the disk it had.
    let one = group.start(1).await;
    in_sync(&two, 2).await;
    in_time(two.shutdown(Duration::from_secs(10))).await;
    serving(&one).await;
    take_all(&one, 100).await;
    in_time(one.shutdown(Duration::from_secs(10))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_end_of_the_standby_holds_nobody_up() {
    let group = Group::new().await;
    let (one, two) = group.start_both().await;
    let mut publisher = publish(&one, 1).await;
    in_time(two.shutdown(Duration::from_secs(10))).await;
    in_sync(&one, 1).await;
    publish_more(&mut publisher, 1, 10).await;
}

/// Its agent may be busy with the switchover: the node must fall silent by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_during_a_switchover_leaves_the_other_to_serve() {
    let group = Group::new().await;
    let (one, two) = group.start_both().await;
    let mut publisher = publish(&one, 100).await;
    let disk = &group.disks[&1];
    // It is written, and not synced.
    let at = disk.operations() + 1;
    disk.plan(at, Trouble::PowerLoss);
    publisher.publish("q", b"never confirmed", true);
    publisher.flush().await;
    until(|| disk.operations() > at).await;
    let patience = Duration::from_secs(60);
    let switched = in_time(one.switchover(NodeId(2), patience)).await;
    switched.unwrap_err();
    in_time(one.failed()).await;
    serving(&two).await;
    let mut client = client(&two).await;
    // The last one may have come to the other in time.
    assert!(client.ready("q").await >= 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_link_is_survived_and_healed() {
    let group = Group::new().await;
    let (one, two) = group.start_both().await;
    let mut publisher = publish(&one, 100).await;
    group.proxies[&1].set_cut(true);
    in_sync(&one, 1).await;
    publish_more(&mut publisher, 100, 100).await;
    sees(&two, |status| status.state != State::InSync).await;
    group.proxies[&1].set_cut(false);
    in_sync(&one, 2).await;
    publish_more(&mut publisher, 200, 100).await;
    drop(one);
    serving(&two).await;
    take_all(&two, 300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_without_peer_and_store_falls_silent() {
    let group = Group::new().await;
    let (one, two) = group.start_both().await;
    let mut publisher = publish(&one, 10).await;
    group.store.cut_off(true);
    group.proxies[&1].set_cut(true);
    // Confirmed by nobody: the other one may be elected any moment.
    publisher.publish("q", b"late", true);
    publisher.flush().await;
    sees(&one, |status| !status.serving).await;
    until(|| one.server().is_none()).await;
    // It was told to go, or cut off; never confirmed.
    while let Some(frame) = publisher.frame().await {
        let method = Method::decode(&frame.payload).unwrap();
        assert_eq!(method.name(), "connection.close");
    }
    group.store.cut_off(false);
    group.proxies[&1].set_cut(false);
    // Either may be elected first.
    let leads = |node: &Replicated| node.status().borrow().serving;
    until(|| leads(&one) || leads(&two)).await;
    let active = if leads(&one) { &one } else { &two };
    in_sync(active, 2).await;
    serving(active).await;
    // All that was confirmed is there; what was not may be.
    let ready = client(active).await.ready("q").await;
    assert!((10..=11).contains(&ready), "{ready} messages");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_the_journal_waits_for_the_other_too() {
    let group = Group::new().await;
    let (one, _two) = group.start_both().await;
    let admin = server(&one).broker().admin();
    let spec = VhostSpec::named("v");
    let lsn = admin.put_vhost(&spec, Expect::Any).unwrap().lsn;
    in_time(server(&one).wait_durable(lsn)).await.unwrap();
    sees(&one, |status| {
        status.peers.iter().all(|peer| peer.acked >= lsn)
    })
    .await;
    // Cut off from the other, it waits until that one does not count any more.
    group.proxies[&1].set_cut(true);
    let spec = VhostSpec::named("w");
    let lsn = admin.put_vhost(&spec, Expect::Any).unwrap().lsn;
    in_time(server(&one).wait_durable(lsn)).await.unwrap();
    let record = group.store.read().unwrap().record.unwrap();
    assert_eq!(record.isr.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_can_be_set_on_either_node() {
    let group = Group::new().await;
    let (one, two) = group.start_both().await;
    let was = address(&server(&one));
    let second = ListenerConfig {
        address: (host(3), 0).into(),
        ..LOOPBACK
    };
    let two_listeners = vec![LOOPBACK, second];
    for node in [&one, &two] {
        let set = node.set_listeners(two_listeners.clone());
        in_time(set).await.unwrap();
    }
    assert_eq!(server(&one).endpoints().len(), 2);
    assert_eq!(address(&server(&one)), was);
    let switched = one.switchover(NodeId(2), Duration::from_secs(10));
    in_time(switched).await.unwrap();
    serving(&two).await;
    assert_eq!(server(&two).endpoints().len(), 2);
}
