//! Values as Terraform knows them: null, unknown until apply, or known.
//!
//! A [`Value`] says what it is but not all of its type (a null has none), so the codecs are given
//! the [`Type`] beside it. Equality is Terraform's: numbers compare numerically and sets without
//! regard to order.

use std::collections::BTreeMap;
use std::sync::Arc;

pub use smol_str::SmolStr;

pub use self::map::Map;
pub use self::number::{MAX_DIGITS, Number, ParseNumberError};
pub use self::ty::{MAX_DEPTH, Names, ObjectType, Type, TypeError};
use crate::path::{AttributePath, Step};

mod dynamic;
#[cfg(test)]
mod foreign_tests;
pub mod json;
mod map;
#[cfg(test)]
mod matrix_tests;
pub mod msgpack;
mod number;
#[cfg(test)]
pub(crate) mod sampling;
#[cfg(test)]
mod shape_tests;
mod ty;

pub use self::dynamic::Dynamic;

/// One value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Value {
    /// Absent.
    #[default]
    Null,
    /// Not known before apply.
    Unknown,
    /// A truth value.
    Bool(bool),
    /// An exact number.
    Number(Number),
    /// Text; short ones are held in place, and long ones shared by their clones.
    String(SmolStr),
    /// Elements in order.
    List(Vec<Value>),
    /// Distinct elements.
    Set(Set),
    /// A fixed number of elements in order.
    Tuple(Vec<Value>),
    /// Elements by key.
    Map(Map),
    /// Named attributes.
    Object(Object),
    /// A value that brings its own type, where the schema says [`Type::Dynamic`].
    Dynamic(Box<Dynamic>),
}

impl Value {
    /// A list of anything that converts.
    pub fn list<V: Into<Self>>(elements: impl IntoIterator<Item = V>) -> Self {
        Self::List(elements.into_iter().map(Into::into).collect())
    }

    /// A set of anything that converts.
    pub fn set<V: Into<Self>>(elements: impl IntoIterator<Item = V>) -> Self {
        Self::Set(elements.into_iter().map(Into::into).collect())
    }

