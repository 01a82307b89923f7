//! Every kind of attribute inside every nesting, in every situation, as one table.

use std::fmt::Write;

use super::*;
use crate::schema::{Attribute, Block, Member, Nesting};
use crate::testing::new_state;
use crate::value::Type;

const NESTINGS: [Nesting; 4] = [Nesting::List, Nesting::Map, Nesting::Set, Nesting::Single];

/// What happens to the elements of the collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// There is no resource yet.
    Created,
    /// Everything is as it was.
    Kept,
    /// Another attribute of the resource changes.
    ChangedElsewhere,
    /// The key of the second element is another.
    Renamed,
    /// There is a third element.
    Added,
    /// The second element is gone.
    Removed,
    /// The elements come in another order.
    Turned,
    /// The key of the second element is not known yet.
    MadeUnknown,
    /// The attribute inside is set where it was not.
    Set,
    /// The attribute inside is no longer set.
    Unset,
    /// The whole collection is gone.
    Dropped,
}

const EVENTS: [Event; 11] = [
    Event::Created,
    Event::Kept,
    Event::ChangedElsewhere,
    Event::Renamed,
    Event::Added,
    Event::Removed,
    Event::Turned,
    Event::MadeUnknown,
    Event::Set,
    Event::Unset,
    Event::Dropped,
];

/// Elements by key, with what is said of the attribute inside.
type Elements = Vec<(Value, Value)>;

fn pairs<const N: usize>(keys: [&str; N], inside: &Value) -> Elements {
    let pairs = keys.into_iter();
    pairs.map(|key| (key.into(), inside.clone())).collect()
}

/// The elements in the configuration and in the state; `None` where there are none at all.
fn elements(event: Event, inside: &Attribute) -> (Option<Elements>, Option<Elements>) {
    let null = &Value::Null;
    let stored = |said: &Value| match said {
        // What nobody sets is what the provider has made, or the default.
        Value::Null if inside.default.is_some() => "d".into(),
        Value::Null if inside.computed => "made".into(),
        _ if inside.write_only => Value::Null,
        said => said.clone(),
    };
    let state = |said: &Value| Some(pairs(["x", "y"], &stored(said)));
    match event {
        Event::Created => (Some(pairs(["x", "y"], null)), None),
        Event::Kept | Event::ChangedElsewhere => (Some(pairs(["x", "y"], null)), state(null)),
        Event::Renamed => (Some(pairs(["x", "z"], null)), state(null)),
        Event::Added => (Some(pairs(["x", "y", "z"], null)), state(null)),
        Event::Removed => (Some(pairs(["x"], null)), state(null)),
        Event::Turned => (Some(pairs(["y", "x"], null)), state(null)),
        Event::MadeUnknown => {
            let unknown = (Value::Unknown, Value::Null);
            (Some(vec![("x".into(), Value::Null), unknown]), state(null))
        }
        Event::Set => (Some(pairs(["x", "y"], &"s".into())), state(null)),
        Event::Unset => (Some(pairs(["x", "y"], null)), state(&"s".into())),
        Event::Dropped => (None, state(null)),
    }
}

fn collection(nesting: Nesting, is_block: bool, elements: Option<Elements>) -> Value {
    let Some(elements) = elements else {
        return match (is_block, nesting) {
            (true, Nesting::List) => Value::List(Vec::new()),
            (true, Nesting::Map) => Value::map::<&str, Value>([]),
            (true, Nesting::Set) => Value::set::<Value>([]),
            _ => Value::Null,
        };
    };
    let mut objects = elements
        .into_iter()
        .map(|(key, inside)| Value::object([("in", inside), ("key", key)]));
    match nesting {
        Nesting::List => Value::list(objects),
        Nesting::Map => {
            let keys = ["1", "2", "3"].into_iter();
            Value::map(keys.zip(objects))
        }
        Nesting::Set => Value::set(objects),
        Nesting::Single => objects.next().expect("there is one"),
    }
}

/// One object as `key:inside`; `-` null, `?` unknown.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Unknown => "?".to_owned(),
        Value::String(text) => text.to_string(),
        Value::Object(object) => {
            let part = |name: &str| shown(object.get(name).expect("a member"));
            format!("{}:{}", part("key"), part("in"))
        }
        other => {
            let elements: Vec<String> = other.children().map(shown).collect();
            format!("[{}]", elements.join(" "))
        }
    }
}

