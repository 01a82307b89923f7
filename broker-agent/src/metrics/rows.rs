//! What was measured at one time: a row for each thing.

use std::cmp::Ordering;
use std::sync::Arc;

use broker_core::metrics::Latencies;

use super::columns::{Kind, Scope};

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Subject {
    pub scope: Scope,
    /// The broker's name; empty for the host.
    pub broker: Arc<str>,
    /// Of queues and topics.
    pub vhost: Arc<str>,
    /// Of queues, topics, users and listeners.
    pub name: Arc<str>,
}

/// One thing's figures, in the order of its scope's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub subject: Subject,
    pub values: Vec<u64>,
    /// Of brokers and queues that have timed something.
    pub latencies: Option<Box<Latencies>>,
}

/// Everything at one time. Rows are in the order of their subjects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rows {
    /// Milliseconds since 1970-01-01 UTC: when they were read, or where their period begins.
    pub at_ms: u64,
    /// How long their period is; 0 for figures since the start.
    pub seconds: u32,
    pub rows: Vec<Row>,
}

impl Subject {
    /// The machine.
    pub(crate) fn host() -> Self {
        Self {
            scope: Scope::Host,
            broker: Arc::default(),
            vhost: Arc::default(),
            name: Arc::default(),
        }
    }
}

impl Rows {
    /// The row of that subject.
    pub(crate) fn find(&self, subject: &Subject) -> Option<&Row> {
        let place = self.rows.binary_search_by(|row| row.subject.cmp(subject));
        place.ok().map(|place| &self.rows[place])
    }

    /// What has happened between `before` and these: gauges as they are, of counters what came on top.
    /// What was not there before, or has begun anew, counts from 0.
    pub(crate) fn since(&self, before: &Self, at_ms: u64, seconds: u32) -> Self {
        let mut old = before.rows.iter().peekable();
        let rows = self.rows.iter().map(|row| {
            while old
                .next_if(|old| old.subject.cmp(&row.subject) == Ordering::Less)
                .is_some()
            {}
            let old = old.next_if(|old| old.subject == row.subject);
            old.map_or_else(|| row.clone(), |old| row.since(old))
        });
        Self {
            at_ms,
            seconds,
            rows: rows.collect(),
        }
    }
}

impl Row {
    fn since(&self, old: &Self) -> Self {
        let columns = self.subject.scope.columns().iter();
        let values = columns.zip(&self.values).zip(&old.values);
        let values = values.map(|((column, &new), &old)| match column.kind {
            Kind::Gauge => new,
            Kind::Counter => new.checked_sub(old).unwrap_or(new),
        });
        let latencies = self.latencies.as_ref().map(|new| {
            let Some(old) = &old.latencies else {
                return new.clone();
            };
            Box::new(Latencies {
                publish_durable: new.publish_durable.since(&old.publish_durable),
                durable_deliver: new.durable_deliver.since(&old.durable_deliver),
                deliver_ack: new.deliver_ack.since(&old.deliver_ack),
            })
        });
        Self {
            subject: self.subject.clone(),
            values: values.collect(),
            latencies: latencies.filter(|it| **it != Latencies::default()),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::columns::queue;
    use super::*;

    /// A queue's row with some columns set.
    pub(crate) fn queue_row(name: &str, set: &[(usize, u64)]) -> Row {
        let mut values = vec![0; queue::COLUMNS.len()];
        for (column, value) in set {
            values[*column] = *value;
        }
        Row {
            subject: Subject {
                scope: Scope::Queue,
                broker: "orders".into(),
                vhost: "/".into(),
                name: name.into(),
            },
            values,
            latencies: None,
        }
    }

    #[test]
    fn a_period_has_what_came_on_top() {
        let rows = |rows: Vec<Row>| Rows {
            rows,
            ..Rows::default()
        };
        let mut timed = queue_row("b", &[(queue::PUBLISHED, 5), (queue::READY, 9)]);
        let mut latencies = Latencies::default();
        latencies.deliver_ack.record(40);
        timed.latencies = Some(Box::new(latencies));
        let before = rows(vec![
            queue_row("a", &[(queue::PUBLISHED, 3)]),
            timed.clone(),
            queue_row("restarted", &[(queue::PUBLISHED, 100)]),
        ]);
        timed.values[queue::PUBLISHED] = 7;
        timed.values[queue::READY] = 2;
        latencies.deliver_ack.record(50);
        timed.latencies = Some(Box::new(latencies));
        let now = rows(vec![
            timed,
            queue_row("new", &[(queue::PUBLISHED, 4)]),
            queue_row("restarted", &[(queue::PUBLISHED, 6)]),
        ]);
        let period = now.since(&before, 60_000, 60);
        assert_eq!((period.at_ms, period.seconds), (60_000, 60));
        let values: Vec<_> = period
            .rows
            .iter()
            .map(|row| row.values[queue::PUBLISHED])
            .collect();
        assert_eq!(values, [2, 4, 6]);
        assert_eq!(period.rows[0].values[queue::READY], 2);
        let timed = period.rows[0].latencies.as_ref().unwrap();
        assert_eq!(
            (timed.deliver_ack.count(), timed.deliver_ack.sum_us),
            (1, 50)
        );
        assert_eq!(now.since(&now, 0, 60).rows[0].latencies, None);
        assert_eq!(period.find(&period.rows[1].subject), Some(&period.rows[1]));
    }
}
