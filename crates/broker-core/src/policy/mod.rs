//! Policies: rules that operators give to queues and exchanges by their names, while these work.
//!
//! Of the policies whose pattern finds something in the name, the one with the highest priority
//! applies, of several such the first by name; the same among the operator policies. Both together
//! make the effective definition ([`definition::merged`]), and what the queue was declared with adds
//! to that ([`definition::effective`]).

mod definition;

use std::sync::Arc;

use regex::Regex;

pub(crate) use definition::{alternate, check};

use self::definition::{effective, merged};
use crate::definitions::{ApplyTo, PolicySpec, Stored};
use crate::expression;
use crate::queue_kind::QueueKind;
use crate::refusal::{Reason, Refusal};
use crate::value::Arguments;

/// One policy, ready for use.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) definition: Stored<PolicySpec>,
    pattern: Regex,
}

/// All policies of a virtual host.
#[derive(Debug, Default, Clone)]
pub(crate) struct Policies {
    /// The first that matches applies.
    ordinary: Vec<Arc<Policy>>,
    operator: Vec<Arc<Policy>>,
}

/// The policies that apply to one queue or exchange.
#[derive(Debug, Clone, Default)]
pub(crate) struct Applied {
    pub(crate) policy: Option<Arc<Policy>>,
    pub(crate) operator_policy: Option<Arc<Policy>>,
}

/// What a policy may apply to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Exchange,
    Queue(QueueKind),
}

impl Policy {
    /// Compiles its pattern, of at most so many bytes.
    pub(crate) fn new(definition: Stored<PolicySpec>, most_bytes: usize) -> Result<Self, Refusal> {
        let pattern = compile(&definition.value, most_bytes)?;
        Ok(Self {
            definition,
            pattern,
        })
    }

    fn matches(&self, subject: Subject, name: &str) -> bool {
        subject.is_meant_by(self.definition.value.apply_to) && self.pattern.is_match(name)
    }
}

/// Compiles a policy's pattern. The empty one matches every name.
pub(crate) fn compile(spec: &PolicySpec, most_bytes: usize) -> Result<Regex, Refusal> {
    expression::compile(&spec.pattern, most_bytes)
        .map_err(|why| Refusal::new(Reason::Invalid, format!("pattern {why}")).at("pattern"))
}

impl Policies {
    /// Adds a policy, or puts it in the place of the one of its name.
    pub(crate) fn put(&mut self, policy: Policy) {
        let spec = &policy.definition.value;
        self.remove(&spec.name.clone(), spec.operator);
        let key = |spec: &PolicySpec| (-i128::from(spec.priority), spec.name.clone());
        let (key_of_it, operator) = (key(spec), spec.operator);
        let list = self.list_mut(operator);
        let place = list.partition_point(|other| key(&other.definition.value) < key_of_it);
        list.insert(place, Arc::new(policy));
    }

    /// Takes one out.
    pub(crate) fn remove(&mut self, name: &str, operator: bool) {
        self.list_mut(operator)
            .retain(|policy| policy.definition.value.name != name);
    }

    /// The policy of that name.
    pub(crate) fn get(&self, name: &str, operator: bool) -> Option<&Arc<Policy>> {
        self.list(operator)
            .iter()
            .find(|policy| policy.definition.value.name == name)
    }

    /// All of the kind, the first that would apply first.
    pub(crate) fn list(&self, operator: bool) -> &[Arc<Policy>] {
        if operator {
            &self.operator
        } else {
            &self.ordinary
        }
    }

    /// What applies to something of that name.
    pub(crate) fn applied(&self, subject: Subject, name: &str) -> Applied {
        let first = |list: &[Arc<Policy>]| {
            let mut matching = list.iter().filter(|policy| policy.matches(subject, name));
            matching.next().cloned()
        };
        Applied {
            policy: first(&self.ordinary),
            operator_policy: first(&self.operator),
        }
    }

    fn list_mut(&mut self, operator: bool) -> &mut Vec<Arc<Policy>> {
        if operator {
            &mut self.operator
        } else {
            &mut self.ordinary
        }
    }
}

impl Applied {
    pub(crate) fn is_none(&self) -> bool {
        self.policy.is_none() && self.operator_policy.is_none()
    }

