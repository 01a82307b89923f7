//! Delayed exchanges: messages that reach their queues when their publishers want them to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use broker_core::admin::DeleteIf;
use broker_core::broker::BrokerConfig;
use broker_core::call::{
    Bind, DeclareExchange, Delivery, Destination, Outcome, Publish, Published,
};
use broker_core::clock::{Clock as _, SimClock, Timestamp};
use broker_core::definitions::{ExchangeKind, ExchangeSpec, Expect};
use broker_core::journal::{Lsn, Options, Survival, Trouble};
use broker_core::limits::Limits;
use broker_core::message::{Envelope, Properties};
use broker_core::refusal::Reason;
use broker_core::session::amqp091::named_properties;
use broker_core::value::{Arguments, Value};
use bytes::BytesMut;
use wire::amqp091::{self, TableBuilder};

use crate::kit::{Client, World, binding, body, exchange, message, small};

/// A persistent message that is to be kept for so long.
fn delayed(exchange: &str, key: &str, body: &str, ms: i64) -> Publish {
    let headers = TableBuilder::new()
        .text("color", "red")
        .entry("x-delay", amqp091::Value::I64(ms));
    let properties = amqp091::Properties {
        headers: Some(headers.as_table()),
        ..Default::default()
    };
    let mut encoded = BytesMut::new();
    properties.encode(&mut encoded);
    let plain = message(exchange, key, body);
    Publish {
        envelope: Arc::new(Envelope {
            properties: Properties::Amqp091(encoded.freeze()),
            ..(*plain.envelope).clone()
        }),
        ..plain
    }
}

fn delayed_exchange<'a>(name: &'a str, like: &str) -> DeclareExchange<'a> {
    let like = Value::Text(like.to_owned());
    DeclareExchange {
        arguments: [("x-delayed-type".to_owned(), like)].into(),
        ..exchange(name, "x-delayed-message")
    }
}

/// An exchange `later` that picks like a direct one, and a queue `q` bound to it by its name.
fn set_up(client: &Client) {
    let declared = client
        .attachment
        .declare_exchange(&delayed_exchange("later", "direct"));
    declared.unwrap();
    client.queue("q", true);
    client.bind("later", "q", "q");
}

fn publish(client: &Client, body: &str, ms: i64) -> Lsn {
    let call = delayed("later", "q", body, ms);
    client.try_publish(call).unwrap().unwrap()
}

/// Time passes, and what that moves becomes durable: a portion at a time, as the journal has room.
fn pass_ms(world: &mut World, ms: u64) {
    world.clock.pass(Duration::from_millis(ms));
    for _ in 0..10 {
        while world.broker.on_time() == Some(Duration::ZERO) {
            world.commit();
        }
        world.commit();
    }
}

fn delay_of(delivery: &Delivery) -> Value {
    let Properties::Amqp091(raw) = &delivery.message.envelope.properties;
    match named_properties(raw).unwrap().get("headers") {
        Some(Value::Map(headers)) => headers["x-delay"].clone(),
        other => panic!("{other:?}"),
    }
}

fn memory_bytes(world: &World) -> u64 {
    world.admin().stats().memory_bytes
}

#[test]
fn a_message_comes_when_its_time_is_over_and_not_before() {
    let mut world = World::new();
    let client = world.client();
    set_up(&client);
    for (body, ms) in [("c", 300), ("a", 100), ("b", 200), ("also b", 200)] {
        publish(&client, body, ms);
    }
    // Without a delay, or with none there can be, it goes on at once.
    for (body, ms) in [("zero", 0), ("back", -100), ("too long", 1 << 32)] {
        publish(&client, body, ms);
    }
    world.commit();
    assert_eq!(client.empty("q"), ["zero", "back", "too long"]);
    pass_ms(&mut world, 99);
    assert_eq!(client.empty("q"), [""; 0]);
    pass_ms(&mut world, 1);
    let (delivery, _) = client.attachment.get("q", true).unwrap().unwrap();
    assert_eq!(body(&delivery), "a");
    assert_eq!(delay_of(&delivery), Value::Int(-100));
    let envelope = &delivery.message.envelope;
    assert_eq!(
        (&*envelope.exchange, &*envelope.routing_key),
        ("later", "q")
    );
    assert!(!delivery.redelivered);
    pass_ms(&mut world, 200);
    assert_eq!(client.empty("q"), ["b", "also b", "c"]);
    assert_eq!(world.broker.on_time(), None, "nothing is left to wait for");
}

