//! Reading records in a row, for a journal that follows this one.
//!
//! They are read from the segments, those just written from the system's cache: a follower is
//! served the same way whether it is microseconds behind or hours. What is written and not yet synced
//! goes too, so that the follower's disk works while ours does.

use super::error::{Fault, IoContext};
use super::read::{Readable, UNDECRYPTABLE};
use super::record::{CONTINUES, ENDS_SEGMENT, HEADER_LEN, Header, MARK_KIND, unseal};
use super::run::{Frame, NoFrame, Run};
use super::{Journal, Lsn, Stopped};

/// What there is for a follower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shipment {
    /// The records there; less than was asked for, perhaps.
    Run(Run),
    /// None yet.
    Nothing,
    /// What stood there was freed: the oldest record that is left is here.
    Freed(Lsn),
}

impl Journal {
    /// Reads records from `from` on, where one has to begin, up to about `most_bytes`.
    ///
    /// # Errors
    /// A disk error and damage stop the journal, as for [`Journal::read`].
    pub fn ship(&self, from: Lsn, most_bytes: usize) -> Result<Shipment, Stopped> {
        self.shipment(from, most_bytes)
            .map_err(|fault| self.fail(fault))
    }

    fn shipment(&self, from: Lsn, most_bytes: usize) -> Result<Shipment, Fault> {
        let written = self.written();
        let Some((segment, end)) = self.segment_below(from, written) else {
            return Ok(Shipment::Freed(self.first()));
        };
        let there = end.0.saturating_sub(from.0) as usize;
        let mut bytes = Vec::new();
        let mut wanted = most_bytes.clamp(HEADER_LEN, there.max(HEADER_LEN));
        while wanted <= there {
            bytes.resize(wanted, 0);
            let read = segment.file.read_at(segment.offset_of(from), &mut bytes);
            if let Err(error) = read {
                return match self.first() {
                    // Its file was taken away while it was read.
                    first if first > from => Ok(Shipment::Freed(first)),
                    _ => Err(error).during("read", segment.name()),
                };
            }
            match whole(&bytes, from, &segment) {
                Ok(0) => wanted = there.min(2 * wanted).max(wanted + 1),
                Ok(len) => {
                    bytes.truncate(len);
                    break;
                }
                Err(NoFrame::Short(len)) => wanted = len.max(wanted + 1),
                Err(NoFrame::Bad(found)) => return self.freed_or(from, &segment, found),
            }
            bytes.clear();
        }
        if bytes.is_empty() {
            return Ok(Shipment::Nothing);
        }
        if let Err(at) = unseal_all(&mut bytes, from, &segment) {
            return self.freed_or(at, &segment, UNDECRYPTABLE.into());
        }
        match Run::new(from, bytes) {
            Ok(run) => Ok(Shipment::Run(run)),
            Err(bad) => self.freed_or(bad.lsn, &segment, bad.found),
        }
    }

    /// Something else is where a record was written: it is another's by now, or damaged.
    fn freed_or(&self, at: Lsn, segment: &Readable, found: String) -> Result<Shipment, Fault> {
        match self.first() {
            first if first > at => Ok(Shipment::Freed(first)),
            _ => Err(segment.unexpected(at, found)),
        }
    }
}

/// What one stretch of a journal holds, to be compared with another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stretch {
    /// These records.
    Run(Run),
    /// It is not, or not all of it, in one segment of this journal.
    Elsewhere,
    /// Something that is no sound record: what was expected, and what was found.
    Damaged(String),
}

/// Reads what is from `from` to `to`, from the disk and not from the system's cache where that can be
/// told.
pub(super) fn stretch(segment: &Readable, from: Lsn, to: Lsn) -> Result<Stretch, Fault> {
    let mut bytes = vec![0; to.0.saturating_sub(from.0) as usize];
    let read = (segment.file).read_from_disk(segment.offset_of(from), &mut bytes);
    match read.during("read", segment.name()) {
        Ok(()) => {}
        Err(fault) if fault.is_loss() => return Ok(Stretch::Damaged(fault.to_string())),
        Err(fault) => return Err(fault),
    }
    let (mut at, mut sealed) = (0, true);
    while let (true, Ok(frame)) = (sealed, Frame::at(&bytes, at, from)) {
        let head = bytes[at..].first_chunk();
        sealed = head.is_some_and(|head| Header::decode(head, segment.seed).is_some());
        at = frame.end();
    }
    if !sealed {
        return Ok(Stretch::Damaged("a header with a wrong checksum".into()));
    }
    if unseal_all(&mut bytes, from, segment).is_err() {
        return Ok(Stretch::Damaged(UNDECRYPTABLE.into()));
    }
    Ok(match Run::new(from, bytes) {
        Ok(run) => Stretch::Run(run),
        Err(bad) => Stretch::Damaged(bad.to_string()),
    })
}

/// How many of the bytes are whole records, those that count together with each other; none if the
/// first of them go on behind the bytes.
fn whole(bytes: &[u8], from: Lsn, segment: &Readable) -> Result<usize, NoFrame> {
    let (mut at, mut len) = (0, 0);
    while at < bytes.len() {
        let sealed = bytes[at..].first_chunk();
        if sealed.is_some_and(|head| Header::decode(head, segment.seed).is_none()) {
            return Err(NoFrame::Bad("a header with a wrong checksum".into()));
        }
        let frame = match Frame::at(bytes, at, from) {
            Ok(frame) => frame,
            Err(NoFrame::Short(needed)) if at == 0 => return Err(NoFrame::Short(needed)),
            Err(NoFrame::Short(_)) => break,
            Err(bad) => return Err(bad),
        };
        at = frame.end();
        let is_mark = frame.header.kind == MARK_KIND;
        if is_mark || frame.header.flags & CONTINUES == 0 {
            len = at;
        }
        if is_mark && frame.header.flags & ENDS_SEGMENT != 0 {
            break;
        }
    }
    Ok(len)
}

/// Takes out of the records what ties them to their segment, its key too. If one cannot be decrypted,
/// which.
fn unseal_all(bytes: &mut [u8], from: Lsn, segment: &Readable) -> Result<(), Lsn> {
    let mut at = 0;
    while let Ok(frame) = Frame::at(bytes, at, from) {
        let end = frame.end();
        if let Some(key) = segment.key.as_ref().filter(|_| frame.header.has_trailer()) {
            key.decrypt_record(segment.base, &mut bytes[at..end])
                .map_err(|_| frame.header.lsn)?;
        }
        unseal(&mut bytes[at..at + HEADER_LEN]);
        at = end;
    }
    Ok(())
}
