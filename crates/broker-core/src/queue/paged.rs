//! The messages of a queue that are in the journal alone: sixteen bytes each in memory.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use crate::account::Account;
use crate::call::Sequence;
use crate::journal::Lsn;
use crate::number_hash::NumberHasher;

/// A message that is in the journal alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stub {
    pub(crate) sequence: Sequence,
    /// Where its record begins.
    pub(crate) record: Lsn,
    /// Bytes it will weigh in memory.
    pub(crate) size_bytes: u32,
    /// It was, or may have been, handed out before.
    pub(crate) redelivered: bool,
    /// How often it came back since the broker was opened, in a queue that counts that.
    pub(crate) returns: u32,
    /// It may expire.
    pub(crate) timed: bool,
}

/// Stubs by sequence. Each keeps its record in the journal until it is taken out.
#[derive(Debug)]
pub(super) struct Paged {
    account: &'static Account,
    chunks: VecDeque<Chunk>,
    len: usize,
    /// How often those came back that did.
    returns: HashMap<Sequence, u32, BuildHasherDefault<NumberHasher>>,
}

/// A run of stubs, never empty.
#[derive(Debug)]
struct Chunk {
    /// What the sequences in it are counted from.
    base: u64,
    stubs: VecDeque<Packed>,
}

#[derive(Debug, Clone, Copy)]
struct Packed {
    /// Records lie at multiples of 8: the lowest bits are flags.
    record: u64,
    sequence: i32,
    size_bytes: u32,
}

/// Stubs of one chunk: large enough to allocate seldom, and small enough that a short backlog takes
/// little.
const CHUNK_LEN: usize = 512;

const REDELIVERED: u64 = 1;
const TIMED: u64 = 2;
const FLAGS: u64 = REDELIVERED | TIMED;

