//! States as large as they come.

use tfplugin_rs::value::{Type, Value, json, msgpack};

use crate::allocation::peak_bytes;
use crate::hostile::{BYTES_PER_BYTE, FIXED_BYTES};

const LARGE: usize = 64 << 20;

#[test]
fn one_text_of_64_megabytes() {
    let value = Value::from("x".repeat(LARGE));
    let encoded = msgpack::encode(&value, &Type::String).unwrap();
    let (decoded, peak) = peak_bytes(|| msgpack::decode(&encoded, &Type::String));
    assert!(decoded == Ok(value.clone()), "the text comes back");
    assert!(peak < LARGE + FIXED_BYTES, "{peak} bytes for one copy");
    let text = json::encode(&value, &Type::String).unwrap();
    assert!(
        json::decode(&text, &Type::String) == Ok(value),
        "the text comes back"
    );
}

#[test]
fn a_state_of_64_megabytes_in_small_parts() {
    let ty = Type::list(Type::object([("id", Type::Number), ("name", Type::String)]));
    let element = |i: u32| {
        let name = format!("{i:0>200}");
        Value::object([("id", Value::from(i)), ("name", Value::from(name))])
    };
    let state = Value::list((0..320_000).map(element));
    let encoded = msgpack::encode(&state, &ty).unwrap();
    assert!(encoded.len() > LARGE, "{}", encoded.len());
    let (decoded, peak) = peak_bytes(|| msgpack::decode(&encoded, &ty).unwrap());
    assert!(decoded == state, "the state comes back");
    // Names are much longer than what is around them, so the multiple is small.
    assert!(
        peak < 3 * encoded.len(),
        "{peak} bytes for {}",
        encoded.len()
    );
    assert!(peak < BYTES_PER_BYTE * encoded.len());
}
