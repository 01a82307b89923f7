//! Every metric by its name, unit and dimensions, and how it is made of the [columns](super::columns).
//!
//! Three vocabularies name the same figures: those of Amazon MQ's two engines, so that dashboards and
//! alarms go on to work, and FerryMQ's own, which has what neither has. A metric of theirs that means
//! nothing here has a row too, which says why, and is not given out.

mod activemq;
mod ferrymq;
mod rabbitmq;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use broker_core::metrics::{Histogram, Latencies};
use serde::Deserialize;

use super::columns::Scope;
use super::rows::{Row, Rows, Subject};

/// Whose word a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::enum_variant_names, reason = "the products are called so")]
pub(crate) enum Engine {
    /// Amazon MQ for ActiveMQ.
    ActiveMq,
    /// FerryMQ.
    FerryMq,
    /// Amazon MQ for RabbitMQ.
    RabbitMq,
}

/// What a value is counted in; the names are CloudWatch's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Bytes,
    Count,
    /// CPU credits, which CloudWatch has as `Count`.
    Credits,
    Milliseconds,
    Percent,
}

/// One part of what a metric is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dimension {
    /// The broker's name; in ActiveMQ's vocabulary with the number of its node behind it, `orders-1`.
    Broker,
    /// The same, of network figures in RabbitMQ's vocabulary.
    BrokerId,
    Listener,
    NetworkConnector,
    /// The node's name: the broker's name and the number of its node.
    Node,
    /// In ActiveMQ's vocabulary the virtual host is before the name, `vhost/name`, unless it is `/`.
    Queue,
    /// As Queue. Exchanges of type topic and fanout are topics.
    Topic,
    User,
    VirtualHost,
}

/// A stretch of a message's way that is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stretch {
    PublishDurable,
    DurableDeliver,
    DeliverAck,
}

/// How a value is made of a row of a period.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    /// There is no such thing here; the meaning says why.
    Absent,
    /// The column: what it is now, or how often it happened in the period.
    Column(usize),
    /// The same of a time, milliseconds.
    Millis(usize),
    /// Several columns together.
    Sum(&'static [usize]),
    /// How often a second it happened.
    Rate(&'static [usize]),
    /// The one in hundredths of the other.
    Percent(usize, usize),
    /// A column of the host.
    Host(usize),
    /// The same in hundredths of another.
    HostPercent(usize, usize),
    /// Milliseconds of the one for each of the other, of the host.
    HostMean(usize, usize),
    /// Milliseconds on average from a queue to a consumer.
    EnqueueTime,
    /// The times themselves, milliseconds.
    Times(Stretch),
}

/// One metric.
#[derive(Debug)]
pub(crate) struct Metric {
    pub engine: Engine,
    pub name: &'static str,
    pub unit: Unit,
    pub dimensions: &'static [Dimension],
    /// Of which rows it is made.
    pub scope: Scope,
    pub source: Source,
    /// What it means here, for people.
    pub meaning: &'static str,
}

/// A metric's value in one period.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    One(f64),
    /// Microseconds.
    Times(Box<Histogram>),
}

/// All metrics.
pub(crate) fn all() -> impl Iterator<Item = &'static Metric> {
    let engines = [activemq::METRICS, ferrymq::METRICS, rabbitmq::METRICS];
    engines.into_iter().flatten()
}

impl Engine {
    /// Its name in the configuration and in the interface.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ActiveMq => "activemq",
            Self::FerryMq => "ferrymq",
            Self::RabbitMq => "rabbitmq",
        }
    }
}

impl Unit {
    /// CloudWatch's word.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "Bytes",
            Self::Count | Self::Credits => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Percent => "Percent",
        }
    }
}

impl Dimension {
    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Broker => "Broker",
            Self::BrokerId => "BrokerId",
            Self::Listener => "Listener",
            Self::NetworkConnector => "NetworkConnector",
            Self::Node => "Node",
            Self::Queue => "Queue",
            Self::Topic => "Topic",
            Self::User => "User",
            Self::VirtualHost => "VirtualHost",
        }
    }
}

