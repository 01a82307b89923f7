//! The state that Terraform proposes: the configuration, with computed values taken over from the
//! prior state where the configuration says nothing.

use crate::schema::{Attribute, AttributeKind, Member, Members, Nesting};
use crate::value::{Object, Value};

static NULL: Value = Value::Null;

/// The proposal for a resource in `prior` state, null if there is none, with this `config`.
pub(crate) fn new_state(members: &Members, prior: &Value, config: &Value) -> Value {
    object(members, prior, config)
}

fn object(members: &Members, prior: &Value, config: &Value) -> Value {
    let Some(config) = config.as_object() else {
        return config.clone();
    };
    let prior = prior.as_object().map(Object::values);
    let values = config.values().iter().zip(members.iter()).enumerate();
    let proposed = values.map(|(i, (config, member))| {
        let prior = prior.map_or(&NULL, |values| &values[i]);
        match member {
            Member::Block(block) => nested(block.nesting, &block.members, prior, config),
            Member::Attribute(attribute) => value(attribute, prior, config),
        }
    });
    Value::Object(Object::new(config.names().clone(), proposed.collect()))
}

fn value(attribute: &Attribute, prior: &Value, config: &Value) -> Value {
    if attribute.computed && config.is_null() {
        // An object that was configured and is no longer leaves nothing to be kept.
        return match &attribute.kind {
            AttributeKind::Nested(nesting, members)
                if attribute.optional && was_configured(*nesting, members, prior) =>
            {
                Value::Null
            }
            _ => prior.clone(),
        };
    }
    match &attribute.kind {
        AttributeKind::Nested(nesting, members) => nested(*nesting, members, prior, config),
        AttributeKind::Type(_) => config.clone(),
    }
}

/// True if a value holds what only a configuration can have set.
fn was_configured(nesting: Nesting, members: &Members, value: &Value) -> bool {
    let one = |value: &Value| {
        value.as_object().is_some_and(|object| {
            members
                .iter()
                .zip(object.values())
                .any(|(member, value)| match member {
                    Member::Attribute(attribute) => !attribute.computed && !value.is_null(),
                    Member::Block(_) => false,
                })
        })
    };
    if nesting == Nesting::Single {
        one(value)
    } else {
        value.children().any(one)
    }
}

fn nested(nesting: Nesting, members: &Members, prior: &Value, config: &Value) -> Value {
    match (nesting, config) {
        (Nesting::Single, config) => object(members, prior, config),
        (Nesting::List, Value::List(elements)) => {
            let priors = prior.as_elements().unwrap_or_default();
            let pairs = elements.iter().enumerate();
            Value::List(
                pairs
                    .map(|(i, config)| object(members, priors.get(i).unwrap_or(&NULL), config))
                    .collect(),
            )
        }
        (Nesting::Map, Value::Map(entries)) => {
            let prior = |key: &str| prior.as_map().and_then(|map| map.get(key)).unwrap_or(&NULL);
            Value::Map(
                entries
                    .iter()
                    .map(|(key, config)| (key, object(members, prior(key), config)))
                    .collect(),
            )
        }
        (Nesting::Set, Value::Set(set)) => {
            let mut priors: Vec<&Value> = prior.as_elements().unwrap_or_default().iter().collect();
            let proposed = set.elements().iter().map(|config| {
                let like = priors
                    .iter()
                    .position(|prior| could_become(members, prior, config));
                let prior = like.map_or(&NULL, |at| priors.swap_remove(at));
                object(members, prior, config)
            });
            Value::Set(proposed.collect())
        }
        (_, config) => config.clone(),
    }
}

/// True if the element of a set differs from the configured one only in what is computed, and not in
/// a set within: Terraform does not look into those.
fn could_become(members: &Members, prior: &Value, config: &Value) -> bool {
    !differ_in_sets(prior, config) && object(members, prior, config) == *prior
}

fn differ_in_sets(prior: &Value, config: &Value) -> bool {
    match (prior, config) {
        (Value::Set(prior), Value::Set(config)) => prior != config,
        (prior, config) => prior
            .children()
            .zip(config.children())
            .any(|(prior, config)| differ_in_sets(prior, config)),
    }
}
