//! Semantic equality: values that are spelled differently and mean the same.
//!
//! A service may answer with its own spelling of what a person wrote. Where the two mean the same
//! the state keeps the prior one, for Terraform takes every other spelling for a change, and after
//! apply for a broken promise.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::schema::{AttributeKind, Member, Members, Nesting};
use crate::value::{Dynamic, Set, Value};

/// Which values of an attribute mean the same.
#[derive(Clone, Default)]
pub(crate) struct Meaning {
    whole: Option<Whole>,
    /// Of the elements of a collection.
    elements: Option<Arc<Meaning>>,
}

/// What whole values mean.
#[derive(Clone)]
struct Whole {
    same: Arc<Same>,
    /// Hashes what a value means, where that is more than a comparison.
    hash: Option<Arc<Feed>>,
}

type Same = dyn Fn(&Value, &Value) -> bool + Send + Sync;
type Feed = dyn Fn(&Value, &mut DefaultHasher) + Send + Sync;

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
            whole: Some(Whole {
                same: Arc::new(same),
                hash: None,
            }),
            ..self
        }
    }

    /// With the meaning of this key: equal ones mean the same, and what has none only itself.
    pub(crate) fn with_key<K: PartialEq + Hash>(
        self,
        key: impl Fn(&Value) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        let key = Arc::new(key);
        let hashed = Arc::clone(&key);
        let same = move |prior: &Value, new: &Value| {
            key(prior).is_some_and(|prior| key(new) == Some(prior))
        };
        let hash = move |value: &Value, state: &mut DefaultHasher| match hashed(value) {
            Some(key) => key.hash(state),
            None => value.hash(state),
        };
        Self {
            whole: Some(Whole {
                same: Arc::new(same),
                hash: Some(Arc::new(hash)),
            }),
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
        if self
            .whole
            .as_ref()
            .is_some_and(|whole| (whole.same)(prior, new))
        {
            new.clone_from(prior);
            return;
        }
        if let Some(elements) = &self.elements {
            keep_elements(prior, new, Element::Value(elements));
        }
    }

    /// Values that mean the same hash alike; where that is all a comparison can tell, all do.
    fn hash(&self, value: &Value, state: &mut DefaultHasher) {
        match (&self.whole, &self.elements) {
            (None, None) => value.hash(state),
            (None, Some(elements)) => hash_elements(value, Element::Value(elements), state),
            (Some(whole), None) => {
                if let Some(hash) = &whole.hash {
                    hash(value, state);
                }
            }
            // Either may make two values the same.
            (Some(_), Some(_)) => {}
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
        if let Member::Attribute(attribute) = member {
            attribute.meaning.keep(prior, new);
            if attribute.is_dynamic() {
                keep_type_of_null(prior, new);
            }
        }
        match objects_with_meanings(member) {
            None => {}
            Some((Nesting::Single, inner)) => keep_in_object(inner, prior, new),
            Some((_, inner)) => keep_elements(prior, new, Element::Object(inner)),
        }
    }
}

/// Models have one null, and Terraform one for each type: to it, `tostring(null)` has become something
/// else if it comes back without a type.
fn keep_type_of_null(prior: &Value, new: &mut Value) {
    if let Value::Dynamic(prior) = prior
        && !prior.value().is_known()
        && new.is_null()
    {
        *new = Dynamic::new(prior.ty().clone(), Value::Null).into();
    }
}

/// The members of the objects that a member consists of, if anything in them has a meaning.
fn objects_with_meanings(member: &Member) -> Option<(Nesting, &Members)> {
    let (nesting, members) = match member {
        Member::Block(block) => (block.nesting, &block.members),
        Member::Attribute(attribute) => match &attribute.kind {
            AttributeKind::Nested(nesting, members) => (*nesting, members),
            AttributeKind::Type(_) => return None,
        },
    };
    members.has_meanings().then_some((nesting, members))
}

/// Objects in which everything means the same hash alike.
fn hash_object(members: &Members, value: &Value, state: &mut DefaultHasher) {
    let Value::Object(object) = value else {
        return value.hash(state);
    };
    for (member, value) in members.iter().zip(object.values()) {
        let meaning = match member {
            Member::Attribute(attribute) if !attribute.meaning.is_empty() => {
                Some(&attribute.meaning)
            }
            _ => None,
        };
        match (meaning, objects_with_meanings(member)) {
            (None, None) => value.hash(state),
            (None, Some((Nesting::Single, inner))) => hash_object(inner, value, state),
            (None, Some((_, inner))) => hash_elements(value, Element::Object(inner), state),
            (Some(meaning), None) => meaning.hash(value, state),
            // Either may make two values the same.
            (Some(_), Some(_)) => {}
        }
    }
}

/// What the elements of a collection mean.
#[derive(Clone, Copy)]
enum Element<'m> {
    /// Values of this meaning.
    Value(&'m Meaning),
    /// Objects with meanings in them.
    Object(&'m Members),
}

impl Element<'_> {
    fn keep(self, prior: &Value, new: &mut Value) {
        match self {
            Self::Value(meaning) => meaning.keep(prior, new),
            Self::Object(members) => keep_in_object(members, prior, new),
        }
    }

    fn hash(self, value: &Value, state: &mut DefaultHasher) {
        match self {
            Self::Value(meaning) => meaning.hash(value, state),
            Self::Object(members) => hash_object(members, value, state),
        }
    }

    /// The same for all values that mean the same.
    fn key(self, value: &Value) -> u64 {
        let mut state = DefaultHasher::new();
        self.hash(value, &mut state);
        state.finish()
    }
}

/// Pairs elements as their collection does: by position, by key, and in sets by what they mean.
fn keep_elements(prior: &Value, new: &mut Value, element: Element<'_>) {
    match (prior, new) {
        (Value::List(prior), Value::List(new)) => {
            for (prior, new) in prior.iter().zip(new) {
                element.keep(prior, new);
            }
        }
        (Value::Map(prior), Value::Map(new)) => {
            for (key, new) in new.iter_mut() {
                if let Some(prior) = prior.get(key) {
                    element.keep(prior, new);
                }
            }
        }
        (Value::Set(prior), Value::Set(new)) => {
            *new = keep_in_set(prior, std::mem::take(new), element);
        }
        _ => {}
    }
}

fn hash_elements(value: &Value, element: Element<'_>, state: &mut DefaultHasher) {
    match value {
        Value::List(elements) => {
            for value in elements {
                element.hash(value, state);
            }
        }
        Value::Map(entries) => {
            for (key, value) in entries {
                key.hash(state);
                element.hash(value, state);
            }
        }
        // Other spellings come in another order.
        Value::Set(set) => set.elements().len().hash(state),
        other => other.hash(state),
    }
}

/// An element that means the same as a prior one becomes that, each prior one at most once.
///
/// Candidates are those that hash alike, which is about one. With an equality that cannot be hashed
/// it is all: then the search goes on behind the last one found, since both sets are sorted and
/// other spellings mostly sort alike.
fn keep_in_set(prior: &Set, new: Set, of: Element<'_>) -> Set {
    let equal: BTreeSet<&Value> = new.elements().iter().collect();
    let mut candidates: HashMap<u64, VecDeque<&Value>> = HashMap::new();
    for prior in prior.elements() {
        if !equal.contains(prior) {
            candidates
                .entry(of.key(prior))
                .or_default()
                .push_back(prior);
        }
    }
    let elements = new.into_elements().into_iter().map(|element| {
        if prior.elements().binary_search(&element).is_ok() {
            return element;
        }
        let Some(candidates) = candidates.get_mut(&of.key(&element)) else {
            return element;
        };
        let found = candidates.iter().position(|candidate| {
            let mut kept = element.clone();
            of.keep(candidate, &mut kept);
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
mod property_tests;
#[cfg(test)]
mod tests;
