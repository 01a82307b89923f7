//! `make model`: all explorations and mutations at their full bounds, as a table on standard output.

use std::io::{self, Write as _};
use std::process::ExitCode;

use broker_core::replication::rules::Rule;
use replication_model::catalogue::{
    LONG, MUTATIONS, SHORT, TIMED_LONG, TIMED_MUTATIONS, TIMED_SHORT,
};
use replication_model::grants::TWO_SERVE;
use replication_model::run::{Outcome, exhaust, look_for};

fn main() -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let mut clean = true;
    let mut all = Vec::new();
    for exploration in SHORT.iter().chain(LONG) {
        let outcome = exhaust(exploration.bounds, 2);
        clean &= show(&mut out, exploration.name, &outcome)?;
        all.push(outcome.states);
    }
    for exploration in TIMED_SHORT.iter().chain(TIMED_LONG) {
        let outcome = exhaust(exploration.bounds, 2);
        clean &= show(&mut out, exploration.name, &outcome)?;
        all.push(outcome.states);
    }
    writeln!(out, "{} states in all", all.iter().sum::<usize>())?;
    for mutation in MUTATIONS {
        let outcome = look_for(mutation.bounds, mutation.harm);
        clean &= show_way(&mut out, &rule_name(mutation.rule), mutation.harm, &outcome)?;
    }
    for (name, bounds) in TIMED_MUTATIONS {
        let outcome = look_for(*bounds, TWO_SERVE);
        clean &= show_way(&mut out, name, TWO_SERVE, &outcome)?;
    }
    Ok(if clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn rule_name(rule: Rule) -> String {
    format!("{rule:?}")
}

fn show(out: &mut impl io::Write, name: &str, outcome: &Outcome) -> io::Result<bool> {
    writeln!(out, "{name:<40} {outcome}")?;
    Ok(outcome.failures.is_empty() && outcome.missed.is_empty())
}

/// A mutation, and the steps to the harm it does.
fn show_way(out: &mut impl io::Write, name: &str, harm: &str, found: &Outcome) -> io::Result<bool> {
    let Some(way) = found.way_to(harm) else {
        writeln!(
            out,
            "without {name}: NOTHING FOUND in {} states",
            found.states
        )?;
        return Ok(false);
    };
    writeln!(
        out,
        "without {name}: not \"{harm}\" after {} steps, {} states",
        way.len(),
        found.states
    )?;
    way.iter()
        .try_for_each(|step| writeln!(out, "    {step}"))?;
    Ok(true)
}
