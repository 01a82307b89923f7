//! What a queue's arguments ask of it beyond keeping messages, and which values they may have.
//!
//! Refusals have RabbitMQ's words, which clients' own tests look for.

use std::sync::Arc;

use crate::arguments::{QUEUE_TYPE, path};
use crate::expiration;
use crate::interval;
use crate::queue_kind::QueueKind;
use crate::refusal::{Reason, Refusal};
use crate::value::{Arguments, Value};

/// Longest a message may wait in the queue, in milliseconds.
pub(crate) const MESSAGE_TTL: &str = "x-message-ttl";
/// Longest the queue may be unused, in milliseconds.
pub(crate) const EXPIRES: &str = "x-expires";

/// Most messages ready, and most bytes of their bodies.
pub(crate) const MAX_LEN: &str = "x-max-length";
pub(crate) const MAX_BYTES: &str = "x-max-length-bytes";
/// Longest a message stays in a stream, as a length of time.
pub(crate) const MAX_AGE: &str = "x-max-age";
/// How large RabbitMQ's files of a stream are. Here it says nothing: streams share the journal, and let
/// go message by message.
pub(crate) const MAX_SEGMENT_BYTES: &str = "x-stream-max-segment-size-bytes";
/// What happens to a message that is too much.
pub(crate) const OVERFLOW: &str = "x-overflow";
/// The exchange to which messages go that die in the queue, and the key they get.
pub(crate) const DEAD_LETTER_EXCHANGE: &str = "x-dead-letter-exchange";
pub(crate) const DEAD_LETTER_KEY: &str = "x-dead-letter-routing-key";

/// How sure a message is to get there, in a queue of type quorum.
pub(crate) const DEAD_LETTER_STRATEGY: &str = "x-dead-letter-strategy";
const AT_LEAST_ONCE: &str = "at-least-once";
const AT_MOST_ONCE: &str = "at-most-once";

/// Consumers with a higher one are served first.
pub(crate) const CONSUMER_PRIORITY: &str = "x-priority";
/// One consumer is served at a time.
const SINGLE_ACTIVE_CONSUMER: &str = "x-single-active-consumer";
/// How often a message may come back, in a queue that counts that.
pub(crate) const DELIVERY_LIMIT: &str = "x-delivery-limit";

/// How often it may unless the queue says otherwise: as often as in RabbitMQ since 4.0.
const DEFAULT_DELIVERY_LIMIT: u32 = 20;

/// Messages have priorities up to this one.
const MAX_PRIORITY: &str = "x-max-priority";
pub(crate) const CONSUMER_TIMEOUT: &str = "x-consumer-timeout";

/// The arguments with which this module deals.
pub(crate) const ARGUMENTS: [&str; 14] = [
    CONSUMER_TIMEOUT,
    DEAD_LETTER_STRATEGY,
    MAX_PRIORITY,
    DELIVERY_LIMIT,
    SINGLE_ACTIVE_CONSUMER,
    DEAD_LETTER_EXCHANGE,
    DEAD_LETTER_KEY,
    EXPIRES,
    MAX_AGE,
    MAX_BYTES,
    MAX_LEN,
    MAX_SEGMENT_BYTES,
    MESSAGE_TTL,
    OVERFLOW,
];

/// Those of them that a stream has, as in RabbitMQ.
pub(crate) const STREAM_ARGUMENTS: [&str; 3] = [MAX_AGE, MAX_BYTES, MAX_SEGMENT_BYTES];

/// RabbitMQ's limit for [`MAX_SEGMENT_BYTES`].
const MAX_SEGMENT_BYTES_MAX: i128 = 3_000_000_000;

