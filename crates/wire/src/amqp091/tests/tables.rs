//! Field tables and message properties.

use bytes::BytesMut;

use super::super::*;

#[test]
fn every_value_has_its_tag() {
    let inner = TableBuilder::new().text("k", "v");
    let list = TableBuilder::new()
        .item(Value::Bool(true))
        .item(Value::Void);
    let cases: [(Value<'_>, &[u8]); 17] = [
        (Value::Bool(true), b"t\x01"),
        (Value::I8(-1), b"b\xff"),
        (Value::U8(255), b"B\xff"),
        (Value::I16(-2), b"s\xff\xfe"),
        (Value::U16(258), b"u\x01\x02"),
        (Value::I32(-2), b"I\xff\xff\xff\xfe"),
        (Value::U32(1), b"i\0\0\0\x01"),
        (Value::I64(-1), b"l\xff\xff\xff\xff\xff\xff\xff\xff"),
        (Value::F32(1.5), b"f\x3f\xc0\0\0"),
        (Value::F64(1.5), b"d\x3f\xf8\0\0\0\0\0\0"),
        (
            Value::Decimal {
                scale: 2,
                digits: -1,
            },
            b"D\x02\xff\xff\xff\xff",
        ),
        (Value::Text(b"ab"), b"S\0\0\0\x02ab"),
        (Value::Bytes(b"\xff"), b"x\0\0\0\x01\xff"),
        (Value::List(list.as_list()), b"A\0\0\0\x03t\x01V"),
        (Value::Timestamp(5), b"T\0\0\0\0\0\0\0\x05"),
        (
            Value::Table(inner.as_table()),
            b"F\0\0\0\x08\x01kS\0\0\0\x01v",
        ),
        (Value::Void, b"V"),
    ];
    for (value, expected) in cases {
        let built = TableBuilder::new().entry("n", value);
        assert_eq!(built.as_table().as_bytes(), [b"\x01n", expected].concat());
        let parsed = Table::parse(built.as_table().as_bytes()).unwrap();
        assert_eq!(parsed.get("n"), Some(value));
        for cut in 1..parsed.as_bytes().len() {
            assert!(
                Table::parse(&parsed.as_bytes()[..cut]).is_err(),
                "{value:?} cut at {cut}"
            );
        }
    }
}

#[test]
fn the_specifications_own_tag_of_a_long_integer_is_read_as_well() {
    let table = Table::parse(b"\x01nL\xff\xff\xff\xff\xff\xff\xff\xfe").unwrap();
    assert_eq!(table.get("n"), Some(Value::I64(-2)));
}

#[test]
fn damaged_tables_are_refused_by_kind() {
    let cases: [(&[u8], DecodeError); 5] = [
        (b"\x01nU\0\0", DecodeError::BadValueTag { tag: b'U' }),
        (b"\xffn", DecodeError::Truncated),
        (b"\x01nS\xff\xff\xff\xffab", DecodeError::Truncated),
        (b"\x01nF\0\0\0\x02\x01n", DecodeError::Truncated),
        (b"\x01nA\0\0\0\x01?", DecodeError::BadValueTag { tag: b'?' }),
    ];
    for (bytes, expected) in cases {
        assert_eq!(Table::parse(bytes), Err(expected), "{bytes:?}");
    }
}

#[test]
fn names_may_be_any_bytes() {
    let table = Table::parse(b"\x02\xff\0V\x01nV").unwrap();
    let names: Vec<&[u8]> = table.iter().map(|(name, _)| name).collect();
    assert_eq!(names, [&b"\xff\0"[..], b"n"]);
    assert_eq!(table.get("n"), Some(Value::Void));
}

/// A table that holds tables or lists, `levels` deep in all.
fn nested(levels: usize, list: bool) -> Vec<u8> {
    let mut inner: Vec<u8> = Vec::new();
    for level in (1..levels).rev() {
        let name: &[u8] = if list && level > 1 { b"" } else { b"\0" };
        let tag = if list { b'A' } else { b'F' };
        inner = [name, &[tag], &(inner.len() as u32).to_be_bytes(), &inner].concat();
    }
    inner
}

#[test]
fn nesting_is_bounded() {
    for list in [false, true] {
        assert!(Table::parse(&nested(MAX_DEPTH, list)).is_ok());
        for levels in [MAX_DEPTH + 1, 580, 18_000] {
            assert_eq!(
                Table::parse(&nested(levels, list)),
                Err(DecodeError::TooDeep)
            );
        }
    }
}

#[test]
fn properties_survive_the_round_trip_one_by_one_and_all_together() {
    let headers = TableBuilder::new().entry("x", Value::I64(1));
    let all = Properties {
        content_type: Some(b"text/plain"),
        content_encoding: Some(b"utf-8"),
        headers: Some(headers.as_table()),
        delivery_mode: Some(2),
        priority: Some(9),
        correlation_id: Some(b"\xff\0\xfe"),
        reply_to: Some(b"r"),
        expiration: Some(b"60000"),
        message_id: Some(b"m"),
        timestamp: Some(1 << 40),
        kind: Some(b"t"),
        user_id: Some(b"u"),
        app_id: Some(b"a"),
        cluster_id: Some(b""),
    };
    let mut raw = BytesMut::new();
    all.encode(&mut raw);
    assert_eq!(raw[..2], [0xff, 0xfc]);
    assert_eq!(Properties::parse(&raw), Ok(all));
    for cut in 0..raw.len() {
        assert!(Properties::parse(&raw[..cut]).is_err(), "cut at {cut}");
    }
    let single = Properties {
        delivery_mode: Some(2),
        ..Default::default()
    };
    let mut raw = BytesMut::new();
    single.encode(&mut raw);
    assert_eq!(raw, &b"\x10\0\x02"[..]);
    assert_eq!(Properties::parse(&raw), Ok(single));
}

#[test]
fn damaged_properties_are_refused() {
    let cases: [(&[u8], DecodeError); 5] = [
        (b"", DecodeError::Truncated),
        (b"\0\x01", DecodeError::BadPropertyFlags { flags: 1 }),
        (b"\0\x02", DecodeError::BadPropertyFlags { flags: 2 }),
        (b"\0\0x", DecodeError::Trailing { count: 1 }),
        (
            b"\x20\0\0\0\0\x03\x01nQ",
            DecodeError::BadValueTag { tag: b'Q' },
        ),
    ];
    for (raw, expected) in cases {
        assert_eq!(Properties::parse(raw), Err(expected));
    }
}
