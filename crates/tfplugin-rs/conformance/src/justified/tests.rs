//! For each row that tells by a value: a difference that it claims, and a near miss.

use std::collections::BTreeMap;

use tfplugin_rs::schema::Nesting;
use tfplugin_rs::value::Type;

use super::{Exchange, claim};
use crate::answer::{Answer, Difference, Told};
use crate::call::{Call, Rpc, Slot};
use crate::schema::{Kind, Member, Role, Shape, World};
use crate::term::{Term, Unequal};

pub(super) fn world() -> World {
    let kind = || Kind {
        version: 0,
        members: Vec::new(),
        ty: Type::Bool,
    };
    World {
        provider: kind(),
        resources: [("conform_thing".to_owned(), thing())].into(),
        data_sources: BTreeMap::new(),
        ephemeral: BTreeMap::new(),
        actions: BTreeMap::new(),
        lists: BTreeMap::new(),
        identities: BTreeMap::new(),
        meta: kind(),
        functions: BTreeMap::new(),
    }
}

/// A resource with a name and blocks.
fn thing() -> Kind {
    let member = |name: &str, role, shape| Member {
        name: name.to_owned(),
        shape,
        role,
    };
    let blocks = Shape::Nested(Nesting::List, Vec::new());
    Kind {
        version: 0,
        members: vec![
            member("name", Role::Optional, Shape::Plain(Type::String)),
            member("block", Role::Block, blocks),
        ],
        ty: Type::Bool,
    }
}

/// The rows that these tests are about; for the others see `row_tests`.
pub(super) const BY_VALUE: [&str; 4] = [
    "computed values in sets",
    "kept values of new elements",
    "numbers above 63 bits",
    "values that validation has refused",
];

/// The row that claims the first difference of two answers to a call.
pub(super) fn row(call: &Call, reference: &Answer, ours: &Answer) -> Option<&'static str> {
    let differences = reference.differences(ours);
    claim(
        &Exchange {
            world: &world(),
            call,
            reference,
            ours,
        },
        differences.first().expect("the answers differ"),
    )
}

pub(super) fn plan(prior: Term, config: Term) -> Call {
    Call::new(Rpc::Plan, "conform_nested")
        .with(Slot::Config, config)
        .with(Slot::Prior, prior)
}

pub(super) fn answer(name: &'static str, value: Term) -> Answer {
    Answer {
        values: [(name, value)].into(),
        ..Answer::default()
    }
}

pub(super) fn object(name: &str, value: Term) -> Term {
    Term::object([(name, value)])
}

#[test]
fn a_rounded_number_must_have_been_sent() {
    const ROW: Option<&str> = Some("numbers above 63 bits");
    let number = |text| object("number", Term::number(text));
    let sent = "12345678901234567890.5";
    let call = plan(Term::Null, number(sent));
    let rounded = answer("planned", number("12345678901234567890"));
    assert_eq!(row(&call, &rounded, &answer("planned", number(sent))), ROW);
    let other = answer("planned", number("12345678901234567890.25"));
    assert_eq!(row(&call, &rounded, &other), None);

    let mut upgrade = Call::new(Rpc::Upgrade, "conform_known");
    upgrade.text = format!("{{\"number\":{sent}}}");
    assert_eq!(
        row(&upgrade, &rounded, &answer("planned", number(sent))),
        ROW
    );
    assert_eq!(row(&upgrade, &rounded, &other), None);
}

#[test]
fn a_misfit_is_refused_where_it_is() {
    const ROW: Option<&str> = Some("values that validation has refused");
    let refused = |path: &str| Answer {
        diagnostics: vec![Told {
            is_error: true,
            path: path.to_owned(),
        }],
        ..Answer::default()
    };
    let row = |config: &Term, path: &str| {
        let call = plan(Term::Null, config.clone());
        row(&call, &refused(path), &Answer::default())
    };
    let half = object("count", Term::number("0.5"));
    let listed = object("list", Term::List(vec![half.clone()]));
    assert_eq!(row(&listed, "list[0].count"), ROW);
    assert_eq!(row(&listed, "list"), ROW);
    assert_eq!(row(&listed, "list[1].count"), None);
    assert_eq!(row(&listed, "stamp"), None);
    assert_eq!(row(&listed, ""), None);
    let in_set = object("set", Term::Set(vec![half.clone()]));
    assert_eq!(row(&in_set, ""), ROW);
    let in_map = object("map", object("k", half));
    assert_eq!(row(&in_map, "map[\"k\"].count"), ROW);
    assert_eq!(row(&object("count", Term::number("5")), "count"), None);
}

