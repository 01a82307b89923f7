//! Which elements of a set belong together: they have no names, so what they say must tell.
//!
//! An element of the configuration belongs to a planned one that says the same wherever the
//! configuration says something; an element of the state, to a planned one that differs only in what
//! is computed anew. Elements are looked up by a hash of the parts that count. Those parts are a
//! [`Shape`], and a set has about as many shapes as its elements have ways to leave something out: the
//! whole costs elements times shapes, and not elements squared.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::effort;
use crate::value::Value;

/// Which parts of a value count, and how those are arranged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Shape {
    /// Whatever it is.
    Any,
    List(Vec<Shape>),
    Map(Vec<Shape>),
    Object(Vec<Shape>),
    /// All of it.
    Whole,
}

impl Shape {
    /// What a configuration says. What it leaves null may be computed or have a default.
    fn configured(config: &Value) -> Self {
        match config {
            Value::Null => Self::Any,
            Value::List(elements) => Self::List(elements.iter().map(Self::configured).collect()),
            Value::Map(entries) => Self::Map(entries.values().map(Self::configured).collect()),
            Value::Object(object) => {
                Self::Object(object.values().iter().map(Self::configured).collect())
            }
            _ => Self::Whole,
        }
    }

    /// What a plan keeps. A value that the configuration itself does not know yet keeps nothing, for
    /// it may turn out to be any.
    fn continued(config: Option<&Value>, planned: &Value) -> Self {
        match planned {
            Value::Unknown if config.is_none_or(|config| *config == Value::Null) => Self::Any,
            Value::List(elements) => {
                let configs = config.and_then(Value::as_elements).unwrap_or_default();
                let pairs = elements.iter().enumerate();
                Self::List(
                    pairs
                        .map(|(i, planned)| Self::continued(configs.get(i), planned))
                        .collect(),
                )
            }
            Value::Object(object) => {
                let configs = config.and_then(Value::as_object);
                let configs = configs.map_or(&[][..], |object| object.values());
                let pairs = object.values().iter().enumerate();
                Self::Object(
                    pairs
                        .map(|(i, planned)| Self::continued(configs.get(i), planned))
                        .collect(),
                )
            }
            _ => Self::Whole,
        }
    }

    /// How many values count.
    fn weight(&self) -> usize {
        match self {
            Self::Any => 0,
            Self::List(parts) | Self::Map(parts) | Self::Object(parts) => {
                parts.iter().map(Self::weight).sum()
            }
            Self::Whole => 1,
        }
    }

    /// A hash of the parts of `value` that count; `None` if it is not arranged like this.
    fn key(&self, value: &Value) -> Option<u64> {
        effort::step();
        let mut state = DefaultHasher::new();
        self.feed(value, &mut state).then(|| state.finish())
    }

    fn feed(&self, value: &Value, state: &mut DefaultHasher) -> bool {
        match (self, value) {
            (Self::Any, _) => true,
            (Self::Whole, value) => {
                value.hash(state);
                true
            }
            (Self::List(parts), Value::List(elements)) => {
                parts.len() == elements.len() && feed_all(parts, elements, state)
            }
            (Self::Map(parts), Value::Map(entries)) => {
                entries.keys().for_each(|key| key.hash(state));
                parts.len() == entries.len() && feed_all(parts, entries.values(), state)
            }
            (Self::Object(parts), Value::Object(object)) => {
                parts.len() == object.values().len() && feed_all(parts, object.values(), state)
            }
            _ => false,
        }
    }

    /// True if all that counts is the same in both, which have this shape.
    fn same(&self, a: &Value, b: &Value) -> bool {
        effort::step();
        match (self, a, b) {
            (Self::Any, ..) => true,
            (Self::Whole, a, b) => a == b,
            (Self::List(parts), Value::List(a), Value::List(b)) => all_same(parts, a, b),
            (Self::Map(parts), Value::Map(a), Value::Map(b)) => {
                a.keys().eq(b.keys()) && all_same(parts, a.values(), b.values())
            }
            (Self::Object(parts), Value::Object(a), Value::Object(b)) => {
                a.names() == b.names() && all_same(parts, a.values(), b.values())
            }
            _ => false,
        }
    }
}

fn feed_all<'v>(
    parts: &[Shape],
    values: impl IntoIterator<Item = &'v Value>,
    state: &mut DefaultHasher,
) -> bool {
    let mut pairs = parts.iter().zip(values);
    pairs.all(|(part, value)| part.feed(value, state))
}

fn all_same<'v>(
    parts: &[Shape],
    a: impl IntoIterator<Item = &'v Value>,
    b: impl IntoIterator<Item = &'v Value>,
) -> bool {
    let mut pairs = parts.iter().zip(a.into_iter().zip(b));
    pairs.all(|(part, (a, b))| part.same(a, b))
}

