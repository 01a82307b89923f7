//! MessagePack in both directions: tables, hostile input, and a round trip of sampled values.

use proptest::prelude::*;

use super::*;
use crate::value::sampling;

fn number(text: &str) -> Value {
    Value::Number(text.parse().unwrap())
}

/// Encodes to `bytes`, and `bytes` decode to the same.
fn check(value: &Value, ty: &Type, bytes: &[u8]) {
    assert_eq!(encode(value, ty).unwrap(), bytes, "{value:?}");
    assert_eq!(&decode(bytes, ty).unwrap(), value, "{bytes:x?}");
}

#[test]
fn scalars() {
    check(&Value::Null, &Type::String, &[0xc0]);
    check(&Value::Unknown, &Type::String, &[0xd4, 0, 0]);
    check(&true.into(), &Type::Bool, &[0xc3]);
    check(&false.into(), &Type::Bool, &[0xc2]);
    check(&"".into(), &Type::String, &[0xa0]);
    check(&"ab".into(), &Type::String, &[0xa2, b'a', b'b']);
    let long = "x".repeat(300);
    let mut bytes = vec![0xda, 0x01, 0x2c];
    bytes.extend(long.as_bytes());
    check(&long.into(), &Type::String, &bytes);
}

#[test]
fn numbers_take_the_form_terraform_gives_them() {
    for (text, bytes) in [
        ("0", &[0x00][..]),
        ("127", &[0x7f]),
        ("128", &[0xcc, 0x80]),
        ("256", &[0xcd, 0x01, 0x00]),
        ("65536", &[0xce, 0x00, 0x01, 0x00, 0x00]),
        ("4294967296", &[0xcf, 0, 0, 0, 1, 0, 0, 0, 0]),
        ("-1", &[0xff]),
        ("-32", &[0xe0]),
        ("-33", &[0xd0, 0xdf]),
        ("-129", &[0xd1, 0xff, 0x7f]),
        ("-32769", &[0xd2, 0xff, 0xff, 0x7f, 0xff]),
        ("1.5", &[0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0]),
        ("0.1", &[0xa3, b'0', b'.', b'1']),
        ("9223372036854775808", b"\xb39223372036854775808"),
        ("9223372036854775809", b"\xb39223372036854775809"),
    ] {
        check(&number(text), &Type::Number, bytes);
    }
}

