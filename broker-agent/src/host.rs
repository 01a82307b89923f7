//! One running broker: its engine, its journal writer and its listeners.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use broker_core::admin::Admin;
use broker_core::broker::{Broker, BrokerConfig};
use broker_core::journal::{FileDisk, Lsn};
use broker_net::{Endpoint, ListenerConfig, Options, Server, StartError};
use tokio::sync::RwLock;
use tokio_util::sync::CancellationToken;

use crate::bounds::Bounds;
use crate::name::BrokerName;
use crate::tokens::Tokens;

/// A broker that serves, or is about to stop.
#[derive(Debug)]
pub(crate) struct Host {
    admin: Admin,
    /// None once stopped. Readers are calls that wait for the journal; they give way to a stop.
    server: RwLock<Option<Server>>,
    stopping: CancellationToken,
    tokens: Tokens,
}

/// The engine of a broker that serves, for the length of one call.
#[derive(Debug, Clone)]
pub(crate) enum Engine {
    /// Of a broker on this agent alone.
    Single(Arc<Host>),
    /// Of a pair's active. Not to be kept: a node that leads no more waits for it to go.
    Active(Active),
}

/// A pair's engine while its node is active.
#[derive(Debug, Clone)]
pub(crate) struct Active {
    admin: Admin,
    server: Arc<Server>,
    tokens: Arc<Tokens>,
}

impl Active {
    pub(crate) fn new(server: Arc<Server>, tokens: Arc<Tokens>) -> Self {
        Self {
            admin: server.broker().admin(),
            server,
            tokens,
        }
    }

    /// What is being listened on.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        self.server.endpoints()
    }
}

impl Engine {
    /// The engine's management side.
    pub(crate) fn admin(&self) -> &Admin {
        match self {
            Self::Single(host) => host.admin(),
            Self::Active(active) => &active.admin,
        }
    }

    /// Tokens of recent creations.
    pub(crate) fn tokens(&self) -> &Tokens {
        match self {
            Self::Single(host) => host.tokens(),
            Self::Active(active) => &active.tokens,
        }
    }

    /// What is being listened on.
    pub(crate) async fn endpoints(&self) -> Vec<Endpoint> {
        match self {
            Self::Single(host) => host.endpoints().await,
            Self::Active(active) => active.endpoints(),
        }
    }

    /// Waits until the journal is durable up to there: of a pair, on every node in sync.
    pub(crate) async fn durable(&self, lsn: Lsn) -> Result<(), Interrupted> {
        match self {
            Self::Single(host) => host.durable(lsn).await,
            Self::Active(active) => {
                let durable = active.server.wait_durable(lsn).await;
                durable.map_err(|error| Interrupted(error.to_string()))
            }
        }
    }
}

/// Why a broker does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartFailure {
    #[error("its data in {} cannot be opened: {cause}", dir.display())]
    Data { dir: PathBuf, cause: String },
    #[error(
        "address {0} is in use by another program or broker; stop that one or choose another port"
    )]
    Occupied(SocketAddr),
    #[error("{cause}")]
    Listen { address: SocketAddr, cause: String },
    /// The agent, or its settings, do not allow for a pair.
    #[error("{0}")]
    Pair(String),
    /// Its keys are not to be had.
    #[error("{0}")]
    Encryption(String),
    #[error("it cannot start: {0}")]
    Other(String),
}

/// The broker stopped while a call waited for it.
#[derive(Debug, thiserror::Error)]
#[error("the broker stopped before the change was safe on disk: {0}; ask what became of it")]
pub(crate) struct Interrupted(String);

