//! What the status pages show, as data.

use serde::Serialize;

use crate::hosting::{Hosting, State, View};
use crate::listeners::endpoint;
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
            State::Running(host) => {
                let open = host.endpoints().await;
                broker.state = "running";
                broker.endpoints = open
                    .iter()
                    .map(|open| endpoint(open, advertised_host).url)
                    .collect();
                let stats = host.admin().stats();
                broker.connections = stats.connections;
                broker.journal_damaged = stats.scrub.damaged;
                broker.totals = Totals::of_broker(host.admin());
            }
            State::Starting => broker.state = "starting",
        }
        broker
    }
}
