//! What can be set about a journal.

use std::fmt;
use std::sync::Arc;

use super::Epoch;
use super::ahead::ZerosAhead;
use super::disk::Space;
use super::error::OpenError;
use super::keys::Keys;
use super::record::ALIGN;
use super::segment::DATA_START;

const SEGMENT_BYTES_MIN: u64 = 20 << 10;
const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// Names one journal for good: 128 random bits made with it. A wiped, restored or cloned disk gets
/// a new one (rule F9).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId(pub [u8; 16]);

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreId({self})")
    }
}

/// How a journal is kept. [`Options::default`] suits a broker; tests take smaller segments.
#[derive(Debug, Clone)]
pub struct Options {
    /// Size of a segment file. The largest record is about this less 4 KiB; so is the least the
    /// journal frees at a time. Segments of another size are kept until they are released.
    pub segment_bytes: u64,
    /// Records gathered into one write and one sync, unless a single one is larger.
    pub batch_bytes: usize,
    /// Unwritten bytes in memory from which on [`super::Journal::takes_publishes`] says no.
    pub backlog_bytes: usize,
    /// The same for bytes that are written here and [do not count](super::Journal::hold_durable),
    /// since others do not have them (rule F12).
    pub held_bytes: u64,
    /// Free space on the disk below which ordinary records are refused (rule J7). `None`: 2 GiB or
    /// 5 % of the disk, whichever is more, but never more than a quarter of it.
    pub keep_free_bytes: Option<u64>,
    /// The store this must be: a new journal gets it, another one found is refused. `None` takes
    /// what is there, and names a new journal by chance.
    pub store: Option<StoreId>,
    /// What fills the next segment with zeros while a journal follows another; one that does not
    /// follow has [`super::Journal::write_ahead`]. `None`: nothing.
    pub zeros_ahead: Option<ZerosAhead>,
    /// The epoch to write in. `None`: one above the last in the journal.
    pub epoch: Option<Epoch>,
    /// What everything that is written is encrypted with, and decrypts what was (rule J8). `None`:
    /// nothing is encrypted, and a journal that is encrypted does not open.
    pub keys: Option<Arc<Keys>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 32 << 20,
            batch_bytes: 4 << 20,
            backlog_bytes: 8 << 20,
            held_bytes: 64 << 20,
            keep_free_bytes: None,
            store: None,
            zeros_ahead: None,
            epoch: None,
            keys: None,
        }
    }
}

impl Options {
    /// Bytes for records in a segment.
    pub(super) fn capacity(&self) -> u64 {
        self.segment_bytes / ALIGN as u64 * ALIGN as u64 - DATA_START
    }

    /// Free space below which this disk is too full; see [`Self::keep_free_bytes`].
    pub fn keep_free_bytes_of(&self, space: Space) -> u64 {
        let total = space.total_bytes;
        let default = (total / 20).max(2 << 30).min(total / 4);
        self.keep_free_bytes.unwrap_or(default)
    }

    /// The epoch to write in after `last`.
    pub(super) fn epoch_after(&self, last: Epoch) -> Result<Epoch, OpenError> {
        match (self.epoch, last.0.checked_add(1)) {
            (Some(epoch), _) if epoch < last => {
                Err(OpenError::Options("the epoch is behind the journal's last"))
            }
            (Some(epoch), _) => Ok(epoch),
            (None, Some(next)) => Ok(Epoch(next)),
            (None, None) => Err(OpenError::Options("no epoch is left to write in")),
        }
    }

    pub(super) fn check(&self) -> Result<(), OpenError> {
        if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&self.segment_bytes) {
            return Err(OpenError::Options(
                "segment_bytes must be from 20 KiB to 1 GiB",
            ));
        }
        if self.batch_bytes as u64 > self.segment_bytes {
            return Err(OpenError::Options(
                "batch_bytes must not exceed segment_bytes",
            ));
        }
        Ok(())
    }
}
