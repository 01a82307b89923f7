//! Dead letters that stay until they have arrived.

use std::sync::Arc;
use std::time::Duration;

use broker_core::call::{Outcome, Published};
use broker_core::definitions::{ApplyTo, Expect, PolicySpec};
use broker_core::journal::{Lsn, Options, Survival, Trouble};
use broker_core::limits::Limits;
use broker_core::value::Value;

use crate::kit::{Client, World, message, small};

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A queue `src` that lets messages live for so long and keeps those that died until the exchange
/// `dlx` has passed them on.
fn keeper(client: &Client, ttl_ms: i128) {
    client.exchange("dlx", "fanout");
    client.queue_with(
        "src",
        [
            ("x-queue-type", text("quorum")),
            ("x-overflow", text("reject-publish")),
            ("x-dead-letter-exchange", text("dlx")),
            ("x-dead-letter-strategy", text("at-least-once")),
            ("x-message-ttl", Value::Int(ttl_ms)),
            ("x-max-length", Value::Int(20)),
        ],
    );
}

/// A queue of at most so many messages to which dead letters go.
fn grave(client: &Client, name: &str, most: i128) {
    client.queue_with(
        name,
        [
            ("x-max-length", Value::Int(most)),
            ("x-overflow", text("reject-publish")),
        ],
    );
    client.bind("dlx", name, "");
}

/// Time passes, and what that moves becomes durable.
fn pass_ms(world: &mut World, ms: u64) {
    world.clock.pass(Duration::from_millis(ms));
    while world.broker.on_time() == Some(Duration::ZERO) {
        world.commit();
    }
    world.commit();
}

/// Messages ready in `src`, and those that are kept there.
fn counts(world: &World) -> (u64, u64) {
    let stats = world.admin().queue("/", "src").unwrap().stats;
    (stats.ready, stats.unsettled)
}

#[test]
fn a_dead_letter_stays_until_there_is_a_queue_for_it() {
    let mut world = World::new();
    let client = world.client();
    keeper(&client, 100);
    client.publish("", "src", "expired");
    client.publish("", "src", "also expired");
    // One that no journal holds is kept as well.
    let call = crate::kit::publish("", "src", "transient", false);
    client.try_publish(call).unwrap();
    world.commit();
    pass_ms(&mut world, 100);
    assert_eq!(counts(&world), (0, 3));
    // It is tried again, ever less often, and waits for that alone.
    let mut tries = 0;
    let mut waited = Duration::ZERO;
    while waited < Duration::from_secs(300) {
        let next = world.broker.on_time().unwrap();
        assert!(next <= Duration::from_secs(30), "{next:?}");
        waited += next;
        tries += 1;
        pass_ms(&mut world, u64::try_from(next.as_millis()).unwrap());
    }
    assert!((10..30).contains(&tries), "{tries} tries");
    assert_eq!(counts(&world), (0, 3));
    grave(&client, "grave", 5);
    pass_ms(&mut world, 30_000);
    assert_eq!(counts(&world), (0, 0));
    assert_eq!(
        client.empty("grave"),
        ["expired", "also expired", "transient"]
    );
    assert_eq!(world.broker.on_time(), None);
}

#[test]
fn a_dead_letter_goes_to_all_its_queues_or_to_none() {
    let mut world = World::new();
    let client = world.client();
    keeper(&client, 1_000_000);
    grave(&client, "large", 100);
    grave(&client, "small", 1);
    for body in ["a", "b", "c"] {
        client.publish("", "src", body);
        world.commit();
        let (delivery, _) = client.attachment.get("src", false).unwrap().unwrap();
        client.settle(&[delivery], Outcome::Reject);
        pass_ms(&mut world, 0);
    }
    assert_eq!(counts(&world), (0, 2));
    for body in ["a", "b", "c"] {
        pass_ms(&mut world, 30_000);
        assert_eq!(client.empty("large"), [body]);
        assert_eq!(client.empty("small"), [body]);
        world.commit();
    }
    assert_eq!(counts(&world), (0, 0));
}

