//! The background scrub (rule J6): everything in the journal is read again, slowly and for ever, so
//! that a record the disk has lost is known before somebody needs it.
//!
//! Like the journal it has no thread and no clock. Whoever owns it calls [`Scrub::step`] and then
//! waits as long as the answer says:
//!
//! - no faster than 5 MB/s, so that it never competes with the work;
//! - otherwise so fast that a day takes it through the whole journal. Only one beyond 430 GB takes
//!   longer, and a week is enough for 3 TB;
//! - one round an hour at most.
//!
//! It reads from the disk, past the page cache, and checks headers of segments, headers of records,
//! payloads and padding. Behind a damaged record it searches for the next sound one, so that damage
//! hides nothing behind it. At the end of a round it reads indexes and checkpoints.
//!
//! # What is damaged stays where it is
//!
//! Damage is reported and counted, each place once, and the journal goes on: the record may be one
//! that nobody needs any more, and its segment is freed as always. If it is a message that a queue
//! still has to deliver, then reading it back fails, and that stops the broker ([`Journal::read`]):
//! what was confirmed is not passed over in silence, and what stands behind it in the queue does not
//! overtake it. Until then there is time to drain the other queues and to look after the disk.
//!
//! A damaged index is taken away, and the next start reads its segment. Of a damaged checkpoint there
//! is another, until both are written anew.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::checkpoint;
use super::error::{Corrupt, Damage};
use super::read::Readable;
use super::record::{ALIGN, HEADER_LEN, Header, framed_len, lsn_of, payload_crc};
use super::segment::{HEADER_LEN as SEGMENT_HEADER_LEN, SegmentHeader};
use super::{Journal, Lsn};

/// Read in one step, and held in memory at most.
const STEP_BYTES: u64 = 256 * 1024;

/// Slowest and fastest reading, in bytes a second.
const RATE: RangeInclusive<u64> = 64 * 1024..=5_000_000;

/// The round is to take so long, if the fastest reading allows it.
const ROUND: Duration = Duration::from_secs(24 * 60 * 60);

/// Rest between two rounds.
const REST: Duration = Duration::from_secs(60 * 60);

/// Damaged places remembered, so that each is told once.
const KNOWN_MAX: usize = 10_000;

/// Reads a journal again and again.
#[derive(Debug)]
pub struct Scrub {
    journal: Arc<Journal>,
    /// What is being read.
    phase: Phase,
    /// What comes next of it; below the first segment, that one.
    at: Lsn,
    /// Position and place of what was found damaged and is still there.
    known: BTreeSet<(Lsn, u64)>,
    /// Checkpoints that were damaged when they were last read.
    known_files: BTreeSet<&'static str>,
    buffer: Vec<u8>,
}

/// The parts of a round, in this order.
#[derive(Debug, Clone, Copy)]
enum Phase {
    Records,
    /// The one of that number in [`checkpoint::NAMES`].
    Checkpoint(usize),
    /// The one of the segment that comes next.
    Index,
}

/// What a step did.
#[derive(Debug)]
pub struct Scrubbed {
    /// Bytes read.
    pub read_bytes: u64,
    /// Places that were found damaged for the first time.
    pub damaged: Vec<Corrupt>,
    /// Places that are known to be damaged now.
    pub known_damaged: u64,
    /// The end of the journal was reached: the next step begins a new round.
    pub round_ended: bool,
    /// How long to wait before the next step.
    pub rest: Duration,
}

/// One step on its way through one segment.
struct Walk<'s> {
    segment: &'s Readable,
    /// Where the segment's durable records end.
    end: Lsn,
    at: Lsn,
    /// Position of the buffer's first byte.
    start: Lsn,
    buffer: &'s mut Vec<u8>,
    read_bytes: u64,
    damaged: Vec<Corrupt>,
}

impl Scrub {
    /// A scrub that begins with the oldest record.
    pub fn new(journal: Arc<Journal>) -> Self {
        Self {
            journal,
            phase: Phase::Records,
            at: Lsn(0),
            known: BTreeSet::new(),
            known_files: BTreeSet::new(),
            buffer: Vec::new(),
        }
    }

