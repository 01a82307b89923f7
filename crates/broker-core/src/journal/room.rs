//! How much more the journal takes, so that whatever it takes has its blocks on the disk already.
//!
//! Disk full is met before it happens (rule J7): a record is refused when taking it would need a
//! block that is not allocated. The last quarter of a segment is kept for settlements and control
//! records, which are what makes room again.

use super::entry::Admission;
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
    /// The disk had no place for another segment when one was last wanted.
    exhausted: bool,
    /// A record was refused since a segment was last prepared.
    starved: bool,
    /// An essential one was.
    stuck: bool,
}

/// Why a record cannot be taken now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shortage {
    /// The disk has no room for it.
    Full,
    /// The segment it would go to is not prepared yet.
    NotYet,
}

impl Room {
    pub(super) const fn new(capacity: u64, left: u64, ready: u64) -> Self {
        Self {
            capacity,
            left,
            ready,
            low: false,
            exhausted: false,
            starved: false,
            stuck: false,
        }
    }

    /// The largest framed record that is sure to fit once a segment is ready.
    pub(super) const fn max_framed(capacity: u64) -> u64 {
        capacity - capacity / 4 - TAIL
    }

    /// Whether a record of this framed length may be taken, and why not.
    pub(super) fn admit(&mut self, framed: u64, admission: Admission) -> Result<(), Shortage> {
        let remaining = if self.fits_here(framed) {
            Some(self.left - framed + self.ready * self.capacity)
        } else {
            (self.ready > 0).then(|| self.ready * self.capacity - framed)
        };
        let essential = admission == Admission::Essential;
        if remaining
            .is_some_and(|remaining| essential || !self.low && remaining >= self.capacity / 4)
        {
            return Ok(());
        }
        self.starved = true;
        self.stuck |= essential;
        if self.exhausted || self.low && !essential {
            Err(Shortage::Full)
        } else {
            Err(Shortage::NotYet)
        }
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

    /// Segments prepared and not yet promised.
    pub(super) fn ready(&self) -> u64 {
        self.ready
    }

    /// Another segment is prepared.
    pub(super) fn add_ready(&mut self) {
        self.ready += 1;
        self.starved = false;
        self.stuck = false;
    }

    /// Gives up a prepared segment that no record was promised to. False if it is the only one, for
    /// settlements must go on.
    pub(super) fn give_up_ready(&mut self) -> bool {
        let spare = self.ready > 1;
        self.ready -= u64::from(spare);
        spare
    }

    /// Tells how full the disk is: below its watermark, without a place for another segment.
    pub(super) fn set_disk(&mut self, low: bool, exhausted: bool) {
        self.low = low;
        self.exhausted = exhausted;
    }

    /// Whether another segment should be prepared at once.
    pub(super) fn wants_segment(&self) -> bool {
        self.ready == 0 && !self.exhausted
    }

    /// Whether publishers should wait: half of the current segment is used up and no other is
    /// prepared, or a record waits for one, or the disk is below its watermark.
    pub(super) fn pauses(&self) -> bool {
        let starves = self.starved && self.ready == 0;
        self.low || starves || self.left + self.ready * self.capacity < self.capacity / 2
    }

    /// Whether they wait for the disk, and not just for a segment to be prepared.
    pub(super) fn is_full(&self) -> bool {
        self.pauses() && (self.low || self.exhausted)
    }

    /// Whether an essential record waits for a segment.
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: u64 = 16 * 1024;

    #[test]
    fn ordinary_records_leave_a_quarter_for_essential_ones() {
        let mut room = Room::new(CAPACITY, CAPACITY, 0);
        room.set_disk(false, true);
        room.take(CAPACITY / 2);
        assert_eq!(room.admit(CAPACITY / 4, Admission::Ordinary), Ok(()));
        assert_eq!(
            room.admit(CAPACITY / 4 + 8, Admission::Ordinary),
            Err(Shortage::Full)
        );
        assert_eq!(room.admit(CAPACITY / 4 + 8, Admission::Essential), Ok(()));
    }

    #[test]
    fn essential_records_never_use_the_room_for_marks() {
        let mut room = Room::new(CAPACITY, CAPACITY, 0);
        assert_eq!(room.admit(CAPACITY - TAIL, Admission::Essential), Ok(()));
        assert!(
            room.admit(CAPACITY - TAIL + 8, Admission::Essential)
                .is_err()
        );
    }

    #[test]
    fn the_largest_record_is_always_taken_once_a_segment_is_ready() {
        let largest = Room::max_framed(CAPACITY);
        for left in (0..=CAPACITY).step_by(8) {
            let mut room = Room::new(CAPACITY, left, 1);
            assert_eq!(room.admit(largest, Admission::Ordinary), Ok(()), "{left}");
        }
    }

    #[test]
    fn publishers_wait_when_half_is_used_and_nothing_prepared() {
        let mut room = Room::new(CAPACITY, CAPACITY, 0);
        room.take(CAPACITY / 2);
        assert!(!room.pauses());
        room.take(8);
        assert!(room.pauses() && !room.is_full());
        room.set_disk(false, true);
        assert!(room.pauses() && room.is_full());
        room.add_ready();
        assert!(!room.pauses());
    }

    #[test]
    fn below_the_watermark_only_essential_records_go_in() {
        let mut room = Room::new(CAPACITY, CAPACITY, 1);
        room.set_disk(true, false);
        assert!(room.is_full());
        assert_eq!(room.admit(8, Admission::Ordinary), Err(Shortage::Full));
        assert_eq!(room.admit(8, Admission::Essential), Ok(()));
    }

    #[test]
    fn a_refused_record_keeps_publishers_away_until_a_segment_is_ready() {
        let mut room = Room::new(CAPACITY, CAPACITY, 0);
        room.take(CAPACITY / 4);
        let largest = Room::max_framed(CAPACITY);
        let refused = room.admit(largest, Admission::Ordinary);
        assert_eq!(refused, Err(Shortage::NotYet), "the disk may have room");
        assert!(room.pauses() && !room.is_full() && !room.is_stuck());
        assert!(room.admit(CAPACITY, Admission::Essential).is_err());
        assert!(room.is_stuck());
        room.add_ready();
        assert!(!room.pauses() && !room.is_stuck());
    }
}