/// Elements of a set that still have no counterpart.
struct Free<'a> {
    /// Sorted, as the elements of sets are.
    elements: &'a [Value],
    taken: Vec<bool>,
}

impl<'a> Free<'a> {
    fn new(elements: &'a [Value]) -> Self {
        Self {
            elements,
            taken: vec![false; elements.len()],
        }
    }

    /// Where an element equal to `wanted` is free.
    fn equal(&self, wanted: &Value) -> Option<usize> {
        let found = self.elements.binary_search(wanted).ok();
        found.filter(|at| !self.taken[*at])
    }

    /// The last free one of `bucket` that says what `wanted` says.
    fn last(&self, bucket: &mut Vec<usize>, shape: &Shape, wanted: &Value) -> Option<usize> {
        while bucket.last().is_some_and(|at| self.taken[*at]) {
            bucket.pop();
        }
        // The rest of the bucket matters only where hashes collide.
        let is_it = |at: &&usize| !self.taken[**at] && shape.same(&self.elements[**at], wanted);
        bucket.iter().rev().find(is_it).copied()
    }

    fn take(&mut self, at: usize) -> &'a Value {
        self.taken[at] = true;
        &self.elements[at]
    }
}

/// Elements by the hash of what counts in them, in their order.
type Buckets = HashMap<u64, Vec<usize>>;

/// The elements of a configured set.
pub(super) struct Configured<'a> {
    free: Free<'a>,
    /// Those that say most come first.
    shapes: Vec<(Shape, Buckets)>,
}

impl<'a> Configured<'a> {
    pub(super) fn new(elements: &'a [Value]) -> Self {
        let mut shapes: HashMap<Shape, Buckets> = HashMap::new();
        for (at, element) in elements.iter().enumerate() {
            let shape = Shape::configured(element);
            if let Some(key) = shape.key(element) {
                let buckets = shapes.entry(shape).or_default();
                buckets.entry(key).or_default().push(at);
            }
        }
        let mut shapes: Vec<_> = shapes.into_iter().collect();
        shapes.sort_by_key(|(shape, _)| std::cmp::Reverse(shape.weight()));
        Self {
            free: Free::new(elements),
            shapes,
        }
    }

    /// The element equal to `planned`, or else the one of which most values stand in it. Of several
    /// the last, so that the answer does not depend on hashes.
    pub(super) fn take(&mut self, planned: &Value) -> Option<&'a Value> {
        let free = &self.free;
        let mut found = free.equal(planned).map(|at| (usize::MAX, at));
        for (shape, buckets) in &mut self.shapes {
            let weight = shape.weight();
            if found.is_some_and(|(most, _)| most > weight) {
                break;
            }
            let bucket = shape.key(planned).and_then(|key| buckets.get_mut(&key));
            let at = bucket.and_then(|bucket| free.last(bucket, shape, planned));
            found = found.max(at.map(|at| (weight, at)));
        }
        found.map(|(_, at)| self.free.take(at))
    }

    /// The elements that nobody has taken.
    pub(super) fn rest(self) -> impl Iterator<Item = &'a Value> {
        let elements = self.free.elements.iter().zip(self.free.taken);
        elements
            .filter(|(_, taken)| !taken)
            .map(|(element, _)| element)
    }
}

/// The elements of a set in the state.
pub(super) struct Continued<'a> {
    free: Free<'a>,
    shapes: HashMap<Shape, Buckets>,
}

impl<'a> Continued<'a> {
    pub(super) fn new(elements: &'a [Value]) -> Self {
        Self {
            free: Free::new(elements),
            shapes: HashMap::new(),
        }
    }

    /// The element equal to `planned`, or else the last that differs only in what `config` leaves to
    /// be computed anew.
    pub(super) fn take(&mut self, config: &Value, planned: &Value) -> Option<&'a Value> {
        let elements = self.free.elements;
        if elements.is_empty() {
            return None;
        }
        if let Some(at) = self.free.equal(planned) {
            return Some(self.free.take(at));
        }
        let shape = Shape::continued(Some(config), planned);
        let key = shape.key(planned)?;
        let by_shape = |shape: &Shape| {
            let mut buckets = Buckets::new();
            for (at, element) in elements.iter().enumerate() {
                if let Some(key) = shape.key(element) {
                    buckets.entry(key).or_default().push(at);
                }
            }
            buckets
        };
        if !self.shapes.contains_key(&shape) {
            self.shapes.insert(shape.clone(), by_shape(&shape));
        }
        let bucket = self.shapes.get_mut(&shape)?.get_mut(&key)?;
        let at = self.free.last(bucket, &shape, planned)?;
        Some(self.free.take(at))
    }
}

#[cfg(test)]
#[path = "likeness_tests.rs"]
mod tests;