#[test]
fn what_follows_from_a_misfit_is_no_deferral() {
    let call = plan(Term::Null, object("count", Term::number("0.5")));
    let mut reference = answer("planned", Term::Null);
    reference.diagnostics.push(Told {
        is_error: true,
        path: "count".to_owned(),
    });
    let ours = answer("planned", Term::unknown());
    let claims = |difference: &Difference| {
        let exchange = Exchange {
            world: &world(),
            call: &call,
            reference: &reference,
            ours: &ours,
        };
        claim(&exchange, difference).is_some()
    };
    assert!(claims(&Difference::Stops { reference: true }));
    assert!(!claims(&Difference::Stops { reference: false }));
    assert!(claims(&Difference::Value(Unequal {
        path: "planned".to_owned(),
        reference: Term::Null,
        ours: Term::unknown(),
    })));
    assert!(!claims(&Difference::Deferred));
    assert!(!claims(&Difference::Status));
}

#[test]
fn a_kept_value_is_open_in_new_elements_only() {
    let list = |id: Term| object("list", Term::List(vec![object("id", id)]));
    let (null, open) = (
        answer("planned", list(Term::Null)),
        answer("planned", list(Term::unknown())),
    );
    let new = plan(object("list", Term::List(Vec::new())), list(Term::Null));
    assert_eq!(row(&new, &null, &open), Some("kept values of new elements"));
    let known = plan(list(Term::text("made")), list(Term::Null));
    assert_eq!(row(&known, &null, &open), None);
}

#[test]
fn a_set_is_what_is_configured_with_what_was_computed_before() {
    const ROW: Option<&str> = Some("computed values in sets");
    let element = |count: Term, id: Term| {
        Term::object([
            ("count", count),
            ("id", id),
            ("name", Term::text("a")),
            ("note", Term::Null),
            ("stamp", Term::unknown()),
        ])
    };
    let set = |count: &str, id| object("set", Term::Set(vec![element(Term::number(count), id)]));
    let prior = set("7", Term::text("made"));
    let config = object(
        "set",
        Term::Set(vec![element(Term::number("7"), Term::Null)]),
    );
    let call = plan(prior, config);
    let reference = answer("planned", set("1", Term::Null));
    let row = |count, id| row(&call, &reference, &answer("planned", set(count, id)));
    assert_eq!(row("7", Term::text("made")), ROW);
    assert_eq!(row("7", Term::unknown()), ROW);
    assert_eq!(row("8", Term::text("made")), None);
    assert_eq!(row("7", Term::text("made up")), None);
    assert_eq!(row("7", Term::Null), None);
}

#[test]
fn a_plan_without_a_change_is_the_prior_state() {
    const ROW: Option<&str> = Some("computed values in sets");
    let element = |count: &str| {
        Term::object([
            ("count", Term::number(count)),
            ("id", Term::text("made")),
            ("name", Term::text("a")),
            ("note", Term::Null),
            ("stamp", Term::number("7")),
        ])
    };
    let state = |count, other: Term| {
        Term::object([("made", other), ("set", Term::Set(vec![element(count)]))])
    };
    let prior = state("7", Term::text("before"));
    let call = plan(prior.clone(), state("7", Term::Null));
    let reference = answer("planned", state("1", Term::unknown()));
    assert_eq!(row(&call, &reference, &answer("planned", prior)), ROW);
    let other = answer("planned", state("7", Term::text("something else")));
    assert_eq!(row(&call, &reference, &other), None);
}
