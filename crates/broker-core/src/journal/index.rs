//! Indexes: what opening needs to know of a full segment, in a small file beside it.
//!
//! `index-NNNNNNNN` stands for the records of `segment-NNNNNNNN`. What it says about them is the
//! broker's own shorthand ([`Indexer`]), a few bytes for each, so that opening reads megabytes
//! where the segments hold gigabytes. Only full segments have one; the last is always read.
//!
//! ```text
//! offset  size  field (little endian)
//!      0     8  magic "FerryIdx"
//!      8     2  format version: 1, or 2 if it is encrypted
//!     10     6  zero
//!     16    16  uid of the segment, in the life of which this was written
//!     32     8  base: lsn of the segment's first record
//!     40     8  end: lsn behind its last
//!     48     4  payload length
//!     52     4  CRC32C of the payload
//!     56     4  zero
//!     60     4  CRC32C of bytes 0 to 59
//!     64     …  payload; of an encrypted one the wrapped data key (drawn in `keys`), the ciphertext
//!               and its tag, authenticated with bytes 16 to 47
//! ```
//!
//! An index is a convenience, never the truth. It is written after all records it stands for are
//! durable and is never synced, so writing it delays nobody; a power loss may leave it torn, or of
//! the file's former life. One that is missing, damaged, of another format, of another segment, or
//! whose segment does not end with the mark it should end with, is left aside: the segment is read,
//! and its index written anew once the journal is open. Errors on it are told and otherwise ignored.
//!
//! What opening does not read it does not check. The scrub finds damage in a full segment and tells
//! ([`super::Scrub`]). A record that is damaged when it is due stops the journal, and takes the
//! segment's index away ([`Journal::fail`](super::Journal)): the next start reads the segment, and
//! refuses it by name.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::sync::Arc;

use crc32c::crc32c;

use super::batch::Batch;
use super::cipher::TAG_LEN;
use super::disk::{Disk, DiskFile, FileEntry, FromDisk};
use super::error::{Corrupt, Damage, Fault, IoContext, OpenError};
use super::keys::{self, Keys, WrappedKey};
use super::read::Readable;
use super::record::{u32_at, u64_at};
use super::recovery::{RecordRef, Replay};
use super::scan::{self, Progress};
use super::segment::{self, Segment};
use super::{Kind, Lsn, SegmentSpan};

/// Indexes are named so, followed by the number of their segment.
pub(super) const NAME_PREFIX: &str = "index-";
/// An index until it is whole.
pub(super) const TEMPORARY_NAME: &str = "index.tmp";

const MAGIC: [u8; 8] = *b"FerryIdx";
const FORMAT_PLAIN: u16 = 1;
const FORMAT: u16 = 2;
const HEADER_LEN: usize = 64;
const CRC_AT: usize = HEADER_LEN - 4;

/// Indexes waiting to be written take no more memory than this; segments that get none now get one
/// after a later opening.
const WAITING_BYTES_MAX: usize = 32 << 20;

/// Notes what opening will need to know of each record. It belongs to the broker, as the records
/// do.
pub trait Indexer: Send + Sync + Debug {
    /// The next record of the segment. Each is noted once, in order.
    fn record(&mut self, record: RecordHead<'_>);

    /// What stands for all records noted since the last time; none if that cannot be said.
    fn finish(&mut self) -> Option<Vec<u8>>;
}

/// A record, as far as it is at hand.
#[derive(Debug, Clone, Copy)]
pub struct RecordHead<'a> {
    /// Its meaning.
    pub kind: Kind,
    /// Its own position.
    pub start: Lsn,
    /// The position behind it.
    pub end: Lsn,
    /// The payload, or only the part of it before a large body.
    pub head: &'a [u8],
    /// Of the whole payload.
    pub payload_bytes: usize,
}

/// The indexes of a journal: those on disk, those to be written, and the one in the making.
#[derive(Debug)]
pub(super) struct Indexes {
    disk: Arc<dyn Disk>,
    keys: Option<Arc<Keys>>,
    /// Without one, there are no indexes.
    indexer: Option<Box<dyn Indexer>>,
    /// Files seen or written.
    names: BTreeSet<String>,
    /// Those of them that were good.
    used: BTreeSet<String>,
    waiting: VecDeque<Index>,
    waiting_bytes: usize,
}

