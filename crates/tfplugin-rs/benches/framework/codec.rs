//! Reading and writing states.

use std::hint::black_box;

use tfplugin_rs::value::{Type, Value, json, msgpack};

use crate::clock::best;
use crate::report::Report;

const STATE_BYTES: usize = 10_000_000;

pub(crate) fn measure(report: &mut Report) {
    let ty = state_type();
    let elements = STATE_BYTES / encoded(1000).len() * 1000;
    let bytes = encoded(elements);
    let megabytes = bytes.len() as f64 / 1e6;
    let value = msgpack::decode(&bytes, &ty).expect("just encoded");

    let decode = best(|| drop(black_box(msgpack::decode(black_box(&bytes), &ty)))).as_secs_f64();
    let encode = best(|| drop(black_box(msgpack::encode(black_box(&value), &ty)))).as_secs_f64();
    report.note(
        "state",
        format_args!("{megabytes:.1} MB, {elements} objects of 8 attributes"),
    );
    report.note("decode", format_args!("{:.0} MB/s", megabytes / decode));
    report.note("encode", format_args!("{:.0} MB/s", megabytes / encode));
    report.at_least(
        "decode + encode",
        megabytes / (decode + encode),
        200.0,
        "MB/s",
    );

    let text = json::encode(&value, &ty).expect("known values");
    let read = best(|| drop(black_box(json::decode(black_box(&text), &ty)))).as_secs_f64();
    report.note(
        "decode JSON",
        format_args!("{:.0} MB/s", text.len() as f64 / 1e6 / read),
    );

    // Ten times the elements may cost ten times the time, and some for memory further away.
    let per_element = |count: usize| {
        let bytes = encoded(count);
        let round = || {
            let value = msgpack::decode(black_box(&bytes), &ty).expect("just encoded");
            drop(black_box(msgpack::encode(&value, &ty)));
        };
        best(round).as_secs_f64() / count as f64
    };
    let (small, large) = (per_element(1000), per_element(10_000));
    report.at_most(
        "cost of an element among 10,000 to one among 1,000",
        large / small,
        2.0,
        "times",
    );
}

fn encoded(elements: usize) -> Vec<u8> {
    msgpack::encode(&state(elements), &state_type()).expect("the value fits its type")
}

fn state_type() -> Type {
    Type::list(Type::object([
        ("description", Type::String),
        ("enabled", Type::Bool),
        ("id", Type::String),
        ("labels", Type::map(Type::String)),
        ("name", Type::String),
        ("ratio", Type::Number),
        ("size", Type::Number),
        ("tags", Type::list(Type::String)),
    ]))
}

fn state(elements: usize) -> Value {
    let element = |i: usize| {
        let description = format!("The queue of service number {i}, kept for its consumers.");
        Value::object([
            ("description", Value::from(description)),
            ("enabled", Value::from(i.is_multiple_of(2))),
            ("id", Value::from(format!("broker-1/queue/%2F/orders-{i}"))),
            (
                "labels",
                Value::map([("team", "payments"), ("stage", "production")]),
            ),
            ("name", Value::from(format!("orders-{i}"))),
            ("ratio", "0.25".parse().map_or(Value::Null, Value::Number)),
            ("size", Value::from(i * 1000)),
            ("tags", Value::list(["durable", "mirrored"])),
        ])
    };
    Value::list((0..elements).map(element))
}
