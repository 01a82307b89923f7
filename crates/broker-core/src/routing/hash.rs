//! Consistent hashing: each message goes to one target, messages with equal keys to the same.
//!
//! A binding's key is its weight: a target with weight 2 gets twice as many keys as one with 1. Each
//! target draws a lot from the message's key and its own name, weighted so that the highest lot falls
//! on it in just that share of all keys (rendezvous hashing). Nothing but names, weights and key
//! decides, so the choice is the same after a restart, and a target that comes or goes takes or
//! leaves its own share and moves no other key. The cost is one lot for each target.
//!
//! What is hashed is the routing key, or what the exchange's argument `hash-header` or `hash-property`
//! names; a message without it is hashed as an empty key.

use std::collections::BTreeMap;

use super::Rule;
use crate::definitions::Endpoint;
use crate::message::{Envelope, Property};
use crate::records::condition;
use crate::refusal::{Reason, Refusal};
use crate::value::{Arguments, Value};

/// The bindings of one consistent-hash exchange.
#[derive(Debug)]
pub(crate) struct HashTable<T> {
    on: HashOn,
    candidates: BTreeMap<T, Candidate>,
}

/// What of a message is hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum HashOn {
    Header(Box<str>),
    Key,
    Property(Property),
}

#[derive(Debug)]
struct Candidate {
    /// The hash of its name.
    seed: u64,
    /// The sum of its bindings' weights.
    weight: u64,
    bindings: u32,
}

const HEADER: &str = "hash-header";
const PROPERTY: &str = "hash-property";

/// Checks the arguments of an exchange.
pub(crate) fn check_exchange(arguments: &Arguments) -> Result<(), Refusal> {
    HashOn::parse(arguments).map(drop)
}

/// Checks the key of a binding: its weight.
pub(crate) fn check_binding(key: &str) -> Result<(), Refusal> {
    let text = match (key.parse::<u32>(), key.parse::<i64>()) {
        (Ok(1..), _) => return Ok(()),
        (_, Ok(..=0)) => "The binding key must be greater than 0".to_owned(),
        (_, Ok(_)) => format!("The binding key must not be greater than {}", u32::MAX),
        _ if key.is_empty() => "The binding key must be an integer: <<>>".to_owned(),
        _ => format!("The binding key must be an integer: <<\"{key}\">>"),
    };
    Err(Refusal::new(Reason::Invalid, text).at("routing_key"))
}

impl HashOn {
    fn parse(arguments: &Arguments) -> Result<Self, Refusal> {
        let invalid = |name: &str, text: String| {
            Err(Refusal::new(Reason::Invalid, text).at(format!("arguments.{name}")))
        };
        match (arguments.get(HEADER), arguments.get(PROPERTY)) {
            (None, None) => Ok(Self::Key),
            (Some(Value::Text(name)), None) => Ok(Self::Header(name.as_str().into())),
            (None, Some(Value::Text(name))) => match Property::parse(name) {
                Some(property) => Ok(Self::Property(property)),
                None => {
                    let known = Property::ALL.map(Property::name).join(", ");
                    let text = format!("Unsupported property: {name}; there are {known}");
                    invalid(PROPERTY, text)
                }
            },
            (Some(_), Some(_)) => {
                let text = format!("{HEADER} and {PROPERTY} are mutually exclusive");
                invalid(HEADER, text)
            }
            (Some(other), None) => invalid(HEADER, format!("{HEADER} must be text, not {other}")),
            (None, Some(other)) => {
                invalid(PROPERTY, format!("{PROPERTY} must be text, not {other}"))
            }
        }
    }

    fn hash(&self, envelope: &Envelope) -> u64 {
        match self {
            Self::Header(name) => {
                let headers = envelope.properties.headers();
                let found = headers.into_iter().find(|(found, _)| **found == **name);
                fnv(&found.map_or_else(Box::default, |(_, value)| condition("", &value)))
            }
            Self::Key => fnv(envelope.routing_key.as_bytes()),
            Self::Property(property) => {
                fnv(&envelope.properties.property(*property).unwrap_or_default())
            }
        }
    }
}

impl<T: Ord + Clone> HashTable<T> {
    /// For an exchange with these arguments, which were checked.
    pub(super) fn new(arguments: &Arguments) -> Self {
        Self {
            on: HashOn::parse(arguments).unwrap_or(HashOn::Key),
            candidates: BTreeMap::new(),
        }
    }

