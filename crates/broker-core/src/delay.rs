//! How long a publisher has a delayed exchange keep its message: a header with milliseconds, by the
//! custom of RabbitMQ's plugin for delayed messages.

use bytes::BytesMut;
use wire::amqp091::{self, Table, TableBuilder, Value};

use crate::message::Properties;

/// The header. Whoever gets the message sees it with the sign turned round: so it is not kept again
/// by the next delayed exchange on its way, and tells that it was.
const DELAY: &str = "x-delay";

/// Longest delay: some 49 days. A message with a longer one, or with what is none, goes on at once.
const MAX_MS: i128 = u32::MAX as i128;

impl Properties {
    /// For how long a delayed exchange keeps the message, in milliseconds; none for not at all.
    pub(crate) fn delay_ms(&self) -> Option<u32> {
        let Self::Amqp091(properties) = self;
        let headers = amqp091::Properties::parse(properties).ok()?.headers?;
        delay_ms(headers)
    }

    /// The same of a message that was kept as long as it said.
    pub(crate) fn after_delay(&self) -> Self {
        let Self::Amqp091(properties) = self;
        let parsed = amqp091::Properties::parse(properties).unwrap_or_default();
        let headers = parsed.headers.unwrap_or_default();
        let Some(ms) = delay_ms(headers) else {
            return self.clone();
        };
        let turned = -i64::from(ms);
        let turned = i32::try_from(turned).map_or(Value::I64(turned), Value::I32);
        let headers = headers
            .iter()
            .fold(TableBuilder::new(), |table, (name, value)| {
                let is_delay = name == DELAY.as_bytes();
                table.entry(name, if is_delay { turned } else { value })
            });
        let changed = amqp091::Properties {
            headers: Some(headers.as_table()),
            ..parsed
        };
        let mut out = BytesMut::new();
        changed.encode(&mut out);
        Self::Amqp091(out.freeze())
    }
}

fn delay_ms(headers: Table<'_>) -> Option<u32> {
    let ms = match headers.get(DELAY)? {
        Value::I8(ms) => ms.into(),
        Value::U8(ms) => ms.into(),
        Value::I16(ms) => ms.into(),
        Value::U16(ms) => ms.into(),
        Value::I32(ms) => ms.into(),
        Value::U32(ms) => ms.into(),
        Value::I64(ms) => ms.into(),
        // Cut off behind the point; what is too large for the type is too large a delay.
        Value::F32(ms) => ms as i128,
        Value::F64(ms) => ms as i128,
        Value::Text(text) => str::from_utf8(text).ok()?.parse().ok()?,
        _ => return None,
    };
    if !(1..=MAX_MS).contains(&ms) {
        return None;
    }
    u32::try_from(ms).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(headers: &TableBuilder) -> Properties {
        let properties = amqp091::Properties {
            headers: Some(headers.as_table()),
            message_id: Some(b"m"),
            ..Default::default()
        };
        let mut out = BytesMut::new();
        properties.encode(&mut out);
        Properties::Amqp091(out.freeze())
    }

    fn delayed(value: Value<'_>) -> Properties {
        let headers = TableBuilder::new().text("a", "1").entry(DELAY, value);
        properties(&headers.text("z", "2"))
    }

    #[test]
    fn a_delay_is_a_positive_number_of_at_most_32_bits_however_it_is_written() {
        for (value, ms) in [
            (Value::I32(5000), Some(5000)),
            (Value::U8(1), Some(1)),
            (Value::I64(4_294_967_295), Some(u32::MAX)),
            (Value::Text(b"250"), Some(250)),
            (Value::F64(1.9), Some(1)),
            (Value::I64(4_294_967_296), None),
            (Value::F64(f64::NAN), None),
            (Value::F64(f64::INFINITY), None),
            (Value::I32(0), None),
            (Value::I32(-5), None),
            (Value::Text(b"soon"), None),
            (Value::Bool(true), None),
        ] {
            assert_eq!(delayed(value).delay_ms(), ms, "{value:?}");
        }
        assert_eq!(Properties::Amqp091(vec![0, 0].into()).delay_ms(), None);
    }

    #[test]
    fn who_gets_the_message_sees_the_delay_turned_round_and_all_else_as_it_was() {
        for (value, turned) in [
            (Value::U16(5000), Value::I32(-5000)),
            (Value::Text(b"7"), Value::I32(-7)),
            (Value::U32(u32::MAX), Value::I64(-4_294_967_295)),
        ] {
            let after = delayed(value).after_delay();
            assert_eq!(after, delayed(turned));
            assert_eq!(after.delay_ms(), None, "not a second time");
        }
        let at_once = delayed(Value::I32(0));
        assert_eq!(at_once.after_delay(), at_once);
    }
}
