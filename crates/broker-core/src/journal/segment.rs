//! One segment file: its header and where in the file a position lies.

use std::io::IoSlice;
use std::sync::Arc;

use crc32c::crc32c;

use super::cipher::DataKey;
use super::disk::DiskFile;
use super::error::{Fault, IoContext};
use super::keys::{KeyError, Keys, WrappedKey};
use super::record::{ALIGN, u32_at, u64_at};
use super::{Epoch, Lsn, StoreId};

/// Records begin here: one page, of which the header is the first sector.
pub(super) const DATA_START: u64 = 4096;
/// The header is one sector, which a disk writes whole or not at all: replacing it in place is
/// atomic, so a segment changes its state without renames.
pub(super) const HEADER_LEN: usize = 512;
/// The newest format this program reads, which encrypted segments have.
pub(super) const FORMAT: u16 = 2;
/// The format of segments that are not encrypted.
const FORMAT_PLAIN: u16 = 1;
/// Segment files are named so, followed by a number that means nothing.
pub(super) const NAME_PREFIX: &str = "segment-";
/// A segment file until its header is durable.
pub(super) const TEMPORARY_NAME: &str = "segment.tmp";
/// Position of the first record ever.
pub(super) const FIRST_LSN: Lsn = Lsn(DATA_START);

/// Far above what a journal reaches, and low enough to add to without overflow.
const NUMBER_MAX: u64 = 1 << 62;
/// Of a segment's records; [`super::Options::segment_bytes`] is held below.
const CAPACITY_MAX: u64 = 1 << 30;
const MAGIC: [u8; 8] = *b"FerryJnl";
const CRC_AT: usize = HEADER_LEN - 4;
const KEY_AT: usize = 80;
const CIPHER_AT: usize = 76;
/// AES-256-GCM.
const CIPHER: u8 = 1;

/// Batches up to this size also write zeros ahead of themselves.
const SMALL_BATCH_BYTES: u64 = 256 * 1024;
/// How far. The first sync over never written blocks also has to write metadata, two to five times
/// the cost of one over written blocks; zeros written ahead pay that once for many batches.
const ZERO_AHEAD_BYTES: u64 = 1024 * 1024;

/// What a segment file says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// New with each life of the file; seeds the checksums of its records.
    pub(super) uid: [u8; 16],
    pub(super) store: StoreId,
    /// Bytes for records.
    pub(super) capacity: u64,
    pub(super) state: SegmentState,
    /// What its records are encrypted with, if they are.
    pub(super) key: Option<WrappedKey>,
}

/// Which of its lives a segment file is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SegmentState {
    /// Holds records from `base` on, the first of them written in epoch `epoch`.
    Begun {
        sequence: u64,
        base: Lsn,
        epoch: Epoch,
    },
    /// Holds nothing and awaits nothing: about to be removed.
    Blank,
    /// Holds nothing yet and is the next of its sequence to be begun.
    Ready { sequence: u64 },
}

/// Why a header cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderError {
    Checksum,
    Contradiction,
    Magic,
    Newer(u16),
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> [u8; HEADER_LEN] {
        let (sequence, base, epoch) = match self.state {
            SegmentState::Begun {
                sequence,
                base,
                epoch,
            } => (sequence, base, epoch),
            SegmentState::Blank => (0, Lsn(0), Epoch(0)),
            SegmentState::Ready { sequence } => (sequence, Lsn(0), Epoch(0)),
        };
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        let format = self.key.as_ref().map_or(FORMAT_PLAIN, |_| FORMAT);
        bytes[8..10].copy_from_slice(&format.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.uid);
        bytes[32..48].copy_from_slice(&self.store.0);
        bytes[48..56].copy_from_slice(&sequence.to_le_bytes());
        bytes[56..64].copy_from_slice(&base.0.to_le_bytes());
        bytes[64..72].copy_from_slice(&self.capacity.to_le_bytes());
        bytes[72..76].copy_from_slice(&epoch.0.to_le_bytes());
        if let Some(key) = &self.key {
            bytes[CIPHER_AT] = CIPHER;
            bytes[KEY_AT..KEY_AT + WrappedKey::LEN].copy_from_slice(&key.encode());
        }
        let crc = crc32c(&bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Magic, version and checksum lie at the same place in every format, so a newer one is
    /// recognised and told from damage.
    pub(super) fn decode(bytes: &[u8; HEADER_LEN]) -> Result<Self, HeaderError> {
        if bytes[..8] != MAGIC {
            return Err(HeaderError::Magic);
        }
        if crc32c(&bytes[..CRC_AT]) != u32_at(bytes, CRC_AT) {
            return Err(HeaderError::Checksum);
        }
        let format = u16::from_le_bytes([bytes[8], bytes[9]]);
        if format > FORMAT {
            return Err(HeaderError::Newer(format));
        }
        let (mut uid, mut store) = ([0; 16], [0; 16]);
        uid.copy_from_slice(&bytes[16..32]);
        store.copy_from_slice(&bytes[32..48]);
        let epoch = Epoch(u32_at(bytes, 72));
        let (sequence, base, capacity) =
            (u64_at(bytes, 48), Lsn(u64_at(bytes, 56)), u64_at(bytes, 64));
        let aligned = (base.0 | capacity).is_multiple_of(ALIGN as u64);
        if !aligned || sequence.max(base.0) > NUMBER_MAX || capacity > CAPACITY_MAX {
            return Err(HeaderError::Contradiction);
        }
        let state = match (sequence, base) {
            (0, Lsn(0)) => SegmentState::Blank,
            (0, _) => return Err(HeaderError::Contradiction),
            (_, base) if Lsn(0) < base && base < FIRST_LSN => {
                return Err(HeaderError::Contradiction);
            }
            (sequence, Lsn(0)) => SegmentState::Ready { sequence },
            (sequence, base) => SegmentState::Begun {
                sequence,
                base,
                epoch,
            },
        };
        let key = match (format, bytes[CIPHER_AT], bytes[KEY_AT..].first_chunk()) {
            (..=FORMAT_PLAIN, 0, _) => None,
            (FORMAT, CIPHER, Some(key)) => Some(WrappedKey::decode(key)),
            _ => return Err(HeaderError::Contradiction),
        };
        Ok(Self {
            uid,
            store: StoreId(store),
            capacity,
            state,
            key,
        })
    }

    /// What a data key of this life of the file belongs to.
    pub(super) fn context(uid: [u8; 16], store: StoreId) -> [u8; 40] {
        let mut context = *b"segment.                                ";
        context[8..24].copy_from_slice(&uid);
        context[24..].copy_from_slice(&store.0);
        context
    }

    /// The key of its records, if they are encrypted.
    pub(super) fn unwrap_key(&self, keys: Option<&Keys>) -> Result<Option<Arc<DataKey>>, KeyError> {
        let Some(wrapped) = &self.key else {
            return Ok(None);
        };
        let context = Self::context(self.uid, self.store);
        let key = keys.ok_or(KeyError::NoKeys)?.unwrap(wrapped, &context)?;
        Ok(Some(Arc::new(key)))
    }

    /// Start value of all record checksums in this segment.
    pub(super) fn seed(&self) -> u32 {
        crc32c(&self.uid)
    }
}

/// A segment file, open.
#[derive(Debug)]
pub(super) struct Segment {
    /// Shared with those who read records back.
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) name: String,
    pub(super) header: SegmentHeader,
    /// What its records are encrypted with, if they are and it is to be read or written.
    pub(super) key: Option<Arc<DataKey>>,
    /// File offset below which every block has been written since it was allocated. Overwriting
    /// such a block needs no change of file system metadata, which makes a sync several times
    /// cheaper.
    pub(super) written_to: u64,
}

