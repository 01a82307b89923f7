//! What a message that dies in a queue takes along to the next: the account of its deaths, in the
//! encoding the message came in, which stays as it is but for that.
//!
//! For AMQP 0-9-1 the account is RabbitMQ's: the header `x-death`, one table for each queue and
//! reason, the latest first, and the headers `x-first-death-*` and `x-last-death-*`.

use bytes::BytesMut;
use wire::amqp091::{self, List, Table, TableBuilder, Value};

use crate::clock::Timestamp;
use crate::message::{Envelope, Properties};

/// Why a queue let a message go that nobody had accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum DeathReason {
    /// It came back too often.
    DeliveryLimit,
    /// Its time was over.
    Expired,
    /// The queue held more than it may.
    MaxLen,
    /// A consumer did not want it.
    Rejected,
}

/// One death.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Death<'a> {
    /// Where it died.
    pub(crate) queue: &'a str,
    pub(crate) reason: DeathReason,
    pub(crate) time: Timestamp,
    /// The key it goes on with, if not with its own.
    pub(crate) routing_key: Option<&'a str>,
}

/// What goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Remains {
    pub(crate) properties: Properties,
    /// The keys to route by.
    pub(crate) routing_keys: Vec<String>,
    /// Queues that would only begin the same round again: the message came through them, and since
    /// then nobody has looked at it.
    pub(crate) cycle: Vec<String>,
}

/// The header of an AMQP 0-9-1 message with further routing keys.
const CC: &str = "CC";
const X_DEATH: &str = "x-death";
/// What is told of the first death, and of the last.
const TOLD: [&str; 3] = ["exchange", "queue", "reason"];

impl DeathReason {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::DeliveryLimit => "delivery_limit",
            Self::Expired => "expired",
            Self::MaxLen => "maxlen",
            Self::Rejected => "rejected",
        }
    }
}

/// Adds a death to the account of a message. The time its publisher gave it does not count any more.
pub(crate) fn remains(envelope: &Envelope, death: &Death<'_>) -> Remains {
    let Properties::Amqp091(raw) = &envelope.properties;
    // They were checked when they came.
    let parsed = amqp091::Properties::parse(raw).unwrap_or_default();
    let old = parsed.headers.unwrap_or_default();
    let keys: Vec<&[u8]> = std::iter::once(envelope.routing_key.as_bytes())
        .chain(carbon_copies(old))
        .collect();
    let deaths = deaths(&parsed, envelope, death, &keys);
    let headers = headers(old, &deaths, envelope, death);
    let mut properties = BytesMut::new();
    let changed = amqp091::Properties {
        headers: Some(headers.as_table()),
        expiration: None,
        ..parsed
    };
    changed.encode(&mut properties);
    let text = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
    Remains {
        properties: Properties::Amqp091(properties.freeze()),
        routing_keys: match death.routing_key {
            Some(key) => vec![key.to_owned()],
            None => keys.into_iter().map(text).collect(),
        },
        cycle: match death.reason {
            DeathReason::Rejected => Vec::new(),
            _ => cycle(deaths.as_list()),
        },
    }
}

/// The further routing keys.
fn carbon_copies(headers: Table<'_>) -> impl Iterator<Item = &[u8]> {
    let list = match headers.get(CC) {
        Some(Value::List(list)) => list,
        _ => List::default(),
    };
    list.iter().filter_map(as_text)
}

/// The new list of deaths: this one, counted with earlier ones of the same queue and reason, before
/// all others.
fn deaths(
    parsed: &amqp091::Properties<'_>,
    envelope: &Envelope,
    death: &Death<'_>,
    keys: &[&[u8]],
) -> TableBuilder {
    let old = known_deaths(parsed.headers.unwrap_or_default());
    let is_same = |table: &Table<'_>| {
        text_of(*table, "queue") == Some(death.queue.as_bytes())
            && text_of(*table, "reason") == Some(death.reason.name().as_bytes())
    };
    let this = match old.clone().find(is_same) {
        Some(same) => again(same),
        None => first_of_its_kind(parsed, envelope, death, keys),
    };
    let others = old.filter(|table| !is_same(table));
    others.fold(
        TableBuilder::new().item(Value::Table(this.as_table())),
        |list, other| list.item(Value::Table(other)),
    )
}

