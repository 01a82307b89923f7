//! Whether anything acknowledged can be lost.

use broker_core::replication::rules::Rule;
use replication_model::catalogue::{MUTATIONS, SHORT};
use replication_model::run::{exhaust, look_for};

use crate::readme;

#[test]
fn with_all_rules_nothing_is_lost() {
    let mut rows = Vec::new();
    for exploration in SHORT {
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
    readme::says("explored", "| what happens | at most | states |", &rows);
}

#[test]
fn without_any_one_rule_something_is() {
    let mut rows = Vec::new();
    for mutation in MUTATIONS {
        let outcome = look_for(mutation.bounds, mutation.harm);
        let way = outcome.way_to(mutation.harm);
        println!(
            "{:?}: {} states, {:?}",
            mutation.rule, outcome.states, outcome.took
        );
        let steps = way
            .unwrap_or_else(|| panic!("{:?} is not missed", mutation.rule))
            .len();
        let (id, says, lives) = about(mutation.rule);
        rows.push(format!(
            "| {id} | {says} | {lives} | {} | {steps} |",
            mutation.harm
        ));
    }
    let head = "| rule | says | where | without it, not | after steps |";
    readme::says("mutations", head, &rows);
}

/// The number of a rule, what it says in short, and where it lives.
#[rustfmt::skip] // A table is read by column.
fn about(rule: Rule) -> (&'static str, &'static str, &'static str) {
    match rule {
        Rule::OwnEpochOnly     => ("F1",  "a leader changes only its own epoch's record",      "`attempt.rs` `resolve`"),
        Rule::InSyncOnly       => ("F2",  "only a member in sync is elected",                  "`election.rs` `may_be_elected`"),
        Rule::NotRegressed     => ("F2",  "who lacks the commit hint does not lead",           "`standby.rs` `notice_regression`"),
        Rule::NoAssumedShrink  => ("F3",  "the set after an election is in the same write",    "`election.rs` `campaign`"),
        Rule::Promise          => ("F4",  "a promised epoch is kept, restarts included",       "`standby.rs` `on_welcome`, `leading.rs` `on_hello`, `mod.rs` `observe`"),
        Rule::FollowerSync     => ("F5",  "a follower acknowledges what is on its disk",       "`standby.rs` `acknowledge`"),
        Rule::LeaderSync       => ("F6",  "a leader counts itself by its disk",                "`leading.rs` `advance`"),
        Rule::InFlightCounts   => ("F7",  "who is in an undecided set is waited for",          "`leading.rs` `waited_for`"),
        Rule::JoinerCounts     => ("F8",  "a joiner is waited for before it is admitted",      "`leading.rs` `waited_for`"),
        Rule::NewDiskNewMember => ("F9",  "a new disk is a new member",                        "`record.rs` `Member`"),
        Rule::CutAtDivergence  => ("F10", "a follower gives up what its leader has not",       "`epochs.rs` `divergence`, `standby.rs` `on_welcome`"),
        Rule::NoResume         => ("F11", "a restarted leader begins a new epoch",             "`election.rs` `campaign`"),
        Rule::LeastInSync      => ("F12", "too few in sync acknowledge nothing",               "`leading.rs` `advance`"),
        Rule::DeliverCommitted => ("F13", "what is not committed is not delivered",            "`mod.rs` `deliverable`"),
        Rule::DamageIsRepaired => ("F14", "a damaged log does not lead before its repair",     "`mod.rs` `with_rules`, `standby.rs` `finish_repair`"),
        _ => unreachable!("a rule of time"),
    }
}
