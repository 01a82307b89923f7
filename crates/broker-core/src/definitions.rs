//! Definitions: what an operator or a client declared, as plain data.
//!
//! A definition says what should exist; the live object (a queue with its messages, a compiled
//! permission) is made from it. The journal stores definitions, the management interface shows
//! them.

use std::collections::BTreeSet;
use std::fmt;

use crate::access::PasswordHash;
use crate::arguments;
use crate::journal::Lsn;
use crate::value::Arguments;

/// A namespace with its own exchanges, queues and permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VhostSpec {
    /// Unique name; `/` is the usual first one.
    pub name: String,
    /// Free text for people.
    pub description: String,
    /// Free words for people and their programs.
    pub tags: BTreeSet<String>,
    /// The type of queues whose declaration does not say: `classic` or `quorum`; none for `classic`.
    pub default_queue_type: Option<String>,
    /// It cannot be deleted.
    pub protected: bool,
}

/// Someone who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSpec {
    /// Unique name.
    pub name: String,
    /// Hash of the password; without one the user cannot log in by password.
    pub password: Option<PasswordHash>,
    /// Roles for the management interface, such as `administrator`.
    pub tags: BTreeSet<String>,
}

/// What to change of a user; what is `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct UserUpdate {
    /// A new password, or none at all any more.
    pub password: Option<PasswordChange>,
    /// The whole new set of tags.
    pub tags: Option<BTreeSet<String>>,
}

/// A change of a user's password.
#[derive(Debug, Clone)]
pub enum PasswordChange {
    /// No login by password any more.
    Remove,
    /// From now on this one.
    Set(PasswordHash),
}

/// What a user may do in one virtual host: three regular expressions over names.
///
/// The expressions are not anchored; the empty one matches nothing but the empty name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionSpec {
    /// Whose permission it is.
    pub user: String,
    /// Where it holds.
    pub vhost: String,
    /// Declare and delete.
    pub configure: String,
    /// Publish to an exchange; bind into a destination.
    pub write: String,
    /// Consume from, get from and purge a queue; bind from a source.
    pub read: String,
}

/// What a user may do with the routing keys of one topic exchange: two regular expressions, in which
/// `{username}`, `{vhost}` and `{client_id}` stand for what the connection is, letter by letter. An
/// exchange without such a permission is open to whoever may use it at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPermissionSpec {
    /// Whose permission it is.
    pub user: String,
    /// Where the exchange is.
    pub vhost: String,
    /// The exchange; it need not exist.
    pub exchange: String,
    /// Keys to publish with.
    pub write: String,
    /// Keys to bind with.
    pub read: String,
}

/// Whom limits are for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limited {
    /// The user of that name.
    User(String),
    /// The virtual host of that name.
    Vhost(String),
}

/// Limits that an operator sets for one user or one virtual host. What is there already when a limit
/// is set stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitsSpec {
    /// Whom they are for.
    pub of: Limited,
    /// Connections at a time.
    pub max_connections: Option<u64>,
    /// Channels at a time, of all connections together; of users only.
    pub max_channels: Option<u64>,
    /// Queues; of virtual hosts only.
    pub max_queues: Option<u64>,
}

/// How an exchange reads its bindings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExchangeKind {
    /// Each message goes to one target, messages with equal keys to the same; the binding's key is
    /// the target's weight.
    ConsistentHash,
    /// Reads them as another kind does, which an argument names, and keeps messages back for as long
    /// as their publishers say.
    Delayed,
    /// The routing key equals the binding's key.
    Direct,
    /// Every binding matches.
    Fanout,
    /// The binding's arguments are conditions on the message's headers.
    Headers,
    /// The binding's key is a pattern over the words of the routing key.
    Topic,
}

/// An exchange: takes published messages and picks queues.
#[derive(Debug, Clone, PartialEq)]
pub struct ExchangeSpec {
    /// The virtual host it lives in.
    pub vhost: String,
    /// Unique within the virtual host; the empty name is the default exchange.
    pub name: String,
    /// How it reads its bindings.
    pub kind: ExchangeKind,
    /// Survives a restart.
    pub durable: bool,
    /// Deleted when its last binding goes.
    pub auto_delete: bool,
    /// Fed by bindings only.
    pub internal: bool,
    /// Extra arguments.
    pub arguments: Arguments,
}

/// A queue: messages in order, awaiting consumers.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueSpec {
    /// The virtual host it lives in.
    pub vhost: String,
    /// Unique within the virtual host.
    pub name: String,
    /// Survives a restart.
    pub durable: bool,
    /// Belongs to one connection and goes with it.
    pub exclusive: bool,
    /// Deleted when its last consumer goes.
    pub auto_delete: bool,
    /// Extra arguments (`x-…`).
    pub arguments: Arguments,
}

