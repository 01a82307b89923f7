//! Declaring, binding and routing.

use broker_core::call::{DeclareExchange, DeclareQueue, Destination, Published};
use broker_core::limits::Limits;
use broker_core::refusal::{Reason, Refusal};
use broker_core::value::{Arguments, Value};

use crate::kit::{Client, World, binding, exchange, message, publish, queue, small};

/// Declares queues `1` to `count`.
fn with_queues(world: &World, count: usize) -> Client {
    let client = world.client();
    (1..=count).for_each(|n| client.queue(&n.to_string(), false));
    client
}

/// Publishes once and says which queues got the message, how often.
fn reached(client: &Client, exchange: &str, key: &str, count: usize) -> Vec<String> {
    client.publish(exchange, key, "m");
    let call = |n: &usize| client.empty(&n.to_string()).len();
    (1..=count)
        .flat_map(|n| std::iter::repeat_n(n.to_string(), call(&n)))
        .collect()
}

fn bind_exchanges(client: &Client, source: &str, destination: &str, key: &str) {
    let call = binding(source, Destination::Exchange(destination), key);
    client.attachment.bind(&call).unwrap();
}

#[test]
fn the_default_exchange_reaches_the_queue_of_that_name() {
    let world = World::new();
    let client = with_queues(&world, 2);
    client.try_publish(publish("", "2", "m", false)).unwrap();
    assert_eq!(client.empty("2"), ["m"]);
    let missing = client
        .attachment
        .publish_one(message("", "missing", "back"))
        .unwrap();
    let Published::Unroutable(message) = missing else {
        panic!("{missing:?}")
    };
    assert_eq!(&message.body[..], b"back");
}

#[test]
fn exchanges_feed_exchanges_and_cycles_end() {
    let world = World::new();
    let client = with_queues(&world, 3);
    for (name, kind) in [("a", "topic"), ("b", "fanout"), ("c", "direct")] {
        client.exchange(name, kind);
    }
    client.bind("a", "1", "x.#");
    client.bind("a", "1", "#.y");
    client.bind("b", "2", "");
    client.bind("c", "3", "x.y");
    client.bind("c", "1", "x.y");
    bind_exchanges(&client, "a", "b", "x.*");
    bind_exchanges(&client, "b", "c", "");
    bind_exchanges(&client, "c", "a", "x.y");
    for entry in ["a", "b", "c"] {
        assert_eq!(
            reached(&client, entry, "x.y", 3),
            ["1", "2", "3"],
            "from {entry}"
        );
    }
    assert_eq!(reached(&client, "c", "other", 3), [""; 0]);
    assert_eq!(reached(&client, "a", "z.y", 3), ["1"]);
    let call = binding("b", Destination::Exchange("c"), "");
    client.attachment.unbind(&call).unwrap();
    assert_eq!(reached(&client, "a", "x.y", 3), ["1", "2"]);
}

#[test]
fn bindings_that_differ_in_arguments_are_two_and_deliver_once() {
    let world = World::new();
    let client = with_queues(&world, 1);
    client.exchange("d", "direct");
    let mut call = binding("d", Destination::Queue("1"), "k");
    client.attachment.bind(&call).unwrap();
    client.attachment.bind(&call).unwrap();
    call.arguments.insert("note".into(), Value::Int(1));
    client.attachment.bind(&call).unwrap();
    assert_eq!(world.admin().bindings("/").unwrap().len(), 2);
    assert_eq!(reached(&client, "d", "k", 1), ["1"]);
    client.attachment.unbind(&call).unwrap();
    assert_eq!(reached(&client, "d", "k", 1), ["1"]);
    client.bind("d", "1", "k");
    client
        .attachment
        .unbind(&binding("d", Destination::Queue("1"), "k"))
        .unwrap();
    assert_eq!(reached(&client, "d", "k", 1), [""; 0]);
}

