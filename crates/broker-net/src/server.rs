//! A running broker with its listeners.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use broker_core::broker::Broker;
use broker_core::journal::{Lsn, Stopped, Writer};
use broker_core::session::amqp091;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admission::{AdmissionLimits, Gate};
use crate::brake::Brake;
use crate::error::{FatalError, StartError};
use crate::journal_thread::{self, End, OnTurn, Progress};
use crate::listener::{Bound, Closed, Endpoint, Listener, ListenerConfig};
use crate::logins::Logins;
use crate::scrub;
use crate::timers;

/// What a server can be told beside its listeners.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Bounds on connections.
    pub admission: AdmissionLimits,
    /// Bounds on the time of peers.
    pub deadlines: Deadlines,
    /// What AMQP 0-9-1 clients are offered.
    pub amqp091: amqp091::Settings,
    /// How long after the start the scrub of the journal begins; a minute unless said otherwise.
    pub scrub_after: Option<Duration>,
}

/// How long the last write ahead may take after all is durable.
const LAST_WRITE: Duration = Duration::from_secs(5);

/// When the scrub begins unless said otherwise.
const SCRUB_AFTER: Duration = Duration::from_secs(60);

/// How long a peer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// For a TLS handshake.
    pub tls: Duration,
    /// From accept to a finished login, our own check of the password aside.
    pub login: Duration,
    /// To take any of the bytes we have for it, where no heartbeats were agreed upon; where they
    /// were, two of their intervals are the time it has to show life, ten times this one at most.
    pub write: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            tls: Duration::from_secs(5),
            login: Duration::from_secs(10),
            // Longer than a healthy consumer without a prefetch limit works on what its buffers hold.
            write: Duration::from_secs(180),
        }
    }
}

/// A running broker. Must be started and used inside a tokio runtime.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    listeners: Mutex<Vec<Listener>>,
    progress: watch::Receiver<Progress>,
    /// Its owner is the journal's thread.
    told: Weak<watch::Sender<Progress>>,
    /// None once it has ended or was left behind.
    journal_thread: Mutex<Option<JoinHandle<()>>>,
}

/// What whoever replicates the broker has to do with its server.
#[derive(Default)]
pub(crate) struct Hooks {
    /// Holds all connections back.
    pub(crate) brake: Brake,
    /// Called by the journal's thread after each turn that wrote or committed.
    pub(crate) on_turn: Option<OnTurn>,
}

/// What connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) broker: Arc<Broker>,
    pub(crate) options: Options,
    pub(crate) gate: Arc<Gate>,
    pub(crate) logins: Logins,
    /// Holds all connections back.
    pub(crate) brake: Brake,
    /// Cancelled when everyone has to say goodbye.
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    /// Cancelled when the time for goodbyes is over.
    abandon: CancellationToken,
}

impl Server {
    /// Binds the listeners, starts the journal's thread and accepts connections.
    ///
    /// # Errors
    /// When a listener cannot be bound; then nothing runs.
    pub async fn start(
        broker: Arc<Broker>,
        writer: Writer,
        listeners: Vec<ListenerConfig>,
    ) -> Result<Self, StartError> {
        Self::start_with(broker, writer, listeners, Options::default()).await
    }

    /// [`Self::start`] with other options than the default ones.
    pub async fn start_with(
        broker: Arc<Broker>,
        writer: Writer,
        listeners: Vec<ListenerConfig>,
        options: Options,
    ) -> Result<Self, StartError> {
        Self::start_hooked(broker, writer, listeners, options, Hooks::default())
    }

