//! One node's part in a group, as its agent sees it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use broker_core::journal::ZerosAhead;
use broker_core::replication::preface::GroupId;
use broker_core::replication::protocol::State;
use broker_core::replication::record::NodeId;
use broker_core::replication::replica::{OpenError, Output, Replica, ReplicaConfig, ReplicaStatus};
use broker_core::replication::timing::Moment;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::TaskTracker;

use super::address::{BadAddress, NodeAddress};
use super::clock;
use super::config::ReplicatedConfig;
use super::engine::{self, Deaf, Engine, Order, Slot};
use super::inbox::{Inbox, Item};
use super::limited_log::LimitedLog;
use super::listener::{Group, Registration, ReplicationListener};
use super::refusals::{self, Refusals};
use super::store;
use super::worker::{Asked, Calls, Founding, Worker};
use crate::brake::Brake;
use crate::error::{FatalError, StartError};
use crate::listener::ListenerConfig;
use crate::server::Server;

/// How long connections with other nodes may take to end in an orderly way.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Longest sleep of the thread that fills segments with zeros, after which it looks whether it is
/// still of use.
const ZEROS_IDLE: Duration = Duration::from_secs(1);

/// A node of a group that runs. Dropping it is like the death of its process: nobody is told.
#[derive(Debug)]
pub struct Replicated {
    node: NodeId,
    inbox: Inbox,
    orders: mpsc::UnboundedSender<Order>,
    slot: Slot,
    status: watch::Receiver<ReplicaStatus>,
    failed: watch::Receiver<Option<FatalError>>,
    thread: Option<JoinHandle<()>>,
    tasks: TaskTracker,
    nodes: BTreeMap<NodeId, NodeAddress>,
    deaf: Deaf,
    refusals: Arc<Refusals<NodeId>>,
    strangers: Arc<Refusals<IpAddr>>,
}

