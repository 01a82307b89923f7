//! Listening sockets and their accept loops.

use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::connection::serve;
use crate::error::StartError;
use crate::server::Shared;

/// Connections the system may keep for us until we accept them.
const BACKLOG: u32 = 1024;

/// Pause after the system refused to accept, most often for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// AMQP 0-9-1.
    Amqp,
}

/// A listener to be.
#[derive(Debug, Clone)]
pub struct ListenerConfig {
    /// What is spoken there.
    pub protocol: Protocol,
    /// Where; port 0 lets the system choose.
    pub address: SocketAddr,
    /// Certificate and key, for TLS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// A listener that is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// What is spoken there.
    pub protocol: Protocol,
    /// Where, with the port the system chose.
    pub address: SocketAddr,
    /// Whether TLS is spoken below it.
    pub tls: bool,
}

/// A bound listener whose accept loop runs until this is dropped. Connections it accepted go on.
#[derive(Debug)]
pub(crate) struct Listener {
    /// As asked for, so that the same wish finds it again.
    asked: (Protocol, SocketAddr),
    endpoint: Endpoint,
    tls: Arc<TlsSlot>,
    _running: DropGuard,
}

/// The TLS configuration for connections to come; replaced without touching the listener.
type TlsSlot = Mutex<Option<Arc<rustls::ServerConfig>>>;

/// A bound socket whose accept loop does not run yet.
#[derive(Debug)]
pub(crate) struct Bound {
    socket: TcpListener,
    config: ListenerConfig,
    address: SocketAddr,
}

impl Bound {
    /// Takes the address.
    pub(crate) fn new(config: ListenerConfig) -> Result<Self, StartError> {
        let bind = || {
            let socket = match config.address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            // Lets a restarted broker bind while old connections linger in TIME_WAIT.
            socket.set_reuseaddr(true)?;
            socket.bind(config.address)?;
            let socket = socket.listen(BACKLOG)?;
            let address = socket.local_addr()?;
            Ok((socket, address))
        };
        let (socket, address) =
            bind().map_err(|source| StartError::listen(config.address, source))?;
        Ok(Self {
            socket,
            config,
            address,
        })
    }

    /// Starts accepting.
    pub(crate) fn start(self, shared: &Arc<Shared>) -> Listener {
        let Self {
            socket,
            config:
                ListenerConfig {
                    protocol,
                    address: asked,
                    tls,
                },
            address,
        } = self;
        let endpoint = Endpoint {
            protocol,
            address,
            tls: tls.is_some(),
        };
        let tls = Arc::new(Mutex::new(tls));
        let stop = CancellationToken::new();
        let accepting = accept(socket, Arc::clone(&tls), Arc::clone(shared), stop.clone());
        shared.tasks.spawn(accepting);
        tracing::info!(%address, tls = endpoint.tls, "listening");
        Listener {
            asked: (protocol, asked),
            endpoint,
            tls,
            _running: stop.drop_guard(),
        }
    }
}

impl Listener {
    pub(crate) fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Whether this is what `config` asks for, the TLS configuration aside.
    pub(crate) fn serves(&self, config: &ListenerConfig) -> bool {
        self.asked == (config.protocol, config.address)
    }

    /// Takes over the TLS configuration of `config` for connections to come.
    pub(crate) fn update(&mut self, config: ListenerConfig) {
        self.endpoint.tls = config.tls.is_some();
        *self.tls.lock().unwrap_or_else(PoisonError::into_inner) = config.tls;
    }
}

async fn accept(
    socket: TcpListener,
    tls: Arc<TlsSlot>,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = shared.stop.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let tls = tls.lock().unwrap_or_else(PoisonError::into_inner).clone();
                admit(stream, peer, tls, &shared);
            }
            // The peer gave up before we got to it.
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// Starts a connection's task if the gate lets it in. A panic in it ends only this connection.
fn admit(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Arc<rustls::ServerConfig>>,
    shared: &Arc<Shared>,
) {
    let admission = match shared.gate.admit(peer.ip()) {
        Ok(admission) => admission,
        Err(refused) => {
            tracing::warn!(%peer, ?refused, "connection turned away");
            return;
        }
    };
    let shared = Arc::clone(shared);
    let tasks = shared.tasks.clone();
    tasks.spawn(async move {
        let serving = serve(stream, peer, tls, admission, Arc::clone(&shared));
        tokio::select! {
            biased;
            () = shared.abandoned() => {}
            served = AssertUnwindSafe(serving).catch_unwind() => {
                if served.is_err() {
                    tracing::error!(%peer, "connection ended by a panic; this is a defect");
                }
            }
        }
    });
}
