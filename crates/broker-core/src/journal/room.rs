//! How much more the journal takes, so that whatever it takes has its blocks on the disk already.
//!
//! Disk full is met before it happens (rule J7): a record is refused when taking it would need a
//! block that is not allocated. The last quarter of a segment is kept for settlements and control
//! records, which are what makes room again.

use super::append::Admission;
use super::record::MARK_LEN;

/// Held back at the end of each segment for marks: one that closes the last batch, one that ends
/// the segment, and some that state a new front. Without the latter a full disk could not be
/// relieved, for a segment is freed only after such a mark.
const TAIL: u64 = 8 * MARK_LEN;

/// Allocated and not yet promised to a record.
#[derive(Debug)]
pub(super) struct Room {
    /// Bytes for records in a new segment.
    capacity: u64,
    /// Bytes left in the segment that the open batch goes to.
    left: u64,
    /// Prepared segments not yet begun.
    ready: u64,
    /// The disk is below its watermark.
    low: bool,
    /// An ordinary record was refused for want of a prepared segment.
    starved: bool,
}

impl Room {
    pub(super) const fn new(capacity: u64, left: u64, ready: u64) -> Self {
        Self {
            capacity,
            left,
            ready,
            low: false,
            starved: false,
        }
    }

    /// The largest framed record that is sure to fit once a segment is ready.
    pub(super) const fn max_framed(capacity: u64) -> u64 {
        capacity - capacity / 4 - TAIL
    }

    /// Whether a record of this framed length may be taken.
    pub(super) fn admits(&mut self, framed: u64, admission: Admission) -> bool {
        let remaining = if self.fits_here(framed) {
            self.left - framed + self.ready * self.capacity
        } else if self.ready > 0 {
            self.ready * self.capacity - framed
        } else {
            self.starved = true;
            return false;
        };
        let admitted = match admission {
            Admission::Essential => true,
            Admission::Ordinary => !self.low && remaining >= self.capacity / 4,
        };
        self.starved |= !admitted;
        admitted
    }

    /// Whether it goes into the current segment.
    pub(super) fn fits_here(&self, framed: u64) -> bool {
        framed + TAIL <= self.left
    }

    /// Takes the room of a record that was admitted and fits here.
    pub(super) fn take(&mut self, framed: u64) {
        debug_assert!(self.fits_here(framed));
        self.left -= framed;
    }

    /// Whether a mark can go in that is not needed to close a batch. One that frees a segment may
    /// use all but the last places.
    pub(super) fn spares_a_mark(&self, frees: bool) -> bool {
        self.left >= if frees { 2 * MARK_LEN } else { TAIL }
    }

    /// Takes the room of a mark.
    pub(super) fn take_mark(&mut self) {
        debug_assert!(self.left >= MARK_LEN);
        self.left -= MARK_LEN;
    }

    /// Goes on to a prepared segment.
    pub(super) fn begin_segment(&mut self) {
        debug_assert!(self.ready > 0);
        self.ready -= 1;
        self.left = self.capacity;
    }

    pub(super) fn add_ready(&mut self) {
        self.ready += 1;
        self.starved = false;
    }

    pub(super) fn set_low(&mut self, low: bool) {
        self.low = low;
    }

    /// Whether publishers should stop: half of the current segment is used up and no other is
    /// prepared, or the disk is below its watermark.
    pub(super) fn is_full(&self) -> bool {
        let stuck = self.starved && self.ready == 0;
        self.low || stuck || self.left + self.ready * self.capacity < self.capacity / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: u64 = 16 * 1024;

    #[test]
    fn ordinary_records_leave_a_quarter_for_essential_ones() {
        let mut room = Room::new(CAPACITY, CAPACITY, 0);
        room.take(CAPACITY / 2);
        assert!(room.admits(CAPACITY / 4, Admission::Ordinary));
        assert!(!room.admits(CAPACITY / 4 + 8, Admission::Ordinary));
        assert!(room.admits(CAPACITY / 4 + 8, Admission::Essential));
    }

    #[test]
    fn essential_records_never_use_the_room_for_marks() {
        let mut room = Room::new(CAPACITY, CAPACITY, 0);
        assert!(room.admits(CAPACITY - TAIL, Admission::Essential));
        assert!(!room.admits(CAPACITY - TAIL + 8, Admission::Essential));
    }

    #[test]
    fn the_largest_record_is_always_taken_once_a_segment_is_ready() {
        let largest = Room::max_framed(CAPACITY);
        for left in (0..=CAPACITY).step_by(8) {
            assert!(
                Room::new(CAPACITY, left, 1).admits(largest, Admission::Ordinary),
                "{left}"
            );
        }
    }

    #[test]
    fn it_is_full_when_half_is_used_and_nothing_prepared() {
        let mut room = Room::new(CAPACITY, CAPACITY, 0);
        room.take(CAPACITY / 2);
        assert!(!room.is_full());
        room.take(8);
        assert!(room.is_full());
        room.add_ready();
        assert!(!room.is_full());
    }

    #[test]
    fn below_the_watermark_only_essential_records_go_in() {
        let mut room = Room::new(CAPACITY, CAPACITY, 1);
        room.set_low(true);
        assert!(room.is_full());
        assert!(!room.admits(8, Admission::Ordinary));
        assert!(room.admits(8, Admission::Essential));
    }

    #[test]
    fn a_refused_record_keeps_publishers_away_until_a_segment_is_ready() {
        let mut room = Room::new(CAPACITY, CAPACITY, 0);
        room.take(CAPACITY / 4);
        assert!(!room.admits(Room::max_framed(CAPACITY), Admission::Ordinary));
        assert!(room.is_full());
        room.add_ready();
        assert!(!room.is_full());
    }
}
