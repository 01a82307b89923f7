//! What JSON becomes of each type, what Terraform itself refuses, and the way back.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::schema::Attribute;
use crate::value::sampling;

/// One optional attribute `a` of this type.
fn plain_members(ty: &Type) -> Members {
    Members::new().with(Attribute::new("a", ty.clone()).optional())
}

/// What `a` becomes, or what is said.
fn converted(ty: &Type, json: &Json) -> Result<Value, String> {
    let config = json!({"a": json});
    match to_value(&config, &plain_members(ty)) {
        Ok(value) => Ok(value.at(&"a".into()).cloned().expect("a member")),
        Err(error) => Err(error.to_string()),
    }
}

fn types() -> [(&'static str, Type); 9] {
    [
        ("bool", Type::Bool),
        ("number", Type::Number),
        ("string", Type::String),
        ("list(string)", Type::list(Type::String)),
        ("set(number)", Type::set(Type::Number)),
        ("map(bool)", Type::map(Type::Bool)),
        (
            "tuple([bool, string])",
            Type::tuple([Type::Bool, Type::String]),
        ),
        ("object({x = number})", Type::object([("x", Type::Number)])),
        ("dynamic", Type::Dynamic),
    ]
}

fn samples() -> Vec<Json> {
    vec![
        json!(true),
        json!(5),
        json!(-0.5),
        json!("text"),
        json!("12"),
        json!([]),
        json!(["x"]),
        json!([1, 1]),
        json!([true, "t"]),
        json!({}),
        json!({"x": 1}),
        json!({"k": true}),
    ]
}

/// Which samples fit which type, and as what.
fn fitting(ty: &str, json: &Json) -> Option<Value> {
    let is = |sample: Json| *json == sample;
    Some(match ty {
        "bool" if is(json!(true)) => true.into(),
        "number" if is(json!(5)) => 5.into(),
        "number" if is(json!(-0.5)) => Value::Number("-0.5".parse().unwrap()),
        "number" if is(json!("12")) => 12.into(),
        "string" if is(json!("text")) => "text".into(),
        "string" if is(json!("12")) => "12".into(),
        "list(string)" if is(json!([])) => Value::list::<Value>([]),
        "list(string)" if is(json!(["x"])) => Value::list(["x"]),
        "set(number)" if is(json!([])) => Value::set::<Value>([]),
        "set(number)" if is(json!([1, 1])) => Value::set([1]),
        "map(bool)" if is(json!({})) => Value::map::<&str, Value>([]),
        "map(bool)" if is(json!({"k": true})) => Value::map([("k", true)]),
        "tuple([bool, string])" if is(json!([true, "t"])) => {
            Value::Tuple(vec![true.into(), "t".into()])
        }
        "object({x = number})" if is(json!({"x": 1})) => Value::object([("x", 1)]),
        // What an object lacks is null in it, and what it has too much is left out.
        "object({x = number})" if json.is_object() => Value::object([("x", Value::Null)]),
        "dynamic" => Dynamic::from_json(json).into(),
        _ => return None,
    })
}

#[test]
fn every_type_takes_what_fits_it_and_nothing_else() {
    for (name, ty) in types() {
        for json in samples() {
            match (converted(&ty, &json), fitting(name, &json)) {
                (Ok(value), Some(expected)) => {
                    assert_eq!(value, expected, "{json} as {name}");
                    assert!(value.fits(&ty));
                }
                (Err(error), None) => {
                    let start = "error: Incorrect attribute value type (at a";
                    assert!(error.starts_with(start), "{json} as {name}: {error}");
                    assert!(error.ends_with("is required."), "{error}");
                }
                (found, expected) => panic!("{json} as {name}: {found:?}, not {expected:?}"),
            }
        }
        assert_eq!(
            converted(&ty, &Json::Null).as_ref().map(Value::is_null),
            Ok(true),
            "{name}"
        );
        let unknown = converted(&ty, &json!(UNKNOWN));
        assert_eq!(unknown, Ok(Value::Unknown), "{name}");
    }
}

#[test]
fn what_does_not_fit_is_named_with_its_path() {
    for (ty, json, path, detail) in [
        (
            Type::list(Type::Bool),
            json!([true, 5]),
            "a[1]",
            "The value is 5, but bool",
        ),
        (
            Type::set(Type::Bool),
            json!([5]),
            "a[0]",
            "The value is 5, but bool",
        ),
        (
            Type::map(Type::Bool),
            json!({"k": 5}),
            "a[\"k\"]",
            "The value is 5, but bool",
        ),
        (
            Type::object([("x", Type::list(Type::Bool))]),
            json!({"x": [5]}),
            "a.x[0]",
            "The value is 5, but bool",
        ),
        (
            Type::tuple([Type::Bool, Type::Bool]),
            json!([true, "no"]),
            "a[1]",
            "The value is \"no\", but bool",
        ),
        (
            Type::tuple([Type::Bool]),
            json!([true, true]),
            "a",
            "The value is [true,true], but tuple([bool])",
        ),
        (
            Type::Number,
            json!("1x"),
            "a",
            "The value is \"1x\", but number",
        ),
        (
            Type::Number,
            json!("1e999999"),
            "a",
            "The value is \"1e999999\", but number",
        ),
    ] {
        let expected =
            format!("error: Incorrect attribute value type (at {path}): {detail} is required.");
        assert_eq!(converted(&ty, &json), Err(expected));
    }
}

fn nested_members(nesting: Nesting, is_block: bool, min: i64, max: i64) -> Members {
    let inner = Members::new()
        .with(Attribute::new("must", Type::String).required())
        .with(Attribute::new("made", Type::String).computed());
    if is_block {
        Members::new().with(Block::new("a", nesting, inner).min(min).max(max))
    } else {
        Members::new().with(Attribute::nested("a", nesting, inner).optional())
    }
}

#[test]
fn nested_objects_come_in_the_form_of_their_nesting() {
    let json = json!({"must": "m"});
    let value = || Value::object([("made", Value::Null), ("must", "m".into())]);
    for is_block in [false, true] {
        for (nesting, json, expected) in [
            (Nesting::List, json!([json]), Value::list([value()])),
            (Nesting::Set, json!([json, json]), Value::set([value()])),
            (
                Nesting::Map,
                json!({"k": json}),
                Value::map([("k", value())]),
            ),
            (Nesting::Single, json.clone(), value()),
        ] {
            let members = nested_members(nesting, is_block, 0, 0);
            let config = to_value(&json!({"a": json}), &members).unwrap();
            assert_eq!(config.at(&"a".into()), Some(&expected), "{nesting:?}");
            assert_eq!(
                check(&config, &members).unwrap_or_default(),
                (),
                "{nesting:?}"
            );
            // What is written of it is what was read, with nulls for what was left out.
            let back = to_json(&config);
            assert_eq!(to_value(&back, &members).unwrap(), config);
            for (wrong, said) in [
                (json!(5), "is required."),
                (json!("x"), "is required."),
                (json!([5]), "is required."),
            ] {
                let error = to_value(&json!({"a": wrong}), &members)
                    .unwrap_err()
                    .to_string();
                assert!(error.contains("Incorrect attribute value type"), "{error}");
                assert!(error.contains(said), "{error}");
            }
        }
        for (nesting, absent) in [
            (Nesting::List, Value::List(Vec::new())),
            (Nesting::Set, Value::set::<Value>([])),
            (Nesting::Map, Value::map::<&str, Value>([])),
            (Nesting::Single, Value::Null),
        ] {
            let members = nested_members(nesting, is_block, 0, 0);
            let config = to_value(&json!({}), &members).unwrap();
            let expected = if is_block { absent } else { Value::Null };
            assert_eq!(config.at(&"a".into()), Some(&expected), "{nesting:?}");
            let unknown = to_value(&json!({"a": UNKNOWN}), &members).unwrap();
            assert_eq!(unknown.at(&"a".into()), Some(&Value::Unknown));
        }
    }
}

#[test]
fn terraforms_own_refusals() {
    let must = json!({"must": "m"});
    let list = |min, max| nested_members(Nesting::List, true, min, max);
    let single = |min| nested_members(Nesting::Single, true, min, 0);
    for (members, config, said) in [
        (
            list(1, 0),
            json!({}),
            Some("Insufficient blocks (at a): At least 1 \"a\" block must be written."),
        ),
        (
            list(2, 0),
            json!({"a": [must]}),
            Some("Insufficient blocks (at a): At least 2 \"a\" blocks must be written."),
        ),
        (list(1, 2), json!({"a": [must, must]}), None),
        (
            list(0, 1),
            json!({"a": [must, must]}),
            Some("Too many blocks (at a): No more than 1 \"a\" block may be written."),
        ),
        (single(0), json!({}), None),
        (
            single(1),
            json!({}),
            Some("Insufficient blocks (at a): At least 1 \"a\" block must be written."),
        ),
        (single(1), json!({"a": must}), None),
        (
            list(0, 0),
            json!({"a": [must, {}]}),
            Some("Missing required argument (at a[1].must): The argument \"must\" is required."),
        ),
        (
            list(0, 0),
            json!({"a": [{"must": "m", "made": "x"}]}),
            Some(
                "Value for unconfigurable attribute (at a[0].made): \"made\" is decided by the \
                 provider.",
            ),
        ),
        (
            nested_members(Nesting::Map, false, 0, 0),
            json!({"a": {"k": {"must": null}}}),
            Some("Missing required argument (at a[0].must): The argument \"must\" is required."),
        ),
        (
            nested_members(Nesting::Single, false, 0, 0),
            json!({"a": {}}),
            Some("Missing required argument (at a.must): The argument \"must\" is required."),
        ),
        (
            nested_members(Nesting::Single, false, 0, 0),
            json!({"a": null}),
            None,
        ),
        (
            nested_members(Nesting::Single, false, 0, 0),
            json!({"a": {"must": UNKNOWN}}),
            None,
        ),
    ] {
        let found = to_value(&config, &members).and_then(|value| check(&value, &members));
        let found = found.err().map(|error| error.to_string());
        let expected = said.map(|said| format!("error: {said}"));
        assert_eq!(found, expected, "{config}");
    }
}

#[test]
fn arguments_that_nobody_expects() {
    let list = |min, max| nested_members(Nesting::List, true, min, max);
    let error = to_value(&json!({"b": 1}), &list(0, 0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "error: Unsupported argument (at b): An argument named \"b\" is not expected here."
    );
    let error = to_value(&json!({"a": [{"b": 1}]}), &list(0, 0)).unwrap_err();
    assert!(error.to_string().contains("(at a[0].b)"), "{error}");
    let error = to_value(&json!([]), &list(0, 0)).unwrap_err();
    assert!(
        error.to_string().contains("an object is required"),
        "{error}"
    );
}

fn parameter(ty: &Type, allow_null: bool, allow_unknown: bool) -> proto::function::Parameter {
    proto::function::Parameter {
        name: "p".to_owned(),
        r#type: ty.to_json_bytes().into(),
        allow_null_value: allow_null,
        allow_unknown_values: allow_unknown,
        ..Default::default()
    }
}

#[test]
fn arguments_are_null_or_unknown_only_where_the_parameter_allows_it() {
    let null = Err("argument must not be null".to_owned());
    let unknown = Err("Terraform answers unknown without a call".to_owned());
    let list = Type::list(Type::String);
    for (ty, json, allow_null, allow_unknown, expected) in [
        (&Type::String, json!("x"), false, false, Ok(())),
        (&Type::String, json!(null), true, false, Ok(())),
        (&Type::String, json!(null), false, true, null.clone()),
        (&Type::String, json!(UNKNOWN), false, true, Ok(())),
        (&Type::String, json!(UNKNOWN), true, false, unknown.clone()),
        // A null inside is none of the parameter's business, and an unknown inside is.
        (&list, json!([null]), false, false, Ok(())),
        (&list, json!([UNKNOWN]), false, true, Ok(())),
        (&list, json!(["x", UNKNOWN]), false, false, unknown),
    ] {
        let sent = argument(&json, &parameter(ty, allow_null, allow_unknown));
        assert_eq!(sent.map(drop), expected, "{json} as {ty}");
    }
    let wrong = argument(&json!(5), &parameter(&Type::String, true, true));
    assert_eq!(
        wrong.unwrap_err(),
        "error: Incorrect attribute value type: The value is 5, but string is required."
    );
}

/// True if JSON can say all of it: neither numbers that are texts in JSON, nor the marker of what is
/// unknown, nor values that bring a type of their own.
fn survives_json(value: &Value) -> bool {
    match value {
        Value::Dynamic(_) => false,
        Value::String(text) => text != UNKNOWN,
        other => other.children().all(survives_json),
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back((ty, value) in sampling::typed_value()) {
        prop_assume!(survives_json(&value));
        let back = converted(&ty, &to_json(&value));
        prop_assert_eq!(back, Ok(value), "{}", ty);
    }
}