/// Something for the replica's thread.
#[derive(Debug)]
pub(super) enum Command {
    Switchover {
        to: NodeId,
        patience: Duration,
        told: oneshot::Sender<Result<(), OperationError>>,
    },
    ForcePromote {
        told: oneshot::Sender<Result<(), OperationError>>,
    },
    /// So many members are to be in sync.
    Durability { min_isr: u8 },
    /// Ask not to be waited for.
    Leave,
    /// End.
    Quit,
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum ReplicatedError {
    /// A node's address.
    #[error("node {0}: {1}")]
    Address(NodeId, #[source] BadAddress),
    /// The node itself is not among the group's nodes.
    #[error("node {0} is not among the nodes of its group")]
    NotANode(NodeId),
    /// It runs already.
    #[error("node {0} of group {1} runs here already")]
    Runs(NodeId, GroupId),
    /// What is on its disk.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The system refuses a thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
    /// A defect of this program.
    #[error("opening ended in a panic; the log says where")]
    Panic,
}

/// Why an operation was not carried out. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OperationError(pub(super) String);

impl Replicated {
    /// Opens what is on the disk and begins to follow, or to lead. To be called inside a tokio
    /// runtime; returns when the journal was read, before anybody leads.
    ///
    /// # Errors
    /// See [`ReplicatedError`].
    pub async fn start(
        config: ReplicatedConfig,
        listener: &ReplicationListener,
    ) -> Result<Self, ReplicatedError> {
        let nodes = addresses(&config)?;
        let inbox = Inbox::default();
        let refusals = Arc::<Refusals<NodeId>>::default();
        let registration = register(&config, &nodes, &inbox, &refusals, listener)?;
        let zeros = start_zeros()?;
        let (replica, out) = open(&config, zeros).await?;
        let tasks = TaskTracker::new();
        let (status, told_status) = watch::channel(replica.status(clock::now()));
        let (failed, told_failed) = watch::channel(None);
        let (orders, ordered) = mpsc::unbounded_channel();
        let (slot, brake, deaf) = (Slot::default(), Brake::default(), Deaf::default());
        // With what comes before and behind, it has fallen silent in time (rule L2).
        let goodbye = config.timing.stop * 4 / 5;
        let worker = Worker {
            replica,
            group: config.group,
            inbox: inbox.clone(),
            asks: store::start(Arc::clone(&config.coordinator), inbox.clone())?,
            orders: orders.clone(),
            slot: Arc::clone(&slot),
            brake: brake.clone(),
            calls: calls(&config, &nodes, &refusals, registration, &tasks),
            status,
            links: HashMap::new(),
            asked: Asked::default(),
            founding: founding(&config),
            min_isr: config.min_isr,
            status_due: Moment(0),
            leads: false,
            steered: 0,
            stops: false,
        };
        let engine = Engine {
            slot: Arc::clone(&slot),
            listeners: config.listeners,
            options: config.options,
            brake,
            inbox: inbox.clone(),
            failed: failed.clone(),
            goodbye,
            deaf: Arc::clone(&deaf),
        };
        let thread = start_thread(worker, out, goodbye, failed)?;
        tokio::spawn(engine.run(ordered));
        Ok(Self {
            node: config.node,
            inbox,
            orders,
            slot,
            status: told_status,
            failed: told_failed,
            thread: Some(thread),
            tasks,
            nodes,
            deaf,
            refusals,
            strangers: listener.strangers(),
        })
    }

    /// How it is doing, as of late.
    pub fn status(&self) -> watch::Receiver<ReplicaStatus> {
        self.status.clone()
    }

    /// Why this node and another one were last refused a connection, by whichever of both, if that was
    /// within the last seconds. Of a node that is connected it means nothing.
    pub fn refused(&self, node: NodeId) -> Option<String> {
        let address = self.nodes.get(&node)?;
        let now = std::time::Instant::now();
        refusals::of(node, address, &self.refusals, &self.strangers, now)
    }

    /// Of a node that leads and cannot listen for clients: for how long, and why. It tries again.
    pub fn not_listening(&self) -> Option<(Duration, String)> {
        let deaf = self.deaf.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, why) = deaf.as_ref()?;
        Some((since.elapsed(), why.clone()))
    }

    /// The server, while this node leads. To be held for a moment only: a node that leads no more
    /// waits for every handle to its broker to go before it follows.
    pub fn server(&self) -> Option<Arc<Server>> {
        engine::lock(&self.slot).clone()
    }

    /// Changes where clients are served, now or as soon as this node leads. See
    /// [`Server::set_listeners`].
    ///
    /// # Errors
    /// When a listener of a node that leads cannot be bound; then nothing has changed.
    pub async fn set_listeners(&self, listeners: Vec<ListenerConfig>) -> Result<(), StartError> {
        let (told, result) = oneshot::channel();
        // After a failure there is nobody to listen, and nothing to be said about it.
        let _ = self.orders.send(Order::Listen(listeners, told));
        result.await.unwrap_or(Ok(()))
    }

    /// Hands over to another node, which has so long to get everything and to take over. Returns when
    /// this node has resigned in its favour; the server is about to stop then.
    ///
    /// # Errors
    /// If the other one cannot take over; then this node serves on, if it did.
    pub async fn switchover(&self, to: NodeId, patience: Duration) -> Result<(), OperationError> {
        let (told, result) = oneshot::channel();
        self.command(Command::Switchover { to, patience, told });
        result.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Makes this node the only one in sync, by an operator's word: what only others have is lost.
    ///
    /// # Errors
    /// If the store cannot be written, or this node leads already.
    pub async fn force_promote(&self) -> Result<(), OperationError> {
        let (told, result) = oneshot::channel();
        self.command(Command::ForcePromote { told });
        result.await.unwrap_or_else(|_| Err(ended()))
    }

    /// From now on so many members have to be in sync for anything to be acknowledged. The record is
    /// changed by this node while it leads; the status says when it was.
    pub fn set_durability(&self, min_isr: u8) {
        self.command(Command::Durability { min_isr });
    }

    /// Resolves when the node can go on no more, and never otherwise. The process has to end, or to
    /// start the node again from what its disk holds.
    pub async fn failed(&self) -> FatalError {
        let mut failed = self.failed.clone();
        let reason = failed.wait_for(Option::is_some).await;
        match reason.ok().and_then(|reason| reason.clone()) {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }

    /// Ends in an orderly way: a leader hands over if somebody can take over, and says goodbye to its
    /// clients; a follower asks not to be waited for.
    pub async fn shutdown(mut self, deadline: Duration) {
        let until = Instant::now() + deadline;
        self.hand_over(deadline / 2).await;
        if !self.leads() {
            self.command(Command::Leave);
        }
        let (done, closed) = oneshot::channel();
        let deadline = until.saturating_duration_since(Instant::now());
        let _ = self.orders.send(Order::Close { deadline, done });
        let _ = closed.await;
        self.command(Command::Quit);
        if let Some(thread) = self.thread.take() {
            // On a sick disk it may hang.
            let joined = spawn_blocking(move || drop(thread.join()));
            if timeout(LAST_WORDS, joined).await.is_err() {
                tracing::warn!("the disk hangs; the replica's thread is left behind");
            }
        }
        self.tasks.close();
        let _ = timeout(LAST_WORDS, self.tasks.wait()).await;
    }

    /// A leader's way out. Whatever comes of it, the process ends.
    async fn hand_over(&mut self, patience: Duration) {
        let to = {
            let status = self.status.borrow();
            let others = status.in_sync.iter().filter(|it| it.node != self.node);
            others.map(|member| member.node).next()
        };
        let Some(to) = to.filter(|_| self.leads()) else {
            return;
        };
        let until = Instant::now() + patience;
        match timeout_at(until, self.switchover(to, patience)).await {
            Ok(Ok(())) => {
                let stopped = self
                    .status
                    .wait_for(|status| !leads(status.state) && !status.stopping);
                let _ = timeout_at(until, stopped).await;
            }
            Ok(Err(error)) => tracing::warn!(%error, "not handed over"),
            Err(_) => tracing::warn!("not handed over in time"),
        }
    }

    fn leads(&self) -> bool {
        leads(self.status.borrow().state)
    }

    fn command(&self, command: Command) {
        self.inbox.push(Item::Command(command));
    }
}

impl Drop for Replicated {
    fn drop(&mut self) {
        if let Some(server) = engine::lock(&self.slot).take() {
            server.abandon();
        }
        self.command(Command::Quit);
    }
}

fn leads(state: State) -> bool {
    matches!(
        state,
        State::Alone | State::Blocked | State::Draining | State::Replicated
    )
}

fn ended() -> OperationError {
    OperationError("the node has ended".to_owned())
}

fn addresses(config: &ReplicatedConfig) -> Result<BTreeMap<NodeId, NodeAddress>, ReplicatedError> {
    if !config.nodes.contains_key(&config.node) {
        return Err(ReplicatedError::NotANode(config.node));
    }
    let parse = |(node, address): (&NodeId, &Arc<str>)| {
        let parsed = NodeAddress::parse(address);
        parsed
            .map(|address| (*node, address))
            .map_err(|error| ReplicatedError::Address(*node, error))
    };
    config.nodes.iter().map(parse).collect()
}

/// A segment has room for the longest run there can be.
fn most_records(config: &ReplicatedConfig) -> usize {
    usize::try_from(config.broker.journal.segment_bytes).unwrap_or(usize::MAX)
}

fn register(
    config: &ReplicatedConfig,
    nodes: &BTreeMap<NodeId, NodeAddress>,
    inbox: &Inbox,
    refusals: &Arc<Refusals<NodeId>>,
    listener: &ReplicationListener,
) -> Result<Registration, ReplicatedError> {
    let group = Group {
        nodes: nodes.clone(),
        inbox: inbox.clone(),
        most_records: most_records(config),
        refusals: Arc::clone(refusals),
        conversations: Mutex::new(HashSet::new()),
    };
    let registration = listener.register(config.group, config.node, group);
    registration.ok_or(ReplicatedError::Runs(config.node, config.group))
}

fn calls(
    config: &ReplicatedConfig,
    nodes: &BTreeMap<NodeId, NodeAddress>,
    refusals: &Arc<Refusals<NodeId>>,
    registration: Registration,
    tasks: &TaskTracker,
) -> Calls {
    Calls {
        runtime: Handle::current(),
        tasks: tasks.clone(),
        node: config.node,
        nodes: nodes.clone(),
        registration,
        most_records: most_records(config),
        refusals: Arc::clone(refusals),
        log: Arc::new(LimitedLog::default()),
    }
}

fn founding(config: &ReplicatedConfig) -> Option<Founding> {
    Some(Founding {
        min_isr: config.min_isr,
        endpoints: config.nodes.clone(),
        founder: config.founder,
        due: config.founder.then_some(Moment(0)),
    })
}

/// Starts the thread that saves a follower's syncs work. It ends when nobody uses it any more.
fn start_zeros() -> io::Result<ZerosAhead> {
    let zeros = ZerosAhead::default();
    let used = zeros.clone();
    let builder = thread::Builder::new().name("segments".to_owned());
    builder.spawn(move || while used.is_shared() && used.write(ZEROS_IDLE).is_ok() {})?;
    Ok(zeros)
}

/// Reads the journal, on a thread that may wait.
async fn open(
    config: &ReplicatedConfig,
    zeros: ZerosAhead,
) -> Result<(Replica, Vec<Output>), ReplicatedError> {
    let mut broker = config.broker.clone();
    broker.journal.zeros_ahead = Some(zeros);
    let replica = ReplicaConfig {
        timing: config.timing,
        adopt: config.founder,
        ..ReplicaConfig::new(config.node, broker)
    };
    let disk = Arc::clone(&config.disk);
    let opening = spawn_blocking(move || {
        let mut out = Vec::new();
        let opened = Replica::open(replica, disk, clock::now(), &mut out);
        opened.map(|replica| (replica, out))
    });
    match opening.await {
        Ok(opened) => Ok(opened?),
        Err(_) => Err(ReplicatedError::Panic),
    }
}

fn start_thread(
    worker: Worker,
    out: Vec<Output>,
    deadline: Duration,
    failed: watch::Sender<Option<FatalError>>,
) -> io::Result<JoinHandle<()>> {
    let orders = worker.orders.clone();
    let builder = thread::Builder::new().name("replica".to_owned());
    builder.spawn(move || {
        let error = match catch_unwind(AssertUnwindSafe(|| worker.run(out))) {
            Ok(Ok(())) => return,
            Ok(Err(fatal)) => fatal.to_string(),
            Err(_) => "the replica's thread panicked; the log says where".to_owned(),
        };
        tracing::error!(error, "replication failed");
        // Nobody holds back or commits any more: clients have to go.
        let (done, _) = oneshot::channel();
        let _ = orders.send(Order::Close { deadline, done });
        failed.send_if_modified(|failed| {
            let first = failed.is_none();
            failed.get_or_insert(FatalError(error));
            first
        });
    })
}
