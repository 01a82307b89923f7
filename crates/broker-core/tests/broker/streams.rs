//! Streams: messages stay, at offsets that outlast everything, and each reader reads for itself.

use std::collections::VecDeque;

use broker_core::call::{Consume, DeclareQueue, Delivery, Outcome, Publish};
use broker_core::definitions::{ApplyTo, Expect, PolicySpec, QueueStats};
use broker_core::journal::Options;
use broker_core::limits::Limits;
use broker_core::outbox::Wake;
use broker_core::refusal::{Reason, Refusal};
use broker_core::value::{Arguments, Value};

use crate::kit::*;

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(crate) fn stream(client: &Client, name: &str) {
    client.queue_with(name, [("x-queue-type", text("stream"))]);
}

fn try_read(client: &Client, queue: &str, consumer: u64, start: Value) -> Result<(), Refusal> {
    let call = Consume {
        prefetch: 50,
        arguments: Arguments::from([("x-stream-offset".to_owned(), start)]),
        ..consume(queue, consumer)
    };
    client.attachment.consume(&call)
}

/// All that a new reader gets from there, as offsets and bodies. It reads as fast as it can and goes.
pub(crate) fn read(world: &World, queue: &str, start: Value) -> Vec<(u64, String)> {
    let client = world.client();
    try_read(&client, queue, 1, start).unwrap();
    drain(&client)
}

fn drain(client: &Client) -> Vec<(u64, String)> {
    let mut all = Vec::new();
    loop {
        let deliveries = client.deliveries();
        if deliveries.is_empty() {
            return all;
        }
        all.extend(deliveries.iter().map(|it| (it.offset.unwrap(), body(it))));
        client.settle(&deliveries, Outcome::Accept);
    }
}

fn numbered(range: std::ops::Range<u64>) -> Vec<(u64, String)> {
    range.map(|number| (number, number.to_string())).collect()
}

fn publish_all(client: &Client, range: std::ops::Range<u64>) {
    for number in range {
        client.publish("", "s", &number.to_string()).unwrap();
    }
}

fn ready(world: &World, queue: &str) -> u64 {
    let QueueStats { ready, .. } = world.admin().queue("/", queue).unwrap().stats;
    ready
}

/// A world with a stream of so many messages.
fn filled(len: u64) -> (World, Client) {
    let mut world = World::new();
    let client = world.client();
    stream(&client, "s");
    publish_all(&client, 0..len);
    world.commit();
    (world, client)
}

#[test]
fn readers_read_independently_and_again() {
    let (mut world, client) = filled(300);
    assert_eq!(ready(&world, "s"), 300);
    assert_eq!(read(&world, "s", text("first")), numbered(0..300));
    assert_eq!(read(&world, "s", text("first")), numbered(0..300));
    assert_eq!(read(&world, "s", Value::Int(250)), numbered(250..300));
    assert_eq!(read(&world, "s", text("last")), numbered(299..300));
    let reader = world.client();
    try_read(&reader, "s", 1, text("next")).unwrap();
    try_read(&reader, "s", 2, Value::Int(305)).unwrap();
    assert_eq!(drain(&reader), []);
    publish_all(&client, 300..310);
    assert_eq!(drain(&reader), [], "nothing before it is durable");
    world.commit();
    let mut both = drain(&reader);
    both.sort();
    let mut expected = [numbered(300..310), numbered(305..310)].concat();
    expected.sort();
    assert_eq!((both, ready(&world, "s")), (expected, 310));
}

#[test]
fn offsets_are_the_same_after_a_restart_and_go_on() {
    let (world, client) = filled(200);
    drop(client);
    let mut world = world.reopen();
    assert_eq!(ready(&world, "s"), 200);
    assert_eq!(read(&world, "s", Value::Int(150)), numbered(150..200));
    publish_all(&world.client(), 200..220);
    world.commit();
    let world = world.reopen();
    assert_eq!(read(&world, "s", text("first")), numbered(0..220));
}