#[test]
fn it_is_routed_by_the_bindings_of_then() {
    let mut world = World::new();
    let client = world.client();
    set_up(&client);
    client.queue("other", true);
    publish(&client, "a", 100);
    client
        .attachment
        .unbind(&binding("later", Destination::Queue("q"), "q"))
        .unwrap();
    // Nothing is bound: it is kept all the same, and does not come back to its publisher.
    let call = delayed("later", "q", "b", 100);
    let told = client.attachment.publish_one(call).unwrap();
    assert!(matches!(told, Published::Routed(_)));
    client.bind("later", "other", "q");
    pass_ms(&mut world, 100);
    assert_eq!(client.empty("other"), ["a", "b"]);
    assert_eq!(client.empty("q"), [""; 0]);
}

#[test]
fn it_picks_like_the_kind_it_names() {
    let mut world = World::new();
    let client = world.client();
    for (kind, key, arguments) in [
        ("direct", "a.b", Arguments::new()),
        ("fanout", "", Arguments::new()),
        ("topic", "a.*", Arguments::new()),
        (
            "headers",
            "",
            [("color".to_owned(), Value::Text("red".into()))].into(),
        ),
        ("x-consistent-hash", "1", Arguments::new()),
    ] {
        let declare = delayed_exchange(kind, kind);
        client.attachment.declare_exchange(&declare).unwrap();
        client.queue(kind, true);
        let bind = Bind {
            arguments,
            ..binding(kind, Destination::Queue(kind), key)
        };
        client.attachment.bind(&bind).unwrap();
        client.try_publish(delayed(kind, "a.b", kind, 50)).unwrap();
    }
    pass_ms(&mut world, 50);
    for kind in ["direct", "fanout", "topic", "headers", "x-consistent-hash"] {
        assert_eq!(client.empty(kind), [kind]);
    }
}

#[test]
fn what_it_is_declared_with_is_checked() {
    let world = World::new();
    let client = world.client();
    let refusal = |declare: DeclareExchange<'_>| {
        let refusal = client.attachment.declare_exchange(&declare).unwrap_err();
        (
            refusal.reason,
            refusal.property.unwrap_or_default().to_string(),
        )
    };
    let at_type = (Reason::Invalid, "arguments.x-delayed-type".to_owned());
    assert_eq!(refusal(exchange("d", "x-delayed-message")), at_type);
    for like in ["x-delayed-message", "nonsense"] {
        assert_eq!(refusal(delayed_exchange("d", like)), at_type);
    }
    let direct = DeclareExchange {
        kind: "direct",
        ..delayed_exchange("d", "direct")
    };
    let not_offered = (Reason::NotImplemented, at_type.1.clone());
    assert_eq!(refusal(direct), not_offered);
    let declare = delayed_exchange("d", "topic");
    client.attachment.declare_exchange(&declare).unwrap();
    client.attachment.declare_exchange(&declare).unwrap();
    let other = (Reason::Mismatch, at_type.1);
    assert_eq!(refusal(delayed_exchange("d", "direct")), other);
}

