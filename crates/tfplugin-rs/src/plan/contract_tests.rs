//! The promises between a provider and Terraform, broken one by one at every depth.

use super::*;
use crate::schema::{Attribute, Block};
use crate::value::{Dynamic, Type};

fn paths(found: &Diagnostics) -> Vec<String> {
    found.iter().map(|found| found.path.to_string()).collect()
}

fn one(value: impl Into<Value>) -> Value {
    Value::object([("a", value.into())])
}

fn tuple(elements: [Value; 2]) -> Value {
    Value::Tuple(elements.to_vec())
}

fn dynamic(ty: Type, value: impl Into<Value>) -> Value {
    Dynamic::new(ty, value.into()).into()
}

#[track_caller]
fn check_broken(planned: &Value, applied: &Value, broken: &[&str]) {
    let found = check_applied(planned, applied);
    assert_eq!(paths(&found), broken, "{planned:?} and {applied:?}");
    let summary = "The provider did not keep to its plan";
    assert!(found.iter().all(|found| found.summary == summary));
}

#[test]
fn what_was_planned_must_come_back_at_every_depth() {
    let unknown = || Value::Unknown;
    for (planned, applied, broken) in [
        (one(one("x")), one(one("y")), vec!["a.a"]),
        (one(one(unknown())), one(one("y")), vec![]),
        (one(one("x")), one(Value::Null), vec!["a"]),
        (one(Value::Null), one(one("x")), vec!["a"]),
        // Terraform takes null for null, whatever type it is said to have.
        (
            one(dynamic(Type::Bool, Value::Null)),
            one(Value::Null),
            vec![],
        ),
        (
            one(Value::Null),
            one(dynamic(Type::Bool, Value::Null)),
            vec![],
        ),
        (one(dynamic(Type::Bool, true)), one(Value::Null), vec!["a"]),
        // Each difference is told.
        (
            Value::list(["x", "y", "z"]),
            Value::list(["X", "y", "Z"]),
            vec!["[0]", "[2]"],
        ),
        (
            tuple(["x".into(), 1.into()]),
            tuple(["x".into(), 2.into()]),
            vec!["[1]"],
        ),
        (
            tuple(["x".into(), unknown()]),
            tuple(["x".into(), 2.into()]),
            vec![],
        ),
        (
            one(Value::map([("k", one("x"))])),
            one(Value::map([("k", one("y"))])),
            vec!["a[\"k\"].a"],
        ),
        (
            one(Value::set([one("x")])),
            one(Value::set([one("y")])),
            vec!["a"],
        ),
        (
            one(Value::set([one(unknown())])),
            one(Value::set([one("x"), one("y")])),
            vec![],
        ),
        // What is left unknown is another rule's business.
        (one("x"), one(unknown()), vec![]),
    ] {
        check_broken(&planned, &applied, &broken);
    }
}

#[test]
fn a_dynamic_value_keeps_its_type_once_that_is_planned() {
    let unknown = || Value::Unknown;
    let strings = || Type::list(Type::String);
    for (planned, applied, broken) in [
        (
            one(dynamic(Type::String, "x")),
            one(dynamic(Type::String, "x")),
            vec![],
        ),
        (
            one(dynamic(Type::String, "x")),
            one(dynamic(Type::String, "y")),
            vec!["a"],
        ),
        (
            one(dynamic(Type::String, "1")),
            one(dynamic(Type::Number, 1)),
            vec!["a"],
        ),
        (one(unknown()), one(dynamic(Type::Number, 1)), vec![]),
        (
            one(dynamic(Type::String, unknown())),
            one(dynamic(Type::String, "y")),
            vec![],
        ),
        (
            one(dynamic(strings(), Value::list([unknown(), "x".into()]))),
            one(dynamic(strings(), Value::list(["w", "y"]))),
            vec!["a[1]"],
        ),
    ] {
        check_broken(&planned, &applied, &broken);
    }
}

