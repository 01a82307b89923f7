//! One look at all brokers of the agent.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use agent_api::v1::ReplicationStatus;
use broker_core::metrics::{
    BrokerMeasures, Latencies, PeerMeasures, QueueMeasures, TopicMeasures, Traffic,
};

use super::columns::{Scope, broker, host, peer, queue, topic};
use super::host::Probe;
use super::rows::{Row, Rows, Subject};
use crate::host::Engine;
use crate::hosting::{Hosting, State};
use crate::replication::words;

/// Milliseconds since 1970-01-01 UTC.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// Everything there is, since the start of each broker.
pub(crate) async fn take(hosting: &Hosting, probe: &Probe) -> Rows {
    let mut engines = Vec::new();
    for view in hosting.views() {
        let name: Arc<str> = view.record.name.as_str().into();
        match view.state {
            State::Running(host) => engines.push((name, Some(Engine::Single(host)), None)),
            State::Paired(pair) => {
                let picture = pair.picture().await;
                let engine = pair.active().await.map(Engine::Active);
                engines.push((name, engine, Some(picture)));
            }
            State::Deleted | State::Failed(_) | State::Starting | State::Stopping => {}
        }
    }
    let probe = probe.clone();
    // Looks into every queue.
    let all = tokio::task::spawn_blocking(move || {
        let host = probe.read();
        let mut rows = Vec::new();
        for (name, engine, picture) in engines {
            let measures = engine.map(|engine| engine.admin().measure());
            add_broker(&mut rows, &name, measures, picture.as_ref(), &host);
        }
        rows.push(Row {
            subject: Subject::host(),
            values: host,
            latencies: None,
        });
        rows.sort_by(|one, other| one.subject.cmp(&other.subject));
        rows
    });
    Rows {
        at_ms: now_ms(),
        seconds: 0,
        rows: all.await.unwrap_or_default(),
    }
}

/// Adds the rows of one broker; a standby of a pair has but its own.
fn add_broker(
    rows: &mut Vec<Row>,
    name: &Arc<str>,
    measures: Option<BrokerMeasures>,
    picture: Option<&ReplicationStatus>,
    host: &[u64],
) {
    let mut values = vec![0; broker::COLUMNS.len()];
    values[broker::REPLICA_ACTIVE] =
        u64::from(picture.is_none_or(|it| words::is_active(it.state())));
    if let Some(picture) = picture {
        fill_replication(&mut values, picture);
    }
    let (mut latencies, empty) = (None, Arc::<str>::default());
    if let Some(measures) = measures {
        fill_broker(&mut values, &measures, host);
        latencies = some(measures.latencies);
        rows.reserve(measures.queues.len());
        rows.extend(measures.queues.into_iter().map(|it| queue_row(name, it)));
        rows.extend(measures.topics.into_iter().map(|it| topic_row(name, it)));
        let users = measures.by_user.into_iter();
        rows.extend(users.map(|it| peer_row(Scope::User, name, it)));
        let listeners = measures.by_listener.into_iter();
        rows.extend(listeners.map(|it| peer_row(Scope::Listener, name, it)));
    }
    rows.push(Row {
        subject: Subject {
            scope: Scope::Broker,
            broker: Arc::clone(name),
            vhost: Arc::clone(&empty),
            name: empty,
        },
        values,
        latencies,
    });
}

fn some(latencies: Latencies) -> Option<Box<Latencies>> {
    (latencies != Latencies::default()).then(|| Box::new(latencies))
}

fn fill_replication(values: &mut [u64], picture: &ReplicationStatus) {
    let nodes = &picture.nodes;
    values[broker::REPLICAS_IN_SYNC] = nodes.iter().filter(|node| node.in_sync).count() as u64;
    values[broker::LAG] = (picture.replication_lag_seconds * 1e6) as u64;
    let lags = nodes.iter().filter_map(|node| node.lag_bytes);
    values[broker::LAG_BYTES] = lags.max().unwrap_or(0);
}

