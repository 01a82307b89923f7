//! The server of a node, which runs while the node leads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use broker_core::broker::Broker;
use broker_core::journal::Writer;
use broker_core::replication::replica::Input;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep};

use super::inbox::{Inbox, Item};
use crate::brake::Brake;
use crate::error::{FatalError, StartError};
use crate::listener::ListenerConfig;
use crate::server::{Hooks, Options, Server, check_distinct};

/// How long handles to the broker may take to go once it is closed.
const RELEASE: Duration = Duration::from_secs(2);

/// Between two attempts to listen where it was not possible.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// What the engine is told.
#[derive(Debug)]
pub(super) enum Order {
    /// Serve with this broker.
    Lead {
        broker: Arc<Broker>,
        writer: Box<Writer>,
    },
    /// Serve no more, and tell the replica.
    StopLeading,
    /// Listen there, now or as soon as there is a server.
    Listen(Vec<ListenerConfig>, oneshot::Sender<Result<(), StartError>>),
    /// Serve no more: the process is about to end, or to begin anew.
    Close {
        deadline: Duration,
        done: oneshot::Sender<()>,
    },
}

/// The server while there is one. Whoever takes it out of here holds it only for a moment: a node
/// that leads no more goes on when all handles are gone.
pub(super) type Slot = Arc<Mutex<Option<Arc<Server>>>>;

pub(super) fn lock(slot: &Slot) -> MutexGuard<'_, Option<Arc<Server>>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Carries out orders, one after the other.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) slot: Slot,
    pub(super) listeners: Vec<ListenerConfig>,
    pub(super) options: Options,
    pub(super) brake: Brake,
    pub(super) inbox: Inbox,
    pub(super) failed: watch::Sender<Option<FatalError>>,
    /// How long clients may take to say goodbye when the node leads no more.
    pub(super) goodbye: Duration,
    /// It should listen somewhere and could not: since when, and why.
    pub(super) deaf: Deaf,
}

/// Shared with whoever looks.
pub(super) type Deaf = Arc<Mutex<Option<(Instant, String)>>>;

impl Engine {
    /// Goes on until nobody gives orders any more. Then clients are cut off.
    pub(super) async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            let server = lock(&self.slot).clone();
            let failed = async {
                match &server {
                    Some(server) => server.failed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                order = orders.recv() => {
                    drop(server);
                    match order {
                        Some(order) => self.carry_out(order).await,
                        None => break,
                    }
                }
                error = failed => {
                    lock(&self.slot).take();
                    self.fail(error);
                    // The replica looks at the journal and ends: while it is heard of, nobody else
                    // is elected.
                    self.inbox.journal_moved();
                }
                () = sleep(LISTEN_AGAIN), if self.is_deaf() => {
                    drop(server);
                    self.listen().await;
                }
            }
        }
        if let Some(server) = lock(&self.slot).take() {
            server.abandon();
        }
    }

    async fn carry_out(&mut self, order: Order) {
        match order {
            Order::Lead { broker, writer } => self.lead(broker, *writer).await,
            Order::StopLeading => {
                if self.stop(self.goodbye).await {
                    self.inbox.push(Item::Input(Input::EngineStopped));
                }
            }
            Order::Listen(listeners, told) => {
                let result = self.set_listeners(listeners).await;
                // Whoever asked may have gone.
                let _ = told.send(result);
            }
            Order::Close { deadline, done } => {
                self.stop(deadline).await;
                let _ = done.send(());
            }
        }
    }

    async fn lead(&mut self, broker: Arc<Broker>, writer: Writer) {
        let inbox = self.inbox.clone();
        let hooks = Hooks {
            brake: self.brake.clone(),
            on_turn: Some(Box::new(move || inbox.journal_moved())),
        };
        let started = Server::start_hooked(broker, writer, Vec::new(), self.options.clone(), hooks);
        match started {
            Ok(server) => {
                *lock(&self.slot) = Some(Arc::new(server));
                self.listen().await;
            }
            Err(error) => self.fail(FatalError(error.to_string())),
        }
    }

    /// Opens the listeners. A node that leads and cannot be reached tries again: whoever is in the
    /// way may go.
    async fn listen(&mut self) {
        let Some(server) = lock(&self.slot).clone() else {
            return self.listens();
        };
        let listening = server.set_listeners(self.listeners.clone()).await;
        match listening {
            Ok(()) => self.listens(),
            Err(error) => {
                let mut deaf = self.deaf.lock().unwrap_or_else(PoisonError::into_inner);
                if deaf.is_none() {
                    tracing::error!(%error, "this node leads and cannot listen for clients; it tries again");
                    *deaf = Some((Instant::now(), error.to_string()));
                }
            }
        }
    }

    fn is_deaf(&self) -> bool {
        let deaf = self.deaf.lock().unwrap_or_else(PoisonError::into_inner);
        deaf.is_some()
    }

    fn listens(&self) {
        *self.deaf.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn set_listeners(&mut self, listeners: Vec<ListenerConfig>) -> Result<(), StartError> {
        check_distinct(&listeners)?;
        let server = lock(&self.slot).clone();
        if let Some(server) = server {
            server.set_listeners(listeners.clone()).await?;
        }
        self.listeners = listeners;
        self.listens();
        Ok(())
    }

    /// Stops the server, if there is one. False if it cannot be told that nothing of it is left.
    async fn stop(&mut self, deadline: Duration) -> bool {
        self.listens();
        let Some(server) = lock(&self.slot).take() else {
            return true;
        };
        let broker = Arc::downgrade(server.broker());
        if !server.stop(deadline).await {
            self.fail(FatalError("the disk hangs".to_owned()));
            return false;
        }
        drop(server);
        let until = Instant::now() + RELEASE;
        while broker.strong_count() > 0 {
            if Instant::now() >= until {
                tracing::warn!("somebody still holds the broker that served");
                break;
            }
            sleep(Duration::from_millis(2)).await;
        }
        true
    }

    fn fail(&self, error: FatalError) {
        self.failed.send_if_modified(|failed| {
            let first = failed.is_none();
            failed.get_or_insert(error);
            first
        });
    }
}
