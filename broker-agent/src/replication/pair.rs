//! This agent's node of a replicated broker, while it runs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use agent_api::v1::{self, ReplicationState};
use broker_core::broker::BrokerConfig;
use broker_core::journal::FileDisk;
use broker_core::replication::coordinator::Coordinator;
use broker_core::replication::preface;
use broker_core::replication::protocol::{Alarm, State};
use broker_core::replication::record::{Member, NodeId};
use broker_core::replication::replica::{Notice, ReplicaStatus};
use broker_core::replication::timing::Timing;
use broker_net::ListenerConfig;
use broker_net::replication::{Replicated, ReplicatedConfig, ReplicatedError, ReplicationListener};
use tokio::runtime::Handle;
use tokio::sync::{RwLock, watch};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::memory::Memory;
use super::picture::{Sight, leads, picture};
use super::settings::{Durability, Settings};
use super::store;
use crate::bounds::Bounds;
use crate::host::{Active, JOURNAL, StartFailure, options};
use crate::listeners;
use crate::registry::Record;
use crate::tokens::Tokens;

/// How long a change of the record may take.
const DURABILITY_PATIENCE: Duration = Duration::from_secs(10);

/// An active that cannot listen for clients tries again for so long before it hands over.
const DEAF_PATIENCE: Duration = Duration::from_secs(3);

/// How long that may take, and how long it then keeps what it is given back.
const DEAF_SWITCHOVER: Duration = Duration::from_secs(10);
const HANDED_OVER_REST: Duration = Duration::from_mins(10);

/// Between two looks at how it is doing, for its lag and its log.
const LOOK: Duration = Duration::from_millis(250);

/// A node of a pair.
pub(crate) struct Pair {
    record: Mutex<Arc<Record>>,
    /// None once stopped. Readers are calls that wait for it; they give way to a stop.
    replicated: RwLock<Option<Replicated>>,
    status: watch::Receiver<ReplicaStatus>,
    coordinator: Arc<dyn Coordinator>,
    tokens: Arc<Tokens>,
    memory: Mutex<Memory>,
    stopping: CancellationToken,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.record().name;
        f.debug_struct("Pair")
            .field("name", name)
            .finish_non_exhaustive()
    }
}

/// Why an operator's wish was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unmoved {
    /// Nothing has changed.
    #[error("{0}")]
    Refused(String),
    /// This node has given up its place; who serves is for the nodes to find out.
    #[error("node {0} did not take over in time; whoever the nodes elect serves")]
    Pending(String),
}

impl Pair {
    /// Reads the journal in `dir` and begins to follow, or to lead.
    pub(crate) async fn start(
        dir: &Path,
        record: &Arc<Record>,
        (broker, listeners, bounds): (BrokerConfig, Vec<ListenerConfig>, &Bounds),
        links: &ReplicationListener,
    ) -> Result<Self, StartFailure> {
        let settings = settings(record)?;
        let opened = store::open(&settings.coordination, &settings.group, &Handle::current());
        let coordinator = opened.map_err(|error| StartFailure::Pair(error.to_string()))?;
        let data = |cause: String| StartFailure::Data {
            dir: dir.to_owned(),
            cause,
        };
        let disk = FileDisk::open(&dir.join(JOURNAL)).map_err(|error| data(error.to_string()))?;
        let nodes = settings.nodes.iter();
        let config = ReplicatedConfig {
            group: preface::GroupId::parse(settings.group.as_str())
                .map_err(|error| StartFailure::Pair(error.to_string()))?,
            node: NodeId(settings.node),
            nodes: nodes
                .map(|node| (NodeId(node.id), node.replication.as_str().into()))
                .collect(),
            founder: settings.founds(),
            min_isr: settings.durability.min_isr(),
            timing: Timing::default(),
            broker,
            disk,
            coordinator: Arc::clone(&coordinator),
            listeners,
            options: options(bounds),
        };
        let started = Replicated::start(config, links).await;
        let replicated = started.map_err(|error| match error {
            ReplicatedError::Open(cause) => data(cause.to_string()),
            other => StartFailure::Pair(other.to_string()),
        })?;
        Ok(Self {
            record: Mutex::new(Arc::clone(record)),
            status: replicated.status(),
            replicated: RwLock::new(Some(replicated)),
            coordinator,
            tokens: Arc::default(),
            memory: Mutex::default(),
            stopping: CancellationToken::new(),
        })
    }

