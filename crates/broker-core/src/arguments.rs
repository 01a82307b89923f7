//! Rules for the extra arguments of declared things.

use std::fmt;

use crate::definitions::ExchangeKind;
use crate::durability::{self, Durability};
use crate::limits::Limits;
use crate::records;
use crate::refusal::{Reason, Refusal};
use crate::rules;
use crate::stream_start;
use crate::value::{Arguments, Value};

/// Queue arguments the broker accepts beside those that are rules of its own: the kind of queue and its
/// durability are checked by value, the others only hint at where or how RabbitMQ keeps messages and lose nothing here.
const QUEUE_ARGUMENTS: &[&str] = &[
    durability::ARGUMENT,
    "x-initial-cluster-size",
    "x-queue-leader-locator",
    "x-queue-master-locator",
    "x-queue-mode",
    "x-queue-type",
    "x-queue-version",
    "x-quorum-initial-group-size",
];

/// Queue arguments that can change while the queue works.
pub(crate) const QUEUE_CHANGEABLE: &[&str] = &[
    rules::CONSUMER_TIMEOUT,
    rules::DEAD_LETTER_EXCHANGE,
    rules::DEAD_LETTER_KEY,
    rules::DEAD_LETTER_STRATEGY,
    rules::DELIVERY_LIMIT,
    rules::EXPIRES,
    rules::MAX_AGE,
    rules::MAX_BYTES,
    rules::MAX_LEN,
    rules::MAX_SEGMENT_BYTES,
    rules::MESSAGE_TTL,
    rules::OVERFLOW,
    "x-queue-leader-locator",
    "x-queue-master-locator",
    "x-queue-mode",
    "x-queue-version",
];

/// The kind of a queue.
pub(crate) const QUEUE_TYPE: &str = "x-queue-type";
/// The kinds there are.
pub(crate) const QUEUE_TYPES: [&str; 3] = [CLASSIC, "quorum", STREAM];
/// The kind of a queue that does not say.
const CLASSIC: &str = "classic";
/// The kind of a queue whose messages stay.
const STREAM: &str = "stream";

/// Where an exchange's messages go that it finds no way for.
pub(crate) const ALTERNATE: &str = "alternate-exchange";

/// By which kind a delayed exchange picks where a message goes.
pub(crate) const DELAYED_TYPE: &str = "x-delayed-type";

/// Consumer arguments the broker accepts; the first one is always the case.
const CONSUMER_ARGUMENTS: &[&str] = &[
    "x-cancel-on-ha-failover",
    rules::CONSUMER_PRIORITY,
    stream_start::ARGUMENT,
];

/// Checks the arguments of a queue. An argument that changes what happens to messages and is not
/// offered is refused: ignoring it would lose messages that the client believes are kept, or keep
/// those it believes are gone.
pub(crate) fn check_queue(
    arguments: &Arguments,
    shape: Shape,
    thing: &str,
    limits: &Limits,
) -> Result<(), Refusal> {
    let known = |name: &str| QUEUE_ARGUMENTS.contains(&name) || rules::ARGUMENTS.contains(&name);
    check_offered(arguments, known, limits)?;
    rules::check(arguments, thing)?;
    check_durability(arguments, shape.durable && !shape.exclusive)?;
    let Some(kind) = arguments.get(QUEUE_TYPE) else {
        return Ok(());
    };
    let (reason, text) = match kind {
        Value::Text(kind) if kind == CLASSIC => return Ok(()),
        Value::Text(kind) if kind == "quorum" || kind == STREAM => {
            if kind == STREAM {
                check_kept_on_disk(arguments)?;
            }
            match shape.unfit_for_shared() {
                None => return Ok(()),
                Some(property) => (
                    Reason::Invalid,
                    format!("invalid property '{property}' for {thing}"),
                ),
            }
        }
        Value::Text(other) => (
            Reason::Invalid,
            format!("invalid arg '{QUEUE_TYPE}' for {thing}: \"unsupported queue type '{other}'\""),
        ),
        other => (
            Reason::Invalid,
            format!(
                "invalid arg '{QUEUE_TYPE}' for {thing}: {{unacceptable_type,{}}}",
                rules::type_name(other)
            ),
        ),
    };
    Err(Refusal::new(reason, text).at(path(QUEUE_TYPE)))
}

/// What a queue is declared to be, beside its arguments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) durable: bool,
    pub(crate) exclusive: bool,
    pub(crate) auto_delete: bool,
}

