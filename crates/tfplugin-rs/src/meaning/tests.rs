//! What is kept and what is taken over, shape by shape.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};

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
fn floats_stay_as_written_while_the_nearest_float_is_the_same() {
    let number = |text: &str| Value::Number(text.parse::<Number>().unwrap());
    let third = format!("0.{}", "3".repeat(40));
    for (wide, prior, new, stays) in [
        (true, third.as_str(), "0.3333333333333333", true),
        (true, &third, "0.33333333333333326", false),
        (false, &third, "0.33333334", true),
        (false, &third, "0.3333333", false),
        (true, "1e300", "1.0000000000000000001e300", true),
        (true, "0.1", "0.2", false),
        (true, "0", "1e-300", false),
        // Nothing is near to what no float is near to.
        (true, "1e309", "1e310", false),
        (true, "0", "1e-400", false),
    ] {
        let members = match wide {
            true => typed::<Option<f64>>(),
            false => typed::<Option<f32>>(),
        };
        let result = if stays { prior } else { new };
        let kept = kept(&members, number(prior), number(new));
        assert_eq!(kept, number(result), "{prior} and {new}");
    }
    let list = typed::<Vec<f64>>();
    let (prior, new) = (
        [number(&third), number("1")],
        [number("0.3333333333333333")],
    );
    assert_eq!(
        kept(&list, Value::list(prior), Value::list(new)),
        Value::list([number(&third)])
    );
}

