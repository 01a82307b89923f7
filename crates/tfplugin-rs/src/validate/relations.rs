//! Validators that look at other attributes from the one they are attached to.
//!
//! They follow HashiCorp's validators of the same names in when they speak, where they point and
//! when they wait for unknown values. Names mean attributes of the same object; for anything else
//! there are [path expressions](crate::path).

use super::{Report, Validator};
use crate::diagnostics::Diagnostic;
use crate::path::{AttributePath, PathExpression};
use crate::value::Value;

const SUMMARY: &str = "Invalid combination of attributes";

/// If this attribute is set, none of `others` may be.
pub fn conflicts_with<E: Into<PathExpression>>(others: impl IntoIterator<Item = E>) -> Validator {
    relation(others, false, |_, report, others| {
        for (path, other) in elsewhere(report, others) {
            if other.is_unknown() {
                return;
            }
            if !other.is_null() {
                let detail = format!("{path} cannot be set together with {}.", report.path());
                report.push(Diagnostic::error(SUMMARY, detail));
            }
        }
    })
}

/// If this attribute is set, all of `others` must be.
pub fn also_requires<E: Into<PathExpression>>(others: impl IntoIterator<Item = E>) -> Validator {
    relation(others, false, |_, report, others| {
        for (path, other) in elsewhere(report, others) {
            if other.is_unknown() {
                return;
            }
            if other.is_null() {
                let detail = format!("{path} must be set, for {} is.", report.path());
                report.push(Diagnostic::error(SUMMARY, detail));
            }
        }
    })
}

/// Either this attribute or one of `others` must be set, and only one.
pub fn exactly_one_of<E: Into<PathExpression>>(others: impl IntoIterator<Item = E>) -> Validator {
    relation(others, true, |value, report, others| {
        let found = elsewhere(report, others);
        if value.is_unknown() || found.iter().any(|(_, other)| other.is_unknown()) {
            return;
        }
        let others_set = found.iter().filter(|(_, other)| !other.is_null()).count();
        let problem = match others_set + usize::from(!value.is_null()) {
            0 => "must be set, but none is",
            1 => return,
            _ => "can be set, but several are",
        };
        let detail = format!("One of {} {problem}.", listed(report, others));
        report.push(Diagnostic::error(SUMMARY, detail));
    })
}

/// This attribute or some of `others` must be set.
pub fn at_least_one_of<E: Into<PathExpression>>(others: impl IntoIterator<Item = E>) -> Validator {
    relation(others, true, |value, report, others| {
        let is_set_or_will_be = |(_, other): &(_, &Value)| !other.is_null();
        if !value.is_null() || elsewhere(report, others).iter().any(is_set_or_will_be) {
            return;
        }
        let detail = format!("At least one of {} must be set.", listed(report, others));
        report.push(Diagnostic::error(SUMMARY, detail));
    })
}

/// Warns where this attribute is set that `write_only` would keep the value out of the state.
/// Callers that do not know write-only attributes see no warning.
pub fn prefer_write_only(write_only: impl Into<PathExpression>) -> Validator {
    relation([write_only], false, |_, report, write_only| {
        if report.write_only_allowed() {
            let warning = write_only_warning(&write_only[0]);
            report.push(warning);
        }
    })
}

pub(crate) fn write_only_warning(write_only: &PathExpression) -> Diagnostic {
    let detail = format!(
        "The value of this attribute is stored in the state. Use {write_only} instead, which is not."
    );
    Diagnostic::warning("A write-only attribute is available", detail)
}

fn relation<E: Into<PathExpression>>(
    others: impl IntoIterator<Item = E>,
    sees_all: bool,
    check: impl Fn(&Value, &mut Report<'_>, &[PathExpression]) + Send + Sync + 'static,
) -> Validator {
    let others: Vec<PathExpression> = others.into_iter().map(Into::into).collect();
    Validator {
        sees_all,
        mentions: others.clone(),
        ..Validator::new(move |value, report| check(value, report, &others))
    }
}

/// All that `others` lead to, in order, except the attribute itself.
fn elsewhere<'a>(
    report: &Report<'a>,
    others: &[PathExpression],
) -> Vec<(AttributePath, &'a Value)> {
    let found = others.iter().flat_map(|other| report.find(other));
    found.filter(|(path, _)| path != report.path()).collect()
}

/// The attribute itself and `others`.
fn listed(report: &Report<'_>, others: &[PathExpression]) -> String {
    let own = report.path().to_string();
    let others = others.iter().map(ToString::to_string);
    let listed: Vec<String> = std::iter::once(own).chain(others).collect();
    listed.join(", ")
}
