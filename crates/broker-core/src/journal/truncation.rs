//! Cutting off the end of a journal: what another leader never had (rule F10).
//!
//! A cut is first written down, in a file of its own, and then made: a crash on the way finds it there
//! and makes it again. What lies behind the cut is overwritten. Were it left there, records of it that
//! say what was durable would turn a later torn write into damage (rule J2).
//!
//! ```text
//! file `truncate`, one sector
//! offset  size  field (little endian)
//!      0     8  magic "FerryTrn"
//!      8     2  format version, 1
//!     10     6  zero
//!     16    16  store id
//!     32     8  lsn: the first byte to go
//!     40   468  zero
//!    508     4  CRC32C of bytes 0 to 507
//! ```

use std::io::IoSlice;

use crc32c::crc32c;

use super::batch::zeros;
use super::chain::discard;
use super::disk::{Disk, FileEntry};
use super::error::{Corrupt, Damage, Fault, IoContext, OpenError};
use super::index;
use super::inventory::Inventory;
use super::record::{u32_at, u64_at};
use super::segment::Segment;
use super::{Lsn, StoreId};

/// A cut until it is written down.
pub(super) const TEMPORARY_NAME: &str = "truncate.tmp";
pub(super) const NAME: &str = "truncate";
const MAGIC: [u8; 8] = *b"FerryTrn";
const FORMAT: u16 = 1;
const LEN: usize = 512;
const CRC_AT: usize = LEN - 4;

/// Most zeros in one write.
const ZEROS_BYTES: u64 = 1024 * 1024;

/// Writes down that everything from `to` on is to go. From then on no opening finds it any more.
pub(super) fn plan(disk: &dyn Disk, store: StoreId, to: Lsn) -> Result<(), Fault> {
    let mut bytes = [0; LEN];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&FORMAT.to_le_bytes());
    bytes[16..32].copy_from_slice(&store.0);
    bytes[32..40].copy_from_slice(&to.0.to_le_bytes());
    let crc = crc32c(&bytes[..CRC_AT]);
    bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    let file = disk
        .create(TEMPORARY_NAME, LEN as u64)
        .during("create", TEMPORARY_NAME)?;
    file.write_at(0, &mut [IoSlice::new(&bytes)])
        .during("write", TEMPORARY_NAME)?;
    file.sync().during("sync", TEMPORARY_NAME)?;
    disk.rename(TEMPORARY_NAME, NAME)
        .during("rename to", NAME)?;
    disk.sync_dir().during("sync the directory of", NAME)
}

/// Makes the cut that is written down, if one is, and answers the files there are then.
pub(super) fn finish(
    disk: &dyn Disk,
    entries: Vec<FileEntry>,
) -> Result<Vec<FileEntry>, OpenError> {
    let Some(entry) = entries.iter().find(|entry| entry.name == NAME) else {
        return Ok(entries);
    };
    let (store, to) = read(disk, entry)?;
    let mut found = Inventory::take(disk, &entries, Some(store), (0, false))?;
    // From the end: until it is done, what is left is a journal without a gap. A segment that begins
    // at the cut stays: the one before it says that there is another.
    for segments in [&mut found.idle, &mut found.ready] {
        while let Some(last) = segments.pop() {
            discard(disk, last)?;
        }
    }
    while found.begun.len() > 1 && found.begun[found.begun.len() - 1].base() > to {
        let Some(last) = found.begun.pop() else { break };
        index::distrust(disk, &last.name);
        discard(disk, last)?;
    }
    if let Some(last) = found.begun.last()
        && last.base() <= to
    {
        index::distrust(disk, &last.name);
        overwrite(last, to)?;
    }
    disk.sync_dir().during("sync the directory of", NAME)?;
    disk.remove(NAME).during("remove", NAME)?;
    disk.sync_dir().during("sync the directory of", NAME)?;
    Ok(disk.list().during("list", "the journal directory")?)
}

/// Fills everything from `to` to the segment's end with zeros.
fn overwrite(segment: &Segment, to: Lsn) -> Result<(), Fault> {
    let mut at = segment.offset_of(to);
    while at < segment.data_end() {
        let count = ZEROS_BYTES.min(segment.data_end() - at);
        let mut parts: Vec<_> = zeros(count as usize).collect();
        segment
            .file
            .write_at(at, &mut parts)
            .during("write", &segment.name)?;
        at += count;
    }
    segment.sync()
}

fn read(disk: &dyn Disk, entry: &FileEntry) -> Result<(StoreId, Lsn), OpenError> {
    let damaged = |found: &str| Corrupt {
        file: NAME.to_owned(),
        offset: 0,
        lsn: None,
        damage: Damage::Mismatch {
            expected: "where the journal is to be cut off".to_owned(),
            found: found.to_owned(),
        },
    };
    if entry.size_bytes != LEN as u64 {
        return Err(damaged("a file of another length").into());
    }
    let file = disk.open(NAME).during("open", NAME)?;
    let mut bytes = [0; LEN];
    file.read_at(0, &mut bytes).during("read", NAME)?;
    if bytes[..8] != MAGIC || crc32c(&bytes[..CRC_AT]) != u32_at(&bytes, CRC_AT) {
        return Err(damaged("something else").into());
    }
    let format = u16::from_le_bytes([bytes[8], bytes[9]]);
    if format > FORMAT {
        return Err(OpenError::Newer {
            file: NAME.to_owned(),
            found: format,
            supported: FORMAT,
        });
    }
    let mut store = [0; 16];
    store.copy_from_slice(&bytes[16..32]);
    Ok((StoreId(store), Lsn(u64_at(&bytes, 32))))
}
