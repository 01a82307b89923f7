//! Keeps write-only values out of plans and states, and hands them to create and update.

use super::align::{Element, each_object};
use crate::path::AttributePath;
use crate::schema::{AttributeKind, Member, Members};
use crate::value::Value;

/// Makes every write-only attribute null.
pub(crate) fn null_write_only(members: &Members, value: &mut Value) {
    if members.has_write_only() {
        replace(members, &Value::Null, value);
    }
}

/// Copies every write-only attribute from the configuration.
pub(crate) fn fill_write_only(members: &Members, config: &Value, planned: &mut Value) {
    if members.has_write_only() {
        replace(members, config, planned);
    }
}

fn replace(members: &Members, config: &Value, value: &mut Value) {
    let Value::Object(planned) = value else {
        return;
    };
    visit(
        members,
        Element {
            config,
            prior: None,
            planned,
        },
        &mut AttributePath::root(),
    );
}

fn visit(members: &Members, element: Element<'_>, path: &mut AttributePath) {
    let config = element.config.as_object().map(|object| object.values());
    for (i, (member, planned)) in members.iter().zip(element.planned.values_mut()).enumerate() {
        let config = config.map_or(&Value::Null, |values| &values[i]);
        let (nesting, inner) = match member {
            Member::Block(block) => (block.nesting, &block.members),
            Member::Attribute(attribute) if attribute.write_only => {
                planned.clone_from(config);
                continue;
            }
            Member::Attribute(attribute) => match &attribute.kind {
                AttributeKind::Nested(nesting, members) => (*nesting, members),
                AttributeKind::Type(_) => continue,
            },
        };
        each_object(
            nesting,
            config,
            None,
            planned,
            path,
            &mut |element, path| {
                visit(inner, element, path);
            },
        );
    }
}
