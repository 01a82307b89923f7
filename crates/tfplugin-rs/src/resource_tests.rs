//! Plans as resources see and change them, and states from before.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::attr::Attr;
use crate::schema::{Attribute, Members, Nesting};
use crate::value::Dynamic;

fn members() -> Members {
    let inner = Members::new().with(Attribute::new("port", Type::Number).optional());
    Members::new()
        .with(Attribute::new("any", Type::Dynamic).optional())
        .with(Attribute::new("id", Type::String).computed())
        .with(Attribute::nested("list", Nesting::List, inner).optional())
        .with(Attribute::new("name", Type::String).required())
}

fn state(name: &str, id: impl Into<Value>) -> Value {
    let element = Value::object([("port", 1)]);
    Value::object([
        ("any", Dynamic::new(Type::Bool, true.into()).into()),
        ("id", id.into()),
        ("list", Value::list([element])),
        ("name", name.into()),
    ])
}

fn plan(prior: Value, planned: Value) -> ResourcePlan {
    let ty = Arc::new(members().object_type());
    let values = |value| Values::new(value, Arc::clone(&ty));
    ResourcePlan {
        config: values(planned.clone()),
        prior: values(prior),
        planned: values(planned),
        replace: Vec::new(),
    }
}

#[test]
fn the_action_follows_from_the_states() {
    use ResourceAction::{Create, Delete, Keep, Replace, Update};
    let (a, b) = (|| state("a", "1"), || state("b", "1"));
    for (prior, planned, replaces, action) in [
        (Value::Null, a(), false, Create),
        // What does not exist cannot be replaced.
        (Value::Null, a(), true, Create),
        (a(), Value::Null, false, Delete),
        (a(), Value::Null, true, Delete),
        (Value::Null, Value::Null, false, Delete),
        (a(), a(), false, Keep),
        (a(), b(), false, Update),
        (a(), b(), true, Replace),
        (a(), a(), true, Replace),
        (a(), state("a", Value::Unknown), false, Update),
    ] {
        let mut plan = plan(prior.clone(), planned.clone());
        if replaces {
            plan.require_replace("name");
        }
        assert_eq!(plan.action(), action, "from {prior:?} to {planned:?}");
        assert_eq!(plan.replaced_by().is_empty(), !replaces);
    }
}

#[test]
fn a_plan_is_changed_by_path() {
    let mut plan = plan(state("a", "1"), state("b", "1"));
    plan.set("id", &"2".to_owned()).unwrap();
    assert_eq!(plan.planned().get::<String>("id").unwrap(), "2");
    plan.set_unknown("id").unwrap();
    assert_eq!(
        plan.planned().get::<Attr<String>>("id").unwrap(),
        Attr::Unknown
    );
    let port = || AttributePath::from("list").index(0).attribute("port");
    plan.set(port(), &Some(7_u16)).unwrap();
    assert_eq!(plan.planned().get::<u16>(port()).unwrap(), 7);
    plan.set_unknown("list").unwrap();
    assert_eq!(
        plan.planned().get::<Attr<u16>>(port()).unwrap(),
        Attr::Unknown
    );
    plan.set("any", &Dynamic::new(Type::String, "x".into()))
        .unwrap();
    let any: Dynamic = plan.planned().get("any").unwrap();
    assert_eq!(any.value().as_str(), Some("x"));
    // The rest is only to be read.
    assert_eq!(plan.prior().get::<String>("name").unwrap(), "a");
    assert_eq!(plan.config().get::<String>("id").unwrap(), "1");
    for (changed, complaint) in [
        (plan.set("id", &5), "Value of the wrong type (at id)"),
        (plan.set("nope", &5), "No such attribute (at nope)"),
        (plan.set_unknown("nope"), "No such attribute (at nope)"),
        (plan.set(port(), &5), "No such attribute (at list[0].port)"),
    ] {
        let error = changed.unwrap_err().to_string();
        assert!(error.contains(complaint), "{error}");
    }
}

/// What a state may have been.
#[derive(crate::Model, Debug, PartialEq)]
struct Old {
    name: String,
    port: Option<u16>,
    tags: Option<Vec<String>>,
}

#[test]
fn states_of_older_versions_are_read_as_models() {
    let raw = |text: &str| RawState(text.as_bytes().to_vec());
    let old = |name: &str, port, tags: Option<&[&str]>| Old {
        name: name.to_owned(),
        port,
        tags: tags.map(|tags| tags.iter().map(|tag| (*tag).to_owned()).collect()),
    };
    for (text, expected) in [
        (
            r#"{"name":"a","port":1,"tags":["x"]}"#,
            old("a", Some(1), Some(&["x"])),
        ),
        (r#"{"name":"a"}"#, old("a", None, None)),
        (
            r#"{"tags":[],"name":"a","gone":{"deep":[1]}}"#,
            old("a", None, Some(&[])),
        ),
        // What was a number may have become a text, and the other way round.
        (r#"{"name":5,"port":"6"}"#, old("5", Some(6), None)),
        (" {\n\"name\" : \"a\" }\n", old("a", None, None)),
    ] {
        assert_eq!(raw(text).model::<Old>().unwrap(), expected, "{text}");
    }
    for (text, complaint) in [
        (
            "",
            "Could not read the older state: expected a value, found the end of the text.",
        ),
        (
            "{",
            "Could not read the older state: expected a key, found the end of the text.",
        ),
        ("[]", "Could not read the older state: expected object("),
        (
            r#"{"name":[]}"#,
            "Could not read the older state (at name): name: expected string",
        ),
        (
            r#"{"name":null}"#,
            "Unexpected attribute value (at name): A string is needed",
        ),
        (
            r#"{}"#,
            "Unexpected attribute value (at name): A string is needed",
        ),
        (
            "null",
            "Unexpected attribute value: An object is needed, but the value is null.",
        ),
        (
            r#"{"name":"a","port":70000}"#,
            "(at port): A whole number from 0 to 65535",
        ),
        (
            r#"{"name":"a","tags":["x",null]}"#,
            "(at tags[1]): A string is needed",
        ),
        (
            r#"{"name":"a"} x"#,
            "Could not read the older state: expected the end at byte 13.",
        ),
    ] {
        let error = raw(text).model::<Old>().unwrap_err().to_string();
        assert!(error.contains(complaint), "{text}: {error}");
    }
}

#[test]
fn states_are_read_as_json_and_never_shown() {
    let raw = RawState(br#"{"secret":"hunter2","n":[1,2]}"#.to_vec());
    let json: serde_json::Value = raw.json().unwrap();
    assert_eq!(json["n"], json!([1, 2]));
    assert_eq!(raw.as_bytes().len(), 30);
    assert_eq!(format!("{raw:?}"), "RawState(30 bytes)");
    let wrong: Result<Vec<u8>> = raw.json();
    assert!(wrong.unwrap_err().has_error());
    let source = MoveSource {
        provider_address: "example.com/a/b".to_owned(),
        type_name: "b_c".to_owned(),
        schema_version: 1,
        state: raw,
        private: b"{\"k\":\"NQ==\"}".to_vec(),
        identity: None,
        identity_schema_version: 0,
    };
    assert_eq!(source.private_state().get::<u8>("k").unwrap(), Some(5));
    assert!(!format!("{source:?}").contains("hunter2"));
    for other in [&b""[..], b"{", b"\x00\x01", br#"{"k":5}"#] {
        let source = MoveSource {
            private: other.to_vec(),
            ..source.clone()
        };
        // What another provider has kept is its own business.
        assert_eq!(source.private_state(), Private::default(), "{other:?}");
    }
}