    /// Both policies together.
    pub(crate) fn definition(&self) -> Arguments {
        let of = |policy: &Option<Arc<Policy>>| {
            let policy = policy.as_ref();
            policy.map_or_else(Arguments::new, |it| it.definition.value.definition.clone())
        };
        merged(of(&self.policy), of(&self.operator_policy))
    }

    /// What a queue with these arguments does under them, as arguments.
    pub(crate) fn effective(&self, arguments: &Arguments) -> Arguments {
        effective(arguments, &self.definition(), QueueKind::of(arguments))
    }

    fn generations(&self) -> [Option<u64>; 2] {
        let of = |policy: &Option<Arc<Policy>>| policy.as_ref().map(|it| it.definition.generation);
        [of(&self.policy), of(&self.operator_policy)]
    }
}

impl PartialEq for Applied {
    fn eq(&self, other: &Self) -> bool {
        self.generations() == other.generations()
    }
}

impl Subject {
    const fn is_meant_by(self, apply_to: ApplyTo) -> bool {
        match apply_to {
            ApplyTo::All => true,
            ApplyTo::ClassicQueues => matches!(self, Self::Queue(QueueKind::Classic)),
            ApplyTo::Exchanges => matches!(self, Self::Exchange),
            ApplyTo::Queues => matches!(self, Self::Queue(_)),
            ApplyTo::QuorumQueues => matches!(self, Self::Queue(QueueKind::Quorum)),
            ApplyTo::Streams => matches!(self, Self::Queue(QueueKind::Stream)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(name: &str, pattern: &str, apply_to: ApplyTo, priority: i64) -> Policy {
        let value = PolicySpec {
            vhost: "/".into(),
            name: name.into(),
            operator: false,
            pattern: pattern.into(),
            apply_to,
            priority,
            definition: Arguments::new(),
        };
        let generation = 1;
        Policy::new(Stored { value, generation }, 64).unwrap()
    }

    #[test]
    fn the_highest_priority_applies_and_then_the_first_name() {
        let mut policies = Policies::default();
        policies.put(policy("b", "^x", ApplyTo::All, 0));
        policies.put(policy("high", "^xy", ApplyTo::Queues, 5));
        policies.put(policy("a", "^x", ApplyTo::Queues, 0));
        policies.put(policy("low", "", ApplyTo::Exchanges, i64::MIN));
        let check = |subject: Subject, name: &str, expected: Option<&str>| {
            let applied = policies.applied(subject, name).policy;
            let name = applied.map(|policy| policy.definition.value.name.clone());
            assert_eq!(name.as_deref(), expected);
        };
        let queue = Subject::Queue(QueueKind::Classic);
        check(queue, "xyz", Some("high"));
        check(queue, "xz", Some("a"));
        check(queue, "wx", None);
        check(Subject::Exchange, "xyz", Some("b"));
        check(Subject::Exchange, "wx", Some("low"));
        policies.put(policy("high", "^z", ApplyTo::Queues, 5));
        assert_eq!(policies.list(false).len(), 4);
        assert!(policies.get("high", true).is_none());
    }

    #[test]
    fn policies_may_be_for_one_kind_of_queue_alone() {
        let kinds = [QueueKind::Classic, QueueKind::Quorum, QueueKind::Stream];
        for (apply_to, meant) in [
            (ApplyTo::All, [true; 3]),
            (ApplyTo::Queues, [true; 3]),
            (ApplyTo::ClassicQueues, [true, false, false]),
            (ApplyTo::QuorumQueues, [false, true, false]),
            (ApplyTo::Streams, [false, false, true]),
            (ApplyTo::Exchanges, [false; 3]),
        ] {
            let is_meant = kinds.map(|kind| Subject::Queue(kind).is_meant_by(apply_to));
            assert_eq!(is_meant, meant, "{apply_to:?}");
        }
    }

    #[test]
    fn a_pattern_without_linear_time_is_refused_at_its_attribute() {
        for pattern in ["(", r"(a)\1", "(?=x)", "a{1000}{1000}", &"x".repeat(65)] {
            let spec = policy("p", "", ApplyTo::All, 0).definition.value;
            let pattern = pattern.to_owned();
            let refusal = compile(&PolicySpec { pattern, ..spec }, 64).unwrap_err();
            assert_eq!(refusal.property.as_deref(), Some("pattern"));
        }
    }
}
