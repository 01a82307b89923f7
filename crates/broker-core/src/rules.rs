//! What a queue's arguments ask of it beyond keeping messages, and which values they may have.
//!
//! Refusals have RabbitMQ's words, which clients' own tests look for.

use crate::arguments::path;
use crate::expiration;
use crate::refusal::{Reason, Refusal};
use crate::value::{Arguments, Value};

/// Longest a message may wait in the queue, in milliseconds.
const MESSAGE_TTL: &str = "x-message-ttl";
/// Longest the queue may be unused, in milliseconds.
const EXPIRES: &str = "x-expires";

/// The arguments with which this module deals.
pub(crate) const ARGUMENTS: [&str; 2] = [EXPIRES, MESSAGE_TTL];

/// The rules of one queue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rules {
    /// Messages expire so long after they came.
    pub(crate) message_ttl_ms: Option<u32>,
    /// The queue goes when nobody has used it for so long.
    pub(crate) expires_ms: Option<u32>,
}

impl Rules {
    /// The rules of a queue with these arguments, which have been checked; none if they ask for
    /// nothing.
    pub(crate) fn of(arguments: &Arguments) -> Option<Self> {
        let rules = Self {
            message_ttl_ms: number(arguments, MESSAGE_TTL),
            expires_ms: number(arguments, EXPIRES),
        };
        (rules != Self::default()).then_some(rules)
    }
}

/// Checks the values; `thing` names the queue.
pub(crate) fn check(arguments: &Arguments, thing: &str) -> Result<(), Refusal> {
    type Check = fn(&Value) -> Result<(), String>;
    let checks: [(&str, Check); 2] = [(MESSAGE_TTL, check_time), (EXPIRES, check_positive_time)];
    for (name, check) in checks {
        if let Some(value) = arguments.get(name) {
            check(value).map_err(|why| invalid(name, thing, &why))?;
        }
    }
    Ok(())
}

fn invalid(name: &str, thing: &str, why: &str) -> Refusal {
    let text = format!("invalid arg '{name}' for {thing}: {why}");
    Refusal::new(Reason::Invalid, text).at(path(name))
}

fn number<N: TryFrom<i128>>(arguments: &Arguments, name: &str) -> Option<N> {
    match arguments.get(name) {
        Some(Value::Int(number)) => N::try_from(*number).ok(),
        _ => None,
    }
}

/// A whole number that is not negative.
fn check_count(value: &Value) -> Result<i128, String> {
    match value {
        Value::Int(number) if *number < 0 => Err(format!("{{value_negative,{number}}}")),
        Value::Int(number) => Ok(*number),
        other => Err(format!("\"expected integer, got {}\"", type_name(other))),
    }
}

fn check_time(value: &Value) -> Result<(), String> {
    let ms = check_count(value)?;
    if ms > i128::from(expiration::MAX_MS) {
        return Err(format!("{{value_too_large,{ms}}}"));
    }
    Ok(())
}

fn check_positive_time(value: &Value) -> Result<(), String> {
    if let Value::Int(0) = value {
        return Err("{value_zero,0}".to_owned());
    }
    check_time(value)
}

/// What RabbitMQ calls the type.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "void",
        Value::Bool(_) => "bool",
        Value::Int(number) if i32::try_from(*number).is_ok() => "signedint",
        Value::Int(_) => "long",
        Value::Float(_) => "double",
        Value::Decimal { .. } => "decimal",
        Value::Text(_) => "longstr",
        Value::Bytes(_) => "binary",
        Value::Timestamp(_) => "timestamp",
        Value::List(_) => "array",
        Value::Map(_) => "table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, value: Value) -> Option<String> {
        let arguments = Arguments::from([(name.to_owned(), value)]);
        let refusal = check(&arguments, "queue 'q' in vhost '/'").err()?;
        let head = format!("invalid arg '{name}' for queue 'q' in vhost '/': ");
        assert_eq!(refusal.reason, Reason::Invalid);
        assert_eq!(refusal.property, Some(path(name).into()));
        Some(refusal.text.strip_prefix(&head).unwrap().to_owned())
    }

    #[test]
    fn times_are_whole_numbers_that_are_neither_negative_nor_too_large() {
        for name in [MESSAGE_TTL, EXPIRES] {
            for (value, words) in [
                (
                    Value::Text("60".into()),
                    "\"expected integer, got longstr\"",
                ),
                (Value::Bool(true), "\"expected integer, got bool\""),
                (Value::Int(-1), "{value_negative,-1}"),
                (
                    Value::Int(10_i128.pow(15)),
                    "{value_too_large,1000000000000000}",
                ),
            ] {
                assert_eq!(refused(name, value).as_deref(), Some(words));
            }
            assert_eq!(refused(name, Value::Int(1)), None);
        }
        assert_eq!(refused(MESSAGE_TTL, Value::Int(0)), None);
        let zero = refused(EXPIRES, Value::Int(0));
        assert_eq!(zero.as_deref(), Some("{value_zero,0}"));
    }

    #[test]
    fn a_queue_that_asks_for_nothing_has_no_rules() {
        assert_eq!(Rules::of(&Arguments::new()), None);
        let arguments = Arguments::from([(MESSAGE_TTL.to_owned(), Value::Int(0))]);
        let rules = Rules::of(&arguments).unwrap();
        assert_eq!((rules.message_ttl_ms, rules.expires_ms), (Some(0), None));
    }
}
