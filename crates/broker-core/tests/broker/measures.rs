//! What is counted and timed, and that nothing is lost with who counted it.

use broker_core::broker::Peer;
use broker_core::call::Outcome;
use broker_core::definitions::Expect;
use broker_core::metrics::{BrokerMeasures, QueueCounts, QueueMeasures};
use broker_core::value::Value;

use super::kit::{Client, CountingWake, USER, World, login};

fn queue<'m>(measures: &'m BrokerMeasures, name: &str) -> &'m QueueMeasures {
    let mut queues = measures.queues.iter();
    queues.find(|queue| &*queue.name == name).unwrap()
}

fn counts(world: &World, name: &str) -> QueueCounts {
    queue(&world.admin().measure(), name).counts
}

#[test]
fn a_queue_counts_what_becomes_of_its_messages() {
    let mut world = World::new();
    let client = world.client();
    client.queue("dead", false);
    let to_dead = [
        ("x-dead-letter-exchange", Value::Text(String::new())),
        ("x-dead-letter-routing-key", Value::Text("dead".into())),
        ("x-max-length", Value::Int(5)),
    ];
    client.queue_with("q", to_dead);
    for body in ["1", "2", "3", "4", "5", "6"] {
        client.publish("", "q", body);
    }
    world.commit();
    client.consume("q", 1, 0);
    let got = client.deliveries();
    assert_eq!(got.len(), 5, "the first was too much");
    client.settle(&got[..2], Outcome::Accept);
    client.settle(&got[2..3], Outcome::Reject);
    client.settle(&got[3..], Outcome::Requeue);
    client.settle(&client.deliveries(), Outcome::Accept);
    let expected = QueueCounts {
        published: 6,
        delivered: 7,
        redelivered: 2,
        acknowledged: 4,
        requeued: 2,
        rejected: 1,
        dropped: 1,
        dead_lettered: 2,
        ..QueueCounts::default()
    };
    assert_eq!(counts(&world, "q"), expected);
    world.commit();
    assert_eq!(counts(&world, "dead").published, 2);
    assert!(client.attachment.get("dead", true).unwrap().is_some());
    client.attachment.purge_queue("dead").unwrap();
    let expected = QueueCounts {
        published: 2,
        got: 1,
        auto_settled: 1,
        purged: 1,
        ..QueueCounts::default()
    };
    assert_eq!(counts(&world, "dead"), expected);
}

#[test]
fn what_expires_and_what_is_turned_away_is_counted() {
    let mut world = World::new();
    let client = world.client();
    let rules = [
        ("x-message-ttl", Value::Int(100)),
        ("x-max-length", Value::Int(2)),
        ("x-overflow", Value::Text("reject-publish".into())),
    ];
    client.queue_with("q", rules);
    for body in ["1", "2", "3"] {
        client.publish("", "q", body);
    }
    world.commit();
    world.pass_ms(200);
    let QueueCounts {
        published,
        expired,
        turned_away,
        dead_lettered,
        ..
    } = counts(&world, "q");
    assert_eq!((published, expired), (2, 2));
    assert_eq!((turned_away, dead_lettered), (1, 0));
    let traffic = world.admin().measure().traffic;
    assert_eq!((traffic.published, traffic.refused), (3, 1));
}

#[test]
fn totals_outlive_queues_and_connections() {
    let mut world = World::new();
    let client = world.client();
    client.queue("q", true);
    client.consume("q", 1, 0);
    client.publish("", "q", "1");
    client.publish("", "nowhere", "2");
    world.commit();
    client.settle(&client.deliveries(), Outcome::Accept);
    let before = world.admin().measure();
    assert_eq!((before.connections, before.producers), (1, 1));
    assert_eq!(before.stats.consumers, 1);
    drop(client);
    let other = world.client();
    other.attachment.delete_queue("q", false, false).unwrap();
    drop(other);
    let after = world.admin().measure();
    assert_eq!(after.counts, before.counts);
    assert_eq!((after.counts.published, after.counts.acknowledged), (1, 1));
    assert_eq!(after.traffic, before.traffic);
    assert_eq!((after.traffic.published, after.traffic.unroutable), (2, 1));
    assert_eq!(after.latencies, before.latencies);
    assert_eq!((after.connections, after.opened), (0, 2));
    assert!(after.queues.is_empty());
    assert!(after.journal.commits >= 2 && after.journal.end > 0);
}

