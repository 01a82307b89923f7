//! The elements of a map value.

use std::slice;
use std::vec;

use smol_str::SmolStr;

use super::Value;

/// Elements by key, in order of key.
///
/// A sorted vector: maps of values are small, read whole, and arrive sorted. A tree's node would
/// hold room for eleven elements even where there is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Map(Vec<(SmolStr, Value)>);

impl Map {
    /// Without elements.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        self.0
            .binary_search_by(|(probe, _)| probe.as_str().cmp(key))
    }

    /// The element of this key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.position(key).ok().map(|at| &self.0[at].1)
    }

    /// The element of this key.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.position(key).ok().map(|at| &mut self.0[at].1)
    }

    /// Adds an element, or replaces the one of the same key, which is returned. The time is linear
    /// in the elements behind it: many are better collected.
    pub fn insert(&mut self, key: impl Into<SmolStr>, value: Value) -> Option<Value> {
        let key = key.into();
        match self.position(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys and elements in order of key.
    pub fn iter(&self) -> Iter<'_> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Keys and elements in order of key.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&str, &mut Value)> {
        self.0.iter_mut().map(|(key, value)| (key.as_str(), value))
    }

    /// The keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    /// The elements in order of key.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The elements in order of key.
    pub fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut Value> {
        self.0.iter_mut().map(|(_, value)| value)
    }
}

impl From<Vec<(SmolStr, Value)>> for Map {
    /// Of two elements with one key the last counts.
    fn from(mut entries: Vec<(SmolStr, Value)>) -> Self {
        if !entries.is_sorted_by(|(a, _), (b, _)| a < b) {
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            entries.dedup_by(|later, kept| {
                let same = later.0 == kept.0;
                if same {
                    std::mem::swap(later, kept);
                }
                same
            });
        }
        Self(entries)
    }
}

impl<K: Into<SmolStr>> FromIterator<(K, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(entries: I) -> Self {
        let entries = entries.into_iter().map(|(key, value)| (key.into(), value));
        entries.collect::<Vec<_>>().into()
    }
}

/// Keys and elements in order of key.
type Iter<'a> = std::iter::Map<
    slice::Iter<'a, (SmolStr, Value)>,
    fn(&'a (SmolStr, Value)) -> (&'a str, &'a Value),
>;

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a str, &'a Value);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Map {
    type Item = (SmolStr, Value);
    type IntoIter = vec::IntoIter<(SmolStr, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever a tree would say, this says.
        #[test]
        fn it_behaves_like_a_tree(
            entries in proptest::collection::vec(("[a-c]{0,2}", any::<i64>()), 0..12),
            more in proptest::collection::vec(("[a-c]{0,2}", any::<i64>()), 0..4),
            probe in "[a-c]{0,2}",
        ) {
            let entries = entries.into_iter().map(|(key, value)| (key, Value::from(value)));
            let mut tree: std::collections::BTreeMap<_, _> = entries.clone().collect();
            let mut map: Map = entries.collect();
            for (key, value) in more {
                let value = Value::from(value);
                prop_assert_eq!(map.insert(key.clone(), value.clone()), tree.insert(key, value));
            }
            prop_assert_eq!(map.get(&probe), tree.get(&probe));
            prop_assert_eq!(map.get_mut(&probe), tree.get_mut(&probe));
            prop_assert_eq!(map.len(), tree.len());
            prop_assert_eq!(map.is_empty(), tree.is_empty());
            prop_assert!(map.iter().eq(tree.iter().map(|(key, value)| (key.as_str(), value))));
            prop_assert!(map.keys().eq(tree.keys()));
            prop_assert!(map.values().eq(tree.values()));
            prop_assert!(map.into_iter().map(|(key, value)| (key.to_string(), value)).eq(tree));
        }
    }
}