    /// [`Self::start_with`] for a broker that is replicated.
    pub(crate) fn start_hooked(
        broker: Arc<Broker>,
        writer: Writer,
        listeners: Vec<ListenerConfig>,
        options: Options,
        hooks: Hooks,
    ) -> Result<Self, StartError> {
        let Hooks { brake, on_turn } = hooks;
        check_distinct(&listeners)?;
        let bound: Vec<Bound> = listeners
            .into_iter()
            .map(Bound::new)
            .collect::<Result<_, _>>()?;
        let (journal_thread, told, progress) =
            journal_thread::start(Arc::clone(&broker), writer, on_turn)
                .map_err(StartError::Thread)?;
        let scrub_after = options.scrub_after.unwrap_or(SCRUB_AFTER);
        let shared = Shared::new(broker, options, brake);
        let listeners = bound
            .into_iter()
            .map(|bound| bound.start(&shared))
            .collect();
        shared
            .tasks
            .spawn(stop_on_failure(progress.clone(), shared.stop.clone()));
        let broker = Arc::clone(&shared.broker);
        shared
            .tasks
            .spawn(scrub::run(broker, scrub_after, Arc::clone(&shared)));
        let broker = Arc::clone(&shared.broker);
        shared.tasks.spawn(timers::run(broker, shared.stop.clone()));
        Ok(Self {
            shared,
            listeners: Mutex::new(listeners),
            progress,
            told,
            journal_thread: Mutex::new(Some(journal_thread)),
        })
    }