fn planned(member: &Member, event: Event, inside: &Attribute) -> String {
    let (nesting, is_block) = match member {
        Member::Block(block) => (block.nesting, true),
        Member::Attribute(attribute) => match &attribute.kind {
            crate::schema::AttributeKind::Nested(nesting, _) => (*nesting, false),
            crate::schema::AttributeKind::Type(_) => panic!("it is nested"),
        },
    };
    let members = Members::new()
        .with(member.clone())
        .with(Attribute::new("other", Type::String).required());
    let whole = |elements: Option<Elements>, other: &str| {
        let all = collection(nesting, is_block, elements);
        Value::object([("a", all), ("other", other.into())])
    };
    let (config, state) = elements(event, inside);
    let config = whole(config, "new");
    let prior = match (event, state) {
        (Event::Created, _) => Value::Null,
        (Event::ChangedElsewhere, state) => whole(state, "old"),
        (_, state) => whole(state, "new"),
    };
    let mut proposal = Proposal {
        planned: new_state(&members, &prior, &config),
        config: config.clone(),
        prior: prior.clone(),
    };
    let replace = proposal.prepare(&members, &mut Diagnostics::new()).unwrap();
    let broken = check_planned(&members, &config, &prior, &proposal.planned);
    assert!(broken.is_empty(), "{member:?}, {event:?}: {broken}");
    let all = proposal.planned.at(&"a".into()).expect("a member");
    let replace: Vec<String> = replace.iter().map(ToString::to_string).collect();
    match replace.is_empty() {
        true => shown(all),
        false => format!("{} replaced by {}", shown(all), replace.join(", ")),
    }
}

/// The kinds of the attribute inside.
fn kinds() -> [(&'static str, Attribute); 9] {
    let text = || Attribute::new("in", Type::String);
    let both = || text().optional().computed();
    [
        ("optional", text().optional()),
        ("computed", text().computed()),
        ("either", both()),
        ("default", both().default("d")),
        ("kept", text().computed().use_state_for_unknown()),
        ("kept if not null", both().use_non_null_state_for_unknown()),
        ("replacing", text().optional().replace()),
        ("replacing if set", both().replace_if_configured()),
        ("write-only", text().optional().write_only()),
    ]
}

#[test]
fn every_kind_inside_every_nesting_in_every_situation() {
    for nesting in NESTINGS {
        let mut table = String::new();
        for (name, inside) in kinds() {
            if inside.write_only && nesting == Nesting::Set {
                // The schema's check refuses it.
                continue;
            }
            let inner = || {
                Members::new()
                    .with(Attribute::new("key", Type::String).required())
                    .with(inside.clone())
            };
            let attribute = Member::from(Attribute::nested("a", nesting, inner()).optional());
            let block = Member::from(Block::new("a", nesting, inner()));
            for event in EVENTS {
                if !inside.optional && matches!(event, Event::Set | Event::Unset) {
                    continue;
                }
                let said = planned(&attribute, event, &inside);
                writeln!(table, "{name}, {event:?}: {said}").unwrap();
                // A block that is gone is empty, and an attribute null; all else is the same.
                let of_block = planned(&block, event, &inside);
                if event != Event::Dropped {
                    assert_eq!(of_block, said, "{name}, {event:?} in {nesting:?}");
                }
            }
        }
        insta::assert_snapshot!(format!("{nesting:?}"), table);
    }
}

/// A collection that may be computed as a whole.
#[test]
fn computed_collections_stay_open_or_as_they_were() {
    let inner = || Members::new().with(Attribute::new("in", Type::String).computed());
    for nesting in NESTINGS {
        let nested = || Attribute::nested("a", nesting, inner());
        let element = Value::object([("in", "made")]);
        let stored = match nesting {
            Nesting::List => Value::list([element]),
            Nesting::Map => Value::map([("1", element)]),
            Nesting::Set => Value::set([element]),
            Nesting::Single => element,
        };
        let plan = |attribute: Attribute, prior: Option<Value>, other: &str| {
            let members = Members::new()
                .with(attribute)
                .with(Attribute::new("other", Type::String).required());
            let whole = |a: Value, other: &str| Value::object([("a", a), ("other", other.into())]);
            let config = whole(Value::Null, other);
            let prior = prior.map_or(Value::Null, |a| whole(a, "old"));
            let mut proposal = Proposal {
                planned: new_state(&members, &prior, &config),
                config,
                prior,
            };
            proposal.prepare(&members, &mut Diagnostics::new()).unwrap();
            proposal.planned.at(&"a".into()).cloned().unwrap()
        };
        for attribute in [nested().computed(), nested().optional().computed()] {
            let plan = |prior: Option<Value>, other| plan(attribute.clone(), prior, other);
            assert_eq!(plan(None, "new"), Value::Unknown, "{nesting:?}");
            assert_eq!(plan(Some(stored.clone()), "old"), stored, "{nesting:?}");
            assert_eq!(
                plan(Some(stored.clone()), "new"),
                Value::Unknown,
                "{nesting:?}"
            );
            assert_eq!(plan(Some(Value::Null), "old"), Value::Null, "{nesting:?}");
        }
        let kept = nested().computed().use_state_for_unknown();
        assert_eq!(plan(kept.clone(), None, "new"), Value::Unknown);
        assert_eq!(plan(kept.clone(), Some(stored.clone()), "new"), stored);
        assert_eq!(plan(kept, Some(Value::Null), "new"), Value::Null);
        let known = nested().computed().use_non_null_state_for_unknown();
        assert_eq!(plan(known.clone(), Some(stored.clone()), "new"), stored);
        assert_eq!(plan(known, Some(Value::Null), "new"), Value::Unknown);
    }
}
