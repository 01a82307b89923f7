//! Prometheus's text format, version 0.0.4.
//!
//! Columns are shown as they are, counters since the start. Times are histograms of brokers, of queues
//! only their number and sum: that is a mean, at two lines a queue instead of twenty.

use std::fmt::Write as _;

use broker_core::metrics::{Histogram, Latencies};

use super::columns::{Kind, Scope};
use super::rows::{Row, Rows, Subject};

/// What the answer is called.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Buckets shown: ends that are a power of four, from 64 µs to 18 minutes.
const SHOWN_POWERS: std::ops::RangeInclusive<u32> = 3..=15;

/// Bytes a line takes, roughly.
const LINE_BYTES: usize = 96;

/// Name, help, and where it is.
type Stretch = (&'static str, &'static str, fn(&Latencies) -> &Histogram);

const STRETCHES: [Stretch; 3] = [
    (
        "publish_to_durable_seconds",
        "Time from a queue to being safe, of the messages that were timed.",
        |it| &it.publish_durable,
    ),
    (
        "durable_to_deliver_seconds",
        "Time from being safe to a consumer, of the messages that were timed.",
        |it| &it.durable_deliver,
    ),
    (
        "deliver_to_ack_seconds",
        "Time from a consumer to its acknowledgement, of the messages that were timed.",
        |it| &it.deliver_ack,
    ),
];

/// The figures since the start as text.
pub(crate) fn text(rows: &Rows) -> String {
    let lines: usize = rows.rows.iter().map(|row| row.values.len() + 6).sum();
    let mut out = String::with_capacity(lines * LINE_BYTES);
    for scope in Scope::ALL {
        let all = rows.rows.iter().filter(|row| row.subject.scope == scope);
        let of_scope: Vec<_> = all.map(|row| (row, labels(&row.subject))).collect();
        if of_scope.is_empty() {
            continue;
        }
        for (place, column) in scope.columns().iter().enumerate() {
            let (kind, total) = match column.kind {
                Kind::Gauge => ("gauge", ""),
                Kind::Counter => ("counter", "_total"),
            };
            let name = format!("{}{}{total}", scope.prefix(), column.name);
            head(&mut out, &name, kind, column.help);
            for (row, labels) in &of_scope {
                let value = row.values[place];
                out.push_str(&name);
                out.push_str(labels);
                out.push(' ');
                number(&mut out, value, column.scale);
                out.push('\n');
            }
        }
        times(&mut out, scope, &of_scope);
    }
    out
}

/// Adds a metric's head.
pub(super) fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn number(out: &mut String, value: u64, scale: u32) {
    let _ = match scale {
        1 => write!(out, "{value}"),
        scale => write!(out, "{}", value as f64 / f64::from(scale)),
    };
}

fn times(out: &mut String, scope: Scope, rows: &[(&Row, String)]) {
    if !matches!(scope, Scope::Broker | Scope::Queue) {
        return;
    }
    for (name, help, stretch) in STRETCHES {
        let name = format!("{}{name}", scope.prefix());
        let kind = match scope {
            Scope::Broker => "histogram",
            _ => "summary",
        };
        head(out, &name, kind, help);
        for (row, labels) in rows {
            let Some(times) = row.latencies.as_deref().map(stretch) else {
                continue;
            };
            if scope == Scope::Broker {
                buckets(out, &name, labels, times);
            }
            let sum = times.sum_us as f64 / 1e6;
            let _ = writeln!(out, "{name}_sum{labels} {sum}");
            let _ = writeln!(out, "{name}_count{labels} {}", times.count());
        }
    }
}

fn buckets(out: &mut String, name: &str, labels: &str, times: &Histogram) {
    // The closing brace is left out: there is one more label.
    let labels = &labels[..labels.len() - 1];
    for power in SHOWN_POWERS {
        let end_us = 1_u64 << (2 * power);
        let ends = (0..times.counts.len()).take_while(|it| Histogram::end_us(*it) <= end_us);
        let count: u64 = times.counts[..ends.count()].iter().sum();
        let le = end_us as f64 / 1e6;
        let _ = writeln!(out, "{name}_bucket{labels},le=\"{le}\"}} {count}");
    }
    let count = times.count();
    let _ = writeln!(out, "{name}_bucket{labels},le=\"+Inf\"}} {count}");
}

/// A subject's labels, in braces; nothing for the host.
fn labels(subject: &Subject) -> String {
    let Subject {
        scope,
        broker,
        vhost,
        name,
    } = subject;
    let mut out = String::new();
    let mut add = |label: &str, value: &str| {
        out.push(if out.is_empty() { '{' } else { ',' });
        out.push_str(label);
        out.push_str("=\"");
        escape(&mut out, value);
        out.push('"');
    };
    match scope {
        Scope::Host => return out,
        Scope::Broker => add("broker", broker),
        Scope::Queue | Scope::Topic => {
            add("broker", broker);
            add("vhost", vhost);
            add(
                if *scope == Scope::Queue {
                    "queue"
                } else {
                    "topic"
                },
                name,
            );
        }
        Scope::User | Scope::Listener => {
            add("broker", broker);
            add(
                if *scope == Scope::User {
                    "user"
                } else {
                    "listener"
                },
                name,
            );
        }
    }
    out.push('}');
    out
}