impl Paged {
    pub(super) fn new(account: &'static Account) -> Self {
        Self {
            account,
            chunks: VecDeque::new(),
            len: 0,
            returns: HashMap::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sequence of the first stub.
    pub(super) fn first(&self) -> Option<Sequence> {
        let chunk = self.chunks.front()?;
        chunk.stubs.front().map(|packed| chunk.sequence(packed))
    }

    /// Whether the first message may expire.
    pub(super) fn first_is_timed(&self) -> bool {
        let first = self.chunks.front().and_then(|chunk| chunk.stubs.front());
        first.is_some_and(|packed| packed.record & TIMED != 0)
    }

    /// Sequence of the last stub.
    pub(super) fn last(&self) -> Option<Sequence> {
        let chunk = self.chunks.back()?;
        chunk.stubs.back().map(|packed| chunk.sequence(packed))
    }

    /// Adds a stub behind all others.
    pub(super) fn push_back(&mut self, stub: Stub) {
        self.entered(stub);
        self.place_last(stub);
    }

    /// Adds many, in order.
    pub(super) fn extend(&mut self, stubs: impl Iterator<Item = Stub>) {
        let account = self.account;
        account.enter_records(stubs.map(|stub| {
            debug_assert!(self.last() < Some(stub.sequence));
            debug_assert_eq!(stub.returns, 0, "a restart forgets them");
            self.len += 1;
            self.place_last(stub);
            (stub.record, stub.size_bytes)
        }));
    }

    fn place_last(&mut self, stub: Stub) {
        if let Some(chunk) = self.chunks.back_mut()
            && let Some(packed) = chunk.pack(stub)
        {
            return chunk.stubs.push_back(packed);
        }
        self.chunks.push_back(Chunk::of(stub));
    }

    /// Adds a stub before all others.
    pub(super) fn push_front(&mut self, stub: Stub) {
        self.entered(stub);
        if let Some(chunk) = self.chunks.front_mut()
            && let Some(packed) = chunk.pack(stub)
        {
            return chunk.stubs.push_front(packed);
        }
        self.chunks.push_front(Chunk::of(stub));
    }

    /// Adds a stub at its place.
    pub(super) fn insert(&mut self, stub: Stub) {
        let begun = |chunk: &Chunk| chunk.begins_before(stub.sequence);
        let after = self.chunks.partition_point(begun);
        let Some(mut index) = after.checked_sub(1) else {
            return self.push_front(stub);
        };
        self.entered(stub);
        if self.chunks[index].stubs.len() == CHUNK_LEN {
            let chunk = &mut self.chunks[index];
            let (base, stubs) = (chunk.base, chunk.stubs.split_off(CHUNK_LEN / 2));
            let second = Chunk { base, stubs };
            index += usize::from(second.begins_before(stub.sequence));
            self.chunks.insert(after, second);
        }
        let chunk = &mut self.chunks[index];
        match chunk.pack(stub) {
            Some(packed) => {
                let behind = |it: &Packed| it.sequence < packed.sequence;
                let place = chunk.stubs.partition_point(behind);
                chunk.stubs.insert(place, packed);
            }
            // Behind all of the chunk, or it would not be too far away.
            None => self.chunks.insert(index + 1, Chunk::of(stub)),
        }
    }

    /// Takes out the first stub. Whoever needs its record has seen to that it stays.
    pub(super) fn pop_front(&mut self) -> Option<Stub> {
        let chunk = self.chunks.front_mut()?;
        let packed = chunk.stubs.pop_front()?;
        let mut stub = chunk.unpack(packed);
        if !self.returns.is_empty() {
            stub.returns = self.returns.remove(&stub.sequence).unwrap_or_default();
        }
        if chunk.stubs.is_empty() {
            self.chunks.pop_front();
        }
        self.len -= 1;
        self.account.leave_record(stub.record, stub.size_bytes);
        Some(stub)
    }

    /// All stubs in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Stub> {
        let stubs = self
            .chunks
            .iter()
            .flat_map(|chunk| chunk.stubs.iter().map(|packed| chunk.unpack(*packed)));
        stubs.map(|stub| Stub {
            returns: self
                .returns
                .get(&stub.sequence)
                .copied()
                .unwrap_or_default(),
            ..stub
        })
    }

    pub(super) fn contains(&self, sequence: Sequence) -> bool {
        self.find(sequence).is_some()
    }

    /// The message's record is at another place now. False if there is no such stub.
    pub(super) fn moved(&mut self, sequence: Sequence, record: Lsn) -> bool {
        let Some((chunk, place)) = self.find(sequence) else {
            return false;
        };
        let packed = &mut self.chunks[chunk].stubs[place];
        let flags = packed.record & FLAGS;
        let (old, size_bytes) = (Lsn(packed.record & !FLAGS), packed.size_bytes);
        packed.record = record.0 | flags;
        self.account.enter_record(record, size_bytes);
        self.account.leave_record(old, size_bytes);
        true
    }

    fn find(&self, sequence: Sequence) -> Option<(usize, usize)> {
        let begun = |chunk: &Chunk| chunk.begins_before(sequence);
        let after = self.chunks.partition_point(begun);
        let index = after.checked_sub(1)?;
        let chunk = &self.chunks[index];
        let place = chunk
            .stubs
            .binary_search_by_key(&sequence, |packed| chunk.sequence(packed));
        place.ok().map(|place| (index, place))
    }

    fn entered(&mut self, stub: Stub) {
        self.len += 1;
        self.account.enter_record(stub.record, stub.size_bytes);
        if stub.returns > 0 {
            self.returns.insert(stub.sequence, stub.returns);
        }
    }
}

impl Drop for Paged {
    fn drop(&mut self) {
        while self.pop_front().is_some() {}
    }
}

impl Chunk {
    fn of(stub: Stub) -> Self {
        let mut chunk = Self {
            base: stub.sequence.0,
            stubs: VecDeque::with_capacity(CHUNK_LEN),
        };
        chunk.stubs.extend(chunk.pack(stub));
        chunk
    }

    fn begins_before(&self, sequence: Sequence) -> bool {
        let first = self.stubs.front();
        first.is_some_and(|packed| self.sequence(packed) <= sequence)
    }

    /// The stub as this chunk keeps it, unless the chunk is full or too far away.
    fn pack(&self, stub: Stub) -> Option<Packed> {
        if self.stubs.len() == CHUNK_LEN {
            return None;
        }
        let distance = stub.sequence.0.wrapping_sub(self.base).cast_signed();
        Some(Packed {
            record: stub.record.0 | u64::from(stub.redelivered) | u64::from(stub.timed) << 1,
            sequence: i32::try_from(distance).ok()?,
            size_bytes: stub.size_bytes,
        })
    }

    fn unpack(&self, packed: Packed) -> Stub {
        Stub {
            sequence: self.sequence(&packed),
            record: Lsn(packed.record & !FLAGS),
            size_bytes: packed.size_bytes,
            redelivered: packed.record & REDELIVERED != 0,
            // Few have come back: known beside the chunks.
            returns: 0,
            timed: packed.record & TIMED != 0,
        }
    }

