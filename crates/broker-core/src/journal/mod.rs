//! The journal: everything durable of one broker, in one append-only sequence of segments.
//!
//! It knows records and what became of them, not what they mean: kinds and payloads are the
//! broker's. It has no thread and no clock; whoever owns the [`Writer`] runs it:
//!
//! ```text
//! loop {
//!     match writer.turn() {
//!         Ok(Turn::Committed(_) | Turn::SpaceReturned) => broker.committed(),
//!         Ok(Turn::Written(_)) => broker.written(),
//!         Ok(Turn::Idle) => writer.wait(Duration::from_secs(1)),
//!         Ok(Turn::Closed) => break,
//!         Err(stopped) => return Err(stopped), // The process has to end.
//!     }
//! }
//! ```
//!
//! # A record's path
//!
//! [`Journal::append`] sums the payload, takes a short lock, copies the record into the open batch
//! (`gather`, `batch`) and answers its end position. The writer takes the batch, completes the
//! record headers, and makes it durable with one write and one `fdatasync`; meanwhile the next
//! batch gathers. Then [`Journal::durable`] moves past all of its records at once. Whatever is
//! taken has its blocks on the disk already (`room`), so a disk that fills up refuses publishers
//! and never breaks a promise. Zeros are written into the next segment beforehand (`ahead`), which
//! makes its syncs cheaper.
//!
//! [`open`] reads it all back (`inventory`, `scan`, `recovery`): the checkpoint first, then
//! every record in order, or in the place of a full segment's records what the broker noted of them
//! (`index`). Segments are freed from the front only (`chain`), when the broker has
//! released them, a checkpoint stands for what they held, and a durable mark says that they may be
//! missing.
//!
//! # Two journals
//!
//! [`Journal::ship`] reads records in a row (`run`) for a journal that follows ([`Follower`]): it has
//! the same records at the same positions, in segments that begin and end at the same, in files of its
//! own store. What only the follower has is cut off (`truncation`) before it takes what another leader
//! has there. One that is too far behind begins with the other's checkpoint (`install`). Who follows whom, and how much of it, is not for the journal to know.
//!
//! # Positions
//!
//! An lsn counts bytes of records over all segments; the first is 4096. Within a segment the byte
//! of lsn `n` is at offset `4096 + n - base`. Marks are records and have positions too.
//!
//! # Formats 1 and 2, byte by byte
//!
//! All numbers are little endian. A directory holds `segment-NNNNNNNN` files, whose numbers mean
//! nothing, `index-NNNNNNNN` files that spare reading the segment of that number (drawn in `index`),
//! `checkpoint-a` and `checkpoint-b` (drawn in `checkpoint`), `lock`, and while the end is being cut
//! off `truncate` (drawn in `truncation`). A file that ends in `.tmp` was never finished.
//!
//! ```text
//! segment file                        segment header: one sector, so it is written whole or not
//! offset                              offset  size  field
//!      0  header                           0     8  magic "FerryJnl"
//!    512  zero                             8     2  format version: 1, or 2 if it is
//!                                                   encrypted
//!   4096  records                         10     6  zero
//!      …  what an earlier life of the     16    16  segment uid, random, new with each life of
//!         file left, or zeros                       the file
//!   4096 + capacity  end of file          32    16  store id, the same in all files of a journal
//!                                         48     8  sequence: 1 for the first segment, then
//!                                                   rising by one; 0 when blank
//!                                         56     8  base: lsn of the first record; 0 until begun
//!                                         64     8  capacity: bytes for records
//!                                         72     4  epoch in which it was begun
//!                                         76     1  cipher: 0 none, 1 AES-256-GCM
//!                                         77     3  zero
//!                                         80    68  data key, wrapped (drawn in `keys`); zero
//!                                                   if it is not encrypted
//!                                        148   360  zero
//!                                        508     4  CRC32C of bytes 0 to 507
//!
//! record, at a multiple of 8          mark: the record of kind 0 that closes every batch
//! offset  size  field                 offset  size  field
//!      0     4  payload length n           0    32  record header, payload length 16
//!      4     1  kind; 0 is a mark         32     4  records in the batch it closes
//!      5     1  flags; bit 0, on marks:   36     4  zero
//!               last of its segment;      40     8  front: all below was released by the
//!               bit 1, on others: counts               broker, segments below may be gone
//!               together with the next;
//!               bit 2, in encrypted segments
//!               on both
//!      6     2  zero
//!      8     8  lsn of this byte 0
//!     16     4  epoch
//!     20     4  gap: lsn minus the position that was durable when this was written
//!     24     4  CRC32C of the payload
//!     28     4  CRC32C of bytes 0 to 27, begun with the CRC32C of the segment uid
//!     32     n  payload
//!      …   0-7  zeros up to a multiple of 8
//! ```
//!
//! The checksum of the header covers that of the payload, so the two stand for one; apart, the
//! larger is computed before any lock and before it is known which segment the record goes to, and
//! can travel unchanged to another node. The uid in it keeps the bytes of a file's former life
//! from ever passing for records of this one.
//!
//! The gap is the journal's memory of what it promised: *every* record says what was durable when
//! it was written. That is what tells a torn write, which was promised to nobody, from damage.
//!
//! # Encryption at rest
//!
//! With [`Options::keys`], everything that is written from then on is encrypted (rule J8):
//!
//! ```text
//! master key        of a KMS, or in a key file; never on this disk
//!   └ wraps  key-encryption keys, in the keyring, which lies elsewhere (`keyring`)
//!       └ wrap  a data key for each life of a segment, each checkpoint, each index, in its header
//!           └ encrypts  payloads of records (`cipher`), checkpoints, indexes
//! ```
//!
//! - Only payloads are encrypted. Positions, kinds, epochs, sizes and marks are plain; kind, epoch and
//!   position are authenticated with the payload. Each record is 24 bytes longer.
//! - Checksums are those of the bytes on the disk: recovery tells torn from damaged, the scrub finds
//!   damage, and a cut is made, without any key. A payload whose checksum is right and that does not
//!   decrypt is damage, never a torn write.
//! - The writer encrypts a batch where it lies, just before it writes it; of bodies that it does not
//!   copy otherwise, since others have them too, it makes a copy.
//! - A header with its data key is on the disk before the first record that the key encrypts: a segment
//!   is prepared with it. A file that is used again gets a new data key with its new life.
//! - No nonce is used twice, since each opening of a journal writes with other nonces than any
//!   other (`cipher`). So a journal goes on in the segment in which it ended, as the follower of
//!   another has to, whose segments end where the other's do; rule J8 would have a new one begun.
//! - What follows gets records decrypted, over mutual TLS, with room for what encryption adds, and
//!   encrypts them with data keys of its own. A follower keeps each segment encrypted or not as the
//!   other does, since the positions are the same. Without keys it takes nothing that is encrypted.
//! - A journal that was written without encryption goes on with a new segment, encrypted. What is in
//!   the older ones stays as it was until they are released ([`Journal::plain_below`]); their files
//!   are then removed and not used again.
//! - Rotation gives the keyring another master key and another key-encryption key; segments that are
//!   prepared from then on use it. Older ones keep theirs, which stay in the keyring.
//!
//! # Torn or damaged
//!
//! Reading ends at the first bytes that are not the next record. They are a torn write, and the
//! journal goes on there, only if all of this holds (rule J2):
//!
//! 1. they lie in the last segment that was begun;
//! 2. no record behind them, up to the end of the file, says that their place was durable.
//!
//! Records that [count together](Journal::append_together) stand one behind the other in one segment,
//! with nothing between them. Where one of them is torn, reading ends before the first.
//!
//! A later record that says less is no objection: sectors of one write reach the disk in any
//! order. Everything else is [`Corrupt`]: refused with file, offset, lsn, what was expected, what
//! was found and what to do; no byte is changed. In a segment that an index stands for, it is refused
//! when the record is due, and at every start from then on. Damage to the very last batch shows only once
//! something behind it vouches for it; therefore a journal that falls quiet, or is closed, adds a
//! mark.
//!
//! What a torn batch left behind its cut can never come back: the next life has a higher epoch,
//! and epochs never fall from one record to the next.
//!
//! # What is proved and how
//!
//! `tests/journal` runs all of this on [`SimDisk`]; `tests/journal/MUTATIONS.md` lists each rule, the
//! line to break, and the tests that fail then.