impl Shape {
    /// What a queue of type quorum or stream cannot be, as RabbitMQ calls it.
    fn unfit_for_shared(self) -> Option<&'static str> {
        match self {
            Self { durable: false, .. } => Some("non-durable"),
            Self {
                exclusive: true, ..
            } => Some("exclusive-owner"),
            Self {
                auto_delete: true, ..
            } => Some("auto-delete"),
            _ => None,
        }
    }
}

/// A stream is.
fn check_kept_on_disk(arguments: &Arguments) -> Result<(), Refusal> {
    let name = durability::ARGUMENT;
    let memory = Value::Text(Durability::Memory.name().to_owned());
    if arguments.get(name) != Some(&memory) {
        return Ok(());
    }
    let text = format!("a queue of {QUEUE_TYPE} '{STREAM}' is kept on disk: {name} is not memory");
    Err(Refusal::new(Reason::Invalid, text).at(path(name)))
}

/// Checks the level of durability. Only a queue that comes back after a restart can keep anything.
fn check_durability(arguments: &Arguments, comes_back: bool) -> Result<(), Refusal> {
    let Some(value) = arguments.get(durability::ARGUMENT) else {
        return Ok(());
    };
    let level = match value {
        Value::Text(name) => Durability::parse(name),
        _ => None,
    };
    let name = durability::ARGUMENT;
    let text = match level {
        Some(Durability::Memory) => return Ok(()),
        Some(_) if comes_back => return Ok(()),
        Some(level) => format!(
            "a queue of {name} '{}' must be durable and not exclusive",
            level.name()
        ),
        None => format!("{name} must be 'fsync', 'os' or 'memory', not {value}"),
    };
    Err(Refusal::new(Reason::Invalid, text).at(path(name)))
}

/// Takes out what only says the default, so that who leaves it out declares the same queue. What is
/// not well is left in, to be refused.
pub(crate) fn normalize_queue(arguments: &mut Arguments, comes_back: bool) {
    let mut take_out = |name: &str, default: &str| {
        if arguments.get(name) == Some(&Value::Text(default.to_owned())) {
            arguments.remove(name);
        }
    };
    take_out(QUEUE_TYPE, CLASSIC);
    if comes_back {
        take_out(durability::ARGUMENT, Durability::Fsync.name());
    }
}

/// An argument as a property of the object.
pub(crate) fn path(argument: &str) -> String {
    format!("arguments.{argument}")
}

/// Checks the arguments of an exchange of that kind.
pub(crate) fn check_exchange(
    kind: ExchangeKind,
    arguments: &Arguments,
    thing: &str,
    limits: &Limits,
) -> Result<(), Refusal> {
    let is_delayed = kind == ExchangeKind::Delayed;
    check_offered(arguments, |name| is_delayed && name == DELAYED_TYPE, limits)?;
    if is_delayed && delayed_kind(arguments).is_none() {
        let text = format!(
            "invalid argument, '{DELAYED_TYPE}' must be an existing exchange type other than '{kind}'"
        );
        return Err(Refusal::new(Reason::Invalid, text).at(path(DELAYED_TYPE)));
    }
    match arguments.get(ALTERNATE) {
        None | Some(Value::Text(_)) => Ok(()),
        Some(other) => {
            let text = format!(
                "invalid arg '{ALTERNATE}' for {thing}: it must be the name of an exchange, not {other}"
            );
            Err(Refusal::new(Reason::Invalid, text).at(path(ALTERNATE)))
        }
    }
}

/// The kind a delayed exchange with these arguments picks like.
pub(crate) fn delayed_kind(arguments: &Arguments) -> Option<ExchangeKind> {
    match arguments.get(DELAYED_TYPE) {
        Some(Value::Text(name)) => {
            ExchangeKind::parse(name).filter(|kind| *kind != ExchangeKind::Delayed)
        }
        _ => None,
    }
}

/// The exchange that gets what the exchange with these arguments finds no way for.
pub(crate) fn alternate(arguments: &Arguments) -> Option<&str> {
    match arguments.get(ALTERNATE) {
        Some(Value::Text(name)) => Some(name),
        _ => None,
    }
}

/// Checks the arguments of a consumer.
pub(crate) fn check_consumer(arguments: &Arguments, limits: &Limits) -> Result<(), Refusal> {
    check_offered(arguments, |name| CONSUMER_ARGUMENTS.contains(&name), limits)
}