/// The rules of one queue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rules {
    /// Messages expire so long after they came.
    pub(crate) message_ttl_ms: Option<u64>,
    /// The queue goes when nobody has used it for so long.
    pub(crate) expires_ms: Option<u64>,
    /// Messages of a stream stay so long.
    pub(crate) max_age_ms: Option<u64>,
    /// No more messages ready than so many,
    pub(crate) max_len: Option<u64>,
    /// and no more bytes of bodies.
    pub(crate) max_bytes: Option<u64>,
    pub(crate) overflow: Overflow,
    pub(crate) dead_letter: Option<DeadLetter>,
    /// A message that died stays until every queue it is to go to has it.
    pub(crate) at_least_once: bool,
    /// Only one consumer is served at a time.
    pub(crate) single_active_consumer: bool,
    /// It counts how often a message comes back, and tells.
    pub(crate) counts_returns: bool,
    /// A message that comes back more often is let go.
    pub(crate) delivery_limit: Option<u32>,
    /// Consumers may keep a delivery for so long, whatever the broker lets them.
    pub(crate) consumer_timeout_ms: Option<u64>,
    /// Messages of higher priority come first; those above this one count as this one.
    pub(crate) max_priority: Option<u8>,
    /// It keeps the messages of a delayed exchange, each until it is due.
    pub(crate) delays: bool,
}

/// Which message goes when there is one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Overflow {
    /// The oldest.
    #[default]
    DropHead,
    /// The newest, and its publisher is told.
    RejectPublish,
    /// The same, and it goes on as a dead letter.
    RejectPublishDeadLetter,
}

/// Where messages go that die in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeadLetter {
    pub(crate) exchange: Arc<str>,
    /// Instead of their own.
    pub(crate) routing_key: Option<Box<str>>,
}

impl Rules {
    /// The rules of a queue with these arguments, which have been checked; none if they ask for
    /// nothing.
    pub(crate) fn of(arguments: &Arguments) -> Option<Self> {
        let is_quorum = text(arguments, QUEUE_TYPE) == Some("quorum");
        let overflow = text(arguments, OVERFLOW).and_then(Overflow::parse);
        let overflow = overflow.unwrap_or_default();
        let dead_letter = dead_letter_exchange(arguments).map(|exchange| DeadLetter {
            exchange: exchange.into(),
            routing_key: text(arguments, DEAD_LETTER_KEY).map(Box::from),
        });
        // As in RabbitMQ only where what is kept holds publishers back; elsewhere at most once.
        let at_least_once = is_quorum
            && text(arguments, DEAD_LETTER_STRATEGY) == Some(AT_LEAST_ONCE)
            && overflow == Overflow::RejectPublish
            && dead_letter.is_some();
        let rules = Self {
            at_least_once,
            single_active_consumer: arguments.get(SINGLE_ACTIVE_CONSUMER)
                == Some(&Value::Bool(true)),
            counts_returns: is_quorum,
            consumer_timeout_ms: number(arguments, CONSUMER_TIMEOUT),
            max_priority: number(arguments, MAX_PRIORITY),
            delays: false,
            delivery_limit: match arguments.get(DELIVERY_LIMIT) {
                _ if !is_quorum => None,
                None => Some(DEFAULT_DELIVERY_LIMIT),
                // A negative one is none.
                Some(_) => number(arguments, DELIVERY_LIMIT),
            },
            message_ttl_ms: number(arguments, MESSAGE_TTL),
            expires_ms: number(arguments, EXPIRES),
            max_age_ms: text(arguments, MAX_AGE).and_then(interval::parse_ms),
            max_len: number(arguments, MAX_LEN),
            max_bytes: number(arguments, MAX_BYTES),
            overflow,
            dead_letter,
        };
        (rules != Self::default()).then_some(rules)
    }

    /// The rules of the queue in which a delayed exchange of that name keeps its messages: from there
    /// they go on as dead letters do.
    pub(crate) fn of_delayed(exchange: &str) -> Self {
        Self {
            delays: true,
            dead_letter: Some(DeadLetter {
                exchange: exchange.into(),
                routing_key: None,
            }),
            ..Self::default()
        }
    }

    /// Messages expire in such a queue even if their publishers do not ask for it.
    pub(crate) fn lets_expire(&self) -> bool {
        self.message_ttl_ms.is_some() || self.delays
    }

    /// Publishers have to ask before a message comes.
    pub(crate) fn turns_away(&self) -> bool {
        let limited = self.max_len.is_some() || self.max_bytes.is_some();
        limited && self.overflow != Overflow::DropHead
    }
}