fn known_deaths(headers: Table<'_>) -> impl Iterator<Item = Table<'_>> + Clone {
    let list = match headers.get(X_DEATH) {
        Some(Value::List(list)) => list,
        _ => List::default(),
    };
    let tables: Vec<_> = list
        .iter()
        .filter_map(|item| match item {
            Value::Table(table) => Some(table),
            _ => None,
        })
        .collect();
    tables.into_iter()
}

/// The same entry with one more counted.
fn again(entry: Table<'_>) -> TableBuilder {
    let count = match entry.get("count") {
        Some(Value::I64(count)) => count.saturating_add(1),
        _ => 1,
    };
    let count = TableBuilder::new().entry("count", Value::I64(count));
    let rest = entry.iter().filter(|(name, _)| *name != b"count");
    rest.fold(count, |table, (name, value)| table.entry(name, value))
}

fn first_of_its_kind(
    parsed: &amqp091::Properties<'_>,
    envelope: &Envelope,
    death: &Death<'_>,
    keys: &[&[u8]],
) -> TableBuilder {
    let keys = keys
        .iter()
        .fold(TableBuilder::new(), |list, key| list.item(Value::Text(key)));
    let table = TableBuilder::new()
        .entry("count", Value::I64(1))
        .text("reason", death.reason.name())
        .text("queue", death.queue)
        .entry("time", Value::Timestamp(death.time.seconds()))
        .text("exchange", &envelope.exchange)
        .entry("routing-keys", Value::List(keys.as_list()));
    match parsed.expiration {
        Some(expiration) => table.entry("original-expiration", Value::Text(expiration)),
        None => table,
    }
}

/// The message's headers with what is told of its deaths.
fn headers(
    old: Table<'_>,
    deaths: &TableBuilder,
    envelope: &Envelope,
    death: &Death<'_>,
) -> TableBuilder {
    let last = |what: &str| format!("x-last-death-{what}");
    let replaced = |name: &[u8]| {
        name == X_DEATH.as_bytes()
            || name == CC.as_bytes() && death.routing_key.is_some()
            || TOLD.iter().any(|what| name == last(what).as_bytes())
    };
    let kept = old.iter().filter(|(name, _)| !replaced(name));
    let mut table = kept.fold(TableBuilder::new(), |table, (name, value)| {
        table.entry(name, value)
    });
    table = table.entry(X_DEATH, Value::List(deaths.as_list()));
    let told = [&*envelope.exchange, death.queue, death.reason.name()];
    for (what, value) in TOLD.into_iter().zip(told) {
        let first = format!("x-first-death-{what}");
        if old.get(&first).is_none() {
            table = table.text(&first, value);
        }
        table = table.text(&last(what), value);
    }
    table
}

/// The queues from the last death back to the last rejection: a consumer has seen it there.
fn cycle(deaths: List<'_>) -> Vec<String> {
    let tables = deaths.iter().filter_map(|item| match item {
        Value::Table(table) => Some(table),
        _ => None,
    });
    let rejected = DeathReason::Rejected.name().as_bytes();
    let unseen = tables.take_while(|table| text_of(*table, "reason") != Some(rejected));
    let queues = unseen.filter_map(|table| text_of(table, "queue"));
    queues
        .map(|queue| String::from_utf8_lossy(queue).into_owned())
        .collect()
}

fn text_of<'a>(table: Table<'a>, name: &str) -> Option<&'a [u8]> {
    as_text(table.get(name)?)
}

