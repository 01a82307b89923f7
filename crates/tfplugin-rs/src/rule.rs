//! Rules over several attributes of an object, none of which is their subject more than another.
//!
//! They are attached to models, `#[model(rule = rule::exactly_one_of(["id", "name"]))]`, and hold
//! for every object of the model: a resource, data source, provider or ephemeral resource as much
//! as a nested object. Names are attributes of the object; for others there are
//! [path expressions](crate::path). When a rule speaks, where it points and how it takes null and
//! unknown values is as in HashiCorp's validators of configurations of the same names.
//!
//! ```
//! use tfplugin_rs::{Model, rule};
//!
//! /// Where a thing is looked up.
//! #[derive(Model)]
//! #[model(rule = rule::exactly_one_of(["id", "name"]))]
//! struct Lookup {
//!     /// Its number.
//!     id: Option<u64>,
//!     /// Its name.
//!     name: Option<String>,
//! }
//! ```
//!
//! An attribute takes validators and a model takes rules; the other way round does not compile:
//!
//! ```compile_fail
//! use tfplugin_rs::{Model, rule};
//!
//! /// Where a thing is looked up.
//! #[derive(Model)]
//! struct Lookup {
//!     /// Its number.
//!     #[attr(validate = rule::exactly_one_of(["id", "name"]))]
//!     id: Option<u64>,
//!     /// Its name.
//!     name: Option<String>,
//! }
//! ```

use std::fmt;
use std::sync::Arc;

use crate::diagnostics::Diagnostic;
use crate::path::{AttributePath, PathExpression};
use crate::validate::{Report, write_only_warning};
use crate::value::Value;

/// A rule that an object as a whole must follow.
#[derive(Clone)]
pub struct Rule {
    check: Arc<Check>,
    pub(crate) mentions: Vec<PathExpression>,
}

type Check = dyn Fn(&Value, &mut Report<'_>) + Send + Sync;

impl Rule {
    /// A rule of your own. It sees every object that is not null or unknown as a whole.
    pub fn new(check: impl Fn(&Value, &mut Report<'_>) + Send + Sync + 'static) -> Self {
        Self {
            check: Arc::new(check),
            mentions: Vec::new(),
        }
    }

    pub(crate) fn check(&self, object: &Value, report: &mut Report<'_>) {
        (self.check)(object, report);
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rule")
    }
}

/// At most one of these may be set.
pub fn conflicting<E: Into<PathExpression>>(attributes: impl IntoIterator<Item = E>) -> Rule {
    over(attributes, |report, found, attributes| {
        if found.set.len() > 1 {
            let detail = format!("Only one of {} can be set.", listed(attributes));
            report.push_elsewhere(combination(detail).at(&found.set[0]));
        }
    })
}

/// Exactly one of these must be set.
pub fn exactly_one_of<E: Into<PathExpression>>(attributes: impl IntoIterator<Item = E>) -> Rule {
    over(attributes, |report, found, attributes| {
        let detail = format!("Exactly one of {} must be set.", listed(attributes));
        if found.set.len() > 1 {
            report.push_elsewhere(combination(detail).at(&found.set[0]));
        } else if found.set.is_empty() && !found.waits() {
            report.push(missing(detail));
        }
    })
}

/// At least one of these must be set.
pub fn at_least_one_of<E: Into<PathExpression>>(attributes: impl IntoIterator<Item = E>) -> Rule {
    over(attributes, |report, found, attributes| {
        if found.set.is_empty() && !found.waits() {
            let detail = format!("At least one of {} must be set.", listed(attributes));
            report.push(missing(detail));
        }
    })
}

/// Either all of these must be set or none.
pub fn required_together<E: Into<PathExpression>>(attributes: impl IntoIterator<Item = E>) -> Rule {
    over(attributes, |report, found, attributes| {
        let is_partial = !found.set.is_empty() && found.null > 0;
        if is_partial && !found.waits() {
            let detail = format!("All of {} must be set, or none.", listed(attributes));
            report.push_elsewhere(combination(detail).at(&found.set[0]));
        }
    })
}

/// Warns where `stored` is set that `write_only` would keep the value out of the state. Callers
/// that do not know write-only attributes see no warning.
pub fn prefer_write_only(
    stored: impl Into<PathExpression>,
    write_only: impl Into<PathExpression>,
) -> Rule {
    let (stored, write_only) = (stored.into(), write_only.into());
    Rule {
        mentions: vec![stored.clone(), write_only.clone()],
        ..Rule::new(move |_, report| {
            if !report.write_only_allowed() {
                return;
            }
            for (path, value) in report.find(&stored) {
                if value.is_known() {
                    report.push_elsewhere(write_only_warning(&write_only).at(path));
                }
            }
        })
    }
}

/// What became of the attributes that a rule is about.
#[derive(Default)]
struct Found {
    set: Vec<AttributePath>,
    null: usize,
    unknown: usize,
}

impl Found {
    /// True while the next round may tell more.
    fn waits(&self) -> bool {
        self.unknown > 0
    }
}

fn over<E: Into<PathExpression>>(
    attributes: impl IntoIterator<Item = E>,
    check: impl Fn(&mut Report<'_>, &Found, &[PathExpression]) + Send + Sync + 'static,
) -> Rule {
    let attributes: Vec<PathExpression> = attributes.into_iter().map(Into::into).collect();
    Rule {
        mentions: attributes.clone(),
        ..Rule::new(move |_, report| {
            let mut found = Found::default();
            for (path, value) in attributes.iter().flat_map(|a| report.find(a)) {
                match value.inner() {
                    Value::Null => found.null += 1,
                    Value::Unknown => found.unknown += 1,
                    _ => found.set.push(path),
                }
            }
            check(report, &found, &attributes);
        })
    }
}

fn combination(detail: String) -> Diagnostic {
    Diagnostic::error("Invalid combination of attributes", detail)
}

fn missing(detail: String) -> Diagnostic {
    Diagnostic::error("Missing attribute", detail)
}

fn listed(attributes: &[PathExpression]) -> String {
    let listed: Vec<String> = attributes.iter().map(|a| format!("`{a}`")).collect();
    listed.join(", ")
}

#[cfg(test)]
mod tests;
