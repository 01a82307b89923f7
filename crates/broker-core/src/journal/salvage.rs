//! Reading what can be read of a journal that must not be opened: damaged, incomplete, a mix of
//! several.
//!
//! It never writes. Segments are gone through record by record; where a good one does not follow,
//! the next good one is searched for, and what lies between is told. A record counts as good when
//! both its checksums are right and it says that it belongs where it is, so nothing is made up: what
//! is shown was written by a broker. What it cannot know is what stood in the missing places.

use std::io::ErrorKind;
use std::sync::Arc;

use super::checkpoint;
use super::cipher::DataKey;
use super::disk::{Disk, DiskFile, FileEntry};
use super::error::{Corrupt, Fault, IoContext, OpenError, Unreadable};
use super::keys::Keys;
use super::read::UNDECRYPTABLE;
use super::record::{self, ALIGN, ENDS_SEGMENT, HEADER_LEN, Header, MARK_KIND, Mark, framed_len};
use super::recovery::{RecordRef, Replay};
use super::segment::{self, DATA_START, FIRST_LSN, HeaderError, SegmentHeader, SegmentState};
use super::{Epoch, Kind, Lsn, StoreId};

/// Read at a time; where that fails, page by page.
const CHUNK_BYTES: usize = 1 << 20;
const PAGE_BYTES: usize = 4096;

/// Bytes that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Name of the file in the journal directory; of a missing one, of the file that shows it.
    pub file: String,
    /// Where they begin in it.
    pub offset: u64,
    /// How many, as far as that is known.
    pub bytes: u64,
    /// What is wrong with them.
    pub reason: String,
}

/// A journal that was gone through.
#[derive(Debug)]
pub struct Salvage {
    /// What was passed over.
    pub skipped: Vec<Skipped>,
    pieces: Vec<Piece>,
    /// Places in the sequence for which a segment is prepared and not begun.
    prepared: Vec<u64>,
}

/// A segment file, or what is left of one.
#[derive(Debug)]
struct Piece {
    name: String,
    file: Box<dyn DiskFile>,
    size_bytes: u64,
    store: StoreId,
    /// 0 if its header does not say.
    sequence: u64,
    base: Lsn,
    /// File offset behind its last record, if its header says.
    data_end: u64,
    seed: u32,
    /// What its records are encrypted with, if they are.
    key: Option<Arc<DataKey>>,
}

/// How far the records of a piece go.
#[derive(Debug, Default)]
struct Walked {
    end: Lsn,
    /// It ends with the mark that says so.
    ended: bool,
    epoch: Epoch,
    front: Lsn,
}

/// Shows `replay` all of the journal on `disk` that is good: the newest whole checkpoint, then the
/// records in order. What it makes nothing of, and what is encrypted with other keys, is told among what
/// was skipped.
///
/// # Errors
/// Only when the directory itself cannot be listed.
pub fn salvage(
    disk: &dyn Disk,
    keys: Option<&Keys>,
    replay: &mut dyn Replay,
) -> Result<Salvage, Fault> {
    let entries = disk.list().during("list", "the journal directory")?;
    let mut this = Salvage {
        skipped: Vec::new(),
        pieces: Vec::new(),
        prepared: Vec::new(),
    };
    let checkpoint = this.read_checkpoints(disk, &entries, keys, replay);
    let segments = entries.iter();
    for entry in segments.filter(|entry| entry.name.starts_with(segment::NAME_PREFIX)) {
        if let Some(piece) = this.open_piece(disk, entry, keys) {
            this.pieces.push(piece);
        }
    }
    this.keep_one_store(checkpoint.map(|(store, _)| store));
    this.pieces
        .sort_by_key(|piece| (piece.base, piece.name.clone()));
    this.walk_all(checkpoint.map(|(_, covered)| covered), replay);
    Ok(this)
}

