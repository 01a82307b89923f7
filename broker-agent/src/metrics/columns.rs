//! What is measured, column by column. Every output is made of these: Prometheus shows them as they
//! are, the history keeps them, the [catalogue](super::catalogue) says what metrics they make.

use serde::Deserialize;

/// What kind of thing a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub(crate) enum Scope {
    /// This machine, and the agent's process on it.
    Host = 0,
    /// A broker.
    Broker = 1,
    /// A queue of a broker.
    Queue = 2,
    /// An exchange of type topic or fanout.
    Topic = 3,
    /// A user of a broker.
    User = 4,
    /// A listener of a broker.
    Listener = 5,
}

/// Whether a column says how much there is, or how much there ever was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only goes up, until the broker or the agent is started again.
    Counter,
}

/// One figure of every row of a scope.
#[derive(Debug)]
pub(crate) struct Column {
    pub kind: Kind,
    /// Prometheus's name behind `ferrymq_` and the scope's prefix, unit included.
    pub name: &'static str,
    /// The whole number that is kept for each unit of the name.
    pub scale: u32,
    pub help: &'static str,
}

impl Scope {
    pub(crate) const ALL: [Self; 6] = [
        Self::Host,
        Self::Broker,
        Self::Queue,
        Self::Topic,
        Self::User,
        Self::Listener,
    ];

