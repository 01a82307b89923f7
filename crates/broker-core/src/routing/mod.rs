//! Routing tables: which targets a message reaches through one exchange's bindings.
//!
//! A table is generic over its target, so that it can be tested with plain numbers. It counts how
//! often a target is bound under one rule: two bindings that differ only in what their exchange does
//! not look at are one entry here, which goes with the second of them.

mod hash;
mod headers;
mod topic;

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};

use crate::definitions::{BindingSpec, Endpoint, ExchangeKind};
use crate::message::Envelope;
use crate::refusal::Refusal;
use crate::value::Arguments;

use hash::HashTable;
use headers::{HeaderTable, Met};

pub(crate) use topic::{Active, Trie};

/// Targets bound under one rule, each with the number of its bindings.
pub(crate) type Targets<T> = BTreeMap<T, u32>;

/// The bindings of one exchange, arranged for its kind.
#[derive(Debug)]
pub(crate) enum Table<T> {
    Direct(HashMap<Box<str>, Targets<T>>),
    Fanout(Targets<T>),
    Hash(HashTable<T>),
    Headers(HeaderTable<T>),
    Topic(Trie<T>),
}

/// What a binding says; each kind of exchange looks at its part of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule<'a> {
    pub(crate) key: &'a str,
    pub(crate) arguments: &'a Arguments,
    pub(crate) destination: &'a Endpoint,
}

/// What tables look at of a message; its headers are read when the first of them asks.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    envelope: &'a Envelope,
    met: OnceCell<Met>,
}

impl<'a> Rule<'a> {
    pub(crate) fn of(binding: &'a BindingSpec) -> Self {
        Self {
            key: &binding.routing_key,
            arguments: &binding.arguments,
            destination: &binding.destination,
        }
    }
}

impl<'a> Subject<'a> {
    pub(crate) fn of(envelope: &'a Envelope) -> Self {
        Self {
            envelope,
            met: OnceCell::new(),
        }
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.envelope.keys()
    }

    /// Whether a delayed exchange is to keep it for a time.
    pub(crate) fn is_delayed(&self) -> bool {
        self.envelope.properties.delay_ms().is_some()
    }

    /// Whether a direct way may lead to a target twice.
    pub(crate) fn has_further_keys(&self) -> bool {
        !self.envelope.further_keys.is_empty()
    }
}

impl<T: Ord + Clone> Table<T> {
    /// For an exchange that picks like that kind and has these arguments.
    pub(crate) fn new(kind: ExchangeKind, arguments: &Arguments) -> Self {
        match kind {
            ExchangeKind::ConsistentHash => Self::Hash(HashTable::new(arguments)),
            ExchangeKind::Delayed | ExchangeKind::Direct => Self::Direct(HashMap::new()),
            ExchangeKind::Fanout => Self::Fanout(Targets::new()),
            ExchangeKind::Headers => Self::Headers(HeaderTable::default()),
            ExchangeKind::Topic => Self::Topic(Trie::default()),
        }
    }

    /// Adds one binding.
    pub(crate) fn insert(&mut self, rule: Rule<'_>, target: &T) {
        let targets = match self {
            Self::Direct(keys) => keys.entry(rule.key.into()).or_default(),
            Self::Fanout(targets) => targets,
            Self::Hash(table) => return table.insert(rule, target),
            Self::Headers(table) => return table.insert(rule.arguments, target),
            Self::Topic(trie) => trie.targets_of(rule.key),
        };
        *targets.entry(target.clone()).or_default() += 1;
    }

    /// Takes one binding away again.
    pub(crate) fn remove(&mut self, rule: Rule<'_>, target: &T) {
        match self {
            Self::Direct(keys) => {
                if let Some(targets) = keys.get_mut(rule.key) {
                    release(targets, target);
                    if targets.is_empty() {
                        keys.remove(rule.key);
                    }
                }
            }
            Self::Fanout(targets) => release(targets, target),
            Self::Hash(table) => table.remove(rule, target),
            Self::Headers(table) => table.remove(rule.arguments, target),
            Self::Topic(trie) => trie.remove(rule.key, target),
        }
    }

