//! The promises between a provider and Terraform, checked before Terraform does.
//!
//! Terraform reports a broken promise as a bug of the provider, with Go syntax. Checked here, the
//! message names the attribute and says which rule it broke. Values are not repeated: they may be
//! secret.

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::path::{AttributePath, Step};
use crate::schema::{AttributeKind, Member, Members, Nesting};
use crate::value::Value;

/// A plan may differ from the configuration only where an attribute is computed and not set.
pub(crate) fn check_planned(
    members: &Members,
    config: &Value,
    prior: &Value,
    planned: &Value,
) -> Diagnostics {
    let mut check = Planned {
        diagnostics: Diagnostics::new(),
        path: AttributePath::root(),
    };
    check.object(members, config, prior, planned);
    check.diagnostics
}

struct Planned {
    diagnostics: Diagnostics,
    path: AttributePath,
}

impl Planned {
    fn refuse(&mut self, detail: &str) {
        let summary = "The provider planned what the configuration does not allow";
        self.diagnostics
            .push(Diagnostic::error(summary, detail).at(&self.path));
    }

    fn object(&mut self, members: &Members, config: &Value, prior: &Value, planned: &Value) {
        let (Some(config), Some(planned)) = (config.as_object(), planned.as_object()) else {
            return;
        };
        let prior = prior.as_object().map(|object| object.values());
        let values = config.values().iter().zip(planned.values()).enumerate();
        for (member, (i, (config, planned))) in members.iter().zip(values) {
            let prior = prior.map_or(&Value::Null, |values| &values[i]);
            // Equal to the configuration, or keeping an equivalent spelling from the state.
            if planned == config || (!config.is_null() && !prior.is_null() && planned == prior) {
                continue;
            }
            self.path.push(Step::Attribute(member.name().to_owned()));
            self.member(member, config, prior, planned);
            self.path.pop();
        }
    }

    fn member(&mut self, member: &Member, config: &Value, prior: &Value, planned: &Value) {
        match member {
            Member::Block(block) => {
                self.nested(block.nesting, &block.members, config, prior, planned);
            }
            Member::Attribute(attribute) if attribute.write_only => {}
            Member::Attribute(attribute) => match &attribute.kind {
                _ if config.is_null() && attribute.computed => {}
                _ if config.is_unknown() && planned.is_unknown() => {}
                _ if config.is_null() => self.refuse(
                    "The configuration does not set the attribute and it is not computed, but a \
                     value is planned for it.",
                ),
                AttributeKind::Nested(nesting, members) if config.is_known() => {
                    self.nested(*nesting, members, config, prior, planned);
                }
                _ => self.refuse("The planned value is neither the configured nor the prior one."),
            },
        }
    }

    fn nested(
        &mut self,
        nesting: Nesting,
        members: &Members,
        config: &Value,
        prior: &Value,
        planned: &Value,
    ) {
        match (nesting, config, planned) {
            (_, Value::Unknown, _) => {}
            (Nesting::Single, Value::Object(_), Value::Object(_)) => {
                self.object(members, config, prior, planned);
            }
            (Nesting::List, Value::List(configs), Value::List(plans))
                if configs.len() == plans.len() =>
            {
                let priors = prior.as_elements().unwrap_or_default();
                for (index, (config, planned)) in configs.iter().zip(plans).enumerate() {
                    let prior = priors.get(index).unwrap_or(&Value::Null);
                    self.step(Step::Index(index), members, config, prior, planned);
                }
            }
            (Nesting::Map, Value::Map(configs), Value::Map(plans))
                if configs.keys().eq(plans.keys()) =>
            {
                for ((key, config), planned) in configs.iter().zip(plans.values()) {
                    let prior = prior.as_map().and_then(|map| map.get(key));
                    let prior = prior.unwrap_or(&Value::Null);
                    self.step(Step::Key(key.to_owned()), members, config, prior, planned);
                }
            }
            // Elements of sets have no names by which they could be paired.
            (Nesting::Set, Value::Set(configs), Value::Set(plans))
                if configs.elements().len() == plans.elements().len() => {}
            _ => self.refuse("The plan has other elements than the configuration."),
        }
    }

    fn step(
        &mut self,
        step: Step,
        members: &Members,
        config: &Value,
        prior: &Value,
        planned: &Value,
    ) {
        self.path.push(step);
        self.object(members, config, prior, planned);
        self.path.pop();
    }
}

/// What was planned and known must come back as it was.
pub(crate) fn check_applied(planned: &Value, applied: &Value) -> Diagnostics {
    check_same(
        planned,
        applied,
        "The provider did not keep to its plan",
        "After apply the attribute has another value than was planned. This is a bug in the \
         provider: it must return planned values unchanged, and plan as unknown what it cannot \
         foresee.",
    )
}

