//! Runs the plan modifiers of attributes.

use super::align::{Element, each_object};
use crate::diagnostics::Diagnostics;
use crate::modify::{AttributeChange, PlanModifier};
use crate::path::{AttributePath, Step};
use crate::schema::{AttributeKind, Member, Members};
use crate::value::Value;

/// Runs all modifiers, outer attributes before those nested in them. Returns the attributes whose
/// change replaces the resource.
pub(super) fn run(
    members: &Members,
    config: &Value,
    prior: &Value,
    planned: &mut Value,
    diagnostics: &mut Diagnostics,
) -> Vec<AttributePath> {
    let mut run = Run {
        creating: prior.is_null(),
        replace: Vec::new(),
        diagnostics,
    };
    if let Value::Object(planned) = planned {
        let prior = Some(prior).filter(|prior| !prior.is_null());
        run.object(
            members,
            Element {
                config,
                prior,
                planned,
            },
            &mut AttributePath::root(),
        );
    }
    run.replace
}

struct Run<'a> {
    creating: bool,
    replace: Vec<AttributePath>,
    diagnostics: &'a mut Diagnostics,
}

impl Run<'_> {
    fn object(&mut self, members: &Members, element: Element<'_>, path: &mut AttributePath) {
        let config = element.config.as_object().map(|object| object.values());
        let prior = element
            .prior
            .and_then(Value::as_object)
            .map(|object| object.values());
        for (i, (member, planned)) in members.iter().zip(element.planned.values_mut()).enumerate() {
            let (modifiers, inner) = match member {
                Member::Block(block) => (&block.modifiers, Some((block.nesting, &block.members))),
                Member::Attribute(attribute) => match &attribute.kind {
                    AttributeKind::Nested(nesting, members) => {
                        (&attribute.modifiers, Some((*nesting, members)))
                    }
                    AttributeKind::Type(_) if attribute.modifiers.is_empty() => continue,
                    AttributeKind::Type(_) => (&attribute.modifiers, None),
                },
            };
            let config = config.map_or(&Value::Null, |values| &values[i]);
            let prior = prior.map(|values| &values[i]);
            path.push(Step::Attribute(member.name().to_owned()));
            self.member(modifiers, config, prior, planned, path);
            if let Some((nesting, inner)) = inner {
                each_object(
                    nesting,
                    config,
                    prior,
                    planned,
                    path,
                    &mut |element, path| {
                        self.object(inner, element, path);
                    },
                );
            }
            path.pop();
        }
    }

    fn member(
        &mut self,
        modifiers: &[PlanModifier],
        config: &Value,
        prior: Option<&Value>,
        planned: &mut Value,
        path: &AttributePath,
    ) {
        for modifier in modifiers {
            let mut change = AttributeChange {
                path,
                config,
                prior,
                planned,
                creating: self.creating,
                replace: false,
                diagnostics: self.diagnostics,
            };
            modifier.modify(&mut change);
            if change.replace {
                self.replace.push(path.clone());
            }
        }
    }
}