impl Metric {
    /// The value of a period, if it had one.
    pub(crate) fn value(&self, row: &Row, host: Option<&Row>, seconds: u32) -> Option<Value> {
        let of = |row: &Row, column: usize| {
            let scale = row.subject.scope.columns()[column].scale;
            row.values[column] as f64 / f64::from(scale)
        };
        let own = |column: &usize| of(row, *column);
        let ratio =
            |part: f64, whole: f64, factor: f64| (whole > 0.0).then(|| factor * part / whole);
        let value = match self.source {
            Source::Absent => return None,
            Source::Times(stretch) => {
                let times = stretch.of(row.latencies.as_deref()?);
                return (times.count() > 0).then(|| Value::Times(Box::new(*times)));
            }
            Source::Column(column) => own(&column),
            Source::Millis(column) => own(&column) * 1000.0,
            Source::Sum(columns) => columns.iter().map(own).sum(),
            Source::Rate(columns) => {
                columns.iter().map(own).sum::<f64>() / f64::from(seconds.max(1))
            }
            Source::Percent(part, whole) => ratio(own(&part), own(&whole), 100.0)?,
            Source::Host(column) => of(host?, column),
            Source::HostPercent(part, whole) => ratio(of(host?, part), of(host?, whole), 100.0)?,
            Source::HostMean(time, count) => ratio(of(host?, time), of(host?, count), 1000.0)?,
            Source::EnqueueTime => {
                let latencies = row.latencies.as_deref()?;
                let mean = |times: &Histogram| {
                    ratio(times.sum_us as f64, times.count() as f64, 0.001).unwrap_or(0.0)
                };
                (latencies.durable_deliver.count() > 0)
                    .then(|| mean(&latencies.publish_durable) + mean(&latencies.durable_deliver))?
            }
        };
        Some(Value::One(value))
    }

    /// Its dimensions' values for that subject. `node` is the number of this agent's node of the
    /// broker.
    pub(crate) fn labels(&self, subject: &Subject, node: u16) -> Vec<(Dimension, Arc<str>)> {
        let with_node = || -> Arc<str> { format!("{}-{node}", subject.broker).into() };
        let destination = || -> Arc<str> {
            match (self.engine, &*subject.vhost) {
                (Engine::ActiveMq, vhost) if vhost != "/" => {
                    format!("{vhost}/{}", subject.name).into()
                }
                _ => Arc::clone(&subject.name),
            }
        };
        let value = |dimension: &Dimension| match dimension {
            Dimension::Broker if self.engine == Engine::ActiveMq => with_node(),
            Dimension::Broker | Dimension::BrokerId => Arc::clone(&subject.broker),
            Dimension::Node => with_node(),
            Dimension::Queue | Dimension::Topic => destination(),
            Dimension::VirtualHost => Arc::clone(&subject.vhost),
            Dimension::Listener | Dimension::NetworkConnector | Dimension::User => {
                Arc::clone(&subject.name)
            }
        };
        let dimensions = self.dimensions.iter();
        dimensions.map(|it| (*it, value(it))).collect()
    }

    /// Whether it has values at all.
    pub(crate) fn is_given(&self) -> bool {
        !matches!(self.source, Source::Absent)
    }
}

impl Stretch {
    fn of(self, latencies: &Latencies) -> &Histogram {
        match self {
            Self::PublishDurable => &latencies.publish_durable,
            Self::DurableDeliver => &latencies.durable_deliver,
            Self::DeliverAck => &latencies.deliver_ack,
        }
    }
}

/// Every metric of the engines that has a value in those rows, with its subject's row.
pub(crate) fn values<'r>(
    rows: &'r Rows,
    engines: &'r [Engine],
) -> impl Iterator<Item = (&'static Metric, &'r Row, Value)> {
    let host = rows.find(&Subject::host());
    rows.rows.iter().flat_map(move |row| {
        let values = values_of(row, host, rows.seconds, engines);
        values.map(move |(metric, value)| (metric, row, value))
    })
}

/// The same of one row, in a period of so many seconds.
pub(crate) fn values_of<'r>(
    row: &'r Row,
    host: Option<&'r Row>,
    seconds: u32,
    engines: &'r [Engine],
) -> impl Iterator<Item = (&'static Metric, Value)> {
    let metrics = all().filter(move |metric| {
        metric.scope == row.subject.scope && engines.contains(&metric.engine)
    });
    metrics.filter_map(move |metric| Some((metric, metric.value(row, host, seconds)?)))
}

/// Writes a table of metrics: one row each.
macro_rules! metrics {
    ($engine:ident: $($name:literal $unit:ident [$($dimension:ident)*] $scope:ident $source:expr, $meaning:literal;)+) => {
        /// All of them.
        pub(super) const METRICS: &[Metric] = &[$(Metric {
            engine: Engine::$engine,
            name: $name,
            unit: Unit::$unit,
            dimensions: &[$(Dimension::$dimension),*],
            scope: Scope::$scope,
            source: $source,
            meaning: $meaning,
        },)+];
    };
}
use metrics;
