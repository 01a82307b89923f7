//! Validators at their edges: just inside, just outside, nothing there, and far beyond.

use std::time::Duration;

use super::*;
use crate::path::here;

/// The details of what a validator says of a value.
fn said(validator: &Validator, value: &Value) -> Vec<String> {
    let mut diagnostics = Diagnostics::new();
    let surroundings = Surroundings::default();
    let mut report = Report::new("x".into(), 0, false, &surroundings, &mut diagnostics);
    validator.check(value, &mut report);
    diagnostics.iter().map(|d| d.detail.clone()).collect()
}

fn number(text: &str) -> Value {
    Value::Number(text.parse().unwrap())
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<Value> {
    texts.into_iter().map(Value::from).collect()
}

fn numbers<const N: usize>(texts: [&str; N]) -> Vec<Value> {
    texts.into_iter().map(number).collect()
}

fn lists<const N: usize>(lengths: [usize; N]) -> Vec<Value> {
    lengths
        .into_iter()
        .map(|length| Value::list(vec![true; length]))
        .collect()
}

/// A validator, what it accepts and what it refuses.
type Edges = (&'static str, Validator, Vec<Value>, Vec<Value>);

fn check(table: Vec<Edges>) {
    for (name, validator, accepted, refused) in table {
        for value in accepted {
            assert_eq!(
                said(&validator, &value),
                [] as [&str; 0],
                "{name} of {value:?}"
            );
        }
        for value in refused {
            let said = said(&validator, &value);
            assert_eq!(said.len(), 1, "{name} of {value:?}: {said:?}");
            assert!(said[0].starts_with("Attribute x must "), "{said:?}");
            assert!(said[0].ends_with('.'), "{said:?}");
        }
    }
}

#[test]
fn texts_at_the_edge() {
    check(vec![
        (
            "length",
            length(2..=3),
            texts(["ab", "éé", "😀😀😀"]),
            texts(["a", "é", "abcd", ""]),
        ),
        ("length from", length(1..), texts(["a"]), texts([""])),
        (
            "length up to",
            length(..=0),
            texts([""]),
            texts(["a", "\0"]),
        ),
        ("length below", length(..2), texts(["", "a"]), texts(["ab"])),
        ("any length", length(..), texts(["", "a"]), texts([])),
        (
            "bytes",
            bytes(2..=4),
            texts(["ab", "é", "😀"]),
            texts(["a", "😀a", ""]),
        ),
        (
            "one of none",
            one_of::<&str>([]),
            texts([]),
            texts(["", "a"]),
        ),
        (
            "one of",
            one_of(["", "a"]),
            texts(["", "a"]),
            texts(["A", " ", "aa"]),
        ),
        (
            "none of none",
            none_of::<&str>([]),
            texts(["", "a"]),
            texts([]),
        ),
        (
            "none of",
            none_of(["", "a"]),
            texts(["A", "aa"]),
            texts(["", "a"]),
        ),
        (
            "ignoring case",
            one_of_ignoring_case(["É"]),
            texts(["é", "É"]),
            texts(["e", "ÉÉ"]),
        ),
        (
            "none ignoring",
            none_of_ignoring_case(["É"]),
            texts(["e", ""]),
            texts(["é", "É"]),
        ),
        (
            "regex",
            regex("^[a-c]{2}$", "must be two of a to c"),
            texts(["ab"]),
            texts(["abc", "a", "ab\n", ""]),
        ),
    ]);
}

#[test]
fn numbers_at_the_edge() {
    let most = i64::MAX.to_string();
    let huge = format!("1{}", "0".repeat(999));
    check(vec![
        (
            "range",
            range(-1..=1),
            numbers(["-1", "0", "1", "0.5"]),
            numbers(["-2", "2", "-1.0001", "1.0001"]),
        ),
        (
            "exactly",
            range(5..=5),
            numbers(["5", "5.0"]),
            numbers(["4", "6", "5.1"]),
        ),
        (
            "below",
            range(..0),
            numbers(["-1", "-0.5"]),
            numbers(["0", "1"]),
        ),
        (
            "from",
            range(1..),
            numbers(["1", &most, &huge]),
            numbers(["0", "0.999", "-1"]),
        ),
        (
            "all of i64",
            range(i64::MIN..=i64::MAX),
            numbers([&most]),
            numbers(["9223372036854775808", &huge]),
        ),
        ("any", range(..), numbers(["0", &huge]), vec![]),
        (
            "float",
            float_range(-0.5..=0.5),
            numbers(["-0.5", "0", "0.5"]),
            numbers(["-0.51", "0.51", &huge]),
        ),
        (
            "float below",
            float_range(..0.1),
            numbers(["0.0999999999999999999"]),
            numbers(["0.11", "1"]),
        ),
        (
            "one of",
            one_of([1, 2]),
            numbers(["1", "2.0"]),
            numbers(["1.5", "3", "-1"]),
        ),
        (
            "whole",
            whole(-1_i8, 1),
            numbers(["-1", "0", "1"]),
            numbers(["-2", "2", "0.5", &huge]),
        ),
    ]);
}

#[test]
fn collections_at_the_edge() {
    let unique_lists = vec![
        Value::list::<Value>([]),
        Value::list(["a"]),
        Value::list(["a", "A"]),
        // These may still turn out to differ.
        Value::list([Value::Unknown, "a".into(), Value::Unknown]),
    ];
    let repeated = vec![
        Value::list(["a", "b", "a"]),
        Value::list([1, 1]),
        Value::list([number("1.0"), 1.into()]),
    ];
    check(vec![
        ("items", items(1..=2), lists([1, 2]), lists([0, 3])),
        ("exactly", items(2..=2), lists([2]), lists([1, 3, 0])),
        ("none", items(..=0), lists([0]), lists([1])),
        (
            "of a map",
            items(1..),
            vec![Value::map([("", 1)])],
            vec![Value::map::<&str, Value>([])],
        ),
        (
            "of a set",
            items(..2),
            vec![Value::set([1, 1])],
            vec![Value::set([1, 2])],
        ),
        ("unique", unique(), unique_lists, repeated),
        (
            "no nulls",
            no_nulls(),
            vec![Value::list([Value::Unknown]), Value::set::<Value>([])],
            vec![],
        ),
        ("each of none", each([length(5..)]), lists([0]), vec![]),
        (
            "keys of none",
            keys([length(5..)]),
            vec![Value::map::<&str, Value>([])],
            vec![],
        ),
    ]);
}

#[test]
fn durations_and_sizes_at_the_edge() {
    let seconds = |seconds| Duration::from_secs(seconds);
    check(vec![
        (
            "duration",
            duration(seconds(1)..=seconds(60)),
            texts(["1s", "60s", "1m", "1000ms"]),
            texts(["999ms", "1m0.001s", "0s", "", "1"]),
        ),
        (
            "longer",
            duration(seconds(1)..),
            texts(["1s", "2562047h"]),
            texts(["0.999999999s", "99999999999h"]),
        ),
        (
            "size",
            size(1..=1024),
            texts(["1", "1KiB", "1kB"]),
            texts(["0", "1025", "1.1KiB", "", "KiB"]),
        ),
        (
            "any size",
            size(..),
            texts(["0", "18446744073709551615"]),
            texts(["18446744073709551616", "-1"]),
        ),
    ]);
}

/// One of each.
fn all() -> Vec<(&'static str, Validator)> {
    vec![
        ("any", any([length(1..), regex("a", "must have an a")])),
        ("bytes", bytes(1..)),
        ("duration", duration(Duration::from_secs(1)..)),
        ("each", each([length(1..)])),
        ("float_range", float_range(1.0..)),
        ("items", items(1..)),
        ("keys", keys([length(1..)])),
        ("length", length(1..)),
        ("no_nulls", no_nulls()),
        ("none_of", none_of(["a"])),
        ("none_of_ignoring_case", none_of_ignoring_case(["a"])),
        ("one_of", one_of(["a"])),
        ("one_of_ignoring_case", one_of_ignoring_case(["a"])),
        ("prefer_write_only", prefer_write_only(here())),
        ("range", range(1..)),
        ("regex", regex("a", "must have an a")),
        ("size", size(1..)),
        ("string", string(|_| Err("must be otherwise".into()))),
        ("unique", unique()),
        ("value", value(|_| Err("must be otherwise".into()))),
        ("whole", whole(1_u8, 2)),
    ]
}

#[test]
fn null_and_unknown_are_not_for_validators_of_values() {
    for (name, validator) in all() {
        for value in [Value::Null, Value::Unknown] {
            assert_eq!(
                said(&validator, &value),
                [] as [&str; 0],
                "{name} of {value:?}"
            );
        }
    }
}

#[test]
fn a_range_in_words() {
    for (found, words) in [
        (in_words::<u8>(&(1..=5)), "from 1 to 5"),
        (in_words::<u8>(&(5..=5)), "exactly 5"),
        (in_words::<u8>(&(1..5)), "from 1 to less than 5"),
        (in_words::<u8>(&(1..)), "at least 1"),
        (in_words::<u8>(&(..=5)), "at most 5"),
        (in_words::<u8>(&(..5)), "less than 5"),
        (in_words::<u8>(&(..)), "any number of"),
        (
            in_words::<u8>(&(Bound::Excluded(1), Bound::Unbounded)),
            "more than 1",
        ),
        (
            in_words::<u8>(&(Bound::Excluded(1), Bound::Included(5))),
            "more than 1 and at most 5",
        ),
        (
            in_words::<u8>(&(Bound::Excluded(1), Bound::Excluded(5))),
            "more than 1 and less than 5",
        ),
    ] {
        assert_eq!(found, words);
    }
}

#[test]
fn one_thing_is_singular_and_a_range_is_not() {
    for (found, words) in [
        (counts_in_words(&(1..), "byte"), "at least 1 byte"),
        (counts_in_words(&(2..), "byte"), "at least 2 bytes"),
        (counts_in_words(&(..=1), "byte"), "at most 1 byte"),
        (counts_in_words(&(..=0), "byte"), "at most 0 bytes"),
        (counts_in_words(&(..1), "byte"), "less than 1 byte"),
        (counts_in_words(&(1..=1), "byte"), "exactly 1 byte"),
        (counts_in_words(&(0..=0), "byte"), "exactly 0 bytes"),
        (counts_in_words(&(0..=1), "byte"), "from 0 to 1 bytes"),
        (
            counts_in_words(&(0..1), "byte"),
            "from 0 to less than 1 bytes",
        ),
        (counts_in_words(&(..), "byte"), "any number of bytes"),
        (
            counts_in_words(&(Bound::Excluded(1), Bound::Unbounded), "byte"),
            "more than 1 byte",
        ),
        (
            counts_in_words(&(Bound::Excluded(0), Bound::Included(1)), "byte"),
            "more than 0 and at most 1 bytes",
        ),
    ] {
        assert_eq!(found, words);
    }
}

#[test]
fn values_in_messages_are_short() {
    for (value, brief) in [
        (Value::from(true), "true".to_owned()),
        (number("1e3"), "1000".to_owned()),
        (number("1e79"), format!("1{}", "0".repeat(79))),
        (number("1e80"), format!("1{}…", "0".repeat(79))),
        (number("-1e-80"), format!("-0.{}…", "0".repeat(77))),
        ("a\n".into(), "\"a\\n\"".to_owned()),
        ("é".repeat(80).into(), format!("{:?}", "é".repeat(80))),
        ("é".repeat(81).into(), format!("{:?}…", "é".repeat(80))),
        (Value::list(["a"]), "a list".to_owned()),
        (Value::map([("k", 1)]), "a map".to_owned()),
        (Value::Null, "null".to_owned()),
    ] {
        assert_eq!(Brief(&value).to_string(), brief);
    }
}
