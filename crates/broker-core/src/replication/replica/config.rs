//! How a replica is opened, and why it may not be.

use crate::broker::{BrokerConfig, BrokerOpenError};
use crate::journal::{self, Fault, Stopped};
use crate::replication::record::NodeId;
use crate::replication::timing::{Timing, TimingError};

/// How to open a replica.
#[derive(Debug, Clone)]
pub struct ReplicaConfig {
    /// Which node of the group this is.
    pub node: NodeId,
    /// The broker it is or will be. Segments must be as large on all nodes; `journal.epoch` is not
    /// looked at: the group's record says in which epoch is written.
    pub broker: BrokerConfig,
    /// The group's durations; the same on all nodes.
    pub timing: Timing,
    /// A follower that lacks at most so many bytes is made to count.
    pub join_lag_bytes: u64,
    /// About how much one [`Packet::Append`](super::Packet::Append) carries at most. A larger record
    /// still travels whole.
    pub frame_bytes: usize,
    /// So much may be on its way to a follower, sent and not acknowledged.
    pub window_bytes: u64,
    /// Records that would be freed are kept for this much behind the end, so that a follower that was
    /// away can go on where it was. Not while the disk is below its watermark.
    pub retain_bytes: u64,
    /// About how much of its journal a leader compares with each follower's every second; 0 for
    /// nothing.
    pub scrub_bytes: usize,
    /// A journal that was never part of a group is taken over, with all that is in it. Without this
    /// it is refused: a standby would throw it away.
    pub adopt: bool,
}

impl ReplicaConfig {
    /// The defaults for this node.
    pub fn new(node: NodeId, broker: BrokerConfig) -> Self {
        Self {
            node,
            broker,
            timing: Timing::default(),
            join_lag_bytes: 1 << 20,
            frame_bytes: 512 << 10,
            window_bytes: 8 << 20,
            retain_bytes: 256 << 20,
            scrub_bytes: 256 << 10,
            adopt: false,
        }
    }
}

/// Why a replica cannot be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The disk failed, the files are another store's, or a newer version's.
    #[error(transparent)]
    Journal(#[from] journal::OpenError),
    /// There is a journal, and no word of the group it belongs to.
    #[error(
        "this directory holds a broker's journal that is not part of a group: let this node adopt it, \
         if its data is to become the group's, or give it an empty directory"
    )]
    NotOfAGroup,
    /// What this node keeps beside the journal was written by a later version of this program.
    #[error(
        "{file} has format {found}, this program reads up to {supported}: start the version that \
         wrote it, or a later one"
    )]
    Newer {
        /// The file.
        file: String,
        /// Its format.
        found: u16,
        /// The newest this program knows.
        supported: u16,
    },
    /// Durations that do not fit each other.
    #[error(transparent)]
    Timing(#[from] TimingError),
}

/// The replica is at an end, and so is the process: its next start reads the disk again (rule J3).
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// The disk failed.
    #[error("cannot {0}")]
    Disk(#[from] Fault),
    /// The journal of the broker that leads has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The journal on the disk cannot be opened any more.
    #[error(transparent)]
    Open(#[from] journal::OpenError),
    /// This node was elected and cannot serve.
    #[error("cannot take over: {0}")]
    Promotion(#[from] BrokerOpenError),
    /// A defect of this program.
    #[error("the replica is in a state that should not exist: {0}")]
    Defect(&'static str),
}