impl Salvage {
    /// Shows the record at `start`, which was good, again. None if it cannot be read any more.
    pub fn record<R>(&self, start: Lsn, parse: impl FnOnce(RecordRef<'_>) -> R) -> Option<R> {
        let after = self.pieces.partition_point(|piece| piece.base <= start);
        let piece = &self.pieces[after.checked_sub(1)?];
        let offset = DATA_START + (start.0 - piece.base.0);
        let mut head = [0; HEADER_LEN];
        piece.file.read_at(offset, &mut head).ok()?;
        let header = Header::decode(&head, piece.seed).filter(|header| header.lsn == start)?;
        let mut payload = vec![0; header.payload_len as usize];
        let behind = offset + HEADER_LEN as u64;
        piece.file.read_at(behind, &mut payload).ok()?;
        if record::payload_crc([&payload[..]]) != header.payload_crc {
            return None;
        }
        let mut plain = Vec::new();
        let payload = piece.decrypt(&header, &payload, &mut plain).ok()?;
        Some(parse(record_ref(&header, payload)))
    }

    fn skip(&mut self, file: &str, offset: u64, bytes: u64, reason: impl Into<String>) {
        self.skipped.push(Skipped {
            file: file.to_owned(),
            offset,
            bytes,
            reason: reason.into(),
        });
    }

    /// Shows the newest checkpoint that is whole and answers whose it is and what it covers.
    fn read_checkpoints(
        &mut self,
        disk: &dyn Disk,
        entries: &[FileEntry],
        keys: Option<&Keys>,
        replay: &mut dyn Replay,
    ) -> Option<(StoreId, Lsn)> {
        let mut whole = Vec::new();
        for name in checkpoint::NAMES {
            let Some(entry) = entries.iter().find(|entry| entry.name == name) else {
                continue;
            };
            let read = checkpoint::read(disk, name, entry.size_bytes);
            match read.and_then(|loaded| loaded.decrypt(keys)) {
                Ok(loaded) => whole.push(loaded),
                Err(OpenError::Corrupt(Corrupt { offset, damage, .. })) => {
                    self.skip(name, offset, entry.size_bytes - offset, damage.to_string());
                }
                Err(other) => self.skip(name, 0, entry.size_bytes, other.to_string()),
            }
        }
        let newest = whole.into_iter().max_by_key(|loaded| loaded.generation)?;
        if let Err(Unreadable(reason)) = replay.checkpoint(newest.covered, &newest.payload) {
            self.skip(newest.name, 0, newest.payload.len() as u64, reason);
        }
        Some((newest.store, newest.covered))
    }

    /// A file that holds records, or may: none if there is nothing in it to be had.
    fn open_piece(
        &mut self,
        disk: &dyn Disk,
        entry: &FileEntry,
        keys: Option<&Keys>,
    ) -> Option<Piece> {
        let (name, size_bytes) = (entry.name.as_str(), entry.size_bytes);
        let mut bytes = [0; segment::HEADER_LEN];
        let opened = disk.open(name).and_then(|file| {
            file.read_at(0, &mut bytes)?;
            Ok(file)
        });
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                self.skip(name, 0, size_bytes, "it is too short for a segment");
                return None;
            }
            Err(error) => {
                self.skip(name, 0, size_bytes, error.to_string());
                return None;
            }
        };
        let header = match SegmentHeader::decode(&bytes) {
            Ok(header) => header,
            Err(HeaderError::Newer(format)) => {
                let reason = format!("its format {format} is newer than this program");
                self.skip(name, 0, size_bytes, reason);
                return None;
            }
            Err(_) => return self.open_headless(name, file, size_bytes, &bytes),
        };
        let (sequence, base) = match header.state {
            SegmentState::Begun { sequence, base, .. } => (sequence, base),
            SegmentState::Ready { sequence } => {
                self.prepared.push(sequence);
                return None;
            }
            SegmentState::Blank => return None,
        };
        let key = match header.unwrap_key(keys) {
            Ok(key) => key,
            Err(reason) => {
                self.skip(name, 0, size_bytes, reason.to_string());
                return None;
            }
        };
        Some(Piece {
            key,
            name: name.to_owned(),
            file,
            size_bytes,
            store: header.store,
            sequence,
            base,
            data_end: DATA_START + header.capacity,
            seed: header.seed(),
        })
    }

    /// A segment whose header is damaged: its first good record says where it belongs, if the uid is
    /// still right.
    fn open_headless(
        &mut self,
        name: &str,
        file: Box<dyn DiskFile>,
        size_bytes: u64,
        header: &[u8; segment::HEADER_LEN],
    ) -> Option<Piece> {
        let mut store = StoreId([0; 16]);
        store.0.copy_from_slice(&header[32..48]);
        let seed = crc32c::crc32c(&header[16..32]);
        let mut piece = Piece {
            name: name.to_owned(),
            file,
            size_bytes,
            store,
            sequence: 0,
            base: Lsn(0),
            data_end: size_bytes,
            seed,
            key: None,
        };
        let bytes = self.load(&piece);
        let places = (DATA_START as usize..bytes.len()).step_by(ALIGN);
        let first = places
            .filter_map(|at| {
                let head = bytes.get(at..)?.first_chunk()?;
                Some((at as u64, Header::decode(head, seed)?.lsn.0))
            })
            .find_map(|(at, lsn)| (lsn + DATA_START).checked_sub(at));
        let Some(base) = first else {
            let reason = "its header is damaged, and no record in it is good";
            self.skip(name, 0, size_bytes, reason);
            return None;
        };
        self.skip(name, 0, segment::HEADER_LEN as u64, "its header is damaged");
        piece.base = Lsn(base);
        Some(piece)
    }

    /// Leaves aside what belongs to another store than the checkpoint, or than most segments.
    fn keep_one_store(&mut self, checkpoint: Option<StoreId>) {
        let count = |store: StoreId| {
            let same = self.pieces.iter().filter(|piece| piece.store == store);
            same.count()
        };
        let most = self.pieces.iter().map(|piece| piece.store);
        let Some(store) = checkpoint.or_else(|| most.max_by_key(|store| count(*store))) else {
            return;
        };
        let pieces = std::mem::take(&mut self.pieces);
        for piece in pieces {
            // The store of a damaged header may be what is damaged; its records speak for it.
            if piece.store == store || piece.sequence == 0 {
                self.pieces.push(piece);
            } else {
                let reason = format!("it belongs to store {}, not to {store}", piece.store);
                self.skip(&piece.name, 0, piece.size_bytes, reason);
            }
        }
    }

    fn walk_all(&mut self, covered: Option<Lsn>, replay: &mut dyn Replay) {
        let pieces = std::mem::take(&mut self.pieces);
        let mut front = FIRST_LSN;
        let mut end = None::<(Lsn, &str)>;
        for (at, piece) in pieces.iter().enumerate() {
            match end {
                Some((end, before)) if piece.base < end => {
                    let reason = format!("its place in the journal is that of {before}");
                    self.skip(&piece.name, 0, piece.size_bytes, reason);
                    continue;
                }
                Some((end, before)) if piece.base > end => {
                    let reason = format!("the segments between {before} and it are missing");
                    self.skip(&piece.name, 0, piece.base.0 - end.0, reason);
                }
                _ => {}
            }
            let next = pieces.get(at + 1).map(|next| next.base);
            let walked = self.walk(piece, next, replay);
            front = front.max(walked.front);
            if next.is_none() && walked.ended && !self.prepared.contains(&(piece.sequence + 1)) {
                let reason = "the segment after it is missing: it ends with the mark of a full one";
                self.skip(&piece.name, piece.size_bytes, 0, reason);
            }
            end = Some((walked.end, &piece.name));
        }
        if let Some(first) = pieces.first() {
            if first.base > front {
                let reason = "the segments before it are missing";
                self.skip(&first.name, 0, first.base.0 - front.0, reason);
            }
            if first.base > FIRST_LSN && covered.is_none() {
                let reason = "the checkpoint that holds the definitions before it is missing";
                self.skip(&first.name, 0, 0, reason);
            }
        }
        self.pieces = pieces;
    }

    /// Shows the good records of a segment; `next` is where the one after it begins.
    fn walk(&mut self, piece: &Piece, next: Option<Lsn>, replay: &mut dyn Replay) -> Walked {
        let bytes = self.load(piece);
        let mut walked = Walked::default();
        let mut at = DATA_START as usize;
        while !walked.ended {
            let found = match piece.record_at(&bytes, at, walked.epoch) {
                Ok((header, payload)) => {
                    self.show(piece, at, &header, payload, &mut walked, replay);
                    at += framed_len(payload.len()) as usize;
                    continue;
                }
                Err(found) => found,
            };
            let Some(good) = piece.next_good(&bytes, at, walked.epoch, next.is_none()) else {
                self.note_end(piece, at, next, &found);
                break;
            };
            let reason = format!("expected a record, found {found}");
            self.skip(&piece.name, at as u64, (good - at) as u64, reason);
            at = good;
        }
        walked.end = match next {
            Some(next) if !walked.ended => next.min(piece.lsn_at(piece.data_end as usize)),
            _ => piece.lsn_at(at),
        };
        walked
    }

    fn show(
        &mut self,
        piece: &Piece,
        at: usize,
        header: &Header,
        payload: &[u8],
        walked: &mut Walked,
        replay: &mut dyn Replay,
    ) {
        walked.epoch = header.epoch;
        walked.ended = header.flags & ENDS_SEGMENT != 0;
        if header.kind == MARK_KIND {
            if let Some(mark) = Mark::decode(payload) {
                walked.front = walked.front.max(mark.front);
            }
            return;
        }
        let mut plain = Vec::new();
        let shown = piece.decrypt(header, payload, &mut plain);
        let shown = shown.map_err(|reason| Unreadable(reason.to_owned()));
        let shown = shown.and_then(|payload| replay.record(record_ref(header, payload)));
        if let Err(Unreadable(reason)) = shown {
            let reason = format!("a record of kind {}: {reason}", header.kind);
            let framed = framed_len(payload.len());
            self.skip(&piece.name, at as u64, framed, reason);
        }
    }

    /// Good records end before their segment does. That is how the last one is, unless it was cut.
    fn note_end(&mut self, piece: &Piece, at: usize, next: Option<Lsn>, found: &str) {
        let end = match next {
            Some(next) => (DATA_START + (next.0 - piece.base.0)).min(piece.data_end),
            None if piece.size_bytes < piece.data_end => {
                let missing = piece.data_end - piece.size_bytes;
                return self.skip(
                    &piece.name,
                    piece.size_bytes,
                    missing,
                    "the file ends early",
                );
            }
            None => return,
        };
        let reason = format!("expected a record, found {found}");
        self.skip(
            &piece.name,
            at as u64,
            end.saturating_sub(at as u64),
            reason,
        );
    }

    /// All bytes of a segment; zeros where the disk does not give them.
    fn load(&mut self, piece: &Piece) -> Vec<u8> {
        let size = piece.size_bytes.min(piece.data_end) as usize;
        let mut bytes = vec![0; size];
        for (chunk_at, chunk) in (0..)
            .step_by(CHUNK_BYTES)
            .zip(bytes.chunks_mut(CHUNK_BYTES))
        {
            if piece.file.read_at(chunk_at, chunk).is_ok() {
                continue;
            }
            for (at, page) in (chunk_at..)
                .step_by(PAGE_BYTES)
                .zip(chunk.chunks_mut(PAGE_BYTES))
            {
                if let Err(error) = piece.file.read_at(at, page) {
                    page.fill(0);
                    self.skip(&piece.name, at, page.len() as u64, error.to_string());
                }
            }
        }
        bytes
    }
}

