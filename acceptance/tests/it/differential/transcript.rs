//! What a broker answered to every step of every scenario.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::table::Row;

/// Scenarios by name, in the order of the script for each broker alike.
#[derive(Debug)]
pub(super) struct Transcript(BTreeMap<String, Vec<Step>>);

#[derive(Debug)]
struct Step {
    name: String,
    events: Vec<Event>,
}

/// A method with its fields, or how a connection ended.
#[derive(Debug, PartialEq, Eq)]
struct Event {
    name: String,
    fields: BTreeMap<String, String>,
}

impl Transcript {
    /// Reads what the script wrote.
    pub(super) fn parse(json: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(json).context("the transcript is no JSON")?;
        let scenarios = value.as_object().context("no scenarios")?;
        let scenarios = scenarios.iter().map(|(name, steps)| {
            let steps = array(steps).iter().map(Step::read).collect();
            (name.clone(), steps)
        });
        Ok(Self(scenarios.collect()))
    }

    /// How much was compared.
    pub(super) fn size(&self) -> String {
        let steps: usize = self.0.values().map(Vec::len).sum();
        format!("{} scenarios with {steps} steps", self.0.len())
    }

    /// Where the other answers in another way.
    pub(super) fn differences(&self, ours: &Self) -> Result<BTreeSet<Row>> {
        ensure!(self.0.keys().eq(ours.0.keys()), "other scenarios");
        let mut rows = BTreeSet::new();
        for (scenario, steps) in &self.0 {
            let others = &ours.0[scenario];
            ensure!(steps.len() == others.len(), "other steps in {scenario:?}");
            for (step, other) in steps.iter().zip(others) {
                let (theirs, ours) = difference(&step.events, &other.events);
                if theirs != ours {
                    rows.insert(Row {
                        scenario: cell(scenario),
                        step: cell(&step.name),
                        theirs: cell(&theirs),
                        ours: cell(&ours),
                    });
                }
            }
        }
        Ok(rows)
    }
}

impl Step {
    fn read(value: &Value) -> Self {
        Self {
            name: text(&value["step"]),
            events: array(&value["events"]).iter().map(Event::read).collect(),
        }
    }
}

impl Event {
    fn read(value: &Value) -> Self {
        let fields = value["fields"].as_object().into_iter().flatten();
        Self {
            name: text(&value["name"]),
            fields: fields
                .map(|(name, value)| (name.clone(), text(value)))
                .collect(),
        }
    }

    /// In one line, without the fields that another has as well.
    fn shown(&self, other: Option<&Self>) -> String {
        let mut shown = self.name.clone();
        for (name, value) in &self.fields {
            if other.is_none_or(|other| other.fields.get(name) != Some(value)) {
                shown += &format!(" {name} `{value}`");
            }
        }
        shown
    }
}

/// What either did that the other did not, without what both did.
fn difference(theirs: &[Event], ours: &[Event]) -> (String, String) {
    let alike = theirs.len() == ours.len()
        && theirs
            .iter()
            .zip(ours)
            .all(|(one, other)| one.name == other.name);
    if !alike {
        let all = |events: &[Event]| match events {
            [] => "nothing".to_owned(),
            events => join(events.iter().map(|event| event.shown(None))),
        };
        return (all(theirs), all(ours));
    }
    let differing = || theirs.iter().zip(ours).filter(|(one, other)| one != other);
    (
        join(differing().map(|(one, other)| one.shown(Some(other)))),
        join(differing().map(|(one, other)| other.shown(Some(one)))),
    )
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("; ")
}

/// As a cell of a table has it.
fn cell(text: &str) -> String {
    text.replace('|', "¦").replace('\n', "⏎").trim().to_owned()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
