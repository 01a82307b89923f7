//! Adding up what queues and connections have counted, those included that are gone.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Broker, Connection, LiveQueue, Topology, Vhost};
use crate::definitions::{ExchangeKind, QueueStats};
use crate::journal::SegmentSpan;
use crate::lock::{lock, read};
use crate::metrics::{
    BrokerMeasures, JournalMeasures, Latencies, PeerMeasures, QueueCounts, QueueMeasures,
    TopicMeasures, Traffic,
};

/// Where a connection comes from.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The other end's address, for people.
    pub address: String,
    /// What the listener is called that accepted it; empty without one.
    pub listener: Arc<str>,
}

impl From<String> for Peer {
    fn from(address: String) -> Self {
        Self {
            address,
            listener: Arc::default(),
        }
    }
}

impl From<&str> for Peer {
    fn from(address: &str) -> Self {
        address.to_owned().into()
    }
}

/// What one queue shows.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) stats: QueueStats,
    pub(super) memory_bytes: u64,
    pub(super) counts: QueueCounts,
    pub(super) latencies: Option<Box<Latencies>>,
}

/// What queues have counted and timed.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    counts: QueueCounts,
    latencies: Latencies,
}

/// What is kept of queues.
#[derive(Debug, Default)]
pub(super) struct QueueTallies {
    gone: Sums,
    /// What was told last: a queue that goes while others are read must not make it less.
    told: Sums,
}

/// What is kept of connections, by who was connected and where.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    all: PeerTally,
    users: HashMap<Arc<str>, PeerTally>,
    listeners: HashMap<Arc<str>, PeerTally>,
}

#[derive(Debug, Clone, Copy, Default)]
struct PeerTally {
    opened: u64,
    authentication_failures: u64,
    refused: u64,
    traffic: Traffic,
}

impl Tallies {
    fn count(
        &mut self,
        username: Option<&Arc<str>>,
        listener: &Arc<str>,
        mut count: impl FnMut(&mut PeerTally),
    ) {
        count(&mut self.all);
        count(self.listeners.entry(Arc::clone(listener)).or_default());
        if let Some(username) = username {
            count(self.users.entry(Arc::clone(username)).or_default());
        }
    }

    /// A connection is gone.
    pub(super) fn gone(&mut self, connection: &Connection) {
        let traffic = connection.tally.read();
        let Connection { username, peer, .. } = connection;
        self.count(Some(username), &peer.listener, |it| {
            it.traffic.add(&traffic)
        });
    }

    /// A connection was let in, or not, after its login.
    pub(super) fn attached(&mut self, username: &Arc<str>, listener: &Arc<str>, admitted: bool) {
        self.count(Some(username), listener, |it| match admitted {
            true => it.opened += 1,
            false => it.refused += 1,
        });
    }
}

impl Sums {
    fn add(&mut self, counts: &QueueCounts, latencies: Option<&Latencies>) {
        self.counts.add(counts);
        if let Some(latencies) = latencies {
            self.latencies.add(latencies);
        }
    }
}

impl Broker {
    /// A login has failed. Of the names that were tried those are counted that users have.
    pub fn login_failed(&self, username: &str, listener: &Arc<str>) {
        let users = read(&self.users);
        let known = users.get_key_value(username);
        let known = known.map(|(name, _)| Arc::clone(name));
        drop(users);
        let mut connections = lock(&self.connections);
        connections.tallies.count(known.as_ref(), listener, |it| {
            it.authentication_failures += 1;
        });
    }

    /// A connection was turned away before its login.
    pub fn connection_refused(&self, listener: &Arc<str>) {
        let mut connections = lock(&self.connections);
        connections
            .tallies
            .count(None, listener, |it| it.refused += 1);
    }

    /// The queue is gone; what it has counted is kept.
    pub(super) fn queue_gone(&self, queue: &LiveQueue) {
        if let Some(Measured {
            counts, latencies, ..
        }) = queue.measure()
        {
            let mut tallies = lock(&self.queue_tallies);
            tallies.gone.add(&counts, latencies.as_deref());
        }
    }

    /// Everything there is to know, at about one moment.
    pub(crate) fn measure(&self) -> BrokerMeasures {
        let mut measures = self.measure_broker();
        self.measure_connections(&mut measures);
        // Before the queues: one that goes meanwhile is missing, and not counted twice.
        let mut sums = lock(&self.queue_tallies).gone;
        for vhost in self.all_vhosts() {
            measure_vhost(&vhost, &mut measures, &mut sums);
        }
        let mut tallies = lock(&self.queue_tallies);
        tallies.told.counts.rise(&sums.counts);
        tallies.told.latencies.rise(&sums.latencies);
        Sums {
            counts: measures.counts,
            latencies: measures.latencies,
        } = tallies.told;
        measures
    }

    fn measure_broker(&self) -> BrokerMeasures {
        let stats = self.stats();
        let users = read(&self.users);
        let channels = users
            .values()
            .map(|user| user.channels.load(Ordering::SeqCst));
        BrokerMeasures {
            vhosts: stats.vhosts,
            users: users.len() as u64,
            channels: channels.sum(),
            delayed: stats.delayed,
            memory_bytes: stats.memory_bytes,
            memory_limit_bytes: self.limits.memory_bytes,
            publish_paused: stats.publish_paused,
            connections_limit: self.limits.connections as u64,
            journal: self.measure_journal(),
            ..BrokerMeasures::default()
        }
    }

