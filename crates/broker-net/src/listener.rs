//! Listening sockets and their accept loops.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use broker_core::log::CONNECTION;
use futures_util::FutureExt as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::certificate::UserFrom;
use crate::connection::{Origin, serve};
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
    /// For TLS.
    pub tls: Option<Tls>,
}

/// How TLS is spoken on a listener.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Certificate, key, and whose certificates clients may or must present.
    pub config: Arc<rustls::ServerConfig>,
    /// What of a client's certificate is the user's name: who has one may log in without a password.
    pub user_from: UserFrom,
}

impl From<Arc<rustls::ServerConfig>> for Tls {
    /// Users are named by their certificates' common names.
    fn from(config: Arc<rustls::ServerConfig>) -> Self {
        Self {
            config,
            user_from: UserFrom::default(),
        }
    }
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

impl Endpoint {
    /// What it is called where connections are counted: protocol and port, `amqps:5671`.
    pub fn name(&self) -> String {
        let protocol = match self.protocol {
            Protocol::Amqp => "amqp",
        };
        let s = if self.tls { "s" } else { "" };
        format!("{protocol}{s}:{}", self.address.port())
    }
}

/// A bound listener whose accept loop runs until this is dropped. Connections it accepted go on.
#[derive(Debug)]
pub(crate) struct Listener {
    /// As asked for, so that the same wish finds it again.
    asked: (Protocol, SocketAddr),
    endpoint: Endpoint,
    open: Arc<Open>,
    _running: DropGuard,
}

/// What a listener shares with its accept loop.
#[derive(Debug)]
struct Open {
    /// Taken away when the listener goes: its address is free at once, whenever the loop notices.
    socket: Mutex<Option<TcpListener>>,
    /// The TLS configuration for connections to come; replaced without touching the socket.
    tls: Mutex<Option<Tls>>,
}

/// A bound socket whose accept loop does not run yet.
#[derive(Debug)]
pub(crate) struct Bound {
    socket: TcpListener,
    config: ListenerConfig,
    address: SocketAddr,
}

/// A listener that had to go, with what it takes to bring it back.
#[derive(Debug)]
pub(crate) struct Closed {
    config: ListenerConfig,
    /// Where it was, with the port the system chose.
    pub(crate) address: SocketAddr,
}

impl Bound {
    /// Takes the address.
    pub(crate) fn new(config: ListenerConfig) -> Result<Self, StartError> {
        let address = config.address;
        Self::at(address, config)
    }

    /// Takes the address of a listener that went.
    pub(crate) fn again(closed: Closed) -> Result<Self, StartError> {
        Self::at(closed.address, closed.config)
    }

    fn at(address: SocketAddr, config: ListenerConfig) -> Result<Self, StartError> {
        let bind = || {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            // Lets a restarted broker bind while old connections linger in TIME_WAIT.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            let socket = socket.listen(BACKLOG)?;
            let address = socket.local_addr()?;
            Ok((socket, address))
        };
        let (socket, address) = bind().map_err(|source| StartError::listen(address, source))?;
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
        let open = Arc::new(Open {
            socket: Mutex::new(Some(socket)),
            tls: Mutex::new(tls),
        });
        let stop = CancellationToken::new();
        let name = endpoint.name().into();
        let accepting = accept(Arc::clone(&open), name, Arc::clone(shared), stop.clone());
        shared.tasks.spawn(accepting);
        let broker = shared.broker.name();
        tracing::info!(broker, %address, tls = endpoint.tls, "listening");
        Listener {
            asked: (protocol, asked),
            endpoint,
            open,
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

    /// Whether it may have to go before `config` can be bound.
    pub(crate) fn is_in_the_way_of(&self, config: &ListenerConfig) -> bool {
        self.endpoint.address.port() == config.address.port()
    }

    /// Takes over the TLS configuration of `config` for connections to come.
    pub(crate) fn update(&mut self, config: ListenerConfig) {
        self.endpoint.tls = config.tls.is_some();
        *lock(&self.open.tls) = config.tls;
    }

    /// Frees the address.
    pub(crate) fn close(self) -> Closed {
        let (protocol, address) = self.asked;
        let tls = lock(&self.open.tls).take();
        Closed {
            config: ListenerConfig {
                protocol,
                address,
                tls,
            },
            address: self.endpoint.address,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.open.close();
    }
}

impl Open {
    fn close(&self) {
        lock(&self.socket).take();
    }

    /// The next connection; pending for ever once the socket is gone.
    async fn next(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|context| match &*lock(&self.socket) {
            Some(socket) => socket.poll_accept(context),
            None => Poll::Pending,
        })
        .await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(open: Arc<Open>, name: Arc<str>, shared: Arc<Shared>, stop: CancellationToken) {
    // Whoever comes while connections are held back waits in the system's queue.
    let next = async || {
        shared.brake.released().await;
        open.next().await
    };
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = shared.stop.cancelled() => return open.close(),
            accepted = next() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let tls = lock(&open.tls).clone();
                admit(stream, peer, tls, &name, &shared);
            }
            // The peer gave up before we got to it.
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                let broker = shared.broker.name();
                tracing::warn!(broker, %error, "cannot accept connections");
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
    tls: Option<Tls>,
    listener: &Arc<str>,
    shared: &Arc<Shared>,
) {
    let admission = match shared.gate.admit(peer.ip()) {
        Ok(admission) => admission,
        Err(refused) => {
            let broker = shared.broker.name();
            tracing::warn!(target: CONNECTION, broker, %peer, ?refused, "connection turned away");
            shared.broker.connection_refused(listener);
            return;
        }
    };
    let from = Origin {
        address: peer,
        listener: Arc::clone(listener),
    };
    let shared = Arc::clone(shared);
    let tasks = shared.tasks.clone();
    tasks.spawn(async move {
        let serving = serve(stream, from, tls, admission, Arc::clone(&shared));
        tokio::select! {
            biased;
            () = shared.abandoned() => {}
            served = AssertUnwindSafe(serving).catch_unwind() => {
                if served.is_err() {
                    let broker = shared.broker.name();
                    tracing::error!(broker, %peer, "connection ended by a panic; this is a defect");
                }
            }
        }
    });
}
