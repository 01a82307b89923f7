//! Queues that may hold only so much.

use broker_core::call::{Outcome, Published};
use broker_core::value::Value;

use crate::kit::{Client, World, expiring, message, publish};

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn most(len: i128) -> [(&'static str, Value); 1] {
    [("x-max-length", Value::Int(len))]
}

fn rejecting(len: i128) -> [(&'static str, Value); 2] {
    [
        ("x-max-length", Value::Int(len)),
        ("x-overflow", text("reject-publish")),
    ]
}

/// Whether the broker lets the message in.
fn is_taken(client: &Client, queue: &str, body: &str) -> bool {
    let published = client.attachment.publish_one(message("", queue, body));
    match published.unwrap() {
        Published::Routed(_) => true,
        Published::Refused => false,
        Published::Unroutable(_) => panic!("there is a queue"),
    }
}

#[test]
fn the_oldest_go_when_there_are_too_many() {
    let mut world = World::new();
    let client = world.client();
    client.queue_with("q", most(3));
    for n in 0..10 {
        client.publish("", "q", &n.to_string());
    }
    world.commit();
    assert_eq!(client.empty("q"), ["7", "8", "9"]);
    // For good, and whatever had to be read back for it.
    for n in 0..200 {
        client.publish("", "q", &format!("{n:<1000}"));
    }
    drop(client);
    let world = world.reopen();
    let bodies = world.client().empty("q");
    let numbers: Vec<_> = bodies.iter().map(|body| body.trim_end()).collect();
    assert_eq!(numbers, ["197", "198", "199"]);
}

#[test]
fn a_longer_backlog_from_before_is_read_back_to_be_trimmed() {
    let mut world = World::new();
    let client = world.client();
    client.queue_with("q", most(100));
    for n in 0..100 {
        client.publish("", "q", &format!("{n:<500}"));
    }
    drop(client);
    world = world.reopen();
    let client = world.client();
    for n in 100..160 {
        client.publish("", "q", &n.to_string());
        world.commit();
    }
    assert_eq!(world.admin().queue("/", "q").unwrap().stats.ready, 100);
    assert_eq!(client.empty("q").first().unwrap().trim_end(), "60");
}

#[test]
fn what_is_handed_out_does_not_count() {
    let mut world = World::new();
    let client = world.client();
    client.queue_with("q", most(1));
    client.consume("q", 1, 1);
    for body in ["a", "b", "c"] {
        client.publish("", "q", body);
        world.commit();
    }
    let held = client.deliveries();
    assert_eq!(held.len(), 1);
    // It comes back before the one that stayed, and is one too many.
    client.settle(&held, Outcome::Requeue);
    assert_eq!(client.bodies(), ["a"]);
    drop(client);
    assert_eq!(world.client().empty("q"), ["c"]);
}

#[test]
fn bytes_are_those_of_bodies() {
    let mut world = World::new();
    let client = world.client();
    client.queue_with("q", [("x-max-length-bytes", Value::Int(100))]);
    for body in [
        "a".repeat(60),
        "b".repeat(30),
        "c".repeat(10),
        "d".repeat(20),
    ] {
        client.publish("", "q", &body);
    }
    world.commit();
    assert_eq!(client.empty("q").len(), 3, "the first went for the last");
    client.publish("", "q", &"x".repeat(101));
    assert_eq!(client.empty("q"), [""; 0]);
}

#[test]
fn bytes_count_again_after_a_restart() {
    let mut world = World::new();
    let client = world.client();
    client.queue_with("q", [("x-max-length-bytes", Value::Int(3000))]);
    for _ in 0..3 {
        client.publish("", "q", &"x".repeat(900));
    }
    drop(client);
    world = world.reopen();
    let client = world.client();
    let ready = || world.admin().queue("/", "q").unwrap().stats.ready;
    assert_eq!(ready(), 3);
    client.publish("", "q", &"y".repeat(900));
    assert_eq!(ready(), 3);
    assert_eq!(client.empty("q").len(), 3);
    // Nothing of them is left in the count.
    for _ in 0..4 {
        client.publish("", "q", &"z".repeat(750));
    }
    assert_eq!(ready(), 4);
}

#[test]
fn a_full_queue_turns_publishers_away() {
    let mut world = World::new();
    let client = world.client();
    client.queue_with("q", rejecting(2));
    let taken = ["a", "b", "c", "d"].map(|body| is_taken(&client, "q", body));
    assert_eq!(taken, [true, true, false, false]);
    world.commit();
    assert_eq!(client.attachment.get("q", true).unwrap().unwrap().1, 1);
    assert!(is_taken(&client, "q", "e"));
    world.commit();
    assert_eq!(client.empty("q"), ["b", "e"]);
}

#[test]
fn a_batch_is_turned_away_from_where_the_queue_is_full() {
    let world = World::new();
    let client = world.client();
    client.queue_with("q", rejecting(2));
    let mut batch = (0..5)
        .map(|n| publish("", "q", &n.to_string(), false))
        .collect();
    let mut told = Vec::new();
    client.attachment.publish(&mut batch, &mut told).unwrap();
    let refused = |it: &Published| matches!(it, Published::Refused);
    assert_eq!(
        told.iter().map(refused).collect::<Vec<_>>(),
        [false, false, true, true, true]
    );
    assert_eq!(client.empty("q"), ["0", "1"]);
}

#[test]
fn other_queues_get_what_one_turns_away() {
    let mut world = World::new();
    let client = world.client();
    client.exchange("all", "fanout");
    client.queue_with("full", rejecting(1));
    client.queue("roomy", true);
    client.bind("all", "full", "");
    client.bind("all", "roomy", "");
    for body in ["a", "b"] {
        client
            .attachment
            .publish_one(message("all", "", body))
            .unwrap();
    }
    world.commit();
    assert_eq!(client.empty("full"), ["a"]);
    assert_eq!(client.empty("roomy"), ["a", "b"]);
}

#[test]
fn a_queue_turns_away_by_bytes_and_none_gets_through_beside_another() {
    let world = World::new();
    let client = world.client();
    let arguments = [
        ("x-max-length-bytes", Value::Int(10)),
        ("x-overflow", text("reject-publish")),
    ];
    client.queue_with("q", arguments);
    assert!(is_taken(&client, "q", "sixsix"));
    assert!(!is_taken(&client, "q", "fives"));
    assert!(is_taken(&client, "q", "four"));
    assert!(!is_taken(&client, "q", "x"));
    assert!(is_taken(&client, "q", ""));
}

#[test]
fn a_message_that_is_refused_by_the_broker_takes_no_place() {
    let mut world = World::new();
    world.config.limits.message_bytes = 100;
    let world = world.reopen();
    let client = world.client();
    client.queue_with("q", rejecting(1));
    let large = message("", "q", &"x".repeat(101));
    assert!(client.attachment.publish_one(large).is_err());
    assert!(is_taken(&client, "q", "a"));
    assert!(!is_taken(&client, "q", "b"));
}

#[test]
fn expired_messages_make_room() {
    let world = World::new();
    let client = world.client();
    client.queue_with("q", rejecting(1));
    client.try_publish(expiring("q", "a", "10", false)).unwrap();
    assert!(!is_taken(&client, "q", "b"));
    world.pass_ms(10);
    assert!(is_taken(&client, "q", "c"));
}
