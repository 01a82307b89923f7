//! Properties of a message by their names, for people and tools that do not speak AMQP 0-9-1.

use wire::amqp091::{DecodeError, Properties};

use crate::field_table::arguments;
use crate::value::{Arguments, Value};

/// The properties of a content header, by the names that AMQP 0-9-1 gives them; `headers` is a map.
///
/// # Errors
/// When the bytes are no properties, or a header's name is not text.
pub fn named_properties(encoded: &[u8]) -> Result<Arguments, DecodeError> {
    let it = Properties::parse(encoded)?;
    let texts = [
        ("content_type", it.content_type),
        ("content_encoding", it.content_encoding),
        ("correlation_id", it.correlation_id),
        ("reply_to", it.reply_to),
        ("expiration", it.expiration),
        ("message_id", it.message_id),
        ("type", it.kind),
        ("user_id", it.user_id),
        ("app_id", it.app_id),
        ("cluster_id", it.cluster_id),
    ];
    let texts = texts.map(|(name, value)| (name, value.map(text)));
    let numbers = [
        ("delivery_mode", it.delivery_mode.map(u64::from)),
        ("priority", it.priority.map(u64::from)),
    ];
    let numbers = numbers.map(|(name, value)| (name, value.map(|n| Value::Int(n.into()))));
    let rest = [
        (
            "headers",
            it.headers.map(arguments).transpose()?.map(Value::Map),
        ),
        ("timestamp", it.timestamp.map(Value::Timestamp)),
    ];
    let all = texts.into_iter().chain(numbers).chain(rest);
    let named = all.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Ok(named.collect())
}

fn text(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::Text(text.to_owned()),
        Err(_) => Value::Bytes(bytes.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use wire::amqp091::TableBuilder;

    use super::*;

    #[test]
    fn properties_come_by_their_names() {
        let headers = TableBuilder::new().text("k", "v");
        let properties = Properties {
            content_type: Some(b"text/plain"),
            headers: Some(headers.as_table()),
            delivery_mode: Some(2),
            timestamp: Some(7),
            kind: Some(b"\xff"),
            ..Properties::default()
        };
        let mut encoded = BytesMut::new();
        properties.encode(&mut encoded);
        let map = Arguments::from([("k".to_owned(), Value::Text("v".to_owned()))]);
        let expected = [
            ("content_type", Value::Text("text/plain".to_owned())),
            ("delivery_mode", Value::Int(2)),
            ("headers", Value::Map(map)),
            ("timestamp", Value::Timestamp(7)),
            ("type", Value::Bytes(vec![0xff])),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(named_properties(&encoded), Ok(Arguments::from(expected)));
        assert!(named_properties(&encoded[..3]).is_err());
    }
}
