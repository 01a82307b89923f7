//! What policies say: the keys they may have, and what becomes of several that say the same.
//!
//! As in RabbitMQ, a policy and an operator policy that both limit something make the smaller limit,
//! and so do a policy and the queue's own argument. Beside that the operator's word goes before the
//! policy's, and the queue's own argument before both.

use crate::interval;
use crate::queue_kind::QueueKind;
use crate::refusal::{Reason, Refusal};
use crate::rules;
use crate::value::{Arguments, Value};

/// What happens when two say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Merge {
    /// The one that goes before.
    First,
    /// The smaller number.
    Least,
    /// The smaller number, but a negative one means no limit and gives way to nothing: RabbitMQ's
    /// rule for delivery limits.
    LeastUnlessNegative,
    /// The shorter length of time.
    Shortest,
}

/// One key.
struct Key {
    name: &'static str,
    /// The argument that says the same for one queue; none for what only hints at where or how
    /// RabbitMQ keeps messages, which is taken and has no effect.
    argument: Option<&'static str>,
    merge: Merge,
    /// Operator policies may have it.
    operator: bool,
}

const fn key(name: &'static str, argument: &'static str, merge: Merge, operator: bool) -> Key {
    Key {
        name,
        argument: Some(argument),
        merge,
        operator,
    }
}

const fn hint(name: &'static str) -> Key {
    Key {
        name,
        argument: None,
        merge: Merge::First,
        operator: false,
    }
}

/// Where an exchange's messages go that it finds no way for: the only key for exchanges.
const ALTERNATE: &str = "alternate-exchange";

/// All keys for queues.
#[rustfmt::skip] // A table is read by column.
const KEYS: [Key; 15] = [
    key("consumer-timeout",        rules::CONSUMER_TIMEOUT,     Merge::Least,               false),
    key("dead-letter-exchange",    rules::DEAD_LETTER_EXCHANGE, Merge::First,               false),
    key("dead-letter-routing-key", rules::DEAD_LETTER_KEY,      Merge::First,               false),
    key("dead-letter-strategy",    rules::DEAD_LETTER_STRATEGY, Merge::First,               false),
    key("delivery-limit",          rules::DELIVERY_LIMIT,       Merge::LeastUnlessNegative, true),
    key("expires",                 rules::EXPIRES,              Merge::Least,               true),
    key("max-age",                 rules::MAX_AGE,              Merge::Shortest,            true),
    key("max-length",              rules::MAX_LEN,              Merge::Least,               true),
    key("max-length-bytes",        rules::MAX_BYTES,            Merge::Least,               true),
    key("message-ttl",             rules::MESSAGE_TTL,          Merge::Least,               true),
    key("overflow",                rules::OVERFLOW,             Merge::First,               true),
    key("stream-max-segment-size-bytes", rules::MAX_SEGMENT_BYTES, Merge::First,        false),
    hint("queue-leader-locator"),
    hint("queue-mode"),
    hint("queue-version"),
];

/// Checks what a policy says.
pub(crate) fn check(definition: &Arguments, operator: bool) -> Result<(), Refusal> {
    if definition.is_empty() {
        let text = "definition is empty: a policy has to say something";
        return Err(Refusal::new(Reason::Invalid, text).at("definition"));
    }
    definition.iter().try_for_each(|(name, value)| {
        check_entry(name, value, operator).map_err(|refusal| refusal.at(path(name)))
    })
}

fn check_entry(name: &str, value: &Value, operator: bool) -> Result<(), Refusal> {
    let invalid = |why: String| {
        let text = format!("definition has an invalid {name}: {why}");
        Refusal::new(Reason::Invalid, text)
    };
    let known = KEYS.iter().find(|key| key.name == name);
    if operator && !known.is_some_and(|key| key.operator) {
        let offered = KEYS.iter().filter(|key| key.operator);
        let offered: Vec<_> = offered.map(|key| key.name).collect();
        let text = format!(
            "an operator policy cannot have the key '{name}'; there are {}",
            offered.join(", ")
        );
        return Err(Refusal::new(Reason::Invalid, text));
    }
    match known {
        Some(Key {
            argument: Some(argument),
            ..
        }) => rules::check_one(argument, value).map_err(invalid),
        Some(_) => Ok(()),
        None if name == ALTERNATE => match value {
            Value::Text(_) => Ok(()),
            other => Err(invalid(format!(
                "it must be the name of an exchange, not {other}"
            ))),
        },
        None => {
            let text = format!(
                "the policy key '{name}' is not offered yet; it is refused because ignoring it \
                 would change what happens to messages"
            );
            Err(Refusal::new(Reason::NotImplemented, text))
        }
    }
}

fn path(key: &str) -> String {
    format!("definition.{key}")
}

/// A policy and an operator policy together.
pub(super) fn merged(policy: Arguments, mut operator: Arguments) -> Arguments {
    for (name, value) in policy {
        let merge = KEYS.iter().find(|key| key.name == name);
        let merge = merge.map_or(Merge::First, |key| key.merge);
        let value = match operator.get(&name) {
            Some(first) => merge.of(first, &value),
            None => value,
        };
        operator.insert(name, value);
    }
    operator
}

/// The arguments by which a queue works that was declared with `arguments` and to which policies
/// apply that say `definition` together.
pub(super) fn effective(
    arguments: &Arguments,
    definition: &Arguments,
    kind: QueueKind,
) -> Arguments {
    let mut effective = arguments.clone();
    for key in &KEYS {
        let (Some(argument), Some(value)) = (key.argument, definition.get(key.name)) else {
            continue;
        };
        if !is_for(kind, argument, value) {
            continue;
        }
        let value = match arguments.get(argument) {
            Some(own) => key.merge.of(own, value),
            None => value.clone(),
        };
        effective.insert(argument.to_owned(), value);
    }
    effective
}

