//! Reading a segment: record after record, each checked before it is shown to anyone.

use super::cipher::DataKey;
use super::error::{Corrupt, Damage, Fault, IoContext, OpenError, Unreadable};
use super::read::UNDECRYPTABLE;
use super::record::{
    ALIGN, CONTINUES, ENDS_SEGMENT, HEADER_LEN, Header, MARK_KIND, MARK_LEN, Mark, framed_len,
    lsn_of, payload_crc, u64_at,
};
use super::recovery::RecordRef;
use super::segment::{DATA_START, FIRST_LSN, Segment, SegmentState};
use super::{Epoch, Kind, Lsn};

/// Read at a time.
const CHUNK_BYTES: u64 = 1024 * 1024;

/// How far reading has come, over all segments so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    /// Behind the last good record.
    pub(super) end: Lsn,
    /// Of the last good record.
    pub(super) epoch: Epoch,
    /// The most that any record says was durable.
    pub(super) stated: Lsn,
    /// The most that any mark says was released.
    pub(super) front: Lsn,
    /// Where the journal begins, if what explains that is looked for; else where any begins.
    pub(super) first: Lsn,
    /// Behind the first mark that says that all before `first` was released; 0 before it.
    pub(super) explained: Lsn,
}

impl Progress {
    /// Before any record of a journal that begins there.
    pub(super) fn at(first: Lsn) -> Self {
        Self {
            end: first,
            epoch: Epoch(0),
            stated: first,
            front: FIRST_LSN,
            first,
            explained: Lsn(0),
        }
    }

    /// Whether a mark that says so says for the first time why the journal begins where it does.
    pub(super) fn is_explained_by(&self, front: Lsn) -> bool {
        self.front < self.first && front >= self.first
    }

    /// A mark that ends at `end` says that all before `front` was released.
    fn released(&mut self, front: Lsn, end: Lsn) {
        if self.is_explained_by(front) {
            self.explained = end;
        }
        self.front = self.front.max(front);
    }
}

/// Where a segment's good records stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// At bytes that are not the next record.
    At { found: String },
    /// With the mark that says so.
    Ended,
}

/// A record behind the place where the good ones stop, written when that place was durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) lsn: Lsn,
    pub(super) stated: Lsn,
}

/// Goes on behind a segment that ends at `end` without reading more of it than the mark that ends
/// it. False if that is not there; `progress` means nothing then.
pub(super) fn skip_to_end(
    segment: &Segment,
    end: Lsn,
    progress: &mut Progress,
) -> Result<bool, Fault> {
    let room = segment.base().0 + MARK_LEN..=segment.base().0 + segment.header.capacity;
    if !room.contains(&end.0) {
        return Ok(false);
    }
    enter(segment, progress);
    progress.end = Lsn(end.0 - MARK_LEN);
    let mut window = Window::new(segment);
    let Ok((header, payload)) = next_record(&mut window, progress)? else {
        return Ok(false);
    };
    let Some(mark) = Mark::decode(payload) else {
        return Ok(false);
    };
    if header.kind != MARK_KIND || header.flags & ENDS_SEGMENT == 0 {
        return Ok(false);
    }
    progress.end = end;
    progress.epoch = header.epoch;
    progress.released(mark.front, end);
    progress.stated = progress.stated.max(header.durable);
    Ok(true)
}