#[test]
fn other_spellings_of_numbers_are_read() {
    for (bytes, text) in [
        (&[0xd3, 0, 0, 0, 0, 0, 0, 0, 5][..], "5"),
        (
            &[0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            "18446744073709551615",
        ),
        (&[0xca, 0x3f, 0xc0, 0, 0], "1.5"),
        (&[0xa1, b'5'], "5"),
        (
            &[0xa4, b'1', b'e', b'4', b'0'],
            "10000000000000000000000000000000000000000",
        ),
    ] {
        assert_eq!(decode(bytes, &Type::Number).unwrap(), number(text));
    }
}

#[test]
fn collections_and_objects() {
    check(
        &Value::list(["a"]),
        &Type::list(Type::String),
        &[0x91, 0xa1, b'a'],
    );
    check(&Value::set([2, 1]), &Type::set(Type::Number), &[0x92, 1, 2]);
    check(
        &Value::map([("k", 1)]),
        &Type::map(Type::Number),
        &[0x81, 0xa1, b'k', 1],
    );
    let tuple = Value::Tuple(vec![1.into(), "a".into()]);
    check(
        &tuple,
        &Type::tuple([Type::Number, Type::String]),
        &[0x92, 1, 0xa1, b'a'],
    );
    let object = Value::object([("b", Value::Null), ("a", 1.into())]);
    let ty = Type::object([("a", Type::Number), ("b", Type::String)]);
    check(&object, &ty, &[0x82, 0xa1, b'a', 1, 0xa1, b'b', 0xc0]);
    // In any order.
    let shuffled = [0x82, 0xa1, b'b', 0xc0, 0xa1, b'a', 1];
    assert_eq!(decode(&shuffled, &ty).unwrap(), object);
}

#[test]
fn dynamic_values_bring_their_type() {
    let value = Value::from(Dynamic::new(Type::list(Type::String), Value::list(["a"])));
    let mut bytes = vec![0x92, 0xc4, 17];
    bytes.extend(br#"["list","string"]"#);
    bytes.extend([0x91, 0xa1, b'a']);
    check(&value, &Type::Dynamic, &bytes);
    check(&Value::Null, &Type::Dynamic, &[0xc0]);
    check(&Value::Unknown, &Type::Dynamic, &[0xd4, 0, 0]);
    let null = Value::from(Dynamic::new(Type::String, Value::Null));
    check(&null, &Type::Dynamic, b"\x92\xc4\x08\"string\"\xc0");
    assert!(null.is_null());
}

#[test]
fn every_extension_is_unknown() {
    for bytes in [
        &[0xd4, 0, 0][..],
        &[0xd5, 12, 1, 2],
        &[0xd6, 1, 0, 0, 0, 0],
        &[0xd7, 2, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0xc7, 3, 12, 0x81, 1, 0xc2],
        &[0xc8, 0, 1, 12, 0],
        &[0xc9, 0, 0, 0, 1, 12, 0],
    ] {
        assert_eq!(
            decode(bytes, &Type::String).unwrap(),
            Value::Unknown,
            "{bytes:x?}"
        );
    }
}

#[test]
fn errors_say_where_and_what() {
    let ty = Type::object([("l", Type::list(Type::map(Type::Bool)))]);
    let bytes = [0x81, 0xa1, b'l', 0x92, 0x80, 0x81, 0xa1, b'k', 5];
    let error = decode(&bytes, &ty).unwrap_err();
    assert_eq!(
        error.to_string(),
        "l[1][\"k\"]: expected bool, found a number"
    );
    for (bytes, ty, problem) in [
        (&[][..], Type::Bool, "the value ends too early"),
        (&[0xc3, 0xc3], Type::Bool, "1 byte too many"),
        (&[0xc1], Type::Bool, "the byte 0xc1 has no meaning"),
        (&[0xa1, 0xff], Type::String, "text that is not UTF-8"),
        (&[0xa1, b'x'], Type::Number, "not a decimal number"),
        (
            &[0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0],
            Type::Number,
            "not a finite number",
        ),
        (&[0x80], ty.clone(), "attribute \"l\" is missing"),
        (
            &[0x81, 0xa1, b'x', 0xc0],
            ty,
            "there is no attribute \"x\" in the schema",
        ),
        (&[0x91, 1], Type::tuple([]), "expected 0 elements, found 1"),
        (
            &[0x81, 1, 1],
            Type::map(Type::Number),
            "expected a key, found a number",
        ),
        (
            &[0x91, 1],
            Type::Dynamic,
            "expected a pair of type and value, found an array",
        ),
        (
            &[0x92, 1, 1],
            Type::Dynamic,
            "expected a type, found a number",
        ),
        (
            b"\x92\xc4\x01xx",
            Type::Dynamic,
            "invalid type: expected value at line 1 column 1",
        ),
    ] {
        assert_eq!(decode(bytes, &ty).unwrap_err().to_string(), problem);
    }
    let error = encode(&Value::list(["a"]), &Type::list(Type::Bool)).unwrap_err();
    assert_eq!(error.to_string(), "[0]: a string where bool is needed");
}

#[test]
fn lengths_are_not_trusted() {
    for bytes in [
        &[0xdd, 0xff, 0xff, 0xff, 0xff][..],
        &[0xdb, 0xff, 0xff, 0xff, 0xff],
        &[0xdf, 0xff, 0xff, 0xff, 0xff],
        &[0xc6, 0xff, 0xff, 0xff, 0xff],
        &[0xc9, 0xff, 0xff, 0xff, 0xff],
    ] {
        for ty in [
            Type::list(Type::Bool),
            Type::map(Type::Bool),
            Type::String,
            Type::Dynamic,
        ] {
            assert!(decode(bytes, &ty).is_err());
        }
    }
}

#[test]
fn depth_is_bounded() {
    // Each layer is a dynamic whose value is a dynamic again.
    let mut bytes = Vec::new();
    for _ in 0..10_000 {
        bytes.extend(b"\x92\xc4\x09\"dynamic\"");
    }
    bytes.push(0xc0);
    let error = decode(&bytes, &Type::Dynamic).unwrap_err();
    assert!(
        error.to_string().ends_with("nested more than 64 deep"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn values_survive((ty, value) in sampling::typed_value()) {
        let bytes = encode(&value, &ty).unwrap();
        prop_assert_eq!(decode(&bytes, &ty).unwrap(), value);
    }

    #[test]
    fn any_bytes_are_an_answer_or_an_error(
        ty in sampling::any_type(),
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        if let Ok(value) = decode(&bytes, &ty) {
            prop_assert!(value.fits(&ty));
        }
    }

    #[test]
    fn damaged_values_do_no_harm(
        (ty, value) in sampling::typed_value(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = encode(&value, &ty).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(value) = decode(&bytes, &ty) {
            prop_assert!(value.fits(&ty));
        }
        bytes.truncate(at);
        prop_assert!(decode(&bytes, &ty).is_err());
    }
}