impl Overflow {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "drop-head" => Self::DropHead,
            "reject-publish" => Self::RejectPublish,
            "reject-publish-dlx" => Self::RejectPublishDeadLetter,
            _ => return None,
        })
    }
}

/// The exchange of these arguments to which dead letters go.
pub(crate) fn dead_letter_exchange(arguments: &Arguments) -> Option<&str> {
    text(arguments, DEAD_LETTER_EXCHANGE)
}

type Check = fn(&Value) -> Result<(), String>;

/// Which values arguments may have.
const CHECKS: [(&str, Check); 13] = [
    (DEAD_LETTER_STRATEGY, check_strategy),
    (CONSUMER_TIMEOUT, check_limit),
    (MAX_PRIORITY, check_priority),
    (SINGLE_ACTIVE_CONSUMER, check_bool),
    (DELIVERY_LIMIT, check_number),
    (MESSAGE_TTL, check_time),
    (EXPIRES, check_positive_time),
    (MAX_AGE, check_age),
    (MAX_SEGMENT_BYTES, check_segment_bytes),
    (MAX_LEN, check_limit),
    (MAX_BYTES, check_limit),
    (OVERFLOW, check_overflow),
    (DEAD_LETTER_KEY, check_text),
];

/// Checks the value of one of these arguments wherever it is said; the error is why not.
pub(crate) fn check_one(name: &str, value: &Value) -> Result<(), String> {
    if name == DEAD_LETTER_EXCHANGE {
        return check_text(value);
    }
    let check = CHECKS.iter().find(|(known, _)| *known == name);
    check.map_or(Ok(()), |(_, check)| check(value))
}

/// Checks the values; `thing` names the queue.
pub(crate) fn check(arguments: &Arguments, thing: &str) -> Result<(), Refusal> {
    if let Some(value) = arguments.get(DEAD_LETTER_EXCHANGE)
        && !matches!(value, Value::Text(_))
    {
        let kind = type_name(value);
        let text = format!("invalid type '{kind}' for arg '{DEAD_LETTER_EXCHANGE}' in {thing}");
        return Err(Refusal::new(Reason::Invalid, text).at(path(DEAD_LETTER_EXCHANGE)));
    }
    for (name, check) in CHECKS {
        if let Some(value) = arguments.get(name) {
            check(value).map_err(|why| invalid(name, thing, &why))?;
        }
    }
    check_kind(arguments, thing)?;
    if arguments.contains_key(DEAD_LETTER_KEY) && !arguments.contains_key(DEAD_LETTER_EXCHANGE) {
        return Err(invalid(
            DEAD_LETTER_KEY,
            thing,
            "routing_key_but_no_dlx_defined",
        ));
    }
    Ok(())
}

/// Refuses what other kinds of queues offer.
fn check_kind(arguments: &Arguments, thing: &str) -> Result<(), Refusal> {
    let overflow = text(arguments, OVERFLOW).and_then(Overflow::parse);
    let kind = QueueKind::of(arguments);
    let is_foreign = |name: &str| match kind {
        QueueKind::Classic => {
            [DELIVERY_LIMIT, DEAD_LETTER_STRATEGY].contains(&name) || is_only_of_streams(name)
        }
        QueueKind::Quorum => {
            let buries = name == OVERFLOW && overflow == Some(Overflow::RejectPublishDeadLetter);
            name == MAX_PRIORITY || buries || is_only_of_streams(name)
        }
        QueueKind::Stream => !STREAM_ARGUMENTS.contains(&name),
    };
    let mut said = ARGUMENTS
        .iter()
        .filter(|name| arguments.contains_key(**name));
    let Some(name) = said.find(|name| is_foreign(name)) else {
        return Ok(());
    };
    let kind = kind.name();
    let text = format!("invalid arg '{name}' for {thing} of queue type rabbit_{kind}_queue");
    Err(Refusal::new(Reason::Invalid, text).at(path(name)))
}

/// No other kind of queue has it.
pub(crate) fn is_only_of_streams(name: &str) -> bool {
    [MAX_AGE, MAX_SEGMENT_BYTES].contains(&name)
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

fn text<'a>(arguments: &'a Arguments, name: &str) -> Option<&'a str> {
    match arguments.get(name) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

