//! Validators of numbers. All compare exactly, whatever the number of digits.

use std::ops::{Bound, RangeBounds};

use super::{Subject, Validator, in_words, value};
use crate::path::PathExpression;
use crate::value::{Number, Value};

/// A number within `range`.
pub fn range(range: impl RangeBounds<i64> + Send + Sync + 'static) -> Validator {
    within((
        range.start_bound().cloned().map(Number::from),
        range.end_bound().cloned().map(Number::from),
    ))
}

/// A number within `range`, for bounds that are no whole numbers: `0.0..=0.5`. A bound that is
/// not a finite number is no bound.
pub fn float_range(range: impl RangeBounds<f64> + Send + Sync + 'static) -> Validator {
    let number = |bound: Bound<&f64>| match bound {
        Bound::Included(float) => {
            Number::try_from(*float).map_or(Bound::Unbounded, Bound::Included)
        }
        Bound::Excluded(float) => {
            Number::try_from(*float).map_or(Bound::Unbounded, Bound::Excluded)
        }
        Bound::Unbounded => Bound::Unbounded,
    };
    within((number(range.start_bound()), number(range.end_bound())))
}

fn within(bounds: (Bound<Number>, Bound<Number>)) -> Validator {
    value(move |value| match value.as_number() {
        Some(number) if !bounds.contains(number) => Err(format!("must be {}", in_words(&bounds))),
        _ => Ok(()),
    })
    .about(Subject::Number)
}

/// A whole number of an integer type. Integer fields of models bring this themselves.
pub(crate) fn whole<I: Into<Number>>(min: I, max: I) -> Validator {
    let bounds = min.into()..=max.into();
    value(move |value| match value.as_number() {
        Some(number) if !number.is_integer() => Err("must be a whole number".to_owned()),
        Some(number) if !bounds.contains(number) => Err(format!("must be {}", in_words(&bounds))),
        _ => Ok(()),
    })
    .about(Subject::Number)
}

/// A number that a float type of so many bits can hold, for which `holds` tells. Float fields of
/// models bring this themselves.
pub(crate) fn representable(bits: u8, holds: fn(&Number) -> bool) -> Validator {
    value(move |value| match value.as_number() {
        Some(number) if !holds(number) => {
            Err(format!("must be within the range of a {bits}-bit float"))
        }
        _ => Ok(()),
    })
    .about(Subject::Number)
}

/// A number at least as great as these attributes together.
pub fn at_least_sum_of<E: Into<PathExpression>>(addends: impl IntoIterator<Item = E>) -> Validator {
    sum_of(addends, "must be at least the sum of", |number, sum| {
        number >= sum
    })
}

/// A number at most as great as these attributes together.
pub fn at_most_sum_of<E: Into<PathExpression>>(addends: impl IntoIterator<Item = E>) -> Validator {
    sum_of(addends, "must be at most the sum of", |number, sum| {
        number <= sum
    })
}

/// A number equal to these attributes together.
pub fn equal_to_sum_of<E: Into<PathExpression>>(addends: impl IntoIterator<Item = E>) -> Validator {
    sum_of(addends, "must be the sum of", |number, sum| number == sum)
}

/// Null addends count as nothing; an unknown one postpones the rule.
fn sum_of<E: Into<PathExpression>>(
    addends: impl IntoIterator<Item = E>,
    relation: &'static str,
    holds: fn(&Number, &Number) -> bool,
) -> Validator {
    let addends: Vec<PathExpression> = addends.into_iter().map(Into::into).collect();
    let mentions = addends.clone();
    Validator {
        mentions,
        ..Validator::new(move |value, report| {
            let Some(number) = value.as_number() else {
                return;
            };
            let mut sum = Number::ZERO;
            for (_, addend) in addends.iter().flat_map(|addend| report.find(addend)) {
                match addend.inner() {
                    Value::Unknown => return,
                    Value::Number(addend) => sum = sum.plus(addend),
                    _ => {}
                }
            }
            if !holds(number, &sum) {
                let listed: Vec<String> = addends.iter().map(ToString::to_string).collect();
                let listed = listed.join(", ");
                report.refuse(format!("{relation} {listed}, which is {sum}"), value);
            }
        })
    }
    .about(Subject::Number)
}