/// Reads the records of a segment from its start and shows them to `visit`. Of records that count
/// together none is shown unless all are there: the journal stops before the first of them.
pub(super) fn walk(
    segment: &Segment,
    progress: &mut Progress,
    visit: &mut dyn FnMut(RecordRef<'_>) -> Result<(), Unreadable>,
) -> Result<Stop, OpenError> {
    let mut window = Window::new(segment);
    let mut plain = Vec::new();
    enter(segment, progress);
    let mut whole = progress.end;
    loop {
        let (header, payload) = match next_record(&mut window, progress)? {
            Ok(record) => record,
            Err(found) => return Ok(Stop::At { found }),
        };
        let start = progress.end;
        if header.flags & CONTINUES != 0 && start >= whole {
            whole = match together_end(&mut window, progress)? {
                Ok(end) => end,
                Err(found) => return Ok(Stop::At { found }),
            };
            continue;
        }
        let end = header.end();
        if header.kind == MARK_KIND {
            if let Some(mark) = Mark::decode(payload) {
                progress.released(mark.front, end);
            }
        } else {
            let kind = Kind(header.kind);
            let payload = decrypt(segment, &header, payload, &mut plain)?;
            let record = RecordRef {
                kind,
                epoch: header.epoch,
                start,
                end,
                payload,
            };
            visit(record).map_err(|error| unreadable(segment, &header, error))?;
        }
        progress.end = end;
        progress.epoch = header.epoch;
        progress.stated = progress.stated.max(header.durable);
        if header.flags & ENDS_SEGMENT != 0 {
            return Ok(Stop::Ended);
        }
    }
}

/// Where the records end that count together and of which the first is at `progress.end`, or what
/// is found instead of one of them.
fn together_end(
    window: &mut Window<'_>,
    progress: &Progress,
) -> Result<Result<Lsn, String>, Fault> {
    let mut ahead = *progress;
    loop {
        let (header, payload) = match next_record(window, &ahead)? {
            Ok(record) => record,
            Err(found) => return Ok(Err(format!("part of what counts together, then {found}"))),
        };
        let is_first = ahead.end == progress.end;
        if header.kind == MARK_KIND || !is_first && header.epoch != ahead.epoch {
            return Ok(Err("part of what counts together, then other things".into()));
        }
        ahead.end = Lsn(ahead.end.0 + framed_len(payload.len()));
        ahead.epoch = header.epoch;
        if header.flags & CONTINUES == 0 {
            return Ok(Ok(ahead.end));
        }
    }
}

/// Goes to the segment's first record.
fn enter(segment: &Segment, progress: &mut Progress) {
    if let SegmentState::Begun { base, epoch, .. } = segment.header.state {
        progress.end = base;
        progress.epoch = progress.epoch.max(epoch);
        // A segment is begun when all before it is durable.
        progress.stated = progress.stated.max(base);
    }
}

/// The record at `progress.end`, or what is found there instead.
fn next_record<'w>(
    window: &'w mut Window<'_>,
    progress: &Progress,
) -> Result<Result<(Header, &'w [u8]), String>, Fault> {
    let segment = window.segment;
    let offset = segment.offset_of(progress.end);
    let left = segment.data_end() - offset;
    if left < HEADER_LEN as u64 {
        return Ok(Err("the end of the segment".into()));
    }
    let bytes = window.get(offset, HEADER_LEN)?;
    let header = match check_header(bytes, segment, progress) {
        Ok(header) => header,
        Err(found) => return Ok(Err(found)),
    };
    let payload_len = header.payload_len as usize;
    let framed = framed_len(payload_len);
    if framed > left {
        return Ok(Err(format!(
            "a record of {framed} bytes, beyond the segment's end"
        )));
    }
    let framed = window.get(offset, framed as usize)?;
    let (payload, padding) = framed[HEADER_LEN..].split_at(payload_len);
    Ok(if payload_crc([payload]) != header.payload_crc {
        Err("its header, and a payload with a wrong checksum".into())
    } else if padding.iter().any(|byte| *byte != 0) {
        Err("its header and payload, and padding that is not zero".into())
    } else if header.kind == MARK_KIND && Mark::decode(payload).is_none() {
        Err(format!("a mark with a payload of {payload_len} bytes"))
    } else {
        Ok((header, payload))
    })
}

fn check_header(bytes: &[u8], segment: &Segment, progress: &Progress) -> Result<Header, String> {
    let Some(header) = bytes
        .first_chunk()
        .and_then(|bytes| Header::decode(bytes, segment.header.seed()))
    else {
        let zero = bytes.iter().all(|byte| *byte == 0);
        return Err(if zero {
            "zeros"
        } else {
            "a header with a wrong checksum"
        }
        .into());
    };
    if header.lsn != progress.end {
        return Err(format!("a record of lsn {}", header.lsn.0));
    }
    if header.epoch < progress.epoch {
        let (found, before) = (header.epoch.0, progress.epoch.0);
        return Err(format!(
            "a record of epoch {found} after one of epoch {before}"
        ));
    }
    if !header.is_of(segment.is_encrypted()) {
        return Err(format!("a record with unknown flags {:#04x}", header.flags));
    }
    Ok(header)
}

