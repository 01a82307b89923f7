//! Elements of sets and lists whose computed attributes the two plan differently.

use super::{Exchange, says};
use crate::answer::Difference;
use crate::call::{Rpc, Slot};
use crate::term::{Term, Unequal};

/// Attributes inside sets that are computed or have defaults.
const COMPUTED_IN_SETS: [&str; 3] = ["count", "id", "stamp"];

/// True for an attribute that keeps its state, in an element that the prior state does not have.
pub(super) fn kept_in_new_element(exchange: &Exchange<'_>, difference: &Difference) -> bool {
    let Difference::Value(Unequal {
        path,
        reference: Term::Null,
        ours: Term::Unknown(_),
    }) = difference
    else {
        return false;
    };
    let element = path.strip_suffix(".id").or(path.strip_suffix(".kept"));
    let prior = exchange.call.value(Slot::Prior);
    exchange.call.rpc == Rpc::Plan
        && element
            .and_then(|element| element.strip_prefix("planned."))
            .is_some_and(|element| prior.at(element).is_null())
}

pub(super) fn in_a_set(exchange: &Exchange<'_>, difference: &Difference) -> bool {
    if made_equal_by_reference(exchange, difference) {
        return true;
    }
    let Difference::Value(place) = difference else {
        return false;
    };
    if exchange.call.rpc != Rpc::Plan {
        return false;
    }
    // The reference takes the plan for a change where the set alone makes it one; ours leaves
    // everything as it was.
    let prior = exchange.call.value(Slot::Prior);
    let is_called_a_change = place.reference.is_unknown()
        && place.path.strip_prefix("planned.").is_some_and(|path| *prior.at(path) == place.ours)
        && exchange
            .reference
            .differences(exchange.ours)
            .iter()
            .any(|other| matches!(other, Difference::Value(other) if is_set_as_configured(exchange, other)));
    is_called_a_change || is_set_as_configured(exchange, place)
}

/// True if the reference refuses a set whose elements it has made equal itself.
fn made_equal_by_reference(exchange: &Exchange<'_>, difference: &Difference) -> bool {
    let call = exchange.call;
    let is_left_out = match difference {
        Difference::Diagnostics { ours, .. } => ours.is_empty(),
        Difference::Stops { reference } => *reference,
        Difference::Private | Difference::RequiresReplace { .. } | Difference::Value(_) => true,
        _ => false,
    };
    let has_set = |term: &Term| matches!(term, Term::Set(elements) if elements.len() > 1);
    is_left_out
        && matches!(call.rpc, Rpc::Apply | Rpc::Plan)
        && says(exchange.reference, &["Duplicate Set Element"])
        && !exchange.ours.stops()
        && call.value(Slot::Config).any(&has_set)
}

/// True for two sets that differ only in what is computed inside, where ours is what follows from
/// the configuration.
fn is_set_as_configured(exchange: &Exchange<'_>, place: &Unequal) -> bool {
    let (Term::Set(a), Term::Set(b)) = (&place.reference, &place.ours) else {
        return false;
    };
    let Some(path) = place.path.strip_prefix("planned.") else {
        return false;
    };
    let config = exchange.call.value(Slot::Config).at(path).elements();
    let prior = exchange.call.value(Slot::Prior).at(path).elements();
    bare(a, &COMPUTED_IN_SETS) == bare(b, &COMPUTED_IN_SETS)
        && b.len() == config.len()
        && bare(b, &["id", "stamp"]) == bare(&with_defaults(config), &["id", "stamp"])
        && b.iter().all(|ours| is_as_configured(ours, config, prior))
}

/// Elements without some attributes, in an order of their own.
fn bare(elements: &[Term], without: &[&str]) -> Vec<Term> {
    let mut bare: Vec<Term> = elements.to_vec();
    for element in &mut bare {
        if let Term::Map(entries) = element {
            entries.retain(|name, _| !without.contains(&name.as_str()));
            // Plans of both say less of what is unknown than the configuration may.
            let unknown = entries.values_mut().filter(|value| value.is_unknown());
            unknown.for_each(|value| *value = Term::unknown());
        }
    }
    bare.sort_by_cached_key(ToString::to_string);
    bare
}

/// Elements with the one default that there is in sets.
fn with_defaults(elements: &[Term]) -> Vec<Term> {
    let mut filled = elements.to_vec();
    for element in &mut filled {
        if let Term::Map(entries) = element
            && let Some(count) = entries.get_mut("count")
            && count.is_null()
        {
            *count = Term::number("1");
        }
    }
    filled
}

/// True if what is computed in an element is unknown, or as it was in an element before that differs
/// from the configured one only in what is computed.
fn is_as_configured(ours: &Term, config: &[Term], prior: &[Term]) -> bool {
    let is_same = |a: &Term, b: &Term| {
        ["name", "note"]
            .iter()
            .all(|name| a.get(name) == b.get(name))
    };
    let may_be = |count: &Term, config: &Term| config.is_null() || count == config;
    let configured = || config.iter().filter(|config| is_same(config, ours));
    let before = |was: &&Term| {
        is_same(was, ours)
            && configured().any(|config| may_be(was.get("count"), config.get("count")))
    };
    ["id", "stamp"].iter().all(|name| {
        let value = ours.get(name);
        value.is_unknown()
            || prior
                .iter()
                .filter(before)
                .any(|was| was.get(name) == value)
    })
}
