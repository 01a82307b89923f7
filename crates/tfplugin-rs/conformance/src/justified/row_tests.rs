//! For every row that tells by the call or by what is said: a difference that it claims, and a near
//! miss.

use tfplugin_rs::value::Type;

use super::TABLE;
use super::tests::{BY_VALUE, answer, object, row};
use crate::answer::{Answer, Told};
use crate::call::{Call, Rpc, Slot};
use crate::term::Term;

/// A call, and what the reference and ours answered.
type Exchanged = (Call, Answer, Answer);

/// A row, what it claims, and what it does not.
type Case = (&'static str, Exchanged, Exchanged);

#[test]
fn every_row_claims_its_own_and_no_near_miss() {
    for (name, (call, reference, ours), (other, other_reference, other_ours)) in cases() {
        assert_eq!(row(&call, &reference, &ours), Some(name));
        let missed = row(&other, &other_reference, &other_ours);
        assert_ne!(missed, Some(name), "a near miss");
    }
}

#[test]
fn every_row_is_tested() {
    let mut tested: Vec<&str> = cases().iter().map(|(name, ..)| *name).collect();
    tested.extend(BY_VALUE);
    tested.sort_unstable();
    tested.dedup();
    let mut rows: Vec<&str> = TABLE.iter().map(|row| row.name).collect();
    rows.sort_unstable();
    assert_eq!(tested, rows);
}

fn cases() -> Vec<Case> {
    let mut cases = of_any_call();
    cases.extend(of_validation());
    cases.extend(of_plans());
    cases.extend(of_apply());
    cases.extend(of_reads());
    cases.extend(of_identities());
    cases.extend(of_the_rest());
    cases
}

/// An error in these words at this path, "" for none.
fn error(path: &str, text: &str) -> Answer {
    Answer {
        diagnostics: vec![Told {
            is_error: true,
            path: path.to_owned(),
        }],
        texts: vec![text.to_owned()],
        ..Answer::default()
    }
}

fn call(rpc: Rpc) -> Call {
    Call::new(rpc, "conform_thing")
}

fn fine() -> Answer {
    Answer::default()
}

fn with_private(answer: Answer) -> Answer {
    Answer {
        private: [("planned".to_owned(), "1".to_owned())].into(),
        ..answer
    }
}

fn deferred() -> Answer {
    Answer {
        deferred: Some(3),
        ..Answer::default()
    }
}

fn of_any_call() -> Vec<Case> {
    let read = || call(Rpc::Read);
    let broken = || call(Rpc::Plan).with(Slot::Prior, Term::Broken("trailing".to_owned()));
    let many = error("", "two bytes too many");
    vec![
        (
            "values that do not fit the schema",
            (
                read(),
                error("", ""),
                error("name", "Could not read the state"),
            ),
            (read(), error("", ""), error("name", "The name is too long")),
        ),
        (
            "beside an error",
            (call(Rpc::Plan), answer_and_error("planned"), error("", "")),
            (call(Rpc::Apply), answer_and_error("state"), error("", "")),
        ),
        (
            "bytes after a value",
            (broken(), fine(), many.clone()),
            (call(Rpc::Plan), fine(), many),
        ),
    ]
}

/// An error, and all the same a value.
fn answer_and_error(name: &'static str) -> Answer {
    Answer {
        values: [(name, Term::text("so far"))].into(),
        ..error("", "")
    }
}

fn of_validation() -> Vec<Case> {
    let validate = |subject: &str, config: Term| {
        Call::new(Rpc::ValidateResource, subject).with(Slot::Config, config)
    };
    let thing = || validate("conform_thing", Term::Null);
    let set = || validate("conform_thing", object("name", Term::Set(vec![Term::Null])));
    let lost = || error("", "Unable to Convert Attribute Path");
    let share = |text: &str| validate("conform_numbers", object("float_most", Term::number(text)));
    let sum = |a: &str| {
        let addends = [
            ("int_addend_a", Term::number(a)),
            ("int_addend_b", Term::number("1")),
        ];
        validate("conform_numbers", Term::object(addends))
    };
    let both = |second: &str| {
        let mut answer = error("block", "");
        answer.diagnostics.extend(error(second, "").diagnostics);
        answer
    };
    vec![
        (
            "elements that are refused",
            (thing(), error("name", ""), error("name[0]", "")),
            (thing(), error("name", ""), error("names[0]", "")),
        ),
        (
            "elements that are refused",
            (set(), lost(), error("name", "")),
            (thing(), lost(), error("name", "")),
        ),
        (
            "inside what is refused",
            (thing(), error("block", ""), both("block[0].name")),
            (thing(), error("block", ""), both("name[0]")),
        ),
        (
            "digits beyond a float",
            (
                share("0.50000000000000000000001"),
                fine(),
                error("float_most", ""),
            ),
            (share("0.51"), fine(), error("float_most", "")),
        ),
        (
            "sums beyond 64 bits",
            (sum("9223372036854775807"), fine(), error("int_sum", "")),
            (sum("9223372036854775806"), fine(), error("int_sum", "")),
        ),
        (
            "durations",
            (
                validate("conform_texts", object("duration", Term::text("-1h"))),
                fine(),
                error("duration", ""),
            ),
            (
                validate("conform_texts", object("duration", Term::text("1h"))),
                fine(),
                error("duration", ""),
            ),
        ),
    ]
}

fn of_plans() -> Vec<Case> {
    let proposal = |name: &str| {
        let thing = |name: &str| {
            let blocks = Term::List(Vec::new());
            Term::object([("block", blocks), ("name", Term::text(name))])
        };
        call(Rpc::Plan)
            .with(Slot::Config, thing("a"))
            .with(Slot::Proposed, thing(name))
    };
    let refused = error(
        "name",
        "The provider planned what the configuration does not allow",
    );
    vec![(
        "proposals that are none",
        (proposal("b"), fine(), refused.clone()),
        (proposal("a"), fine(), refused),
    )]
}

fn of_apply() -> Vec<Case> {
    let scripted =
        |script: &str| call(Rpc::Apply).with(Slot::Planned, object("script", Term::text(script)));
    let broken = error("name", "The provider did not keep to its plan");
    let planned = |prior: Term| {
        let mut call = call(Rpc::Apply).with(Slot::Prior, prior);
        call.private = b"{}".to_vec();
        call
    };
    vec![
        (
            "promises that apply broke",
            (scripted("apply_change"), fine(), broken.clone()),
            (scripted("apply_warn"), fine(), broken),
        ),
        (
            "private state planned for a new resource",
            (planned(Term::Null), fine(), with_private(fine())),
            (
                planned(object("name", Term::Null)),
                fine(),
                with_private(fine()),
            ),
        ),
        (
            "identity beside an error",
            (
                call(Rpc::Apply),
                error("", ""),
                Answer {
                    values: [("identity", Term::text("a"))].into(),
                    ..error("", "")
                },
            ),
            (
                call(Rpc::Apply),
                error("", ""),
                Answer {
                    values: [("state", Term::text("a"))].into(),
                    ..error("", "")
                },
            ),
        ),
    ]
}

fn of_reads() -> Vec<Case> {
    let gone = || answer("state", Term::Null);
    let there = || answer("state", object("name", Term::Null));
    let missing = || Answer {
        values: [("identity", Term::Null), ("state", Term::Null)].into(),
        ..error("", "Missing Resource Identity After Read")
    };
    let echo = |state: Term| Answer {
        values: [("identity", Term::Null), ("state", state)].into(),
        ..Answer::default()
    };
    vec![
        (
            "private state of what is not there",
            (call(Rpc::Read), with_private(gone()), gone()),
            (call(Rpc::Read), with_private(there()), there()),
        ),
        (
            "private state of what is not there",
            (call(Rpc::Import), with_private(deferred()), deferred()),
            (call(Rpc::Import), with_private(fine()), fine()),
        ),
        (
            "identity of what is not there",
            (call(Rpc::Read), missing(), echo(Term::Null)),
            (call(Rpc::Read), missing(), echo(object("name", Term::Null))),
        ),
    ]
}

fn of_identities() -> Vec<Case> {
    let refused = || error("", "Missing identity");
    vec![
        (
            "identities without a value",
            (call(Rpc::UpgradeIdentity), fine(), refused()),
            (call(Rpc::Read), fine(), refused()),
        ),
        (
            "identities without a value",
            (call(Rpc::Import), fine(), refused()),
            (call(Rpc::Import), fine(), error("", "No such thing")),
        ),
    ]
}

fn of_the_rest() -> Vec<Case> {
    let typed = |value: Term| Term::Dynamic(Box::new((Type::Bool, value)));
    let result = |value: Term| answer("result", value);
    let function = || Call::new(Rpc::CallFunction, "describe");
    let kept = |value| answer("planned", object("dynamic_valued", value));
    let nothing = || error("", "Nothing to generate from");
    let generate = |state: Term| call(Rpc::GenerateConfig).with(Slot::State, state);
    vec![
        (
            "types of what is null or unknown",
            (
                function(),
                result(typed(Term::unknown())),
                result(Term::unknown()),
            ),
            (
                function(),
                result(typed(Term::Bool(true))),
                result(Term::unknown()),
            ),
        ),
        (
            "types of what is null or unknown",
            (
                generate(Term::Null),
                answer("config", typed(Term::Null)),
                answer("config", Term::Null),
            ),
            (
                call(Rpc::Read),
                answer("state", typed(Term::Null)),
                answer("state", Term::Null),
            ),
        ),
        (
            "types of what is null or unknown",
            (
                call(Rpc::Plan),
                kept(typed(Term::Null)),
                kept(Term::unknown()),
            ),
            (
                call(Rpc::Plan),
                kept(typed(Term::Bool(true))),
                kept(Term::unknown()),
            ),
        ),
        (
            "a configuration of nothing",
            (generate(Term::Null), fine(), nothing()),
            (generate(object("name", Term::Null)), fine(), nothing()),
        ),
    ]
}
