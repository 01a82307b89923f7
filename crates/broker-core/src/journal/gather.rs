//! What has been appended and not yet written: the batch being filled and those behind it.
//!
//! Plain state without locks; [`super::Journal`] guards it. Positions are given out here, so the
//! cut between two segments is made here as well: a record that no longer fits ends the segment
//! with a mark and begins a batch for the next one, which is known to be prepared.

use std::collections::VecDeque;
use std::mem;

use super::batch::Batch;
use super::cipher::TRAILER_LEN;
use super::entry::{Admission, Record};
use super::record::{CONTINUES, framed_len};
use super::room::{Room, Shortage};
use super::{Epoch, Lsn};

/// Buffers kept for reuse: one is filled while the other is written.
const BUFFERS_MAX: usize = 2;

#[derive(Debug)]
pub(super) struct Gather {
    epoch: Epoch,
    batch_bytes: usize,
    encrypts: bool,
    /// Being filled.
    open: Batch,
    /// Filled, oldest first.
    closed: VecDeque<Batch>,
    pub(super) room: Room,
    /// What the next mark states as released.
    front: Lsn,
    buffers: Vec<Vec<u8>>,
}

impl Gather {
    /// Goes on at `base` in a segment whose room is `room`.
    pub(super) fn new(
        epoch: Epoch,
        base: Lsn,
        front: Lsn,
        room: Room,
        (batch_bytes, encrypts): (usize, bool),
    ) -> Self {
        Self {
            epoch,
            batch_bytes,
            encrypts,
            open: Batch::new(base, Vec::new(), encrypts),
            closed: VecDeque::new(),
            room,
            front,
            buffers: Vec::new(),
        }
    }

    /// Position behind everything taken.
    pub(super) fn end(&self) -> Lsn {
        self.open.end()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.closed.is_empty()
    }

    /// Adds a record and answers the position behind it.
    pub(super) fn push(
        &mut self,
        record: &Record<'_>,
        payload_len: u32,
        payload_crc: u32,
    ) -> Result<Lsn, Shortage> {
        let framed = framed_in(self.encrypts, payload_len as usize);
        self.take_room(framed, record.admission)?;
        let end = (self.open).push(record, 0, self.epoch, payload_len, payload_crc);
        self.close_if_full();
        Ok(end)
    }