/// What the broker put into a record.
fn decrypt<'p>(
    segment: &Segment,
    header: &Header,
    payload: &'p [u8],
    plain: &'p mut Vec<u8>,
) -> Result<&'p [u8], OpenError> {
    let Some(key) = segment.key.as_ref().filter(|_| header.has_trailer()) else {
        return Ok(payload);
    };
    let damaged = |_| Corrupt {
        file: segment.name.clone(),
        offset: segment.offset_of(header.lsn),
        lsn: Some(header.lsn),
        damage: Damage::Mismatch {
            expected: "a record".to_owned(),
            found: UNDECRYPTABLE.to_owned(),
        },
    };
    let plain = DataKey::decrypt(key, segment.base(), header, payload, plain);
    Ok(plain.map_err(damaged)?)
}

fn unreadable(segment: &Segment, header: &Header, error: Unreadable) -> OpenError {
    Corrupt {
        file: segment.name.clone(),
        offset: segment.offset_of(header.lsn),
        lsn: Some(header.lsn),
        damage: Damage::Unreadable {
            kind: header.kind,
            epoch: header.epoch,
            reason: error.0,
        },
    }
    .into()
}

/// Searches everything from `from` to the end of the segment for a record that says that more
/// than `from` was durable when it was written. Such a record turns a torn write into damage.
///
/// One that only says less proves nothing: the sectors of the last write reach the disk in any
/// order, so its end may be there and its start missing.
pub(super) fn find_proof(segment: &Segment, from: Lsn) -> Result<Option<Proof>, Fault> {
    let seed = segment.header.seed();
    let mut window = Window::new(segment);
    let mut offset = segment.offset_of(from);
    while segment.data_end() - offset >= HEADER_LEN as u64 {
        let len = (segment.data_end() - offset).min(CHUNK_BYTES) as usize;
        let bytes = window.get(offset, len)?;
        // Windows overlap by a header, so that one on the cut is seen whole.
        let places = len - HEADER_LEN + 1;
        for at in (0..places).step_by(ALIGN) {
            let lsn = Lsn(segment.base().0 + (offset - DATA_START) + at as u64);
            if u64_at(bytes, at + 8) != lsn.0 {
                continue;
            }
            let header = bytes[at..]
                .first_chunk()
                .and_then(|bytes| Header::decode(bytes, seed));
            if let Some(header) = header
                && header.durable > from
            {
                return Ok(Some(Proof {
                    lsn: lsn_of(&bytes[at..]),
                    stated: header.durable,
                }));
            }
        }
        offset += (places.next_multiple_of(ALIGN)) as u64;
    }
    Ok(None)
}

/// A part of a segment in memory, moved along as it is read.
struct Window<'s> {
    segment: &'s Segment,
    start: u64,
    bytes: Vec<u8>,
}

impl<'s> Window<'s> {
    fn new(segment: &'s Segment) -> Self {
        Self {
            segment,
            start: 0,
            bytes: Vec::new(),
        }
    }

    /// `len` bytes at `offset`, which the caller knows to lie before the end of the records.
    fn get(&mut self, offset: u64, len: usize) -> Result<&[u8], Fault> {
        let end = offset + len as u64;
        if offset < self.start || end > self.start + self.bytes.len() as u64 {
            let ahead = CHUNK_BYTES
                .max(len as u64)
                .min(self.segment.data_end() - offset);
            self.bytes.resize(ahead as usize, 0);
            self.start = offset;
            self.segment
                .file
                .read_at(offset, &mut self.bytes)
                .during("read", &self.segment.name)?;
        }
        let at = (offset - self.start) as usize;
        Ok(&self.bytes[at..at + len])
    }
}
