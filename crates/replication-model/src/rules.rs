//! All rules of the protocol but one: what a mutation runs with.

use broker_core::replication::rules::{Rule, Rules};

/// Follows every rule except, perhaps, one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Without(pub Option<Rule>);

impl Rules for Without {
    fn holds(&self, rule: Rule) -> bool {
        self.0 != Some(rule)
    }
}
