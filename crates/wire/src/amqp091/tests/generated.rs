//! Generated input: nothing panics, and what decodes, encoded and decoded again, is equal.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::*;
use super::methods::one_of_each;

/// Reads whatever is in `input` to the end, writing back all that could be read.
fn read_back(input: &[u8]) {
    let decoder = Decoder { frame_max: 131_072 };
    let mut rest = input;
    while let Ok(Some(frame)) = decoder.decode(&mut rest) {
        let _ = Properties::parse(frame.payload);
        if let Ok(header) = ContentHeader::decode(frame.payload) {
            properties_agree(header.properties);
        }
        let Ok(method) = Method::decode(frame.payload) else {
            continue;
        };
        let mut once = BytesMut::new();
        method.encode(frame.channel, &mut once);
        let again = decoder.decode(&mut &once[..]).unwrap().unwrap();
        let decoded = Method::decode(again.payload).unwrap();
        // Written bytes are compared, not values: a NaN in a table is not equal to itself.
        let mut twice = BytesMut::new();
        decoded.encode(frame.channel, &mut twice);
        assert_eq!(once, twice);
    }
}

fn properties_agree(raw: &[u8]) {
    if let Ok(properties) = Properties::parse(raw) {
        let mut out = BytesMut::new();
        properties.encode(&mut out);
        assert_eq!(out, raw, "properties are written exactly as they were read");
    }
}

fn value(builder: TableBuilder, name: &str, seed: (u8, u64, Vec<u8>)) -> TableBuilder {
    let (kind, number, bytes) = seed;
    let nested = TableBuilder::new()
        .entry(name, Value::Timestamp(number))
        .text("t", "x");
    let list = TableBuilder::new()
        .item(Value::Bytes(&bytes))
        .item(Value::Void);
    let value = match kind % 12 {
        0 => Value::Bool(number % 2 == 0),
        1 => Value::I8(number as i8),
        2 => Value::U16(number as u16),
        3 => Value::I32(number as i32),
        4 => Value::I64(number as i64),
        5 => Value::F64(number as f64),
        6 => Value::Decimal {
            scale: number as u8,
            digits: number as i32,
        },
        7 => Value::Text(&bytes),
        8 => Value::Timestamp(number),
        9 => Value::Table(nested.as_table()),
        10 => Value::List(list.as_list()),
        _ => Value::Void,
    };
    builder.entry(name, value)
}

proptest! {
    #[test]
    fn noise_never_panics(input in vec(any::<u8>(), 0..400)) {
        read_back(&input);
        let _ = Table::parse(&input);
        properties_agree(&input);
    }

    /// Noise behind a plausible heading and method number gets further than plain noise.
    #[test]
    fn noise_in_a_method_never_panics(
        which in 0usize..66,
        fields in vec(any::<u8>(), 0..200),
    ) {
        let (class, method) = one_of_each(Table::default())[which].ids();
        let payload =
            [&class.to_be_bytes()[..], &method.to_be_bytes(), &fields].concat();
        let size = payload.len() as u32;
        read_back(&[&[1, 0, 1][..], &size.to_be_bytes(), &payload, &[FRAME_END]].concat());
    }

    /// One changed byte in a valid stream of all methods.
    #[test]
    fn a_changed_byte_never_panics(at in 0usize..100_000, to in any::<u8>()) {
        let mut out = BytesMut::new();
        let table = TableBuilder::new().text("a", "b").entry("c", Value::Table(Table::default()));
        for method in one_of_each(table.as_table()) {
            method.encode(1, &mut out);
        }
        let at = at % out.len();
        out[at] = to;
        read_back(&out);
    }

    #[test]
    fn tables_survive_the_round_trip(
        entries in vec(("[a-zü]{0,9}", any::<(u8, u64, Vec<u8>)>()), 0..12),
    ) {
        let built = entries
            .into_iter()
            .fold(TableBuilder::new(), |builder, (name, seed)| value(builder, &name, seed));
        let parsed = Table::parse(built.as_table().as_bytes()).unwrap();
        let again = parsed.iter().fold(TableBuilder::new(), |b, (name, v)| b.entry(name, v));
        prop_assert_eq!(again.as_table(), parsed);
    }
}
