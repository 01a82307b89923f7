//! The report as one page of HTML that needs nothing else: styles and charts are in it.

use std::fmt::Write as _;

use super::about::About;
use super::bars::{BARS, Limit, Verdict};
use super::markdown::number;
use super::notes::Notes;
use super::summary::Summary;

/// What is drawn: scenario, metric, title. Longer is better unless the title says otherwise.
#[rustfmt::skip] // A table is read by column.
pub(super) const CHARTS: &[(&str, &str, &str)] = &[
    ("transient", "delivered_per_cpu_s", "Transient 1→1: messages per second of broker CPU"),
    ("transient", "delivered_per_s",     "Transient 1→1: messages per second"),
    ("confirmed", "confirmed_per_s",     "Persistent, confirmed, W=256: messages per second"),
    ("confirmed", "delivered_per_cpu_s", "Persistent, confirmed, W=256: messages per second of broker CPU"),
    ("bandwidth", "confirmed_per_s",     "Persistent 16 KiB, large window: messages per second"),
    ("fanout",    "delivered_per_cpu_s", "Fan-out 1→100: deliveries per second of broker CPU"),
    ("routing",   "delivered_per_cpu_s", "Topic exchange: messages per second of the broker's processor time"),
    ("scaling",   "delivered_per_free_core_s", "Separate queues: messages per second for each free processor"),
    ("single",    "confirm_p50_us",      "W=1: median confirm, µs (shorter is better)"),
    ("latency",   "delivery_p50_us",     "5,000 messages per second: median delivery, µs (shorter is better)"),
    ("latency",   "delivery_p99_us",     "5,000 messages per second: 99th percentile of deliveries, µs (shorter is better)"),
    ("latency",   "confirm_p50_us",      "5,000 messages per second: median confirm, µs (shorter is better)"),
    ("start",     "start_s",             "Start to first word, s (shorter is better)"),
    ("start",     "rss_bytes",           "Idle resident memory, bytes (shorter is better)"),
    ("backlog",   "drained_per_s",       "Backlog: drained messages per second"),
    ("backlog",   "rss_growth_bytes",    "Backlog: growth of resident memory, bytes (shorter is better)"),
    ("backlog",   "usable_s",            "Backlog: usable after kill -9, s (shorter is better)"),
    ("idle",      "bytes_per_connection", "Idle connection: resident bytes (shorter is better)"),
    ("idle",      "connected_per_s",     "Connections opened in a row, per second"),
    ("declares",  "declared_per_s",      "Durable queues declared in a row, per second"),
    ("declares",  "bytes_per_queue",     "Durable queue: resident bytes (shorter is better)"),
    ("instructions", "instructions_per_message", "Engine: instructions per message (shorter is better)"),
];

/// Geometry of a chart, pixels.
const LABEL_WIDTH: f64 = 190.0;
const BAR_WIDTH: f64 = 420.0;
const ROW_HEIGHT: f64 = 22.0;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
padding:0 1rem;color:#1d2430}h1,h2{line-height:1.2}table{border-collapse:collapse;width:100%}\
td,th{text-align:left;padding:.25rem .5rem;border-bottom:1px solid #dde3ea;vertical-align:top}\
td.n{text-align:right;white-space:nowrap}.met{color:#13703a}.missed{color:#b3261e;font-weight:600}\
svg{max-width:100%;height:auto}figure{margin:1.5rem 0}figcaption{font-weight:600}";

pub(super) fn render(about: &About, summary: &Summary, notes: &Notes) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>FerryMQ benchmark</title>\
         <style>{STYLE}</style></head><body>\n<h1>FerryMQ benchmark</h1>\n"
    );
    conditions(about, &mut out);
    bars(summary, &mut out);
    missed(summary, notes, &mut out);
    push(&mut out, "<h2>Charts</h2>\n");
    for (scenario, metric, title) in CHARTS {
        chart(scenario, metric, title, summary, &mut out);
    }
    push(&mut out, "</body></html>\n");
    out
}

fn conditions(about: &About, out: &mut String) {
    push(
        out,
        &format!(
            "<p>Commit {}, {}; medians of {} runs, {} s each.</p>\n<table>\n",
            escape(&about.commit),
            escape(&about.date),
            about.runs,
            about.seconds
        ),
    );
    for (name, value) in &about.machine {
        push(
            out,
            &format!("<tr><th>{}<td>{}\n", escape(name), escape(value)),
        );
    }
    for broker in &about.brokers {
        let (name, version) = (escape(&broker.name), escape(&broker.version));
        let settings = escape(&broker.settings);
        push(out, &format!("<tr><th>{name}<td>{version} {settings}\n"));
    }
    push(out, "</table>\n");
    for failure in &about.failures {
        push(
            out,
            &format!("<p class=\"missed\">Failed: {}</p>\n", escape(failure)),
        );
    }
}

