//! Values on their way to CloudWatch, or to whoever reads its formats: what to send next, and when.
//!
//! A state machine: [`Exporter::push`] takes a period in, [`Exporter::next`] says what to send now,
//! [`Exporter::sent`] what became of it. Periods that wait are kept as bytes, as in the history, up to a
//! limit; beyond that the oldest go, and are counted. One call carries what `PutMetricData` takes: 1,000
//! values and 1 MB. After a failure the next attempt waits, twice as long each time and by chance a
//! little less, so that many agents do not come back at once.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use cloud_aws::cloudwatch::dimension_value;

use super::catalogue::{self, Engine, Metric, Value};
use super::codec;
use super::columns::Scope;
use super::rows::{Row, Rows, Subject};

/// Most values of one call, and most bytes by [`Datum::size_bytes`].
pub(crate) const BATCH_LEN: usize = 1000;
pub(crate) const BATCH_BYTES: usize = 1_000_000;

/// CloudWatch takes no values older than two weeks.
const MAX_AGE_MS: u64 = 14 * 24 * 3_600_000;

/// Before the second attempt, and before later ones at most.
const PAUSE_MS: (u64, u64) = (1000, 300_000);

/// One value of one metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Datum {
    pub name: &'static str,
    pub unit: &'static str,
    /// Names and values, ASCII.
    pub dimensions: Vec<(&'static str, String)>,
    /// Milliseconds since 1970-01-01 UTC.
    pub at_ms: u64,
    pub value: Sent,
    /// Seconds of the period: 1 for high resolution, else 60.
    pub resolution_s: u8,
}

/// What is sent of a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sent {
    One(f64),
    /// Times, milliseconds, each as often as its count says: 64 at most.
    Distribution {
        values: Vec<f64>,
        counts: Vec<f64>,
        sum: f64,
    },
}

/// What one call carries.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub namespace: Arc<str>,
    pub data: Arc<[Datum]>,
}

/// Why a batch was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SendError {
    /// It may be, later.
    #[error("{0}")]
    Later(String),
    /// It never will be.
    #[error("{0}")]
    Never(String),
}

/// Where batches go.
#[tonic::async_trait]
pub(crate) trait Sender: Send + Sync + std::fmt::Debug {
    /// Sends a batch; gives up by itself after a time.
    async fn send(&self, batch: &Batch) -> Result<(), SendError>;
}

/// How values are chosen and kept.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub namespace: Arc<str>,
    pub engines: Vec<Engine>,
    pub scopes: Vec<Scope>,
    pub high_resolution: bool,
    pub buffer_bytes: usize,
}

/// What waits to be sent.
#[derive(Debug)]
pub(crate) struct Exporter {
    choice: Choice,
    waiting: VecDeque<Period>,
    waiting_bytes: usize,
    /// The oldest period, which is being sent,
    sending: Option<Sending>,
    /// and some of its values.
    data: VecDeque<Datum>,
    /// What was given out and not heard of yet, or has to be sent again.
    batch: Option<Batch>,
    in_flight: bool,
    failures: u32,
    retry_at_ms: u64,
    lost: Lost,
    random: u64,
}

/// A period that waits.
#[derive(Debug)]
struct Period {
    rows: Vec<u8>,
    nodes: Nodes,
    values: u64,
}

/// A period that is being sent. Its values take many times as much memory as its rows: they are made
/// as they are needed.
#[derive(Debug)]
struct Sending {
    rows: Rows,
    nodes: Nodes,
    /// Rows whose values were made.
    done: usize,
}

/// Numbers of this agent's nodes, by broker.
pub(crate) type Nodes = Arc<std::collections::BTreeMap<Arc<str>, u16>>;

/// Values that will never be sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// There was no room to keep them, or they grew too old.
    pub dropped: u64,
    /// They were not wanted.
    pub refused: u64,
}

impl Exporter {
    /// `seed` is any number that is not the same on all agents.
    pub(crate) fn new(choice: Choice, seed: u64) -> Self {
        Self {
            choice,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            sending: None,
            data: VecDeque::new(),
            batch: None,
            in_flight: false,
            failures: 0,
            retry_at_ms: 0,
            lost: Lost::default(),
            random: seed | 1,
        }
    }

    /// Takes in what a period had. Says how many values had to go for it.
    pub(crate) fn push(&mut self, rows: &Rows, nodes: &Nodes) -> u64 {
        let rows = self.choice.rows(rows);
        let values = catalogue::values(&rows, &self.choice.engines).count() as u64;
        let period = Period {
            rows: codec::encode(&rows),
            nodes: Arc::clone(nodes),
            values,
        };
        self.waiting_bytes += period.rows.len();
        self.waiting.push_back(period);
        let before = self.lost.dropped;
        while self.waiting_bytes > self.choice.buffer_bytes
            && let Some(period) = self.pop()
        {
            self.lost.dropped += period.values;
        }
        self.lost.dropped - before
    }

    /// What to send now, if anything. The answer is [`Self::sent`].
    pub(crate) fn next(&mut self, now_ms: u64) -> Option<Batch> {
        if self.in_flight || now_ms < self.retry_at_ms {
            return None;
        }
        while self.batch.is_none() {
            self.unpack();
            if self.data.is_empty() {
                self.begin(now_ms)?;
            }
            self.batch = self.gather();
        }
        self.in_flight = true;
        self.batch.clone()
    }

