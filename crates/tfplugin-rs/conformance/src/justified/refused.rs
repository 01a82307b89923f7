//! What validators of the two tell differently.

use super::{Exchange, both_stop, says};
use crate::answer::{Difference, Told};
use crate::call::{Rpc, Slot};
use crate::decimal::Decimal;
use crate::numbers::Declared;
use crate::schema::Shape;
use crate::term::Term;

fn is_validation(exchange: &Exchange<'_>) -> bool {
    exchange.call.rpc.name().starts_with("Validate")
}

/// True where all that differs is whether the collection is named or its element.
pub(super) fn element_named(exchange: &Exchange<'_>, difference: &Difference) -> bool {
    let Difference::Diagnostics { reference, ours } = difference else {
        return false;
    };
    // The reference finds no path for an element of a set.
    let is_lost = |told: &Told| {
        told.path.is_empty() && says(exchange.reference, &["Unable to Convert Attribute Path"])
    };
    let is_set = |path: &str| {
        let value = exchange.call.value(Slot::Config).at(path);
        matches!(value, Term::Set(elements) if !elements.is_empty())
    };
    let is_inside = |around: &Told, inside: &Told| {
        let rest = inside.path.strip_prefix(&around.path);
        inside.is_error == around.is_error
            && match is_lost(around) {
                true => is_set(&inside.path),
                false => rest.is_some_and(|rest| rest.starts_with('[')),
            }
    };
    is_validation(exchange)
        && both_stop(exchange)
        && !reference.is_empty()
        && reference
            .iter()
            .all(|around| ours.iter().any(|inside| is_inside(around, inside)))
        && ours
            .iter()
            .all(|inside| reference.iter().any(|around| is_inside(around, inside)))
}

/// True for what ours tells of the inside of objects that both refuse as a whole, or for their keys.
pub(super) fn inside_refused(exchange: &Exchange<'_>, difference: &Difference) -> bool {
    let Difference::Diagnostics { reference, ours } = difference else {
        return false;
    };
    let Some(kind) = exchange.world.resources.get(&exchange.call.subject) else {
        return false;
    };
    let root = |path: &str| path.split(['[', '.']).next().unwrap_or_default().to_owned();
    let has_objects = |name: &str| {
        let mut members = kind.members.iter();
        members.any(|member| member.name == name && matches!(member.shape, Shape::Nested(..)))
    };
    let refused = |name: &str| {
        let mut told = exchange.reference.diagnostics.iter();
        told.any(|told| {
            let rest = told.path.strip_prefix(name);
            told.is_error && rest.is_some_and(|rest| rest.is_empty() || rest.ends_with(']'))
        })
    };
    is_validation(exchange)
        && reference.is_empty()
        && ours.iter().all(|told| {
            let name = root(&told.path);
            name != told.path && has_objects(&name) && refused(&name)
        })
}

/// True for numbers in attributes of floats that no float is equal to.
pub(super) fn digits_beyond_float(exchange: &Exchange<'_>, difference: &Difference) -> bool {
    let beyond = |name: &str, value: &Term| {
        let declared = Declared::of(name);
        let Term::Number(number) = value else {
            return false;
        };
        let nearest = match declared {
            Declared::Float32 => nearest(number, |text| text.parse::<f32>().ok()),
            Declared::Float64 => nearest(number, |text| text.parse::<f64>().ok()),
            _ => return false,
        };
        declared.takes(number) && nearest.as_ref() != Some(number)
    };
    match difference {
        Difference::Diagnostics { reference, ours } if is_validation(exchange) => {
            let config = exchange.call.value(Slot::Config);
            let mut told = reference.iter().chain(ours);
            told.all(|told| beyond(&told.path, config.at(&told.path)))
        }
        // Whether there is an error at all follows from the one that is told.
        Difference::Stops { .. } if is_validation(exchange) => {
            let differences = exchange.reference.differences(exchange.ours);
            let mut told = differences
                .iter()
                .filter(|other| matches!(other, Difference::Diagnostics { .. }));
            told.next()
                .is_some_and(|told| digits_beyond_float(exchange, told))
        }
        _ => {
            let share = exchange.call.values.get(2).map(|(_, value)| value);
            exchange.call.rpc == Rpc::CallFunction
                && exchange.call.subject == "checked"
                && share.is_some_and(|share| beyond("float_", share))
        }
    }
}

/// The float that a number becomes, as a decimal.
fn nearest<F: std::fmt::LowerExp>(
    number: &Decimal,
    parse: fn(&str) -> Option<F>,
) -> Option<Decimal> {
    let float = parse(&format!("{number:e}"))?;
    Decimal::parse(&format!("{float:e}"))
}

/// True for what is told of a sum that 64 bits do not hold.
pub(super) fn sum_overflows(exchange: &Exchange<'_>, difference: &Difference) -> bool {
    let config = exchange.call.value(Slot::Config);
    let addend = |name: &str| match config.get(name) {
        Term::Number(number) => number.to_string().parse().unwrap_or(0_i128),
        _ => 0,
    };
    let sum = addend("int_addend_a") + addend("int_addend_b");
    let is_about_it = match difference {
        Difference::Diagnostics { reference, ours } => {
            let mut told = reference.iter().chain(ours);
            told.all(|told| told.path.starts_with("int_sum"))
        }
        Difference::Stops { .. } => true,
        _ => false,
    };
    exchange.call.rpc == Rpc::ValidateResource
        && exchange.call.subject == "conform_numbers"
        && i64::try_from(sum).is_err()
        && is_about_it
}
