//! Runs explorations and says what they found.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::Hash;
use std::time::{Duration, Instant};

use stateright::{Checker, Expectation, HasDiscoveries, Model};

/// What an exploration found.
#[derive(Debug)]
pub struct Outcome {
    /// Different states visited.
    pub states: usize,
    /// Steps to the farthest of them.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// Properties that do not hold, each with the steps that show it.
    pub failures: Vec<(&'static str, Vec<String>)>,
    /// What should have been seen somewhere and was not.
    pub missed: Vec<&'static str>,
}

/// Visits every state, unless something is found that must not be.
pub fn exhaust<M>(model: M, threads: usize) -> Outcome
where
    M: Model + Send + Sync + 'static,
    M::State: Hash + Send + Sync + Clone + PartialEq + 'static,
    M::Action: fmt::Debug + Clone + PartialEq,
{
    run(model, threads, HasDiscoveries::AnyFailures)
}

/// Looks for the shortest way to this harm. On one thread, so that it is always the same one.
pub fn look_for<M>(model: M, harm: &'static str) -> Outcome
where
    M: Model + Send + Sync + 'static,
    M::State: Hash + Send + Sync + Clone + PartialEq + 'static,
    M::Action: fmt::Debug + Clone + PartialEq,
{
    run(model, 1, HasDiscoveries::AnyOf(BTreeSet::from([harm])))
}

fn run<M>(model: M, threads: usize, until: HasDiscoveries) -> Outcome
where
    M: Model + Send + Sync + 'static,
    M::State: Hash + Send + Sync + Clone + PartialEq + 'static,
    M::Action: fmt::Debug + Clone + PartialEq,
{
    let begin = Instant::now();
    let checker = model
        .checker()
        .threads(threads)
        .finish_when(until)
        .spawn_bfs()
        .join();
    let mut found = checker.discoveries();
    let mut outcome = Outcome {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        took: begin.elapsed(),
        failures: Vec::new(),
        missed: Vec::new(),
    };
    for property in checker.model().properties() {
        let path = found.remove(property.name);
        match (property.expectation, path) {
            (Expectation::Sometimes, None) => outcome.missed.push(property.name),
            (Expectation::Always, Some(path)) => {
                let steps = path
                    .into_actions()
                    .iter()
                    .map(|step| format!("{step:?}"))
                    .collect();
                outcome.failures.push((property.name, steps));
            }
            _ => {}
        }
    }
    outcome
}

impl Outcome {
    /// The steps to this harm, if it was found.
    pub fn way_to(&self, harm: &str) -> Option<&[String]> {
        let found = self.failures.iter().find(|(name, _)| *name == harm);
        found.map(|(_, steps)| steps.as_slice())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs_f64();
        write!(
            f,
            "{:>9} states, {:>2} deep, {seconds:>5.1} s",
            self.states, self.depth
        )?;
        for (name, steps) in &self.failures {
            write!(f, "\nFAILS: {name}")?;
            steps
                .iter()
                .try_for_each(|step| write!(f, "\n    {step}"))?;
        }
        for name in &self.missed {
            write!(f, "\nNEVER: {name}")?;
        }
        Ok(())
    }
}
