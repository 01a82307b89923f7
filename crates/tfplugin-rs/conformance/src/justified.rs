//! The differences that are meant to be, each with its reason and with what tells it from a mistake.
//!
//! Whatever no row of this table claims fails the run, and a row that claims nothing any more is
//! reported as stale by a full run.

use crate::answer::{Answer, Difference};
use crate::call::{Call, Rpc, Slot};
use crate::proposed::proposed;
use crate::schema::World;
use crate::term::{Term, Unequal};

use self::elements::{in_a_set, kept_in_new_element};
use self::numbers::{refused_before, rounded};
use self::refused::{digits_beyond_float, element_named, inside_refused, sum_overflows};

mod elements;
mod numbers;
mod refused;
#[cfg(test)]
mod row_tests;
#[cfg(test)]
mod tests;

/// A request, and what the two providers answered.
pub(crate) struct Exchange<'a> {
    pub(crate) world: &'a World,
    pub(crate) call: &'a Call,
    pub(crate) reference: &'a Answer,
    pub(crate) ours: &'a Answer,
}

/// A difference that is meant to be.
pub(crate) struct Justified {
    /// For the report.
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
    claims: fn(&Exchange<'_>, &Difference) -> bool,
}

/// The table. The first row that claims a difference has it.
pub(crate) const TABLE: &[Justified] = &[
    Justified {
        name: "values that do not fit the schema",
        reason: "Both refuse. The reference does not say where; ours names the attribute, and \
                 leaves the state as it was.",
        claims: misfit,
    },
    Justified {
        name: "values that validation has refused",
        reason: "The reference has types for integers and floats of 32 and 64 bits, and refuses other \
                 numbers in every call. Ours refuses them in the validation that comes before every \
                 plan, and where a model converts them; these models do not.",
        claims: refused_before,
    },
    Justified {
        name: "elements that are refused",
        reason: "Both refuse. The reference names the collection, and no place at all if it is a \
                 set; ours names the element, as far as a path can.",
        claims: element_named,
    },
    Justified {
        name: "inside what is refused",
        reason: "An error of the validators of a block or of nested objects, or of their keys, keeps \
                 the reference from looking inside. Ours tells all that is wrong at once.",
        claims: inside_refused,
    },
    Justified {
        name: "digits beyond a float",
        reason: "The reference turns a number into a float before its validators see it, so that \
                 0.50000000000000000000001 is at most 0.5. Ours compares every digit.",
        claims: digits_beyond_float,
    },
    Justified {
        name: "sums beyond 64 bits",
        reason: "A sum of integers that is beyond 64 bits starts again from below in the reference. \
                 Ours is exact.",
        claims: sum_overflows,
    },
    Justified {
        name: "beside an error",
        reason: "Terraform looks at the diagnostics alone once one of them is an error, except \
                 after apply. The reference sends along what it had so far; ours sends nothing that \
                 might be taken for a result.",
        claims: beside_an_error,
    },
    Justified {
        name: "numbers above 63 bits",
        reason: "Terraform sends integers beyond 63 bits as floats where that is exact. The \
                 reference answers them with about sixteen digits right, which Terraform then calls an \
                 inconsistent result; ours answers the number it was sent.",
        claims: rounded,
    },
    Justified {
        name: "kept values of new elements",
        reason: "For an attribute that keeps its state, in an element that has none, the \
                 reference plans null, so that the provider can never set it. Ours leaves it unknown \
                 until apply, as for a new resource.",
        claims: kept_in_new_element,
    },
    Justified {
        name: "computed values in sets",
        reason: "The reference looks for the elements of a set by their value, and finds those no \
                 longer that a default or a prior value has changed: their computed attributes \
                 are planned as null or as they were. Ours pairs elements by what is configured.",
        claims: in_a_set,
    },
    Justified {
        name: "promises that apply broke",
        reason: "A state that is not what was planned, or not known, is refused by Terraform as \
                 soon as it is answered, as a bug of the provider. Ours finds it first and names the \
                 attribute; the reference leaves it to Terraform.",
        claims: broken_promise,
    },
    Justified {
        name: "private state planned for a new resource",
        reason: "The reference forgets at creation what was planned; ours hands it to the provider, \
                 as both do for changes.",
        claims: planned_private,
    },
    Justified {
        name: "types of what is null or unknown",
        reason: "A dynamic value that is null or unknown but whose type is known is just null or \
                 unknown to a typed function of ours, and to a generated configuration, which leave \
                 the type open; and what keeps its state unless that is null is free \
                 to get a value.",
        claims: unknown_of_known_type,
    },
    Justified {
        name: "bytes after a value",
        reason: "The reference does not look at them. Ours refuses the value: whoever sent it meant \
                 something else.",
        claims: trailing_bytes,
    },
    Justified {
        name: "private state of what is not there",
        reason: "A resource that a read does not find has no state, nor has an import that is put \
                 off, and Terraform drops its private state with it. The reference sends it along \
                 all the same.",
        claims: private_of_gone,
    },
    Justified {
        name: "identity of what is not there",
        reason: "A resource that is known by no identity yet and that a read does not find, or puts \
                 off, needs none. The reference refuses its own answer for want of one, so that \
                 such a resource never leaves the state.",
        claims: identity_of_gone,
    },
    Justified {
        name: "identity beside an error",
        reason: "Beside an error of apply, ours tells the identity that the resource was known by, \
                 or the one that its state has; the reference what the provider has set, even where \
                 that is what it refuses.",
        claims: identity_beside_an_error,
    },
    Justified {
        name: "identities without a value",
        reason: "An identity of which every attribute is null identifies nothing. Both refuse it \
                 after create, read and update; ours after import, upgrade and move too.",
        claims: empty_identity,
    },
    Justified {
        name: "durations",
        reason: "The reference takes durations below zero, and so timeouts that have passed before \
                 they begin. Ours takes none.",
        claims: odd_duration,
    },
    Justified {
        name: "a configuration of nothing",
        reason: "Asked to generate the configuration of a resource without a state, ours says that \
                 there is none; the reference answers null.",
        claims: nothing_to_generate,
    },
    Justified {
        name: "proposals that are none",
        reason: "A proposal that does not follow from the configuration is refused: Terraform \
                 would take the plan for a mistake of the provider. The reference plans it.",
        claims: no_proposal,
    },
];

/// The row that claims a difference.
pub(crate) fn claim(exchange: &Exchange<'_>, difference: &Difference) -> Option<&'static str> {
    let row = TABLE.iter().find(|row| (row.claims)(exchange, difference));
    row.map(|row| row.name)
}

fn both_stop(exchange: &Exchange<'_>) -> bool {
    exchange.reference.stops() && exchange.ours.stops()
}

fn says(answer: &Answer, texts: &[&str]) -> bool {
    let said = |text: &String| texts.iter().any(|wanted| text.contains(wanted));
    answer.texts.iter().any(said)
}

fn misfit(exchange: &Exchange<'_>, _: &Difference) -> bool {
    both_stop(exchange)
        && says(
            exchange.ours,
            &["Could not read ", "does not fit the schema"],
        )
}

fn beside_an_error(exchange: &Exchange<'_>, difference: &Difference) -> bool {
    exchange.call.rpc != Rpc::Apply
        && both_stop(exchange)
        && !matches!(
            difference,
            Difference::Diagnostics { .. } | Difference::FunctionError(..)
        )
}

fn broken_promise(exchange: &Exchange<'_>, _: &Difference) -> bool {
    let promises = [
        "The provider did not keep to its plan",
        "The provider left a value unknown",
    ];
    let scripts = [Term::text("apply_change"), Term::text("apply_unknown")];
    let values = exchange.call.values.iter().map(|(_, value)| value);
    let is_scripted = values
        .into_iter()
        .any(|value| scripts.contains(value.get("script")));
    // A write-only value in a plan is one that no provider can keep.
    let is_write_only = |path: &str| path.ends_with("_wo");
    let ours = &exchange.ours.diagnostics;
    exchange.call.rpc == Rpc::Apply
        && says(exchange.ours, &promises)
        && (is_scripted || ours.iter().any(|told| is_write_only(&told.path)))
}

fn planned_private(exchange: &Exchange<'_>, difference: &Difference) -> bool {
    *difference == Difference::Private
        && exchange.call.rpc == Rpc::Apply
        && exchange.call.value(Slot::Prior).is_null()
        && !exchange.call.private.is_empty()
}

fn unknown_of_known_type(exchange: &Exchange<'_>, difference: &Difference) -> bool {
    let call = exchange.call;
    let is_open = matches!(call.rpc, Rpc::CallFunction | Rpc::GenerateConfig);
    let Difference::Value(Unequal {
        path,
        reference: Term::Dynamic(known),
        ours,
    }) = difference
    else {
        return false;
    };
    match ours {
        Term::Unknown(_) if path == "planned.dynamic_valued" => known.1.is_null(),
        Term::Unknown(_) => is_open && known.1.is_unknown(),
        Term::Null => is_open && known.1.is_null(),
        _ => false,
    }
}

fn no_proposal(exchange: &Exchange<'_>, _: &Difference) -> bool {
    let call = exchange.call;
    let Some(kind) = exchange.world.resources.get(&call.subject) else {
        return false;
    };
    let (prior, config) = (call.value(Slot::Prior), call.value(Slot::Config));
    call.rpc == Rpc::Plan
        && says(
            exchange.ours,
            &["The provider planned what the configuration does not allow"],
        )
        && proposed(&kind.members, prior, config) != *call.value(Slot::Proposed)
}

fn trailing_bytes(exchange: &Exchange<'_>, _: &Difference) -> bool {
    let whole = exchange.call.values.iter().map(|(_, value)| value);
    !exchange.reference.stops()
        && says(exchange.ours, &["byte too many", "bytes too many"])
        && whole
            .into_iter()
            .any(|value| matches!(value, Term::Broken(_)))
}

fn private_of_gone(exchange: &Exchange<'_>, difference: &Difference) -> bool {
    let is_gone = |answer: &Answer| answer.values.get("state").is_none_or(Term::is_null);
    let is_put_off = |answer: &Answer| answer.deferred.is_some();
    let (reference, ours) = (exchange.reference, exchange.ours);
    *difference == Difference::Private
        && ours.private.is_empty()
        && match exchange.call.rpc {
            Rpc::Read => is_gone(reference) && is_gone(ours),
            Rpc::Import => is_put_off(reference) && is_put_off(ours),
            _ => false,
        }
}

fn identity_of_gone(exchange: &Exchange<'_>, _: &Difference) -> bool {
    let is_null = |name: &str| exchange.ours.values.get(name).is_some_and(Term::is_null);
    exchange.call.rpc == Rpc::Read
        && says(
            exchange.reference,
            &["Missing Resource Identity After Read"],
        )
        && !exchange.ours.stops()
        && (is_null("state") || exchange.ours.deferred.is_some())
        && is_null("identity")
}

fn identity_beside_an_error(exchange: &Exchange<'_>, difference: &Difference) -> bool {
    let is_identity = |path: &str| path == "identity" || path.starts_with("identity.");
    exchange.call.rpc == Rpc::Apply
        && both_stop(exchange)
        && matches!(difference, Difference::Value(place) if is_identity(&place.path))
}

fn empty_identity(exchange: &Exchange<'_>, _: &Difference) -> bool {
    matches!(
        exchange.call.rpc,
        Rpc::Import | Rpc::Move | Rpc::UpgradeIdentity
    ) && !exchange.reference.stops()
        && says(exchange.ours, &["Missing identity"])
}

fn odd_duration(exchange: &Exchange<'_>, _: &Difference) -> bool {
    let is_negative = |term: &Term| matches!(term, Term::Text(text) if text.starts_with('-'));
    let mut values = exchange.call.values.iter();
    ["conform_texts", "conform_timed"].contains(&exchange.call.subject.as_str())
        && values.any(|(_, value)| value.any(&is_negative))
}

fn nothing_to_generate(exchange: &Exchange<'_>, _: &Difference) -> bool {
    exchange.call.rpc == Rpc::GenerateConfig
        && exchange.call.value(Slot::State).is_null()
        && says(exchange.ours, &["Nothing to generate from"])
}