    /// Adds one binding.
    pub(super) fn insert(&mut self, rule: Rule<'_>, target: &T) {
        let new = || Candidate {
            seed: seed(rule.destination),
            weight: 0,
            bindings: 0,
        };
        let candidate = self.candidates.entry(target.clone());
        let candidate = candidate.or_insert_with(new);
        candidate.weight += weight(rule);
        candidate.bindings += 1;
    }

    /// Takes one binding away again.
    pub(super) fn remove(&mut self, rule: Rule<'_>, target: &T) {
        if let Some(candidate) = self.candidates.get_mut(target) {
            candidate.weight = candidate.weight.saturating_sub(weight(rule));
            candidate.bindings -= 1;
            if candidate.bindings == 0 {
                self.candidates.remove(target);
            }
        }
    }

    /// The one target of the message, if there is any.
    pub(super) fn pick(&self, envelope: &Envelope) -> Option<&T> {
        let hash = self.on.hash(envelope);
        let lots = self
            .candidates
            .iter()
            .map(|(target, it)| (it.lot(hash), target));
        let best = lots.reduce(|best, lot| if lot.0 > best.0 { lot } else { best });
        best.map(|(_, target)| target)
    }
}

impl Candidate {
    /// `-weight / ln(u)`, with `u` evenly spread between 0 and 1.
    fn lot(&self, hash: u64) -> f64 {
        let bits = mix(hash ^ self.seed) >> 11;
        let even = (bits as f64 + 0.5) / (1u64 << 53) as f64;
        -(self.weight as f64) / even.ln()
    }
}

fn weight(rule: Rule<'_>) -> u64 {
    rule.key.parse::<u32>().map_or(1, u64::from)
}

fn seed(destination: &Endpoint) -> u64 {
    let (kind, name) = match destination {
        Endpoint::Exchange(name) => ("e", name),
        Endpoint::Queue(name) => ("q", name),
    };
    mix(fnv(kind.as_bytes()) ^ fnv(name.as_bytes()).rotate_left(1))
}