    /// When [`Self::next`] may have something, if nothing else happens.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        let is_sending = self.batch.is_some() || self.sending.is_some() || !self.data.is_empty();
        let has_some = is_sending || !self.waiting.is_empty();
        (has_some && !self.in_flight).then_some(self.retry_at_ms)
    }

    /// What became of the batch.
    pub(crate) fn sent(&mut self, now_ms: u64, outcome: &Result<(), SendError>) {
        self.in_flight = false;
        let values = self
            .batch
            .as_ref()
            .map_or(0, |batch| batch.data.len() as u64);
        match outcome {
            Ok(()) => {}
            Err(SendError::Never(_)) => self.lost.refused += values,
            Err(SendError::Later(_)) => {
                let (least, most) = PAUSE_MS;
                let pause_ms = (least << self.failures.min(20)).min(most);
                self.failures += 1;
                self.retry_at_ms = now_ms + pause_ms / 2 + self.chance(pause_ms / 2);
                return;
            }
        }
        (self.batch, self.failures, self.retry_at_ms) = (None, 0, 0);
    }

    /// What will never be sent.
    pub(crate) fn lost(&self) -> Lost {
        self.lost
    }

    fn pop(&mut self) -> Option<Period> {
        let period = self.waiting.pop_front()?;
        self.waiting_bytes -= period.rows.len();
        Some(period)
    }

    /// Begins with the oldest period that waits; none if none does.
    fn begin(&mut self, now_ms: u64) -> Option<()> {
        let period = self.pop()?;
        let rows = codec::decode(&period.rows).ok()?;
        if rows.at_ms + MAX_AGE_MS < now_ms {
            self.lost.dropped += period.values;
            return Some(());
        }
        self.sending = Some(Sending {
            rows,
            nodes: period.nodes,
            done: 0,
        });
        self.unpack();
        Some(())
    }

    /// Makes the values of a call.
    fn unpack(&mut self) {
        let Some(Sending { rows, nodes, done }) = &mut self.sending else {
            return;
        };
        let resolution_s = if self.choice.high_resolution { 1 } else { 60 };
        let host = rows.find(&Subject::host());
        while self.data.len() < BATCH_LEN
            && let Some(row) = rows.rows.get(*done)
        {
            *done += 1;
            let node = nodes.get(&row.subject.broker).copied().unwrap_or(1);
            let values = catalogue::values_of(row, host, rows.seconds, &self.choice.engines);
            self.data.extend(values.map(|(metric, value)| {
                datum(metric, row, &value, (rows.at_ms, resolution_s, node))
            }));
        }
        if *done == rows.rows.len() {
            self.sending = None;
        }
    }

    /// Takes out as many values as one call carries.
    fn gather(&mut self) -> Option<Batch> {
        let mut bytes = 0;
        let fits = |datum: &&Datum| {
            bytes += datum.size_bytes();
            bytes <= BATCH_BYTES
        };
        let count = self.data.iter().take(BATCH_LEN).take_while(fits).count();
        let count = count.max(1).min(self.data.len());
        let data: Arc<[Datum]> = self.data.drain(..count).collect();
        (count > 0).then(|| Batch {
            namespace: Arc::clone(&self.choice.namespace),
            data,
        })
    }

    /// A number below that, by chance (xorshift).
    fn chance(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below.max(1)
    }
}

impl Choice {
    /// What is chosen of the rows, and the machine.
    fn rows<'r>(&self, rows: &'r Rows) -> Cow<'r, Rows> {
        let is_chosen = |scope| scope == Scope::Host || self.scopes.contains(&scope);
        if Scope::ALL.into_iter().all(is_chosen) {
            return Cow::Borrowed(rows);
        }
        let chosen = rows.rows.iter().filter(|row| is_chosen(row.subject.scope));
        Cow::Owned(Rows {
            rows: chosen.cloned().collect(),
            ..*rows
        })
    }
}

impl Datum {
    /// Bytes it takes of a call, more rather than less: the longest form of the interface names each
    /// field anew.
    pub(crate) fn size_bytes(&self) -> usize {
        let dimensions = self.dimensions.iter();
        let dimensions: usize = dimensions
            .map(|(name, value)| 96 + name.len() + value.len())
            .sum();
        let values = match &self.value {
            Sent::One(_) => 1,
            Sent::Distribution { values, .. } => 2 * values.len() + 4,
        };
        200 + self.name.len() + dimensions + 72 * values
    }
}

fn datum(
    metric: &Metric,
    row: &Row,
    value: &Value,
    (at_ms, resolution_s, node): (u64, u8, u16),
) -> Datum {
    let labels = metric.labels(&row.subject, node).into_iter();
    Datum {
        name: metric.name,
        unit: metric.unit.name(),
        dimensions: labels
            .map(|(name, value)| (name.name(), dimension_value(&value)))
            .collect(),
        at_ms,
        resolution_s,
        value: match value {
            Value::One(value) => Sent::One(*value),
            Value::Times(times) => {
                let set = times.counts.iter().enumerate().filter(|(_, it)| **it > 0);
                let middle = |bucket| {
                    let ends = [
                        broker_core::metrics::Histogram::start_us(bucket),
                        broker_core::metrics::Histogram::end_us(bucket),
                    ];
                    (ends[0] + ends[1]) as f64 / 2e3
                };
                Sent::Distribution {
                    values: set.clone().map(|(bucket, _)| middle(bucket)).collect(),
                    counts: set.map(|(_, count)| *count as f64).collect(),
                    sum: times.sum_us as f64 / 1e3,
                }
            }
        },
    }
}

#[cfg(test)]
mod tests;