#[test]
fn what_comes_to_a_stream_is_kept_whatever_its_publisher_asks() {
    let (mut world, client) = filled(0);
    client.queue("classic", true);
    client.exchange("both", "fanout");
    client.bind("both", "s", "");
    client.bind("both", "classic", "");
    client.try_publish(publish("both", "", "0", false)).unwrap();
    client.try_publish(message("both", "", "1")).unwrap();
    world.commit();
    drop(client);
    let world = world.reopen();
    assert_eq!(read(&world, "s", text("first")), numbered(0..2));
    assert_eq!(world.client().empty("classic"), ["1"]);
}

#[test]
fn a_consumer_gets_as_much_as_it_may_hold() {
    let (world, _client) = filled(100);
    let reader = world.client();
    let call = Consume {
        prefetch: 3,
        arguments: Arguments::from([("x-stream-offset".to_owned(), text("first"))]),
        ..consume("s", 1)
    };
    reader.attachment.consume(&call).unwrap();
    let offsets = |all: &[Delivery]| all.iter().filter_map(|it| it.offset).collect::<Vec<_>>();
    let first = reader.deliveries();
    assert_eq!(offsets(&first), [0, 1, 2]);
    // Whatever the word is: the message stays, and its reader goes on.
    reader.settle(&first[..1], Outcome::Requeue);
    reader.settle(&first[1..2], Outcome::Reject);
    assert_eq!(offsets(&reader.deliveries()), [3, 4]);
    assert_eq!(ready(&world, "s"), 100);
    reader.attachment.cancel(call.consumer);
    reader.settle(&first[2..], Outcome::Accept);
    assert_eq!(reader.deliveries().len(), 0);
}

#[test]
fn who_reads_a_long_stream_does_other_things_in_between() {
    let (world, client) = filled(5000);
    drop(client);
    // Nothing is in memory.
    let world = world.reopen();
    let client = world.client();
    let call = Consume {
        prefetch: 60_000,
        arguments: Arguments::from([("x-stream-offset".to_owned(), text("first"))]),
        ..consume("s", 1)
    };
    client.attachment.consume(&call).unwrap();
    let (mut all, mut most) = (Vec::new(), 0);
    loop {
        let deliveries = client.deliveries();
        if deliveries.is_empty() {
            break;
        }
        most = most.max(deliveries.len());
        all.extend(deliveries.iter().map(|it| (it.offset.unwrap(), body(it))));
    }
    assert_eq!(all, numbered(0..5000));
    assert!(most < 2000, "{most} in one go");
}

/// Panics when it is woken.
#[derive(Debug)]
struct Fragile;

impl Wake for Fragile {
    fn wake(&self) {
        panic!("a connection's own fault");
    }
}

#[test]
fn a_panic_elsewhere_takes_no_offset_from_a_stream() {
    let mut world = World::new();
    let client = world.client();
    client.exchange("both", "fanout");
    // Before the stream in every order there is.
    client.queue("a", true);
    stream(&client, "s");
    client.bind("both", "a", "");
    client.bind("both", "s", "");
    try_read(&client, "s", 1, text("first")).unwrap();
    let fragile = Box::new(Fragile);
    let fragile = world
        .broker
        .attach(&login(), "/", "fragile".into(), fragile);
    let fragile = fragile.unwrap();
    let call = Consume {
        auto_settle: true,
        ..consume("a", 1)
    };
    fragile.consume(&call).unwrap();
    // Nothing in `a` waits for the disk.
    let transient = publish("both", "", "2", false);
    let does_panic = |work: &dyn Fn()| {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        assert!(caught.is_err(), "the test has lost its point");
        // It is woken when the first event comes.
        fragile.outbox().drain(&mut Vec::new());
    };
    does_panic(&|| drop(client.attachment.publish_one(transient.clone())));
    does_panic(&|| {
        let mut batch = VecDeque::from([transient.clone(), message("", "s", "3")]);
        drop(client.attachment.publish(&mut batch, &mut Vec::new()));
    });
    does_panic(&|| {
        let both = [transient.clone(), message("", "s", "4")];
        drop(client.attachment.commit(&both, &[]));
    });
    client.publish("", "s", "5");
    world.commit();
    let read = drain(&client);
    let offsets: Vec<_> = read.iter().map(|(offset, _)| *offset).collect();
    assert_eq!(offsets, (0..read.len() as u64).collect::<Vec<_>>());
    assert_eq!(read.last().unwrap().1, "5");
}