#[test]
fn delays_outlive_a_restart_with_all_that_belongs_to_a_message() {
    let world = World::new();
    let client = world.client();
    set_up(&client);
    client.queue("copy", true);
    client.bind("later", "copy", "secret");
    let call = delayed("later", "q", "copied", 1000);
    let call = Publish {
        envelope: Arc::new(Envelope {
            further_keys: [Box::from("secret")].into(),
            ..(*call.envelope).clone()
        }),
        ..call
    };
    client.try_publish(call).unwrap();
    publish(&client, "late", 1500);
    publish(&client, "past", 500);
    let call = delayed("later", "q", "transient", 500);
    let call = Publish {
        envelope: Arc::new(Envelope {
            persistent: false,
            ..(*call.envelope).clone()
        }),
        ..call
    };
    client.try_publish(call).unwrap();
    drop(client);
    world.pass_ms(100);
    let mut world = world.reopen();
    let client = world.client();
    world.clock.pass(Duration::from_millis(500));
    pass_ms(&mut world, 0);
    assert_eq!(client.empty("q"), ["past"]);
    drop(client);
    let mut world = world.reopen();
    let client = world.client();
    pass_ms(&mut world, 399);
    assert_eq!(client.empty("q"), [""; 0], "each comes once");
    pass_ms(&mut world, 1);
    assert_eq!(
        (client.empty("q"), client.empty("copy")),
        (vec!["copied".into()], vec!["copied".into()])
    );
    pass_ms(&mut world, 500);
    assert_eq!(client.empty("q"), ["late"]);
}

#[test]
fn a_long_schedule_is_left_to_the_journal() {
    let mut world = World::with(
        Limits::default(),
        Options {
            segment_bytes: 256 << 10,
            ..small()
        },
    );
    world.config.limits.queue_window_bytes = 16 << 10;
    let mut world = world.reopen();
    let client = world.client();
    set_up(&client);
    client.queue("churn", true);
    let mut expected = Vec::new();
    for n in 0..3000i64 {
        let ms = 10_000 + n * 7919 % 1000;
        let body = format!("{ms:<900}");
        publish(&client, &body, ms);
        expected.push(body);
        if n % 50 == 49 {
            world.commit();
        }
    }
    expected.sort();
    let most = (16 << 10) + (300 << 10);
    assert!(memory_bytes(&world) < most, "{}", memory_bytes(&world));
    // So much goes through the journal that the messages have to be copied forward in it.
    for _ in 0..100 {
        for _ in 0..10 {
            client.publish("", "churn", &"x".repeat(20_000));
        }
        world.commit();
        assert_eq!(client.empty("churn").len(), 10);
        world.commit();
    }
    let stored: usize = world.disk.contents().values().map(Vec::len).sum();
    assert!(stored < 16_000_000, "{stored}");
    drop(client);
    let mut world = world.reopen();
    let client = world.client();
    assert!(memory_bytes(&world) < most, "{}", memory_bytes(&world));
    let mut found = Vec::new();
    for _ in 0..22 {
        pass_ms(&mut world, 500);
        assert!(memory_bytes(&world) < 2 * most, "{}", memory_bytes(&world));
        found.extend(client.empty("q"));
        world.commit();
    }
    assert_eq!(found, expected);
}

#[test]
fn it_takes_part_in_what_other_exchanges_do() {
    let mut world = World::new();
    let client = world.client();
    set_up(&client);
    let declare = delayed_exchange("then", "fanout");
    client.attachment.declare_exchange(&declare).unwrap();
    client.queue("last", true);
    client.bind("then", "last", "");
    let to = |name| Destination::Exchange(name);
    // From one exchange to the delayed one and on to another, where it does not wait again.
    client.exchange("first", "topic");
    client
        .attachment
        .bind(&binding("first", to("later"), "#"))
        .unwrap();
    client
        .attachment
        .bind(&binding("later", to("then"), "q"))
        .unwrap();
    client
        .try_publish(delayed("first", "q", "fed", 100))
        .unwrap();
    // A dead letter waits as well.
    client.queue_with(
        "dying",
        [
            ("x-dead-letter-exchange", Value::Text("later".into())),
            ("x-dead-letter-routing-key", Value::Text("q".into())),
        ],
    );
    client
        .try_publish(delayed("", "dying", "dead", 100))
        .unwrap();
    world.commit();
    let (dying, _) = client.attachment.get("dying", false).unwrap().unwrap();
    client.settle(&[dying], Outcome::Reject);
    pass_ms(&mut world, 99);
    assert_eq!((client.empty("q"), client.empty("last")), (vec![], vec![]));
    pass_ms(&mut world, 1);
    assert_eq!(client.empty("q"), ["fed", "dead"]);
    assert_eq!(client.empty("last"), ["fed", "dead"]);
    // So does what a transaction publishes, from its commit on.
    client
        .attachment
        .commit(&[delayed("later", "q", "tx", 100)], &[])
        .unwrap();
    pass_ms(&mut world, 100);
    assert_eq!(client.empty("q"), ["tx"]);
}

