//! The journal: everything durable of one broker, in one append-only sequence of segments.

mod append;
mod batch;
mod chain;
mod checkpoint;
mod disk;
mod error;
mod file_disk;
mod gather;
mod inventory;
mod options;
mod record;
mod recovery;
mod room;
mod scan;
mod segment;
mod sim_disk;
mod writer;

pub use append::{Admission, Journal, Record, SegmentSpan};
pub use disk::{Disk, DiskFile, FileEntry, Space};
pub use error::{
    AppendError, CheckpointError, Corrupt, Damage, Fault, LockError, OpenError, Stopped, Unreadable,
};
pub use file_disk::FileDisk;
pub use options::{Options, StoreId};
pub use recovery::{RecordRef, Replay, open};
pub use sim_disk::{SimDisk, Survival, Trouble};
pub use writer::{Turn, Writer};

/// Log sequence number: a byte position in the journal that only ever rises. A thing is durable
/// when the durable position is at or past the lsn its append returned. Never 0 for anything that
/// is in a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(pub u64);

/// The number of a reign: rises with every start of a journal and with every election.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u32);

/// What a record means to the broker; the journal only carries it. 0 belongs to the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(u8);

impl Kind {
    /// A kind of the broker's own.
    ///
    /// # Panics
    /// On 0, which marks the journal's own records: meant for constants, where it fails the build.
    pub const fn new(number: u8) -> Self {
        assert!(number != 0, "kind 0 belongs to the journal");
        Self(number)
    }

    /// The number it was made of.
    pub const fn number(self) -> u8 {
        self.0
    }
}