impl Piece {
    fn lsn_at(&self, at: usize) -> Lsn {
        Lsn(self.base.0 + (at as u64 - DATA_START))
    }

    /// The record at `at` of the segment's bytes, or what is there instead.
    fn record_at<'b>(
        &self,
        bytes: &'b [u8],
        at: usize,
        epoch: Epoch,
    ) -> Result<(Header, &'b [u8]), String> {
        let Some(head) = bytes.get(at..).and_then(|rest| rest.first_chunk()) else {
            return Err("the end of the file".into());
        };
        let Some(header) = Header::decode(head, self.seed) else {
            let zero = head.iter().all(|byte| *byte == 0);
            let found = if zero {
                "zeros"
            } else {
                "a header with a wrong checksum"
            };
            return Err(found.into());
        };
        if header.lsn != self.lsn_at(at) {
            return Err(format!("a record of lsn {}", header.lsn.0));
        }
        if header.epoch < epoch {
            return Err(format!("a record of the former epoch {}", header.epoch.0));
        }
        let from = at + HEADER_LEN;
        let Some(payload) = bytes.get(from..from + header.payload_len as usize) else {
            return Err("a record beyond the end of the file".into());
        };
        if record::payload_crc([payload]) != header.payload_crc {
            return Err("its header, and a payload with a wrong checksum".into());
        }
        Ok((header, payload))
    }

    /// What the broker put into a record.
    fn decrypt<'p>(
        &self,
        header: &Header,
        payload: &'p [u8],
        plain: &'p mut Vec<u8>,
    ) -> Result<&'p [u8], &'static str> {
        match &self.key {
            _ if !header.has_trailer() => Ok(payload),
            Some(key) => {
                (key.decrypt(self.base, header, payload, plain)).map_err(|_| UNDECRYPTABLE)
            }
            None => Err("it is encrypted, and its key was in the header that is damaged"),
        }
    }

    /// Where the next good record is. In the last segment, what comes behind a torn write does not
    /// count unless it says that the torn place had been durable: it was promised to nobody.
    fn next_good(&self, bytes: &[u8], at: usize, epoch: Epoch, is_last: bool) -> Option<usize> {
        let torn = self.lsn_at(at);
        let mut good = (at..bytes.len())
            .step_by(ALIGN)
            .skip(1)
            .take_while(|place| place + HEADER_LEN <= bytes.len())
            .filter(|place| record::u64_at(bytes, place + 8) == self.lsn_at(*place).0)
            .filter_map(|place| Some((place, self.record_at(bytes, place, epoch).ok()?.0)));
        let (place, header) = good.next()?;
        let proves = |header: &Header| header.durable > torn;
        let counts = !is_last || proves(&header) || good.any(|(_, header)| proves(&header));
        counts.then_some(place)
    }
}

fn record_ref<'p>(header: &Header, payload: &'p [u8]) -> RecordRef<'p> {
    RecordRef {
        kind: Kind(header.kind),
        epoch: header.epoch,
        start: header.lsn,
        end: header.end(),
        payload,
    }
}