/// What a policy applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApplyTo {
    /// Queues and exchanges.
    All,
    /// Queues of type classic.
    ClassicQueues,
    /// Exchanges.
    Exchanges,
    /// Queues of every type.
    Queues,
    /// Queues of type quorum.
    QuorumQueues,
    /// Queues of type stream.
    Streams,
}

/// A rule that operators give to queues and exchanges by their names, while these work. Virtual host,
/// name and `operator` are its identity.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicySpec {
    /// Where it holds.
    pub vhost: String,
    /// Unique among the policies, or the operator policies, of the virtual host.
    pub name: String,
    /// An operator policy: it only limits what policies and declarations say.
    pub operator: bool,
    /// Regular expression over names, not anchored; the empty one matches every name.
    pub pattern: String,
    /// What it applies to.
    pub apply_to: ApplyTo,
    /// Of those that match, the one with the highest applies.
    pub priority: i64,
    /// What it says, such as `max-length`.
    pub definition: Arguments,
}

/// The policies that apply to a queue or exchange now.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AppliedPolicies {
    /// Name of the policy.
    pub policy: Option<String>,
    /// Name of the operator policy.
    pub operator_policy: Option<String>,
    /// What both say together.
    pub definition: Arguments,
}

/// The name of a binding's fed end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// An exchange of the same virtual host.
    Exchange(String),
    /// A queue of the same virtual host.
    Queue(String),
}

/// A rule that joins an exchange to a destination. All of it together is its identity.
#[derive(Debug, Clone, PartialEq)]
pub struct BindingSpec {
    /// The virtual host of both ends.
    pub vhost: String,
    /// The exchange that feeds.
    pub source: String,
    /// What it feeds.
    pub destination: Endpoint,
    /// The rule; its meaning is the exchange's.
    pub routing_key: String,
    /// Extra arguments.
    pub arguments: Arguments,
}

/// A definition with the number of its last change.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<T> {
    /// The definition.
    pub value: T,
    /// Rises with every change, unique across all objects of a broker, also across restarts.
    pub generation: u64,
}

/// A queue's definition with what is in it now.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueStatus {
    /// The definition.
    pub definition: Stored<QueueSpec>,
    /// The policies that apply to it.
    pub policies: AppliedPolicies,
    /// Counts at the moment of asking.
    pub stats: QueueStats,
}

/// Counts of one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueStats {
    /// Messages ready for delivery, or waiting for the journal's next sync.
    pub ready: u64,
    /// Messages delivered and not settled yet.
    pub unsettled: u64,
    /// Consumers attached.
    pub consumers: u64,
}

/// What a caller expects to find before it changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Anything: create or change.
    Any,
    /// Nothing: create only.
    Absent,
    /// The object as it was when its generation was this.
    Generation(u64),
}

/// What a change left behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed<T> {
    /// The object as it is now.
    pub object: Stored<T>,
    /// The change is safe once the journal is durable up to here; 0 = it already is.
    pub lsn: Lsn,
}

impl VhostSpec {
    /// A virtual host with nothing said about it.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: String::new(),
            tags: BTreeSet::new(),
            default_queue_type: None,
            protected: false,
        }
    }
}

impl ApplyTo {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 6] = [
        Self::All,
        Self::ClassicQueues,
        Self::Exchanges,
        Self::Queues,
        Self::QuorumQueues,
        Self::Streams,
    ];

    /// Its name in declarations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::ClassicQueues => "classic_queues",
            Self::Exchanges => "exchanges",
            Self::Queues => "queues",
            Self::QuorumQueues => "quorum_queues",
            Self::Streams => "streams",
        }
    }

    /// What has that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

impl ExchangeKind {
    /// Every kind, in the order of their names.
    pub const ALL: [Self; 6] = [
        Self::Direct,
        Self::Fanout,
        Self::Headers,
        Self::Topic,
        Self::ConsistentHash,
        Self::Delayed,
    ];

    /// The kind's name in declarations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConsistentHash => "x-consistent-hash",
            Self::Delayed => "x-delayed-message",
            Self::Direct => "direct",
            Self::Fanout => "fanout",
            Self::Headers => "headers",
            Self::Topic => "topic",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl ExchangeSpec {
    /// The kind by which it picks where a message goes.
    pub(crate) fn picks_like(&self) -> ExchangeKind {
        match self.kind {
            // Checked when it was declared.
            ExchangeKind::Delayed => {
                arguments::delayed_kind(&self.arguments).unwrap_or(ExchangeKind::Direct)
            }
            kind => kind,
        }
    }
}

impl fmt::Display for ExchangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
