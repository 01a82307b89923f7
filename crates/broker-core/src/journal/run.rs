//! Records in a row on their way from one journal to another.
//!
//! They travel as they lie in a segment, without what ties a header to that segment (the gap and the
//! header's own checksum, both zero on the way): whoever takes them completes the headers for its
//! own. Payload checksums travel unchanged. Nothing travels encrypted with the key of a segment: it is
//! decrypted on one node and encrypted on the other, and on the way zeros are where the tag goes.

use std::ops::Range;

use super::record::{
    CONTINUES, ENDS_SEGMENT, HEADER_LEN, Header, MARK_KIND, Mark, framed_len, payload_crc,
};
use super::recovery::RecordRef;
use super::{Epoch, Kind, Lsn};

/// Whole records in a row, at least one, all for one segment. Of those that count together, all or
/// none are in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    bytes: Vec<u8>,
    start: Lsn,
    first_epoch: Epoch,
    last_epoch: Epoch,
    front: Lsn,
    ends_segment: bool,
    encrypted: bool,
}

/// Bytes that are no run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("lsn {}: expected {expected}, found {found}", lsn.0)]
pub struct BadRun {
    /// Where in the journal they were to go.
    pub lsn: Lsn,
    /// What was due there.
    pub expected: &'static str,
    /// What is there.
    pub found: String,
}

/// One record of a run: its header, and where its payload is.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) header: Header,
    pub(super) at: usize,
    pub(super) payload: Range<usize>,
}

impl Frame {
    /// The record at `at` of these bytes, the first byte of which is at `start`.
    ///
    /// # Errors
    /// How many bytes there have to be from `at` on to tell, or why it is none.
    pub(super) fn at(bytes: &[u8], at: usize, start: Lsn) -> Result<Self, NoFrame> {
        let lsn = Lsn(start.0 + at as u64);
        let Some(head) = bytes[at..].first_chunk() else {
            return Err(NoFrame::Short(HEADER_LEN));
        };
        let bad = |found: String| NoFrame::Bad(found);
        let header = Header::parse(head).ok_or_else(|| bad("a header beyond reason".into()))?;
        if header.lsn != lsn {
            return Err(bad(format!("a record of lsn {}", header.lsn.0)));
        }
        let payload_len = header.payload_len as usize;
        let framed = framed_len(payload_len) as usize;
        if bytes.len() - at < framed {
            return Err(NoFrame::Short(framed));
        }
        let payload = at + HEADER_LEN..at + HEADER_LEN + payload_len;
        Ok(Self {
            header,
            at,
            payload,
        })
    }

    pub(super) fn end(&self) -> usize {
        self.at + framed_len(self.header.payload_len as usize) as usize
    }

    fn is_mark(&self) -> bool {
        self.header.kind == MARK_KIND
    }
}

/// Why there is no record.
#[derive(Debug)]
pub(super) enum NoFrame {
    /// It has so many bytes.
    Short(usize),
    Bad(String),
}

impl Run {
    /// Checks bytes of which the first is to stand at `start`.
    ///
    /// # Errors
    /// Anything that a journal would not write.
    pub fn new(start: Lsn, bytes: Vec<u8>) -> Result<Self, BadRun> {
        let mut checked = Self {
            start,
            first_epoch: Epoch(0),
            last_epoch: Epoch(0),
            front: Lsn(0),
            ends_segment: false,
            encrypted: false,
            bytes: Vec::new(),
        };
        let (mut at, mut joined) = (0, false);
        while at < bytes.len() || joined || at == 0 {
            let bad = |expected, found| BadRun {
                lsn: Lsn(start.0 + at as u64),
                expected,
                found,
            };
            let frame = Frame::at(&bytes, at, start).map_err(|error| match error {
                NoFrame::Short(_) => bad("a whole record", format!("{} bytes", bytes.len() - at)),
                NoFrame::Bad(found) => bad("a record", found),
            })?;
            (checked.admit(&frame, &bytes, joined))
                .map_err(|(expected, found)| bad(expected, found))?;
            joined = frame.header.flags & CONTINUES != 0 && !frame.is_mark();
            at = frame.end();
        }
        checked.bytes = bytes;
        Ok(checked)
    }

    /// Checks one record as the next, which counts together with the one before if that is `joined`.
    fn admit(
        &mut self,
        frame: &Frame,
        bytes: &[u8],
        joined: bool,
    ) -> Result<(), (&'static str, String)> {
        let Header {
            epoch,
            flags,
            payload_crc: crc,
            ..
        } = frame.header;
        let payload = &bytes[frame.payload.clone()];
        if frame.at == 0 {
            self.first_epoch = epoch;
            self.last_epoch = epoch;
            self.encrypted = frame.header.is_encrypted();
        }
        if self.ends_segment {
            return Err(("the end", "a record behind the last of a segment".into()));
        }
        if epoch < self.last_epoch {
            let found = format!("epoch {} after {}", epoch.0, self.last_epoch.0);
            return Err(("an epoch that does not fall", found));
        }
        if !frame.header.is_of(self.encrypted) {
            return Err(("flags this version knows", format!("{flags:#04x}")));
        }
        if payload[frame.header.plain_len()..]
            .iter()
            .any(|it| *it != 0)
        {
            return Err(("room for what encryption adds", "other bytes".into()));
        }
        if payload_crc([payload]) != crc {
            return Err(("a sound payload", "one with a wrong checksum".into()));
        }
        if bytes[frame.payload.end..frame.end()]
            .iter()
            .any(|it| *it != 0)
        {
            return Err(("zeros behind the payload", "other bytes".into()));
        }
        if joined && (frame.is_mark() || epoch != self.last_epoch) {
            return Err(("the rest of what counts together", "another record".into()));
        }
        if frame.is_mark() {
            let mark = Mark::decode(payload)
                .ok_or_else(|| ("a mark", format!("{} bytes of payload", payload.len())))?;
            self.front = self.front.max(mark.front);
            self.ends_segment = flags & ENDS_SEGMENT != 0;
        }
        self.last_epoch = epoch;
        Ok(())
    }

    /// Position of its first record.
    pub fn start(&self) -> Lsn {
        self.start
    }

    /// Position behind its last record.
    pub fn end(&self) -> Lsn {
        Lsn(self.start.0 + self.bytes.len() as u64)
    }

    /// Of its first record.
    pub fn first_epoch(&self) -> Epoch {
        self.first_epoch
    }

    /// Of its last record.
    pub fn last_epoch(&self) -> Epoch {
        self.last_epoch
    }

    /// As they travel.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As they travel, to be sent.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The broker's records, without the journal's own.
    pub fn records(&self) -> impl Iterator<Item = RecordRef<'_>> {
        let records = self.frames().filter(|frame| !frame.is_mark());
        records.map(|frame| RecordRef {
            kind: Kind(frame.header.kind),
            epoch: frame.header.epoch,
            start: frame.header.lsn,
            end: Lsn(self.start.0 + frame.end() as u64),
            payload: &self.bytes[frame.payload.start..][..frame.header.plain_len()],
        })
    }

    /// The most that its marks say was released; 0 if they say nothing.
    pub(super) fn front(&self) -> Lsn {
        self.front
    }

    /// It is for an encrypted segment. Its records themselves are not encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// The record behind it is the first of another segment.
    pub(crate) fn ends_segment(&self) -> bool {
        self.ends_segment
    }

    pub(super) fn frames(&self) -> impl Iterator<Item = Frame> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let frame = Frame::at(&self.bytes, at, self.start).ok()?;
            at = frame.end();
            Some(frame)
        })
    }

    /// Its bytes, to complete the headers in.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}
