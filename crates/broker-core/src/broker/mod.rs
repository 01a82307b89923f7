//! The broker: everything one engine holds, shared by its connections and its operators.

mod attachment;

use std::sync::Arc;

pub use attachment::Attachment;

use crate::access::PasswordHash;
use crate::admin::Admin;
use crate::journal::Lsn;
use crate::limits::Limits;
use crate::outbox::Wake;
use crate::refusal::Refusal;

/// How to open a broker.
#[derive(Debug, Clone, Default)]
pub struct BrokerConfig {
    /// Upper bounds.
    pub limits: Limits,
}

/// One broker.
#[derive(Debug)]
pub struct Broker {
    limits: Limits,
}

/// A password that waits to be checked; the check is heavy on CPU and runs where the driver wants.
#[derive(Debug)]
pub struct PasswordCheck {
    pub(crate) username: Arc<str>,
    pub(crate) known: bool,
    pub(crate) hash: PasswordHash,
    pub(crate) password: Vec<u8>,
}

/// Proof of a successful login.
#[derive(Debug, Clone)]
pub struct Login {
    pub(crate) username: Arc<str>,
}

impl PasswordCheck {
    /// Runs the check: tens of milliseconds and 19 MiB. The refusal is the same for an unknown
    /// user, a user without a password and a wrong password.
    pub fn run(self) -> Result<Login, Refusal> {
        todo!()
    }
}

impl Login {
    /// Who logged in.
    pub fn username(&self) -> &str {
        &self.username
    }
}

impl Broker {
    /// Position up to which everything is durable.
    pub fn durable(&self) -> Lsn {
        todo!()
    }

    /// The writer thread calls this after each commit: queues deliver what became durable, and each
    /// connection that waits for a position reached now is woken once.
    pub fn committed(&self) {
        todo!()
    }

    /// Prepares the check of a user's password. Cheap.
    pub fn login(&self, username: &str, password: &[u8]) -> PasswordCheck {
        let _ = (username, password);
        todo!()
    }

    /// Attaches a connection to a virtual host. `peer` is its address, for people. `wake` is called
    /// when the outbox gets something to drain or a watched commit is reached.
    pub fn attach(
        self: &Arc<Self>,
        login: &Login,
        vhost: &str,
        peer: String,
        wake: Box<dyn Wake>,
    ) -> Result<Attachment, Refusal> {
        let _ = (login, vhost, peer, wake);
        todo!()
    }

    /// What management uses.
    pub fn admin(self: &Arc<Self>) -> Admin {
        Admin::new(Arc::clone(self))
    }

    /// The bounds it runs with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}