/// Adds a label's value: backslash, quote and line feed are escaped, all else is UTF-8 as it is.
pub(super) fn escape(out: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::{host, queue};
    use super::super::rows::tests::queue_row;
    use super::*;

    #[test]
    fn columns_become_lines() {
        let mut values = vec![0; host::COLUMNS.len()];
        values[host::CPU_BUSY] = 1234;
        let machine = Row {
            subject: Subject::host(),
            values,
            latencies: None,
        };
        let mut queue = queue_row("a \"b\"\\\n", &[(queue::READY, 3), (queue::PUBLISHED, 70)]);
        let mut latencies = Latencies::default();
        for us in [10, 200, 300, 70_000] {
            latencies.deliver_ack.record(us);
        }
        queue.latencies = Some(Box::new(latencies));
        let broker = Row {
            subject: Subject {
                scope: Scope::Broker,
                name: "".into(),
                vhost: "".into(),
                ..queue.subject.clone()
            },
            values: vec![0; Scope::Broker.columns().len()],
            latencies: queue.latencies.clone(),
        };
        let rows = Rows {
            rows: vec![machine, broker, queue],
            ..Rows::default()
        };
        let text = text(&rows);
        let shown = |start: &str| {
            let lines = text.lines().filter(|line| line.contains(start));
            lines.collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(shown("host_cpu_busy"), @"
        # HELP ferrymq_host_cpu_busy_seconds_total Time the machine's processors worked.
        # TYPE ferrymq_host_cpu_busy_seconds_total counter
        ferrymq_host_cpu_busy_seconds_total 12.34
        ");
        insta::assert_snapshot!(shown("queue_messages_ready"), @r#"
        # HELP ferrymq_queue_messages_ready Messages that wait.
        # TYPE ferrymq_queue_messages_ready gauge
        ferrymq_queue_messages_ready{broker="orders",vhost="/",queue="a \"b\"\\\n"} 3
        "#);
        insta::assert_snapshot!(shown("queue_deliver_to_ack"), @r#"
        # HELP ferrymq_queue_deliver_to_ack_seconds Time from a consumer to its acknowledgement, of the messages that were timed.
        # TYPE ferrymq_queue_deliver_to_ack_seconds summary
        ferrymq_queue_deliver_to_ack_seconds_sum{broker="orders",vhost="/",queue="a \"b\"\\\n"} 0.07051
        ferrymq_queue_deliver_to_ack_seconds_count{broker="orders",vhost="/",queue="a \"b\"\\\n"} 4
        "#);
        insta::assert_snapshot!(shown("broker_deliver_to_ack"), @r#"
        # HELP ferrymq_broker_deliver_to_ack_seconds Time from a consumer to its acknowledgement, of the messages that were timed.
        # TYPE ferrymq_broker_deliver_to_ack_seconds histogram
        ferrymq_broker_deliver_to_ack_seconds_bucket{broker="orders",le="0.000064"} 1
        ferrymq_broker_deliver_to_ack_seconds_bucket{broker="orders",le="0.000256"} 2
        ferrymq_broker_deliver_to_ack_seconds_bucket{broker="orders",le="0.001024"} 3
        ferrymq_broker_deliver_to_ack_seconds_bucket{broker="orders",le="0.004096"} 3
        ferrymq_broker_deliver_to_ack_seconds_bucket{broker="orders",le="0.016384"} 3
        ferrymq_broker_deliver_to_ack_seconds_bucket{broker="orders",le="0.065536"} 3
        ferrymq_broker_deliver_to_ack_seconds_bucket{broker="orders",le="0.262144"} 4
        ferrymq_broker_deliver_to_ack_seconds_bucket{broker="orders",le="1.048576"} 4
        ferrymq_broker_deliver_to_ack_seconds_bucket{broker="orders",le="4.194304"} 4
        ferrymq_broker_deliver_to_ack_seconds_bucket{broker="orders",le="16.777216"} 4
        ferrymq_broker_deliver_to_ack_seconds_bucket{broker="orders",le="67.108864"} 4
        ferrymq_broker_deliver_to_ack_seconds_bucket{broker="orders",le="268.435456"} 4
        ferrymq_broker_deliver_to_ack_seconds_bucket{broker="orders",le="1073.741824"} 4
        ferrymq_broker_deliver_to_ack_seconds_bucket{broker="orders",le="+Inf"} 4
        ferrymq_broker_deliver_to_ack_seconds_sum{broker="orders"} 0.07051
        ferrymq_broker_deliver_to_ack_seconds_count{broker="orders"} 4
        "#);
    }
}