    /// Reads and checks a little more: about 256 KiB of records, or one whole record that is larger,
    /// or one file beside the segments. Blocks for these reads.
    pub fn step(&mut self) -> Scrubbed {
        let first = self.journal.first();
        self.known.retain(|(lsn, _)| *lsn >= first);
        self.at = self.at.max(first);
        let mut damaged = Vec::new();
        let mut round_ended = false;
        let read_bytes = match self.phase {
            Phase::Records => self.check_records(&mut damaged),
            Phase::Checkpoint(number) => self.check_checkpoint(number, &mut damaged),
            Phase::Index => {
                let checked = self.check_index(&mut damaged);
                round_ended = checked.is_none();
                checked.unwrap_or_default()
            }
        };
        if round_ended {
            (self.phase, self.at) = (Phase::Records, Lsn(0));
        }
        let paced = pace(read_bytes, self.journal.synced().0 - first.0);
        Scrubbed {
            read_bytes,
            damaged,
            known_damaged: (self.known.len() + self.known_files.len()) as u64,
            round_ended,
            rest: if round_ended { paced.max(REST) } else { paced },
        }
    }

    /// Goes on with the records, adds to `damaged` what is new, and answers with the bytes read. So
    /// do the next two.
    fn check_records(&mut self, damaged: &mut Vec<Corrupt>) -> u64 {
        let mut read_bytes = 0;
        if let Some((segment, end)) = self.journal.segment_of(self.at)
            && self.at < end
        {
            (read_bytes, *damaged) = self.walk(&segment, end);
        }
        if self.at >= self.journal.synced() {
            (self.phase, self.at) = (Phase::Checkpoint(0), Lsn(0));
            self.buffer = Vec::new();
        }
        read_bytes
    }

    fn check_checkpoint(&mut self, number: usize, damaged: &mut Vec<Corrupt>) -> u64 {
        let Some(name) = checkpoint::NAMES.get(number) else {
            self.phase = Phase::Index;
            return 0;
        };
        self.phase = Phase::Checkpoint(number + 1);
        match self.journal.check_checkpoint(name) {
            Ok(None) => 0,
            Ok(Some(read_bytes)) => {
                self.known_files.remove(name);
                read_bytes
            }
            Err(corrupt) => {
                if self.known_files.insert(name) {
                    damaged.push(corrupt);
                }
                0
            }
        }
    }

    /// None after the last.
    fn check_index(&mut self, damaged: &mut Vec<Corrupt>) -> Option<u64> {
        let (segment, end) = self.journal.segment_of(self.at)?;
        // The newest has none.
        if end >= self.journal.synced() {
            return None;
        }
        self.at = end;
        let checked = self.journal.check_index(&segment, end);
        Some(checked.unwrap_or_else(|corrupt| {
            damaged.push(corrupt);
            0
        }))
    }

    /// Goes on in one segment, and answers what is new.
    fn walk(&mut self, segment: &Readable, end: Lsn) -> (u64, Vec<Corrupt>) {
        let mut walk = Walk {
            segment,
            end,
            at: self.at,
            start: self.at,
            buffer: &mut self.buffer,
            read_bytes: 0,
            damaged: Vec::new(),
        };
        if walk.at == segment.base {
            walk.check_segment_header();
        }
        while walk.at < end && walk.read_bytes <= STEP_BYTES {
            walk.check_record();
        }
        self.at = walk.at;
        let (read_bytes, mut damaged) = (walk.read_bytes, walk.damaged);
        self.buffer.clear();
        self.buffer.shrink_to(STEP_BYTES as usize);
        // One that may be freed was perhaps becoming another one while we read.
        if end <= self.journal.releasable() {
            damaged.clear();
        }
        let known = &mut self.known;
        damaged.retain(|corrupt| {
            let lsn = corrupt.lsn.unwrap_or(segment.base);
            known.len() < KNOWN_MAX && known.insert((lsn, corrupt.offset))
        });
        (read_bytes, damaged)
    }
}

/// How long to wait after so many bytes of a journal of that size.
fn pace(read_bytes: u64, journal_bytes: u64) -> Duration {
    let rate = (journal_bytes / ROUND.as_secs()).clamp(*RATE.start(), *RATE.end());
    Duration::from_nanos(read_bytes.saturating_mul(1_000_000_000) / rate)
}