    /// The broker as it is registered.
    pub(crate) fn record(&self) -> Arc<Record> {
        let record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&record)
    }

    /// The broker was changed in something that does not need another start.
    pub(crate) fn set_record(&self, record: Arc<Record>) {
        *self.record.lock().unwrap_or_else(PoisonError::into_inner) = record;
    }

    /// How the replica is doing.
    pub(crate) fn replica(&self) -> ReplicaStatus {
        self.status.borrow().clone()
    }

    /// The engine, while this node serves.
    pub(crate) async fn active(&self) -> Option<Active> {
        let replicated = self.replicated.read().await;
        let server = replicated.as_ref()?.server()?;
        leads(&self.status.borrow()).then(|| Active::new(server, Arc::clone(&self.tokens)))
    }

    /// What it looks like from here.
    pub(crate) async fn picture(&self) -> v1::ReplicationStatus {
        let record = self.record();
        let Ok(settings) = settings(&record) else {
            return v1::ReplicationStatus::default();
        };
        let open = self.active().await.map(|active| active.endpoints());
        let endpoints = endpoints(&record, settings, open.as_deref());
        let refused = self.refused(settings).await;
        let not_listening = self.not_listening().await.map(|(_, why)| why);
        let replica = self.replica();
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let lags = memory.lags(Instant::now(), &replica);
        let mut picture = picture(&Sight {
            settings,
            replica: Some(&replica),
            open: open.is_some(),
            lags: &lags,
            endpoints: &endpoints,
            refused: &refused,
            not_listening: not_listening.as_deref(),
        });
        memory.date(&mut picture);
        picture
    }

    /// Nodes that were refused of late, or have refused this one, and why.
    async fn refused(&self, settings: &Settings) -> BTreeMap<u16, String> {
        let replicated = self.replicated.read().await;
        let why = |id| replicated.as_ref()?.refused(NodeId(id));
        let others = settings.others();
        others
            .filter_map(|node| Some((node.id, why(node.id)?)))
            .collect()
    }

    /// Of an active that cannot listen for clients: for how long, and why.
    async fn not_listening(&self) -> Option<(Duration, String)> {
        self.replicated.read().await.as_ref()?.not_listening()
    }

    /// An active that nobody can reach hands over to a node in sync, which may be luckier. Not again
    /// soon: that one may be no luckier and hand back.
    async fn mind_listeners(&self, handed_over: &mut Option<Instant>) {
        let to = self.others_in_sync().first().copied();
        let deaf_for = self.not_listening().await.map(|(deaf_for, _)| deaf_for);
        let rests = handed_over.is_some_and(|at| at.elapsed() < HANDED_OVER_REST);
        let (Some(to), Some(deaf_for)) = (to, deaf_for) else {
            return;
        };
        if rests || deaf_for < DEAF_PATIENCE {
            return;
        }
        *handed_over = Some(Instant::now());
        let name = self.record().name.to_string();
        warn!(broker = name, node = %to, "clients cannot be listened for here; handing over");
        if let Err(error) = self.switchover(to, DEAF_SWITCHOVER).await {
            warn!(broker = name, %error, "not handed over");
        }
    }

    /// Looks on until it stops: tells the log of every change, and `changed` of it too.
    pub(crate) async fn watch(self: Arc<Self>, changed: impl Fn() + Send) {
        let mut status = self.status.clone();
        let mut handed_over = None;
        loop {
            self.mind_listeners(&mut handed_over).await;
            let picture = self.picture().await;
            let name = self.record().name.to_string();
            let news = {
                let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
                memory.note(&name, &picture)
            };
            if news {
                changed();
            }
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
                ended = status.changed() => if ended.is_err() {
                    tokio::time::sleep(LOOK).await;
                },
            }
        }
    }

    /// Waits until this is so, at most that long. False if it did not become so.
    pub(crate) async fn becomes(
        &self,
        patience: Duration,
        so: impl Fn(ReplicationState) -> bool,
    ) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            if so(self.picture().await.state()) {
                return true;
            }
            if Instant::now() >= deadline || self.stopping.is_cancelled() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Hands over to another node. Tells the new reign and how long nobody served.
    pub(crate) async fn switchover(
        &self,
        to: NodeId,
        patience: Duration,
    ) -> Result<(u64, Duration), Unmoved> {
        let begun = Instant::now();
        let epoch = self.status.borrow().epoch;
        let name = settings(&self.record()).map_or_else(|_| to.to_string(), |s| s.name_of(to));
        let resigned = async {
            match &*self.replicated.read().await {
                None => Err(Unmoved::Refused("it is stopped".to_owned())),
                Some(replicated) => {
                    let resigned = replicated.switchover(to, patience).await;
                    resigned.map_err(|error| Unmoved::Refused(error.to_string()))
                }
            }
        };
        tokio::select! {
            resigned = resigned => resigned?,
            () = self.stopping.cancelled() => return Err(Unmoved::Pending(name)),
        }
        loop {
            // Of the store, since this node looks at the record only now and then.
            let store = Arc::clone(&self.coordinator);
            let read = tokio::task::spawn_blocking(move || store.read()).await;
            let record = read.ok().and_then(Result::ok).and_then(|read| read.record);
            if let Some(record) = record.filter(|record| record.epoch > epoch)
                && let Some(leader) = record.leader
            {
                return if leader.node == to {
                    Ok((record.epoch.0.into(), begun.elapsed()))
                } else {
                    Err(Unmoved::Pending(name))
                };
            }
            if begun.elapsed() > patience {
                return Err(Unmoved::Pending(name));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Makes this node the only one in sync, by an operator's word.
    pub(crate) async fn force_promote(&self) -> Result<(), Unmoved> {
        match &*self.replicated.read().await {
            None => Err(Unmoved::Refused("it is stopped".to_owned())),
            Some(replicated) => {
                let forced = replicated.force_promote().await;
                forced.map_err(|error| Unmoved::Refused(error.to_string()))
            }
        }
    }

    /// Has the record say how many nodes have to be in sync, if this node is active. False if it did
    /// not come to that; then it is as it was, or will be again.
    pub(crate) async fn set_durability(&self, before: Durability, after: Durability) -> bool {
        let replicated = self.replicated.read().await;
        let Some(replicated) = replicated.as_ref() else {
            return false;
        };
        replicated.set_durability(after.min_isr());
        let mut status = self.status.clone();
        let written = |it: &ReplicaStatus| !leads(it) || it.min_isr == after.min_isr();
        let waited = tokio::time::timeout(DURABILITY_PATIENCE, status.wait_for(written)).await;
        let is_written = matches!(waited, Ok(Ok(_)));
        if !is_written {
            replicated.set_durability(before.min_isr());
        }
        is_written
    }

    /// Where clients are served now, or will be.
    pub(crate) async fn set_listeners(
        &self,
        listeners: Vec<ListenerConfig>,
    ) -> Result<(), StartFailure> {
        match &*self.replicated.read().await {
            None => Err(StartFailure::Other("it is stopped".to_owned())),
            Some(replicated) => Ok(replicated.set_listeners(listeners).await?),
        }
    }

    /// Resolves with the reason when it cannot go on; with none when it was stopped.
    pub(crate) async fn failed(&self) -> Option<String> {
        let failure = async {
            match &*self.replicated.read().await {
                None => None,
                Some(replicated) => Some(replicated.failed().await.to_string()),
            }
        };
        tokio::select! {
            reason = failure => reason,
            () = self.stopping.cancelled() => None,
        }
    }

    /// Ends its part in the group: hands over if it can, says goodbye, and makes everything durable,
    /// as far as the deadline allows. A second stop finds nothing to do.
    pub(crate) async fn stop(&self, deadline: Duration) {
        self.stopping.cancel();
        let replicated = self.replicated.write().await.take();
        if let Some(replicated) = replicated {
            replicated.shutdown(deadline).await;
        }
    }

    /// Whether the other nodes in sync, or others that answer, make this node's copy one of several.
    pub(crate) fn others_in_sync(&self) -> Vec<NodeId> {
        let status = self.status.borrow();
        let own = status.node;
        let others = status.in_sync.iter().filter(|member| member.node != own);
        others.map(|member| member.node).collect()
    }

    /// This node with its disk.
    pub(crate) fn member(&self) -> Member {
        let status = self.status.borrow();
        Member {
            node: status.node,
            store: status.store,
        }
    }

    /// The coordination store of its group.
    pub(crate) fn coordinator(&self) -> Arc<dyn Coordinator> {
        Arc::clone(&self.coordinator)
    }

    /// Whether the group has ended, as far as this node knows.
    pub(crate) fn has_ended(&self) -> bool {
        let ended = |notice: &Notice| matches!(notice, Notice::Protocol(Alarm::GroupEnded(_)));
        self.status.borrow().notices.iter().any(ended)
    }

    /// Whether this node's copy is one of those in sync.
    pub(crate) fn in_sync(&self) -> bool {
        let status = self.status.borrow();
        let mut members = status.in_sync.iter();
        members.any(|member| member.node == status.node && member.store == status.store)
    }

    /// Whether it follows a node that leads.
    pub(crate) fn follows(&self) -> bool {
        matches!(self.status.borrow().state, State::InSync | State::Syncing)
    }
}

/// How the broker is replicated: a pair is made of a record that says so.
pub(crate) fn settings(record: &Record) -> Result<&Settings, StartFailure> {
    let settings = record.replication.as_ref();
    settings.ok_or_else(|| StartFailure::Pair("it is not replicated".to_owned()))
}

/// URLs of each node's listeners: this node's as they are, if they are open, the others' as they will
/// be if they have the same listeners.
fn endpoints(
    record: &Record,
    settings: &Settings,
    open: Option<&[broker_net::Endpoint]>,
) -> BTreeMap<u16, Vec<String>> {
    let nodes = settings.nodes.iter();
    let urls = nodes.map(|node| {
        let host = node.host();
        let urls = match open {
            Some(open) if node.id == settings.node => {
                let open = open.iter();
                open.map(|open| listeners::endpoint(open, &host).url)
                    .collect()
            }
            _ => listeners::expected(&record.listeners, &host),
        };
        (node.id, urls)
    });
    urls.collect()
}
