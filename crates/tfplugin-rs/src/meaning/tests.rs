//! What is kept and what is taken over, shape by shape.

use std::collections::BTreeMap;

use super::*;
use crate::model::{Field, Text};
use crate::schema::{Attribute, Block};
use crate::types::{Caseless, Json};
use crate::value::{Number, Type};

fn members(member: impl Into<Member>) -> Members {
    Members::new().with(member)
}

fn one(value: impl Into<Value>) -> Value {
    Value::object([("a", value.into())])
}

/// What becomes of `new` beside `prior`.
fn kept(members: &Members, prior: impl Into<Value>, new: impl Into<Value>) -> Value {
    let mut new = one(new);
    keep_spelling(members, &one(prior), &mut new);
    new.as_object().unwrap().values()[0].clone()
}

fn typed<T: Field>() -> Members {
    members(Attribute::typed::<T>("a").optional())
}

#[test]
fn a_spelling_stays_while_the_meaning_does() {
    let text = typed::<Option<Text<Json>>>();
    for (prior, new, result) in [
        ("{ }", "{}", "{ }"),
        ("{}", "[]", "[]"),
        ("1.0", "1", "1.0"),
        // What does not parse means only itself.
        ("{", "{ ", "{ "),
    ] {
        assert_eq!(
            kept(&text, prior, new),
            Value::from(result),
            "{prior} and {new}"
        );
    }
}

#[test]
fn null_and_unknown_mean_nothing_but_themselves() {
    let text = typed::<Option<Text<Json>>>();
    for (prior, new) in [
        (Value::Null, Value::from("{}")),
        (Value::Unknown, "{}".into()),
        ("{}".into(), Value::Null),
        ("{}".into(), Value::Unknown),
    ] {
        assert_eq!(kept(&text, prior, new.clone()), new);
    }
}

#[test]
fn elements_of_collections_are_kept_one_by_one() {
    let list = typed::<Vec<Text<Caseless>>>();
    assert_eq!(
        kept(&list, Value::list(["A", "B"]), Value::list(["a", "c", "b"])),
        Value::list(["A", "c", "b"]),
    );
    let map = typed::<BTreeMap<String, Text<Caseless>>>();
    assert_eq!(
        kept(
            &map,
            Value::map([("k", "A"), ("l", "B")]),
            Value::map([("k", "a"), ("m", "b")])
        ),
        Value::map([("k", "A"), ("m", "b")]),
    );
    let set = typed::<BTreeSet<Text<Caseless>>>();
    for (prior, new, result) in [
        (&["A", "B"][..], &["a", "c"][..], &["A", "c"][..]),
        (&["A", "a"], &["A", "a"], &["A", "a"]),
        (&["A", "a"], &["A"], &["A"]),
        // Each prior element stands in once.
        (&["A"], &["a", "á"], &["A", "á"]),
        (&[], &["a"], &["a"]),
    ] {
        let set_of = |texts: &[&str]| Value::set(texts.iter().copied());
        assert_eq!(
            kept(&set, set_of(prior), set_of(new)),
            set_of(result),
            "{prior:?} {new:?}"
        );
    }
    let nested = typed::<Vec<Vec<Text<Caseless>>>>();
    assert_eq!(
        kept(
            &nested,
            Value::list([Value::list(["A"])]),
            Value::list([Value::list(["a"]), Value::list(["b"])]),
        ),
        Value::list([Value::list(["A"]), Value::list(["b"])]),
    );
}

#[test]
fn an_attribute_of_any_type_may_say_what_means_the_same() {
    let close = |a: &Value, b: &Value| {
        let float = |value: &Value| value.as_number().map_or(f64::NAN, Number::to_f64);
        (float(a) - float(b)).abs() < 0.5
    };
    let number = members(Attribute::new("a", Type::Number).optional().same_if(close));
    assert_eq!(
        kept(&number, 1, Value::Number("1.25".parse().unwrap())),
        Value::from(1)
    );
    assert_eq!(kept(&number, 1, 2), Value::from(2));
    // The whole first, then the elements.
    let same_length =
        |a: &Value, b: &Value| a.as_elements().map(<[_]>::len) == b.as_elements().map(<[_]>::len);
    let list = members(
        Attribute::typed::<Vec<Text<Caseless>>>("a")
            .required()
            .same_if(same_length),
    );
    assert_eq!(
        kept(&list, Value::list(["x"]), Value::list(["y"])),
        Value::list(["x"])
    );
    assert_eq!(
        kept(&list, Value::list(["X"]), Value::list(["x", "y"])),
        Value::list(["X", "y"])
    );
}

#[test]
fn nested_objects_and_blocks_keep_what_is_inside() {
    let inner = || {
        Members::new()
            .with(Attribute::typed::<Text<Caseless>>("host").required())
            .with(Attribute::new("port", Type::Number).optional())
    };
    let object =
        |host: &str, port: i64| Value::object([("host", host.into()), ("port", Value::from(port))]);
    for nesting in [Nesting::List, Nesting::Map, Nesting::Set, Nesting::Single] {
        let whole = |element: Value| match nesting {
            Nesting::List => Value::list([element]),
            Nesting::Map => Value::map([("k", element)]),
            Nesting::Set => Value::set([element]),
            Nesting::Single => element,
        };
        for members in [
            members(Attribute::nested("a", nesting, inner()).required()),
            members(Block::new("a", nesting, inner())),
        ] {
            assert_eq!(
                kept(&members, whole(object("Host", 1)), whole(object("host", 1))),
                whole(object("Host", 1)),
                "{nesting:?}",
            );
            // Another object of a set is another object; elsewhere only what differs is new.
            let expected = if nesting == Nesting::Set {
                "host"
            } else {
                "Host"
            };
            assert_eq!(
                kept(&members, whole(object("Host", 1)), whole(object("host", 2))),
                whole(object(expected, 2)),
                "{nesting:?}",
            );
        }
    }
}

#[test]
fn without_meanings_nothing_is_looked_at() {
    let plain = members(Attribute::new("a", Type::String).optional());
    assert!(!plain.has_meanings());
    assert_eq!(kept(&plain, "A", "a"), Value::from("a"));
}

/// Comparisons are counted, since time says little on a busy machine.
#[test]
fn large_sets_are_compared_about_once_an_element() {
    use std::sync::atomic::{AtomicUsize, Ordering};

    const ELEMENTS: usize = 10_000;
    let comparisons = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&comparisons);
    let meaning = Meaning::default()
        .with_whole(move |a, b| {
            counted.fetch_add(1, Ordering::Relaxed);
            a.as_str().map(str::to_lowercase) == b.as_str().map(str::to_lowercase)
        })
        .collect();
    let set =
        |prefix: &str, count: usize| Value::set((0..count).map(|i| format!("{prefix}-{i:05}")));
    let (prior, respelled) = (set("ITEM", ELEMENTS), set("item", ELEMENTS));
    for (what, new, kept) in [
        ("respelled", respelled, prior.clone()),
        ("fewer", set("item", 10), set("ITEM", 10)),
        ("the same", prior.clone(), prior.clone()),
    ] {
        comparisons.store(0, Ordering::Relaxed);
        let mut new = new;
        meaning.keep(&prior, &mut new);
        assert_eq!(new, kept, "{what}");
        let count = comparisons.load(Ordering::Relaxed);
        assert!(count <= 2 * ELEMENTS, "{what}: {count} comparisons");
    }
}
