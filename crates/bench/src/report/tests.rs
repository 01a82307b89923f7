//! Rendering of made-up records.

use std::collections::BTreeMap;

use clap::ValueEnum as _;

use super::about::{About, Broker};
use super::markdown::number;
use super::*;
use crate::scenario::Scenario;

fn record(
    scenario: &str,
    variant: &str,
    target: &str,
    run: u32,
    metrics: &[(&str, f64)],
) -> Record {
    Record {
        scenario: scenario.to_owned(),
        variant: variant.to_owned(),
        target: target.to_owned(),
        run,
        metrics: metrics
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect::<BTreeMap<_, _>>(),
    }
}

fn report() -> Report {
    let about = About {
        commit: "0123abc".to_owned(),
        date: "2001-02-03".to_owned(),
        machine: vec![("processors".to_owned(), "2".to_owned())],
        runs: 3,
        seconds: 2.0,
        brokers: vec![Broker {
            name: "null".to_owned(),
            version: String::new(),
            settings: "one thread".to_owned(),
        }],
        failures: vec!["run 2: fanout: <refused>".to_owned()],
    };
    let rate = |target, run, value| {
        record(
            "transient",
            "16 B",
            target,
            run,
            &[("delivered_per_cpu_s", value), ("broker_cores", 0.5)],
        )
    };
    let records = vec![
        rate("ferrymq", 1, 900_000.0),
        rate("null", 1, 4_000_000.0),
        rate("ferrymq", 2, 1_100_000.0),
        rate("null", 2, 5_000_000.0),
        rate("ferrymq", 3, 100.0),
        rate("null", 3, 9_000_000.0),
        record(
            "start",
            "empty",
            "ferrymq",
            1,
            &[("start_s", 0.1), ("rss_bytes", 5e6)],
        ),
    ];
    let notes = Notes::parse(
        "How to use this.\n\n## start\n\nOne of the <first>.\n\nTwo.\n\n## transient\n\nMet.\n",
    );
    Report::new(about, &records, notes)
}

#[test]
fn markdown() {
    insta::assert_snapshot!(report().markdown());
}

#[test]
fn html() {
    let html = report().html();
    assert!(!html.contains("http"), "the page must not need another");
    insta::assert_snapshot!(html);
}

#[test]
fn every_scenario_has_a_chart_and_every_note_a_scenario() {
    let scenarios = Scenario::value_variants();
    for scenario in scenarios {
        let name = scenario.name();
        assert!(html::CHARTS.iter().any(|chart| chart.0 == name), "{name}");
    }
    let notes = Notes::parse(include_str!("../../NOTES.md"));
    for name in notes.scenarios() {
        assert!(
            scenarios.iter().any(|scenario| scenario.name() == name),
            "{name}"
        );
    }
}

#[test]
fn numbers_have_three_digits() {
    let check = |value, expected: &str| assert_eq!(number(value), expected);
    check(0.0, "0.00");
    check(0.123_456, "0.123");
    check(1.305, "1.30");
    check(42.42, "42.4");
    check(999.4, "999");
    check(9_999.0, "9999");
    check(12_345.0, "12.3 k");
    check(8_334_000.0, "8.33 M");
    check(2_500_000_000.0, "2.50 G");
}