#[test]
fn what_is_kept_holds_publishers_back_and_comes_back_after_a_restart() {
    let mut world = World::new();
    let client = world.client();
    keeper(&client, 100);
    for n in 0..20 {
        client.publish("", "src", &n.to_string());
    }
    world.commit();
    pass_ms(&mut world, 100);
    assert_eq!(counts(&world), (0, 20));
    let told = client.attachment.publish_one(message("", "src", "more"));
    assert!(matches!(told, Ok(Published::Refused)));
    drop(client);
    let mut world = world.reopen();
    let client = world.client();
    assert_eq!(counts(&world), (20, 0));
    pass_ms(&mut world, 0);
    assert_eq!(counts(&world), (0, 20));
    grave(&client, "grave", 100);
    pass_ms(&mut world, 30_000);
    let all: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    assert_eq!(client.empty("grave"), all);
}

fn reject_all(client: &Client) {
    while let Some((delivery, _)) = client.attachment.get("src", false).unwrap() {
        client.settle(&[delivery], Outcome::Reject);
    }
}

#[test]
fn what_is_kept_is_left_to_the_journal_and_goes_on_from_there() {
    let mut world = World::new();
    let client = world.client();
    client.exchange("dlx", "fanout");
    let all = [
        ("x-queue-type", text("quorum")),
        ("x-overflow", text("reject-publish")),
        ("x-dead-letter-exchange", text("dlx")),
        ("x-dead-letter-strategy", text("at-least-once")),
    ];
    client.queue_with("src", all);
    let memory_bytes = |world: &World| world.admin().stats().memory_bytes;
    let before = memory_bytes(&world);
    let bodies: Vec<_> = (0..600).map(|n| format!("{n:<2000}")).collect();
    for body in &bodies {
        client.publish("", "src", body);
        world.commit();
    }
    // Those that only memory has stay there, and keep none of the others from being tried.
    for n in 0..300 {
        let call = crate::kit::publish("", "src", &format!("transient {n}"), false);
        client.try_publish(call).unwrap();
    }
    reject_all(&client);
    pass_ms(&mut world, 0);
    assert_eq!(counts(&world), (0, 900));
    let taken = memory_bytes(&world) - before;
    assert!(taken < 400_000, "{taken} bytes");
    for _ in 0..5 {
        pass_ms(&mut world, 30_000);
    }
    assert_eq!(counts(&world), (0, 900));
    grave(&client, "grave", 1000);
    pass_ms(&mut world, 30_000);
    // One segment of the journal after the other.
    for _ in 0..100 {
        pass_ms(&mut world, 0);
    }
    assert_eq!(counts(&world), (0, 0));
    let mut found = client.empty("grave");
    found.retain(|body| !body.starts_with("transient"));
    found.sort_unstable();
    let mut expected = bodies;
    expected.sort_unstable();
    assert!(found == expected, "{} came", found.len());
    drop(client);
    let world = world.reopen();
    assert_eq!(counts(&world), (0, 0));
}