    /// Its columns.
    pub(crate) const fn columns(self) -> &'static [Column] {
        match self {
            Self::Host => host::COLUMNS,
            Self::Broker => broker::COLUMNS,
            Self::Queue => queue::COLUMNS,
            Self::Topic => topic::COLUMNS,
            Self::User | Self::Listener => peer::COLUMNS,
        }
    }

    /// What its metrics in Prometheus begin with.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Host => "ferrymq_host_",
            Self::Broker => "ferrymq_broker_",
            Self::Queue => "ferrymq_queue_",
            Self::Topic => "ferrymq_topic_",
            Self::User => "ferrymq_user_",
            Self::Listener => "ferrymq_listener_",
        }
    }

    /// The scope of that number.
    pub(crate) fn of(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// Declares the columns of a scope: a constant with the index of each, and `COLUMNS`.
macro_rules! columns {
    ($(#[$doc:meta])* $scope:ident { $($id:ident $kind:ident $name:literal / $scale:literal $help:literal,)+ }) => {
        $(#[$doc])*
        pub(crate) mod $scope {
            use super::{Column, Kind};

            #[allow(clippy::upper_case_acronyms, non_camel_case_types)]
            enum Index { $($id,)+ }
            $(#[doc = $help] pub(crate) const $id: usize = Index::$id as usize;)+
            pub(crate) const COLUMNS: &[Column] = &[
                $(Column { kind: Kind::$kind, name: $name, scale: $scale, help: $help },)+
            ];
        }
    };
}

columns! {
    /// Of [`Scope::Host`].
    host {
        CPU_BUSY Counter "cpu_busy_seconds" / 100 "Time the machine's processors worked.",
        CPU_ALL Counter "cpu_seconds" / 100 "Time there was of the machine's processors.",
        PROCESS_CPU Counter "process_cpu_seconds" / 1_000_000 "Processor time of the agent.",
        PROCESS_MEMORY Gauge "process_resident_memory_bytes" / 1 "Memory of the agent.",
        MEMORY Gauge "memory_total_bytes" / 1 "Memory of the machine.",
        MEMORY_FREE Gauge "memory_available_bytes" / 1 "Memory of the machine that programs may have.",
        FILES Gauge "process_open_fds" / 1 "File descriptors of the agent, sockets included.",
        FILES_LIMIT Gauge "process_max_fds" / 1 "Most file descriptors of the agent.",
        DISK Gauge "disk_total_bytes" / 1 "Size of the disk with the data.",
        DISK_USED Gauge "disk_used_bytes" / 1 "Used space of the disk with the data.",
        DISK_FREE Gauge "disk_free_bytes" / 1 "Free space of the disk with the data.",
        DISK_LIMIT Gauge "disk_free_limit_bytes" / 1 "Free space below which publishers wait.",
        NETWORK_IN Counter "network_received_bytes" / 1 "Bytes that came over the network.",
        NETWORK_OUT Counter "network_sent_bytes" / 1 "Bytes that left over the network.",
        READS Counter "disk_reads" / 1 "Reads that the disk with the data has finished.",
        WRITES Counter "disk_writes" / 1 "Writes that the disk with the data has finished.",
        READ_TIME Counter "disk_read_seconds" / 1_000 "Time that reads of that disk took.",
        WRITE_TIME Counter "disk_write_seconds" / 1_000 "Time that writes of that disk took.",
    }
}

columns! {
    /// Of [`Scope::Broker`].
    broker {
        CONNECTIONS Gauge "connections" / 1 "Connections whose login is behind them.",
        CONNECTIONS_LIMIT Gauge "connections_limit" / 1 "Most connections.",
        PRODUCERS Gauge "producers" / 1 "Connections that have published.",
        CHANNELS Gauge "channels" / 1 "Open channels.",
        CONSUMERS Gauge "consumers" / 1 "Consumers of all queues.",
        VHOSTS Gauge "vhosts" / 1 "Virtual hosts.",
        USERS Gauge "users" / 1 "Users.",
        EXCHANGES Gauge "exchanges" / 1 "Exchanges, those every virtual host has included.",
        QUEUES Gauge "queues" / 1 "Queues.",
        READY Gauge "messages_ready" / 1 "Messages that wait in queues.",
        UNSETTLED Gauge "messages_unacknowledged" / 1 "Messages handed out and not settled yet.",
        DELAYED Gauge "messages_delayed" / 1 "Messages that delayed exchanges keep until they are due.",
        MEMORY Gauge "message_memory_bytes" / 1 "Memory of messages.",
        MEMORY_LIMIT Gauge "message_memory_limit_bytes" / 1 "Memory of messages from which on publishers wait.",
        PAUSED Gauge "publishers_paused" / 1 "1 while publishers wait for memory, disk or the journal.",
        FILES Gauge "journal_files" / 1 "Files of the journal.",
        RECOVERY_FILES Gauge "journal_recovery_files" / 1 "Files of the journal with what came after the last checkpoint.",
        JOURNAL Gauge "journal_bytes" / 1 "Bytes of the journal.",
        STORE_LIMIT Gauge "journal_limit_bytes" / 1 "Bytes to which the journal may grow before publishers wait.",
        BACKLOG Gauge "journal_backlog_bytes" / 1 "Bytes that wait to be written to the journal.",
        OPENED_SUM Gauge "connections_ever" / 1 "Connections there have been since the broker was opened.",
        REPLICA_ACTIVE Gauge "replica_active" / 1 "1 where the broker serves its clients.",
        REPLICAS_IN_SYNC Gauge "replicas_in_sync" / 1 "Nodes that have everything confirmed; 0 of a broker without others.",
        LAG Gauge "replication_lag_seconds" / 1_000_000 "For how long something has been missing on another node.",
        LAG_BYTES Gauge "replication_lag_bytes" / 1 "Bytes of the journal that the node furthest behind lacks.",
        JOURNAL_WRITTEN Counter "journal_written_bytes" / 1 "Bytes written to the journal.",
        COMMITS Counter "journal_commits" / 1 "Commits of the journal, each for many messages.",
        OPENED Counter "connections_opened" / 1 "Connections that have come, their login behind them.",
        AUTHENTICATION_FAILURES Counter "authentication_failures" / 1 "Logins that failed.",
        CONNECTIONS_REFUSED Counter "connections_refused" / 1 "Connections turned away by a bound, in their TLS handshake, or from a virtual host.",
        ACCESS_REFUSED Counter "access_refused" / 1 "Operations that their user was not permitted.",
        PUBLISHED Counter "messages_published" / 1 "Messages published.",
        CONFIRMED Counter "messages_confirmed" / 1 "Messages their publishers were told to be safe.",
        UNROUTABLE Counter "messages_unroutable" / 1 "Messages published that reached no queue.",
        RETURNED Counter "messages_returned" / 1 "Messages that reached no queue and came back to their publisher.",
        REFUSED Counter "messages_refused" / 1 "Messages published that a queue or the broker refused.",
        DELIVERED Counter "messages_delivered" / 1 "Messages handed to consumers.",
        GOT Counter "messages_got" / 1 "Messages handed to clients that asked for one.",
        REDELIVERED Counter "messages_redelivered" / 1 "Messages handed out again.",
        ACKNOWLEDGED Counter "messages_acknowledged" / 1 "Messages acknowledged.",
        AUTO_SETTLED Counter "messages_settled_when_sent" / 1 "Messages handed out that need no acknowledgement.",
        REQUEUED Counter "messages_requeued" / 1 "Messages given back.",
        REJECTED Counter "messages_rejected" / 1 "Messages rejected for good.",
        EXPIRED Counter "messages_expired" / 1 "Messages whose time was over.",
        DROPPED Counter "messages_dropped" / 1 "Messages let go from a queue that held too much or to which they came back too often.",
        DEAD_LETTERED Counter "messages_dead_lettered" / 1 "Messages that went on to where dead letters go.",
    }
}

columns! {
    /// Of [`Scope::Queue`].
    queue {
        READY Gauge "messages_ready" / 1 "Messages that wait.",
        UNSETTLED Gauge "messages_unacknowledged" / 1 "Messages handed out and not settled yet.",
        CONSUMERS Gauge "consumers" / 1 "Consumers.",
        MEMORY Gauge "memory_bytes" / 1 "Memory of its messages; those left out that consumers hold and the journal has not.",
        PUBLISHED Counter "messages_published" / 1 "Messages that came in.",
        DELIVERED Counter "messages_delivered" / 1 "Messages handed to consumers.",
        GOT Counter "messages_got" / 1 "Messages handed to clients that asked for one.",
        REDELIVERED Counter "messages_redelivered" / 1 "Messages handed out again.",
        ACKNOWLEDGED Counter "messages_acknowledged" / 1 "Messages acknowledged.",
        AUTO_SETTLED Counter "messages_settled_when_sent" / 1 "Messages handed out that need no acknowledgement.",
        REQUEUED Counter "messages_requeued" / 1 "Messages given back.",
        REJECTED Counter "messages_rejected" / 1 "Messages rejected for good.",
        EXPIRED Counter "messages_expired" / 1 "Messages whose time was over.",
        DROPPED Counter "messages_dropped" / 1 "Messages let go since the queue held too much, or they came back too often.",
        DEAD_LETTERED Counter "messages_dead_lettered" / 1 "Messages that went on to where dead letters go.",
        REFUSED Counter "messages_refused" / 1 "Messages turned away since the queue held as much as it may.",
    }
}

columns! {
    /// Of [`Scope::Topic`].
    topic {
        BINDINGS Gauge "bindings" / 1 "Bindings that it feeds queues and exchanges by.",
        PUBLISHED Counter "messages_published" / 1 "Messages published to it, outside of transactions.",
    }
}

columns! {
    /// Of [`Scope::User`] and [`Scope::Listener`].
    peer {
        CONNECTIONS Gauge "connections" / 1 "Connections.",
        CHANNELS Gauge "channels" / 1 "Open channels; 0 for listeners.",
        OPENED Counter "connections_opened" / 1 "Connections that have come, their login behind them.",
        AUTHENTICATION_FAILURES Counter "authentication_failures" / 1 "Logins that failed.",
        CONNECTIONS_REFUSED Counter "connections_refused" / 1 "Connections turned away.",
        ACCESS_REFUSED Counter "access_refused" / 1 "Operations that the user was not permitted.",
        PUBLISHED Counter "messages_published" / 1 "Messages published.",
        CONFIRMED Counter "messages_confirmed" / 1 "Messages confirmed.",
        UNROUTABLE Counter "messages_unroutable" / 1 "Messages published that reached no queue.",
        RETURNED Counter "messages_returned" / 1 "Messages that came back to their publisher.",
        REFUSED Counter "messages_refused" / 1 "Messages published that were refused.",
        DELIVERED Counter "messages_delivered" / 1 "Messages handed out.",
        ACKNOWLEDGED Counter "messages_acknowledged" / 1 "Messages acknowledged.",
        REJECTED Counter "messages_rejected" / 1 "Messages rejected for good.",
        REQUEUED Counter "messages_requeued" / 1 "Messages given back.",
    }
}
