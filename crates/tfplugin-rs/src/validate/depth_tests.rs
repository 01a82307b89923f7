//! What a schema demands, demanded at every depth of every nesting.

use super::*;
use crate::rule;
use crate::schema::{Attribute, Block, Member, Members, Nesting, Schema};

const NESTINGS: [Nesting; 4] = [Nesting::List, Nesting::Map, Nesting::Set, Nesting::Single];

/// One object held as `nesting` holds it, and the steps that lead to it.
fn held(nesting: Nesting, object: Value) -> (Value, AttributePath) {
    let here = AttributePath::root();
    match nesting {
        Nesting::List => (Value::list([object]), here.index(0)),
        Nesting::Map => (Value::map([("k", object)]), here.key("k")),
        Nesting::Set => (Value::set([object.clone()]), here.element(object)),
        Nesting::Single => (object, here),
    }
}

fn member(name: &str, nesting: Nesting, is_block: bool, inner: Members) -> Member {
    match is_block {
        true => Block::new(name, nesting, inner).into(),
        false => Attribute::nested(name, nesting, inner).optional().into(),
    }
}

/// `inner` in an object in an object: every pair of nestings, as blocks and as attributes.
fn each_place(
    inner: &Members,
    object: &Value,
    mut check: impl FnMut(Schema, Value, AttributePath),
) {
    for outer_nesting in NESTINGS {
        for nesting in NESTINGS {
            // An attribute cannot hold blocks.
            for (outer_is_block, is_block) in [(true, true), (true, false), (false, false)] {
                let middle = Members::new().with(member("in", nesting, is_block, inner.clone()));
                let schema =
                    Schema::new().with(member("out", outer_nesting, outer_is_block, middle));
                let (value, to_inner) = held(nesting, object.clone());
                let (value, to_middle) = held(outer_nesting, Value::object([("in", value)]));
                let path = AttributePath::from("out")
                    .concat(to_middle)
                    .attribute("in")
                    .concat(to_inner);
                check(schema, Value::object([("out", value)]), path);
            }
        }
    }
}

fn found(schema: &Schema, config: &Value, write_only_allowed: bool) -> Diagnostics {
    let surroundings = Surroundings::new(schema, config, write_only_allowed);
    check(schema, &surroundings)
}

/// Summaries and paths below `base`, which all must have.
fn below(found: &Diagnostics, base: &AttributePath) -> Vec<(String, String)> {
    let told = found.iter().map(|diagnostic| {
        assert!(
            base.contains(&diagnostic.path),
            "{diagnostic} outside of {base}"
        );
        let rest = diagnostic.path.steps()[base.steps().len()..]
            .iter()
            .cloned();
        let rest = rest.fold(AttributePath::root(), AttributePath::join);
        (diagnostic.summary.clone(), rest.to_string())
    });
    told.collect()
}

fn text(name: &str) -> Attribute {
    Attribute::new(name, Type::String)
}

#[test]
fn validators_see_every_object() {
    let inner = Members::new()
        .with(text("a").optional().validate(length(..=1)))
        .with(text("b").required())
        .with(text("c").optional().deprecated("Old."));
    let object = Value::object([
        ("a", "long".into()),
        ("b", Value::Null),
        ("c", "set".into()),
    ]);
    each_place(&inner, &object, |schema, config, path| {
        let found = found(&schema, &config, true);
        let expected = [
            ("Invalid attribute value", "a"),
            ("Missing required argument", "b"),
            ("Deprecated attribute", "c"),
        ];
        let expected = expected.map(|(summary, path)| (summary.to_owned(), path.to_owned()));
        assert_eq!(below(&found, &path), expected, "{path}");
    });
    let object = Value::object([
        ("a", Value::Unknown),
        ("b", Value::Unknown),
        ("c", Value::Unknown),
    ]);
    each_place(&inner, &object, |schema, config, path| {
        assert_eq!(found(&schema, &config, true), Diagnostics::new(), "{path}");
    });
}

#[test]
fn relations_and_rules_look_around_every_object() {
    let three = || {
        Members::new()
            .with(text("b").optional())
            .with(text("c").optional())
    };
    let by_attribute = three().with(text("a").optional().validate(conflicts_with(["b"])));
    let by_rule = three()
        .with(text("a").optional())
        .rule(rule::conflicting(["a", "b"]));
    let object = |a: Value, b: Value| Value::object([("a", a), ("b", b), ("c", "set".into())]);
    for inner in [by_attribute, by_rule] {
        each_place(
            &inner,
            &object("x".into(), "y".into()),
            |schema, config, path| {
                let summary = "Invalid combination of attributes".to_owned();
                let expected = [(summary, "a".to_owned())];
                assert_eq!(
                    below(&found(&schema, &config, true), &path),
                    expected,
                    "{path}"
                );
            },
        );
        for (a, b) in [
            ("x".into(), Value::Null),
            (Value::Null, "y".into()),
            ("x".into(), Value::Unknown),
            (Value::Unknown, "y".into()),
        ] {
            each_place(&inner, &object(a, b), |schema, config, path| {
                assert_eq!(found(&schema, &config, true), Diagnostics::new(), "{path}");
            });
        }
    }
}