fn as_text(value: Value<'_>) -> Option<&[u8]> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(
        exchange: &str,
        routing_key: &str,
        properties: &amqp091::Properties<'_>,
    ) -> Envelope {
        let mut raw = BytesMut::new();
        properties.encode(&mut raw);
        Envelope {
            exchange: exchange.into(),
            routing_key: routing_key.into(),
            properties: Properties::Amqp091(raw.freeze()),
            persistent: true,
            further_keys: Box::default(),
        }
    }

    fn death(queue: &str, reason: DeathReason) -> Death<'_> {
        Death {
            queue,
            reason,
            time: Timestamp(7_999),
            routing_key: None,
        }
    }

    /// The message as it goes on through an exchange.
    fn next(remains: Remains, exchange: &str) -> Envelope {
        Envelope {
            exchange: exchange.into(),
            routing_key: remains.routing_keys[0].as_str().into(),
            properties: remains.properties,
            persistent: true,
            further_keys: Box::default(),
        }
    }

    fn list(items: &[&str]) -> TableBuilder {
        let texts = items.iter().map(|item| Value::Text(item.as_bytes()));
        texts.fold(TableBuilder::new(), TableBuilder::item)
    }

    /// The entries of `x-death`: count, reason, queue.
    fn account(envelope: &Envelope) -> Vec<(i64, String, String)> {
        let Properties::Amqp091(raw) = &envelope.properties;
        let parsed = amqp091::Properties::parse(raw).unwrap();
        let text = |table, name| String::from_utf8(text_of(table, name).unwrap().to_vec()).unwrap();
        known_deaths(parsed.headers.unwrap())
            .map(|table| match table.get("count") {
                Some(Value::I64(count)) => (count, text(table, "reason"), text(table, "queue")),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_death_is_told_as_rabbitmq_tells_it() {
        let copies = list(&["k2"]);
        let headers = TableBuilder::new()
            .entry("CC", Value::List(copies.as_list()))
            .entry("h", Value::I32(1));
        let properties = amqp091::Properties {
            headers: Some(headers.as_table()),
            expiration: Some(b"60"),
            message_id: Some(b"m"),
            ..Default::default()
        };
        let remains = remains(
            &envelope("x", "k1", &properties),
            &death("q", DeathReason::Expired),
        );
        assert_eq!(remains.routing_keys, ["k1", "k2"]);
        let keys = list(&["k1", "k2"]);
        let table = TableBuilder::new()
            .entry("count", Value::I64(1))
            .text("reason", "expired")
            .text("queue", "q")
            .entry("time", Value::Timestamp(7))
            .text("exchange", "x")
            .entry("routing-keys", Value::List(keys.as_list()))
            .text("original-expiration", "60");
        let deaths = TableBuilder::new().item(Value::Table(table.as_table()));
        let headers = TableBuilder::new()
            .entry("CC", Value::List(copies.as_list()))
            .entry("h", Value::I32(1))
            .entry("x-death", Value::List(deaths.as_list()))
            .text("x-first-death-exchange", "x")
            .text("x-last-death-exchange", "x")
            .text("x-first-death-queue", "q")
            .text("x-last-death-queue", "q")
            .text("x-first-death-reason", "expired")
            .text("x-last-death-reason", "expired");
        let expected = amqp091::Properties {
            headers: Some(headers.as_table()),
            expiration: None,
            ..properties
        };
        let expected = envelope("", "", &expected).properties;
        assert_eq!(remains.properties, expected);
    }

    #[test]
    fn deaths_of_one_kind_are_counted_and_the_latest_comes_first() {
        let mut message = envelope("", "a", &amqp091::Properties::default());
        for (queue, reason) in [
            ("a", DeathReason::Expired),
            ("b", DeathReason::Rejected),
            ("a", DeathReason::Rejected),
            ("a", DeathReason::Expired),
        ] {
            message = next(remains(&message, &death(queue, reason)), "x");
        }
        let entry = |count, reason: &str, queue: &str| (count, reason.into(), queue.into());
        let expected = [
            entry(2, "expired", "a"),
            entry(1, "rejected", "a"),
            entry(1, "rejected", "b"),
        ];
        assert_eq!(account(&message), expected);
        let Properties::Amqp091(raw) = &message.properties;
        let headers = amqp091::Properties::parse(raw).unwrap().headers.unwrap();
        let told = |name| text_of(headers, name).unwrap();
        assert_eq!(told("x-first-death-queue"), b"a");
        assert_eq!(told("x-first-death-exchange"), b"");
        assert_eq!(told("x-last-death-exchange"), b"x");
        assert_eq!(told("x-last-death-reason"), b"expired");
        assert_eq!(headers.iter().count(), 7, "each header once");
    }

    #[test]
    fn another_key_takes_the_place_of_all_of_the_messages_own() {
        let copies = list(&["k2"]);
        let headers = TableBuilder::new().entry("CC", Value::List(copies.as_list()));
        let properties = amqp091::Properties {
            headers: Some(headers.as_table()),
            ..Default::default()
        };
        let death = Death {
            routing_key: Some("other"),
            ..death("q", DeathReason::MaxLen)
        };
        let remains = remains(&envelope("", "k1", &properties), &death);
        assert_eq!(remains.routing_keys, ["other"]);
        let Properties::Amqp091(raw) = &remains.properties;
        let headers = amqp091::Properties::parse(raw).unwrap().headers.unwrap();
        assert_eq!(headers.get("CC"), None);
    }

    #[test]
    fn a_round_that_nobody_looked_at_is_a_cycle() {
        let cycle = |deaths: &[(&str, DeathReason)]| {
            let mut message = envelope("", "a", &amqp091::Properties::default());
            let mut cycle = Vec::new();
            for (queue, reason) in deaths {
                let remains = remains(&message, &death(queue, *reason));
                cycle.clone_from(&remains.cycle);
                message = next(remains, "x");
            }
            cycle
        };
        use DeathReason::{Expired, MaxLen, Rejected};
        assert_eq!(cycle(&[("a", Expired)]), ["a"]);
        assert_eq!(cycle(&[("a", Expired), ("b", MaxLen)]), ["b", "a"]);
        assert_eq!(cycle(&[("a", Expired), ("b", Rejected)]), [""; 0]);
        assert_eq!(cycle(&[("b", Rejected), ("a", Expired)]), ["a"]);
    }

    #[test]
    fn headers_that_a_client_made_up_do_no_harm() {
        let lie = TableBuilder::new().item(Value::I32(1)).item(Value::Void);
        let empty = TableBuilder::new();
        let list = lie.item(Value::Table(empty.as_table()));
        for value in [Value::I32(5), Value::List(list.as_list())] {
            let headers = TableBuilder::new().entry(X_DEATH, value).entry(CC, value);
            let properties = amqp091::Properties {
                headers: Some(headers.as_table()),
                ..Default::default()
            };
            let remains = remains(
                &envelope("", "k", &properties),
                &death("q", DeathReason::Expired),
            );
            assert_eq!(remains.routing_keys, ["k"]);
            assert_eq!(remains.cycle, ["q"]);
        }
    }
}
