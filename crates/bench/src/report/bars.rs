//! What FerryMQ has to reach, and whether it did.

use super::summary::Summary;

const FERRYMQ: &str = "ferrymq";

/// A figure and what it is held against.
pub(super) struct Bar {
    /// What is compared, for people.
    pub what: &'static str,
    pub scenario: &'static str,
    variant: &'static str,
    metric: &'static str,
    against: Against,
    /// The figure counts times this.
    scale: f64,
    must: Limit,
    stretch: Option<f64>,
}

/// What the figure is divided by.
enum Against {
    Nothing,
    /// The same metric of another broker.
    Target(&'static str),
    /// Another broker's other metric.
    Metric(&'static str, &'static str),
    /// The same metric of FerryMQ in another variant.
    Variant(&'static str),
    /// Another metric of FerryMQ in the same variant.
    Own(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

/// A bar with its figure.
#[derive(Debug, PartialEq)]
pub(super) struct Verdict {
    pub figure: f64,
    pub must: Limit,
    pub stretch: Option<f64>,
    pub met: bool,
    pub stretch_met: bool,
}

impl Limit {
    fn admits(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(limit) => figure >= limit,
            Self::AtMost(limit) => figure <= limit,
        }
    }

    fn with(self, limit: f64) -> Self {
        match self {
            Self::AtLeast(_) => Self::AtLeast(limit),
            Self::AtMost(_) => Self::AtMost(limit),
        }
    }

    /// How far a figure is from it, as a factor above 1 for one that misses.
    pub(super) fn missed_by(self, figure: f64) -> f64 {
        match self {
            Self::AtLeast(limit) => limit / figure,
            Self::AtMost(limit) => figure / limit,
        }
    }
}

impl Bar {
    /// `None` if one of its figures was not measured.
    pub(super) fn judge(&self, summary: &Summary) -> Option<Verdict> {
        let own = |variant, metric| summary.median(self.scenario, variant, FERRYMQ, metric);
        let other = |target, metric| summary.median(self.scenario, self.variant, target, metric);
        let divisor = match self.against {
            Nothing => 1.0,
            Target(target) => other(target, self.metric)?,
            Metric(target, metric) => other(target, metric)?,
            Variant(variant) => own(variant, self.metric)?,
            Own(metric) => own(self.variant, metric)?,
        };
        let figure = own(self.variant, self.metric)? * self.scale / divisor;
        let stretch_met = self
            .stretch
            .is_some_and(|limit| self.must.with(limit).admits(figure));
        Some(Verdict {
            figure,
            must: self.must,
            stretch: self.stretch,
            met: self.must.admits(figure),
            stretch_met,
        })
    }
}

macro_rules! bars {
    ($($what:literal: $scenario:literal $variant:literal $metric:literal * $scale:literal / $against:expr,
        $limit:ident $must:literal $(, stretch $stretch:literal)?;)*) => {
        /// All bars.
        pub(super) const BARS: &[Bar] = &[$(Bar {
            what: $what,
            scenario: $scenario,
            variant: $variant,
            metric: $metric,
            scale: $scale,
            against: $against,
            must: Limit::$limit($must),
            stretch: bars!(@stretch $($stretch)?),
        },)*];
    };
    (@stretch) => { None };
    (@stretch $stretch:literal) => { Some($stretch) };
}

use Against::{Metric, Nothing, Own, Target, Variant};

#[rustfmt::skip] // A table is read by column.
bars! {
    "transient 16 B, share of the null broker":  "transient" "16 B"    "delivered_per_cpu_s" * 1.0 / Target("null"), AtLeast 0.12, stretch 0.25;
    "transient 1 KiB, share of the null broker": "transient" "1 KiB"   "delivered_per_cpu_s" * 1.0 / Target("null"), AtLeast 0.28, stretch 0.5;
    "transient 16 KiB, share of the null broker":  "transient" "16 KiB"  "delivered_per_cpu_s" * 1.0 / Target("null"), AtLeast 0.6, stretch 0.85;
    "transient 256 KiB, share of the null broker": "transient" "256 KiB" "delivered_per_cpu_s" * 1.0 / Target("null"), AtLeast 0.6, stretch 0.85;
    "transient 16 B, times rabbitmq":  "transient" "16 B"  "delivered_per_cpu_s" * 1.0 / Target("rabbitmq"), AtLeast 25.0;
    "transient 1 KiB, times rabbitmq": "transient" "1 KiB" "delivered_per_cpu_s" * 1.0 / Target("rabbitmq"), AtLeast 20.0;
    "confirmed 16 B, W=256, rate against the null broker with journal":  "confirmed" "16 B"  "confirmed_per_s" * 1.0 / Target("null-journal"), AtLeast 0.8, stretch 1.1;
    "confirmed 1 KiB, W=256, rate against the null broker with journal": "confirmed" "1 KiB" "confirmed_per_s" * 1.0 / Target("null-journal"), AtLeast 0.8, stretch 1.1;
    "persistent 16 KiB, share of the disk's durable bandwidth": "bandwidth" "16 KiB" "confirmed_per_s" * 16384.0 / Metric("disk", "durable_bytes_per_s"), AtLeast 0.8, stretch 0.95;
    "persistent W=1, median confirm, times one fdatasync": "single" "W=1" "confirm_p50_us" * 1.0 / Metric("disk", "fdatasync_p50_us"), AtMost 1.3, stretch 1.1;
    "fan-out 1→100 16 B, times nats":  "fanout" "16 B"  "delivered_per_cpu_s" * 1.0 / Target("nats"), AtLeast 1.0, stretch 2.0;
    "fan-out 1→100 1 KiB, times nats": "fanout" "1 KiB" "delivered_per_cpu_s" * 1.0 / Target("nats"), AtLeast 1.0, stretch 2.0;
    "routing by 10,000 bindings, share of the messages by 10": "routing" "10,000 bindings" "delivered_per_cpu_s" * 1.0 / Variant("10 bindings"), AtLeast 0.77;
    "latency at 5 k/s transient, median, times the null broker": "latency" "transient" "delivery_p50_us" * 1.0 / Target("null"), AtMost 1.5;
    "latency at 5 k/s durable, median confirm, times one fdatasync": "latency" "durable" "confirm_p50_us" * 1.0 / Metric("disk", "fdatasync_p50_us"), AtMost 1.3;
    "backlog, share of a million messages that it took": "backlog" "1 KiB" "taken_share" * 1.0 / Nothing, AtLeast 1.0;
    "backlog, growth of RSS, MB": "backlog" "1 KiB" "rss_growth_bytes" * 1e-6 / Nothing, AtMost 32.0;
    "backlog, disk against payload": "backlog" "1 KiB" "disk_bytes" * 1.0 / Own("payload_bytes"), AtMost 1.05;
    "backlog, drain against fill": "backlog" "1 KiB" "drained_per_s" * 1.0 / Own("filled_per_s"), AtLeast 1.0;
    "backlog, usable after kill -9, s": "backlog" "1 KiB" "usable_s" * 1.0 / Nothing, AtMost 0.3, stretch 0.1;
    "start, ms": "start" "empty" "start_s" * 1e3 / Nothing, AtMost 50.0, stretch 20.0;
    "idle RSS, MB": "start" "empty" "rss_bytes" * 1e-6 / Nothing, AtMost 10.0, stretch 6.0;
    "idle connection with a channel, KiB": "idle" "connections" "bytes_per_connection" * 0.0009765625 / Nothing, AtMost 8.0, stretch 4.0;
    "durable queues declared in a row, per s": "declares" "10,000" "declared_per_s" * 1.0 / Nothing, AtLeast 10000.0, stretch 50000.0;
    "durable queue, KiB of RAM": "declares" "10,000" "bytes_per_queue" * 0.0009765625 / Nothing, AtMost 1.0;
    "4→4 on four queues with two processors free, times the rate of 1→1 with one": "scaling" "4→4 16 B" "delivered_per_free_core_s" * 2.0 / Variant("1→1 16 B"), AtLeast 1.8;
    "instructions per transient message of 16 B": "instructions" "transient 16 B" "instructions_per_message" * 1.0 / Nothing, AtMost 3000.0;
}