/// Checks that arguments are neither too many nor too deep.
pub(crate) fn check_size(arguments: &Arguments, limits: &Limits) -> Result<(), Refusal> {
    // One level less than can be read back: the arguments themselves are the first.
    let most = limits.argument_depth.min(records::MAX_DEPTH - 1);
    if !fits(arguments, most) {
        let text = format!("arguments are nested deeper than {most} levels");
        return Err(Refusal::new(Reason::Invalid, text).at("arguments"));
    }
    let size: usize = arguments
        .iter()
        .map(|(name, value)| name.len() + weight(value))
        .sum();
    if size > limits.argument_bytes {
        let most = limits.argument_bytes;
        let text = format!("arguments take {size} bytes, at most {most} are allowed");
        return Err(Refusal::new(Reason::Invalid, text).at("arguments"));
    }
    Ok(())
}

/// Refuses arguments that differ from those an existing thing has, naming the first difference.
pub(crate) fn check_equal(
    received: &Arguments,
    current: &Arguments,
    thing: impl FnOnce() -> String,
) -> Result<(), Refusal> {
    let mut names = received.keys().chain(current.keys());
    let Some(name) = names.find(|name| received.get(*name) != current.get(*name)) else {
        return Ok(());
    };
    let (received, current) = (received.get(name), current.get(name));
    let kind = |value: Option<&Value>| value.map(rules::type_name);
    // As RabbitMQ does: of two values of one type no more is said.
    let alike = kind(received) == kind(current);
    let described = |value: &Value| match alike {
        true => format!("'{value}'"),
        false => format!("the value '{value}' of type '{}'", rules::type_name(value)),
    };
    let (received, current) = (received.map(described), current.map(described));
    Err(differs(name, &thing(), received, current).at(path(name)))
}

/// A refusal of a declaration that differs from what is there, in RabbitMQ's manner.
pub(crate) fn inequivalent<T: fmt::Display>(
    property: &str,
    thing: &str,
    received: T,
    current: T,
) -> Refusal {
    let shown = |value| Some(format!("'{value}'"));
    differs(property, thing, shown(received), shown(current))
}

fn differs(
    property: &str,
    thing: &str,
    received: Option<String>,
    current: Option<String>,
) -> Refusal {
    let none = || "none".to_owned();
    let (received, current) = (received.unwrap_or_else(none), current.unwrap_or_else(none));
    let text = format!(
        "inequivalent arg '{property}' for {thing}: received {received} but current is {current}"
    );
    Refusal::new(Reason::Mismatch, text).at(property)
}

fn check_offered(
    arguments: &Arguments,
    known: impl Fn(&str) -> bool,
    limits: &Limits,
) -> Result<(), Refusal> {
    check_size(arguments, limits)?;
    let unknown = |name: &&String| name.starts_with("x-") && !known(name);
    match arguments.keys().find(unknown) {
        Some(name) => Err(not_offered(name)),
        None => Ok(()),
    }
}

fn not_offered(argument: &str) -> Refusal {
    let text = format!(
        "argument '{argument}' is not offered yet; it is refused because ignoring it would change \
         what happens to messages"
    );
    Refusal::new(Reason::NotImplemented, text).at(path(argument))
}

/// Whether the nesting stays within so many levels; looks no deeper.
fn fits(arguments: &Arguments, levels: usize) -> bool {
    arguments.values().all(|value| value_fits(value, levels))
}

fn value_fits(value: &Value, levels: usize) -> bool {
    match value {
        Value::List(values) => {
            levels > 0 && values.iter().all(|value| value_fits(value, levels - 1))
        }
        Value::Map(arguments) => levels > 0 && fits(arguments, levels - 1),
        _ => true,
    }
}