#[test]
fn a_message_is_timed_on_each_stretch_of_its_way() {
    let mut world = World::new();
    let client = world.client();
    client.queue("q", true);
    client.publish("", "q", "1");
    world.pass_ms(3);
    world.commit();
    world.pass_ms(50);
    client.consume("q", 1, 0);
    world.pass_ms(700);
    client.settle(&client.deliveries(), Outcome::Accept);
    let measures = world.admin().measure();
    let latencies = queue(&measures, "q").latencies.as_deref().unwrap();
    let sums = [
        latencies.publish_durable,
        latencies.durable_deliver,
        latencies.deliver_ack,
    ]
    .map(|it| (it.count(), it.sum_us));
    assert_eq!(sums, [(1, 3000), (1, 50_000), (1, 700_000)]);
    assert_eq!(measures.latencies, *latencies);
}

#[test]
fn few_messages_are_timed_and_one_after_each_look() {
    let mut world = World::new();
    let client = world.client();
    client.queue("q", true);
    let timed = |world: &World| {
        let measures = world.admin().measure();
        measures.latencies.publish_durable.count()
    };
    for _ in 0..640 {
        client.publish("", "q", "1");
        world.commit();
    }
    let count = timed(&world);
    assert!((10..=11).contains(&count), "{count}");
    for more in 1..=3 {
        client.publish("", "q", "1");
        world.commit();
        assert_eq!(timed(&world), count + more);
    }
}

#[test]
fn a_timed_message_that_goes_another_way_is_not_timed() {
    let mut world = World::new();
    let client = world.client();
    client.queue("q", true);
    client.publish("", "q", "purged");
    world.commit();
    client.attachment.purge_queue("q").unwrap();
    client.consume("q", 1, 0);
    assert_eq!(world.admin().measure().latencies.durable_deliver.count(), 0);
    client.publish("", "q", "timed, but given back");
    world.commit();
    client.settle(&client.deliveries(), Outcome::Requeue);
    client.settle(&client.deliveries(), Outcome::Accept);
    let latencies = world.admin().measure().latencies;
    assert_eq!(latencies.deliver_ack.count(), 0);
    assert_eq!(latencies.durable_deliver.count(), 1);
}

#[test]
fn users_and_listeners_have_counts_of_their_own() {
    let world = World::new();
    let listener: std::sync::Arc<str> = "amqps:5671".into();
    let attach = |vhost: &str| {
        let peer = Peer {
            address: "10.0.0.1:999".into(),
            listener: listener.clone(),
        };
        let wake = Box::new(CountingWake(Default::default()));
        let attachment = world.broker.attach(&login(), vhost, peer, wake)?;
        Ok::<_, broker_core::refusal::Refusal>(Client {
            attachment,
            wakes: Default::default(),
        })
    };
    let client = attach("/").unwrap();
    assert!(attach("no such").is_err());
    world.broker.login_failed(USER, &listener);
    world.broker.login_failed("stranger", &listener);
    world.broker.connection_refused(&listener);
    client.exchange("news", "topic");
    client.queue("q", false);
    client.bind("news", "q", "#");
    for _ in 0..3 {
        client.publish("news", "k", "1");
    }
    world.permit(USER, "/", ["", "", ""]);
    assert!(client.attachment.get("q", true).is_err());

    let measures = world.admin().measure();
    assert_eq!(measures.authentication_failures, 2);
    assert_eq!(measures.connections_refused, 2);
    let [user] = &measures.by_user[..] else {
        panic!("{:?}", measures.by_user);
    };
    assert_eq!((&*user.name, user.connections, user.opened), (USER, 1, 1));
    assert_eq!(user.authentication_failures, 1);
    assert_eq!(user.connections_refused, 1);
    assert_eq!(
        (user.traffic.published, user.traffic.access_refused),
        (3, 1)
    );
    let [at] = &measures.by_listener[..] else {
        panic!("{:?}", measures.by_listener);
    };
    assert_eq!((&*at.name, at.connections, at.opened), ("amqps:5671", 1, 1));
    assert_eq!(at.authentication_failures, 2);
    assert_eq!(at.connections_refused, 2);
    let topic = measures.topics.iter().find(|it| &*it.name == "news");
    let topic = topic.unwrap();
    assert_eq!((topic.published, topic.bindings), (3, 1));

    // A user who is gone is forgotten.
    drop(client);
    world.admin().delete_user(USER, Expect::Any).unwrap();
    assert!(world.admin().measure().by_user.is_empty());
    assert_eq!(world.admin().measure().traffic.published, 3);
}
