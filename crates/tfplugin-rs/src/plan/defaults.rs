//! Fills in defaults where the configuration is null.

use super::align::{Element, each_object};
use crate::path::AttributePath;
use crate::schema::{AttributeKind, Member, Members};
use crate::value::Value;

/// Puts every attribute's default where `config` has null, nested objects included.
pub(crate) fn apply_defaults(members: &Members, config: &Value, planned: &mut Value) {
    let Value::Object(planned) = planned else {
        return;
    };
    if !members.has_defaults() {
        return;
    }
    let path = &mut AttributePath::root();
    fill(
        members,
        Element {
            config,
            prior: None,
            planned,
        },
        path,
    );
}

fn fill(members: &Members, element: Element<'_>, path: &mut AttributePath) {
    let config = element.config.as_object().map(|object| object.values());
    // An element that is not from the configuration was computed; it only lacks what is null.
    let is_configured = config.is_some();
    for (i, (member, planned)) in members.iter().zip(element.planned.values_mut()).enumerate() {
        let config = config.map_or(&Value::Null, |values| &values[i]);
        let (nesting, inner) = match member {
            Member::Block(block) => (block.nesting, &block.members),
            Member::Attribute(attribute) => {
                if let Some(default) = &attribute.default
                    && config.is_null()
                    && (is_configured || planned.is_null())
                {
                    planned.clone_from(default);
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
                fill(inner, element, path);
            },
        );
    }
}
