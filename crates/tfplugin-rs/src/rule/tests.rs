//! Rules over several attributes: one table of what is set, for every rule.

use super::*;
use crate::diagnostics::Diagnostics;
use crate::path::root;
use crate::validate::Surroundings;

/// `x` is set, `-` null, `?` unknown; the attributes are `a`, `b` and `c`.
fn config(marks: &str) -> Value {
    let value = |mark| match mark {
        '-' => Value::Null,
        '?' => Value::Unknown,
        _ => Value::from("x"),
    };
    Value::object(["a", "b", "c"].into_iter().zip(marks.chars().map(value)))
}

/// Severity and path of all that a rule finds.
fn found(rule: &Rule, config: Value, write_only_allowed: bool) -> Vec<String> {
    let surroundings = Surroundings {
        config,
        write_only_allowed,
    };
    let mut diagnostics = Diagnostics::new();
    let mut report = Report::new(
        AttributePath::root(),
        0,
        false,
        &surroundings,
        &mut diagnostics,
    );
    rule.check(&surroundings.config, &mut report);
    diagnostics
        .iter()
        .map(|d| format!("{:?} {} at {}", d.severity, d.summary, d.path))
        .collect()
}

#[test]
fn rules_follow_what_is_set_null_and_unknown() {
    let combination = |at: &str| Some(format!("Error Invalid combination of attributes at {at}"));
    let missing = || Some("Error Missing attribute at ".to_owned());
    let names = ["a", "b", "c"];
    for (rule, cases) in [
        (
            conflicting(names),
            [
                ("---", None),
                ("x--", None),
                ("xx-", combination("a")),
                ("-xx", combination("b")),
                ("x?-", None),
                ("?xx", combination("b")),
            ],
        ),
        (
            exactly_one_of(names),
            [
                ("---", missing()),
                ("--x", None),
                ("-xx", combination("b")),
                ("?--", None),
                ("?xx", combination("b")),
                ("x??", None),
            ],
        ),
        (
            at_least_one_of(names),
            [
                ("---", missing()),
                ("xxx", None),
                ("--x", None),
                ("--?", None),
                ("???", None),
                ("x?-", None),
            ],
        ),
        (
            required_together(names),
            [
                ("---", None),
                ("xxx", None),
                ("-x-", combination("b")),
                ("xx-", combination("a")),
                ("x-?", None),
                ("--?", None),
            ],
        ),
    ] {
        for (marks, expected) in cases {
            let expected: Vec<String> = expected.into_iter().collect();
            assert_eq!(
                found(&rule, config(marks), false),
                expected,
                "{rule:?} of {marks}"
            );
        }
    }
}

#[test]
fn a_stored_secret_is_warned_about_where_it_could_be_write_only() {
    let rule = prefer_write_only("a", "b");
    let warning = "Warning A write-only attribute is available at a";
    assert_eq!(found(&rule, config("x--"), true), [warning]);
    assert_eq!(found(&rule, config("x--"), false), [] as [&str; 0]);
    assert_eq!(found(&rule, config("-x-"), true), [] as [&str; 0]);
    assert_eq!(found(&rule, config("?--"), true), [] as [&str; 0]);
}

#[test]
fn an_expression_may_match_many() {
    let port = |port: Value| Value::object([("port", port)]);
    let ports = Value::list([port(1.into()), port(2.into()), port(Value::Null)]);
    let config = Value::object([("list", ports)]);
    let expression = || root().at("list").any_index().at("port");
    let at = "Error Invalid combination of attributes at list[0].port";
    assert_eq!(
        found(&conflicting([expression()]), config.clone(), false),
        [at]
    );
    assert_eq!(
        found(&required_together([expression()]), config.clone(), false),
        [at]
    );
    assert_eq!(
        found(&at_least_one_of([expression()]), config, false),
        [] as [&str; 0]
    );
}

#[test]
fn rules_of_your_own_see_the_object() {
    let rule = Rule::new(|object, report| {
        let get = |name| {
            object
                .as_object()
                .and_then(|object| object.get(name))
                .cloned()
        };
        if get("a") == get("b") {
            report.push(Diagnostic::error("Same", "They must differ."));
        }
    });
    assert_eq!(found(&rule, config("xx-"), false), ["Error Same at "]);
    assert_eq!(found(&rule, config("x--"), false), [] as [&str; 0]);
}
