//! What the broker counts and how long things take, for whoever asks.
//!
//! Counting is to cost nothing: a queue counts in plain numbers under the lock it has anyway, a
//! connection in numbers that nobody else writes to, and everything is added up when somebody asks
//! ([`Admin::measure`](crate::admin::Admin::measure)). Times are taken of one message now and then and never of each.
//! All counts begin with 0 when the broker is opened.

mod histogram;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use histogram::{BUCKETS, Histogram};

use crate::definitions::QueueStats;

/// Declares numbers that add up.
macro_rules! counts {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $field:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $name {
            $($(#[$of])* pub $field: u64,)+
        }

        impl $name {
            /// Adds the numbers of another.
            pub fn add(&mut self, other: &Self) {
                self.join(other, |one, other| one + other);
            }

            fn join(&mut self, other: &Self, join: impl Fn(u64, u64) -> u64) {
                $(self.$field = join(self.$field, other.$field);)+
            }
        }
    };
}

counts! {
    /// What has happened to the messages of a queue.
    QueueCounts {
        /// Came in.
        published,
        /// Were handed to consumers.
        delivered,
        /// Were handed to clients that asked for one.
        got,
        /// Of those handed out: had been handed out before.
        redelivered,
        /// Were accepted by who had them.
        acknowledged,
        /// Were settled by being handed out.
        auto_settled,
        /// Came back to be handed out again.
        requeued,
        /// Were rejected for good.
        rejected,
        /// Were let go since their time was over.
        expired,
        /// Were let go since the queue held too much.
        dropped,
        /// Were let go since they had come back too often.
        delivery_limited,
        /// Went on to where dead letters go, whatever they died of.
        dead_lettered,
        /// Were turned away since the queue held as much as it may.
        turned_away,
        /// Were purged.
        purged,
    }
}

impl QueueCounts {
    /// Raises what is less than in another to that.
    pub(crate) fn rise(&mut self, to: &Self) {
        self.join(to, u64::max);
    }
}

/// Declares the numbers of connections, and the same as one connection counts them.
macro_rules! traffic {
    ($($(#[$of:meta])* $field:ident,)+) => {
        counts! {
            /// What connections have done.
            Traffic { $($(#[$of])* $field,)+ }
        }

        /// The numbers of one connection, which alone writes to them.
        #[derive(Debug, Default)]
        pub(crate) struct Tally {
            $(pub(crate) $field: Count,)+
        }

        impl Tally {
            pub(crate) fn read(&self) -> Traffic {
                Traffic { $($field: self.$field.read(),)+ }
            }
        }
    };
}

traffic! {
    /// Messages published, those that reached no queue or were refused included.
    published,
    /// Of these: reached no queue.
    unroutable,
    /// Of these: came back to their publisher, who had asked for that.
    returned,
    /// Of these: were refused by a queue or the broker.
    refused,
    /// Messages of which the publisher was told that they are safe.
    confirmed,
    /// Messages handed out, to consumers and to who asked for one.
    delivered,
    /// Deliveries accepted.
    acknowledged,
    /// Deliveries rejected for good.
    rejected,
    /// Deliveries given back.
    requeued,
    /// Operations that the user was not permitted.
    access_refused,
}

/// A number that one thread at a time adds to, and others read.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    #[inline]
    pub(crate) fn add(&self, more: u64) {
        // Nobody else writes, so this needs no operation that is whole.
        let now = self.0.load(Ordering::Relaxed);
        self.0.store(now + more, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long messages take, of those that were timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latencies {
    /// From its queue to being safe, as safe as the queue's level has it.
    pub publish_durable: Histogram,
    /// From there (from its queue, if it need not be safe) to a consumer.
    pub durable_deliver: Histogram,
    /// From a consumer to its acknowledgement.
    pub deliver_ack: Histogram,
}

impl Latencies {
    /// Takes in those of another.
    pub fn add(&mut self, other: &Self) {
        self.publish_durable.add(&other.publish_durable);
        self.durable_deliver.add(&other.durable_deliver);
        self.deliver_ack.add(&other.deliver_ack);
    }

    /// Raises what is less than in another to that.
    pub(crate) fn rise(&mut self, to: &Self) {
        self.publish_durable.rise(&to.publish_durable);
        self.durable_deliver.rise(&to.durable_deliver);
        self.deliver_ack.rise(&to.deliver_ack);
    }
}

/// One queue.
#[derive(Debug, Clone)]
pub struct QueueMeasures {
    /// Its virtual host.
    pub vhost: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// What is in it.
    pub stats: QueueStats,
    /// Bytes of its messages in memory.
    pub memory_bytes: u64,
    /// What has happened in it.
    pub counts: QueueCounts,
    /// None while nothing was timed.
    pub latencies: Option<Box<Latencies>>,
}

/// One exchange of type topic or fanout: what other brokers call a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicMeasures {
    /// Its virtual host.
    pub vhost: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Messages clients have published to it, outside of transactions.
    pub published: u64,
    /// Queues and exchanges bound to it, each as often as it is.
    pub bindings: u64,
}

/// One user or one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerMeasures {
    /// The user's name, or what the listener is called.
    pub name: Arc<str>,
    /// Connections now.
    pub connections: u64,
    /// Channels open now; 0 for listeners.
    pub channels: u64,
    /// Connections that have come, whose login succeeded.
    pub opened: u64,
    /// Logins that failed: of the user, or at the listener.
    pub authentication_failures: u64,
    /// Connections turned away before or after their login, by a bound or for want of a right.
    pub connections_refused: u64,
    /// What its connections did, those that are gone included.
    pub traffic: Traffic,
}

/// The journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalMeasures {
    /// Files it has.
    pub files: u64,
    /// Of these: hold what came after the last checkpoint, which is read whole in a recovery.
    pub recovery_files: u64,
    /// Bytes from its first record to its end.
    pub bytes: u64,
    /// Where it ends: rises by each byte written to it.
    pub end: u64,
    /// Commits seen; one makes many messages safe.
    pub commits: u64,
    /// Bytes that wait to be written.
    pub backlog_bytes: u64,
}

/// A broker, at one moment.
#[derive(Debug, Clone, Default)]
pub struct BrokerMeasures {
    /// Virtual hosts.
    pub vhosts: u64,
    /// Users.
    pub users: u64,
    /// Exchanges, those every virtual host has included.
    pub exchanges: u64,
    /// Connections now.
    pub connections: u64,
    /// Of these: have published.
    pub producers: u64,
    /// Channels open now.
    pub channels: u64,
    /// Messages that delayed exchanges keep.
    pub delayed: u64,
    /// Bytes of messages in memory,
    pub memory_bytes: u64,
    /// and from how many on publishers wait.
    pub memory_limit_bytes: u64,
    /// Publishers wait.
    pub publish_paused: bool,
    /// Most connections.
    pub connections_limit: u64,
    /// The journal.
    pub journal: JournalMeasures,
    /// Connections that have come, whose login succeeded.
    pub opened: u64,
    /// Logins that failed.
    pub authentication_failures: u64,
    /// Connections turned away.
    pub connections_refused: u64,
    /// What all connections did, those that are gone included.
    pub traffic: Traffic,
    /// What has happened in all queues, those that are gone included.
    pub counts: QueueCounts,
    /// What all queues have timed, the same.
    pub latencies: Latencies,
    /// Sums over [`Self::queues`].
    pub stats: QueueStats,
    /// Every queue that has a name, by virtual host and name.
    pub queues: Vec<QueueMeasures>,
    /// Exchanges of type topic and fanout, the same.
    pub topics: Vec<TopicMeasures>,
    /// Users by name.
    pub by_user: Vec<PeerMeasures>,
    /// Listeners by name.
    pub by_listener: Vec<PeerMeasures>,
}
