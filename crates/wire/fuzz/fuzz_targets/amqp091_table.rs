//! A field table: nothing panics, and its entries make the same table again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::amqp091::{List, Table, TableBuilder, Value};

fuzz_target!(|input: &[u8]| {
    let Ok(table) = Table::parse(input) else { return };
    visit(table);
    let built = table.iter().fold(TableBuilder::new(), |b, (name, value)| b.entry(name, value));
    // A boolean sent as an octet above 1 comes back as 1; lengths never differ.
    assert_eq!(built.as_table().as_bytes().len(), input.len());
    Table::parse(built.as_table().as_bytes()).expect("our own table");
});

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
