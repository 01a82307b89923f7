//! Inputs made to hurt: lengths that lie, depth, numbers that grow, types that explode.

use tfplugin_rs::value::msgpack::CodecError;
use tfplugin_rs::value::{Type, Value, json, msgpack};

use crate::allocation::peak_bytes;

/// Memory that an input of a byte may cost. A null in a list is one byte and becomes a value of some
/// forty, in a list that may be twice as long as it needs and is copied while it grows.
pub(crate) const BYTES_PER_BYTE: usize = 256;

/// What is set aside before anything is read, per level of nesting.
pub(crate) const FIXED_BYTES: usize = 1 << 20;

#[track_caller]
fn bounded(
    decode: fn(&[u8], &Type) -> Result<Value, CodecError>,
    input: &[u8],
    ty: &Type,
) -> Result<Value, CodecError> {
    let (result, peak) = peak_bytes(|| decode(input, ty));
    let allowed = FIXED_BYTES + BYTES_PER_BYTE * input.len();
    assert!(
        peak <= allowed,
        "{peak} bytes for an input of {}",
        input.len()
    );
    result
}

fn nested_list(depth: usize) -> Type {
    (0..depth).fold(Type::String, |ty, _| Type::list(ty))
}

#[test]
fn announced_lengths_set_nothing_aside() {
    // Every level announces four billion elements.
    let ty = nested_list(60);
    let input = [0xdd, 0xff, 0xff, 0xff, 0xff].repeat(60);
    let error = bounded(msgpack::decode, &input, &ty).unwrap_err();
    assert_eq!(error.problem, "the value ends too early");
    for head in [0xc6, 0xc9, 0xdb, 0xdd, 0xdf] {
        let input = [head, 0xff, 0xff, 0xff, 0xff, 0];
        for ty in [
            Type::String,
            Type::list(Type::Bool),
            Type::map(Type::Bool),
            Type::Dynamic,
        ] {
            assert!(bounded(msgpack::decode, &input, &ty).is_err());
        }
    }
}

#[test]
fn the_densest_values_cost_a_multiple_of_their_size() {
    const COUNT: u32 = 300_000;
    let array = |element: &[u8]| {
        let mut input = vec![0xdd];
        input.extend(COUNT.to_be_bytes());
        for _ in 0..COUNT {
            input.extend(element);
        }
        input
    };
    for (element, ty) in [
        (&[0xc0][..], Type::list(Type::String)),
        (&[0xc0], Type::set(Type::String)),
        (&[0xa0], Type::list(Type::String)),
        (&[0x90], Type::list(Type::list(Type::String))),
        (&[0x80], Type::list(Type::map(Type::String))),
        (&[0x80], Type::list(Type::object::<&str>([]))),
        (
            &[0x81, 0xa1, b'a', 0xc0],
            Type::list(Type::object([("a", Type::Bool)])),
        ),
        (b"\x92\xc4\x08\"string\"\xc0", Type::list(Type::Dynamic)),
    ] {
        let value = bounded(msgpack::decode, &array(element), &ty);
        assert!(value.is_ok(), "{ty}: {value:?}");
    }
    let text = format!("[{}null]", "null,".repeat(300_000));
    assert!(bounded(json::decode, text.as_bytes(), &Type::list(Type::Bool)).is_ok());
    let text = format!("[{}[]]", "[],".repeat(300_000));
    assert!(bounded(json::decode, text.as_bytes(), &nested_list(2)).is_ok());
}

#[test]
fn depth_is_refused_with_a_clear_error() {
    let deeper = nested_list(80);
    let input = [vec![0x91; 80], vec![0xc0]].concat();
    let error = bounded(msgpack::decode, &input, &deeper).unwrap_err();
    assert_eq!(error.problem, "nested more than 64 deep");
    let text = format!("{}null{}", "[".repeat(80), "]".repeat(80));
    let error = bounded(json::decode, text.as_bytes(), &deeper).unwrap_err();
    assert_eq!(error.problem, "nested more than 64 deep");
    // A million levels neither overflow the stack nor take the time to say so.
    let dynamic = b"\x92\xc4\x09\"dynamic\"".repeat(1_000_000);
    let error = bounded(msgpack::decode, &dynamic, &Type::Dynamic).unwrap_err();
    assert_eq!(error.problem, "nested more than 64 deep");
    let text = "[".repeat(1_000_000);
    assert!(json::decode_any(text.as_bytes()).is_err());
    assert!(json::decode_lenient(text.as_bytes(), &Type::object::<&str>([])).is_err());
    let unknown = format!("{{\"x\":{text}");
    let error = json::decode_lenient(unknown.as_bytes(), &Type::object::<&str>([])).unwrap_err();
    assert_eq!(error.problem, "nested more than 64 deep");
    let layers = format!(
        "{}\"string\"{}",
        "[\"list\",".repeat(1_000_000),
        "]".repeat(1_000_000)
    );
    assert!(Type::from_json_bytes(layers.as_bytes()).is_err());
}

