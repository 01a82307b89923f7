//! Routing tables: which targets a routing key reaches through one exchange's bindings.
//!
//! A table is generic over its target, so that it can be tested with plain numbers. It counts how
//! often a target is bound under one key: two bindings that differ only in their arguments are one
//! entry here, which goes with the second of them.

mod topic;

use std::collections::{BTreeMap, HashMap};

use crate::definitions::ExchangeKind;

pub(crate) use topic::{Active, Trie};

/// Targets bound under one key, each with the number of its bindings.
pub(crate) type Targets<T> = BTreeMap<T, u32>;

/// The bindings of one exchange, arranged for its kind.
#[derive(Debug)]
pub(crate) enum Table<T> {
    Direct(HashMap<Box<str>, Targets<T>>),
    Fanout(Targets<T>),
    Topic(Trie<T>),
}

impl<T: Ord + Clone> Table<T> {
    pub(crate) fn new(kind: ExchangeKind) -> Self {
        match kind {
            ExchangeKind::Direct => Self::Direct(HashMap::new()),
            ExchangeKind::Fanout => Self::Fanout(Targets::new()),
            ExchangeKind::Topic => Self::Topic(Trie::default()),
        }
    }

    /// Adds one binding.
    pub(crate) fn insert(&mut self, key: &str, target: &T) {
        let targets = match self {
            Self::Direct(keys) => keys.entry(key.into()).or_default(),
            Self::Fanout(targets) => targets,
            Self::Topic(trie) => trie.targets_of(key),
        };
        *targets.entry(target.clone()).or_default() += 1;
    }

    /// Takes one binding away again.
    pub(crate) fn remove(&mut self, key: &str, target: &T) {
        match self {
            Self::Direct(keys) => {
                if let Some(targets) = keys.get_mut(key) {
                    release(targets, target);
                    if targets.is_empty() {
                        keys.remove(key);
                    }
                }
            }
            Self::Fanout(targets) => release(targets, target),
            Self::Topic(trie) => trie.remove(key, target),
        }
    }

    /// Calls `visit` with every target the key reaches; through a topic table possibly more than
    /// once. `active` is working memory, kept by the caller so that routing does not allocate.
    pub(crate) fn route(&self, key: &str, active: &mut Active, mut visit: impl FnMut(&T)) {
        match self {
            Self::Direct(keys) => keys
                .get(key)
                .into_iter()
                .flat_map(Targets::keys)
                .for_each(visit),
            Self::Fanout(targets) => targets.keys().for_each(visit),
            Self::Topic(trie) => trie.matches(key, active, &mut visit),
        }
    }
}

/// Counts one binding of the target down and drops the target with its last.
fn release<T: Ord>(targets: &mut Targets<T>, target: &T) {
    if let Some(count) = targets.get_mut(target) {
        *count -= 1;
        if *count == 0 {
            targets.remove(target);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Binds each pair, then expects exactly these targets for the key.
    fn check(kind: ExchangeKind, bindings: &[(&str, u32)], key: &str, expected: &[u32]) {
        let mut table = Table::new(kind);
        for (key, target) in bindings {
            table.insert(key, target);
        }
        assert_eq!(
            reached(&table, key),
            expected,
            "{kind} {bindings:?} {key:?}"
        );
        for (key, target) in bindings {
            table.remove(key, target);
        }
        assert!(reached(&table, key).is_empty());
    }

    fn reached(table: &Table<u32>, key: &str) -> Vec<u32> {
        let mut out = Vec::new();
        table.route(key, &mut Active::default(), |target| out.push(*target));
        out.sort_unstable();
        out.dedup();
        out
    }

    #[test]
    fn each_kind_picks_its_targets() {
        let bindings = [("a", 1), ("a", 2), ("b", 3), ("", 4)];
        check(ExchangeKind::Direct, &bindings, "a", &[1, 2]);
        check(ExchangeKind::Direct, &bindings, "", &[4]);
        check(ExchangeKind::Direct, &bindings, "A", &[]);
        check(ExchangeKind::Direct, &[("*", 1)], "a", &[]);
        check(ExchangeKind::Fanout, &bindings, "whatever", &[1, 2, 3, 4]);
        check(ExchangeKind::Topic, &bindings, "a", &[1, 2]);
    }

    #[test]
    fn a_target_bound_twice_goes_with_its_second_binding() {
        for kind in [
            ExchangeKind::Direct,
            ExchangeKind::Fanout,
            ExchangeKind::Topic,
        ] {
            let mut table = Table::new(kind);
            table.insert("k", &7);
            table.insert("k", &7);
            table.remove("k", &7);
            assert_eq!(reached(&table, "k"), [7]);
            table.remove("k", &7);
            table.remove("k", &7);
            assert!(reached(&table, "k").is_empty());
        }
    }
}
