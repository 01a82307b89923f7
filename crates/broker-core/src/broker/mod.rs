//! The broker: everything one engine holds, shared by its connections and its operators.

mod attachment;
mod bindings;
mod changes;
mod changing;
mod commit;
mod connection;
mod consuming;
mod contents;
mod dead_letters;
mod delays;
mod dispatch;
mod draining;
mod exchanges;
mod indexer;
mod live_queue;
mod login;
mod measuring;
mod owed;
mod own_limits;
mod paging;
mod placed;
mod policies;
mod publish;
mod queues;
mod recovery;
mod replies;
mod route;
mod salvage;
mod scrubbing;
mod standby;
mod standing;
mod stream_contents;
mod streams;
mod timers;
mod topic_permissions;
mod topology;
mod transactions;
mod turning_away;
mod upkeep;
mod users;
mod vhosts;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

pub use attachment::Attachment;
pub use login::{Login, PasswordCheck};
pub use measuring::Peer;
pub use own_limits::ChannelSlot;
pub use recovery::BrokerOpenError;
pub use salvage::{Definitions, SalvageError, Salvaged, SalvagedMessage, salvage};
pub use standby::{Extent, Standby};
pub use transactions::{Committed, Uncommitted};

pub(crate) use connection::{ByReach, Connection, Connections};
pub(crate) use exchanges::no_exchange;
pub(crate) use live_queue::LiveQueue;
pub(crate) use topology::Topology;
pub(crate) use vhosts::{Vhost, Vhosts};

use self::changes::Changes;
use self::dead_letters::DeadLetters;
use self::measuring::QueueTallies;
use self::owed::Owed;
use self::scrubbing::Scrubbing;
use self::timers::Timers;
use self::upkeep::Upkeep;
use crate::access::{PasswordHash, Remembered, Users};
use crate::account::Account;
use crate::admin::{Admin, BrokerStats, DeleteIf};
use crate::clock::{Clock, SystemClock};
use crate::durability::Reached;
use crate::journal::{self, AppendError, Journal, Lsn, Stopped, StoreId};
use crate::limits::Limits;
use crate::lock::{lock, read};
use crate::outbox::Waiting;
use crate::refusal::{Reason, Refusal};

/// A queue nobody can use any more, and when it is to be deleted.
type Abandoned = (Arc<Vhost>, Arc<LiveQueue>, DeleteIf);

/// How to open a broker.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// What it is called in logs.
    pub name: Arc<str>,
    /// Upper bounds.
    pub limits: Limits,
    /// How the journal is kept.
    pub journal: journal::Options,
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            name: Arc::default(),
            limits: Limits::default(),
            journal: journal::Options::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

/// One broker. All methods may be called from any thread; the order of its locks is written down in
/// the module `lock`.
#[derive(Debug)]
pub struct Broker {
    name: Arc<str>,
    limits: Limits,
    clock: Arc<dyn Clock>,
    journal: Arc<Journal>,
    account: &'static Account,
    /// Held by whoever changes definitions, so that the journal has the changes in the order in
    /// which they happened.
    changes: Mutex<Changes>,
    /// Position behind the last change of definitions.
    last_change: AtomicU64,
    users: RwLock<Users>,
    /// Counts changes of users and permissions; connections look at it before each operation.
    access_epoch: AtomicU64,
    vhosts: RwLock<Vhosts>,
    connections: Mutex<Connections>,
    queue_tallies: Mutex<QueueTallies>,
    /// Commits of the journal seen,
    commits: AtomicU64,
    /// and where the last one ended.
    last_commit: AtomicU64,
    /// Queues whose first message waits for a commit.
    awaiting: Mutex<Vec<Arc<LiveQueue>>>,
    /// Connections that wait for a commit.
    watchers: ByReach<Mutex<Vec<Arc<Connection>>>>,
    /// Publishers that wait until the journal takes publishes.
    journal_waiters: Waiting,
    /// Those that wait only until its writer has caught up.
    writer_waiters: Waiting,
    /// Those whose transactions the journal has no segment for yet.
    commit_waiters: Waiting,
    owed: Arc<Owed>,
    /// Queues to be deleted once the journal can take note of it.
    abandoned: Mutex<Vec<Abandoned>>,
    upkeep: Mutex<Upkeep>,
    scrubbing: Scrubbing,
    timers: Timers,
    dead_letters: DeadLetters,
    /// What logins of unknown users are checked against.
    fake_hash: PasswordHash,
    /// Logins of late.
    remembered: Arc<Remembered>,
}