#[test]
fn numbers_stay_the_size_they_are_written_in() {
    for text in [
        "1e999999999",
        "-1e999999999",
        "1e-999999999",
        "1e99999999999999999999",
    ] {
        let mut input = vec![0xd9, u8::try_from(text.len()).unwrap()];
        input.extend(text.as_bytes());
        assert!(
            bounded(msgpack::decode, &input, &Type::Number).is_err(),
            "{text}"
        );
        assert!(
            bounded(json::decode, text.as_bytes(), &Type::Number).is_err(),
            "{text}"
        );
    }
    let digits = "9".repeat(10_000);
    let value = bounded(json::decode, digits.as_bytes(), &Type::Number).unwrap();
    assert_eq!(
        json::encode(&value, &Type::Number).unwrap(),
        digits.as_bytes()
    );
    // The float with the most digits.
    let mut floats = vec![0xdd, 0, 0, 0x03, 0xe8];
    for _ in 0..1000 {
        floats.push(0xcb);
        floats.extend(f64::from_bits(1).to_be_bytes());
    }
    assert!(bounded(msgpack::decode, &floats, &Type::list(Type::Number)).is_ok());
}

#[test]
fn messages_do_not_repeat_what_they_refuse() {
    let long = "x".repeat(100_000);
    let quoted = format!("\"{long}\"");
    for (decode, input, ty) in [
        (
            json::decode as fn(&[u8], &Type) -> _,
            quoted.clone(),
            Type::Bool,
        ),
        (json::decode, quoted.clone(), Type::Number),
        (
            json::decode,
            format!("{{{quoted}:1}}"),
            Type::object::<&str>([]),
        ),
        (json::decode, format!("{{{quoted}:1}}"), Type::Dynamic),
        (
            json::decode,
            format!("{{\"type\":{quoted},\"value\":1}}"),
            Type::Dynamic,
        ),
    ] {
        let error: CodecError = decode(input.as_bytes(), &ty).unwrap_err();
        assert!(error.to_string().len() < 300, "{}", error.to_string().len());
    }
    let mut input = vec![0x81, 0xda, 0x27, 0x10];
    input.extend("x".repeat(10_000).as_bytes());
    input.push(1);
    let error = msgpack::decode(&input, &Type::object::<&str>([])).unwrap_err();
    assert!(error.to_string().len() < 300, "{}", error.to_string().len());
}

#[test]
fn types_inside_values_cost_a_multiple_of_their_size() {
    let attributes: Vec<String> = (0..20_000).map(|i| format!("\"a{i}\":\"bool\"")).collect();
    let ty = format!("[\"object\",{{{}}}]", attributes.join(","));
    let mut input = vec![0x92, 0xc6];
    input.extend(u32::try_from(ty.len()).unwrap().to_be_bytes());
    input.extend(ty.as_bytes());
    // The object announces all its attributes and brings none.
    input.extend([0xdf, 0, 0, 0x4e, 0x20]);
    assert!(bounded(msgpack::decode, &input, &Type::Dynamic).is_err());
}

#[test]
fn refinements_of_unknown_values_are_passed_over() {
    let unknowns = [
        &[0xd4, 0, 0][..],
        // Refined: not null, and text that begins with "ab".
        &[0xc7, 8, 12, 0x82, 1, 0xc2, 2, 0xa2, b'a', b'b', 0],
        &[0xc7, 0, 12],
        &[0xd8, 99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ];
    for ty in [Type::String, Type::Number, nested_list(2), Type::Dynamic] {
        for unknown in unknowns {
            assert_eq!(
                bounded(msgpack::decode, unknown, &ty),
                Ok(Value::Unknown),
                "{unknown:x?}"
            );
        }
    }
    assert!(msgpack::decode(&[0xc7, 200, 12, 0x82], &Type::String).is_err());
}