#[test]
fn a_reader_begins_at_a_time() {
    let mut world = World::new();
    let client = world.client();
    stream(&client, "s");
    for number in 0..100 {
        client.publish("", "s", &number.to_string()).unwrap();
        world.pass_ms(60_000);
    }
    world.commit();
    let start = 1_700_000_000;
    for (seconds, offset) in [
        (0, 0),
        (start + 1, 1),
        (start + 60 * 40 + 1, 41),
        (start * 2, 100),
    ] {
        let from = read(&world, "s", Value::Timestamp(seconds));
        assert_eq!(from, numbered(offset..100), "{seconds}");
    }
    assert_eq!(read(&world, "s", text("1h")), numbered(40..100));
    drop(client);
    let world = world.reopen();
    assert_eq!(read(&world, "s", text("10m")), numbered(90..100));
}

#[test]
fn what_a_stream_does_not_offer_is_refused() {
    let (world, client) = filled(1);
    let refused = |refusal: Refusal| (refusal.reason, refusal.text);
    let purged = client.attachment.purge_queue("s").unwrap_err();
    let text_of = |what: &str| format!("{what} queue 's' in vhost '/'");
    let words = text_of("queue.purge not supported by stream queues");
    assert_eq!(refused(purged), (Reason::NotImplemented, words));
    let purged = world.admin().purge_queue("/", "s").unwrap_err();
    assert_eq!(purged.reason, Reason::NotImplemented);
    let got = client.attachment.get("s", true).unwrap_err();
    let words = text_of("basic.get not supported by stream queues");
    assert_eq!(refused(got), (Reason::NotImplemented, words));
    let no_prefetch = client.attachment.consume(&consume("s", 1)).unwrap_err();
    let words = text_of("consumer prefetch count is not set for stream");
    assert_eq!(refused(no_prefetch), (Reason::Invalid, words));
    let automatic = Consume {
        auto_settle: true,
        prefetch: 1,
        ..consume("s", 1)
    };
    let automatic = client.attachment.consume(&automatic).unwrap_err();
    let words = text_of("automatic acknowledgement not supported by stream");
    assert_eq!(refused(automatic), (Reason::NotImplemented, words));
    let place = try_read(&client, "s", 1, text("soon")).unwrap_err();
    assert_eq!(place.reason, Reason::Invalid);
    client.queue("q", true);
    let place = try_read(&client, "q", 1, text("first")).unwrap_err();
    assert_eq!(place.reason, Reason::Invalid);
    assert_eq!(read(&world, "s", text("first")), numbered(0..1));
}

/// Declares the stream `s` with one argument more.
fn declare(name: &str, value: Value) -> DeclareQueue<'static> {
    let kind = ("x-queue-type".to_owned(), text("stream"));
    DeclareQueue {
        arguments: [kind, (name.to_owned(), value)].into(),
        ..queue("s", true)
    }
}

#[test]
fn a_stream_is_durable_and_shared() {
    let world = World::new();
    let client = world.client();
    let plain = || declare("owner", text("us"));
    for (call, property) in [
        (
            DeclareQueue {
                durable: false,
                ..plain()
            },
            "'non-durable'",
        ),
        (
            DeclareQueue {
                exclusive: true,
                ..plain()
            },
            "'exclusive-owner'",
        ),
        (
            DeclareQueue {
                auto_delete: true,
                ..plain()
            },
            "'auto-delete'",
        ),
    ] {
        let refusal = client.try_queue(call).unwrap_err();
        let words = format!("invalid property {property} for queue 's' in vhost '/'");
        assert_eq!((refusal.reason, refusal.text), (Reason::Invalid, words));
    }
    let nameless = DeclareQueue {
        name: "",
        ..plain()
    };
    let refused = client.try_queue(nameless).unwrap_err();
    assert!(refused.text.contains("server-named"));
}