impl Host {
    /// Opens the data in `dir`, replaying the journal, and then the listeners.
    pub(crate) async fn start(
        dir: &Path,
        config: BrokerConfig,
        listeners: Vec<ListenerConfig>,
        bounds: &Bounds,
    ) -> Result<Self, StartFailure> {
        let journal = dir.join(JOURNAL);
        let opened = tokio::task::spawn_blocking(move || {
            let disk = FileDisk::open(&journal).map_err(|error| error.to_string())?;
            Broker::open(&config, disk).map_err(|error| error.to_string())
        });
        let opened = match opened.await {
            Ok(opened) => opened,
            Err(panic) => Err(panic.to_string()),
        };
        let (broker, writer) = opened.map_err(|cause| StartFailure::Data {
            dir: dir.to_owned(),
            cause,
        })?;
        let admin = broker.admin();
        let server = Server::start_with(broker, writer, listeners, options(bounds)).await?;
        Ok(Self {
            admin,
            server: RwLock::new(Some(server)),
            stopping: CancellationToken::new(),
            tokens: Tokens::default(),
        })
    }

    /// The engine's management side.
    pub(crate) fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Tokens of recent creations.
    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// What is being listened on.
    pub(crate) async fn endpoints(&self) -> Vec<Endpoint> {
        self.server
            .read()
            .await
            .as_ref()
            .map(Server::endpoints)
            .unwrap_or_default()
    }

    /// Waits until the journal is durable up to there.
    pub(crate) async fn durable(&self, lsn: Lsn) -> Result<(), Interrupted> {
        let wait = async {
            match &*self.server.read().await {
                None => Err(Interrupted("it is stopped".to_owned())),
                Some(server) => server
                    .wait_durable(lsn)
                    .await
                    .map_err(|error| Interrupted(error.to_string())),
            }
        };
        tokio::select! {
            biased;
            result = wait => result,
            () = self.stopping.cancelled() => Err(Interrupted("it is stopping".to_owned())),
        }
    }

    /// Opens and closes listeners so that exactly these are open; those that stay are not touched.
    pub(crate) async fn set_listeners(
        &self,
        listeners: Vec<ListenerConfig>,
    ) -> Result<(), StartFailure> {
        match &*self.server.read().await {
            None => Err(StartFailure::Other("it is stopped".to_owned())),
            Some(server) => Ok(server.set_listeners(listeners).await?),
        }
    }

    /// Resolves with the reason when the disk failed; with none when the broker was stopped.
    pub(crate) async fn failed(&self) -> Option<String> {
        let failure = async {
            match &*self.server.read().await {
                None => None,
                Some(server) => Some(server.failed().await.to_string()),
            }
        };
        tokio::select! {
            reason = failure => reason,
            () = self.stopping.cancelled() => None,
        }
    }

    /// Closes listeners and connections and makes everything durable, as far as the deadline
    /// allows. A second stop finds nothing to do.
    pub(crate) async fn stop(&self, deadline: Duration) {
        self.stopping.cancel();
        let server = self.server.write().await.take();
        if let Some(server) = server {
            server.shutdown(deadline).await;
        }
    }
}

/// How the engine of a broker is opened within these bounds.
pub(crate) fn broker_config(name: &BrokerName, bounds: &Bounds) -> BrokerConfig {
    let mut config = BrokerConfig {
        name: name.as_str().into(),
        limits: bounds.limits.clone(),
        ..BrokerConfig::default()
    };
    config.journal.keep_free_bytes = bounds.disk_keep_free_bytes;
    config
}

/// How clients are served within these bounds.
pub(crate) fn options(bounds: &Bounds) -> Options {
    Options {
        admission: bounds.admission,
        ..Options::default()
    }
}

/// Where a broker's journal is, within its directory.
pub(crate) const JOURNAL: &str = "journal";

impl From<StartError> for StartFailure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Occupied { address } => Self::Occupied(address),
            StartError::Denied { address }
            | StartError::Io { address, .. }
            | StartError::Lost { address, .. }
            | StartError::NoSuchAddress { address }
            | StartError::Repeated { address } => Self::Listen {
                address,
                cause: error.to_string(),
            },
            StartError::Thread(_) => Self::Other(error.to_string()),
        }
    }
}