#[test]
fn auto_delete_exchanges_go_with_their_last_binding_one_after_the_other() {
    let world = World::new();
    let client = with_queues(&world, 1);
    for name in ["first", "second"] {
        let call = DeclareExchange {
            auto_delete: true,
            ..exchange(name, "fanout")
        };
        client.attachment.declare_exchange(&call).unwrap();
    }
    bind_exchanges(&client, "first", "second", "");
    client.bind("second", "1", "");
    client.attachment.delete_queue("1", false, false).unwrap();
    let names: Vec<_> = world
        .admin()
        .exchanges("/")
        .unwrap()
        .into_iter()
        .map(|e| e.value.name)
        .collect();
    let presets = ["", "direct", "fanout", "headers", "match", "topic"];
    let presets = presets.map(|name| match name {
        "" => String::new(),
        name => format!("amq.{name}"),
    });
    assert_eq!(names, presets);
    assert!(world.admin().bindings("/").unwrap().is_empty());
}

#[test]
fn deleting_an_exchange_takes_its_bindings_on_both_sides() {
    let world = World::new();
    let client = with_queues(&world, 1);
    for name in ["a", "b", "c"] {
        client.exchange(name, "fanout");
    }
    bind_exchanges(&client, "a", "b", "");
    bind_exchanges(&client, "b", "c", "");
    client.bind("c", "1", "");
    client.bind("b", "1", "");
    assert_eq!(
        client
            .attachment
            .delete_exchange("b", true)
            .unwrap_err()
            .reason,
        Reason::InUse
    );
    client.attachment.delete_exchange("b", false).unwrap();
    client.attachment.delete_exchange("b", false).unwrap();
    assert_eq!(world.admin().bindings("/").unwrap().len(), 1);
    client.exchange("b", "fanout");
    assert_eq!(
        reached(&client, "a", "", 1),
        [""; 0],
        "a new exchange of the name is another"
    );
}

fn refused<T: std::fmt::Debug>(result: Result<T, Refusal>, reason: Reason, words: &[&str]) {
    let refusal = result.unwrap_err();
    assert_eq!(refusal.reason, reason, "{}", refusal.text);
    for word in words {
        assert!(
            refusal.text.contains(word),
            "{:?} lacks {word:?}",
            refusal.text
        );
    }
}

#[test]
fn a_declaration_that_differs_names_the_difference() {
    let world = World::new();
    let client = world.client();
    client.queue("q", true);
    client.queue("q", true);
    let text = "inequivalent arg 'durable' for queue 'q' in vhost '/': \
                received 'false' but current is 'true'";
    refused(
        client.try_queue(queue("q", false)),
        Reason::Mismatch,
        &[text],
    );
    let mut call = queue("q", true);
    call.arguments = Arguments::from([("x-queue-mode".into(), Value::Text("lazy".into()))]);
    refused(
        client.try_queue(call),
        Reason::Mismatch,
        &["received the value 'lazy' of type 'longstr' but current is none"],
    );

    client.exchange("e", "topic");
    let result = client.attachment.declare_exchange(&exchange("e", "direct"));
    refused(
        result,
        Reason::Mismatch,
        &["'type'", "exchange 'e'", "'direct'", "'topic'"],
    );
    let call = DeclareExchange {
        internal: true,
        ..exchange("e", "topic")
    };
    refused(
        client.attachment.declare_exchange(&call),
        Reason::Mismatch,
        &["'internal'"],
    );
}

#[test]
fn what_cannot_be_declared_is_refused_by_reason() {
    let world = World::new();
    let client = world.client();
    let declare = |name, kind| client.attachment.declare_exchange(&exchange(name, kind));
    refused(
        declare("x", "nonsense"),
        Reason::Invalid,
        &["'nonsense'", "direct"],
    );
    refused(
        declare("x", "x-random"),
        Reason::NotImplemented,
        &["'x-random'"],
    );
    refused(
        declare("amq.mine", "direct"),
        Reason::AccessRefused,
        &["'amq.mine'"],
    );
    refused(
        declare("", "direct"),
        Reason::AccessRefused,
        &["default exchange"],
    );
    assert!(declare("amq.topic", "topic").is_ok());
    refused(
        client.try_queue(queue("amq.gen-mine", true)),
        Reason::AccessRefused,
        &["amq."],
    );
    let passive = DeclareQueue {
        passive: true,
        ..queue("missing", true)
    };
    refused(
        client.try_queue(passive),
        Reason::NotFound,
        &["no queue 'missing' in vhost '/'"],
    );
    let passive = DeclareExchange {
        passive: true,
        ..exchange("missing", "direct")
    };
    refused(
        client.attachment.declare_exchange(&passive),
        Reason::NotFound,
        &["'missing'"],
    );
}