    fn measure_journal(&self) -> JournalMeasures {
        let (segments, checkpointed) = (self.journal.segments(), self.journal.checkpointed());
        let end = self.journal.end();
        let is_read_whole = |segment: &&SegmentSpan| segment.end > checkpointed;
        JournalMeasures {
            files: segments.len() as u64,
            recovery_files: segments.iter().filter(is_read_whole).count() as u64,
            bytes: end.0.saturating_sub(self.journal.first().0),
            end: end.0,
            commits: self.commits.load(Ordering::Relaxed),
            backlog_bytes: self.journal.backlog_bytes() as u64,
        }
    }

    fn measure_connections(&self, measures: &mut BrokerMeasures) {
        let (mut all, mut users, mut listeners) = {
            let connections = lock(&self.connections);
            let tallies = &connections.tallies;
            let mut all = tallies.all;
            let started = |tallies: &HashMap<Arc<str>, PeerTally>| -> HashMap<_, _> {
                let started = tallies.iter();
                started
                    .map(|(name, tally)| (Arc::clone(name), (0, *tally)))
                    .collect()
            };
            let (mut users, mut listeners) = (started(&tallies.users), started(&tallies.listeners));
            for connection in connections.attached.values() {
                let traffic = connection.tally.read();
                let Connection { username, peer, .. } = &**connection;
                measures.connections += 1;
                measures.producers += u64::from(traffic.published > 0);
                all.traffic.add(&traffic);
                for (map, name) in [(&mut users, username), (&mut listeners, &peer.listener)] {
                    let (count, tally) = map.entry(Arc::clone(name)).or_default();
                    *count += 1;
                    tally.traffic.add(&traffic);
                }
            }
            (all, users, listeners)
        };
        (measures.opened, measures.connections_refused) = (all.opened, all.refused);
        measures.authentication_failures = all.authentication_failures;
        measures.traffic = std::mem::take(&mut all.traffic);
        listeners.retain(|name, _| !name.is_empty());
        measures.by_listener = listeners
            .into_iter()
            .map(|(name, (connections, tally))| tally.shown(name, connections, 0))
            .collect();
        measures
            .by_listener
            .sort_by(|left, right| left.name.cmp(&right.name));
        let known = read(&self.users);
        measures.by_user = known
            .iter()
            .map(|(name, user)| {
                let (connections, tally) = users.remove(name).unwrap_or_default();
                let channels = user.channels.load(Ordering::SeqCst);
                tally.shown(Arc::clone(name), connections, channels)
            })
            .collect();
        drop(known);
        if !users.is_empty() {
            // Who is left was deleted.
            let gone: HashSet<_> = users.into_keys().collect();
            let mut connections = lock(&self.connections);
            let tallies = &mut connections.tallies;
            tallies.users.retain(|name, _| !gone.contains(name));
        }
    }
}

fn measure_vhost(vhost: &Vhost, measures: &mut BrokerMeasures, sums: &mut Sums) {
    let (mut queues, unseen) = {
        let topology = read(&vhost.topology);
        measures.exchanges += topology.exchanges().len() as u64;
        measure_topics(vhost, &topology, &mut measures.topics);
        let queues: Vec<_> = topology.queues().cloned().collect();
        let unseen: Vec<_> = topology.unseen().cloned().collect();
        (queues, unseen)
    };
    for queue in unseen {
        if let Some(measured) = queue.measure() {
            sums.add(&measured.counts, measured.latencies.as_deref());
        }
    }
    queues.sort_unstable_by(|left, right| left.name.cmp(&right.name));
    measures.queues.reserve(queues.len());
    for queue in queues {
        let Measured {
            stats,
            memory_bytes,
            counts,
            latencies,
        } = queue.measure().unwrap_or_default();
        sums.add(&counts, latencies.as_deref());
        measures.stats.ready += stats.ready;
        measures.stats.unsettled += stats.unsettled;
        measures.stats.consumers += stats.consumers;
        measures.queues.push(QueueMeasures {
            vhost: Arc::clone(&vhost.name),
            name: Arc::clone(&queue.name),
            stats,
            memory_bytes,
            counts,
            latencies,
        });
    }
}

fn measure_topics(vhost: &Vhost, topology: &Topology, topics: &mut Vec<TopicMeasures>) {
    let first = topics.len();
    let kinds = [ExchangeKind::Fanout, ExchangeKind::Topic];
    for exchange in topology.exchanges() {
        if kinds.contains(&exchange.definition.value.picks_like()) {
            topics.push(TopicMeasures {
                vhost: Arc::clone(&vhost.name),
                name: Arc::clone(&exchange.name),
                published: exchange.published.load(Ordering::Relaxed),
                bindings: exchange.binding_count() as u64,
            });
        }
    }
    topics[first..].sort_unstable_by(|left, right| left.name.cmp(&right.name));
}

impl PeerTally {
    fn shown(self, name: Arc<str>, connections: u64, channels: u64) -> PeerMeasures {
        PeerMeasures {
            name,
            connections,
            channels,
            opened: self.opened,
            authentication_failures: self.authentication_failures,
            connections_refused: self.refused,
            traffic: self.traffic,
        }
    }
}
