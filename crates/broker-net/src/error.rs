//! Why a server cannot start, and why it had to stop.

use std::io;
use std::net::SocketAddr;

/// Why listeners could not be bound or the server not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is not one of this machine's.
    #[error(
        "cannot listen on {address}: this machine has no such address; name one it has, or \
         0.0.0.0 or [::] for all"
    )]
    NoSuchAddress {
        /// The address asked for.
        address: SocketAddr,
    },
    /// Another program listens there.
    #[error(
        "cannot listen on {address}: another program listens there; stop it (`ss -ltnp` names \
         it) or choose another port"
    )]
    Occupied {
        /// The address asked for.
        address: SocketAddr,
    },
    /// Two of the listeners asked for have the same address.
    #[error("cannot listen on {address} twice: give each listener its own address")]
    Repeated {
        /// The address.
        address: SocketAddr,
    },
    /// The port needs rights that this process lacks.
    #[error(
        "cannot listen on {address}: permission denied; ports below 1024 need the capability \
         CAP_NET_BIND_SERVICE"
    )]
    Denied {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The system refuses for another reason.
    #[error("cannot listen on {address}: {source}")]
    Io {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A listener had to go before a new one could be bound. The new one could not be, and the old
    /// one not be brought back.
    #[error("{error}; and what listened on {address} before could not be brought back: {lost}")]
    Lost {
        /// Where nobody listens any more.
        address: SocketAddr,
        /// Why it could not be brought back.
        lost: Box<StartError>,
        /// Why the new one could not be bound.
        error: Box<StartError>,
    },
    /// The thread that writes the journal could not be started.
    #[error("cannot start the journal's thread: {0}")]
    Thread(io::Error),
}

impl StartError {
    pub(crate) fn listen(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::Occupied { address },
            io::ErrorKind::AddrNotAvailable => Self::NoSuchAddress { address },
            io::ErrorKind::PermissionDenied => Self::Denied { address },
            _ => Self::Io { address, source },
        }
    }
}

/// The broker can go on no more: nothing becomes durable, so nothing is confirmed. The process has
/// to end and start again from what its disk holds.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct FatalError(pub(crate) String);