#[test]
fn what_is_left_unknown_is_told_at_every_depth() {
    let unknown = || Value::Unknown;
    for (state, left) in [
        (Value::Null, vec![]),
        (one("x"), vec![]),
        (unknown(), vec![""]),
        (one(unknown()), vec!["a"]),
        (one(one(unknown())), vec!["a.a"]),
        (
            one(Value::list([unknown(), "x".into(), unknown()])),
            vec!["a[0]", "a[2]"],
        ),
        (
            one(Value::map([("k", unknown()), ("l", "x".into())])),
            vec!["a[\"k\"]"],
        ),
        (one(Value::set([one(unknown())])), vec!["a[element].a"]),
        (one(tuple([1.into(), unknown()])), vec!["a[1]"]),
        (one(dynamic(Type::String, unknown())), vec!["a"]),
    ] {
        let found = check_known(&state, "reading");
        assert_eq!(paths(&found), left, "{state:?}");
        assert!(
            found
                .iter()
                .all(|found| found.detail.starts_with("After reading the attribute"))
        );
    }
}

/// Objects of an optional `o` and a computed `c`.
fn inner() -> Members {
    Members::new()
        .with(Attribute::new("o", Type::String).optional())
        .with(Attribute::new("c", Type::String).computed())
}

fn object(o: impl Into<Value>, c: impl Into<Value>) -> Value {
    Value::object([("o", o.into()), ("c", c.into())])
}

#[test]
fn plans_must_keep_to_the_configuration_at_every_depth() {
    let null = || Value::Null;
    let configured = || object("x", null());
    let cases = [
        (
            Nesting::Single,
            configured(),
            object("x", "made"),
            object("y", "made"),
            "a.o",
        ),
        (
            Nesting::List,
            Value::list([configured(), configured()]),
            Value::list([object("x", "1"), object("x", Value::Unknown)]),
            Value::list([object("x", "1"), object(null(), "2")]),
            "a[1].o",
        ),
        (
            Nesting::Map,
            Value::map([("k", configured())]),
            Value::map([("k", object("x", "1"))]),
            Value::map([("k", object("y", "1"))]),
            "a[\"k\"].o",
        ),
    ];
    for (nesting, config, good, bad, at) in cases {
        for member in [
            Member::from(Attribute::nested("a", nesting, inner()).optional()),
            Member::from(Block::new("a", nesting, inner())),
        ] {
            let members = Members::new().with(member);
            let check = |planned: &Value| {
                let found = check_planned(
                    &members,
                    &one(config.clone()),
                    &Value::Null,
                    &one(planned.clone()),
                );
                paths(&found)
            };
            assert_eq!(check(&good), [] as [&str; 0], "{nesting:?}");
            assert_eq!(check(&bad), [at], "{nesting:?}");
            assert_eq!(check(&config), [] as [&str; 0], "{nesting:?}");
        }
    }
}

#[test]
fn what_was_planned_must_come_back() {
    let list = |values: Vec<Value>| one(Value::list(values));
    let set = |values: Vec<Value>| one(Value::set(values));
    for (planned, applied, at) in [
        (one("x"), one("x"), None),
        (one(Value::Unknown), one("x"), None),
        (one(Value::Unknown), one(Value::Null), None),
        (one("x"), one("y"), Some("a")),
        (one("x"), one(Value::Null), Some("a")),
        (one(Value::Null), one("x"), Some("a")),
        (
            list(vec!["x".into(), Value::Unknown]),
            list(vec!["x".into(), "y".into()]),
            None,
        ),
        (list(vec!["x".into()]), list(vec!["y".into()]), Some("a[0]")),
        (list(vec!["x".into()]), list(vec![]), Some("a")),
        (set(vec!["x".into()]), set(vec!["y".into()]), Some("a")),
        (set(vec![Value::Unknown]), set(vec!["y".into()]), None),
        (
            one(Value::map([("k", "x")])),
            one(Value::map([("k", "y")])),
            Some("a[\"k\"]"),
        ),
        (
            one(Value::map([("k", "x")])),
            one(Value::map([("l", "x")])),
            Some("a"),
        ),
        (one(Value::Number("1.0".parse().unwrap())), one(1), None),
    ] {
        let broken = check_applied(&planned, &applied);
        let paths = paths(&broken);
        let first = paths.first().map(String::as_str);
        assert_eq!(first, at, "{planned:?} {applied:?}");
    }
}

#[test]
fn leftover_unknowns_are_found() {
    let value = one(Value::list([Value::from("x"), Value::Unknown]));
    let broken = check_known(&value, "apply");
    assert_eq!(paths(&broken), ["a[1]"]);
    assert!(check_known(&one("x"), "apply").is_empty());
}