#[test]
fn what_needs_something_else_is_refused_without_it() {
    let world = World::new();
    let client = world.client();
    client.queue("q", true);
    let bind = |source, queue| {
        client
            .attachment
            .bind(&binding(source, Destination::Queue(queue), "k"))
    };
    refused(
        bind("missing", "q"),
        Reason::NotFound,
        &["no exchange 'missing'"],
    );
    refused(
        bind("amq.direct", "missing"),
        Reason::NotFound,
        &["no queue 'missing'"],
    );
    refused(bind("", "q"), Reason::AccessRefused, &["default exchange"]);
    refused(
        client.attachment.delete_exchange("amq.direct", false),
        Reason::AccessRefused,
        &[],
    );
    refused(
        client.attachment.consume(&crate::kit::consume("none", 1)),
        Reason::NotFound,
        &[],
    );
    refused(
        client.try_publish(message("none", "k", "m")),
        Reason::NotFound,
        &["'none'"],
    );

    let internal = DeclareExchange {
        internal: true,
        ..exchange("inner", "fanout")
    };
    client.attachment.declare_exchange(&internal).unwrap();
    refused(
        client.try_publish(message("inner", "", "m")),
        Reason::AccessRefused,
        &["internal"],
    );
}

#[test]
fn deletion_is_idempotent_and_conditional() {
    let world = World::new();
    let client = world.client();
    assert_eq!(
        client
            .attachment
            .delete_queue("never", true, true)
            .unwrap()
            .0,
        0
    );
    client.queue("q", false);
    client.publish("", "q", "m");
    let text = "it holds 1 messages (1 ready, 0 unsettled)";
    refused(
        client.attachment.delete_queue("q", false, true),
        Reason::NotEmpty,
        &[text],
    );
    client.consume("q", 1, 0);
    let delete = |unused, empty| client.attachment.delete_queue("q", unused, empty);
    refused(
        delete(false, true),
        Reason::NotEmpty,
        &["(0 ready, 1 unsettled)"],
    );
    refused(delete(true, false), Reason::InUse, &["consumers: 1"]);
    assert_eq!(delete(false, false).unwrap().0, 0);
}

#[test]
fn server_named_queues_are_unique() {
    let world = World::new();
    let client = world.client();
    let names = [(); 2].map(|()| client.try_queue(queue("", false)).unwrap());
    assert!(names.iter().all(|name| name.starts_with("amq.gen-")) && names[0] != names[1]);
    assert_eq!(
        client.try_queue(queue(&names[0], false)).unwrap(),
        names[0],
        "redeclared by name"
    );
}

#[test]
fn tables_are_bounded() {
    let limits = Limits {
        connections: 2,
        exchanges_per_vhost: 7,
        queues_per_vhost: 1,
        bindings_per_vhost: 1,
        ..Limits::default()
    };
    let world = World::with(limits, small());
    let client = world.client();
    client.queue("q", true);
    client.exchange("e", "direct");
    client.bind("e", "q", "1");
    let exhausted = Reason::ResourceExhausted;
    refused(client.try_queue(queue("p", true)), exhausted, &["1 queues"]);
    refused(
        client.attachment.declare_exchange(&exchange("f", "direct")),
        exhausted,
        &[],
    );
    let call = binding("e", Destination::Queue("q"), "2");
    refused(client.attachment.bind(&call), exhausted, &["1 bindings"]);
    let _second = world.client();
    let third = world.try_client(&crate::kit::login(), "/").map(|_| ());
    refused(third, exhausted, &["2 connections"]);
}

#[test]
fn a_queue_that_says_its_type_is_the_default_is_one_that_says_nothing() {
    let world = World::new();
    let client = world.client();
    let classic = Value::Text("classic".into());
    client.queue_with("q", [("x-queue-type", classic.clone())]);
    client.queue("q", true);
    drop(client);
    let client = world.reopen().client();
    client.queue("q", true);
    client.queue_with("q", [("x-queue-type", classic)]);
}