#[derive(Debug)]
struct Index {
    name: String,
    uid: [u8; 16],
    base: Lsn,
    end: Lsn,
    payload: Vec<u8>,
    /// It is of an encrypted segment.
    encrypted: bool,
}

/// An index as it lies in its file.
struct Contents {
    payload: Vec<u8>,
    /// What an encrypted one is authenticated with.
    context: Option<[u8; CONTEXT_LEN]>,
}

/// The word `index   `, and bytes 16 to 47 of the header.
const CONTEXT_LEN: usize = 40;

/// What encryption adds to a payload.
const ENCRYPTION_LEN: u64 = (WrappedKey::LEN + TAG_LEN) as u64;

fn context(header: &[u8]) -> [u8; CONTEXT_LEN] {
    let mut context = *b"index   ................................";
    context[8..].copy_from_slice(&header[16..48]);
    context
}

impl Indexes {
    pub(super) fn new(
        disk: &Arc<dyn Disk>,
        entries: &[FileEntry],
        indexer: Option<Box<dyn Indexer>>,
        keys: Option<&Arc<Keys>>,
    ) -> Self {
        let names = entries.iter().map(|entry| &entry.name);
        let names = names.filter(|name| name.starts_with(NAME_PREFIX)).cloned();
        Self {
            disk: disk.clone(),
            keys: keys.cloned(),
            indexer,
            names: names.collect(),
            used: BTreeSet::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
        }
    }

    /// Shows the index of a segment, which ends at `end`, in the place of its records. False if it
    /// has none that is good: then it has to be read.
    pub(super) fn replay(
        &mut self,
        segment: &Segment,
        end: Lsn,
        progress: &mut Progress,
        replay: &mut dyn Replay,
    ) -> Result<bool, OpenError> {
        let name = name_of(&segment.name);
        if self.indexer.is_none() || !self.names.contains(&name) {
            return Ok(false);
        }
        let contents = read(&*self.disk, &name, segment, end);
        let payload = match contents.map(|it| it.and_then(|it| self.decrypt(it))) {
            Ok(Ok(payload)) => payload,
            Ok(Err(reason)) => {
                tracing::info!(file = name, reason, "index is not used");
                return Ok(false);
            }
            Err(fault) => {
                tracing::warn!(%fault, "index cannot be read");
                return Ok(false);
            }
        };
        let mut after = *progress;
        if !scan::skip_to_end(segment, end, &mut after)? {
            return Ok(false);
        }
        if progress.is_explained_by(after.front) {
            // Which of its marks it is is of interest.
            return Ok(false);
        }
        let span = SegmentSpan {
            start: segment.base(),
            end,
        };
        let taken = replay.index(span, &payload).map_err(|error| Corrupt {
            file: name.clone(),
            offset: HEADER_LEN as u64,
            lsn: Some(segment.base()),
            damage: Damage::Mismatch {
                expected: "an index the broker can use".into(),
                found: error.0,
            },
        })?;
        if taken {
            *progress = after;
            self.used.insert(name);
        }
        Ok(taken)
    }

