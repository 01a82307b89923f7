//! Reading records back while the journal is in use: what a broker does not keep in memory is read
//! when it is due.
//!
//! Every record is checked before it is shown (rule J6). One that fails its checks had been durable,
//! so it is damage, and damage stops the journal as a disk error does: nothing that was promised may
//! be passed over in silence, and the next start reads that segment whole and refuses it by file and
//! offset. What nobody reads for long is looked after by [`super::Scrub`].

use std::io;
use std::sync::Arc;

use super::cipher::DataKey;
use super::disk::DiskFile;
use super::error::{Corrupt, Damage, Fault, IoContext, Unreadable};
use super::record::{HEADER_LEN, Header, payload_crc};
use super::recovery::RecordRef;
use super::segment::{DATA_START, Segment};
use super::{Journal, Kind, Lsn, Stopped};

/// What is found in the place of an encrypted payload that was changed and given a new checksum.
pub(super) const UNDECRYPTABLE: &str = "a payload that its key does not decrypt";

/// Most bytes read ahead of a record.
const AHEAD_BYTES: u64 = 256 * 1024;

/// A begun segment, as readers see it.
#[derive(Debug)]
pub(super) struct Readable {
    pub(super) base: Lsn,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) name: String,
    pub(super) seed: u32,
    /// What its records are encrypted with, if they are.
    pub(super) key: Option<Arc<DataKey>>,
}

/// Bytes of the journal last read, for who reads one record after the other.
#[derive(Debug, Default)]
pub struct ReadWindow {
    /// Position of the first byte.
    start: Lsn,
    bytes: Vec<u8>,
    /// The last payload that was decrypted.
    plain: Vec<u8>,
}

/// How far reading may go.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// As far as the caller is going to read.
    until: Lsn,
    /// Bytes behind it are in another segment, or may change yet.
    end: Lsn,
}

impl Readable {
    pub(super) fn new(segment: &Segment) -> Arc<Self> {
        Arc::new(Self {
            base: segment.base(),
            file: Arc::clone(&segment.file),
            name: segment.name.clone(),
            seed: segment.header.seed(),
            key: segment.key.clone(),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn offset_of(&self, lsn: Lsn) -> u64 {
        DATA_START + (lsn.0 - self.base.0)
    }

    fn damaged(&self, lsn: Lsn, damage: Damage) -> Fault {
        let corrupt = Corrupt {
            file: self.name.clone(),
            offset: self.offset_of(lsn),
            lsn: Some(lsn),
            damage,
        };
        Fault {
            action: "read",
            file: self.name.clone(),
            source: Arc::new(io::Error::new(io::ErrorKind::InvalidData, corrupt)),
        }
    }

    pub(super) fn unexpected(&self, lsn: Lsn, found: impl Into<String>) -> Fault {
        let damage = Damage::Mismatch {
            expected: "a record that had been durable".into(),
            found: found.into(),
        };
        self.damaged(lsn, damage)
    }
}

impl ReadWindow {
    /// Has `len` bytes at `start`; answers where.
    fn hold(
        &mut self,
        segment: &Readable,
        start: Lsn,
        len: u64,
        bounds: Bounds,
    ) -> Result<usize, Fault> {
        let held = self.start.0..self.start.0 + self.bytes.len() as u64;
        if !(held.contains(&start.0) && start.0 + len <= held.end) {
            let limit = bounds.end.0.saturating_sub(start.0);
            if limit < len {
                return Err(segment.unexpected(start, "the end of what is durable"));
            }
            let ahead = bounds.until.0.saturating_sub(start.0).min(AHEAD_BYTES);
            self.start = start;
            self.bytes.resize(ahead.max(len).min(limit) as usize, 0);
            segment
                .file
                .read_at(segment.offset_of(start), &mut self.bytes)
                .during("read", &segment.name)?;
        }
        Ok((start.0 - self.start.0) as usize)
    }
}

impl Journal {
    /// Reads the record at `start` and shows it to `parse`. It must be durable and not released.
    /// Who reads several says how far `until`, so that they come with few reads.
    ///
    /// # Errors
    /// A disk error, damage, and a record that `parse` cannot make sense of all stop the journal.
    pub fn read<R>(
        &self,
        start: Lsn,
        until: Lsn,
        window: &mut ReadWindow,
        parse: impl FnOnce(RecordRef<'_>) -> Result<R, Unreadable>,
    ) -> Result<R, Stopped> {
        self.read_checked(start, until, window, parse)
            .map_err(|fault| self.fail(fault))
    }

    fn read_checked<R>(
        &self,
        start: Lsn,
        until: Lsn,
        window: &mut ReadWindow,
        parse: impl FnOnce(RecordRef<'_>) -> Result<R, Unreadable>,
    ) -> Result<R, Fault> {
        let Some((segment, end)) = self.segment_of(start) else {
            let freed = io::Error::other(format!("lsn {} was freed", start.0));
            return Err(freed).during("read", "the journal");
        };
        let bounds = Bounds { until, end };
        let at = window.hold(&segment, start, HEADER_LEN as u64, bounds)?;
        let header = window.bytes[at..]
            .first_chunk()
            .and_then(|bytes| Header::decode(bytes, segment.seed))
            .filter(|header| header.lsn == start && header.is_of(segment.key.is_some()))
            .ok_or_else(|| segment.unexpected(start, "something else"))?;
        let end = header.end();
        let at = window.hold(&segment, start, end.0 - start.0, bounds)?;
        let from = at + HEADER_LEN;
        let payload = &window.bytes[from..from + header.payload_len as usize];
        if payload_crc([payload]) != header.payload_crc {
            return Err(segment.unexpected(start, "a payload with a wrong checksum"));
        }
        let payload = match segment.key.as_ref().filter(|_| header.has_trailer()) {
            None => payload,
            Some(key) => (key.decrypt(segment.base, &header, payload, &mut window.plain))
                .map_err(|_| segment.unexpected(start, UNDECRYPTABLE))?,
        };
        let record = RecordRef {
            kind: Kind(header.kind),
            epoch: header.epoch,
            start,
            end,
            payload,
        };
        parse(record).map_err(|error| {
            let damage = Damage::Unreadable {
                kind: header.kind,
                epoch: header.epoch,
                reason: error.0,
            };
            segment.damaged(start, damage)
        })
    }

    /// Where the record begins whose append answered `end`.
    pub fn start_of(&self, end: Lsn, payload_bytes: usize) -> Lsn {
        Lsn(end.0 - self.framed_len(payload_bytes))
    }
}