#[test]
fn write_only_values_are_refused_at_every_depth() {
    let inner = Members::new().with(text("s").optional().write_only());
    let refusal = (
        "Write-only argument cannot be used here".to_owned(),
        "s".to_owned(),
    );
    for (value, refused) in [
        (Value::from("secret"), true),
        (Value::Unknown, true),
        (Value::Null, false),
    ] {
        let object = Value::object([("s", value)]);
        each_place(&inner, &object, |schema, config, path| {
            assert_eq!(found(&schema, &config, true), Diagnostics::new(), "{path}");
            let expected: Vec<_> = refused.then(|| refusal.clone()).into_iter().collect();
            assert_eq!(
                below(&found(&schema, &config, false), &path),
                expected,
                "{path}"
            );
        });
    }
}

#[test]
fn what_is_inside_a_secret_is_one() {
    let inner = || Members::new().with(text("a").optional().validate(one_of(["x"])));
    let (value, _) = held(Nesting::Map, Value::object([("a", "hunter2")]));
    let config = Value::object([("n", value)]);
    for (attribute, is_secret) in [
        (
            Attribute::nested("n", Nesting::Map, inner()).optional(),
            false,
        ),
        (
            Attribute::nested("n", Nesting::Map, inner())
                .optional()
                .sensitive(),
            true,
        ),
        (
            Attribute::nested("n", Nesting::Map, inner())
                .optional()
                .write_only(),
            true,
        ),
    ] {
        let schema = Schema::new().with(attribute);
        let found = found(&schema, &config, true).to_string();
        let start = "error: Invalid attribute value (at n[\"k\"].a): ";
        assert!(found.starts_with(start), "{found}");
        assert_eq!(found.contains("hunter2"), !is_secret, "{found}");
    }
}

/// In blocks as in attributes, nothing is looked for where nothing is.
#[test]
fn absent_and_unknown_collections_hold_nothing_to_check() {
    let inner = || {
        Members::new()
            .with(text("must").required())
            .rule(rule::at_least_one_of(["must"]))
    };
    for nesting in NESTINGS {
        let empty = match nesting {
            Nesting::List => Value::list::<Value>([]),
            Nesting::Map => Value::map::<&str, Value>([]),
            Nesting::Set => Value::set::<Value>([]),
            Nesting::Single => Value::Null,
        };
        for is_block in [false, true] {
            let schema = Schema::new().with(member("n", nesting, is_block, inner()));
            for value in [Value::Null, Value::Unknown, empty.clone()] {
                let config = Value::object([("n", value)]);
                assert_eq!(
                    found(&schema, &config, true),
                    Diagnostics::new(),
                    "{nesting:?}"
                );
            }
            let (one, path) = held(nesting, Value::object([("must", Value::Null)]));
            let config = Value::object([("n", one)]);
            let told = below(
                &found(&schema, &config, true),
                &AttributePath::from("n").concat(path),
            );
            let expected = [
                ("Missing attribute".to_owned(), String::new()),
                ("Missing required argument".to_owned(), "must".to_owned()),
            ];
            assert_eq!(told, expected, "{nesting:?}");
        }
    }
}

#[test]
fn validators_of_collections_see_them_whole() {
    let inner = || Members::new().with(text("a").optional());
    let objects =
        |count: usize| (0..count).map(|i| Value::object([("a", Value::from(i.to_string()))]));
    for nesting in [Nesting::List, Nesting::Map, Nesting::Set] {
        let all = |count: usize| match nesting {
            Nesting::List => Value::list(objects(count)),
            Nesting::Set => Value::set(objects(count)),
            _ => Value::map((0..count).map(|i| i.to_string()).zip(objects(count))),
        };
        let of_attribute = Member::from(
            Attribute::nested("n", nesting, inner())
                .optional()
                .validate(items(2..=3)),
        );
        let of_block = Member::from(Block::new("n", nesting, inner()).validate(items(2..=3)));
        for member in [of_attribute, of_block] {
            let schema = Schema::new().with(member);
            for (count, is_fine) in [(1, false), (2, true), (3, true), (4, false)] {
                let config = Value::object([("n", all(count))]);
                let found = found(&schema, &config, true);
                assert_eq!(found.is_empty(), is_fine, "{count} in {nesting:?}: {found}");
                assert!(found.iter().all(|one| one.path == "n".into()), "{found}");
            }
        }
    }
}