    /// The broker it serves.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.shared.broker
    }

    /// Where it listens now.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.listeners().iter().map(Listener::endpoint).collect()
    }

    /// Changes where it listens. A listener that stays is not touched, except that connections to
    /// come get the new TLS configuration; connections of a listener that goes live on. One that
    /// goes and has the port of a new one goes before: the two could not be bound at a time.
    ///
    /// # Errors
    /// When a new listener cannot be bound; then nothing has changed, unless it is
    /// [`StartError::Lost`].
    pub async fn set_listeners(&self, wanted: Vec<ListenerConfig>) -> Result<(), StartError> {
        check_distinct(&wanted)?;
        let mut listeners = self.listeners();
        let is_new = |config: &&ListenerConfig| !listeners.iter().any(|old| old.serves(config));
        let new: Vec<_> = wanted.iter().filter(is_new).cloned().collect();
        let stays = |old: &Listener| wanted.iter().any(|config| old.serves(config));
        let closed: Vec<Closed> = listeners
            .extract_if(.., |old| {
                !stays(old) && new.iter().any(|config| old.is_in_the_way_of(config))
            })
            .map(Listener::close)
            .collect();
        let bound: Result<Vec<Bound>, _> = new.into_iter().map(Bound::new).collect();
        let bound = bound.map_err(|error| self.bring_back(&mut listeners, closed, error))?;
        listeners.retain(|old| stays(old));
        for config in wanted {
            if let Some(old) = listeners.iter_mut().find(|old| old.serves(&config)) {
                old.update(config);
            }
        }
        listeners.extend(bound.into_iter().map(|bound| bound.start(&self.shared)));
        Ok(())
    }

    /// Binds again what was closed in vain, and says what is to be told.
    fn bring_back(
        &self,
        listeners: &mut Vec<Listener>,
        closed: Vec<Closed>,
        mut error: StartError,
    ) -> StartError {
        for closed in closed {
            let address = closed.address;
            match Bound::again(closed) {
                Ok(bound) => listeners.push(bound.start(&self.shared)),
                Err(lost) => {
                    error = StartError::Lost {
                        address,
                        lost: Box::new(lost),
                        error: Box::new(error),
                    };
                }
            }
        }
        error
    }

    /// Waits until the journal is durable up to `lsn`.
    ///
    /// # Errors
    /// When it never will be, because the journal was closed or the disk failed before.
    pub async fn wait_durable(&self, lsn: Lsn) -> Result<(), Stopped> {
        let mut progress = self.progress.clone();
        let reached = |progress: &Progress| progress.durable >= lsn || progress.ended.is_some();
        // A vanished sender counts as an end; the thread tells its end before it goes.
        let _ = progress.wait_for(reached).await;
        if self.shared.broker.durable() >= lsn {
            return Ok(());
        }
        Err(self.shared.broker.stopped().unwrap_or(Stopped::Closed))
    }

    /// Tells those who [wait](Self::wait_durable) what counts as durable since others have it too.
    pub(crate) fn tell_durable(&self) {
        let durable = self.shared.broker.durable();
        if let Some(told) = self.told.upgrade() {
            told.send_if_modified(|progress| {
                let rises = progress.durable < durable;
                progress.durable = progress.durable.max(durable);
                rises
            });
        }
    }

    /// Resolves when the broker can go on no more, and never otherwise.
    pub async fn failed(&self) -> FatalError {
        let mut progress = self.progress.clone();
        let failed = |progress: &Progress| matches!(progress.ended, Some(End::Failed(_)));
        let end = match progress.wait_for(failed).await {
            Ok(progress) => progress.ended.clone(),
            Err(_) => None,
        };
        match end {
            Some(End::Failed(error)) => error,
            _ => std::future::pending().await,
        }
    }

    /// Stops accepting, tells every client goodbye, waits for them at most until `deadline`, and
    /// closes the journal with everything in it durable.
    pub async fn shutdown(self, deadline: Duration) {
        self.stop(deadline).await;
    }

    /// [`Self::shutdown`] for who shares it. False if the disk hangs, and the journal's thread with it.
    pub(crate) async fn stop(&self, deadline: Duration) -> bool {
        let shared = &self.shared;
        let until = Instant::now() + deadline;
        self.listeners().clear();
        shared.stop.cancel();
        shared.tasks.close();
        if timeout_at(until, shared.tasks.wait()).await.is_err() {
            tracing::warn!(
                connections = shared.tasks.len(),
                "shutdown cuts connections off"
            );
            shared.abandon.cancel();
            shared.tasks.wait().await;
        }
        shared.broker.close();
        // The thread commits what is there. What it does then is of no use any more, and on a sick disk
        // it may hang.
        let mut progress = self.progress.clone();
        let _ = progress.wait_for(|progress| progress.ended.is_some()).await;
        let gone = async { while progress.changed().await.is_ok() {} };
        if timeout(LAST_WRITE, gone).await.is_err() {
            tracing::warn!("the disk hangs; the journal's thread is left behind");
            return false;
        }
        let thread = lock(&self.journal_thread).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("journal thread panicked; this is a defect");
        }
        true
    }

    /// Ends all connections without a word, as the end of the process would.
    pub(crate) fn abandon(&self) {
        self.listeners().clear();
        self.shared.stop.cancel();
        self.shared.abandon.cancel();
        self.shared.broker.close();
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<Listener>> {
        lock(&self.listeners)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(broker: Arc<Broker>, options: Options, brake: Brake) -> Arc<Self> {
        Arc::new(Self {
            broker,
            gate: Arc::new(Gate::new(options.admission)),
            options,
            logins: Logins::default(),
            brake,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            abandon: CancellationToken::new(),
        })
    }

    /// Resolves when the time for goodbyes is over.
    pub(crate) async fn abandoned(&self) {
        self.abandon.cancelled().await;
    }
}

/// The same address twice would fail as occupied, by ourselves; port 0 is a new one each time.
pub(crate) fn check_distinct(listeners: &[ListenerConfig]) -> Result<(), StartError> {
    let mut seen: HashSet<SocketAddr> = HashSet::new();
    let repeated = listeners
        .iter()
        .map(|config| config.address)
        .find(|address| address.port() != 0 && !seen.insert(*address));
    match repeated {
        Some(address) => Err(StartError::Repeated { address }),
        None => Ok(()),
    }
}

/// A failed disk ends all connections: a client that waits for a confirm would wait for ever.
async fn stop_on_failure(mut progress: watch::Receiver<Progress>, stop: CancellationToken) {
    let failed = async {
        let ended = progress.wait_for(|progress| progress.ended.is_some()).await;
        ended.is_ok()
    };
    tokio::select! {
        () = stop.cancelled() => {}
        _ = failed => stop.cancel(),
    }
}