#[test]
fn what_is_kept_goes_when_nothing_asks_to_keep_it_any_more() {
    for body_bytes in [10, 1000] {
        let mut world = World::new();
        let client = world.client();
        client.exchange("dlx", "fanout");
        let quorum = ("x-queue-type", text("quorum"));
        client.queue_with("src", [quorum, ("x-overflow", text("reject-publish"))]);
        let admin = world.admin();
        let policy = |definition: &[(&str, &str)]| {
            let definition = definition.iter();
            let spec = PolicySpec {
                vhost: "/".to_owned(),
                name: "keep".to_owned(),
                operator: false,
                pattern: "^src$".to_owned(),
                apply_to: ApplyTo::All,
                priority: 0,
                definition: definition
                    .map(|(key, word)| ((*key).to_owned(), text(word)))
                    .collect(),
            };
            admin.put_policy(&spec, Expect::Any).unwrap();
        };
        let (to, strategy) = ("dead-letter-exchange", "dead-letter-strategy");
        policy(&[(to, "dlx"), (strategy, "at-least-once")]);
        for persistent in [true, false, true] {
            let body = "m".repeat(body_bytes);
            let call = crate::kit::publish("", "src", &body, persistent);
            client.try_publish(call).unwrap();
        }
        world.commit();
        reject_all(&client);
        pass_ms(&mut world, 0);
        assert_eq!(counts(&world), (0, 3));
        match body_bytes {
            10 => policy(&[(to, "dlx")]),
            _ => drop(
                admin
                    .delete_policy("/", "keep", false, Expect::Any)
                    .unwrap(),
            ),
        }
        pass_ms(&mut world, 30_000);
        pass_ms(&mut world, 30_000);
        assert_eq!(counts(&world), (0, 0), "{body_bytes} bytes");
        assert_eq!(world.broker.on_time(), None);
    }
}

/// Messages die while there is room for them and while there is none, with the power going at some
/// disk operation. Answers whether it came to that operation.
fn crash(operation: u64, survival: Survival) -> bool {
    let journal = Options {
        segment_bytes: 48 << 10,
        ..small()
    };
    let mut world = World::with(Limits::default(), journal);
    let client = world.client();
    keeper(&client, 10);
    grave(&client, "grave", 3);
    world.commit();
    let at = world.disk.operations() + operation;
    world.disk.plan(at, Trouble::PowerLoss);
    let (promised, taken) = live(&mut world, &client);
    let durable = world.broker.durable();
    let came = world.disk.operations() > at;
    let disk = world.disk.after_power_loss(survival);
    let (config, clock) = (world.config.clone(), Arc::clone(&world.clock));
    drop((client, world));
    let mut world = World {
        clock,
        ..World::open(disk, config)
    };
    let client = world.client();
    // As much at a time as there is room for.
    let mut found = client.empty("grave");
    while counts(&world) != (0, 0) {
        pass_ms(&mut world, 30_000);
        found.extend(client.empty("grave"));
    }
    for (body, lsn) in promised {
        let places = found.iter().filter(|it| **it == body).count();
        let context = format!("{} at {operation}, {survival:?}", body.trim_end());
        let may_be_gone = lsn > durable || taken.contains(&body);
        assert!(places > 0 || may_be_gone, "{context}: it is lost");
        assert!(places < 2, "{context}: it is there {places} times");
    }
    came
}

/// The bodies and the positions at which they are promised, and those that somebody took.
fn live(world: &mut World, client: &Client) -> (Vec<(String, Lsn)>, Vec<String>) {
    let (mut promised, mut taken) = (Vec::new(), Vec::new());
    for n in 0..30 {
        let body = format!("{n:<700}");
        if let Ok(Some(lsn)) = client.try_publish(message("", "src", &body)) {
            promised.push((body, lsn));
        }
        if n % 5 == 4
            && let Ok(Some((delivery, _))) = client.attachment.get("grave", true)
        {
            taken.push(crate::kit::body(&delivery));
        }
        world
            .clock
            .pass(Duration::from_millis(if n % 3 == 0 { 300 } else { 4 }));
        world.broker.on_time();
        if world.writer.turn().is_err() {
            break;
        }
        world.broker.committed();
    }
    (promised, taken)
}

#[test]
fn none_is_lost_or_doubled_when_power_fails_at_any_operation() {
    let mut operation = 0;
    loop {
        let survivals = [
            Survival::Nothing,
            Survival::Everything,
            Survival::Some(operation),
        ];
        let came = survivals.map(|survival| crash(operation, survival));
        if came == [false; 3] {
            break;
        }
        operation += 1;
    }
    assert!(operation > 30, "{operation} operations");
}
