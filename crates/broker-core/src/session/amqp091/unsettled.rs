//! Deliveries a channel's client has not settled yet.

use std::collections::VecDeque;

use crate::call::{QueueId, Sequence};

/// Unsettled deliveries by tag: a ring in the order of delivery, so that settling the oldest, or
/// everything up to a tag, touches nothing else.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    /// Rising tags. Settled entries stay as gaps until they reach the front or gaps prevail.
    ring: VecDeque<Entry>,
    /// Entries that are gaps.
    gaps: usize,
}

/// A delivery and its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delivered {
    pub(super) tag: u64,
    pub(super) queue: QueueId,
    pub(super) sequence: Sequence,
    /// When it was sent, see [`super::overdue`].
    pub(super) since_s: u32,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    delivered: Delivered,
    settled: bool,
}

/// Fewer entries than this are not worth tidying up.
const TIDY_ENTRIES: usize = 64;

impl Unsettled {
    /// Whether everything is settled.
    pub(super) fn is_empty(&self) -> bool {
        // Gaps never reach the front.
        self.ring.is_empty()
    }

    /// Adds a delivery; tags rise.
    pub(super) fn push(&mut self, delivered: Delivered) {
        self.ring.push_back(Entry::unsettled(delivered));
    }

    /// The delivery that has waited longest.
    pub(super) fn oldest(&self) -> Option<Delivered> {
        // Gaps never reach the front.
        self.ring.front().map(|entry| entry.delivered)
    }

    /// All deliveries, that which has waited longest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Delivered> {
        let unsettled = self.ring.iter().filter(|entry| !entry.settled);
        unsettled.map(|entry| entry.delivered)
    }

    /// Takes deliveries back that were taken.
    pub(super) fn put_back(&mut self, taken: impl Iterator<Item = Delivered>) {
        let before = self.ring.len();
        self.ring.extend(taken.map(Entry::unsettled));
        if self.ring.len() > before {
            self.ring.retain(|entry| !entry.settled);
            self.gaps = 0;
            let by_tag = |entry: &Entry| entry.delivered.tag;
            self.ring.make_contiguous().sort_unstable_by_key(by_tag);
        }
    }

    /// Takes the delivery with this tag, if it is unsettled.
    pub(super) fn take(&mut self, tag: u64) -> Option<Delivered> {
        let index = self.find(tag)?;
        let entry = &mut self.ring[index];
        entry.settled = true;
        let taken = entry.delivered;
        self.gaps += 1;
        self.tidy();
        Some(taken)
    }

    /// Takes the delivery with this tag and all before it. False when the tag itself is not
    /// unsettled; then nothing was taken.
    pub(super) fn take_through(&mut self, tag: u64, each: impl FnMut(Delivered)) -> bool {
        let Some(index) = self.find(tag) else {
            return false;
        };
        self.take_front(index + 1, each);
        true
    }

    /// Takes all.
    pub(super) fn take_all(&mut self, each: impl FnMut(Delivered)) {
        self.take_front(self.ring.len(), each);
        self.ring = VecDeque::new();
    }

    fn take_front(&mut self, count: usize, mut each: impl FnMut(Delivered)) {
        for entry in self.ring.drain(..count) {
            if entry.settled {
                self.gaps -= 1;
            } else {
                each(entry.delivered);
            }
        }
        self.tidy();
    }

    /// Index of an unsettled entry. Without gaps taken out of the middle its place follows from
    /// its tag; else it is searched for.
    fn find(&self, tag: u64) -> Option<usize> {
        let first = self.ring.front()?.delivered.tag;
        let guess = usize::try_from(tag.checked_sub(first)?).ok()?;
        let index = match self.ring.get(guess) {
            Some(entry) if entry.delivered.tag == tag => guess,
            _ => self
                .ring
                .binary_search_by_key(&tag, |entry| entry.delivered.tag)
                .ok()?,
        };
        (!self.ring[index].settled).then_some(index)
    }

    /// Drops gaps: at the front always, elsewhere when they outnumber the rest. A client that
    /// leaves one delivery open for ever therefore costs no memory for those it settles.
    fn tidy(&mut self) {
        while self.ring.front().is_some_and(|entry| entry.settled) {
            self.ring.pop_front();
            self.gaps -= 1;
        }
        if self.ring.len() >= TIDY_ENTRIES && self.gaps > self.ring.len() / 2 {
            self.ring.retain(|entry| !entry.settled);
            self.gaps = 0;
        }
    }
}

impl Entry {
    fn unsettled(delivered: Delivered) -> Self {
        Self {
            delivered,
            settled: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(tag: u64, sequence: u64) -> Delivered {
        Delivered {
            tag,
            queue: QueueId(1),
            sequence: Sequence(sequence),
            since_s: 0,
        }
    }

    fn filled(count: u64) -> Unsettled {
        let mut unsettled = Unsettled::default();
        for tag in 1..=count {
            unsettled.push(delivered(tag, tag * 10));
        }
        unsettled
    }

    #[test]
    fn each_tag_is_taken_once() {
        let mut unsettled = filled(5);
        assert!(!unsettled.is_empty());
        assert_eq!(unsettled.take(3), Some(delivered(3, 30)));
        for gone in [0, 3, 6, u64::MAX] {
            assert_eq!(unsettled.take(gone), None);
        }
        let mut taken = Vec::new();
        assert!(!unsettled.take_through(3, |_| panic!("3 is settled")));
        assert!(unsettled.take_through(4, |it| taken.push(it.sequence.0)));
        unsettled.take_all(|it| taken.push(it.sequence.0));
        assert_eq!(taken, [10, 20, 40, 50]);
        assert_eq!(unsettled.gaps, 0);
        assert!(unsettled.is_empty());
    }

    #[test]
    fn gaps_behind_an_open_delivery_do_not_pile_up() {
        let mut unsettled = filled(1);
        for tag in 2..10_000 {
            unsettled.push(delivered(tag, tag));
            assert!(unsettled.take(tag).is_some());
            assert!(unsettled.ring.len() <= TIDY_ENTRIES);
        }
        assert!(unsettled.take(1).is_some());
        assert!(unsettled.ring.is_empty());
    }

    #[test]
    fn tags_are_found_among_others_that_never_needed_settling() {
        let mut unsettled = Unsettled::default();
        for tag in (1..2_000).step_by(3) {
            unsettled.push(delivered(tag, tag));
        }
        assert_eq!(unsettled.take(2), None);
        assert_eq!(unsettled.take(1_000), Some(delivered(1_000, 1_000)));
        let mut count = 0;
        assert!(unsettled.take_through(1_999, |_| count += 1));
        assert_eq!(count, 666);
    }

    #[test]
    fn what_is_put_back_has_its_place_again() {
        let mut unsettled = filled(100);
        let mut taken = Vec::new();
        assert!(unsettled.take_through(10, |it| taken.push(it)));
        for tag in (20..=100).step_by(2) {
            taken.extend(unsettled.take(tag));
        }
        unsettled.put_back(taken.into_iter().rev());
        let mut all = Vec::new();
        unsettled.take_all(|it| all.push(it.tag));
        assert_eq!(all, (1..=100).collect::<Vec<_>>());
        assert_eq!(unsettled.gaps, 0);
        unsettled.put_back(std::iter::empty());
        assert!(unsettled.is_empty());
    }
}
