//! Queues whose messages have priorities.

use broker_core::call::{Outcome, Publish};
use broker_core::message::Properties;
use broker_core::value::Value;
use bytes::BytesMut;
use proptest::prelude::*;

use crate::kit::{Client, World, body, message};

fn urgent(queue: &str, body: &str, priority: u8) -> Publish {
    let mut encoded = BytesMut::new();
    let properties = wire::amqp091::Properties {
        priority: Some(priority),
        ..Default::default()
    };
    properties.encode(&mut encoded);
    let mut publish = message("", queue, body);
    let mut envelope = (*publish.envelope).clone();
    envelope.properties = Properties::Amqp091(encoded.freeze());
    publish.envelope = envelope.into();
    publish
}

fn declare(client: &Client, more: &[(&'static str, Value)]) {
    let mut arguments = vec![("x-max-priority", Value::Int(10))];
    arguments.extend_from_slice(more);
    match <[_; 1]>::try_from(arguments.clone()) {
        Ok(one) => client.queue_with("q", one),
        Err(_) => client.queue_with("q", <[_; 2]>::try_from(arguments).unwrap()),
    }
}

fn publish(client: &Client, body: &str, priority: u8) {
    client.try_publish(urgent("q", body, priority)).unwrap();
}

#[test]
fn the_most_urgent_come_first_and_of_them_the_oldest() {
    let mut world = World::new();
    let client = world.client();
    declare(&client, &[]);
    for (body, priority) in [("a", 0), ("b", 5), ("c", 10), ("d", 5), ("e", 200)] {
        publish(&client, body, priority);
    }
    client.publish("", "q", "none");
    world.commit();
    assert_eq!(client.empty("q"), ["c", "e", "b", "d", "a", "none"]);
}

#[test]
fn a_queue_without_them_looks_at_no_priority() {
    let mut world = World::new();
    let client = world.client();
    client.queue("q", true);
    for (body, priority) in [("a", 0), ("b", 9)] {
        publish(&client, body, priority);
    }
    world.commit();
    assert_eq!(client.empty("q"), ["a", "b"]);
}

#[test]
fn what_is_put_back_has_its_place_among_the_urgent() {
    let mut world = World::new();
    let client = world.client();
    declare(&client, &[]);
    for (body, priority) in [("a", 1), ("b", 3), ("c", 3)] {
        publish(&client, body, priority);
    }
    world.commit();
    let (first, _) = client.attachment.get("q", false).unwrap().unwrap();
    assert_eq!(body(&first), "b");
    publish(&client, "d", 2);
    client.settle(&[first], Outcome::Requeue);
    world.commit();
    assert_eq!(client.empty("q"), ["b", "c", "d", "a"]);
}

#[test]
fn they_are_kept_over_a_restart_and_no_place_is_given_twice() {
    let mut world = World::new();
    let client = world.client();
    declare(&client, &[]);
    for n in 0..50 {
        publish(&client, &format!("{n:<300}"), (n % 4) as u8);
    }
    drop(client);
    world = world.reopen();
    let client = world.client();
    for n in 50..100 {
        publish(&client, &format!("{n:<300}"), (n % 4) as u8);
    }
    world.commit();
    let found: Vec<u32> = client
        .empty("q")
        .iter()
        .map(|body| body.trim_end().parse().unwrap())
        .collect();
    let mut expected: Vec<u32> = (0..100).collect();
    expected.sort_by_key(|n| (3 - n % 4, *n));
    assert_eq!(found, expected);
    drop(client);
    let world = world.reopen();
    assert_eq!(world.client().empty("q"), [""; 0]);
}

#[test]
fn bytes_of_restored_messages_are_counted_off_again() {
    let mut world = World::new();
    let client = world.client();
    declare(&client, &[("x-max-length-bytes", Value::Int(2000))]);
    for priority in [0, 9, 4] {
        publish(&client, &"x".repeat(400), priority);
    }
    drop(client);
    world = world.reopen();
    let client = world.client();
    assert_eq!(client.empty("q").len(), 3);
    for priority in [9, 0, 4, 9, 0] {
        publish(&client, &"y".repeat(400), priority);
    }
    world.commit();
    assert_eq!(client.empty("q").len(), 5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Against a sorted list, with the queue's middle left to the journal and restarts in between.
    #[test]
    fn the_order_is_that_of_priority_and_age(
        steps in prop::collection::vec((0..12u8, 0..14u8, 1..20usize), 1..60),
    ) {
        let mut world = World::new();
        let mut client = world.client();
        declare(&client, &[]);
        let mut model: Vec<(u8, u32)> = Vec::new();
        let mut next = 0;
        for (step, priority, count) in steps {
            match step {
                0 => {
                    drop(client);
                    world = world.reopen();
                    client = world.client();
                }
                1..=3 => for _ in 0..count {
                    let got = client.attachment.get("q", true).unwrap();
                    let got = got.map(|(delivery, _)| body(&delivery).trim_end().parse().unwrap());
                    let first = model.iter().min().copied();
                    prop_assert_eq!(got, first.map(|(_, number)| number));
                    model.retain(|one| Some(*one) != first);
                },
                _ => for _ in 0..count {
                    publish(&client, &format!("{next:<90}"), priority);
                    model.push((10 - priority.min(10), next));
                    next += 1;
                },
            }
            world.commit();
        }
        model.sort_unstable();
        let rest: Vec<u32> =
            client.empty("q").iter().map(|it| it.trim_end().parse().unwrap()).collect();
        prop_assert_eq!(rest, model.into_iter().map(|(_, number)| number).collect::<Vec<_>>());
    }
}
