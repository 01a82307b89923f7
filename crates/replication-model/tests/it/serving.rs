//! Whether two nodes can serve at once.

use replication_model::catalogue::{TIMED_MUTATIONS, TIMED_SHORT};
use replication_model::grants::TWO_SERVE;
use replication_model::run::{exhaust, look_for};

use crate::readme;

#[test]
fn with_all_rules_one_node_serves_at_most() {
    let mut rows = Vec::new();
    for exploration in TIMED_SHORT {
        let outcome = exhaust(exploration.bounds, 2);
        println!("{:<40} {outcome}", exploration.name);
        assert!(
            outcome.failures.is_empty(),
            "{}: {outcome}",
            exploration.name
        );
        assert!(outcome.missed.is_empty(), "{}: {outcome}", exploration.name);
        let (name, bounds) = (exploration.name, exploration.bounds);
        rows.push(format!("| {name} | {bounds} | {} |", outcome.states));
    }
    readme::says(
        "explored grants",
        "| what happens | at most | states |",
        &rows,
    );
}

#[test]
fn without_any_one_rule_two_do() {
    let mut rows = Vec::new();
    for (name, bounds) in TIMED_MUTATIONS {
        let outcome = look_for(*bounds, TWO_SERVE);
        println!("{name}: {} states, {:?}", outcome.states, outcome.took);
        let way = outcome.way_to(TWO_SERVE);
        let steps = way
            .unwrap_or_else(|| panic!("{name}: nothing found: {outcome}"))
            .len();
        rows.push(format!("| {name} | {steps} |"));
    }
    readme::says(
        "timed mutations",
        "| without the rule | two serve after steps |",
        &rows,
    );
}
