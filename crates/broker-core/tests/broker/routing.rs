//! Which queues a message reaches, by what its exchanges look at.

use std::sync::Arc;

use broker_core::call::{Bind, DeclareExchange, Destination, Publish};
use broker_core::message::{Body, Envelope, Properties};
use broker_core::refusal::Reason;
use broker_core::value::{Arguments, Value};
use bytes::BytesMut;
use wire::amqp091::{self, TableBuilder, Value as Field};

use crate::kit::{Client, USER, World, binding, exchange, publish};

/// A message with these headers.
fn with_headers(exchange: &str, key: &str, headers: &TableBuilder) -> Publish {
    let properties = amqp091::Properties {
        headers: Some(headers.as_table()),
        ..Default::default()
    };
    let mut encoded = BytesMut::new();
    properties.encode(&mut encoded);
    let envelope = Envelope {
        exchange: exchange.into(),
        routing_key: key.into(),
        properties: Properties::Amqp091(encoded.freeze()),
        persistent: false,
        further_keys: Box::default(),
    };
    Publish {
        envelope: Arc::new(envelope),
        body: Body::copy_from_slice(b"m"),
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn bind_with(client: &Client, source: &str, queue: &str, arguments: &[(&str, Value)]) {
    let arguments = arguments.iter().cloned();
    let call = Bind {
        arguments: arguments.map(|(name, it)| (name.to_owned(), it)).collect(),
        ..binding(source, Destination::Queue(queue), "")
    };
    client.attachment.bind(&call).unwrap();
}

fn with_alternate<'a>(name: &'a str, kind: &'a str, alternate: &str) -> DeclareExchange<'a> {
    DeclareExchange {
        arguments: Arguments::from([("alternate-exchange".to_owned(), text(alternate))]),
        ..exchange(name, kind)
    }
}

/// Publishes, and names the queues that got it, of those given.
fn reached(client: &Client, call: Publish, queues: &[&str]) -> Vec<String> {
    client.try_publish(call).unwrap();
    let counted = queues.iter().map(|queue| (queue, client.empty(queue)));
    counted
        .flat_map(|(queue, bodies)| bodies.into_iter().map(|_| (*queue).to_owned()))
        .collect()
}

#[test]
fn a_headers_exchange_keeps_its_bindings_over_a_restart() {
    let world = World::new();
    let client = world.client();
    client.exchange("h", "headers");
    for queue in ["all", "any", "both"] {
        client.queue(queue, true);
    }
    let (format, pages) = (("format", text("pdf")), ("pages", Value::Int(3)));
    bind_with(&client, "h", "all", &[format.clone(), pages.clone()]);
    let any = ("x-match", text("any"));
    bind_with(&client, "h", "any", &[any, format.clone(), pages]);
    bind_with(&client, "amq.match", "both", &[format]);

    let check = |client: &Client| {
        let queues = ["all", "any", "both"];
        let headers = TableBuilder::new().text("format", "pdf");
        let pdf = |exchange| with_headers(exchange, "ignored", &headers);
        assert_eq!(reached(client, pdf("h"), &queues), ["any"]);
        assert_eq!(reached(client, pdf("amq.match"), &queues), ["both"]);
        // A number is the same in any width.
        let three = headers.clone().entry("pages", Field::U8(3));
        let call = with_headers("h", "", &three);
        assert_eq!(reached(client, call, &queues), ["all", "any"]);
        let none = publish("h", "", "m", false);
        assert!(reached(client, none, &queues).is_empty());
    };
    check(&client);
    drop(client);
    let world = world.reopen();
    check(&world.client());
}

#[test]
fn a_message_without_a_way_goes_to_the_alternate_exchange() {
    let mut world = World::new();
    let client = world.client();
    let queues = ["direct", "last", "named"];
    queues.iter().for_each(|queue| client.queue(queue, true));
    let inner = DeclareExchange {
        internal: true,
        ..exchange("end", "fanout")
    };
    for call in [
        with_alternate("first", "direct", "second"),
        with_alternate("second", "topic", "end"),
        inner,
    ] {
        client.attachment.declare_exchange(&call).unwrap();
    }
    client.bind("first", "direct", "known");
    client.bind("end", "last", "");
    let check = |client: &Client| {
        let to = |key| publish("first", key, "m", false);
        assert_eq!(reached(client, to("known"), &queues), ["direct"]);
        assert_eq!(reached(client, to("other"), &queues), ["last"]);
    };
    check(&client);
    world.commit();
    drop(client);
    let world = world.reopen();
    check(&world.client());
}

#[test]
fn alternates_may_be_circular_missing_or_the_default_exchange() {
    let world = World::new();
    let client = world.client();
    client.queue("q", false);
    for call in [
        with_alternate("a", "direct", "b"),
        with_alternate("b", "direct", "a"),
        with_alternate("self", "direct", "self"),
        with_alternate("lost", "direct", "nowhere"),
        with_alternate("named", "direct", ""),
        with_alternate("feeds", "fanout", ""),
    ] {
        client.attachment.declare_exchange(&call).unwrap();
    }
    for exchange in ["a", "self", "lost"] {
        assert_eq!(
            client.try_publish(publish(exchange, "q", "m", false)),
            Ok(None)
        );
    }
    let to = |exchange| publish(exchange, "q", "m", false);
    assert_eq!(reached(&client, to("named"), &["q"]), ["q"]);
    client.bind("b", "q", "q");
    assert_eq!(reached(&client, to("a"), &["q"]), ["q"]);
    // A binding to an exchange is a way, though it leads nowhere.
    let call = binding("feeds", Destination::Exchange("lost"), "");
    client.attachment.bind(&call).unwrap();
    assert_eq!(client.try_publish(to("feeds")), Ok(None));
}

#[test]
fn who_names_an_alternate_must_be_able_to_pass_messages_on() {
    let world = World::new();
    let declare = |rights: [&str; 3]| {
        world.permit(USER, "/", rights);
        let call = with_alternate("from", "direct", "to");
        let declared = world.client().attachment.declare_exchange(&call);
        declared.map_err(|refusal| (refusal.reason, refusal.text))
    };
    let refused = |verb: &str, name: &str| {
        let text =
            format!("{verb} access to exchange '{name}' in vhost '/' refused for user '{USER}'");
        Err((Reason::AccessRefused, text))
    };
    assert_eq!(declare([".*", ".*", "^to$"]), refused("read", "from"));
    assert_eq!(declare([".*", "^from$", ".*"]), refused("write", "to"));
    assert!(declare(["^from$", "^to$", "^from$"]).is_ok());
}

#[test]
fn alternates_are_named_by_text_and_part_of_the_declaration() {
    let world = World::new();
    let client = world.client();
    let declare = |value: Option<Value>| {
        let value = value.map(|it| ("alternate-exchange".to_owned(), it));
        let call = DeclareExchange {
            arguments: value.into_iter().collect(),
            ..exchange("e", "direct")
        };
        let declared = client.attachment.declare_exchange(&call);
        declared.map_err(|refusal| (refusal.reason, refusal.property))
    };
    let at = Some("arguments.alternate-exchange".into());
    let invalid = Err((Reason::Invalid, at.clone()));
    assert_eq!(declare(Some(Value::Int(1))), invalid);
    assert!(declare(Some(text("a"))).is_ok());
    assert!(declare(Some(text("a"))).is_ok());
    assert_eq!(declare(None), Err((Reason::Mismatch, at)));
    let exchanges = world.admin().exchanges("/").unwrap();
    let found = exchanges.iter().find(|it| it.value.name == "e").unwrap();
    let arguments = &found.value.arguments;
    assert_eq!(arguments.get("alternate-exchange"), Some(&text("a")));
}

#[test]
fn a_header_binding_must_say_how_it_is_meant() {
    let world = World::new();
    let client = world.client();
    client.queue("q", false);
    let bind = |source| {
        let call = Bind {
            arguments: Arguments::from([("x-match".to_owned(), text("some"))]),
            ..binding(source, Destination::Queue("q"), "")
        };
        client.attachment.bind(&call).map_err(|it| it.reason)
    };
    assert_eq!(bind("amq.headers"), Err(Reason::Invalid));
    assert!(bind("amq.direct").is_ok(), "means nothing there");
}

#[test]
fn a_consistent_hash_exchange_sends_each_key_to_one_queue_also_after_a_restart() {
    let world = World::new();
    let client = world.client();
    let arguments = [("hash-header".to_owned(), text("customer"))];
    let by_customer = DeclareExchange {
        arguments: arguments.into(),
        ..exchange("by-customer", "x-consistent-hash")
    };
    client.attachment.declare_exchange(&by_customer).unwrap();
    client.exchange("by-key", "x-consistent-hash");
    let queues = ["one", "two", "three"];
    for queue in queues {
        client.queue(queue, true);
        client.bind("by-key", queue, "10");
        client.bind("by-customer", queue, "1");
    }
    let choices = |client: &Client| -> Vec<String> {
        let by_key = (0..20).map(|n| publish("by-key", &n.to_string(), "m", false));
        let by_customer = (0..20).map(|n| {
            let headers = TableBuilder::new().entry("customer", Field::I32(n));
            with_headers("by-customer", "same", &headers)
        });
        let calls = by_key.chain(by_customer);
        calls
            .flat_map(|call| reached(client, call, &queues))
            .collect()
    };
    let before = choices(&client);
    assert_eq!(before.len(), 40, "each went to one queue");
    for half in before.chunks(20) {
        assert!(
            queues
                .iter()
                .all(|queue| half.contains(&(*queue).to_owned()))
        );
    }
    drop(client);
    let world = world.reopen();
    assert_eq!(choices(&world.client()), before);

    let client = world.client();
    let heavy = binding("by-key", Destination::Queue("one"), "heavy");
    let refused = client.attachment.bind(&heavy).unwrap_err();
    assert_eq!(refused.property.as_deref(), Some("routing_key"));
    let odd = DeclareExchange {
        arguments: [("hash-property".to_owned(), text("app_id"))].into(),
        ..exchange("odd", "x-consistent-hash")
    };
    let refused = client.attachment.declare_exchange(&odd).unwrap_err();
    assert_eq!(refused.property.as_deref(), Some("arguments.hash-property"));
}
