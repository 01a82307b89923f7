//! Fields that hold many values.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

use super::{ConversionError, Field, Shape};
use crate::path::Step;
use crate::schema::Nesting;
use crate::value::{Type, Value};

impl<T: Field> Field for Vec<T> {
    fn shape() -> Shape {
        T::shape().collect(Nesting::List, Type::list)
    }

    fn from_value(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::List(elements) => elements
                .into_iter()
                .enumerate()
                .map(|(i, e)| T::from_value(e).map_err(|error| error.within(Step::Index(i))))
                .collect(),
            other => Err(ConversionError::expected("a list", &other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::List(self.iter().map(T::to_value).collect())
    }
}

/// The elements of a set value, converted.
fn set_elements<T: Field, C: FromIterator<T>>(value: Value) -> Result<C, ConversionError> {
    match value {
        Value::Set(set) => set
            .into_elements()
            .into_iter()
            .map(|element| {
                // A path to a set element names the element, so a copy is kept for the error.
                T::from_value(element.clone()).map_err(|error| error.within(Step::Element(element)))
            })
            .collect(),
        other => Err(ConversionError::expected("a set", &other)),
    }
}

impl<T: Field + Ord> Field for BTreeSet<T> {
    fn shape() -> Shape {
        T::shape().collect(Nesting::Set, Type::set)
    }

    fn from_value(value: Value) -> Result<Self, ConversionError> {
        set_elements(value)
    }

    fn to_value(&self) -> Value {
        Value::Set(self.iter().map(T::to_value).collect())
    }
}

impl<T: Field + Eq + Hash, S: BuildHasher + Default> Field for HashSet<T, S> {
    fn shape() -> Shape {
        T::shape().collect(Nesting::Set, Type::set)
    }

    fn from_value(value: Value) -> Result<Self, ConversionError> {
        set_elements(value)
    }

    fn to_value(&self) -> Value {
        Value::Set(self.iter().map(T::to_value).collect())
    }
}

/// The entries of a map value, converted.
fn map_entries<T: Field, C: FromIterator<(String, T)>>(value: Value) -> Result<C, ConversionError> {
    match value {
        Value::Map(entries) => entries
            .into_iter()
            .map(|(key, value)| match T::from_value(value) {
                Ok(value) => Ok((key.into(), value)),
                Err(error) => Err(error.within(Step::Key(key.into()))),
            })
            .collect(),
        other => Err(ConversionError::expected("a map", &other)),
    }
}

impl<T: Field> Field for BTreeMap<String, T> {
    fn shape() -> Shape {
        T::shape().collect(Nesting::Map, Type::map)
    }

    fn from_value(value: Value) -> Result<Self, ConversionError> {
        map_entries(value)
    }

    fn to_value(&self) -> Value {
        Value::Map(
            self.iter()
                .map(|(k, v)| (k.as_str(), v.to_value()))
                .collect(),
        )
    }
}

impl<T: Field, S: BuildHasher + Default> Field for HashMap<String, T, S> {
    fn shape() -> Shape {
        T::shape().collect(Nesting::Map, Type::map)
    }

    fn from_value(value: Value) -> Result<Self, ConversionError> {
        map_entries(value)
    }

    fn to_value(&self) -> Value {
        Value::Map(
            self.iter()
                .map(|(k, v)| (k.as_str(), v.to_value()))
                .collect(),
        )
    }
}