impl Broker {
    /// Position up to which everything is durable, what is still owed to the journal included.
    pub fn durable(&self) -> Lsn {
        self.journal.durable().min(self.owed.floor())
    }

    /// How far the journal is for queues of each level, what is still owed to it included.
    pub fn reached(&self) -> Reached {
        let floor = self.owed.floor();
        // In this order, since both only rise and the first must not pass the second.
        let durable = self.journal.durable().min(floor);
        let written = self.journal.written().min(floor);
        Reached { written, durable }
    }

    /// The name of its journal.
    pub fn store(&self) -> StoreId {
        self.journal.store()
    }

    /// Why nothing becomes durable any more, if so.
    pub fn stopped(&self) -> Option<Stopped> {
        self.journal.stopped()
    }

    /// Takes no more changes and messages; the journal's writer commits what is there and ends.
    pub fn close(&self) {
        self.journal.close();
    }

    /// See [`Journal::write_ahead`].
    ///
    /// # Errors
    /// When the journal was closed or has failed.
    pub fn write_ahead(&self, patience: Duration) -> Result<bool, Stopped> {
        self.journal.write_ahead(patience)
    }

    /// What management uses.
    pub fn admin(self: &Arc<Self>) -> Admin {
        Admin::new(Arc::clone(self))
    }

    /// What it is called in logs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bounds it runs with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counts of the whole broker.
    pub(crate) fn stats(&self) -> BrokerStats {
        let connections = lock(&self.connections).attached.len() as u64;
        let vhosts = self.all_vhosts();
        let queues = vhosts
            .iter()
            .map(|vhost| read(&vhost.topology).queues().len() as u64)
            .sum();
        let delayed = vhosts
            .iter()
            .map(|vhost| read(&vhost.topology).delayed_messages())
            .sum();
        BrokerStats {
            connections,
            vhosts: vhosts.len() as u64,
            queues,
            delayed,
            memory_bytes: self.account.bytes(),
            publish_paused: self.publish_paused(),
            scrub: self.scrubbing.stats(),
        }
    }

    /// The virtual hosts there are now.
    fn all_vhosts(&self) -> Vec<Arc<Vhost>> {
        let vhosts = read(&self.vhosts);
        vhosts
            .values()
            .map(|(_, vhost)| Arc::clone(vhost))
            .collect()
    }

    /// Whether publishers should wait.
    fn publish_paused(&self) -> bool {
        self.account.is_over() || !self.takes_publishes()
    }

    pub(crate) fn connections(&self) -> &Mutex<Connections> {
        &self.connections
    }

    /// Where everything known of the definitions now is durable. A call that finds its work done by
    /// somebody else waits for this, since the other's change may still be on its way to the disk.
    pub(crate) fn last_change(&self) -> Lsn {
        Lsn(self.last_change.load(Ordering::Acquire))
    }
}

/// The journal refuses a record.
fn refuse_append(error: &AppendError) -> Refusal {
    let reason = match error {
        AppendError::Full | AppendError::NotYet => Reason::ResourceExhausted,
        AppendError::Stopped(_) => Reason::Unavailable,
        AppendError::TooLarge { .. } => Reason::Invalid,
    };
    Refusal::new(reason, error)
}

/// A limit is reached: `most` of `things` are there.
fn exhausted(things: impl fmt::Display, most: usize) -> Refusal {
    Refusal::new(
        Reason::ResourceExhausted,
        format!("the limit of {most} {things} is reached"),
    )
}
