//! Marks what the provider will compute as "known after apply".

use super::align::{Element, each_object};
use crate::path::AttributePath;
use crate::schema::{AttributeKind, Member, Members};
use crate::value::Value;

/// Makes every computed attribute unknown that `config` does not set and that has no default.
///
/// Attributes whose value will stay are told by a plan modifier, `use_state_for_unknown`: without
/// it a provider could not change a computed value at all, for Terraform holds it to its plan.
pub(crate) fn mark_computed(members: &Members, config: &Value, planned: &mut Value) {
    let Value::Object(planned) = planned else {
        return;
    };
    mark(
        members,
        Element {
            config,
            prior: None,
            planned,
        },
        &mut AttributePath::root(),
    );
}

fn mark(members: &Members, element: Element<'_>, path: &mut AttributePath) {
    let config = element.config.as_object().map(|object| object.values());
    for (i, (member, planned)) in members.iter().zip(element.planned.values_mut()).enumerate() {
        let config = config.map_or(&Value::Null, |values| &values[i]);
        let (nesting, inner) = match member {
            Member::Block(block) => (block.nesting, &block.members),
            Member::Attribute(attribute) => {
                if attribute.computed && attribute.default.is_none() && config.is_null() {
                    *planned = Value::Unknown;
                    continue;
                }
                match &attribute.kind {
                    AttributeKind::Nested(nesting, members) => (*nesting, members),
                    AttributeKind::Type(_) => continue,
                }
            }
        };
        each_object(
            nesting,
            config,
            None,
            planned,
            path,
            &mut |element, path| {
                mark(inner, element, path);
            },
        );
    }
}