/// About as many bytes as the journal takes for it.
fn weight(value: &Value) -> usize {
    17 + match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(values) => values.iter().map(weight).sum(),
        Value::Map(arguments) => arguments
            .iter()
            .map(|(name, value)| name.len() + weight(value))
            .sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARED: Shape = Shape {
        durable: true,
        exclusive: false,
        auto_delete: false,
    };

    fn reason(result: Result<(), Refusal>) -> Option<Reason> {
        result.err().map(|refusal| refusal.reason)
    }

    #[test]
    fn arguments_that_are_not_honoured_are_refused_by_name() {
        let check = |name: &str, value: Value| {
            let arguments = Arguments::from([(name.to_owned(), value)]);
            check_queue(&arguments, SHARED, "queue 'q'", &Limits::default())
        };
        let text = |text: &str| Value::Text(text.into());
        assert!(check("x-queue-type", text("classic")).is_ok());
        assert!(check("x-queue-type", text("quorum")).is_ok());
        assert!(check("x-queue-mode", text("lazy")).is_ok());
        assert!(check("owner", text("team a")).is_ok());
        let refusal = check("x-whatever", Value::Null).unwrap_err();
        assert_eq!(refusal.reason, Reason::NotImplemented);
        assert!(refusal.text.contains("x-whatever"), "{}", refusal.text);
        let refusal = check("x-queue-type", text("other")).unwrap_err();
        let words = "invalid arg 'x-queue-type' for queue 'q': \"unsupported queue type 'other'\"";
        assert_eq!((refusal.reason, &*refusal.text), (Reason::Invalid, words));
        assert_eq!(
            reason(check("x-queue-type", Value::Int(1))),
            Some(Reason::Invalid)
        );
    }

    #[test]
    fn an_alternate_that_is_no_name_is_refused_in_plain_words() {
        let arguments = Arguments::from([(ALTERNATE.to_owned(), Value::Int(1))]);
        let kind = ExchangeKind::Direct;
        let checked = check_exchange(kind, &arguments, "exchange 'e'", &Limits::default());
        let words = "invalid arg 'alternate-exchange' for exchange 'e': it must be the name of an \
                     exchange, not 1";
        assert_eq!(checked.unwrap_err().text, words);
    }

    #[test]
    fn a_quorum_queue_is_durable_and_shared_and_stays() {
        let arguments = Arguments::from([("x-queue-type".into(), Value::Text("quorum".into()))]);
        let check = |shape| {
            let checked = check_queue(&arguments, shape, "queue 'q'", &Limits::default());
            checked.map_err(|refusal| refusal.text)
        };
        for (shape, property) in [
            (
                Shape {
                    durable: false,
                    ..SHARED
                },
                "non-durable",
            ),
            (
                Shape {
                    exclusive: true,
                    ..SHARED
                },
                "exclusive-owner",
            ),
            (
                Shape {
                    auto_delete: true,
                    ..SHARED
                },
                "auto-delete",
            ),
        ] {
            let text = format!("invalid property '{property}' for queue 'q'");
            assert_eq!(check(shape), Err(text));
        }
        assert_eq!(check(SHARED), Ok(()));
    }

    #[test]
    fn only_a_queue_that_comes_back_keeps_messages() {
        let check = |level: Value, durable: bool, exclusive: bool| {
            let arguments = Arguments::from([(durability::ARGUMENT.to_owned(), level)]);
            let shape = Shape {
                durable,
                exclusive,
                ..SHARED
            };
            reason(check_queue(
                &arguments,
                shape,
                "queue 'q'",
                &Limits::default(),
            ))
        };
        let text = |text: &str| Value::Text(text.into());
        for level in ["fsync", "os", "memory"] {
            assert_eq!(check(text(level), true, false), None);
        }
        assert_eq!(check(text("memory"), false, true), None);
        for (level, durable, exclusive) in [("fsync", false, false), ("os", true, true)] {
            let refused = check(text(level), durable, exclusive);
            assert_eq!(refused, Some(Reason::Invalid));
        }
        for level in [text("Fsync"), text(""), Value::Int(1)] {
            assert_eq!(check(level, true, false), Some(Reason::Invalid));
        }
    }

    #[test]
    fn arguments_are_bounded_in_depth_and_size() {
        let limits = Limits {
            argument_depth: 2,
            argument_bytes: 100,
            ..Limits::default()
        };
        let nested = |levels: usize| {
            let value = (0..levels).fold(Value::Null, |inner, _| Value::List(vec![inner]));
            Arguments::from([("a".to_owned(), value)])
        };
        assert_eq!(reason(check_size(&nested(2), &limits)), None);
        assert_eq!(
            reason(check_size(&nested(3), &limits)),
            Some(Reason::Invalid)
        );
        let long = Arguments::from([("a".to_owned(), Value::Text("x".repeat(100)))]);
        assert_eq!(reason(check_size(&long, &limits)), Some(Reason::Invalid));
    }
}
