//! JSON in both directions: tables, and a round trip of sampled values.

use proptest::prelude::*;

use super::*;
use crate::value::sampling;

fn number(text: &str) -> Value {
    Value::Number(text.parse().unwrap())
}

fn check(value: &Value, ty: &Type, text: &str) {
    assert_eq!(String::from_utf8(encode(value, ty).unwrap()).unwrap(), text);
    assert_eq!(&decode(text.as_bytes(), ty).unwrap(), value, "{text}");
}

#[test]
fn values_have_terraforms_form() {
    check(&Value::Null, &Type::String, "null");
    check(&true.into(), &Type::Bool, "true");
    check(
        &"a\"\\\n\u{7}é".into(),
        &Type::String,
        r#""a\"\\\n\u0007é""#,
    );
    check(&number("0.1"), &Type::Number, "0.1");
    check(
        &number("123456789012345678901234567890.5"),
        &Type::Number,
        "123456789012345678901234567890.5",
    );
    check(
        &Value::list(["a", "b"]),
        &Type::list(Type::String),
        r#"["a","b"]"#,
    );
    check(&Value::set([2, 1]), &Type::set(Type::Number), "[1,2]");
    check(
        &Value::map([("k", true)]),
        &Type::map(Type::Bool),
        r#"{"k":true}"#,
    );
    check(
        &Value::object([("a", Value::Null), ("b", 1.into())]),
        &Type::object([("a", Type::String), ("b", Type::Number)]),
        r#"{"a":null,"b":1}"#,
    );
    check(
        &Dynamic::new(Type::list(Type::Number), Value::list([1])).into(),
        &Type::Dynamic,
        r#"{"type":["list","number"],"value":[1]}"#,
    );
}