#[test]
fn a_null_keeps_the_type_it_has() {
    let null = |ty| Value::from(Dynamic::new(ty, Value::Null));
    let unknown = |ty| Value::from(Dynamic::new(ty, Value::Unknown));
    let text = || Value::from(Dynamic::new(Type::String, "x".into()));
    let nested = |kind: fn(Members) -> Attribute| {
        let any = Attribute::new("a", Type::Dynamic).optional();
        members(kind(members(any)).optional())
    };
    let single = nested(|inside| Attribute::nested("a", Nesting::Single, inside));
    for (prior, new, result) in [
        (null(Type::String), Value::Null, null(Type::String)),
        (unknown(Type::String), Value::Null, null(Type::String)),
        (null(Type::String), null(Type::Bool), null(Type::String)),
        (null(Type::String), text(), text()),
        (null(Type::String), Value::Unknown, Value::Unknown),
        (text(), Value::Null, Value::Null),
        (Value::Null, null(Type::String), null(Type::String)),
    ] {
        let any = typed::<Option<Dynamic>>();
        let told = format!("{prior:?} and {new:?}");
        assert_eq!(kept(&any, prior.clone(), new.clone()), result, "{told}");
        let inside = kept(&single, one(prior), one(new));
        assert_eq!(inside, one(result), "{told}");
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

/// However meanings are nested, what hashes apart must mean different things.
#[test]
fn elements_of_sets_are_found_by_all_that_means_the_same() {
    let peer = || Members::new().with(Attribute::typed::<Text<Caseless>>("host").required());
    let same_length =
        |a: &Value, b: &Value| a.as_elements().map(<[_]>::len) == b.as_elements().map(<[_]>::len);
    let inner = Members::new()
        .with(Attribute::typed::<Text<Caseless>>("host").required())
        .with(Attribute::typed::<BTreeMap<String, Text<Caseless>>>("labels").required())
        .with(
            Attribute::typed::<Vec<Text<Caseless>>>("list")
                .required()
                .same_if(same_length),
        )
        .with(
            Attribute::nested("owner", Nesting::Single, peer())
                .required()
                .same_if(|_, _| false),
        )
        .with(Attribute::nested("peers", Nesting::Set, peer()).required())
        .with(
            Attribute::new("port", Type::Number)
                .optional()
                .same_if(|_, _| true),
        )
        .with(Attribute::typed::<BTreeSet<Text<Caseless>>>("tags").required());
    let nested = members(Block::new("a", Nesting::Set, inner));
    let object = |spell: fn(&str) -> String, key: &str, port: i64| {
        let peer = |name| Value::object([("host", Value::from(spell(name)))]);
        Value::set([Value::object([
            ("host", spell("h").into()),
            ("labels", Value::map([(key, spell("l"))])),
            ("list", Value::list([spell("x")])),
            ("owner", peer("o")),
            ("peers", Value::set([peer("p"), peer("q")])),
            ("port", port.into()),
            ("tags", Value::set([spell("s"), spell("t")])),
        ])])
    };
    let prior = || object(str::to_uppercase, "k", 1);
    assert_eq!(
        kept(&nested, prior(), object(str::to_lowercase, "k", 2)),
        prior()
    );
    let other = || object(str::to_lowercase, "other", 1);
    assert_eq!(kept(&nested, prior(), other()), other());
}

#[test]
fn without_meanings_nothing_is_looked_at() {
    let plain = members(Attribute::new("a", Type::String).optional());
    assert!(!plain.has_meanings());
    assert_eq!(kept(&plain, "A", "a"), Value::from("a"));
}

static WORK: AtomicUsize = AtomicUsize::new(0);

/// Text without regard to case that counts how often it is read and compared, since time says
/// little on a busy machine.
#[derive(Debug, Clone, Eq)]
struct Counted(String);

impl Counted {
    fn count() {
        assert!(
            WORK.fetch_add(1, Ordering::Relaxed) <= 10 * ELEMENTS,
            "too much work"
        );
    }
}

impl FromStr for Counted {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Self::count();
        Ok(Self(text.to_lowercase()))
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        Self::count();
        self.0 == other.0
    }
}

impl PartialOrd for Counted {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Counted {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

const ELEMENTS: usize = 10_000;

fn texts(prefix: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|i| format!("{prefix}-{i:05}")).collect()
}

/// Every change of a large set: what it was, what it becomes, and what is kept of that.
fn large_changes() -> [(&'static str, Vec<String>, Vec<String>); 5] {
    let prior = || texts("ITEM", 0..ELEMENTS);
    let half = |prefix: &str| {
        [
            texts(prefix, 0..ELEMENTS / 2),
            texts("other", 0..ELEMENTS / 2),
        ]
    };
    [
        ("respelled", texts("item", 0..ELEMENTS), prior()),
        ("fewer", texts("item", 0..10), texts("ITEM", 0..10)),
        ("the same", prior(), prior()),
        (
            "replaced",
            texts("other", 0..ELEMENTS),
            texts("other", 0..ELEMENTS),
        ),
        (
            "half replaced",
            half("item").concat(),
            half("ITEM").concat(),
        ),
    ]
}

#[test]
fn large_sets_take_a_few_comparisons_an_element() {
    let plain = typed::<BTreeSet<Text<Counted>>>();
    let inner = Members::new()
        .with(Attribute::typed::<Text<Counted>>("host").required())
        .with(Attribute::new("port", Type::Number).optional());
    let nested = members(Attribute::nested("a", Nesting::Set, inner).required());
    let object = |host: String| Value::object([("host", host.into()), ("port", Value::from(1))]);
    let wrap: [(&Members, &dyn Fn(String) -> Value); 2] =
        [(&plain, &|text| text.into()), (&nested, &object)];
    for (members, wrap) in wrap {
        let set = |texts: Vec<String>| Value::set(texts.into_iter().map(wrap));
        for (what, new, expected) in large_changes() {
            WORK.store(0, Ordering::Relaxed);
            let prior = set(texts("ITEM", 0..ELEMENTS));
            assert_eq!(kept(members, prior, set(new)), set(expected), "{what}");
            let work = WORK.load(Ordering::Relaxed);
            assert!(work <= 6 * ELEMENTS, "{what}: {work}");
        }
    }
}

/// Without a key every candidate has to be asked, but the next one is mostly right.
#[test]
fn large_sets_of_custom_equality_are_searched_from_the_last_match() {
    let comparisons = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&comparisons);
    let meaning = Meaning::default()
        .with_whole(move |a, b| {
            counted.fetch_add(1, Ordering::Relaxed);
            a.as_str().map(str::to_lowercase) == b.as_str().map(str::to_lowercase)
        })
        .collect();
    for (what, new, expected) in large_changes().into_iter().take(3) {
        comparisons.store(0, Ordering::Relaxed);
        let mut new = Value::set(new);
        meaning.keep(&Value::set(texts("ITEM", 0..ELEMENTS)), &mut new);
        assert_eq!(new, Value::set(expected), "{what}");
        let count = comparisons.load(Ordering::Relaxed);
        assert!(count <= 2 * ELEMENTS, "{what}: {count} comparisons");
    }
}
