//! Semantic equality: values that are spelled differently and mean the same.
//!
//! A service may answer with its own spelling of what a person wrote. Where the two mean the same
//! the state keeps the prior one, for Terraform takes every other spelling for a change, and after
//! apply for a broken promise.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use crate::schema::{AttributeKind, Member, Members, Nesting};
use crate::value::{Set, Value};

/// Which values of an attribute mean the same.
#[derive(Clone, Default)]
pub(crate) struct Meaning {
    whole: Option<Arc<Same>>,
    /// Of the elements of a collection.
    elements: Option<Arc<Meaning>>,
}

type Same = dyn Fn(&Value, &Value) -> bool + Send + Sync;

impl Meaning {
    /// Of a collection of values of this meaning.
    pub(crate) fn collect(self) -> Self {
        Self {
            whole: None,
            elements: (!self.is_empty()).then(|| Arc::new(self)),
        }
    }

    /// With this meaning of the whole.
    pub(crate) fn with_whole(
        self,
        same: impl Fn(&Value, &Value) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            whole: Some(Arc::new(same)),
            ..self
        }
    }

    /// True if values mean the same only when they are equal.
    pub(crate) fn is_empty(&self) -> bool {
        self.whole.is_none() && self.elements.is_none()
    }

    /// Takes from `prior` the spelling of all in `new` that means the same.
    fn keep(&self, prior: &Value, new: &mut Value) {
        if !prior.is_known() || !new.is_known() || prior == new {
            return;
        }
        if self.whole.as_ref().is_some_and(|same| same(prior, new)) {
            new.clone_from(prior);
            return;
        }
        if let Some(elements) = &self.elements {
            keep_elements(prior, new, &|prior, new| elements.keep(prior, new));
        }
    }
}

impl fmt::Debug for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() {
            "Literal"
        } else {
            "Meaning"
        })
    }
}

/// Takes from `prior` the spelling of all in `new` that means the same, at any depth.
pub(crate) fn keep_spelling(members: &Members, prior: &Value, new: &mut Value) {
    if members.has_meanings() {
        keep_in_object(members, prior, new);
    }
}

fn keep_in_object(members: &Members, prior: &Value, new: &mut Value) {
    let (Value::Object(prior), Value::Object(new)) = (prior, new) else {
        return;
    };
    let values = prior.values().iter().zip(new.values_mut());
    for (member, (prior, new)) in members.iter().zip(values) {
        let (nesting, inner) = match member {
            Member::Block(block) => (block.nesting, &block.members),
            Member::Attribute(attribute) => {
                attribute.meaning.keep(prior, new);
                match &attribute.kind {
                    AttributeKind::Nested(nesting, members) => (*nesting, members),
                    AttributeKind::Type(_) => continue,
                }
            }
        };
        if !inner.has_meanings() {
            continue;
        }
        match nesting {
            Nesting::Single => keep_in_object(inner, prior, new),
            _ => keep_elements(prior, new, &|prior, new| keep_in_object(inner, prior, new)),
        }
    }
}

/// Pairs elements as their collection does: by position, by key, and in sets by what they mean.
fn keep_elements(prior: &Value, new: &mut Value, keep: &dyn Fn(&Value, &mut Value)) {
    match (prior, new) {
        (Value::List(prior), Value::List(new)) => {
            for (prior, new) in prior.iter().zip(new) {
                keep(prior, new);
            }
        }
        (Value::Map(prior), Value::Map(new)) => {
            for (key, new) in new.iter_mut() {
                if let Some(prior) = prior.get(key) {
                    keep(prior, new);
                }
            }
        }
        (Value::Set(prior), Value::Set(new)) => {
            *new = keep_in_set(prior, std::mem::take(new), keep);
        }
        _ => {}
    }
}

/// An element that means the same as a prior one becomes that, each prior one at most once.
///
/// Both sets are sorted and other spellings mostly sort alike, so the search goes on behind the
/// last one found: as many comparisons as elements, where every element meant something before.
fn keep_in_set(prior: &Set, new: Set, keep: &dyn Fn(&Value, &mut Value)) -> Set {
    let equal: BTreeSet<&Value> = new.elements().iter().collect();
    let mut candidates: VecDeque<&Value> = prior
        .elements()
        .iter()
        .filter(|prior| !equal.contains(prior))
        .collect();
    let elements = new.into_elements().into_iter().map(|element| {
        if prior.elements().binary_search(&element).is_ok() {
            return element;
        }
        let found = candidates.iter().position(|candidate| {
            let mut kept = element.clone();
            keep(candidate, &mut kept);
            kept == **candidate
        });
        candidates.rotate_left(found.unwrap_or(0));
        match found.and_then(|_| candidates.pop_front()) {
            Some(kept) => kept.clone(),
            None => element,
        }
    });
    elements.collect()
}

#[cfg(test)]
mod tests;
