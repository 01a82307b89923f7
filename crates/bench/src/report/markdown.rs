//! The report as Markdown.

use std::fmt::Write as _;

use super::about::About;
use super::bars::{BARS, Limit};
use super::notes::Notes;
use super::summary::Summary;

pub(super) fn render(about: &About, summary: &Summary, notes: &Notes) -> String {
    let mut out = String::from("# Benchmark\n\n");
    conditions(about, &mut out);
    bars(summary, &mut out);
    missed(summary, notes, &mut out);
    for scenario in summary.scenarios() {
        table(scenario, summary, &mut out);
    }
    out
}

fn conditions(about: &About, out: &mut String) {
    line(
        out,
        &format!(
            "Commit {}, {}; medians of {} runs, {} s each, of one where a broker takes long to start. \
             Made by `make bench`; what is measured and how is told in `src/lib.rs` and \
             `src/scenario/`.\n",
            about.commit, about.date, about.runs, about.seconds
        ),
    );
    line(out, "| machine | |\n| --- | --- |");
    for (name, value) in &about.machine {
        line(out, &format!("| {name} | {value} |"));
    }
    line(
        out,
        "\n| broker | version | settings |\n| --- | --- | --- |",
    );
    for broker in &about.brokers {
        line(
            out,
            &format!(
                "| {} | {} | {} |",
                broker.name, broker.version, broker.settings
            ),
        );
    }
    if !about.failures.is_empty() {
        line(out, "\nWhat failed:\n");
        for failure in &about.failures {
            line(out, &format!("- {}", failure.replace('\n', " ")));
        }
    }
}

fn bars(summary: &Summary, out: &mut String) {
    line(
        out,
        "\n## Bars\n\nMessages per second of the broker's processor time, unless said otherwise.\n",
    );
    line(
        out,
        "| bar | figure | must | stretch | verdict |\n| --- | --- | --- | --- | --- |",
    );
    for bar in BARS {
        let Some(verdict) = bar.judge(summary) else {
            line(out, &format!("| {} | not measured | | | |", bar.what));
            continue;
        };
        let (sign, must) = match verdict.must {
            Limit::AtLeast(limit) => ('≥', limit),
            Limit::AtMost(limit) => ('≤', limit),
        };
        let stretch = verdict
            .stretch
            .map_or(String::new(), |limit| format!("{sign} {}", number(limit)));
        let words = match (verdict.met, verdict.stretch_met) {
            (_, true) => "met, stretch too".to_owned(),
            (true, false) => "met".to_owned(),
            (false, _) => {
                let factor = verdict.must.missed_by(verdict.figure);
                format!("**missed** by a factor of {factor:.2}")
            }
        };
        line(
            out,
            &format!(
                "| {} | {} | {sign} {} | {stretch} | {words} |",
                bar.what,
                number(verdict.figure),
                number(must)
            ),
        );
    }
}

/// By how much, and what is known about it.
fn missed(summary: &Summary, notes: &Notes, out: &mut String) {
    let scenarios = super::missed(summary);
    if scenarios.is_empty() {
        return;
    }
    line(out, "\n## Missed bars");
    for (scenario, bars) in scenarios {
        line(out, &format!("\n### {scenario}\n"));
        for (what, factor) in bars {
            line(out, &format!("- {what}: by a factor of {factor:.2}"));
        }
        for paragraph in notes.of(scenario) {
            line(out, &format!("\n{paragraph}"));
        }
    }
}

/// A row for each variant and broker, a column for each metric.
fn table(scenario: &str, summary: &Summary, out: &mut String) {
    let metrics = summary.metrics(scenario);
    line(out, &format!("\n## {scenario}\n"));
    let headings: String = metrics
        .iter()
        .map(|metric| format!(" {metric} |"))
        .collect();
    line(out, &format!("| variant | broker |{headings}"));
    line(
        out,
        &format!("| --- | --- |{}", " ---: |".repeat(metrics.len())),
    );
    for (variant, target) in summary.rows(scenario) {
        let cell = |metric: &&str| {
            let Some(median) = summary.median(scenario, variant, target, metric) else {
                return " |".to_owned();
            };
            let range = summary.range(scenario, variant, target, metric);
            match range.filter(|(least, most)| least != most) {
                Some((least, most)) => {
                    let (least, most) = (number(least), number(most));
                    format!(" {} ({least}-{most}) |", number(median))
                }
                None => format!(" {} |", number(median)),
            }
        };
        let cells: String = metrics.iter().map(cell).collect();
        line(out, &format!("| {variant} | {target} |{cells}"));
    }
}

/// Three digits that matter, thousands and millions by letter.
pub(super) fn number(value: f64) -> String {
    let (value, unit) = match value.abs() {
        size if size >= 1e9 => (value / 1e9, " G"),
        size if size >= 1e6 => (value / 1e6, " M"),
        size if size >= 1e4 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let text = match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    };
    format!("{text}{unit}")
}

fn line(out: &mut String, text: &str) {
    // A String takes everything.
    let _ = writeln!(out, "{text}");
}
