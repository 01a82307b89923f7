//! What the codecs promise for any bytes, as functions: the fuzz targets and `cargo test` run them.

use bytes::BytesMut;
use wire::amqp091::{ContentHeader, Decoder, List, Method, Properties, Table, TableBuilder, Value};

/// A stream of frames: nothing panics, and methods that decode are written and read back equal.
pub(crate) fn stream(input: &[u8]) {
    let decoder = Decoder { frame_max: 131_072 };
    let mut rest = input;
    while let Ok(Some(frame)) = decoder.decode(&mut rest) {
        if let Ok(header) = ContentHeader::decode(frame.payload)
            && let Ok(properties) = Properties::parse(header.properties)
        {
            let mut out = BytesMut::new();
            properties.encode(&mut out);
            assert_eq!(out, header.properties);
        }
        let Ok(method) = Method::decode(frame.payload) else {
            continue;
        };
        let (mut once, mut twice) = (BytesMut::new(), BytesMut::new());
        method.encode(frame.channel, &mut once);
        let again = decoder.decode(&mut &once[..]);
        let again = again.expect("our own frame").expect("whole");
        let method = Method::decode(again.payload).expect("our own method");
        method.encode(frame.channel, &mut twice);
        assert_eq!(once, twice);
    }
}

/// A field table: nothing panics, and its entries make the same table again.
pub(crate) fn table(input: &[u8]) {
    let Ok(table) = Table::parse(input) else {
        return;
    };
    visit(table);
    let entries = table.iter();
    let built = entries.fold(TableBuilder::new(), |built, (name, value)| {
        built.entry(name, value)
    });
    // A boolean sent as an octet above 1 comes back as 1; lengths never differ.
    assert_eq!(built.as_table().as_bytes().len(), input.len());
    Table::parse(built.as_table().as_bytes()).expect("our own table");
}

fn visit(table: Table<'_>) {
    table.iter().for_each(|(_, value)| visit_value(value));
}

fn visit_value(value: Value<'_>) {
    match value {
        Value::Table(table) => visit(table),
        Value::List(list) => visit_list(list),
        _ => {}
    }
}

fn visit_list(list: List<'_>) {
    list.iter().for_each(visit_value);
}