    fn sequence(&self, packed: &Packed) -> Sequence {
        Sequence(self.base.wrapping_add_signed(packed.sequence.into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stub(sequence: u64) -> Stub {
        Stub {
            sequence: Sequence(sequence),
            record: Lsn(4096 + sequence * 8),
            size_bytes: 100,
            redelivered: sequence.is_multiple_of(3),
            returns: 0,
            timed: sequence.is_multiple_of(4),
        }
    }

    fn account() -> &'static Account {
        Account::new(u64::MAX, 1 << 20)
    }

    #[test]
    fn sixteen_bytes_are_kept_of_a_message() {
        assert_eq!(size_of::<Packed>(), 16);
    }

    #[test]
    fn stubs_come_out_as_they_went_in() {
        let mut paged = Paged::new(account());
        let far = u64::from(u32::MAX) * 5;
        let sequences: Vec<u64> = (0..2000).chain([far, far + 1]).collect();
        sequences
            .iter()
            .for_each(|sequence| paged.push_back(stub(*sequence)));
        assert_eq!((paged.len(), paged.last()), (2002, Some(Sequence(far + 1))));
        assert!(paged.contains(Sequence(1234)) && !paged.contains(Sequence(2000)));
        let out: Vec<_> = std::iter::from_fn(|| paged.pop_front()).collect();
        assert_eq!(out, sequences.into_iter().map(stub).collect::<Vec<_>>());
        assert!(paged.is_empty() && paged.chunks.is_empty());
    }

    #[test]
    fn stubs_put_before_the_others_come_first() {
        let mut paged = Paged::new(account());
        (1000..1600).for_each(|sequence| paged.push_back(stub(sequence)));
        (0..1000)
            .rev()
            .for_each(|sequence| paged.push_front(stub(sequence)));
        assert_eq!(paged.first(), Some(Sequence(0)));
        assert!(paged.iter().eq((0..1600).map(stub)));
    }

    #[test]
    fn how_often_a_message_came_back_is_known_until_it_is_taken_out() {
        let mut paged = Paged::new(account());
        let returned = |sequence, returns| Stub {
            returns,
            ..stub(sequence)
        };
        paged.push_back(stub(5));
        paged.push_back(returned(9, 3));
        paged.push_front(returned(1, 2));
        paged.insert(returned(7, 1));
        let all = [returned(1, 2), stub(5), returned(7, 1), returned(9, 3)];
        assert!(paged.iter().eq(all));
        assert!(std::iter::from_fn(|| paged.pop_front()).eq(all));
        assert!(paged.returns.is_empty());
    }

    #[test]
    fn what_is_paged_keeps_its_record_until_it_is_taken_out() {
        let account = account();
        let mut paged = Paged::new(account);
        let at = |mib: u64| Stub {
            record: Lsn(mib << 20),
            ..stub(mib)
        };
        [1, 2, 3]
            .into_iter()
            .for_each(|mib| paged.push_back(at(mib)));
        assert_eq!(account.oldest(), Some(Lsn(1 << 20)));
        assert_eq!(account.bytes(), 0, "it takes no message's memory");
        assert!(paged.moved(Sequence(1), Lsn(9 << 20)));
        assert!(!paged.moved(Sequence(7), Lsn(9 << 20)));
        assert_eq!(account.oldest(), Some(Lsn(2 << 20)));
        assert_eq!(
            paged.pop_front().map(|stub| stub.record),
            Some(Lsn(9 << 20))
        );
        drop(paged);
        assert_eq!(account.oldest(), None);
    }

    proptest! {
        #[test]
        fn it_is_a_queue_of_stubs(ops in prop::collection::vec((0..3u8, 1..40u64), 0..200)) {
            let mut paged = Paged::new(account());
            let mut model = VecDeque::new();
            let (mut first, mut next) = (1u64 << 40, 1u64 << 40);
            for (op, count) in ops {
                for _ in 0..count {
                    match op {
                        0 => {
                            paged.push_back(stub(next));
                            model.push_back(stub(next));
                            next += 1 + count % 3;
                        }
                        1 => {
                            first -= 1 + count % 3;
                            paged.push_front(stub(first));
                            model.push_front(stub(first));
                        }
                        _ => prop_assert_eq!(paged.pop_front(), model.pop_front()),
                    }
                }
                prop_assert_eq!(paged.len(), model.len());
            }
            prop_assert!(paged.iter().eq(model.iter().copied()));
            prop_assert!(model.iter().all(|stub| paged.contains(stub.sequence)));
        }
    }
}