fn check_bool(value: &Value) -> Result<(), String> {
    match value {
        Value::Bool(_) => Ok(()),
        other => Err(format!("{{unacceptable_type,{}}}", type_name(other))),
    }
}

fn check_number(value: &Value) -> Result<(), String> {
    match value {
        Value::Int(_) => Ok(()),
        other => Err(format!("\"expected integer, got {}\"", type_name(other))),
    }
}

/// The priority among these arguments of a consumer; `thing` names the queue.
pub(crate) fn consumer_priority(arguments: &Arguments, thing: &str) -> Result<i32, Refusal> {
    let Some(value) = arguments.get(CONSUMER_PRIORITY) else {
        return Ok(0);
    };
    check_number(value).map_err(|why| invalid(CONSUMER_PRIORITY, thing, &why))?;
    let bounded = |priority: i128| priority.clamp(i32::MIN.into(), i32::MAX.into());
    Ok(match value {
        Value::Int(priority) => i32::try_from(bounded(*priority)).unwrap_or(0),
        _ => 0,
    })
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

fn check_priority(value: &Value) -> Result<(), String> {
    let priority = check_count(value)?;
    if u8::try_from(priority).is_err() {
        return Err(format!("{{max_value_exceeded,{priority}}}"));
    }
    Ok(())
}

fn check_limit(value: &Value) -> Result<(), String> {
    let limit = check_count(value)?;
    if u64::try_from(limit).is_err() {
        return Err(format!("{{value_too_large,{limit}}}"));
    }
    Ok(())
}

fn check_text(value: &Value) -> Result<(), String> {
    match value {
        Value::Text(_) => Ok(()),
        other => Err(format!("{{unacceptable_type,{}}}", type_name(other))),
    }
}

fn check_age(value: &Value) -> Result<(), String> {
    match value {
        Value::Text(age) if interval::parse_ms(age).is_none() => Err("invalid_max_age".to_owned()),
        other => check_text(other),
    }
}

fn check_segment_bytes(value: &Value) -> Result<(), String> {
    let bytes = check_count(value)?;
    if bytes > MAX_SEGMENT_BYTES_MAX {
        return Err(format!("{{value_too_large,{bytes}}}"));
    }
    Ok(())
}

fn check_overflow(value: &Value) -> Result<(), String> {
    match value {
        Value::Text(name) if Overflow::parse(name).is_none() => Err("invalid_overflow".to_owned()),
        other => check_text(other),
    }
}

fn check_strategy(value: &Value) -> Result<(), String> {
    match value {
        Value::Text(name) if name == AT_LEAST_ONCE || name == AT_MOST_ONCE => Ok(()),
        Value::Text(_) => Err("invalid_dlx_strategy".to_owned()),
        other => check_text(other),
    }
}

/// What RabbitMQ calls the type.
/// What RabbitMQ calls the type of a value.
pub(crate) fn type_name(value: &Value) -> &'static str {
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
    fn limits_and_texts_have_their_types() {
        let text = |text: &str| Value::Text(text.into());
        for (name, value, words) in [
            (MAX_LEN, Value::Int(-1), "{value_negative,-1}"),
            (CONSUMER_TIMEOUT, Value::Int(-1), "{value_negative,-1}"),
            (MAX_PRIORITY, Value::Int(256), "{max_value_exceeded,256}"),
            (MAX_BYTES, text("1"), "\"expected integer, got longstr\""),
            (DEAD_LETTER_STRATEGY, text("twice"), "invalid_dlx_strategy"),
            (OVERFLOW, text("foo"), "invalid_overflow"),
            (OVERFLOW, Value::Int(1), "{unacceptable_type,signedint}"),
            (
                DEAD_LETTER_KEY,
                Value::Int(2),
                "{unacceptable_type,signedint}",
            ),
            (DEAD_LETTER_KEY, text("k"), "routing_key_but_no_dlx_defined"),
        ] {
            assert_eq!(refused(name, value).as_deref(), Some(words));
        }
        let arguments = Arguments::from([(DEAD_LETTER_EXCHANGE.to_owned(), Value::Int(1))]);
        let refusal = check(&arguments, "queue 'q' in vhost '/'").unwrap_err();
        let words = "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in \
                     vhost '/'";
        assert_eq!(refusal.text, words);
        for overflow in ["drop-head", "reject-publish", "reject-publish-dlx"] {
            assert_eq!(refused(OVERFLOW, text(overflow)), None);
        }
    }

    #[test]
    fn only_a_queue_that_counts_returns_has_a_limit_of_them() {
        let limit = |arguments: [(&str, Value); 2]| {
            let arguments = arguments.map(|(name, value)| (name.to_owned(), value));
            Rules::of(&Arguments::from(arguments)).and_then(|rules| rules.delivery_limit)
        };
        let quorum = || (QUEUE_TYPE, Value::Text("quorum".into()));
        assert_eq!(limit([quorum(), (DELIVERY_LIMIT, Value::Int(3))]), Some(3));
        assert_eq!(limit([quorum(), (DELIVERY_LIMIT, Value::Int(-1))]), None);
        assert_eq!(limit([quorum(), ("other", Value::Null)]), Some(20));
        let arguments = Arguments::from([(DELIVERY_LIMIT.to_owned(), Value::Int(3))]);
        let refusal = check(&arguments, "queue 'q' in vhost '/'").unwrap_err();
        let words = "invalid arg 'x-delivery-limit' for queue 'q' in vhost '/' of queue type \
                     rabbit_classic_queue";
        assert_eq!(refusal.text, words);
        let single = (SINGLE_ACTIVE_CONSUMER, Value::Text("a".into()));
        assert_eq!(
            refused(single.0, single.1).as_deref(),
            Some("{unacceptable_type,longstr}")
        );
    }

    #[test]
    fn a_queue_of_type_quorum_does_not_bury_what_it_turns_away() {
        for (overflow, taken) in [("reject-publish-dlx", false), ("reject-publish", true)] {
            let arguments = [(QUEUE_TYPE, "quorum"), (OVERFLOW, overflow)];
            let arguments =
                arguments.map(|(name, text)| (name.to_owned(), Value::Text(text.into())));
            let refusal = check(&Arguments::from(arguments), "queue 'q' in vhost '/'").err();
            let reason = refusal.map(|it| (it.reason, it.property));
            let refused = (Reason::Invalid, Some(path(OVERFLOW).into()));
            assert_eq!(reason, (!taken).then_some(refused));
        }
    }

    #[test]
    fn dead_letters_are_kept_where_what_is_kept_holds_publishers_back() {
        let at_least_once = |kind: &str, overflow: &str, exchange: &str| {
            let all = [
                (QUEUE_TYPE, kind),
                (OVERFLOW, overflow),
                (exchange, "x"),
                (DEAD_LETTER_STRATEGY, AT_LEAST_ONCE),
            ];
            let all = all.map(|(name, text)| (name.to_owned(), Value::Text(text.into())));
            let refused = check(&Arguments::from(all.clone()), "queue 'q'").is_err();
            (!refused).then(|| Rules::of(&all.into()).unwrap().at_least_once)
        };
        let exchange = DEAD_LETTER_EXCHANGE;
        assert_eq!(
            at_least_once("quorum", "reject-publish", exchange),
            Some(true)
        );
        assert_eq!(at_least_once("quorum", "drop-head", exchange), Some(false));
        assert_eq!(
            at_least_once("quorum", "reject-publish", "other"),
            Some(false)
        );
        assert_eq!(at_least_once("classic", "reject-publish", exchange), None);
    }

    #[test]
    fn a_queue_that_asks_for_nothing_has_no_rules() {
        assert_eq!(Rules::of(&Arguments::new()), None);
        let arguments = Arguments::from([(MESSAGE_TTL.to_owned(), Value::Int(0))]);
        let rules = Rules::of(&arguments).unwrap();
        assert_eq!((rules.message_ttl_ms, rules.expires_ms), (Some(0), None));
    }
}
