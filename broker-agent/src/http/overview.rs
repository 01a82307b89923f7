//! What the status pages show, as data.

use std::sync::Arc;

use agent_api::v1;
use serde::Serialize;

use crate::host::Engine;
use crate::hosting::{Hosting, State, View};
use crate::listeners::endpoint;
use crate::replication::words;
use crate::totals::Totals;

/// The agent and its brokers.
#[derive(Debug, Serialize)]
pub(super) struct Overview {
    /// Version of the agent.
    pub version: &'static str,
    /// The brokers by name.
    pub brokers: Vec<Broker>,
}

/// One broker.
#[derive(Debug, Serialize)]
pub(super) struct Broker {
    /// Its name.
    pub name: String,
    /// `starting`, `running`, `stopping` or `failed`.
    pub state: &'static str,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of a pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication: Option<Replication>,
    /// URLs for clients.
    pub endpoints: Vec<String>,
    /// Connections attached.
    pub connections: u64,
    /// Places of its journal that are known to be damaged.
    pub journal_damaged: u64,
    /// Sums over its queues.
    #[serde(flatten)]
    pub totals: Totals,
}

/// What this node of a pair does.
#[derive(Debug, Serialize)]
pub(super) struct Replication {
    /// In words.
    pub state: String,
    /// What it waits for.
    pub reason: String,
    /// The reign.
    pub epoch: u64,
    /// Name of the node that leads; empty when none is known.
    pub leader: String,
    /// Names of the nodes in sync.
    pub in_sync: Vec<String>,
    /// How far the others are behind, or this one, seconds.
    pub replication_lag_seconds: f64,
    /// What should be looked at.
    pub alarms: Vec<String>,
}

impl From<v1::ReplicationStatus> for Replication {
    fn from(status: v1::ReplicationStatus) -> Self {
        let leader = status.nodes.iter().find(|node| node.id == status.leader);
        let in_sync = status.nodes.iter().filter(|node| node.in_sync);
        Self {
            state: words::state(status.state()).to_owned(),
            epoch: status.epoch,
            leader: leader.map_or_else(String::new, |node| node.name.clone()),
            in_sync: in_sync.map(|node| node.name.clone()).collect(),
            replication_lag_seconds: status.replication_lag_seconds,
            alarms: status.alarms.into_iter().map(|alarm| alarm.text).collect(),
            reason: status.reason,
        }
    }
}

impl Overview {
    /// As of now.
    pub(super) async fn of(hosting: &Hosting, advertised_host: &str) -> Self {
        let mut brokers = Vec::new();
        for view in hosting.views() {
            brokers.push(Broker::of(&view, advertised_host).await);
        }
        Self {
            version: env!("CARGO_PKG_VERSION"),
            brokers,
        }
    }
}

impl Broker {
    async fn of(view: &View, advertised_host: &str) -> Self {
        let mut broker = Self {
            name: view.record.name.to_string(),
            state: "stopping",
            reason: None,
            replication: None,
            endpoints: Vec::new(),
            connections: 0,
            journal_damaged: 0,
            totals: Totals::default(),
        };
        match &view.state {
            State::Deleted | State::Stopping => {}
            State::Failed(reason) => {
                broker.state = "failed";
                broker.reason = Some(reason.clone());
            }
            State::Paired(pair) => {
                broker.state = "running";
                broker.replication = Some(pair.picture().await.into());
                if let Some(active) = pair.active().await {
                    broker.fill(&Engine::Active(active), advertised_host).await;
                }
            }
            State::Running(host) => {
                broker.state = "running";
                let engine = Engine::Single(Arc::clone(host));
                broker.fill(&engine, advertised_host).await;
            }
            State::Starting => broker.state = "starting",
        }
        broker
    }

    async fn fill(&mut self, engine: &Engine, advertised_host: &str) {
        let open = engine.endpoints().await;
        let urls = open.iter().map(|open| endpoint(open, advertised_host).url);
        self.endpoints = urls.collect();
        let stats = engine.admin().stats();
        self.connections = stats.connections;
        self.journal_damaged = stats.scrub.damaged;
        self.totals = Totals::of_broker(engine.admin());
    }
}
