//! Every text by which a validator or a rule refuses a value, as one catalogue.

use std::fmt::Write;
use std::time::Duration;

use super::*;
use crate::path::{here, parent, root};
use crate::rule;
use crate::schema::{Attribute, Members, Nesting, Schema};

/// What is said of the attribute `x`, beside `a` and `b`, which may be looked at.
fn said(validator: &Validator, value: &Value, sensitive: bool) -> String {
    let mut diagnostics = Diagnostics::new();
    let config = Value::object([
        ("a", Value::from(2)),
        ("b", Value::Null),
        ("c", Value::Unknown),
        ("x", value.clone()),
    ]);
    let surroundings = Surroundings {
        config,
        write_only_allowed: true,
    };
    let path = AttributePath::from("x");
    let mut report = Report::new(path, 0, sensitive, &surroundings, &mut diagnostics);
    validator.check(value, &mut report);
    match diagnostics.is_empty() {
        true => "content".to_owned(),
        false => diagnostics.to_string().replace('\n', "\n    "),
    }
}

fn number(text: &str) -> Value {
    Value::Number(text.parse().unwrap())
}

/// A name, a validator, and values that it is asked about.
type Entry = (&'static str, Validator, Vec<Value>);

fn of_texts() -> Vec<Entry> {
    let seconds = Duration::from_secs;
    let texts = |texts: &[&str]| texts.iter().map(|text| Value::from(*text)).collect();
    vec![
        (
            "length(2..=3)",
            length(2..=3),
            texts(&["a", "abc", "abcd", "äöüß"]),
        ),
        ("length(..2)", length(..2), texts(&["ab"])),
        ("length(1..)", length(1..), texts(&[""])),
        ("length(4..=4)", length(4..=4), texts(&["abc"])),
        ("bytes(2..=3)", bytes(2..=3), texts(&["ä", "äö"])),
        ("one_of", one_of(["a", "b\"c"]), texts(&["x", "A"])),
        ("one_of nothing", one_of::<&str>([]), texts(&["x"])),
        ("none_of", none_of(["a", "b"]), texts(&["a", "c"])),
        (
            "one_of_ignoring_case",
            one_of_ignoring_case(["a", "B"]),
            texts(&["b", "c"]),
        ),
        (
            "none_of_ignoring_case",
            none_of_ignoring_case(["a"]),
            texts(&["A", "b"]),
        ),
        (
            "regex",
            regex("^[a-z]+$", "must be small letters"),
            texts(&["A", "a\n"]),
        ),
        (
            "duration(1s..=1h)",
            duration(seconds(1)..=seconds(3600)),
            texts(&["0s", "2h", "soon", "1", "1x", "", "-1s", "1h1h1h"]),
        ),
        (
            "duration(..1m)",
            duration(..seconds(60)),
            texts(&["1m", "59s"]),
        ),
        (
            "size(1kB..=1MiB)",
            size(1000..=1 << 20),
            texts(&["1B", "2MiB", "big", "1.5B", "99EiB", "1XB", ""]),
        ),
        (
            "string",
            string(|text| Err(format!("must not be {} long", text.len()))),
            texts(&["abc"]),
        ),
        ("a long text", length(..5), vec!["x".repeat(200).into()]),
        (
            "control characters",
            length(..2),
            texts(&["a\u{7}\n\u{1b}["]),
        ),
    ]
}

fn of_numbers() -> Vec<Entry> {
    let numbers = |texts: &[&str]| texts.iter().map(|text| number(text)).collect();
    vec![
        (
            "range(1..=5)",
            range(1..=5),
            numbers(&["0", "6", "5.5", "1e30"]),
        ),
        ("range(1..5)", range(1..5), numbers(&["5", "4.9"])),
        ("range(..0)", range(..0), numbers(&["0"])),
        ("range(7..=7)", range(7..=7), numbers(&["8"])),
        (
            "float_range(0.1..=0.5)",
            float_range(0.1..=0.5),
            numbers(&["0.09", "0.1", "0.51"]),
        ),
        (
            "float_range(..1e300)",
            float_range(..1e300),
            numbers(&["1e300"]),
        ),
        (
            "whole u8",
            whole(u8::MIN, u8::MAX),
            numbers(&["-1", "256", "1.5"]),
        ),
        (
            "whole i64",
            whole(i64::MIN, i64::MAX),
            numbers(&["9223372036854775808"]),
        ),
        ("one_of numbers", one_of([1, 2]), numbers(&["3", "1.0"])),
        ("none_of numbers", none_of([0]), numbers(&["0", "-0.0"])),
        (
            "at_least_sum_of",
            at_least_sum_of(["a", "b"]),
            numbers(&["1", "2"]),
        ),
        (
            "at_most_sum_of",
            at_most_sum_of(["a", "b"]),
            numbers(&["2", "2.1"]),
        ),
        (
            "equal_to_sum_of",
            equal_to_sum_of(["a", "a"]),
            numbers(&["4", "3"]),
        ),
        (
            "a sum that waits",
            equal_to_sum_of(["a", "c"]),
            numbers(&["9"]),
        ),
    ]
}

fn of_collections() -> Vec<Entry> {
    let list = Value::list(["a", "b", "a"]);
    let map = Value::map([("k", "v"), ("long", "w")]);
    let nulls = Value::list([Value::Null, "a".into(), Value::Null]);
    vec![
        (
            "items(..=2)",
            items(..=2),
            vec![list.clone(), Value::set(["a"])],
        ),
        ("items(1..)", items(1..), vec![Value::list::<Value>([])]),
        ("items(3..=3)", items(3..=3), vec![map.clone()]),
        ("unique", unique(), vec![list.clone(), nulls.clone()]),
        (
            "no_nulls",
            no_nulls(),
            vec![
                nulls,
                Value::map([("k", Value::Null)]),
                Value::set([Value::Null]),
            ],
        ),
        (
            "each",
            each([one_of(["a", "v"])]),
            vec![list, map.clone(), Value::set(["b"])],
        ),
        ("keys", keys([length(..=2), one_of(["k"])]), vec![map]),
        (
            "each of each",
            each([each([range(..=5)])]),
            vec![Value::map([("k", Value::list([1, 6]))])],
        ),
        (
            "any",
            any([length(..2), one_of(["long"])]),
            vec!["longer".into(), "long".into()],
        ),
        (
            "value",
            value(|value| Err(format!("must not be {}", value.kind()))),
            vec![true.into()],
        ),
    ]
}

fn of_relations() -> Vec<Entry> {
    let set = || vec![Value::from("x"), Value::Null, Value::Unknown];
    vec![
        ("conflicts_with a", conflicts_with(["a"]), set()),
        ("conflicts_with b, c", conflicts_with(["b", "c"]), set()),
        (
            "conflicts_with a by path",
            conflicts_with([root().at("a")]),
            set(),
        ),
        ("also_requires a", also_requires(["a"]), set()),
        ("also_requires b", also_requires(["b"]), set()),
        ("also_requires c", also_requires(["c"]), set()),
        (
            "also_requires its sibling",
            also_requires([parent().at("b")]),
            set(),
        ),
        ("exactly_one_of a", exactly_one_of(["a"]), set()),
        ("exactly_one_of b", exactly_one_of(["b"]), set()),
        ("exactly_one_of c", exactly_one_of(["c"]), set()),
        ("at_least_one_of a", at_least_one_of(["a"]), set()),
        ("at_least_one_of b", at_least_one_of(["b"]), set()),
        ("at_least_one_of c", at_least_one_of(["c"]), set()),
        ("at_least_one_of itself", at_least_one_of([here()]), set()),
        ("prefer_write_only", prefer_write_only("b"), set()),
    ]
}

fn catalogue(entries: Vec<Entry>) -> String {
    let mut text = String::new();
    for (name, validator, values) in entries {
        writeln!(text, "{name}").unwrap();
        for value in values {
            writeln!(
                text,
                "  {}: {}",
                Brief(&value),
                said(&validator, &value, false)
            )
            .unwrap();
        }
    }
    text
}

#[test]
fn texts_of_refusals() {
    insta::assert_snapshot!("texts", catalogue(of_texts()));
    insta::assert_snapshot!("numbers", catalogue(of_numbers()));
    insta::assert_snapshot!("collections", catalogue(of_collections()));
    insta::assert_snapshot!("relations", catalogue(of_relations()));
}

/// Whatever validator refuses it, a secret is not repeated.
#[test]
fn secrets_are_in_no_refusal() {
    let secret = "hunter2hunter2";
    for (name, validator, _) in of_texts() {
        let found = said(&validator, &secret.into(), true);
        assert!(!found.contains(secret), "{name}: {found}");
    }
    for (name, validator, _) in of_numbers() {
        let found = said(&validator, &number("271828182845"), true);
        assert!(!found.contains("271828182845"), "{name}: {found}");
    }
    let lists = [
        Value::list([secret, secret]),
        Value::set([secret]),
        Value::map([("k", secret)]),
    ];
    for (name, validator, _) in of_collections() {
        for list in &lists {
            let found = said(&validator, list, true);
            assert!(!found.contains(secret), "{name}: {found}");
        }
    }
}

/// A schema of `a`, `b`, `c`, and an object with the same; each with the rule.
fn ruled(rule: &rule::Rule) -> Schema {
    let text = |name: &str| Attribute::new(name, Type::String).optional();
    let three = || {
        Members::new()
            .with(text("a"))
            .with(text("b"))
            .with(text("c"))
    };
    let inner = three().rule(rule.clone());
    Schema::of(three().rule(rule.clone()))
        .with(Attribute::nested("inner", Nesting::Single, inner).optional())
}

#[test]
fn texts_of_rules() {
    let marks = ["---", "x--", "xx-", "xxx", "?--", "x?-", "-?x", "???"];
    let mark = |mark: char| match mark {
        '-' => Value::Null,
        '?' => Value::Unknown,
        _ => "set".into(),
    };
    let mut text = String::new();
    for (name, rule) in [
        ("conflicting", rule::conflicting(["a", "b", "c"])),
        ("exactly_one_of", rule::exactly_one_of(["a", "b", "c"])),
        ("at_least_one_of", rule::at_least_one_of(["a", "b", "c"])),
        (
            "required_together",
            rule::required_together(["a", "b", "c"]),
        ),
        ("prefer_write_only", rule::prefer_write_only("a", "b")),
        (
            "conflicting, by paths",
            rule::conflicting([root().at("a"), root().at("inner").at("b")]),
        ),
    ] {
        writeln!(text, "{name}").unwrap();
        for marks in marks {
            let three = || {
                let marks = marks.chars().map(mark);
                ["a", "b", "c"].into_iter().zip(marks)
            };
            let inner = Value::object(three());
            let config = Value::object(three().chain([("inner", inner)]));
            let schema = ruled(&rule);
            let surroundings = Surroundings::new(&schema, &config, true);
            let found = check(&schema, &surroundings);
            let found = match found.is_empty() {
                true => "content".to_owned(),
                false => found.to_string().replace('\n', "\n    "),
            };
            writeln!(text, "  {marks}: {found}").unwrap();
        }
    }
    insta::assert_snapshot!("rules", text);
}