    fn decrypt(&self, contents: Contents) -> Result<Vec<u8>, &'static str> {
        let Contents { payload, context } = contents;
        let Some(context) = context else {
            return Ok(payload);
        };
        keys::decrypt(self.keys.as_deref(), &context, &payload)
            .map_err(|_| "its contents cannot be decrypted")
    }

    /// Notes a record that was read.
    pub(super) fn note_read(&mut self, record: &RecordRef<'_>) {
        if let Some(indexer) = &mut self.indexer {
            indexer.record(RecordHead {
                kind: record.kind,
                start: record.start,
                end: record.end,
                head: record.payload,
                payload_bytes: record.payload.len(),
            });
        }
    }

    /// Notes the records of a batch that is durable.
    pub(super) fn note_written(&mut self, batch: &Batch) {
        if let Some(indexer) = &mut self.indexer {
            batch.heads().for_each(|head| indexer.record(head));
        }
    }

    /// The segment whose records were noted is full and ends at `end`.
    pub(super) fn seal(&mut self, segment: &Segment, end: Lsn) {
        let payload = self.indexer.as_mut().and_then(|indexer| indexer.finish());
        let Some(payload) = payload else {
            return;
        };
        if self.waiting_bytes + payload.len() > WAITING_BYTES_MAX {
            return;
        }
        self.waiting_bytes += payload.len();
        self.waiting.push_back(Index {
            name: name_of(&segment.name),
            uid: segment.header.uid,
            base: segment.base(),
            end,
            payload,
            encrypted: segment.is_encrypted(),
        });
    }

    /// Writes one index of those that wait; false when none does.
    pub(super) fn write_next(&mut self) -> bool {
        let Some(index) = self.waiting.pop_front() else {
            return false;
        };
        self.waiting_bytes -= index.payload.len();
        let keys = self.keys.as_deref().filter(|_| index.encrypted);
        match write(&*self.disk, &index, keys) {
            Ok(()) => {
                self.names.insert(index.name);
            }
            Err(fault) => tracing::warn!(%fault, "index was not written"),
        }
        true
    }

    /// Its segment was freed.
    pub(super) fn remove(&mut self, segment: &str) {
        let name = name_of(segment);
        self.waiting.retain(|index| index.name != name);
        self.waiting_bytes = self.waiting.iter().map(|index| index.payload.len()).sum();
        if self.names.remove(&name) {
            remove(&*self.disk, &name);
        }
    }

    /// Removes the files that were of no use. Until now nothing was changed.
    pub(super) fn remove_unused(&mut self) {
        let used = std::mem::take(&mut self.used);
        let found = std::mem::replace(&mut self.names, used);
        for name in found.difference(&self.names) {
            remove(&*self.disk, name);
        }
    }
}

/// Reads the index of a segment that ends at `end` again, from the disk, and answers with the bytes
/// read. That is 0 if it has no index, or one that cannot be had now.
pub(super) fn check(disk: &dyn Disk, segment: &Readable, end: Lsn) -> Result<u64, Corrupt> {
    let name = name_of(segment.name());
    let file = match disk.open(&name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        opened => opened.during("open", &name),
    };
    let of = Of::readable(segment, end);
    let found = match file.and_then(|file| read_file(&FromDisk(file), &name, &of)) {
        Ok(Ok(contents)) => return Ok((HEADER_LEN + contents.payload.len()) as u64),
        Ok(Err(reason)) => reason.to_owned(),
        Err(fault) if fault.is_loss() => fault.to_string(),
        Err(fault) => {
            tracing::warn!(%fault, "index cannot be checked now");
            return Ok(0);
        }
    };
    Err(Corrupt {
        file: name,
        offset: 0,
        lsn: Some(segment.base),
        damage: Damage::Mismatch {
            expected: "the index that was written".to_owned(),
            found,
        },
    })
}

/// Sees to it that opening reads this segment whole.
pub(super) fn distrust(disk: &dyn Disk, segment: &str) {
    let name = name_of(segment);
    match disk.remove(&name).and_then(|()| disk.sync_dir()) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(file = name, %error, "index cannot be removed"),
    }
}

fn remove(disk: &dyn Disk, name: &str) {
    if let Err(error) = disk.remove(name) {
        tracing::warn!(file = name, %error, "index cannot be removed");
    }
}

/// The file that belongs to a segment's file.
fn name_of(segment: &str) -> String {
    let number = segment.strip_prefix(segment::NAME_PREFIX);
    format!("{NAME_PREFIX}{}", number.unwrap_or(segment))
}

