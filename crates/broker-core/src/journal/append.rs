//! The appending side of the journal, shared by all threads.

use std::sync::Arc;

use bytes::Bytes;

use super::{AppendError, CheckpointError, Epoch, Kind, Lsn, Stopped, StoreId};

/// One thing to be made durable: `parts` and then `body` are its payload.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its meaning.
    pub kind: Kind,
    /// Whether it may use the reserve.
    pub admission: Admission,
    /// The payload but for the body; gathered into the journal's buffer.
    pub parts: &'a [&'a [u8]],
    /// The end of the payload. A large one is not copied but held until written.
    pub body: Option<&'a Bytes>,
}

/// Which records still go in when the disk is nearly full (rule J7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Settlements and control records: may use the reserve, for they give room back.
    Essential,
    /// Publishes and whatever else makes the journal grow.
    Ordinary,
}

/// The appending side of a journal. All methods may be called from any thread; none but
/// [`Journal::checkpoint`] touches the disk.
#[derive(Debug)]
pub struct Journal {}

/// One segment and the positions in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentSpan {
    /// Position of its first record.
    pub start: Lsn,
    /// Position behind its last record; of the newest segment: what is durable.
    pub end: Lsn,
}

impl Journal {
    /// Takes a record and answers the position behind it: durable once [`Journal::durable`] is
    /// there. Only buffers; the writer is woken.
    pub fn append(&self, _record: &Record<'_>) -> Result<Lsn, AppendError> {
        unimplemented!()
    }
    /// Everything below is on the disk for good.
    pub fn durable(&self) -> Lsn {
        unimplemented!()
    }
    /// Position of the oldest record kept.
    pub fn first(&self) -> Lsn {
        unimplemented!()
    }
    /// Position behind the newest record taken, durable or not.
    pub fn end(&self) -> Lsn {
        unimplemented!()
    }
    /// Bytes taken and not yet on disk.
    pub fn backlog_bytes(&self) -> usize {
        unimplemented!()
    }
    /// Whether publishers may go on: false while the disk is too full or the writer too far behind.
    /// Cheap: ask before reading more from a publisher.
    pub fn takes_publishes(&self) -> bool {
        unimplemented!()
    }
    /// Whether ordinary records are refused for lack of disk space.
    pub fn is_full(&self) -> bool {
        unimplemented!()
    }
    /// Segments wholly below `lsn` are no longer needed. They are freed later by the writer, and
    /// never past what the last checkpoint covers.
    pub fn release_before(&self, _lsn: Lsn) {
        unimplemented!()
    }
    /// The segments kept, oldest first.
    pub fn segments(&self) -> Vec<SegmentSpan> {
        unimplemented!()
    }
    /// Replaces the checkpoint, durable on return. Blocks for several syncs: never call it with a
    /// lock held that the hot path wants.
    pub fn checkpoint(&self, _covered: Lsn, _payload: &[u8]) -> Result<(), CheckpointError> {
        unimplemented!()
    }
    /// The position the last durable checkpoint covers.
    pub fn checkpointed(&self) -> Option<Lsn> {
        unimplemented!()
    }
    /// Takes nothing more; the writer commits what is there, then ends.
    pub fn close(&self) {
        unimplemented!()
    }
    /// Why it takes nothing more, if so.
    pub fn stopped(&self) -> Option<Stopped> {
        unimplemented!()
    }
    /// The epoch records are written in.
    pub fn epoch(&self) -> Epoch {
        unimplemented!()
    }
    /// The name of this store.
    pub fn store(&self) -> StoreId {
        unimplemented!()
    }
    pub(super) fn _placeholder(self: Arc<Self>) {}
}
