//! Messages that die in one queue and go on to another.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use broker_core::broker::Broker;
use broker_core::call::{ConsumerId, DeclareExchange, DeclareQueue, Delivery, Outcome, Published};
use broker_core::journal::{Lsn, Options, Survival, Trouble};
use broker_core::limits::Limits;
use broker_core::message::Properties;
use broker_core::refusal::Reason;
use broker_core::session::amqp091::named_properties;
use broker_core::value::{Arguments, Value};

use crate::kit::{Client, USER, World, exchange, expiring, login, message, publish, queue, small};

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// Dead letters go to that queue.
fn to_queue(name: &str) -> [(&'static str, Value); 2] {
    [
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text(name)),
    ]
}

fn with<const N: usize>(
    arguments: [(&'static str, Value); 2],
    more: [(&'static str, Value); N],
) -> DeclareQueue<'static> {
    let all = arguments.into_iter().chain(more);
    DeclareQueue {
        arguments: all.map(|(name, value)| (name.to_owned(), value)).collect(),
        ..queue("src", true)
    }
}

/// A queue `src` whose dead letters go to `dead`.
fn pair(client: &Client) {
    client.queue("dead", true);
    client.queue_with("src", to_queue("dead"));
}

fn take(client: &Client, queue: &str) -> Delivery {
    client.attachment.get(queue, false).unwrap().unwrap().0
}

fn reject_first(client: &Client, queue: &str) {
    client.settle(&[take(client, queue)], Outcome::Reject);
}

/// Count, reason and queue of each entry of `x-death`.
fn deaths(delivery: &Delivery) -> Vec<String> {
    let Properties::Amqp091(raw) = &delivery.message.envelope.properties;
    let named = named_properties(raw).unwrap();
    let Some(Value::Map(headers)) = named.get("headers") else {
        return Vec::new();
    };
    let Some(Value::List(list)) = headers.get("x-death") else {
        return Vec::new();
    };
    let entry = |value: &Value| match value {
        Value::Map(it) => format!("{} {} {}", it["count"], it["reason"], it["queue"]),
        other => panic!("{other}"),
    };
    list.iter().map(entry).collect()
}

#[test]
fn each_way_to_die_has_its_name() {
    let mut world = World::new();
    let client = world.client();
    client.queue("dead", true);
    let most = ("x-max-length", Value::Int(1));
    client.try_queue(with(to_queue("dead"), [most])).unwrap();
    client.publish("", "src", "rejected");
    world.commit();
    reject_first(&client, "src");
    client
        .try_publish(expiring("src", "expired", "10", true))
        .unwrap();
    world.pass_ms(10);
    client.publish("", "src", "too old");
    client.publish("", "src", "kept");
    world.commit();
    for (body, reason) in [
        ("rejected", "rejected"),
        ("expired", "expired"),
        ("too old", "maxlen"),
    ] {
        let dead = take(&client, "dead");
        assert_eq!(crate::kit::body(&dead), body);
        assert_eq!(deaths(&dead), [format!("1 {reason} src")]);
        assert!(!dead.redelivered);
    }
    assert_eq!(client.empty("src"), ["kept"]);
}

#[test]
fn a_dead_letter_keeps_its_key_unless_it_gets_another() {
    let world = World::new();
    let client = world.client();
    client.exchange("dlx", "direct");
    client.queue("by key", true);
    client.bind("dlx", "by key", "src");
    client.queue_with("src", [("x-dead-letter-exchange", text("dlx"))]);
    client.try_publish(publish("", "src", "a", false)).unwrap();
    reject_first(&client, "src");
    let dead = take(&client, "by key");
    let envelope = &dead.message.envelope;
    assert_eq!(
        (&*envelope.exchange, &*envelope.routing_key),
        ("dlx", "src")
    );
    assert!(!envelope.persistent);
}

#[test]
fn an_exchange_closed_to_publishers_takes_dead_letters() {
    let world = World::new();
    let client = world.client();
    let internal = DeclareExchange {
        internal: true,
        ..exchange("dlx", "fanout")
    };
    client.attachment.declare_exchange(&internal).unwrap();
    client.queue("dead", true);
    client.bind("dlx", "dead", "");
    client.queue_with("src", [("x-dead-letter-exchange", text("dlx"))]);
    client.try_publish(publish("", "src", "a", false)).unwrap();
    reject_first(&client, "src");
    assert_eq!(client.empty("dead"), ["a"]);
    let refused = client.try_publish(publish("dlx", "", "b", false));
    assert_eq!(refused.unwrap_err().reason, Reason::AccessRefused);
}

#[test]
fn without_an_exchange_or_a_queue_to_go_to_they_are_gone() {
    let mut world = World::new();
    let client = world.client();
    for (name, exchange) in [("one", "no such exchange"), ("two", "amq.direct")] {
        client.queue_with(name, [("x-dead-letter-exchange", text(exchange))]);
        client.publish("", name, "a");
        world.commit();
        reject_first(&client, name);
        let stats = world.admin().queue("/", name).unwrap().stats;
        assert_eq!((stats.ready, stats.unsettled), (0, 0));
    }
    drop(client);
    let world = world.reopen();
    assert_eq!(world.client().empty("one"), [""; 0]);
}

#[test]
fn what_is_turned_away_goes_on_too_where_that_is_wanted() {
    let world = World::new();
    let client = world.client();
    client.queue("dead", true);
    let more = [
        ("x-max-length", Value::Int(1)),
        ("x-overflow", text("reject-publish-dlx")),
    ];
    client.try_queue(with(to_queue("dead"), more)).unwrap();
    for body in ["a", "b"] {
        client
            .attachment
            .publish_one(publish("", "src", body, false))
            .unwrap();
    }
    let dead = take(&client, "dead");
    assert_eq!(crate::kit::body(&dead), "b");
    assert_eq!(deaths(&dead), ["1 maxlen src"]);
    assert_eq!(client.empty("src"), ["a"]);
}

#[test]
fn a_round_without_a_consumer_ends_and_one_with_a_consumer_goes_on() {
    let world = World::new();
    let client = world.client();
    let ttl = ("x-message-ttl", Value::Int(10));
    client
        .try_queue(with(to_queue("back"), [ttl.clone()]))
        .unwrap();
    client.queue_with(
        "back",
        [to_queue("src")[0].clone(), to_queue("src")[1].clone(), ttl],
    );
    client.try_publish(publish("", "src", "a", false)).unwrap();
    world.pass_ms(10);
    let count = |queue| world.admin().queue("/", queue).unwrap().stats.ready;
    assert_eq!((count("src"), count("back")), (0, 1));
    // Nobody has looked at it since it was in `src`.
    world.pass_ms(10);
    assert_eq!((count("src"), count("back")), (0, 0));
    // A consumer's word makes it a new round.
    client.try_publish(publish("", "src", "b", false)).unwrap();
    for _ in 0..3 {
        world.pass_ms(10);
        reject_first(&client, "back");
    }
    let there = take(&client, "src");
    assert_eq!(deaths(&there), ["3 rejected back", "3 expired src"]);
}

#[test]
fn a_message_dies_in_many_queues_in_a_row() {
    let mut world = World::new();
    let client = world.client();
    client.queue("q5", true);
    for n in (0..5).rev() {
        let next = format!("q{}", n + 1);
        let arguments = to_queue(&next)
            .into_iter()
            .chain([("x-message-ttl", Value::Int(0))]);
        let call = DeclareQueue {
            arguments: arguments
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            ..queue("", true)
        };
        let name = format!("q{n}");
        client
            .try_queue(DeclareQueue {
                name: &name,
                ..call
            })
            .unwrap();
    }
    client.publish("", "q0", "a");
    world.pass_ms(0);
    world.commit();
    let dead = take(&client, "q5");
    assert_eq!(deaths(&dead).len(), 5);
    assert_eq!(deaths(&dead)[4], "1 expired q0");
}

#[test]
fn who_declares_must_be_able_to_pass_messages_on() {
    let world = World::new();
    for (permissions, allowed) in [
        ([".*", "^dlx$", "^src$"], true),
        ([".*", "^$", "^src$"], false),
        ([".*", "^dlx$", "^$"], false),
    ] {
        world.permit(USER, "/", permissions);
        let client = world.client();
        let arguments = Arguments::from([("x-dead-letter-exchange".to_owned(), text("dlx"))]);
        let call = DeclareQueue {
            arguments,
            ..queue("src", true)
        };
        let declared = client.try_queue(call.clone());
        let reason = declared.as_ref().err().map(|refusal| refusal.reason);
        assert_eq!(reason, (!allowed).then_some(Reason::AccessRefused));
        if allowed {
            // One that is there already is only compared.
            world.permit(USER, "/", [".*", "^$", "^$"]);
            client.try_queue(call).unwrap();
            world.permit(USER, "/", [".*", ".*", ".*"]);
            client.attachment.delete_queue("src", false, false).unwrap();
        }
    }
}

/// Publishes to the queue `filler` until the disk takes no more.
fn fill_up(world: &mut World, client: &Client) {
    world.disk.set_capacity_bytes(0);
    while client
        .try_publish(message("", "filler", &"x".repeat(100)))
        .is_ok()
    {
        world.commit();
    }
}

/// A backlog that only the journal has stays there but for some, however it is noticed that it has
/// expired.
fn a_backlog_dies_little_by_little(notice: impl Fn(&World, &Client)) {
    const LEN: usize = 1000;
    let journal = Options {
        segment_bytes: 64 << 10,
        ..small()
    };
    let mut world = World::with(Limits::default(), journal);
    let client = world.client();
    client.queue("dead", true);
    client.queue("filler", true);
    let ttl = ("x-message-ttl", Value::Int(1000));
    client.try_queue(with(to_queue("dead"), [ttl])).unwrap();
    for n in 0..LEN {
        client.publish("", "src", &n.to_string());
        world.commit();
    }
    drop(client);
    world = world.reopen();
    let client = world.client();
    fill_up(&mut world, &client);
    world.clock.pass(Duration::from_millis(1000));
    notice(&world, &client);
    let stats = |world: &World| world.admin().queue("/", "src").unwrap().stats;
    // In memory are those that are on their way.
    let on_their_way = stats(&world).unsettled;
    assert!((200..400).contains(&on_their_way), "{on_their_way}");
    world.disk.set_capacity_bytes(u64::MAX);
    client.empty("filler");
    // A segment takes only so much before the next one is there.
    for _ in 0..20 {
        world.commit();
        world.pass_ms(0);
    }
    world.commit();
    let dead: Vec<_> = (0..LEN).map(|n| n.to_string()).collect();
    assert_eq!(client.empty("dead"), dead);
    assert_eq!(stats(&world).unsettled, 0);
    assert_eq!(stats(&world).ready, 0);
}

#[test]
fn an_expired_backlog_dies_little_by_little() {
    a_backlog_dies_little_by_little(|world, _| world.pass_ms(0));
    // Whoever asks for messages does not bring it all back either.
    a_backlog_dies_little_by_little(|_, client| {
        assert!(client.attachment.get("src", false).unwrap().is_none());
    });
    a_backlog_dies_little_by_little(|_, client| {
        client.consume("src", 1, 0);
        client.attachment.cancel(ConsumerId(1));
        assert!(client.deliveries().is_empty());
    });
}

#[test]
fn many_dead_letters_are_several_calls_and_none_of_the_writers_work() {
    let mut world = World::new();
    let client = world.client();
    pair(&client);
    for n in 0..600 {
        let transient = expiring("src", &n.to_string(), "10", false);
        client.try_publish(transient).unwrap();
    }
    world.clock.pass(Duration::from_millis(10));
    let buried = |world: &World| world.admin().queue("/", "dead").unwrap().stats.ready;
    assert_eq!(world.broker.on_time(), Some(Duration::ZERO));
    assert_eq!(buried(&world), 256);
    client.queue("something to commit", true);
    world.commit();
    assert_eq!(buried(&world), 256);
    assert_eq!(world.broker.on_time(), Some(Duration::ZERO));
    assert_eq!(world.broker.on_time(), None);
    assert_eq!(buried(&world), 600);
}

#[test]
fn what_is_turned_away_takes_memory_while_it_waits_for_the_disk() {
    let mut world = World::new();
    let client = world.client();
    client.queue("dead", true);
    client.queue("filler", true);
    let more = [
        ("x-max-length", Value::Int(0)),
        ("x-overflow", text("reject-publish-dlx")),
    ];
    client.try_queue(with(to_queue("dead"), more)).unwrap();
    fill_up(&mut world, &client);
    let bytes = |world: &World| world.admin().stats().memory_bytes;
    let before = bytes(&world);
    let turned_away = message("", "src", &"x".repeat(10_000));
    let told = client.attachment.publish_one(turned_away).unwrap();
    assert!(matches!(told, Published::Refused));
    assert!(bytes(&world) >= before + 10_000);
}

#[test]
fn a_dead_letter_waits_in_its_queue_while_the_disk_is_full() {
    let journal = Options {
        segment_bytes: 64 << 10,
        ..small()
    };
    let mut world = World::with(Limits::default(), journal);
    let client = world.client();
    pair(&client);
    client.queue("filler", true);
    client.publish("", "src", "a");
    world.commit();
    let held = take(&client, "src");
    fill_up(&mut world, &client);
    client.settle(&[held], Outcome::Reject);
    world.commit();
    let stats = |world: &World| world.admin().queue("/", "src").unwrap().stats;
    assert_eq!((stats(&world).ready, stats(&world).unsettled), (0, 1));
    assert_eq!(client.empty("dead"), [""; 0]);
    // A crash now finds it where it was.
    let disk = world.disk.after_power_loss(Survival::Nothing);
    let recovered = World::open(disk, world.config.clone());
    let again = recovered.try_client(&login(), "/").unwrap();
    assert_eq!(
        (again.empty("src"), again.empty("dead")),
        (vec!["a".into()], vec![])
    );
    world.disk.set_capacity_bytes(u64::MAX);
    client.empty("filler");
    world.commit();
    world.broker.on_time();
    world.commit();
    assert_eq!(stats(&world).unsettled, 0);
    assert_eq!(client.empty("dead"), ["a"]);
}

#[test]
fn a_deleted_queue_lets_its_dead_letters_go_first() {
    let mut world = World::new();
    let client = world.client();
    pair(&client);
    client.publish("", "src", "a");
    world.commit();
    reject_first(&client, "src");
    client.attachment.delete_queue("src", false, true).unwrap();
    world.commit();
    assert_eq!(client.empty("dead"), ["a"]);
}

/// Messages come, and are rejected or trimmed or expire, with the power going at some disk operation.
/// Answers whether it came to that operation.
fn crash(operation: u64, survival: Survival) -> bool {
    let journal = Options {
        segment_bytes: 48 << 10,
        ..small()
    };
    let mut world = World::with(Limits::default(), journal);
    let client = world.client();
    client.queue("dead", true);
    let more = [
        ("x-max-length", Value::Int(3)),
        ("x-message-ttl", Value::Int(50)),
    ];
    client.try_queue(with(to_queue("dead"), more)).unwrap();
    world.commit();
    let at = world.disk.operations() + operation;
    world.disk.plan(at, Trouble::PowerLoss);
    let promised = live(&mut world, &client);
    let durable = world.broker.durable();
    let came = world.disk.operations() > at;
    let disk = world.disk.after_power_loss(survival);
    let config = world.config.clone();
    drop((client, world));
    let opened = Broker::open(&config, Arc::new(disk.clone())).unwrap();
    let mut world = World::open_with(opened, disk, config);
    // What has expired in the first queue goes on as soon as it comes back.
    world.pass_ms(0);
    world.commit();
    let client = world.try_client(&login(), "/").unwrap();
    let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    // Not by `empty`: what is expired meanwhile would go.
    for queue in ["dead", "src"] {
        for body in client.empty(queue) {
            found.entry(body).or_default().push(queue);
        }
    }
    for (body, lsn) in promised {
        let places = found.remove(&body).unwrap_or_default();
        let context = format!("{} at {operation}, {survival:?}", body.trim_end());
        assert!(!places.is_empty() || lsn > durable, "{context}: it is lost");
        assert!(
            [&["src"][..], &["dead"], &[]].contains(&&places[..]),
            "{context}: it is in {places:?}"
        );
    }
    came
}

/// The bodies, and the positions at which they are promised.
fn live(world: &mut World, client: &Client) -> Vec<(String, Lsn)> {
    let mut promised = Vec::new();
    for n in 0..40 {
        let body = format!("{n:<700}");
        if let Ok(Some(lsn)) = client.try_publish(message("", "src", &body)) {
            promised.push((body, lsn));
        }
        if n % 3 == 0
            && let Ok(Some((delivery, _))) = client.attachment.get("src", false)
        {
            client.settle(&[delivery], Outcome::Reject);
        }
        if n % 10 == 9 {
            world.clock.pass(Duration::from_millis(60));
            world.broker.on_time();
        }
        if world.writer.turn().is_err() {
            return promised;
        }
        world.broker.committed();
    }
    promised
}

#[test]
fn no_dead_letter_is_lost_or_doubled_when_power_fails_at_any_operation() {
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