/// What queues of the kind cannot do they leave out.
fn is_for(kind: QueueKind, argument: &str, value: &Value) -> bool {
    let turned_away_dead = Value::Text("reject-publish-dlx".to_owned());
    let of_streams = rules::is_only_of_streams(argument);
    match kind {
        QueueKind::Classic => {
            let of_quorum = [rules::DELIVERY_LIMIT, rules::DEAD_LETTER_STRATEGY];
            !of_quorum.contains(&argument) && !of_streams
        }
        QueueKind::Quorum => {
            (argument != rules::OVERFLOW || *value != turned_away_dead) && !of_streams
        }
        QueueKind::Stream => rules::STREAM_ARGUMENTS.contains(&argument),
    }
}

/// Where an exchange's messages go that it finds no way for: its own argument goes before.
pub(crate) fn alternate<'a>(own: Option<&'a str>, definition: &'a Arguments) -> Option<&'a str> {
    own.or_else(|| match definition.get(ALTERNATE) {
        Some(Value::Text(name)) => Some(name.as_str()),
        _ => None,
    })
}

impl Merge {
    fn of(self, first: &Value, second: &Value) -> Value {
        if self == Self::Shortest {
            return if age_ms(second) < age_ms(first) {
                second
            } else {
                first
            }
            .clone();
        }
        let (Value::Int(one), Value::Int(other)) = (first, second) else {
            return first.clone();
        };
        match self {
            Self::First | Self::Shortest => first.clone(),
            Self::LeastUnlessNegative if *one < 0 || *other < 0 => Value::Int(*one.max(other)),
            Self::Least | Self::LeastUnlessNegative => Value::Int(*one.min(other)),
        }
    }
}

fn age_ms(value: &Value) -> Option<u64> {
    match value {
        Value::Text(age) => interval::parse_ms(age),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map<const N: usize>(entries: [(&str, Value); N]) -> Arguments {
        entries.map(|(name, value)| (name.to_owned(), value)).into()
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn the_smaller_limit_holds_and_else_the_operators_word() {
        let policy = map([
            ("max-length", Value::Int(10)),
            ("message-ttl", Value::Int(5)),
            ("delivery-limit", Value::Int(-1)),
            ("overflow", text("reject-publish")),
            ("dead-letter-exchange", text("dlx")),
        ]);
        let operator = map([
            ("max-length", Value::Int(7)),
            ("message-ttl", Value::Int(9)),
            ("delivery-limit", Value::Int(3)),
            ("overflow", text("drop-head")),
            ("expires", Value::Int(100)),
        ]);
        let expected = map([
            ("max-length", Value::Int(7)),
            ("message-ttl", Value::Int(5)),
            ("delivery-limit", Value::Int(3)),
            ("overflow", text("drop-head")),
            ("dead-letter-exchange", text("dlx")),
            ("expires", Value::Int(100)),
        ]);
        assert_eq!(merged(policy, operator), expected);
    }

    #[test]
    fn what_a_queue_was_declared_with_adds_to_its_policies() {
        let own = map([
            ("x-max-length", Value::Int(3)),
            ("x-message-ttl", Value::Int(50)),
            ("x-dead-letter-exchange", text("own")),
            ("x-max-priority", Value::Int(5)),
        ]);
        let definition = map([
            ("max-length", Value::Int(7)),
            ("message-ttl", Value::Int(5)),
            ("dead-letter-exchange", text("dlx")),
            ("dead-letter-routing-key", text("key")),
            ("delivery-limit", Value::Int(3)),
            ("queue-mode", text("lazy")),
        ]);
        let expected = map([
            ("x-max-length", Value::Int(3)),
            ("x-message-ttl", Value::Int(5)),
            ("x-dead-letter-exchange", text("own")),
            ("x-dead-letter-routing-key", text("key")),
            ("x-max-priority", Value::Int(5)),
        ]);
        assert_eq!(effective(&own, &definition, QueueKind::Classic), expected);
        let limit = map([("delivery-limit", Value::Int(3))]);
        let quorum = effective(&Arguments::new(), &limit, QueueKind::Quorum);
        assert_eq!(quorum, map([("x-delivery-limit", Value::Int(3))]));
    }

    #[test]
    fn what_a_policy_cannot_say_is_refused_at_its_key() {
        let refused = |definition: Arguments, operator: bool| {
            let refusal = check(&definition, operator).unwrap_err();
            let property = refusal.property.unwrap_or_default().to_string();
            (refusal.reason, property)
        };
        let at = |key: &str| (Reason::Invalid, path(key));
        for (key, value) in [
            ("max-length", Value::Int(-1)),
            ("message-ttl", text("60")),
            ("expires", Value::Int(0)),
            ("overflow", text("explode")),
            ("dead-letter-exchange", Value::Int(1)),
            ("alternate-exchange", Value::Bool(true)),
        ] {
            assert_eq!(refused(map([(key, value)]), false), at(key));
        }
        let federated = map([("federation-upstream", text("u"))]);
        let offered = (Reason::NotImplemented, path("federation-upstream"));
        assert_eq!(refused(federated, false), offered);
        let dead = map([("dead-letter-exchange", text("x"))]);
        assert!(check(&dead, false).is_ok());
        assert_eq!(refused(dead, true), at("dead-letter-exchange"));
        let nothing = refused(Arguments::new(), false);
        assert_eq!(nothing, (Reason::Invalid, "definition".to_owned()));
    }
}
