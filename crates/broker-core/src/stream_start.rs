//! Where a consumer of a stream wants to begin: its argument `x-stream-offset`.

use crate::arguments::path;
use crate::clock::Timestamp;
use crate::interval;
use crate::queue::Start;
use crate::refusal::{Reason, Refusal};
use crate::rules::CONSUMER_PRIORITY;
use crate::value::{Arguments, Value};

/// The argument's name.
pub(crate) const ARGUMENT: &str = "x-stream-offset";

/// What a consumer can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamStart {
    /// With what came so many milliseconds ago, or later.
    Ago { ms: u64 },
    /// At a place that needs no search.
    At(Start),
    /// With what came then, or later.
    Since(Timestamp),
}

/// What these arguments say of a consumer of `thing`; refuses what is for the other kind of queue.
pub(crate) fn of(
    arguments: &Arguments,
    thing: &str,
    is_stream: bool,
) -> Result<StreamStart, Refusal> {
    let (other, kind) = match is_stream {
        true => (CONSUMER_PRIORITY, "stream"),
        false => (ARGUMENT, "classic"),
    };
    if arguments.contains_key(other) {
        let text = format!("invalid arg '{other}' for {thing} of queue type rabbit_{kind}_queue");
        return Err(Refusal::new(Reason::Invalid, text).at(path(other)));
    }
    let Some(value) = arguments.get(ARGUMENT) else {
        return Ok(StreamStart::At(Start::Next));
    };
    parse(value).ok_or_else(|| {
        let text =
            format!("invalid arg '{ARGUMENT}' for {thing}: {{invalid_stream_offset_arg,{value}}}");
        Refusal::new(Reason::Invalid, text).at(path(ARGUMENT))
    })
}

fn parse(value: &Value) -> Option<StreamStart> {
    let start = match value {
        Value::Int(offset) => Start::Offset(u64::try_from(*offset).ok()?),
        Value::Timestamp(seconds) => {
            return Some(StreamStart::Since(Timestamp(seconds.saturating_mul(1000))));
        }
        Value::Text(text) => match text.as_str() {
            "first" => Start::First,
            "last" => Start::Last,
            "next" => Start::Next,
            ago => {
                let ms = interval::parse_ms(ago)?;
                return Some(StreamStart::Ago { ms });
            }
        },
        _ => return None,
    };
    Some(StreamStart::At(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_value(value: Value) -> Result<StreamStart, Refusal> {
        of(
            &Arguments::from([(ARGUMENT.to_owned(), value)]),
            "queue 's'",
            true,
        )
    }

    #[test]
    fn a_place_is_a_word_an_offset_or_a_time() {
        let text = |text: &str| Value::Text(text.to_owned());
        for (value, start) in [
            (text("first"), StreamStart::At(Start::First)),
            (text("last"), StreamStart::At(Start::Last)),
            (text("next"), StreamStart::At(Start::Next)),
            (Value::Int(5), StreamStart::At(Start::Offset(5))),
            (Value::Timestamp(7), StreamStart::Since(Timestamp(7000))),
            (text("2m"), StreamStart::Ago { ms: 120_000 }),
        ] {
            assert_eq!(of_value(value).unwrap(), start);
        }
        let none = of(&Arguments::new(), "queue 's'", true).unwrap();
        assert_eq!(none, StreamStart::At(Start::Next));
        for value in [text("soon"), text(""), Value::Int(-1), Value::Bool(true)] {
            assert_eq!(of_value(value).unwrap_err().reason, Reason::Invalid);
        }
    }

    #[test]
    fn what_the_other_kind_of_queue_offers_is_refused() {
        for (name, is_stream) in [(ARGUMENT, false), (CONSUMER_PRIORITY, true)] {
            let arguments = Arguments::from([(name.to_owned(), Value::Int(1))]);
            let refusal = of(&arguments, "queue 's'", is_stream).unwrap_err();
            assert!(
                refusal
                    .text
                    .starts_with(&format!("invalid arg '{name}' for queue 's' of"))
            );
            assert!(of(&arguments, "queue 's'", !is_stream).is_ok());
        }
    }
}