/// What is configured must come back as it was, where there is no plan: from data sources and
/// ephemeral resources.
pub(crate) fn check_configured(configured: &Value, found: &Value, operation: &str) -> Diagnostics {
    let detail = format!(
        "After {operation} the attribute has another value than is configured. This is a bug in the \
         provider: it decides only about attributes that are computed and not set."
    );
    let summary = "The provider changed what is configured";
    check_same(configured, found, summary, &detail)
}

fn check_same(expected: &Value, found: &Value, summary: &str, detail: &str) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    compare(expected, found, &mut AttributePath::root(), &mut |path| {
        diagnostics.push(Diagnostic::error(summary, detail).at(path));
    });
    diagnostics
}

/// Calls `differs` for every place where `planned` is known and `applied` is something else.
fn compare(
    planned: &Value,
    applied: &Value,
    path: &mut AttributePath,
    differs: &mut dyn FnMut(&AttributePath),
) {
    if planned == applied {
        return;
    }
    let mut at = |step: Step, planned: &Value, applied: &Value, path: &mut AttributePath| {
        path.push(step);
        compare(planned, applied, path, differs);
        path.pop();
    };
    match (planned, applied) {
        // What is still unknown is another rule's business.
        (Value::Unknown, _) | (_, Value::Unknown) => {}
        // Terraform takes null for null, whatever type it is said to have.
        (planned, applied) if planned.is_null() && applied.is_null() => {}
        (Value::Object(planned), Value::Object(applied)) if planned.names() == applied.names() => {
            for ((name, planned), applied) in planned.iter().zip(applied.values()) {
                at(Step::Attribute(name.to_owned()), planned, applied, path);
            }
        }
        (Value::List(planned), Value::List(applied))
        | (Value::Tuple(planned), Value::Tuple(applied))
            if planned.len() == applied.len() =>
        {
            for (index, (planned, applied)) in planned.iter().zip(applied).enumerate() {
                at(Step::Index(index), planned, applied, path);
            }
        }
        (Value::Map(planned), Value::Map(applied)) if planned.keys().eq(applied.keys()) => {
            for ((key, planned), applied) in planned.iter().zip(applied.values()) {
                at(Step::Key(key.to_owned()), planned, applied, path);
            }
        }
        (Value::Set(planned), Value::Set(_))
            if !planned.elements().iter().all(Value::is_wholly_known) =>
        {
            // Unknown elements may have become equal to others, so not even the count must agree.
        }
        (Value::Dynamic(planned), Value::Dynamic(applied)) if planned.ty() == applied.ty() => {
            compare(planned.value(), applied.value(), path, differs);
        }
        (Value::Dynamic(planned), Value::Dynamic(_)) if !planned.value().is_wholly_known() => {}
        _ => differs(path),
    }
}

/// Nothing may be unknown in a state.
pub(crate) fn check_known(state: &Value, operation: &str) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    if state.is_wholly_known() {
        return diagnostics;
    }
    find_unknown(state, &mut AttributePath::root(), &mut |path| {
        diagnostics.push(
            Diagnostic::error(
                "The provider left a value unknown",
                format!(
                    "After {operation} the attribute is still unknown. This is a bug in the \
                     provider: it must set every attribute, to null if there is nothing to say."
                ),
            )
            .at(path),
        );
    });
    diagnostics
}

fn find_unknown(value: &Value, path: &mut AttributePath, found: &mut dyn FnMut(&AttributePath)) {
    let mut at = |step: Step, value: &Value, path: &mut AttributePath| {
        path.push(step);
        find_unknown(value, path, found);
        path.pop();
    };
    match value {
        Value::Unknown => found(path),
        Value::Object(object) => {
            object
                .iter()
                .for_each(|(name, v)| at(Step::Attribute(name.to_owned()), v, path));
        }
        Value::List(elements) | Value::Tuple(elements) => {
            elements
                .iter()
                .enumerate()
                .for_each(|(i, v)| at(Step::Index(i), v, path));
        }
        Value::Map(entries) => {
            entries
                .iter()
                .for_each(|(key, v)| at(Step::Key(key.to_owned()), v, path));
        }
        Value::Set(set) => {
            set.elements()
                .iter()
                .for_each(|v| at(Step::Element(v.clone()), v, path));
        }
        Value::Dynamic(dynamic) => find_unknown(dynamic.value(), path, found),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
#[path = "contract_tests.rs"]
mod tests;