impl Walk<'_> {
    fn check_segment_header(&mut self) {
        let mut bytes = [0; SEGMENT_HEADER_LEN];
        self.read_bytes += SEGMENT_HEADER_LEN as u64;
        let found = match self.segment.file.read_from_disk(0, &mut bytes) {
            Err(error) => error.to_string(),
            Ok(()) => match SegmentHeader::decode(&bytes) {
                Ok(header) if header.seed() == self.segment.seed => return,
                Ok(_) => "that of another segment".to_owned(),
                Err(_) => "something else".to_owned(),
            },
        };
        self.report(0, self.segment.base, "the header of the segment", found);
    }

    /// Checks the record that comes next, and goes on behind it.
    fn check_record(&mut self) {
        let lsn = self.at;
        let (found, next) = match self.framed() {
            Err(found) => (Some(found), None),
            Ok(framed) => {
                let next = Lsn(lsn.0 + framed).min(self.end);
                (self.fault_of(framed), Some(next))
            }
        };
        if let Some(found) = found {
            let offset = self.segment.offset_of(lsn);
            self.report(offset, lsn, "a record that had been durable", found);
        }
        self.at = next.unwrap_or_else(|| self.next_sound());
    }

    /// Length of the record here by its header, or what is there instead of one.
    fn framed(&mut self) -> Result<u64, String> {
        let (lsn, seed) = (self.at, self.segment.seed);
        let bytes = self.get(lsn, HEADER_LEN as u64)?;
        let header = header_at(bytes, 0, lsn, seed).ok_or("something else")?;
        Ok(framed_len(header.payload_len as usize))
    }

    /// What is wrong with the record here, whose header is sound.
    fn fault_of(&mut self, framed: u64) -> Option<String> {
        let (lsn, seed) = (self.at, self.segment.seed);
        let bytes = match self.get(lsn, framed) {
            Ok(bytes) => bytes,
            Err(found) => return Some(found),
        };
        let header = header_at(bytes, 0, lsn, seed)?;
        let (payload, padding) = bytes[HEADER_LEN..].split_at(header.payload_len as usize);
        let found = if payload_crc([payload]) != header.payload_crc {
            "a payload with a wrong checksum"
        } else if padding.iter().any(|byte| *byte != 0) {
            "padding that is not zero"
        } else {
            return None;
        };
        Some(found.to_owned())
    }

    /// The first place behind this one where a sound record is, else the end.
    fn next_sound(&mut self) -> Lsn {
        let (end, seed) = (self.end, self.segment.seed);
        let mut from = Lsn(self.at.0 + ALIGN as u64);
        while from.0 + HEADER_LEN as u64 <= end.0 {
            let len = STEP_BYTES.min(end.0 - from.0);
            // Windows overlap by a header, so that one on the cut is seen whole.
            let places = len - HEADER_LEN as u64 + 1;
            if let Ok(bytes) = self.get(from, len) {
                let mut places = (0..places).step_by(ALIGN);
                let sound = places
                    .find(|at| header_at(bytes, *at as usize, Lsn(from.0 + at), seed).is_some());
                if let Some(at) = sound {
                    return Lsn(from.0 + at);
                }
            }
            from.0 += places.next_multiple_of(ALIGN as u64);
        }
        end
    }

    /// `len` bytes at `start`, or why they cannot be had.
    fn get(&mut self, start: Lsn, len: u64) -> Result<&[u8], String> {
        let held = self.start.0..self.start.0 + self.buffer.len() as u64;
        if !held.contains(&start.0) || start.0 + len > held.end {
            let left = self.end.0.saturating_sub(start.0);
            if left < len {
                return Err("the end of the segment".to_owned());
            }
            self.start = start;
            self.buffer
                .resize(len.max(STEP_BYTES).min(left) as usize, 0);
            self.read_bytes += self.buffer.len() as u64;
            let offset = self.segment.offset_of(start);
            let read = self.segment.file.read_from_disk(offset, self.buffer);
            if let Err(error) = read {
                self.buffer.clear();
                return Err(error.to_string());
            }
        }
        let at = (start.0 - self.start.0) as usize;
        Ok(&self.buffer[at..at + len as usize])
    }

    fn report(&mut self, offset: u64, lsn: Lsn, expected: &str, found: String) {
        let expected = expected.to_owned();
        self.damaged.push(Corrupt {
            file: self.segment.name.clone(),
            offset,
            lsn: Some(lsn),
            damage: Damage::Mismatch { expected, found },
        });
    }
}

/// The header at that place, if it is that of the record at `lsn`.
fn header_at(bytes: &[u8], at: usize, lsn: Lsn, seed: u32) -> Option<Header> {
    let bytes: &[u8; HEADER_LEN] = bytes.get(at..)?.first_chunk()?;
    // Looked at first, since it costs less than a checksum.
    (lsn_of(bytes) == lsn).then_some(())?;
    Header::decode(bytes, seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_journal_is_read_faster_than_five_megabytes_a_second() {
        for journal_bytes in [0, 1 << 30, 1 << 40, u64::MAX] {
            assert!(pace(5_000_000, journal_bytes) >= Duration::from_secs(1));
        }
    }

    #[test]
    fn a_journal_of_three_terabytes_is_read_within_a_week() {
        let day = Duration::from_secs(24 * 60 * 60);
        for (journal_bytes, days) in [(100 << 30, 1), (400_000_000_000, 1), (3_000_000_000_000, 7)]
        {
            let round = pace(journal_bytes, journal_bytes);
            assert!(round <= days * day + Duration::from_secs(60), "{round:?}");
        }
    }
}
