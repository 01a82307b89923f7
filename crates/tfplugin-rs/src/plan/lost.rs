//! Elements of sets that Terraform's proposal has lost.
//!
//! For an element that leaves something to be computed, Terraform proposes the prior element that it
//! may have become. If the configuration has that very element too, the proposal holds it once, and
//! the other is missing: `[{}, {name = "a"}]` over a state of `[{name = "a"}]`.

use super::align::{Element, each_object};
use super::likeness::Configured;
use crate::path::AttributePath;
use crate::schema::{AttributeKind, Member, Members, Nesting};
use crate::value::{Set, Value};

/// Puts back, as new ones, the elements of `config` that `planned` lacks.
pub(super) fn restore_lost(members: &Members, config: &Value, planned: &mut Value) {
    let Value::Object(planned) = planned else {
        return;
    };
    if members.has_sets() {
        let element = Element {
            config,
            prior: None,
            planned,
        };
        restore(members, element, &mut AttributePath::root());
    }
}

fn restore(members: &Members, element: Element<'_>, path: &mut AttributePath) {
    let Some(config) = element.config.as_object() else {
        return;
    };
    let pairs = config.values().iter().zip(element.planned.values_mut());
    for (member, (config, planned)) in members.iter().zip(pairs) {
        let (nesting, inner) = match member {
            Member::Block(block) => (block.nesting, &block.members),
            Member::Attribute(attribute) => match &attribute.kind {
                AttributeKind::Nested(nesting, inner) => (*nesting, inner),
                AttributeKind::Type(_) => continue,
            },
        };
        if nesting == Nesting::Set {
            complete(config, planned);
        }
        if inner.has_sets() {
            each_object(
                nesting,
                config,
                None,
                planned,
                path,
                &mut |element, path| {
                    restore(inner, element, path);
                },
            );
        }
    }
}

fn complete(config: &Value, planned: &mut Value) {
    let (Value::Set(configs), Value::Set(plans)) = (config, planned) else {
        return;
    };
    if plans.elements().len() >= configs.elements().len() {
        return;
    }
    let mut free = Configured::new(configs.elements());
    for planned in plans.elements() {
        free.take(planned);
    }
    let mut elements = std::mem::take(plans).into_elements();
    elements.extend(free.rest().cloned());
    *plans = Set::unsettled(elements);
}