#[test]
fn a_stream_has_arguments_of_its_own() {
    let world = World::new();
    let client = world.client();
    for (name, value) in [
        ("x-message-ttl", Value::Int(1)),
        ("x-max-length", Value::Int(1)),
        ("x-dead-letter-exchange", text("x")),
        ("x-max-priority", Value::Int(1)),
        ("x-expires", Value::Int(1)),
        ("x-single-active-consumer", Value::Bool(true)),
        ("x-durability", text("memory")),
        ("x-max-age", text("7 days")),
        ("x-max-length-bytes", Value::Int(-1)),
        ("x-stream-max-segment-size-bytes", Value::Int(4_000_000_000)),
    ] {
        let refusal = client.try_queue(declare(name, value)).unwrap_err();
        assert_eq!(refusal.reason, Reason::Invalid, "{name}: {}", refusal.text);
    }
    let foreign = DeclareQueue {
        arguments: [("x-max-age".to_owned(), text("7D"))].into(),
        ..queue("q", true)
    };
    assert_eq!(
        client.try_queue(foreign).unwrap_err().reason,
        Reason::Invalid
    );
    client.queue_with(
        "s",
        [
            ("x-queue-type", text("stream")),
            ("x-max-age", text("7D")),
            ("x-max-length-bytes", Value::Int(1 << 30)),
            ("x-stream-max-segment-size-bytes", Value::Int(1 << 20)),
            ("x-initial-cluster-size", Value::Int(3)),
            ("x-queue-leader-locator", text("client-local")),
        ],
    );
}

#[test]
fn the_oldest_go_when_there_is_too_much() {
    let mut world = World::new();
    let client = world.client();
    // A body of 100 bytes, its key and its properties.
    let limit = Value::Int(103 * 10);
    client.queue_with(
        "s",
        [
            ("x-queue-type", text("stream")),
            ("x-max-length-bytes", limit),
        ],
    );
    let body = |number: u64| format!("{number:0100}");
    for number in 0..50 {
        client.publish("", "s", &body(number)).unwrap();
        if number % 7 == 0 {
            world.commit();
            assert!(ready(&world, "s") <= 10);
        }
    }
    world.commit();
    let expected: Vec<_> = (40..50).map(|number| (number, body(number))).collect();
    assert_eq!(read(&world, "s", text("first")), expected);
    assert_eq!(read(&world, "s", Value::Int(0)), expected);
    drop(client);
    let mut world = world.reopen();
    assert_eq!(read(&world, "s", text("first")), expected);
    // A policy that allows less holds at once; the newest message stays whatever it says.
    put_policy(&world, [("max-length-bytes", Value::Int(300))]);
    assert_eq!(read(&world, "s", text("first")), expected[8..]);
    put_policy(&world, [("max-length-bytes", Value::Int(0))]);
    world.commit();
    let mut world = world.reopen();
    assert_eq!(read(&world, "s", text("first")), expected[9..]);
    let client = world.client();
    client.publish("", "s", &body(50)).unwrap();
    world.commit();
    assert_eq!(read(&world, "s", text("first")), [(50, body(50))]);
}

fn put_policy<const N: usize>(world: &World, definition: [(&str, Value); N]) {
    let spec = PolicySpec {
        vhost: "/".into(),
        name: "p".into(),
        operator: false,
        pattern: "".into(),
        apply_to: ApplyTo::Streams,
        priority: 0,
        definition: definition
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
    };
    world.admin().put_policy(&spec, Expect::Any).unwrap();
}

#[test]
fn the_oldest_go_when_they_are_too_old() {
    let mut world = World::new();
    let client = world.client();
    client.queue_with(
        "s",
        [("x-queue-type", text("stream")), ("x-max-age", text("1h"))],
    );
    for number in 0..100 {
        client.publish("", "s", &number.to_string()).unwrap();
        world.commit();
        world.pass_ms(60_000);
    }
    assert_eq!(read(&world, "s", text("first")), numbered(40..100));
    // Nobody publishes any more, and time goes on.
    world.pass_ms(30 * 60_000);
    assert_eq!(read(&world, "s", text("first")), numbered(70..100));
    drop(client);
    let mut world = world.reopen();
    world.pass_ms(10 * 60_000);
    assert_eq!(read(&world, "s", text("first")), numbered(80..100));
    // A policy may only shorten it.
    put_policy(&world, [("max-age", text("2h"))]);
    world.pass_ms(1000);
    assert_eq!(ready(&world, "s"), 19);
    put_policy(&world, [("max-age", text("10m"))]);
    world.pass_ms(1000);
    assert_eq!(ready(&world, "s"), 1, "the newest stays");
    world.commit();
    let world = world.reopen();
    assert_eq!(read(&world, "s", text("first")), numbered(99..100));
}

