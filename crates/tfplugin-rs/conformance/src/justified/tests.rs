//! For each row that tells by a value: a difference that it claims, and a near miss.

use std::collections::BTreeMap;

use tfplugin_rs::value::Type;

use super::{Exchange, claim};
use crate::answer::{Answer, Difference, Told};
use crate::call::{Call, Rpc, Slot};
use crate::schema::{Kind, World};
use crate::term::{Term, Unequal};

fn world() -> World {
    let kind = || Kind {
        version: 0,
        members: Vec::new(),
        ty: Type::Bool,
    };
    World {
        provider: kind(),
        resources: BTreeMap::new(),
        data_sources: BTreeMap::new(),
        ephemeral: BTreeMap::new(),
        actions: BTreeMap::new(),
        lists: BTreeMap::new(),
        identities: BTreeMap::new(),
        meta: kind(),
        functions: BTreeMap::new(),
    }
}

/// The row that claims the first difference of two answers to a call.
fn row(call: &Call, reference: &Answer, ours: &Answer) -> Option<&'static str> {
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

fn plan(prior: Term, config: Term) -> Call {
    Call::new(Rpc::Plan, "conform_nested")
        .with(Slot::Config, config)
        .with(Slot::Prior, prior)
}

fn answer(name: &'static str, value: Term) -> Answer {
    Answer {
        values: [(name, value)].into(),
        ..Answer::default()
    }
}

fn object(name: &str, value: Term) -> Term {
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
    const ROW: Option<&str> = Some("numbers that are no integers");
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

#[test]
fn a_default_in_a_state_is_the_declared_one_where_nothing_was() {
    const ROW: Option<&str> = Some("defaults of older states");
    let state = |value: Term| answer("state", object("int_default", value));
    let row = |text: &str, ours: &str| {
        let mut call = Call::new(Rpc::Upgrade, "conform_scalars");
        text.clone_into(&mut call.text);
        row(&call, &state(Term::Null), &state(Term::number(ours)))
    };
    assert_eq!(row("{}", "5"), ROW);
    assert_eq!(row(r#"{"int_default":null}"#, "5"), ROW);
    assert_eq!(row("{}", "6"), None);
    assert_eq!(row(r#"{"int_default":5}"#, "5"), None);
    let call = Call::new(Rpc::Read, "conform_scalars");
    let (null, five) = (state(Term::Null), state(Term::number("5")));
    assert_eq!(super::tests::row(&call, &null, &five), None);
}

#[test]
fn a_default_in_a_set_of_a_state_is_the_declared_one() {
    const ROW: Option<&str> = Some("defaults of older states");
    let set = |count: Term| {
        answer(
            "state",
            object("set", Term::Set(vec![object("count", count)])),
        )
    };
    let call = Call::new(Rpc::Upgrade, "conform_nested");
    let row = |count: &str| row(&call, &set(Term::Null), &set(Term::number(count)));
    assert_eq!(row("1"), ROW);
    assert_eq!(row("2"), None);
}
