//! Medians over the repetitions.

use crate::record::Record;
use crate::stats::median;

/// All values of all repetitions, in the order in which they were first seen.
#[derive(Debug, Default)]
pub(super) struct Summary {
    series: Vec<Series>,
}

/// One metric of one broker in one variant.
#[derive(Debug)]
struct Series {
    scenario: String,
    variant: String,
    target: String,
    metric: String,
    values: Vec<f64>,
}

impl Summary {
    pub(super) fn of(records: &[Record]) -> Self {
        let mut summary = Self::default();
        for record in records {
            for (metric, value) in &record.metrics {
                summary.push(record, metric, *value);
            }
        }
        summary
    }

    fn push(&mut self, record: &Record, metric: &str, value: f64) {
        let known = self.series.iter_mut().find(|series| {
            series.scenario == record.scenario
                && series.variant == record.variant
                && series.target == record.target
                && series.metric == metric
        });
        match known {
            Some(series) => series.values.push(value),
            None => self.series.push(Series {
                scenario: record.scenario.clone(),
                variant: record.variant.clone(),
                target: record.target.clone(),
                metric: metric.to_owned(),
                values: vec![value],
            }),
        }
    }

    /// The median; `None` if it was not measured.
    pub(super) fn median(
        &self,
        scenario: &str,
        variant: &str,
        target: &str,
        metric: &str,
    ) -> Option<f64> {
        median(&self.find(scenario, variant, target, metric)?.values)
    }

    /// The smallest and the largest value.
    pub(super) fn range(
        &self,
        scenario: &str,
        variant: &str,
        target: &str,
        metric: &str,
    ) -> Option<(f64, f64)> {
        let values = &self.find(scenario, variant, target, metric)?.values;
        let least = values.iter().copied().min_by(f64::total_cmp)?;
        Some((least, values.iter().copied().max_by(f64::total_cmp)?))
    }

    fn find(&self, scenario: &str, variant: &str, target: &str, metric: &str) -> Option<&Series> {
        self.series.iter().find(|series| {
            series.scenario == scenario
                && series.variant == variant
                && series.target == target
                && series.metric == metric
        })
    }

    pub(super) fn scenarios(&self) -> Vec<&str> {
        distinct(self.series.iter().map(|series| series.scenario.as_str()))
    }

    /// Variants of a scenario, each with one of the brokers measured.
    pub(super) fn rows(&self, scenario: &str) -> Vec<(&str, &str)> {
        let of = self.series.iter().filter(|s| s.scenario == scenario);
        distinct(of.map(|s| (s.variant.as_str(), s.target.as_str())))
    }

    pub(super) fn metrics(&self, scenario: &str) -> Vec<&str> {
        let of = self.series.iter().filter(|s| s.scenario == scenario);
        distinct(of.map(|s| s.metric.as_str()))
    }
}

fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for item in items {
        if !seen.contains(&item) {
            seen.push(item);
        }
    }
    seen
}