#[test]
fn a_dead_letter_and_a_transaction_may_end_in_a_stream() {
    let (mut world, client) = filled(2);
    let dead = [
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text("s")),
    ];
    client.queue_with("q", dead);
    client.publish("", "q", "2").unwrap();
    world.commit();
    client.consume("q", 7, 0);
    client.settle(&client.deliveries(), Outcome::Reject);
    let publishes: Vec<Publish> = (3..6).map(|it| message("", "s", &it.to_string())).collect();
    client.attachment.commit(&publishes, &[]).unwrap();
    world.commit();
    assert_eq!(read(&world, "s", text("first")), numbered(0..6));
    drop(client);
    assert_eq!(read(&world.reopen(), "s", text("first")), numbered(0..6));
}

#[test]
fn a_refused_publish_leaves_no_gap() {
    let (mut world, client) = filled(3);
    let large = "x".repeat(100_000);
    assert!(
        client.try_publish(message("", "s", &large)).is_err(),
        "larger than a segment"
    );
    let too_large = [message("", "s", "a"), message("", "s", &large)];
    assert!(client.attachment.commit(&too_large, &[]).is_err());
    publish_all(&client, 3..5);
    world.commit();
    assert_eq!(read(&world, "s", text("first")), numbered(0..5));
}

#[test]
fn a_stream_that_is_deleted_goes_with_all_in_it() {
    let (mut world, client) = filled(50);
    let reader = world.client();
    try_read(&reader, "s", 1, text("first")).unwrap();
    assert!(
        client.attachment.delete_queue("s", true, false).is_err(),
        "it is in use"
    );
    assert_eq!(
        client.attachment.delete_queue("s", false, false).unwrap().0,
        50
    );
    assert!(!reader.events().is_empty());
    stream(&client, "s");
    publish_all(&client, 0..2);
    world.commit();
    drop((client, reader));
    assert_eq!(read(&world.reopen(), "s", text("first")), numbered(0..2));
}

#[test]
fn the_journal_stays_short_around_a_stream_and_loses_nothing_of_it() {
    let options = Options {
        segment_bytes: 32 << 10,
        ..small()
    };
    let mut world = World::with(Limits::default(), options);
    let client = world.client();
    stream(&client, "s");
    client.queue("q", true);
    let large = "x".repeat(2000);
    // Ten times what may be kept, of which the stream has little.
    for number in 0..1000 {
        if number % 5 == 0 {
            client.publish("", "s", &(number / 5).to_string()).unwrap();
        }
        client.publish("", "q", &large).unwrap();
        world.commit();
        client.empty("q");
    }
    world.commit();
    let kept: usize = world.disk.contents().values().map(Vec::len).sum();
    assert!(kept < 600 << 10, "{kept} bytes are kept");
    assert_eq!(read(&world, "s", text("first")), numbered(0..200));
    drop(client);
    let world = world.reopen();
    assert_eq!(read(&world, "s", text("first")), numbered(0..200));
}

#[test]
fn messages_can_be_moved_into_a_stream_and_not_out_of_it() {
    let (mut world, client) = filled(1);
    client.queue("q", true);
    client.publish("", "q", "1").unwrap();
    world.commit();
    let drained = world.admin().drain_queue("/", "s", "q", Expect::Any);
    assert_eq!(drained.unwrap_err().reason, Reason::NotImplemented);
    let drained = world
        .admin()
        .drain_queue("/", "q", "s", Expect::Any)
        .unwrap();
    assert_eq!(drained.moved, 1);
    world.commit();
    assert_eq!(read(&world, "s", text("first")), numbered(0..2));
}
