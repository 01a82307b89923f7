//! Deliveries through outboxes: credit, flow, wakes, the end of queues and connections.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use broker_core::call::{Consume, ConsumerId, DeclareQueue, Outcome, SharedPrefetch};
use broker_core::durability::Promise;
use broker_core::limits::Limits;
use broker_core::outbox::Event;
use broker_core::refusal::Reason;

use crate::kit::{Client, World, consume, publish, queue, small};

fn publish_transient(client: &Client, queue: &str, body: &str) {
    let call = publish("", queue, body, false);
    assert!(client.try_publish(call).unwrap().is_some());
}

#[test]
fn an_outbox_takes_so_many_bytes_and_the_rest_when_drained() {
    let limits = Limits {
        outbox_bytes: 10_000,
        ..Limits::default()
    };
    let world = World::with(limits, small());
    let client = world.client();
    client.queue("q", false);
    client.consume("q", 1, 0);
    let body = "x".repeat(1000);
    for _ in 0..100 {
        publish_transient(&client, "q", &body);
    }
    assert!(client.attachment.outbox().bytes() < 12_000);
    let mut total = 0;
    loop {
        let count = client.deliveries().len();
        assert!(count <= 10);
        if count == 0 {
            break;
        }
        total += count;
    }
    assert_eq!(total, 100);
    assert_eq!(client.attachment.outbox().bytes(), 0);
}

#[test]
fn a_limit_shared_by_a_channel_frees_its_other_queues() {
    let world = World::new();
    let client = world.client();
    let shared = Arc::new(SharedPrefetch {
        limit: 1.into(),
        unsettled: 0.into(),
    });
    for (name, id) in [("a", 1), ("b", 2)] {
        client.queue(name, false);
        let call = Consume {
            shared: Some(Arc::clone(&shared)),
            ..consume(name, id)
        };
        client.attachment.consume(&call).unwrap();
        publish_transient(&client, name, name);
    }
    let first = client.deliveries();
    assert_eq!(first.len(), 1, "the limit is one for both");
    client.settle(&first, Outcome::Accept);
    let second = client.deliveries();
    assert_eq!(second.len(), 1);
    publish_transient(&client, "a", "more");
    assert!(client.deliveries().is_empty());
    shared.limit.store(0, Ordering::SeqCst);
    client.attachment.prefetch_changed();
    assert_eq!(client.bodies(), ["more"]);
}

#[test]
fn deleting_a_queue_tells_its_consumers_and_frees_their_shared_credit() {
    let world = World::new();
    let client = world.client();
    let shared = Arc::new(SharedPrefetch {
        limit: 1.into(),
        unsettled: 0.into(),
    });
    for (name, id) in [("a", 1), ("b", 2)] {
        client.queue(name, false);
        let call = Consume {
            shared: Some(Arc::clone(&shared)),
            ..consume(name, id)
        };
        client.attachment.consume(&call).unwrap();
        publish_transient(&client, name, name);
    }
    assert_eq!(client.bodies(), ["a"]);
    world
        .client()
        .attachment
        .delete_queue("a", false, false)
        .unwrap();
    let events = client.events();
    assert!(
        matches!(events[..], [Event::ConsumerCancelled(ConsumerId(1))]),
        "{events:?}"
    );
    client.attachment.cancel(ConsumerId(1));
    assert_eq!(client.bodies(), ["b"]);
}

#[test]
fn a_connection_that_goes_leaves_its_messages_and_takes_its_exclusive_queues() {
    let world = World::new();
    let (leaving, staying) = (world.client(), world.client());
    leaving.queue("shared", false);
    let own = DeclareQueue {
        exclusive: true,
        ..queue("own", false)
    };
    leaving.try_queue(own.clone()).unwrap();
    for call in [
        own,
        DeclareQueue {
            passive: true,
            ..queue("own", false)
        },
    ] {
        assert_eq!(staying.try_queue(call).unwrap_err().reason, Reason::Locked);
    }
    publish_transient(&staying, "shared", "m");
    leaving.consume("shared", 1, 0);
    assert_eq!(leaving.bodies(), ["m"]);
    assert!(staying.attachment.get("shared", true).unwrap().is_none());
    drop(leaving);
    let (delivery, _) = staying.attachment.get("shared", true).unwrap().unwrap();
    assert!(delivery.redelivered);
    let passive = DeclareQueue {
        passive: true,
        ..queue("own", false)
    };
    assert_eq!(
        staying.try_queue(passive).unwrap_err().reason,
        Reason::NotFound
    );
    assert_eq!(world.admin().connections().len(), 1);
}

#[test]
fn an_auto_delete_queue_goes_with_its_last_consumer() {
    let world = World::new();
    let (one, two) = (world.client(), world.client());
    let call = DeclareQueue {
        auto_delete: true,
        ..queue("q", true)
    };
    one.try_queue(call).unwrap();
    one.consume("q", 1, 0);
    two.consume("q", 1, 0);
    one.attachment.cancel(ConsumerId(1));
    assert!(world.admin().queue("/", "q").is_ok());
    drop(two);
    assert_eq!(
        world.admin().queue("/", "q").unwrap_err().reason,
        Reason::NotFound
    );
}

#[test]
fn each_watch_wakes_once_when_its_commit_is_reached() {
    let mut world = World::new();
    let client = world.client();
    client.queue("q", true);
    let first = client.publish("", "q", "1").unwrap();
    client.attachment.watch(Promise::durable(first));
    let second = client.publish("", "q", "2").unwrap();
    client.attachment.watch(Promise::durable(second));
    assert_eq!(client.wakes.load(Ordering::SeqCst), 0);
    world.commit();
    world.broker.committed();
    assert_eq!(client.wakes.load(Ordering::SeqCst), 1);
    client.attachment.watch(Promise::durable(second));
    assert_eq!(
        client.wakes.load(Ordering::SeqCst),
        2,
        "it is reached already"
    );
}

#[test]
fn publishers_pause_while_memory_is_short_and_are_woken_when_it_is_not() {
    let limits = Limits {
        memory_bytes: 20_000,
        ..Limits::default()
    };
    let world = World::with(limits, small());
    let client = world.client();
    client.queue("q", false);
    let body = "x".repeat(1000);
    let mut count = 0;
    while !client.attachment.publish_paused(|| false) {
        publish_transient(&client, "q", &body);
        count += 1;
    }
    assert!((10..20).contains(&count), "{count}");
    let wakes = client.wakes.load(Ordering::SeqCst);
    client.empty("q");
    assert_eq!(client.wakes.load(Ordering::SeqCst), wakes + 1);
    assert!(!client.attachment.publish_paused(|| false));
}

#[test]
fn exclusive_use_is_refused_by_name() {
    let world = World::new();
    let client = world.client();
    client.queue("q", false);
    client.consume("q", 1, 0);
    let refusal = client
        .attachment
        .consume(&Consume {
            exclusive: true,
            ..consume("q", 2)
        })
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::AccessRefused);
    assert!(refusal.text.contains("'q'"));
    client.consume("q", 2, 0);
}
