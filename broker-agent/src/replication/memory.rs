//! What changes about a pair over time: since when it is as it is, and what the log is told.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use agent_api::v1::{self, ReplicationState};
use broker_core::replication::record::NodeId;
use broker_core::replication::replica::{PeerStatus, ReplicaStatus};
use tracing::{info, warn};

use super::lag::Ends;
use super::picture::leads;
use super::words;

/// What one node remembers of a pair while its process lives.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    ends: Ends,
    seen: Option<Seen>,
}

/// What was told last.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    state: ReplicationState,
    reason: String,
    epoch: u64,
    leader: u32,
    in_sync: Vec<u32>,
    since_ms: u64,
    /// Alarms by kind: since when.
    alarms: BTreeMap<String, u64>,
}

/// How long who has lacked something.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lags {
    /// This node.
    pub own: Duration,
    /// Its followers.
    pub followers: Vec<(NodeId, Duration)>,
}

impl Memory {
    /// Takes a look at where the journals end; how far behind everybody is.
    pub(crate) fn lags(&mut self, now: Instant, replica: &ReplicaStatus) -> Lags {
        if leads(replica) {
            self.ends.note(now, replica.end.0);
            let behind = |peer: &PeerStatus| self.ends.behind(now, peer.acked.0);
            let followers = replica.peers.iter();
            return Lags {
                own: Duration::ZERO,
                followers: followers
                    .map(|peer| (peer.member.node, behind(peer)))
                    .collect(),
            };
        }
        self.ends.note(now, replica.durable.0 + replica.lag_bytes);
        Lags {
            own: self.ends.behind(now, replica.durable.0),
            followers: Vec::new(),
        }
    }

    /// Fills in the times, as far as they are known.
    pub(crate) fn date(&self, status: &mut v1::ReplicationStatus) {
        let now = now_ms();
        let seen = self.seen.as_ref();
        let same = seen.filter(|seen| seen.state == status.state());
        status.since_ms = same.map_or(now, |seen| seen.since_ms);
        for alarm in &mut status.alarms {
            let since = seen.and_then(|seen| seen.alarms.get(&alarm.kind));
            alarm.since_ms = since.copied().unwrap_or(now);
        }
    }

    /// Notes what is new and tells the log: one line for each change. True if there was one.
    pub(crate) fn note(&mut self, broker: &str, status: &v1::ReplicationStatus) -> bool {
        let alarms = status.alarms.iter();
        let fresh = Seen {
            state: status.state(),
            reason: status.reason.clone(),
            epoch: status.epoch,
            leader: status.leader,
            in_sync: in_sync(status),
            since_ms: status.since_ms,
            alarms: alarms
                .map(|alarm| (alarm.kind.clone(), alarm.since_ms))
                .collect(),
        };
        // Positions in a reason are no news.
        let told = |seen: &Seen| Seen {
            reason: String::new(),
            ..seen.clone()
        };
        if self.seen.as_ref().map(told) == Some(told(&fresh)) {
            return false;
        }
        self.tell(broker, status, &fresh);
        self.seen = Some(fresh);
        true
    }

    fn tell(&self, broker: &str, status: &v1::ReplicationStatus, fresh: &Seen) {
        let before = self.seen.as_ref();
        let was = before.map_or("none", |seen| words::state(seen.state));
        let moved = before.is_none_or(|seen| {
            (seen.state, seen.epoch, seen.leader, &seen.in_sync)
                != (fresh.state, fresh.epoch, fresh.leader, &fresh.in_sync)
        });
        if moved {
            let leader = name(status, fresh.leader);
            let in_sync: Vec<_> = fresh.in_sync.iter().map(|id| name(status, *id)).collect();
            info!(
                broker,
                from = was,
                to = words::state(fresh.state),
                epoch = fresh.epoch,
                leader,
                in_sync = in_sync.join(","),
                reason = fresh.reason,
                "replication state changed"
            );
        }
        for alarm in &status.alarms {
            if before.is_none_or(|seen| !seen.alarms.contains_key(&alarm.kind)) {
                warn!(
                    broker,
                    alarm = alarm.kind,
                    text = alarm.text,
                    "replication alarm raised"
                );
            }
        }
        for kind in before.iter().flat_map(|seen| seen.alarms.keys()) {
            if !fresh.alarms.contains_key(kind) {
                info!(broker, alarm = kind, "replication alarm cleared");
            }
        }
    }
}

fn in_sync(status: &v1::ReplicationStatus) -> Vec<u32> {
    let nodes = status.nodes.iter().filter(|node| node.in_sync);
    nodes.map(|node| node.id).collect()
}

fn name(status: &v1::ReplicationStatus, id: u32) -> &str {
    let node = status.nodes.iter().find(|node| node.id == id);
    node.map_or("none", |node| node.name.as_str())
}

/// As the contract tells times.
pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}