fn bars(summary: &Summary, out: &mut String) {
    push(
        out,
        "<h2>Bars</h2>\n<p>Messages per second of the broker's processor time, unless said \
         otherwise.</p>\n<table>\n<tr><th>bar<th>figure<th>must<th>stretch<th>\n",
    );
    for bar in BARS {
        let what = escape(bar.what);
        let Some(verdict) = bar.judge(summary) else {
            push(
                out,
                &format!("<tr><td>{what}<td>not measured<td><td><td>\n"),
            );
            continue;
        };
        let (sign, must) = match verdict.must {
            Limit::AtLeast(limit) => ('≥', number(limit)),
            Limit::AtMost(limit) => ('≤', number(limit)),
        };
        let stretch = verdict.stretch.map(number).unwrap_or_default();
        push(
            out,
            &format!(
                "<tr><td>{what}<td class=\"n\">{}<td class=\"n\">{sign} {must}<td class=\"n\">{stretch}\
                 <td>{}\n",
                number(verdict.figure),
                word(&verdict),
            ),
        );
    }
    push(out, "</table>\n");
}

/// By how much, and what is known about it.
fn missed(summary: &Summary, notes: &Notes, out: &mut String) {
    let scenarios = super::missed(summary);
    if scenarios.is_empty() {
        return;
    }
    push(out, "<h2>Missed bars</h2>\n");
    for (scenario, bars) in scenarios {
        push(out, &format!("<h3>{scenario}</h3>\n<ul>\n"));
        for (what, factor) in bars {
            let what = escape(what);
            push(out, &format!("<li>{what}: by a factor of {factor:.2}\n"));
        }
        push(out, "</ul>\n");
        for paragraph in notes.of(scenario) {
            push(out, &format!("<p>{}</p>\n", escape(paragraph)));
        }
    }
}

fn word(verdict: &Verdict) -> String {
    match (verdict.met, verdict.stretch_met) {
        (_, true) => "<span class=\"met\">met, stretch too</span>".to_owned(),
        (true, false) => "<span class=\"met\">met</span>".to_owned(),
        (false, _) => {
            let factor = verdict.must.missed_by(verdict.figure);
            format!("<span class=\"missed\">missed by {factor:.2}×</span>")
        }
    }
}

/// A bar for each variant and broker; within a variant the longest fills the width.
fn chart(scenario: &str, metric: &str, title: &str, summary: &Summary, out: &mut String) {
    let measured = |(variant, target)| {
        let median = summary.median(scenario, variant, target, metric)?;
        Some((variant, target, median))
    };
    let mut rows: Vec<(&str, &str, f64)> = summary
        .rows(scenario)
        .into_iter()
        .filter_map(measured)
        .collect();
    if rows.is_empty() {
        return;
    }
    let order: Vec<&str> = rows.iter().map(|(variant, ..)| *variant).collect();
    let place = |variant: &str| order.iter().position(|known| *known == variant);
    rows.sort_by_key(|(variant, target, _)| (place(variant), *target));
    let height = rows.len() as f64 * ROW_HEIGHT;
    let width = LABEL_WIDTH + BAR_WIDTH + 90.0;
    push(
        out,
        &format!(
            "<figure><figcaption>{}</figcaption>\n<svg viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" role=\"img\" aria-label=\"{0}\" font-size=\"13\">\n",
            escape(title)
        ),
    );
    for (number_of_row, (variant, target, value)) in rows.iter().enumerate() {
        let of_variant = rows.iter().filter(|(other, ..)| other == variant);
        let longest = of_variant.map(|(.., value)| *value).fold(0.0, f64::max);
        let length = (value / longest * BAR_WIDTH).max(1.0);
        let top = number_of_row as f64 * ROW_HEIGHT;
        let text = top + ROW_HEIGHT * 0.7;
        push(
            out,
            &format!(
                "<text x=\"0\" y=\"{text:.0}\">{} {}</text><rect x=\"{LABEL_WIDTH}\" \
                 y=\"{:.0}\" width=\"{length:.0}\" height=\"{:.0}\" fill=\"{}\"/>\
                 <text x=\"{:.0}\" y=\"{text:.0}\">{}</text>\n",
                escape(variant),
                escape(target),
                top + 3.0,
                ROW_HEIGHT - 6.0,
                color(target),
                LABEL_WIDTH + length + 6.0,
                number(*value),
            ),
        );
    }
    push(out, "</svg></figure>\n");
}

fn color(target: &str) -> &'static str {
    match target {
        "ferrymq" => "#1f6feb",
        "null" | "null-journal" => "#9aa5b1",
        "disk" => "#c9b458",
        "rabbitmq" => "#e8762d",
        "mosquitto" => "#3c5280",
        "artemis" => "#b3477d",
        _ => "#2d9c8f",
    }
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

fn push(out: &mut String, text: &str) {
    // A String takes everything.
    let _ = write!(out, "{text}");
}
