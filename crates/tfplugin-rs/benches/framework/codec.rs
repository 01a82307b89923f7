//! Reading and writing states.

use std::hint::black_box;

use tfplugin_rs::value::{Type, Value, json, msgpack};

use crate::clock::best;
use crate::report::Report;

/// Elements of the state that the bar is for, and their size: 10 MB together.
const ELEMENTS: usize = 10_000;
const DOCUMENT_BYTES: usize = 790;

pub(crate) fn measure(report: &mut Report) {
    throughput(report, "10,000 elements of 1 kB", ELEMENTS, DOCUMENT_BYTES);
    // Where values are short, their number counts and not their bytes.
    throughput(report, "46,000 elements of 0.2 kB", 46_000, 0);

    let text = json::encode(&state(ELEMENTS, DOCUMENT_BYTES), &state_type()).expect("all known");
    let read = best(|| drop(black_box(json::decode(black_box(&text), &state_type()))));
    let megabytes = text.len() as f64 / 1e6;
    report.note(
        "decode JSON",
        format_args!("{:.0} MB/s", megabytes / read.as_secs_f64()),
    );

    // Ten times the elements may cost ten times the time, and some for memory further away.
    let per_element = |count: usize| {
        let bytes = encoded(count, DOCUMENT_BYTES);
        let round = || {
            let value = msgpack::decode(black_box(&bytes), &state_type()).expect("just encoded");
            drop(black_box(msgpack::encode(&value, &state_type())));
        };
        best(round).as_secs_f64() / count as f64
    };
    let (small, large) = (per_element(ELEMENTS / 10), per_element(ELEMENTS));
    let what = "cost of an element among 10,000 to one among 1,000";
    report.at_most(what, large / small, 2.0, "times");
}

/// Decoding, with the value let go of, then encoding.
fn throughput(report: &mut Report, what: &str, elements: usize, document: usize) {
    let ty = state_type();
    let bytes = encoded(elements, document);
    let value = msgpack::decode(&bytes, &ty).expect("just encoded");
    let decode = best(|| drop(black_box(msgpack::decode(black_box(&bytes), &ty)))).as_secs_f64();
    let encode = best(|| drop(black_box(msgpack::encode(black_box(&value), &ty)))).as_secs_f64();
    let megabytes = bytes.len() as f64 / 1e6;
    let (decode, encode) = (megabytes / decode, megabytes / encode);
    let figure = format!("{megabytes:.1} MB, decode {decode:.0} MB/s, encode {encode:.0} MB/s");
    report.note(what, figure);
    let both = 1.0 / (1.0 / decode + 1.0 / encode);
    report.at_least("  decode + encode", both, 200.0, "MB/s");
}

fn encoded(elements: usize, document: usize) -> Vec<u8> {
    msgpack::encode(&state(elements, document), &state_type()).expect("the value fits its type")
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

/// Objects of eight attributes, one of them a document of this many bytes.
fn state(elements: usize, document: usize) -> Value {
    let element = |i: usize| {
        let description = format!(
            "Queue {i}, kept for its consumers. {}",
            "x".repeat(document)
        );
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