/// FNV-1a: written out here because a key's target must not depend on a library's version.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Spreads every bit over all of them (the finalizer of SplitMix64).
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
    use wire::amqp091::TableBuilder;

    use super::*;
    use crate::message::Properties;

    fn keyed(key: &str) -> Envelope {
        Envelope {
            exchange: "e".into(),
            routing_key: key.into(),
            properties: Properties::Amqp091(Bytes::from_static(&[0, 0])),
            persistent: false,
            further_keys: Box::default(),
        }
    }

    fn with_properties(properties: &wire::amqp091::Properties<'_>) -> Envelope {
        let mut out = BytesMut::new();
        properties.encode(&mut out);
        Envelope {
            properties: Properties::Amqp091(out.freeze()),
            ..keyed("")
        }
    }

    fn change(table: &mut HashTable<u32>, key: &str, target: u32, comes: bool) {
        static NO_ARGUMENTS: Arguments = Arguments::new();
        let rule = Rule {
            key,
            arguments: &NO_ARGUMENTS,
            destination: &Endpoint::Queue(format!("q{target}")),
        };
        match comes {
            true => table.insert(rule, &target),
            false => table.remove(rule, &target),
        }
    }

    fn table(weights: &[(u32, &str)]) -> HashTable<u32> {
        let mut table = HashTable::new(&Arguments::new());
        for (target, weight) in weights {
            change(&mut table, weight, *target, true);
        }
        table
    }

    /// Where the keys 0 to 9,999 go.
    fn picks(table: &HashTable<u32>) -> Vec<u32> {
        let pick = |key: u32| *table.pick(&keyed(&key.to_string())).unwrap();
        (0..10_000).map(pick).collect()
    }

    fn share(picks: &[u32], target: u32) -> usize {
        picks.iter().filter(|it| **it == target).count()
    }

    #[test]
    fn targets_get_their_weights_shares() {
        let all = picks(&table(&[(1, "1"), (2, "2"), (3, "5"), (4, "2")]));
        for (target, expected) in [(1, 1_000), (2, 2_000), (3, 5_000), (4, 2_000usize)] {
            let found = share(&all, target);
            assert!(found.abs_diff(expected) < 200, "{target}: {found}");
        }
    }

    #[test]
    fn who_comes_or_goes_moves_no_other_key() {
        let weights = [(1, "1"), (2, "1"), (3, "1")];
        let (before, after) = (picks(&table(&weights)), picks(&table(&weights[..2])));
        for (before, after) in before.iter().zip(&after) {
            assert!(before == after || *before == 3);
        }
        // The order of coming does not count, nor what has gone again.
        let mut other = table(&[(3, "1"), (9, "7"), (2, "1"), (1, "1")]);
        change(&mut other, "7", 9, false);
        assert_eq!(picks(&other), before);
        assert_eq!(table(&[]).pick(&keyed("k")), None);
    }

    #[test]
    fn the_choice_is_the_same_in_every_version() {
        let table = table(&[(1, "1"), (2, "3"), (3, "2"), (4, "1")]);
        let picks: Vec<_> = picks(&table).into_iter().take(20).collect();
        assert_eq!(picks, GOLDEN);
    }

    const GOLDEN: [u32; 20] = [2, 2, 4, 1, 3, 3, 2, 1, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, 2, 4];

    #[test]
    fn several_bindings_of_one_target_add_up() {
        let twice = table(&[(1, "1"), (1, "2"), (2, "1")]);
        assert_eq!(picks(&twice), picks(&table(&[(1, "3"), (2, "1")])));
        let mut once = twice;
        change(&mut once, "2", 1, false);
        assert_eq!(picks(&once), picks(&table(&[(1, "1"), (2, "1")])));
    }

    #[test]
    fn a_header_or_a_property_may_be_what_is_hashed() {
        let on = |name: &str, value: &str| {
            let arguments = Arguments::from([(name.to_owned(), Value::Text(value.to_owned()))]);
            HashOn::parse(&arguments).unwrap()
        };
        let headers = |n: i32| TableBuilder::new().entry("id", wire::amqp091::Value::I32(n));
        let hash = |on: &HashOn, id: i32, correlation: &[u8], timestamp: u64| {
            let headers = headers(id);
            on.hash(&with_properties(&wire::amqp091::Properties {
                headers: Some(headers.as_table()),
                correlation_id: Some(correlation),
                timestamp: Some(timestamp),
                ..Default::default()
            }))
        };
        for (on, by) in [
            (on(HEADER, "id"), 0),
            (on(PROPERTY, "correlation_id"), 1),
            (on(PROPERTY, "timestamp"), 2),
        ] {
            let base = hash(&on, 1, b"a", 1);
            let others = [
                hash(&on, 2, b"a", 1),
                hash(&on, 1, b"b", 1),
                hash(&on, 1, b"a", 2),
            ];
            let differs = others.map(|other| other != base);
            assert_eq!(differs, [0, 1, 2].map(|place| place == by), "{on:?}");
            assert_eq!(on.hash(&keyed("x")), on.hash(&keyed("y")), "without it");
        }
    }

    #[test]
    fn weights_and_arguments_are_checked() {
        for (key, good) in [("1", true), ("4294967295", true), ("0", false), ("", false)] {
            assert_eq!(check_binding(key).is_ok(), good, "{key:?}");
        }
        for (bad, why) in [
            ("-1", "greater than 0"),
            ("1.5", "an integer: <<\"1.5\">>"),
            ("x", "an integer: <<\"x\">>"),
            ("4294967296", "not be greater than 4294967295"),
        ] {
            let refusal = check_binding(bad).unwrap_err();
            assert!(refusal.text.ends_with(why), "{}", refusal.text);
        }
        let check = |pairs: &[(&str, Value)]| {
            let pairs = pairs.iter().cloned();
            let arguments = pairs
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            check_exchange(&arguments).is_ok()
        };
        let text = |text: &str| Value::Text(text.to_owned());
        assert!(check(&[]) && check(&[(HEADER, text("id"))]));
        assert!(check(&[(PROPERTY, text("message_id"))]));
        assert!(!check(&[(PROPERTY, text("app_id"))]));
        assert!(!check(&[(HEADER, Value::Int(1))]));
        assert!(!check(&[(PROPERTY, Value::Null)]));
        assert!(!check(&[
            (HEADER, text("id")),
            (PROPERTY, text("timestamp"))
        ]));
    }
}