/// Neither the file nor its name is synced: see the module.
fn write(disk: &dyn Disk, index: &Index, keys: Option<&Keys>) -> Result<(), Fault> {
    let mut header = [0; HEADER_LEN];
    header[..8].copy_from_slice(&MAGIC);
    header[8..10].copy_from_slice(&FORMAT_PLAIN.to_le_bytes());
    header[16..32].copy_from_slice(&index.uid);
    header[32..40].copy_from_slice(&index.base.0.to_le_bytes());
    header[40..48].copy_from_slice(&index.end.0.to_le_bytes());
    let mut payload = Cow::Borrowed(&index.payload[..]);
    if let Some(keys) = keys {
        header[8..10].copy_from_slice(&FORMAT.to_le_bytes());
        let encrypted = keys.encrypt(disk, &context(&header), &payload);
        payload = encrypted.during("make a key for", &index.name)?.into();
    }
    header[48..52].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    header[52..56].copy_from_slice(&crc32c(&payload).to_le_bytes());
    let crc = crc32c(&header[..CRC_AT]);
    header[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    let size_bytes = (HEADER_LEN + payload.len()) as u64;
    let file = disk
        .create(TEMPORARY_NAME, size_bytes)
        .during("create", TEMPORARY_NAME)?;
    let mut parts = [IoSlice::new(&header), IoSlice::new(&payload)];
    file.write_at(0, &mut parts)
        .during("write", TEMPORARY_NAME)?;
    disk.rename(TEMPORARY_NAME, &index.name)
        .during("rename a new index to", &index.name)
}

/// The segment that an index has to belong to.
struct Of {
    seed: u32,
    base: Lsn,
    end: Lsn,
    /// What is allocated for an index is bounded by what the segment can hold.
    payload_max: u64,
}

impl Of {
    fn segment(segment: &Segment, end: Lsn) -> Self {
        Self {
            seed: segment.header.seed(),
            base: segment.base(),
            end,
            payload_max: segment.header.capacity,
        }
    }

    fn readable(segment: &Readable, end: Lsn) -> Self {
        Self {
            seed: segment.seed,
            base: segment.base,
            end,
            payload_max: end.0 - segment.base.0,
        }
    }
}

/// The payload of an index of just this segment, or why it is none.
fn read(
    disk: &dyn Disk,
    name: &str,
    segment: &Segment,
    end: Lsn,
) -> Result<Result<Contents, &'static str>, Fault> {
    let file = disk.open(name).during("open", name)?;
    read_file(&*file, name, &Of::segment(segment, end))
}

fn read_file(
    file: &dyn DiskFile,
    name: &str,
    of: &Of,
) -> Result<Result<Contents, &'static str>, Fault> {
    let mut header = [0; HEADER_LEN];
    match file.read_at(0, &mut header) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Ok(Err("it is too short"));
        }
        result => result.during("read", name)?,
    }
    if let Err(reason) = check_header(&header, of) {
        return Ok(Err(reason));
    }
    let mut payload = vec![0; u32_at(&header, 48) as usize];
    match file.read_at(HEADER_LEN as u64, &mut payload) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Ok(Err("it is too short"));
        }
        result => result.during("read", name)?,
    }
    let encrypted = header[8..10] == FORMAT.to_le_bytes();
    let context = encrypted.then(|| context(&header));
    Ok(if crc32c(&payload) == u32_at(&header, 52) {
        Ok(Contents { payload, context })
    } else {
        Err("its contents have a wrong checksum")
    })
}

fn check_header(header: &[u8; HEADER_LEN], of: &Of) -> Result<(), &'static str> {
    if header[..8] != MAGIC || crc32c(&header[..CRC_AT]) != u32_at(header, CRC_AT) {
        return Err("its header is damaged");
    }
    if ![FORMAT, FORMAT_PLAIN].contains(&u16::from_le_bytes([header[8], header[9]])) {
        return Err("it has another format");
    }
    let (base, end) = (Lsn(u64_at(header, 32)), Lsn(u64_at(header, 40)));
    if crc32c(&header[16..32]) != of.seed || (base, end) != (of.base, of.end) {
        return Err("it belongs to another segment");
    }
    if u64::from(u32_at(header, 48)) > of.payload_max + ENCRYPTION_LEN {
        return Err("it is longer than its segment");
    }
    Ok(())
}
