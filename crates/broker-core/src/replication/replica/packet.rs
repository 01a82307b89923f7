//! What replicas send each other: the protocol's frames, and the data that goes with them.
//!
//! Meanings only; the bytes are `replication::codec`'s affair. Bounds a decoder may rely on:
//! an append's run is no larger than a segment, a portion no larger than [`Portion::BYTES_MAX`].

use crate::journal::{Lsn, Run};
use crate::replication::epochs::EpochTable;
use crate::replication::frame::{Append, Frame};

/// A packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// Any frame but [`Frame::Append`].
    Frame(Frame),
    /// [`Frame::Append`] and the records it speaks of: exactly those from its `prev` to its `end`.
    Append(Append, Run),
    /// Of a checkpoint on its way to a follower whose records the leader does not have any more.
    Bulk(Bulk),
    /// Of the comparison of what lies on the disks.
    Scrub(Scrubbed),
}

/// The transfer of a checkpoint. The follower asks for each part; it is in the conversation whose
/// welcome said [`CatchUp::Whole`](crate::replication::frame::CatchUp::Whole).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bulk {
    /// Follower: what have you got?
    Ask,
    /// Leader: this.
    Offer(Offer),
    /// Follower: of the checkpoint with this `covered`, the bytes from `offset` on.
    Want {
        /// As offered.
        covered: Lsn,
        /// Where in the payload.
        offset: u64,
    },
    /// Leader: here they are.
    Portion(Portion),
    /// Leader: not any more. Ask again.
    Gone,
}

/// A checkpoint, and where the records begin that the leader holds for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// It stands for the records below.
    pub covered: Lsn,
    /// The oldest record that is left. The leader keeps the records from there on while the transfer
    /// goes on.
    pub front: Lsn,
    /// Length of the checkpoint's payload.
    pub payload_bytes: u64,
    /// CRC32C of the payload.
    pub payload_crc: u32,
    /// Who wrote the records below `front`.
    pub epochs: EpochTable,
}

/// A part of a checkpoint's payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portion {
    /// Of this checkpoint.
    pub covered: Lsn,
    /// Where in the payload.
    pub offset: u64,
    /// CRC32C of the bytes.
    pub crc: u32,
    /// At most [`Self::BYTES_MAX`], and only the last may be shorter.
    pub bytes: Vec<u8>,
}

impl Portion {
    /// How much travels at a time.
    pub const BYTES_MAX: usize = 512 << 10;
}

/// What a leader's disk has in one stretch of the journal, for the follower to compare with its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scrubbed {
    /// First record of the stretch.
    pub from: Lsn,
    /// Behind its last.
    pub to: Lsn,
    /// CRC32C over the records' bytes as they [travel](Run::bytes).
    pub crc: u32,
}