    /// A map from string keys.
    pub fn map<K: Into<SmolStr>, V: Into<Self>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::Map(
            entries
                .into_iter()
                .map(|(k, v)| (k.into(), v.into()))
                .collect(),
        )
    }

    /// An object with these attributes.
    pub fn object<N: Into<Arc<str>>, V: Into<Self>>(
        attributes: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Self::Object(attributes.into_iter().map(|(n, v)| (n, v.into())).collect())
    }

    /// True for [`Value::Null`], also inside a dynamic.
    pub fn is_null(&self) -> bool {
        matches!(self.inner(), Self::Null)
    }

    /// True for [`Value::Unknown`], also inside a dynamic.
    pub fn is_unknown(&self) -> bool {
        matches!(self.inner(), Self::Unknown)
    }

    /// True when neither null nor unknown at the top.
    pub fn is_known(&self) -> bool {
        !matches!(self.inner(), Self::Null | Self::Unknown)
    }

    /// True when nothing inside is unknown.
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::Dynamic(dynamic) => dynamic.value().is_wholly_known(),
            other => other.children().all(Self::is_wholly_known),
        }
    }

    /// The value itself, or what a dynamic carries.
    pub fn inner(&self) -> &Self {
        match self {
            Self::Dynamic(dynamic) => dynamic.value(),
            other => other,
        }
    }

    /// The text of a known string.
    pub fn as_str(&self) -> Option<&str> {
        match self.inner() {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth of a known bool.
    pub fn as_bool(&self) -> Option<bool> {
        match self.inner() {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// A known number.
    pub fn as_number(&self) -> Option<&Number> {
        match self.inner() {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The elements of a known list, set or tuple.
    pub fn as_elements(&self) -> Option<&[Self]> {
        match self.inner() {
            Self::List(elements) | Self::Tuple(elements) => Some(elements),
            Self::Set(set) => Some(&set.0),
            _ => None,
        }
    }

    /// The entries of a known map.
    pub fn as_map(&self) -> Option<&Map> {
        match self.inner() {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// A known object.
    pub fn as_object(&self) -> Option<&Object> {
        match self.inner() {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// What the value is, for messages: "a string", "null".
    pub fn kind(&self) -> &'static str {
        match self.inner() {
            Self::Null => "null",
            Self::Unknown => "an unknown value",
            Self::Bool(_) => "a bool",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Set(_) => "a set",
            Self::Tuple(_) => "a tuple",
            Self::Map(_) => "a map",
            Self::Object(_) => "an object",
            // A dynamic never wraps another: its constructor takes it apart.
            Self::Dynamic(_) => "a dynamic value",
        }
    }

    /// Direct children, in order; none for a dynamic.
    pub(crate) fn children(&self) -> impl Iterator<Item = &Self> {
        let (elements, entries): (&[Self], Option<&Map>) = match self {
            Self::List(elements) | Self::Tuple(elements) => (elements, None),
            Self::Set(set) => (&set.0, None),
            Self::Object(object) => (&object.values, None),
            Self::Map(entries) => (&[], Some(entries)),
            _ => (&[], None),
        };
        elements
            .iter()
            .chain(entries.into_iter().flat_map(Map::values))
    }

    /// The value at `path`, if the path leads anywhere.
    pub fn at(&self, path: &AttributePath) -> Option<&Self> {
        path.steps()
            .iter()
            .try_fold(self, |value, step| value.step(step))
    }

    pub(crate) fn step(&self, step: &Step) -> Option<&Self> {
        match (self.inner(), step) {
            (Self::Object(object), Step::Attribute(name)) => object.get(name),
            (Self::Map(entries), Step::Key(key)) => entries.get(key),
            (Self::List(elements) | Self::Tuple(elements), Step::Index(index)) => {
                elements.get(*index)
            }
            (Self::Set(set), Step::Element(element)) => set.0.iter().find(|e| *e == element),
            _ => None,
        }
    }

    /// Replaces the value at `path`. False if the path leads nowhere; a map key is added when
    /// only the last step is missing.
    pub fn set_at(&mut self, path: &AttributePath, new: Self) -> bool {
        self.set_steps(path.steps(), new)
    }

    fn set_steps(&mut self, steps: &[Step], new: Self) -> bool {
        let Some((step, rest)) = steps.split_first() else {
            *self = new;
            return true;
        };
        let child = match (self, step) {
            (Self::Object(object), Step::Attribute(name)) => object.get_mut(name),
            (Self::Map(entries), Step::Key(key)) if rest.is_empty() => {
                entries.insert(key.clone(), new);
                return true;
            }
            (Self::Map(entries), Step::Key(key)) => entries.get_mut(key),
            (Self::List(elements) | Self::Tuple(elements), Step::Index(index)) => {
                elements.get_mut(*index)
            }
            (Self::Set(set), Step::Element(element)) => {
                let Some(at) = set.0.iter().position(|e| e == element) else {
                    return false;
                };
                let mut changed = set.0[at].clone();
                if !changed.set_steps(rest, new) {
                    return false;
                }
                set.replace(at, changed);
                return true;
            }
            _ => None,
        };
        child.is_some_and(|child| child.set_steps(rest, new))
    }

    /// With every unknown inside replaced by null, as a failed apply saves its state.
    #[must_use]
    pub fn unknown_as_null(self) -> Self {
        let each = |elements: Vec<Self>| elements.into_iter().map(Self::unknown_as_null).collect();
        match self {
            Self::Unknown => Self::Null,
            Self::List(elements) => Self::List(each(elements)),
            Self::Tuple(elements) => Self::Tuple(each(elements)),
            Self::Set(set) => Self::Set(set.0.into_iter().map(Self::unknown_as_null).collect()),
            Self::Map(entries) => Self::Map(
                entries
                    .into_iter()
                    .map(|(k, v)| (k, v.unknown_as_null()))
                    .collect(),
            ),
            Self::Object(object) => Self::Object(Object {
                names: object.names,
                values: each(object.values),
            }),
            Self::Dynamic(dynamic) => (*dynamic).map(Self::unknown_as_null),
            known => known,
        }
    }

    /// Leaves one of those elements of sets that have become equal while they were worked on.
    pub(crate) fn settle_sets(&mut self) {
        match self {
            Self::List(elements) => elements.iter_mut().for_each(Self::settle_sets),
            Self::Set(set) => {
                set.0.iter_mut().for_each(Self::settle_sets);
                *set = std::mem::take(&mut set.0).into_iter().collect();
            }
            Self::Map(entries) => entries.iter_mut().for_each(|(_, v)| v.settle_sets()),
            Self::Object(object) => object.values.iter_mut().for_each(Self::settle_sets),
            // Objects with attributes of their own are in no others.
            _ => {}
        }
    }

    /// True if the value can stand where `ty` is asked for.
    pub fn fits(&self, ty: &Type) -> bool {
        match (self, ty) {
            (Self::Null | Self::Unknown, _)
            | (Self::Bool(_), Type::Bool)
            | (Self::Number(_), Type::Number)
            | (Self::String(_), Type::String) => true,
            (Self::Dynamic(dynamic), Type::Dynamic) => dynamic.value().fits(dynamic.ty()),
            (Self::List(elements), Type::List(ty)) => elements.iter().all(|e| e.fits(ty)),
            (Self::Set(set), Type::Set(ty)) => set.0.iter().all(|e| e.fits(ty)),
            (Self::Map(entries), Type::Map(ty)) => entries.values().all(|e| e.fits(ty)),
            (Self::Tuple(elements), Type::Tuple(types)) => {
                elements.len() == types.len()
                    && elements.iter().zip(types.iter()).all(|(e, ty)| e.fits(ty))
            }
            (Self::Object(object), Type::Object(ty)) => {
                object.names == *ty.names()
                    && object
                        .values
                        .iter()
                        .zip(ty.types())
                        .all(|(v, ty)| v.fits(ty))
            }
            _ => false,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(option: Option<T>) -> Self {
        option.map_or(Self::Null, Into::into)
    }
}

macro_rules! from_integer {
    ($($int:ty),*) => {$(
        impl From<$int> for Value {
            fn from(int: $int) -> Self {
                Self::Number(int.into())
            }
        }
    )*};
}
from_integer!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

/// Distinct elements, kept sorted so that equal sets are equal values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Set(Vec<Value>);

impl Set {
    /// The elements, in an order of no meaning.
    pub fn elements(&self) -> &[Value] {
        &self.0
    }

    /// The elements, in an order of no meaning.
    pub fn into_elements(self) -> Vec<Value> {
        self.0
    }

    /// With all of these elements, even if some are the same for now.
    pub(crate) fn unsettled(mut elements: Vec<Value>) -> Self {
        elements.sort_unstable();
        Self(elements)
    }

    fn replace(&mut self, at: usize, element: Value) {
        self.0[at] = element;
        *self = std::mem::take(&mut self.0).into_iter().collect();
    }
}

impl FromIterator<Value> for Set {
    fn from_iter<I: IntoIterator<Item = Value>>(elements: I) -> Self {
        let mut elements: Vec<Value> = elements.into_iter().collect();
        elements.sort_unstable();
        // Two elements with unknown parts may turn out different, so both stay.
        elements.dedup_by(|a, b| a == b && a.is_wholly_known());
        Self(elements)
    }
}

/// The attributes of an object value, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    names: Names,
    values: Vec<Value>,
}

impl Object {
    /// From sorted names and as many values in their order.
    ///
    /// # Panics
    /// If the counts differ: the caller paired them wrongly.
    pub fn new(names: Names, values: Vec<Value>) -> Self {
        assert_eq!(names.len(), values.len(), "as many values as names");
        Self { names, values }
    }

    /// All attributes of `ty`, each null.
    pub fn nulls(ty: &ObjectType) -> Self {
        Self {
            names: ty.names().clone(),
            values: vec![Value::Null; ty.names().len()],
        }
    }

    /// The attribute names, sorted.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The values, in the order of the names.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The values, in the order of the names.
    pub fn values_mut(&mut self) -> &mut [Value] {
        &mut self.values
    }

    /// The values, in the order of the names.
    pub fn into_values(self) -> Vec<Value> {
        self.values
    }

    /// The value of one attribute.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.names.position(name).map(|index| &self.values[index])
    }

    /// The value of one attribute.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.names
            .position(name)
            .map(|index| &mut self.values[index])
    }

    /// Names and values in order of name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.names.iter().zip(&self.values)
    }
}

impl<N: Into<Arc<str>>> FromIterator<(N, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(attributes: I) -> Self {
        let sorted: BTreeMap<Arc<str>, Value> = attributes
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect();
        let (names, values): (Vec<_>, Vec<_>) = sorted.into_iter().unzip();
        Self {
            names: Names::new(names),
            values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Value {
        Value::object([
            ("list", Value::list(["a", "b"])),
            ("map", Value::map([("k", 1)])),
            ("set", Value::set([Value::object([("n", Value::from(1))])])),
        ])
    }

    #[test]
    fn sets_ignore_order_and_duplicates_but_keep_unknowns_apart() {
        assert_eq!(Value::set(["b", "a", "a"]), Value::set(["a", "b"]));
        let unknowns = Value::set([Value::Unknown, Value::Unknown]);
        assert_eq!(unknowns.as_elements().map(<[_]>::len), Some(2));
    }

    #[test]
    fn paths_lead_to_values() {
        let value = sample();
        let path = |name: &str| AttributePath::from(name);
        assert_eq!(value.at(&path("list").index(1)), Some(&"b".into()));
        assert_eq!(value.at(&path("list").index(2)), None);
        assert_eq!(value.at(&path("map").key("k")), Some(&1.into()));
        let element = Value::object([("n", Value::from(1))]);
        assert_eq!(
            value.at(&path("set").element(element).attribute("n")),
            Some(&1.into())
        );
        assert_eq!(value.at(&path("list").key("k")), None);
    }

    #[test]
    fn values_are_replaced_in_place() {
        let mut value = sample();
        let path = |name: &str| AttributePath::from(name);
        assert!(value.set_at(&path("list").index(0), "z".into()));
        assert!(value.set_at(&path("map").key("new"), 2.into()));
        let element = Value::object([("n", Value::from(1))]);
        assert!(value.set_at(&path("set").element(element).attribute("n"), 7.into()));
        assert!(!value.set_at(&path("missing"), 7.into()));
        assert!(!value.set_at(&path("list").index(9), 7.into()));
        let expected = Value::object([
            ("list", Value::list(["z", "b"])),
            ("map", Value::map([("k", 1), ("new", 2)])),
            ("set", Value::set([Value::object([("n", Value::from(7))])])),
        ]);
        assert_eq!(value, expected);
    }

    #[test]
    fn unknowns_are_found_and_nulled_at_any_depth() {
        let value = Value::object([("l", Value::list([Value::Unknown, Value::from(1)]))]);
        assert!(!value.is_wholly_known());
        let nulled = value.unknown_as_null();
        assert_eq!(
            nulled,
            Value::object([("l", Value::list([Value::Null, Value::from(1)]))])
        );
        assert!(nulled.is_wholly_known());
    }

    #[test]
    fn fits_compares_shape_not_contents() {
        let ty = Type::object([
            ("list", Type::list(Type::String)),
            ("map", Type::map(Type::Number)),
            ("set", Type::set(Type::object([("n", Type::Number)]))),
        ]);
        assert!(sample().fits(&ty));
        assert!(Value::Null.fits(&ty));
        assert!(!Value::list(["a"]).fits(&Type::set(Type::String)));
        assert!(!Value::from("a").fits(&Type::Dynamic));
        assert!(Value::from(Dynamic::new(Type::String, "a".into())).fits(&Type::Dynamic));
    }
}