impl Segment {
    /// Its place in the sequence; 0 for a blank one.
    pub(super) fn sequence(&self) -> u64 {
        match self.header.state {
            SegmentState::Begun { sequence, .. } | SegmentState::Ready { sequence } => sequence,
            SegmentState::Blank => 0,
        }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.header.key.is_some()
    }

    /// Position of its first record; 0 unless begun.
    pub(super) fn base(&self) -> Lsn {
        match self.header.state {
            SegmentState::Begun { base, .. } => base,
            SegmentState::Blank | SegmentState::Ready { .. } => Lsn(0),
        }
    }

    /// Where in the file a position lies.
    pub(super) fn offset_of(&self, lsn: Lsn) -> u64 {
        DATA_START + (lsn.0 - self.base().0)
    }

    /// Where records must end.
    pub(super) fn data_end(&self) -> u64 {
        DATA_START + self.header.capacity
    }

    /// Gives the file a new life. Durable after the next sync.
    pub(super) fn begin_life(
        &mut self,
        (header, key): (SegmentHeader, Option<Arc<DataKey>>),
    ) -> Result<(), Fault> {
        self.key = key;
        self.write_header(header)
    }

    /// Gives the file a new state. Durable after the next sync.
    pub(super) fn write_header(&mut self, header: SegmentHeader) -> Result<(), Fault> {
        self.header = header;
        let bytes = self.header.encode();
        self.file
            .write_at(0, &mut [IoSlice::new(&bytes)])
            .during("write the header of", &self.name)
    }

    /// Writes `len` bytes of records from `start` on: `parts` makes them, followed by as many zeros
    /// as it is told.
    pub(super) fn write_records<'p>(
        &mut self,
        start: Lsn,
        len: u64,
        parts: impl FnOnce(usize) -> Vec<IoSlice<'p>>,
    ) -> Result<(), Fault> {
        let offset = self.offset_of(start);
        let end = offset + len;
        let zeros = if end > self.written_to && len <= SMALL_BATCH_BYTES {
            ZERO_AHEAD_BYTES.min(self.data_end() - end)
        } else {
            0
        };
        self.file
            .write_at(offset, &mut parts(zeros as usize))
            .during("write", &self.name)?;
        self.written_to = self.written_to.max(end + zeros);
        Ok(())
    }

    pub(super) fn sync(&self) -> Result<(), Fault> {
        self.file.sync().during("sync", &self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(state: SegmentState) -> SegmentHeader {
        SegmentHeader {
            uid: [1; 16],
            store: StoreId([2; 16]),
            capacity: 1 << 20,
            state,
            key: None,
        }
    }

    #[test]
    fn headers_of_every_state_read_back() {
        for state in [
            SegmentState::Begun {
                sequence: 4,
                base: Lsn(4096),
                epoch: Epoch(2),
            },
            SegmentState::Blank,
            SegmentState::Ready { sequence: 5 },
        ] {
            assert_eq!(
                SegmentHeader::decode(&header(state).encode()),
                Ok(header(state))
            );
        }
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_seen() {
        let good = header(SegmentState::Ready { sequence: 5 }).encode();
        for bit in 0..HEADER_LEN * 8 {
            let mut bytes = good;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&bytes).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let mut bytes = header(SegmentState::Blank).encode();
        bytes[8..10].copy_from_slice(&(FORMAT + 1).to_le_bytes());
        assert_eq!(SegmentHeader::decode(&bytes), Err(HeaderError::Checksum));
        let crc = crc32c(&bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(
            SegmentHeader::decode(&bytes),
            Err(HeaderError::Newer(FORMAT + 1))
        );
    }
}