    /// Adds records that count together, one behind the other in one segment, and answers the
    /// positions behind each. With every record come the length of its payload and its checksum.
    pub(super) fn push_together(
        &mut self,
        records: &[(&Record<'_>, u32, u32)],
        admission: Admission,
    ) -> Result<Vec<Lsn>, Shortage> {
        let framed = |len: &u32| framed_in(self.encrypts, *len as usize);
        let framed = records.iter().map(|(_, len, _)| framed(len)).sum();
        self.take_room(framed, admission)?;
        let continued = records.len().saturating_sub(1);
        let ends = records.iter().enumerate().map(|(at, (record, len, crc))| {
            let flags = if at < continued { CONTINUES } else { 0 };
            self.open.push(record, flags, self.epoch, *len, *crc)
        });
        let ends = ends.collect();
        self.close_if_full();
        Ok(ends)
    }

    /// Takes room in the segment of the open batch, which may become the next one.
    #[inline]
    fn take_room(&mut self, framed: u64, admission: Admission) -> Result<(), Shortage> {
        self.room.admit(framed, admission)?;
        if !self.room.fits_here(framed) {
            self.close_open(true);
            self.room.begin_segment();
            self.open.starts_segment = true;
        }
        self.room.take(framed);
        Ok(())
    }

    #[inline]
    fn close_if_full(&mut self) {
        if self.open.len() >= self.batch_bytes {
            self.close_open(false);
        }
    }

    /// The oldest batch that holds anything, to be written. `front` is stated by marks from now on.
    pub(super) fn next_batch(&mut self, front: Lsn) -> Option<Batch> {
        self.front = front;
        if self.closed.is_empty() && !self.open.is_empty() {
            self.close_open(false);
        }
        self.closed.pop_front()
    }

    /// A batch of nothing but a mark that states `front` and what is durable; `None` when there
    /// are records to write, whose mark will do, or no room to spare; one that `frees` a segment
    /// may use the last room.
    pub(super) fn bare_mark(&mut self, front: Lsn, frees: bool) -> Option<Batch> {
        if !self.is_empty() || !self.room.spares_a_mark(frees) {
            return None;
        }
        self.front = front;
        self.close_open(false);
        self.closed.pop_front()
    }

    /// Keeps the buffer of a written batch for another.
    pub(super) fn reclaim(&mut self, batch: Batch) {
        let buffer = batch.into_buffer();
        if self.buffers.len() < BUFFERS_MAX && buffer.capacity() <= 2 * self.batch_bytes {
            self.buffers.push(buffer);
        }
    }

    /// Gives memory back while nothing happens.
    pub(super) fn rest(&mut self) {
        self.buffers = Vec::new();
        if self.open.is_empty() {
            let starts_segment = self.open.starts_segment;
            self.open = Batch::new(self.open.base, Vec::new(), self.encrypts);
            self.open.starts_segment = starts_segment;
        }
    }

    fn close_open(&mut self, ends_segment: bool) {
        self.open.close(self.epoch, self.front, ends_segment);
        self.room.take_mark();
        let buffer = self.buffers.pop().unwrap_or_default();
        let next = Batch::new(self.open.end(), buffer, self.encrypts);
        self.closed.push_back(mem::replace(&mut self.open, next));
    }
}

/// Bytes that a record of this payload takes in a journal that encrypts, or in one that does not.
pub(super) const fn framed_in(encrypts: bool, payload_len: usize) -> u64 {
    framed_len(payload_len + if encrypts { TRAILER_LEN } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Kind;
    use crate::journal::record::MARK_LEN;

    const CAPACITY: u64 = 16 * 1024;
    const START: Lsn = Lsn(4096);

    fn gather(ready: u64) -> Gather {
        Gather::new(
            Epoch(1),
            START,
            START,
            Room::new(CAPACITY, CAPACITY, ready),
            (8 * 1024, false),
        )
    }

    fn push(gather: &mut Gather, len: usize) -> Option<Lsn> {
        let payload = vec![1; len];
        let record = Record {
            kind: Kind::new(1),
            admission: Admission::Essential,
            parts: &[&payload],
            body: None,
        };
        gather.push(&record, len as u32, 0).ok()
    }

    #[test]
    fn records_gather_into_one_batch_with_one_mark() {
        let mut gather = gather(0);
        assert_eq!(push(&mut gather, 8), Some(Lsn(START.0 + 40)));
        assert_eq!(push(&mut gather, 9), Some(Lsn(START.0 + 88)));
        let batch = gather.next_batch(START).expect("two records");
        assert_eq!(
            (batch.base, batch.end()),
            (START, Lsn(START.0 + 88 + MARK_LEN))
        );
        assert_eq!(gather.end(), batch.end());
        assert!(gather.next_batch(START).is_none());
    }

    #[test]
    fn a_batch_is_closed_at_its_size() {
        let mut gather = gather(0);
        for _ in 0..3 {
            push(&mut gather, 5000);
        }
        let sizes: Vec<_> = std::iter::from_fn(|| gather.next_batch(START))
            .map(|batch| batch.len())
            .collect();
        assert_eq!(sizes, [2 * 5032 + 48, 5032 + 48]);
    }

    #[test]
    fn the_next_segment_begins_with_its_own_batch() {
        let mut gather = gather(1);
        for _ in 0..5 {
            push(&mut gather, 5000).expect("room in two segments");
        }
        let batches: Vec<_> = std::iter::from_fn(|| gather.next_batch(START)).collect();
        let begun: Vec<_> = batches
            .iter()
            .filter(|batch| batch.starts_segment)
            .map(|batch| batch.base)
            .collect();
        assert_eq!(begun.len(), 1);
        assert!(begun[0].0 - START.0 <= CAPACITY);
        assert!(batches.windows(2).all(|pair| pair[0].end() == pair[1].base));
    }

    #[test]
    fn nothing_is_taken_that_has_no_place_on_disk() {
        let mut gather = gather(0);
        for _ in 0..3 {
            push(&mut gather, 5000).expect("room in one segment");
        }
        let end = gather.end();
        assert_eq!(push(&mut gather, 5000), None);
        assert_eq!(gather.end(), end);
    }

    #[test]
    fn marks_that_free_a_segment_fit_after_the_last_record() {
        let mut gather = gather(0);
        while push(&mut gather, 8).is_some() {
            gather.next_batch(START);
        }
        assert!(
            gather.bare_mark(START, false).is_none(),
            "an idle mark may not use the last room"
        );
        assert!(gather.bare_mark(Lsn(START.0 + 8), true).is_some());
        assert!(gather.bare_mark(Lsn(START.0 + 16), true).is_some());
        gather.room.add_ready();
        assert!(
            push(&mut gather, 8).is_some(),
            "the mark that ends the segment has its place"
        );
    }
}