mod ahead;
mod append;
mod batch;
mod chain;
mod checkpoint;
mod checksum;
mod cipher;
mod disk;
mod entry;
mod error;
mod file_disk;
mod follow;
mod gather;
mod index;
mod install;
mod inventory;
mod keyring;
mod keys;
mod options;
mod read;
mod read_only_disk;
mod record;
mod recovery;
mod room;
mod run;
mod salvage;
mod scan;
mod scrub;
mod segment;
mod ship;
mod sim_disk;
mod truncation;
mod writer;

pub use ahead::ZerosAhead;
pub use append::{Journal, SegmentSpan};
pub use disk::{Disk, DiskFile, FileEntry, Space};
pub use entry::{Admission, Haste, PATIENCE, Record};
pub use error::{
    AppendError, CheckpointError, Corrupt, Damage, Fault, LockError, OpenError, Stopped, Unreadable,
};
pub use file_disk::FileDisk;
pub use follow::{FollowError, Follower};
pub use index::{Indexer, RecordHead};
pub use install::wipe;
pub use inventory::is_encrypted;
pub use keyring::{Keyring, Master, WrongMaster, fingerprint};
pub use keys::{KeyError, KeyId, Keys, SecretKey};
pub use options::{Options, StoreId};
pub use read::ReadWindow;
pub use read_only_disk::ReadOnlyDisk;
pub use recovery::{RecordRef, Replay, open};
pub use run::{BadRun, Run};
pub use salvage::{Salvage, Skipped, salvage};
pub use scrub::{Scrub, Scrubbed};
pub use ship::{Shipment, Stretch};
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
