//! Plan modifiers of single attributes: what must be replaced, what stays as it was.

use std::fmt;
use std::sync::Arc;

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::path::AttributePath;
use crate::value::Value;

/// A rule that looks at one attribute's change and may alter the plan.
#[derive(Clone)]
pub struct PlanModifier(Arc<Modify>);

type Modify = dyn Fn(&mut AttributeChange<'_>) + Send + Sync;

impl PlanModifier {
    /// A rule of your own.
    pub fn new(modify: impl Fn(&mut AttributeChange<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(modify))
    }

    pub(crate) fn modify(&self, change: &mut AttributeChange<'_>) {
        (self.0)(change);
    }
}

impl fmt::Debug for PlanModifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlanModifier")
    }
}

/// One attribute on its way from prior state to plan.
#[derive(Debug)]
pub struct AttributeChange<'a> {
    /// The attribute.
    pub path: &'a AttributePath,
    /// What the configuration says; may be null or unknown.
    pub config: &'a Value,
    /// What the state says; `None` when the resource, or the element around the attribute, is new.
    pub prior: Option<&'a Value>,
    /// What is planned so far.
    pub planned: &'a mut Value,
    /// True when the resource does not exist yet.
    pub creating: bool,
    pub(crate) replace: bool,
    pub(crate) diagnostics: &'a mut Diagnostics,
}

impl AttributeChange<'_> {
    /// True if the plan differs from the state of an existing resource.
    pub fn is_change(&self) -> bool {
        !self.creating && self.prior.unwrap_or(&Value::Null) != self.planned
    }

    /// Makes the change one that deletes the resource and creates a new one.
    pub fn require_replace(&mut self) {
        self.replace = true;
    }

    /// Adds a diagnostic at this attribute.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic.at(self.path));
    }
}

/// Any change of the attribute replaces the resource.
pub fn requires_replace() -> PlanModifier {
    requires_replace_if(|_| true)
}

/// A change of the attribute replaces the resource if `condition` holds.
pub fn requires_replace_if(
    condition: impl Fn(&AttributeChange<'_>) -> bool + Send + Sync + 'static,
) -> PlanModifier {
    PlanModifier::new(move |change| {
        if change.is_change() && condition(change) {
            change.require_replace();
        }
    })
}

/// A change of the attribute replaces the resource if the configuration sets the attribute: what
/// the provider computes may change in place.
pub fn requires_replace_if_configured() -> PlanModifier {
    requires_replace_if(|change| !change.config.is_null())
}

/// A computed attribute that does not change once it is set, be it to null: the plan shows the
/// prior value instead of "known after apply". In an element that is new there is no prior value.
pub fn use_state_for_unknown() -> PlanModifier {
    keep_prior(|_| true)
}

/// A computed attribute that does not change once it has a value, but may still get one while it is
/// null.
pub fn use_non_null_state_for_unknown() -> PlanModifier {
    keep_prior(|prior| !prior.is_null())
}

fn keep_prior(stays: fn(&Value) -> bool) -> PlanModifier {
    PlanModifier::new(move |change| {
        if change.creating || !change.planned.is_unknown() || change.config.is_unknown() {
            return;
        }
        if let Some(prior) = change.prior.filter(|prior| stays(prior)) {
            *change.planned = prior.clone();
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Case {
        config: Value,
        prior: Option<Value>,
        planned: Value,
        creating: bool,
    }

    /// The planned value after the modifier, and whether the resource is replaced.
    fn run(modifier: &PlanModifier, case: Case) -> (Value, bool) {
        let mut planned = case.planned;
        let mut change = AttributeChange {
            path: &"x".into(),
            config: &case.config,
            prior: case.prior.as_ref(),
            planned: &mut planned,
            creating: case.creating,
            replace: false,
            diagnostics: &mut Diagnostics::new(),
        };
        modifier.modify(&mut change);
        let replace = change.replace;
        (planned, replace)
    }

    #[test]
    fn replacement_needs_an_existing_resource_and_a_difference() {
        let case = |prior: Option<Value>, planned: Value, creating| Case {
            config: planned.clone(),
            prior,
            planned,
            creating,
        };
        for (case, replaced) in [
            (case(Some("a".into()), "b".into(), false), true),
            (case(Some("a".into()), "a".into(), false), false),
            (case(Some("a".into()), Value::Unknown, false), true),
            (case(Some("a".into()), Value::Null, false), true),
            (case(None, "b".into(), true), false),
            (case(None, "b".into(), false), true),
        ] {
            assert_eq!(run(&requires_replace(), case).1, replaced);
        }
        let set = Case {
            config: "b".into(),
            ..case(Some("a".into()), "b".into(), false)
        };
        assert!(run(&requires_replace_if_configured(), set).1);
        let computed = Case {
            config: Value::Null,
            ..case(Some("a".into()), Value::Unknown, false)
        };
        assert!(!run(&requires_replace_if_configured(), computed).1);
        let never = requires_replace_if(|_| false);
        assert!(!run(&never, case(Some("a".into()), "b".into(), false)).1);
    }

    #[test]
    fn state_stands_in_for_unknown_unless_the_configuration_is_unknown() {
        let modifier = use_state_for_unknown();
        let case = |config: Value, prior: Option<Value>, planned: Value, creating| Case {
            config,
            prior,
            planned,
            creating,
        };
        for (case, planned) in [
            (
                case(Value::Null, Some("id".into()), Value::Unknown, false),
                "id".into(),
            ),
            (
                case(Value::Null, Some(Value::Null), Value::Unknown, false),
                Value::Null,
            ),
            (
                case(Value::Null, None, Value::Unknown, true),
                Value::Unknown,
            ),
            (
                case(Value::Null, None, Value::Unknown, false),
                Value::Unknown,
            ),
            (
                case(Value::Unknown, Some("id".into()), Value::Unknown, false),
                Value::Unknown,
            ),
            (
                case("b".into(), Some("a".into()), "b".into(), false),
                "b".into(),
            ),
        ] {
            assert_eq!(run(&modifier, case), (planned, false));
        }
    }

    #[test]
    fn a_null_state_stays_open_where_only_values_are_kept() {
        let modifier = use_non_null_state_for_unknown();
        for (prior, planned) in [
            (Some("id".into()), "id".into()),
            (Some(Value::Null), Value::Unknown),
            (None, Value::Unknown),
        ] {
            let case = Case {
                config: Value::Null,
                prior,
                planned: Value::Unknown,
                creating: false,
            };
            assert_eq!(run(&modifier, case), (planned, false));
        }
    }
}