#[test]
fn other_spellings_are_read() {
    for (text, ty, value) in [
        (" [ 1 , 2 ] ", Type::list(Type::Number), Value::list([1, 2])),
        (r#""12""#, Type::Number, 12.into()),
        ("1e3", Type::Number, 1000.into()),
        (r#""true""#, Type::Bool, true.into()),
        ("12", Type::String, "12".into()),
        ("false", Type::String, "false".into()),
        (r#""\u00e9\ud83d\ude00\/""#, Type::String, "é😀/".into()),
        (
            r#"{"value":"x","type":"string"}"#,
            Type::Dynamic,
            Dynamic::new(Type::String, "x".into()).into(),
        ),
    ] {
        assert_eq!(decode(text.as_bytes(), &ty).unwrap(), value, "{text}");
    }
}

#[test]
fn older_states_lose_what_is_gone_and_gain_nulls() {
    let ty = Type::object([("a", Type::String), ("new", Type::Bool)]);
    let text = br#"{"gone":{"deep":[1,"x",{"y":null}]},"a":"kept"}"#;
    let value = Value::object([("a", "kept".into()), ("new", Value::Null)]);
    assert_eq!(decode_lenient(text, &ty).unwrap(), value);
    assert_eq!(
        decode(text, &ty).unwrap_err().to_string(),
        "there is no attribute \"gone\" in the schema"
    );
}

#[test]
fn errors_say_where_and_what() {
    let ty = Type::object([("l", Type::list(Type::Bool))]);
    for (text, problem) in [
        (r#"{"l":[true,5]}"#, "l[1]: expected bool, found a number"),
        (r#"{"l":{}}"#, "l: expected list(bool), found an object"),
        (r"{}", "attribute \"l\" is missing"),
        (r#"{"l":[true}"#, "l: expected ']' at byte 10"),
        (r#"{"l":null"#, "expected '}', found the end of the text"),
        (r#"{"l":nul}"#, "l: expected null at byte 5"),
        (r#"{"l":null} x"#, "expected the end at byte 11"),
        (
            r#"{"l":["tru"]}"#,
            "l[0]: expected bool, found another string",
        ),
        ("", "expected a value, found the end of the text"),
    ] {
        assert_eq!(
            decode(text.as_bytes(), &ty).unwrap_err().to_string(),
            problem,
            "{text}"
        );
    }
    for text in [
        r#""open"#,
        r#""\"#,
        r#""\x""#,
        r#""\ud800""#,
        "\"\n\"",
        "\"\\",
    ] {
        assert!(decode(text.as_bytes(), &Type::String).is_err(), "{text}");
    }
    assert!(decode(b"1e999999999", &Type::Number).is_err());
    assert!(decode(b"\xff", &Type::String).is_err());
    assert!(encode(&Value::Unknown, &Type::String).is_err());
}

#[test]
fn depth_is_bounded() {
    let open = "[".repeat(100_000);
    let ty = Type::object([("a", Type::Bool)]);
    let text = format!("{{\"gone\":{open}");
    let error = decode_lenient(text.as_bytes(), &ty).unwrap_err();
    assert_eq!(error.to_string(), "nested more than 64 deep");
    let dynamic = r#"{"type":"dynamic","value":"#.repeat(10_000);
    assert!(decode(dynamic.as_bytes(), &Type::Dynamic).is_err());
}

proptest! {
    #[test]
    fn values_survive((ty, value) in sampling::typed_value()) {
        prop_assume!(value.is_wholly_known());
        let text = encode(&value, &ty).unwrap();
        prop_assert_eq!(decode(&text, &ty).unwrap(), value.clone());
        prop_assert_eq!(decode_lenient(&text, &ty).unwrap(), value);
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&text).is_ok());
    }

    #[test]
    fn any_text_is_an_answer_or_an_error(ty in sampling::any_type(), text in ".{0,100}") {
        let read = [decode(text.as_bytes(), &ty), decode_lenient(text.as_bytes(), &ty)];
        for value in read.into_iter().flatten() {
            prop_assert!(value.fits(&ty));
        }
    }

    #[test]
    fn damaged_text_does_no_harm(
        (ty, value) in sampling::typed_value(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        prop_assume!(value.is_wholly_known());
        let mut text = encode(&value, &ty).unwrap();
        let at = at.index(text.len());
        text[at] = byte;
        if let Ok(value) = decode_lenient(&text, &ty) {
            prop_assert!(value.fits(&ty));
        }
    }
}

/// A text, `depth` dynamic values around it, each told before its type as Terraform does.
fn nested_dynamics(depth: usize, type_first: bool) -> (String, Value) {
    let ty = r#"["object",{"d":"dynamic"}]"#;
    let innermost = Dynamic::new(Type::String, "x".into()).into();
    let start = (r#"{"value":"x","type":"string"}"#.to_owned(), innermost);
    (0..depth).fold(start, |(text, value), _| {
        let text = if type_first {
            format!(r#"{{"type":{ty},"value":{{"d":{text}}}}}"#)
        } else {
            format!(r#"{{"value":{{"d":{text}}},"type":{ty}}}"#)
        };
        let object = Value::object([("d", value)]);
        let ty = Type::object([("d", Type::Dynamic)]);
        (text, Dynamic::new(ty, object).into())
    })
}

#[test]
fn dynamic_values_inside_each_other_are_passed_over_once() {
    for type_first in [false, true] {
        let steps = |depth: usize| {
            let (text, expected) = nested_dynamics(depth, type_first);
            let (value, steps) = effort::steps_of(|| decode(text.as_bytes(), &Type::Dynamic));
            assert_eq!(value.unwrap(), expected, "{text}");
            steps
        };
        let (few, many) = (steps(5), steps(20));
        assert!(
            many <= 5 * few,
            "{few} steps at depth 5, {many} at depth 20"
        );
    }
}

#[test]
fn errors_in_dynamic_values_say_where_in_the_whole_text_they_are() {
    let ty = Type::list(Type::Dynamic);
    let text = r#"[{"type":"bool","value":true},{"value":{"a":tru},"type":["map","bool"]}]"#;
    let error = decode(text.as_bytes(), &ty).unwrap_err();
    assert_eq!(error.to_string(), "[1]: expected true at byte 44");
    assert_eq!(&text[44..47], "tru");
}

#[test]
fn absent_attributes_are_bounded_by_the_text() {
    let wide = |count: usize| {
        let names = (0..count).map(|i| (format!("a{i}"), Type::Bool));
        Type::list(Type::object(names))
    };
    let text = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
    // Three bytes an element.
    for (attributes, elements, fits) in [
        (100, 10_000, true),
        (103, 10_000, false),
        (1000, 65, true),
        (1000, 100, false),
        (100_000, 1, false),
    ] {
        let text = text(elements);
        let decoded = decode_lenient(text.as_bytes(), &wide(attributes));
        match decoded {
            Ok(value) => {
                assert!(fits, "{attributes} in {elements}");
                assert_eq!(value.as_elements().map(<[_]>::len), Some(elements));
            }
            Err(error) => {
                assert!(!fits, "{attributes} in {elements}: {error}");
                assert_eq!(error.problem, "too many attributes are missing");
            }
        }
    }
    // Values that bring their own type lack nothing, whatever was absent before.
    let text = r#"[{},{"d":{"value":{},"type":["object",{"x":"bool"}]}}]"#;
    let ty = Type::list(Type::object([("d", Type::Dynamic), ("e", Type::Bool)]));
    let error = decode_lenient(text.as_bytes(), &ty).unwrap_err();
    assert_eq!(error.to_string(), "[1].d: attribute \"x\" is missing");
    let text = r#"[{"d":{"value":{"x":true},"type":["object",{"x":"bool"}]}},{}]"#;
    let value = decode_lenient(text.as_bytes(), &ty).unwrap();
    let absent = Value::object([("d", Value::Null), ("e", Value::Null)]);
    assert_eq!(value.as_elements().unwrap()[1], absent);
}