    /// Calls `visit` with every target the message reaches; see [`Self::may_repeat`]. `active` is
    /// working memory, kept by the caller so that routing does not allocate.
    pub(crate) fn route(
        &self,
        subject: &Subject<'_>,
        active: &mut Active,
        mut visit: impl FnMut(&T),
    ) {
        match self {
            Self::Direct(keys) => subject
                .keys()
                .filter_map(|key| keys.get(key))
                .flat_map(Targets::keys)
                .for_each(visit),
            Self::Fanout(targets) => targets.keys().for_each(visit),
            Self::Hash(table) => table.pick(subject.envelope).into_iter().for_each(visit),
            Self::Headers(table) => {
                let met = subject.met.get_or_init(|| Met::of(subject.envelope));
                table.matches(met, &mut visit);
            }
            Self::Topic(trie) => subject
                .keys()
                .for_each(|key| trie.matches(key, active, &mut visit)),
        }
    }

    /// Whether [`Self::route`] may come to a target twice for a message with one key.
    pub(crate) fn may_repeat(&self) -> bool {
        matches!(self, Self::Headers(_) | Self::Topic(_))
    }
}

/// Checks the arguments that mean something to an exchange that picks like that kind.
pub(crate) fn check_exchange(kind: ExchangeKind, arguments: &Arguments) -> Result<(), Refusal> {
    match kind {
        ExchangeKind::ConsistentHash => hash::check_exchange(arguments),
        _ => Ok(()),
    }
}

/// Checks what a binding of an exchange says that picks like that kind.
pub(crate) fn check_binding(kind: ExchangeKind, binding: &BindingSpec) -> Result<(), Refusal> {
    match kind {
        ExchangeKind::ConsistentHash => hash::check_binding(&binding.routing_key),
        ExchangeKind::Headers => headers::check(&binding.arguments),
        ExchangeKind::Delayed
        | ExchangeKind::Direct
        | ExchangeKind::Fanout
        | ExchangeKind::Topic => Ok(()),
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
    use bytes::Bytes;

    use super::*;
    use crate::message::Properties;

    /// Binds each pair, then expects exactly these targets for the key.
    fn check(kind: ExchangeKind, bindings: &[(&str, u32)], key: &str, expected: &[u32]) {
        let mut table = Table::new(kind, &Arguments::new());
        for (key, target) in bindings {
            table.insert(by_key(key), target);
        }
        assert_eq!(
            reached(&table, key),
            expected,
            "{kind} {bindings:?} {key:?}"
        );
        for (key, target) in bindings {
            table.remove(by_key(key), target);
        }
        assert!(reached(&table, key).is_empty());
    }

    fn by_key(key: &str) -> Rule<'_> {
        static NO_ARGUMENTS: Arguments = Arguments::new();
        static DESTINATION: Endpoint = Endpoint::Queue(String::new());
        Rule {
            key,
            arguments: &NO_ARGUMENTS,
            destination: &DESTINATION,
        }
    }

    fn reached(table: &Table<u32>, key: &str) -> Vec<u32> {
        let envelope = Envelope {
            exchange: "e".into(),
            routing_key: key.into(),
            properties: Properties::Amqp091(Bytes::from_static(&[0, 0])),
            persistent: false,
            further_keys: Box::default(),
        };
        let mut out = Vec::new();
        let subject = Subject::of(&envelope);
        table.route(&subject, &mut Active::default(), |target| out.push(*target));
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
        for kind in ExchangeKind::ALL {
            let mut table = Table::new(kind, &Arguments::new());
            table.insert(by_key("k"), &7);
            table.insert(by_key("k"), &7);
            table.remove(by_key("k"), &7);
            assert_eq!(reached(&table, "k"), [7]);
            table.remove(by_key("k"), &7);
            table.remove(by_key("k"), &7);
            assert!(reached(&table, "k").is_empty());
        }
    }
}