fn fill_broker(values: &mut [u64], it: &BrokerMeasures, host: &[u64]) {
    use broker::*;
    let journal = &it.journal;
    let room = host[host::DISK_FREE].saturating_sub(host[host::DISK_LIMIT]);
    let Traffic {
        published,
        unroutable,
        returned,
        refused,
        confirmed,
        access_refused,
        ..
    } = it.traffic;
    let counts = &it.counts;
    for (column, value) in [
        (CONNECTIONS, it.connections),
        (CONNECTIONS_LIMIT, it.connections_limit),
        (PRODUCERS, it.producers),
        (CHANNELS, it.channels),
        (CONSUMERS, it.stats.consumers),
        (VHOSTS, it.vhosts),
        (USERS, it.users),
        (EXCHANGES, it.exchanges),
        (QUEUES, it.queues.len() as u64),
        (READY, it.stats.ready),
        (UNSETTLED, it.stats.unsettled),
        (DELAYED, it.delayed),
        (MEMORY, it.memory_bytes),
        (MEMORY_LIMIT, it.memory_limit_bytes),
        (PAUSED, u64::from(it.publish_paused)),
        (FILES, journal.files),
        (RECOVERY_FILES, journal.recovery_files),
        (JOURNAL, journal.bytes),
        (STORE_LIMIT, journal.bytes + room),
        (BACKLOG, journal.backlog_bytes),
        (OPENED_SUM, it.opened),
        (JOURNAL_WRITTEN, journal.end),
        (COMMITS, journal.commits),
        (OPENED, it.opened),
        (AUTHENTICATION_FAILURES, it.authentication_failures),
        (CONNECTIONS_REFUSED, it.connections_refused),
        (ACCESS_REFUSED, access_refused),
        (PUBLISHED, published),
        (CONFIRMED, confirmed),
        (UNROUTABLE, unroutable),
        (RETURNED, returned),
        (REFUSED, refused),
        (DELIVERED, counts.delivered),
        (GOT, counts.got),
        (REDELIVERED, counts.redelivered),
        (ACKNOWLEDGED, counts.acknowledged),
        (AUTO_SETTLED, counts.auto_settled),
        (REQUEUED, counts.requeued),
        (REJECTED, counts.rejected),
        (EXPIRED, counts.expired),
        (DROPPED, counts.dropped + counts.delivery_limited),
        (DEAD_LETTERED, counts.dead_lettered),
    ] {
        values[column] = value;
    }
}

fn queue_row(broker: &Arc<str>, it: QueueMeasures) -> Row {
    use queue::*;
    let mut values = vec![0; COLUMNS.len()];
    let counts = &it.counts;
    for (column, value) in [
        (READY, it.stats.ready),
        (UNSETTLED, it.stats.unsettled),
        (CONSUMERS, it.stats.consumers),
        (MEMORY, it.memory_bytes),
        (PUBLISHED, counts.published),
        (DELIVERED, counts.delivered),
        (GOT, counts.got),
        (REDELIVERED, counts.redelivered),
        (ACKNOWLEDGED, counts.acknowledged),
        (AUTO_SETTLED, counts.auto_settled),
        (REQUEUED, counts.requeued),
        (REJECTED, counts.rejected),
        (EXPIRED, counts.expired),
        (DROPPED, counts.dropped + counts.delivery_limited),
        (DEAD_LETTERED, counts.dead_lettered),
        (REFUSED, counts.turned_away),
    ] {
        values[column] = value;
    }
    Row {
        subject: Subject {
            scope: Scope::Queue,
            broker: Arc::clone(broker),
            vhost: it.vhost,
            name: it.name,
        },
        values,
        latencies: it.latencies,
    }
}

fn topic_row(broker: &Arc<str>, it: TopicMeasures) -> Row {
    let mut values = vec![0; topic::COLUMNS.len()];
    values[topic::BINDINGS] = it.bindings;
    values[topic::PUBLISHED] = it.published;
    Row {
        subject: Subject {
            scope: Scope::Topic,
            broker: Arc::clone(broker),
            vhost: it.vhost,
            name: it.name,
        },
        values,
        latencies: None,
    }
}

fn peer_row(scope: Scope, broker: &Arc<str>, it: PeerMeasures) -> Row {
    use peer::*;
    let mut values = vec![0; COLUMNS.len()];
    let traffic = &it.traffic;
    for (column, value) in [
        (CONNECTIONS, it.connections),
        (CHANNELS, it.channels),
        (OPENED, it.opened),
        (AUTHENTICATION_FAILURES, it.authentication_failures),
        (CONNECTIONS_REFUSED, it.connections_refused),
        (ACCESS_REFUSED, traffic.access_refused),
        (PUBLISHED, traffic.published),
        (CONFIRMED, traffic.confirmed),
        (UNROUTABLE, traffic.unroutable),
        (RETURNED, traffic.returned),
        (REFUSED, traffic.refused),
        (DELIVERED, traffic.delivered),
        (ACKNOWLEDGED, traffic.acknowledged),
        (REJECTED, traffic.rejected),
        (REQUEUED, traffic.requeued),
    ] {
        values[column] = value;
    }
    Row {
        subject: Subject {
            scope,
            broker: Arc::clone(broker),
            vhost: Arc::default(),
            name: it.name,
        },
        values,
        latencies: None,
    }
}
