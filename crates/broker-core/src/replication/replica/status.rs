//! What can be seen of a replica.

use std::collections::BTreeSet;

use crate::journal::{Epoch, Lsn, StoreId};
use crate::replication::protocol::{Alarm, State};
use crate::replication::record::{Leader, Member, NodeId};

/// How a replica is doing. Cheap to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// This node.
    pub node: NodeId,
    /// Its data.
    pub store: StoreId,
    /// What it is in the protocol.
    pub state: State,
    /// Whether it may serve clients at this moment: it leads, holds the grants it needs and is not
    /// handing over.
    pub serving: bool,
    /// It led and waits for [`Input::EngineStopped`](super::Input::EngineStopped).
    pub stopping: bool,
    /// Of the record it knows; 0 without one.
    pub epoch: Epoch,
    /// It takes no part in an earlier epoch.
    pub promised: Epoch,
    /// Who leads, as the record says.
    pub leader: Option<Leader>,
    /// Who is in sync, as the record says.
    pub in_sync: BTreeSet<Member>,
    /// With fewer in sync nothing is acknowledged.
    pub min_isr: u8,
    /// The oldest record it has.
    pub front: Lsn,
    /// All below is known to be committed.
    pub committed: Lsn,
    /// All below is on this node's disk.
    pub durable: Lsn,
    /// Behind its last record.
    pub end: Lsn,
    /// Of a follower: bytes it knows of and lacks on its disk. Of a leader: bytes written that are not
    /// committed.
    pub lag_bytes: u64,
    /// Of a leader: its followers.
    pub peers: Vec<PeerStatus>,
    /// What should be noticed.
    pub notices: Vec<Notice>,
    /// A checkpoint on its way here.
    pub bulk: Option<BulkProgress>,
    /// The last reads of the record have failed.
    pub store_unreachable: bool,
}

/// A follower, as its leader sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerStatus {
    /// Who.
    pub member: Member,
    /// It has all below on its disk.
    pub acked: Lsn,
    /// It was sent all below.
    pub sent: Lsn,
    /// What it lacks.
    pub lag_bytes: u64,
    /// Acknowledgements wait for it.
    pub waited_for: bool,
}

/// How far the transfer of a checkpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BulkProgress {
    /// It comes from there.
    pub from: NodeId,
    /// Bytes received.
    pub done_bytes: u64,
    /// Of so many; 0 before that is known.
    pub total_bytes: u64,
}

/// Something an operator should notice. Where it is of data or of time, the node does the safe thing
/// meanwhile, and the others of the group serve on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Notice {
    /// The protocol's own.
    #[error(transparent)]
    Protocol(Alarm),
    /// The journal on the disk is damaged; the reader's words.
    #[error("{0}")]
    Damaged(String),
    /// What this node keeps beside the journal is damaged or does not fit it.
    #[error("what this node has promised cannot be read, so a leader has to refill it: {0}")]
    VowLost(String),
    /// The group's record is newer than this program, or no record.
    #[error("{0}")]
    RecordUnreadable(String),
    /// This node cannot take the leader's records: its disk is full.
    #[error("the disk has no room for the leader's records")]
    DiskFull,
    /// This node cannot take the leader's records; the journal's words.
    #[error("the leader's records are refused: {0}")]
    Refused(String),
    /// Two disks differ where they must not; this node is refilled.
    #[error("records from lsn {} to {} differ from the leader's", from.0, to.0)]
    Differs {
        /// First record of the stretch.
        from: Lsn,
        /// Behind its last.
        to: Lsn,
    },
}