#[test]
fn what_finds_no_way_then_goes_to_the_alternate_also_to_one_named_since() {
    let mut world = World::new();
    let client = world.client();
    set_up(&client);
    client.exchange("rest", "fanout");
    client.queue("rest", true);
    client.bind("rest", "rest", "");
    client
        .try_publish(delayed("later", "nowhere", "a", 100))
        .unwrap();
    let spec = |alternate: Option<&str>| ExchangeSpec {
        vhost: "/".into(),
        name: "later".into(),
        kind: ExchangeKind::Delayed,
        durable: true,
        auto_delete: false,
        internal: false,
        arguments: [
            ("x-delayed-type", Some("direct")),
            ("alternate-exchange", alternate),
        ]
        .into_iter()
        .filter_map(|(name, text)| Some((name.to_owned(), Value::Text(text?.into()))))
        .collect(),
    };
    let admin = world.admin();
    let before = admin.exchange("/", "later").unwrap().generation;
    admin
        .put_exchange(&spec(Some("rest")), Expect::Generation(before))
        .unwrap();
    // A checkpoint tells of the changed exchange, and whose messages those are.
    for n in 0..5000 {
        let name = format!("e{n}");
        client.exchange(&name, "fanout");
        client.attachment.delete_exchange(&name, false).unwrap();
        if n % 100 == 0 {
            world.commit();
        }
    }
    world.commit();
    drop((client, admin));
    let mut world = world.reopen();
    let client = world.client();
    pass_ms(&mut world, 100);
    assert_eq!(client.empty("rest"), ["a"]);
}

#[test]
fn deleting_it_drops_what_it_keeps() {
    let mut world = World::new();
    let client = world.client();
    let empty = memory_bytes(&world);
    set_up(&client);
    publish(&client, "a", 100);
    let declare = DeclareExchange {
        auto_delete: true,
        ..delayed_exchange("idle", "fanout")
    };
    client.attachment.declare_exchange(&declare).unwrap();
    client.bind("idle", "q", "");
    client.try_publish(delayed("idle", "", "b", 100)).unwrap();
    world.commit();
    assert!(memory_bytes(&world) > empty);
    assert_eq!(world.admin().stats().delayed, 2);
    let only_if = DeleteIf {
        empty: true,
        unused: false,
    };
    let refused = world.admin().delete_vhost("/", Expect::Any, only_if);
    assert_eq!(refused.unwrap_err().reason, Reason::NotEmpty);
    let admin = world.admin();
    assert_eq!(admin.delayed("/", "later"), Ok(1));
    let refused = admin.delete_exchange("/", "later", Expect::Any, only_if);
    let words = "exchange 'later' in vhost '/' is not empty: it keeps 1 messages back";
    assert_eq!(refused.unwrap_err().text, words);
    let empty_one = admin.delete_exchange("/", "gone", Expect::Any, only_if);
    assert_eq!(empty_one.unwrap_err().reason, Reason::NotFound);
    client.attachment.delete_exchange("later", false).unwrap();
    // With its last binding.
    client
        .attachment
        .unbind(&binding("idle", Destination::Queue("q"), ""))
        .unwrap();
    assert_eq!(memory_bytes(&world), empty);
    assert_eq!(world.admin().stats().delayed, 0);
    // One of the same name has nothing of it.
    client
        .attachment
        .declare_exchange(&delayed_exchange("later", "direct"))
        .unwrap();
    client.bind("later", "q", "q");
    drop(client);
    let mut world = world.reopen();
    let client = world.client();
    pass_ms(&mut world, 100);
    assert_eq!(client.empty("q"), [""; 0]);
    publish(&client, "c", 1);
    pass_ms(&mut world, 1);
    assert_eq!(client.empty("q"), ["c"]);
}

