//! Numbers that the reference rounds, and values that it has no room for.

use super::Exchange;
use crate::answer::{Difference, Told};
use crate::call::Call;
use crate::decimal::Decimal;
use crate::numbers::has_misfit;
use crate::term::{Term, Unequal};

/// True for numbers of which the reference has lost digits, and ours is what was sent.
pub(super) fn rounded(exchange: &Exchange<'_>, difference: &Difference) -> bool {
    let Difference::Value(Unequal {
        reference, ours, ..
    }) = difference
    else {
        return false;
    };
    nearly(exchange.call, reference, ours)
}

/// True if all that differs is the last digits of numbers that have more of them than a float.
fn nearly(call: &Call, reference: &Term, ours: &Term) -> bool {
    let all = |a: &[Term], b: &[Term]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| nearly(call, a, b))
    };
    match (reference, ours) {
        (Term::Number(a), Term::Number(b)) => {
            let float = |number: &Decimal| format!("{number:e}").parse().unwrap_or(f64::NAN);
            let (a_float, b_float): (f64, f64) = (float(a), float(b));
            let is_close = (a_float - b_float).abs() < b_float.abs() * 1e-15;
            a == b || (b.precision() > 17 && is_close && was_sent(call, b))
        }
        (Term::Set(a), Term::Set(b)) | (Term::List(a), Term::List(b)) => all(a, b),
        (Term::Map(a), Term::Map(b)) => {
            a.keys().eq(b.keys()) && a.values().zip(b.values()).all(|(a, b)| nearly(call, a, b))
        }
        (Term::Dynamic(a), Term::Dynamic(b)) => a.0 == b.0 && nearly(call, &a.1, &b.1),
        (a, b) => a == b,
    }
}

/// True if exactly this number is in the request, in a value or in the JSON of a stored state.
fn was_sent(call: &Call, number: &Decimal) -> bool {
    let is_same = |term: &Term| matches!(term, Term::Number(sent) if sent == number);
    let mut values = call.values.iter();
    let mut words = call
        .text
        .split(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c));
    values.any(|(_, value)| value.any(&is_same))
        || words.any(|word| Decimal::parse(word).as_ref() == Some(number))
}

/// True for what follows from the reference's refusal of a value that its type has no room for, in a
/// call that comes after validation.
pub(super) fn refused_before(exchange: &Exchange<'_>, difference: &Difference) -> bool {
    if exchange.call.rpc.name().starts_with("Validate") {
        return false;
    }
    let (reference, ours) = (exchange.reference, exchange.ours);
    let mut misfits = Vec::new();
    for (_, value) in &exchange.call.values {
        misfit_paths(value, "", false, &mut misfits);
    }
    let is_refusal = |told: &&Told| told.is_error && misfits.iter().any(|m| m.is_told_by(told));
    let is_ours = |told: &&Told| ours.diagnostics.contains(told);
    let errors = || reference.diagnostics.iter().filter(|told| told.is_error);
    if !errors().any(|told| is_refusal(&told) && !is_ours(&told)) {
        return false;
    }
    match difference {
        Difference::Diagnostics { reference, ours } => {
            // What a script says is not asked for any more once the reference has refused.
            reference.iter().all(|told| is_refusal(&told))
                && (ours.is_empty() || !exchange.call.script().is_empty())
        }
        Difference::Private
        | Difference::RequiresReplace { .. }
        | Difference::Stops { reference: true }
        | Difference::Value(_) => true,
        _ => false,
    }
}

/// Where a value is that its attribute does not take.
struct Misfit {
    path: String,
    /// The reference loses its way in sets, and then names no place.
    is_in_set: bool,
}

impl Misfit {
    /// True for a diagnostic at the misfit or at something around it.
    fn is_told_by(&self, told: &Told) -> bool {
        let place = told.path.replace("[\"", ".").replace("\"]", "");
        if place.is_empty() {
            return self.is_in_set;
        }
        let rest = self.path.strip_prefix(&place);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }
}

/// Finds all misfits of a value. Nothing inside a set has a path of its own: there it is the set's.
fn misfit_paths(term: &Term, path: &str, is_in_set: bool, found: &mut Vec<Misfit>) {
    match term {
        Term::Map(entries) => {
            for (name, value) in entries {
                let inner = match path.is_empty() {
                    _ if is_in_set => path.to_owned(),
                    true => name.clone(),
                    false => format!("{path}.{name}"),
                };
                let alone = Term::object([(name.as_str(), value.clone())]);
                if has_misfit(&alone) {
                    let path = inner.clone();
                    found.push(Misfit { path, is_in_set });
                }
                misfit_paths(value, &inner, is_in_set, found);
            }
        }
        Term::List(elements) => {
            for (i, element) in elements.iter().enumerate() {
                let inner = match is_in_set {
                    true => path.to_owned(),
                    false => format!("{path}[{i}]"),
                };
                misfit_paths(element, &inner, is_in_set, found);
            }
        }
        Term::Set(elements) => {
            for element in elements {
                misfit_paths(element, path, true, found);
            }
        }
        _ => {}
    }
}
