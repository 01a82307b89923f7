//! The pipeline as a table: configuration, prior state and proposal in, plan out.

use std::sync::Arc;

use super::*;
use crate::schema::{Attribute, Block, Member, Nesting, Schema};
use crate::value::{Object, Type};
use crate::values::Values;

/// An object of one attribute `a`, which is all most cases need.
fn one(value: impl Into<Value>) -> Value {
    Value::object([("a", value.into())])
}

fn text() -> Attribute {
    Attribute::new("a", Type::String)
}

fn members(member: impl Into<Member>) -> Members {
    Members::new().with(member)
}

/// Plans and says what is planned and whether it replaces.
fn plan(members: &Members, config: Value, prior: Value, proposed: Value) -> (Value, Vec<String>) {
    let mut proposal = Proposal {
        config,
        prior,
        planned: proposed,
    };
    let replace = proposal.prepare(members, &mut Diagnostics::new()).unwrap();
    (
        proposal.planned,
        replace.iter().map(ToString::to_string).collect(),
    )
}

struct Case {
    name: &'static str,
    attribute: Attribute,
    config: Value,
    /// `None` when the resource is new.
    prior: Option<Value>,
    proposed: Value,
    planned: Value,
    replaces: bool,
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<Case> {
    let null = || Value::Null;
    let unknown = || Value::Unknown;
    let case = |name, attribute, config: Value, prior, proposed: Value, planned: Value| Case {
        name,
        attribute,
        config,
        prior,
        proposed,
        planned,
        replaces: false,
    };
    let optional = || text().optional();
    let computed = || text().computed();
    let both = || text().optional().computed();
    let defaulted = || both().default("d");
    let kept = || both().use_state_for_unknown();
    let replacing = || text().required().replace();
    let write_only = || text().optional().write_only();
    vec![
        case(
            "create, set",
            optional(),
            "c".into(),
            None,
            "c".into(),
            "c".into(),
        ),
        case("create, null", optional(), null(), None, null(), null()),
        case(
            "create, unknown",
            optional(),
            unknown(),
            None,
            unknown(),
            unknown(),
        ),
        case(
            "create, computed",
            computed(),
            null(),
            None,
            null(),
            unknown(),
        ),
        case(
            "create, computed but set",
            both(),
            "c".into(),
            None,
            "c".into(),
            "c".into(),
        ),
        case(
            "create, computed and unset",
            both(),
            null(),
            None,
            null(),
            unknown(),
        ),
        case(
            "create, default",
            defaulted(),
            null(),
            None,
            null(),
            "d".into(),
        ),
        case(
            "create, default but set",
            defaulted(),
            "c".into(),
            None,
            "c".into(),
            "c".into(),
        ),
        case(
            "create, default but unknown",
            defaulted(),
            unknown(),
            None,
            unknown(),
            unknown(),
        ),
        case(
            "create, kept has nothing to keep",
            kept(),
            null(),
            None,
            null(),
            unknown(),
        ),
        case(
            "create, write-only",
            write_only(),
            "s".into(),
            None,
            "s".into(),
            null(),
        ),
        case(
            "create never replaces",
            replacing(),
            "c".into(),
            None,
            "c".into(),
            "c".into(),
        ),
        case(
            "same",
            optional(),
            "p".into(),
            Some("p".into()),
            "p".into(),
            "p".into(),
        ),
        case(
            "same, computed stays",
            computed(),
            null(),
            Some("p".into()),
            "p".into(),
            "p".into(),
        ),
        case(
            "update",
            optional(),
            "c".into(),
            Some("p".into()),
            "c".into(),
            "c".into(),
        ),
        case(
            "removed",
            optional(),
            null(),
            Some("p".into()),
            null(),
            null(),
        ),
        case(
            "removed, back to default",
            defaulted(),
            null(),
            Some("p".into()),
            "p".into(),
            "d".into(),
        ),
        case(
            "removed, computed stays if nothing else changes",
            both(),
            null(),
            Some("p".into()),
            "p".into(),
            "p".into(),
        ),
        case(
            "write-only is no change",
            write_only(),
            "s".into(),
            Some(null()),
            "s".into(),
            null(),
        ),
        Case {
            replaces: true,
            ..case(
                "replace",
                replacing(),
                "c".into(),
                Some("p".into()),
                "c".into(),
                "c".into(),
            )
        },
        Case {
            replaces: true,
            ..case(
                "replace, unknown",
                replacing(),
                unknown(),
                Some("p".into()),
                unknown(),
                unknown(),
            )
        },
        case(
            "replace, same",
            replacing(),
            "p".into(),
            Some("p".into()),
            "p".into(),
            "p".into(),
        ),
        case(
            "replace-if, condition fails",
            text()
                .required()
                .replace_if(|change| change.config.as_str() == Some("other")),
            "c".into(),
            Some("p".into()),
            "c".into(),
            "c".into(),
        ),
        Case {
            replaces: true,
            ..case(
                "replace-if, condition holds",
                text()
                    .required()
                    .replace_if(|change| change.config.as_str() == Some("c")),
                "c".into(),
                Some("p".into()),
                "c".into(),
                "c".into(),
            )
        },
    ]
}

#[test]
fn one_attribute_in_every_situation() {
    for case in cases() {
        let prior = case.prior.map_or(Value::Null, one);
        let (planned, replace) = plan(
            &members(case.attribute),
            one(case.config),
            prior,
            one(case.proposed),
        );
        assert_eq!(planned, one(case.planned), "{}", case.name);
        assert_eq!(!replace.is_empty(), case.replaces, "{}", case.name);
    }
}

#[test]
fn a_change_elsewhere_makes_computed_values_unknown_unless_kept() {
    let members = Members::new()
        .with(text().required())
        .with(Attribute::new("computed", Type::String).computed())
        .with(
            Attribute::new("default", Type::String)
                .optional()
                .computed()
                .default("d"),
        )
        .with(
            Attribute::new("kept", Type::String)
                .computed()
                .use_state_for_unknown(),
        )
        .with(Attribute::new("set", Type::String).optional().computed());
    let object = |a: &str, computed: Value, default: Value, kept: Value, set: &str| {
        Value::object([
            ("a", a.into()),
            ("computed", computed),
            ("default", default),
            ("kept", kept),
            ("set", set.into()),
        ])
    };
    let config = object("new", Value::Null, Value::Null, Value::Null, "s");
    let prior = object("old", "c".into(), "d".into(), "k".into(), "s");
    let proposed = object("new", "c".into(), "d".into(), "k".into(), "s");
    let (planned, _) = plan(&members, config, prior, proposed);
    assert_eq!(
        planned,
        object("new", Value::Unknown, "d".into(), "k".into(), "s")
    );
}

/// Objects of a required `k`, a default `d`, a computed `c` and a kept `s`.
fn inner() -> Members {
    Members::new()
        .with(Attribute::new("k", Type::String).required().replace())
        .with(
            Attribute::new("d", Type::String)
                .optional()
                .computed()
                .default("d"),
        )
        .with(Attribute::new("c", Type::String).computed())
        .with(
            Attribute::new("s", Type::String)
                .computed()
                .use_state_for_unknown(),
        )
}

fn element(k: &str, d: Value, c: Value, s: Value) -> Value {
    Value::object([("k", k.into()), ("d", d), ("c", c), ("s", s)])
}

fn configured(k: &str) -> Value {
    element(k, Value::Null, Value::Null, Value::Null)
}

fn stored(k: &str) -> Value {
    let s = format!("s-{k}");
    element(k, "d".into(), "c".into(), s.as_str().into())
}

fn planned_anew(k: &str) -> Value {
    element(k, "d".into(), Value::Unknown, Value::Unknown)
}

fn planned_kept(k: &str) -> Value {
    let s = format!("s-{k}");
    element(k, "d".into(), Value::Unknown, s.as_str().into())
}

/// A collection of each nesting from keys and elements.
fn collection(nesting: Nesting, elements: Vec<(&str, Value)>) -> Value {
    match nesting {
        Nesting::List => Value::list(elements.into_iter().map(|(_, e)| e)),
        Nesting::Map => Value::Map(
            elements
                .into_iter()
                .map(|(k, e)| (k.to_owned(), e))
                .collect(),
        ),
        Nesting::Set => Value::set(elements.into_iter().map(|(_, e)| e)),
        Nesting::Single => elements.into_iter().next().unwrap().1,
    }
}

#[test]
fn nested_objects_pair_up_with_their_counterparts() {
    for nesting in [Nesting::List, Nesting::Map, Nesting::Set, Nesting::Single] {
        for member in [
            Member::from(Attribute::nested("a", nesting, inner()).required()),
            Member::from(Block::new("a", nesting, inner())),
        ] {
            let single = nesting == Nesting::Single;
            let pick = |mut elements: Vec<(&'static str, Value)>| {
                elements.truncate(if single { 1 } else { 2 });
                one(collection(nesting, elements))
            };
            let config = pick(vec![("1", configured("x")), ("2", configured("y"))]);
            // Created: nothing to keep.
            let (planned, replace) = plan(
                &members(member.clone()),
                config.clone(),
                Value::Null,
                config.clone(),
            );
            let anew = pick(vec![("1", planned_anew("x")), ("2", planned_anew("y"))]);
            assert_eq!(planned, anew, "{nesting:?}");
            assert_eq!(replace, [] as [&str; 0]);
            // Nothing changed: nothing becomes unknown.
            let prior = pick(vec![("1", stored("x")), ("2", stored("y"))]);
            let (planned, _) = plan(
                &members(member.clone()),
                config.clone(),
                prior.clone(),
                prior.clone(),
            );
            assert_eq!(planned, prior, "{nesting:?}");
        }
    }
}

#[test]
fn every_kind_of_member_can_have_modifiers_of_its_own() {
    let object = || Members::new().with(Attribute::new("k", Type::String).required());
    for nesting in [Nesting::List, Nesting::Map, Nesting::Set, Nesting::Single] {
        let held = |k: &str| {
            one(collection(
                nesting,
                vec![("1", Value::object([("k", Value::from(k))]))],
            ))
        };
        for member in [
            Member::from(
                Attribute::nested("a", nesting, object())
                    .required()
                    .replace(),
            ),
            Member::from(Block::new("a", nesting, object()).replace()),
        ] {
            let members = members(member);
            let (_, replace) = plan(&members, held("new"), held("old"), held("new"));
            assert_eq!(replace, ["a"], "{nesting:?}");
            let (_, replace) = plan(&members, held("old"), held("old"), held("old"));
            assert_eq!(replace, [] as [&str; 0], "{nesting:?}");
        }
        let kept = Attribute::nested("a", nesting, object())
            .computed()
            .use_state_for_unknown();
        let other = Attribute::new("b", Type::String).optional();
        let members = Members::new().with(kept).with(other);
        let whole = |a: Value, b: &str| Value::object([("a", a), ("b", b.into())]);
        let state = held("x").as_object().unwrap().values()[0].clone();
        let (planned, _) = plan(
            &members,
            whole(Value::Null, "new"),
            whole(state.clone(), "old"),
            whole(state.clone(), "new"),
        );
        assert_eq!(planned, whole(state, "new"), "{nesting:?}");
    }
}

#[test]
fn replacement_may_depend_on_the_configuration() {
    let attribute = || text().optional().computed().replace_if_configured();
    let members = members(attribute());
    let (_, replace) = plan(&members, one("new"), one("old"), one("new"));
    assert_eq!(replace, ["a"]);
    let computed = Members::new()
        .with(attribute())
        .with(Attribute::new("b", Type::String).optional());
    let whole = |a: Value, b: &str| Value::object([("a", a), ("b", b.into())]);
    let (planned, replace) = plan(
        &computed,
        whole(Value::Null, "new"),
        whole("old".into(), "old"),
        whole("old".into(), "new"),
    );
    assert_eq!(planned, whole(Value::Unknown, "new"));
    assert_eq!(replace, [] as [&str; 0]);
}

#[test]
fn a_changed_element_replaces_and_its_siblings_keep_their_values() {
    for (nesting, path) in [
        (Nesting::List, "a[1].k"),
        (Nesting::Map, "a[\"2\"].k"),
        (Nesting::Set, "a[element].k"),
    ] {
        let members = members(Attribute::nested("a", nesting, inner()).required());
        let both = |x: Value, y: Value| one(collection(nesting, vec![("1", x), ("2", y)]));
        let config = both(configured("x"), configured("z"));
        let prior = both(stored("x"), stored("y"));
        // What Terraform proposes: in a set the changed element is a new one.
        let fresh = match nesting {
            Nesting::Set => configured("z"),
            _ => element("z", "d".into(), "c".into(), "s-y".into()),
        };
        let (planned, replace) = plan(&members, config, prior, both(stored("x"), fresh));
        let z = match nesting {
            Nesting::Set => planned_anew("z"),
            _ => element("z", "d".into(), Value::Unknown, "s-y".into()),
        };
        assert_eq!(planned, both(planned_kept("x"), z), "{nesting:?}");
        assert_eq!(replace, [path], "{nesting:?}");
    }
}

#[test]
fn set_elements_are_told_apart_by_what_is_configured() {
    let members = members(Attribute::nested("a", Nesting::Set, inner()).required());
    let set = |elements: Vec<Value>| one(Value::set(elements));
    let counted = |c: u8, stored: bool| {
        let rest = if stored { "c".into() } else { Value::Null };
        let d = Value::from(c.to_string());
        element("x", d, rest.clone(), rest)
    };
    // One leaves `d` to its default, the other sets it: neither takes the other's.
    let config = set(vec![configured("x"), counted(7, false)]);
    let (planned, _) = plan(&members, config.clone(), Value::Null, config);
    let seven = element("x", "7".into(), Value::Unknown, Value::Unknown);
    assert_eq!(planned, set(vec![planned_anew("x"), seven]));

    // Nor do they become one, as long as what is computed may tell them apart.
    let config = set(vec![
        configured("x"),
        element("x", "d".into(), Value::Null, Value::Null),
    ]);
    let (planned, _) = plan(&members, config.clone(), Value::Null, config.clone());
    assert_eq!(planned, set(vec![planned_anew("x"), planned_anew("x")]));
    let told = check_planned(&members, &config, &Value::Null, &planned);
    assert!(!told.has_error(), "{told}");

    // A name that is not known yet continues no element of the state.
    let unknown_name = |d: Value, c: Value, s: Value| {
        Value::object([("k", Value::Unknown), ("d", d), ("c", c), ("s", s)])
    };
    let config = set(vec![unknown_name(Value::Null, Value::Null, Value::Null)]);
    let prior = set(vec![stored("x")]);
    let (planned, _) = plan(&members, config.clone(), prior, config);
    let expected = unknown_name("d".into(), Value::Unknown, Value::Unknown);
    assert_eq!(planned, set(vec![expected]));
}

/// Terraform proposes for the first element what the second says in full.
#[test]
fn set_elements_that_the_proposal_has_lost_are_planned_anew() {
    let inner = Members::new()
        .with(
            Attribute::new("d", Type::String)
                .optional()
                .computed()
                .default("d"),
        )
        .with(Attribute::new("o", Type::String).optional().computed());
    let element = |d: Value, o: Value| Value::object([("d", d), ("o", o)]);
    let full = || element("a".into(), "a".into());
    let open = element(Value::Null, Value::Null);
    let anew = element("d".into(), Value::Unknown);
    let set = Attribute::nested("a", Nesting::Set, inner).required();
    let (config, prior) = (Value::set([open, full()]), Value::set([full()]));
    let (plain, whole) = (members(set.clone()), Value::set([full(), anew]));
    let (planned, _) = plan(
        &plain,
        one(config.clone()),
        one(prior.clone()),
        one(prior.clone()),
    );
    assert_eq!(planned, one(whole.clone()));
    // The same further inside, except in another set: Terraform does not look that far.
    for nesting in [Nesting::List, Nesting::Map, Nesting::Single] {
        let outer = Attribute::nested("a", nesting, members(set.clone())).required();
        let around = |inside: &Value| {
            one(match nesting {
                Nesting::Single => one(inside.clone()),
                nesting => collection(nesting, vec![("1", one(inside.clone()))]),
            })
        };
        let (config, prior) = (around(&config), around(&prior));
        let (planned, _) = plan(&members(outer), config, prior.clone(), prior);
        assert_eq!(planned, around(&whole), "{nesting:?}");
    }
}

#[test]
fn set_elements_that_a_default_makes_equal_are_one() {
    let inner = Members::new()
        .with(Attribute::new("k", Type::String).required())
        .with(
            Attribute::new("d", Type::String)
                .optional()
                .computed()
                .default("d"),
        );
    let members = members(Attribute::nested("a", Nesting::Set, inner).required());
    let element = |d: Value| Value::object([("k", "x".into()), ("d", d)]);
    let config = one(Value::set([element(Value::Null), element("d".into())]));
    let (planned, _) = plan(&members, config.clone(), Value::Null, config.clone());
    assert_eq!(planned, one(Value::set([element("d".into())])));
    let told = check_planned(&members, &config, &Value::Null, &planned);
    assert_eq!(told.iter().count(), 1, "{told}");
}

#[test]
fn computed_elements_keep_their_values_where_a_default_would_differ() {
    let inner = Members::new().with(
        Attribute::new("d", Type::String)
            .optional()
            .computed()
            .default("d"),
    );
    let members = members(
        Attribute::nested("a", Nesting::List, inner)
            .optional()
            .computed(),
    );
    let prior = one(Value::list([Value::object([("d", "computed")])]));
    let (planned, _) = plan(&members, one(Value::Null), prior.clone(), prior.clone());
    assert_eq!(planned, prior);
}

#[test]
fn write_only_values_leave_and_return_at_any_depth() {
    let secret = || Members::new().with(Attribute::new("s", Type::String).optional().write_only());
    let inside = |s: Value| Value::object([("s", s)]);
    for nesting in [Nesting::List, Nesting::Map, Nesting::Single] {
        let members = members(Attribute::nested("a", nesting, secret()).required());
        let whole = |s: Value| one(collection(nesting, vec![("1", inside(s))]));
        let mut value = whole("s3cret".into());
        null_write_only(&members, &mut value);
        assert_eq!(value, whole(Value::Null));
        fill_write_only(&members, &whole("s3cret".into()), &mut value);
        assert_eq!(value, whole("s3cret".into()));
    }
}

#[test]
fn modifiers_may_refuse() {
    let attribute = text()
        .required()
        .plan(crate::modify::PlanModifier::new(|change| {
            change.push(crate::Diagnostic::error("No", "never"));
        }));
    let mut proposal = Proposal {
        config: one("c"),
        prior: Value::Null,
        planned: one("c"),
    };
    let error = proposal
        .prepare(&members(attribute), &mut Diagnostics::new())
        .unwrap_err();
    assert_eq!(error.to_string(), "error: No (at a): never");
}

fn settled(attribute: Attribute, config: Value, prior: Value, planned: Value) -> String {
    let members = members(attribute);
    let ty = Arc::new(members.object_type());
    let values = |value| Values::new(value, Arc::clone(&ty));
    let mut plan = ResourcePlan {
        config: values(config),
        prior: values(prior),
        planned: values(planned),
        replace: vec!["a".into(), "a".into()],
    };
    let result = settle(&members, &mut plan);
    assert_eq!(plan.replace, ["a".into()]);
    result.map_or_else(|error| error.to_string(), |()| String::new())
}

#[test]
fn plans_that_break_the_rules_are_refused_with_the_attribute() {
    let refused = "error: The provider planned what the configuration does not allow (at a): ";
    let neither =
        format!("{refused}The planned value is neither the configured nor the prior one.");
    let unset = format!(
        "{refused}The configuration does not set the attribute and it is not computed, but a value \
         is planned for it."
    );
    let optional = || text().optional();
    let both = || text().optional().computed();
    for (attribute, config, prior, planned, expected) in [
        (optional(), one("c"), Value::Null, one("c"), ""),
        (optional(), one("c"), Value::Null, one("other"), &*neither),
        (optional(), one("C"), one("c"), one("c"), ""),
        (
            optional(),
            one("c"),
            Value::Null,
            one(Value::Null),
            &*neither,
        ),
        (
            optional(),
            one("c"),
            Value::Null,
            one(Value::Unknown),
            &*neither,
        ),
        (optional(), one(Value::Null), Value::Null, one("x"), &*unset),
        (
            optional(),
            one(Value::Unknown),
            Value::Null,
            one(Value::Unknown),
            "",
        ),
        (
            optional(),
            one(Value::Unknown),
            Value::Null,
            one("x"),
            &*neither,
        ),
        (both(), one(Value::Null), Value::Null, one("x"), ""),
        (both(), one("c"), Value::Null, one("x"), &*neither),
        // Write-only values are taken out, whatever the provider planned.
        (
            text().optional().write_only(),
            one("s"),
            Value::Null,
            one("s"),
            "",
        ),
    ] {
        assert_eq!(settled(attribute, config, prior, planned), expected);
    }
}

#[test]
fn elements_must_be_as_configured() {
    let refused = "error: The provider planned what the configuration does not allow (at a): The \
                   plan has other elements than the configuration.";
    for nesting in [Nesting::List, Nesting::Map, Nesting::Set] {
        for member in [
            Member::from(Attribute::nested("a", nesting, inner()).required()),
            Member::from(Block::new("a", nesting, inner())),
        ] {
            let members = members(member);
            let config = one(collection(nesting, vec![("1", configured("x"))]));
            let good = one(collection(nesting, vec![("1", planned_anew("x"))]));
            let more = vec![("1", planned_anew("x")), ("2", planned_anew("y"))];
            let bad = one(collection(nesting, more));
            let check = |planned| check_planned(&members, &config, &Value::Null, planned);
            assert_eq!(check(&good).to_string(), "", "{nesting:?}");
            assert_eq!(check(&bad).to_string(), refused, "{nesting:?}");
        }
    }
}

#[test]
fn large_sets_cost_no_square() {
    // A hundred thousand elements would take minutes if each looked at all others.
    let schema = Schema::new().with(
        Attribute::nested(
            "a",
            Nesting::Set,
            members(Attribute::new("k", Type::Number).required()),
        )
        .required(),
    );
    let elements = (0..100_000).map(|k| Value::object([("k", Value::from(k))]));
    let whole = one(Value::set(elements.collect::<Vec<_>>()));
    let (planned, _) = plan(
        schema.members(),
        whole.clone(),
        whole.clone(),
        whole.clone(),
    );
    assert_eq!(planned, whole);
    let empty = Object::nulls(&schema.object_type());
    assert_eq!(empty.values().len(), 1);
}