#[test]
fn a_clock_that_is_set_back_gives_no_place_a_second_time() {
    let mut world = World::new();
    let client = world.client();
    set_up(&client);
    publish(&client, "a", 100);
    world.commit();
    pass_ms(&mut world, 100);
    assert_eq!(client.empty("q"), ["a"]);
    world.commit();
    // The same moment again, counted from the beginning: the journal knows that place as settled.
    let begun = world.clock.now().0 - 100;
    // Times are counted from the last moment that was, and come late for that once.
    let mut world = crashed(&world, begun);
    let client = world.client();
    publish(&client, "b", 100);
    pass_ms(&mut world, 199);
    assert_eq!(client.empty("q"), [""; 0]);
    pass_ms(&mut world, 1);
    assert_eq!(client.empty("q"), ["b"]);
}

/// The broker after a loss of power, at that time.
fn crashed(world: &World, now_ms: u64) -> World {
    let clock = Arc::new(SimClock::new(Timestamp(now_ms)));
    let config = BrokerConfig {
        clock: Arc::<SimClock>::clone(&clock),
        ..world.config.clone()
    };
    let disk = world.disk.after_power_loss(Survival::Nothing);
    World {
        clock,
        ..World::open(disk, config)
    }
}

#[test]
fn many_messages_due_at_one_moment_all_come() {
    let mut world = World::new();
    let client = world.client();
    set_up(&client);
    for n in 0..1500 {
        publish(&client, &format!("{n:04}"), 100);
    }
    world.commit();
    pass_ms(&mut world, 100);
    let found = client.empty("q");
    assert!(found.is_sorted() && found.len() == 1500, "{}", found.len());
}

/// Messages come, wait and go on, with the power going at some disk operation. Answers whether it came
/// to that operation.
fn crash(operation: u64, survival: Survival) -> bool {
    let journal = Options {
        segment_bytes: 48 << 10,
        ..small()
    };
    let mut world = World::with(Limits::default(), journal);
    let client = world.client();
    set_up(&client);
    world.commit();
    let at = world.disk.operations() + operation;
    world.disk.plan(at, Trouble::PowerLoss);
    let promised = live(&mut world, &client);
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
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    // First what had reached its queue before, then what was still to come.
    let before = client.empty("q");
    pass_ms(&mut world, 60_000);
    for body in before.into_iter().chain(client.empty("q")) {
        *found.entry(body).or_default() += 1;
    }
    for (body, lsn) in promised {
        let times = found.remove(&body).unwrap_or_default();
        let context = format!("{} at {operation}, {survival:?}", body.trim_end());
        assert!(times > 0 || lsn > durable, "{context}: it is lost");
        assert!(times < 2, "{context}: it comes {times} times");
    }
    came
}

/// The bodies, and the positions at which they are promised.
fn live(world: &mut World, client: &Client) -> Vec<(String, Lsn)> {
    let mut promised = Vec::new();
    for n in 0..40 {
        let body = format!("{n:<700}");
        let call = delayed("later", "q", &body, 20 + n * 7 % 50);
        if let Ok(Some(lsn)) = client.try_publish(call) {
            promised.push((body, lsn));
        }
        world.clock.pass(Duration::from_millis(3));
        world.broker.on_time();
        if world.writer.turn().is_err() {
            return promised;
        }
        world.broker.committed();
    }
    promised
}

#[test]
fn no_message_is_lost_or_comes_twice_when_power_fails_at_any_operation() {
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
    assert!(operation > 40, "{operation} operations");
}
