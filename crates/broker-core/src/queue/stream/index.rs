//! Where a stream's messages are in the journal: a few bytes for each, fewer where messages are alike.
//!
//! Messages of one stream mostly follow each other in the journal at steps that repeat. Blocks of them
//! are kept as runs of equal steps and sizes, one behind the other in a few varints; what is looked for
//! is found by its block and by going through that.

use std::collections::VecDeque;

use crate::call::Sequence;
use crate::journal::Lsn;
use crate::queue::Stub;

/// Where messages are, by offset. Offsets rise; one may be missing where the journal has lost it.
#[derive(Debug, Default)]
pub(crate) struct Index {
    blocks: VecDeque<Block>,
    len: u64,
    bytes: u64,
}

/// Messages with offsets that follow each other, never none.
#[derive(Debug)]
struct Block {
    /// Offset of the first message written down.
    base: u64,
    /// Where its record begins.
    record: u64,
    /// So many of them have been taken out.
    taken: u32,
    /// So many were written down.
    len: u32,
    /// Where the last record begins,
    last_record: u64,
    /// and the one nearest to the journal's front.
    lowest: u64,
    /// Not in `runs` yet.
    last: Run,
    runs: Vec<u8>,
}

/// Messages of one size, each as far behind the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    /// In units of [`STEP`]; negative where the journal has moved messages forward.
    step: i64,
    size_bytes: u32,
    count: u32,
}

/// Messages of one block.
const BLOCK_LEN: u32 = 512;

/// Positions are multiples of it.
const STEP: u64 = 8;

impl Index {
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of all messages.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Offset of the first message.
    pub(crate) fn first(&self) -> Option<u64> {
        self.blocks.front().map(Block::first)
    }

    /// Behind the offset of the last message.
    pub(crate) fn end(&self) -> Option<u64> {
        self.blocks.back().map(Block::end)
    }

    /// Adds a message behind all others.
    pub(crate) fn push(&mut self, stub: Stub) {
        debug_assert!(self.end().is_none_or(|end| end <= stub.sequence.0));
        self.len += 1;
        self.bytes += u64::from(stub.size_bytes);
        match self.blocks.back_mut() {
            Some(block) if block.takes(stub.sequence.0) => block.push(stub),
            last => {
                if let Some(full) = last {
                    full.runs.shrink_to_fit();
                }
                self.blocks.push_back(Block::of(stub));
            }
        }
    }

    /// Takes out the first message.
    pub(crate) fn pop_first(&mut self) -> Option<Stub> {
        let block = self.blocks.front_mut()?;
        let first = block.iter().next()?;
        block.taken += 1;
        if block.taken == block.len {
            self.blocks.pop_front();
        }
        self.len -= 1;
        self.bytes -= u64::from(first.size_bytes);
        Some(first)
    }

    /// All messages in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Stub> {
        self.blocks.iter().flat_map(Block::iter)
    }

    /// Those from that offset on.
    pub(crate) fn from(&self, offset: u64) -> impl Iterator<Item = Stub> {
        let block = self.blocks.partition_point(|block| block.end() <= offset);
        let rest = self.blocks.range(block..).flat_map(Block::iter);
        rest.skip_while(move |stub| stub.sequence.0 < offset)
    }

    /// Those whose records begin below that position.
    pub(crate) fn below(&self, record: Lsn) -> impl Iterator<Item = Stub> {
        let old = self.blocks.iter().filter(move |it| it.lowest < record.0);
        old.flat_map(Block::iter)
            .filter(move |stub| stub.record < record)
    }

    /// The message's record is at another place now; answers with what it was, none if the message is
    /// not here.
    pub(crate) fn moved(&mut self, offset: u64, record: Lsn) -> Option<Stub> {
        let index = self.blocks.partition_point(|block| block.end() <= offset);
        let block = self.blocks.get_mut(index)?;
        let old = block.iter().find(|stub| stub.sequence.0 == offset)?;
        let all: Vec<_> = block.iter().collect();
        let mut stubs = all.into_iter().map(|stub| match stub.sequence.0 == offset {
            true => Stub { record, ..stub },
            false => stub,
        });
        let mut rewritten = Block::of(stubs.next()?);
        stubs.for_each(|stub| rewritten.push(stub));
        rewritten.runs.shrink_to_fit();
        *block = rewritten;
        Some(old)
    }

    #[cfg(test)]
    fn weight_bytes(&self) -> usize {
        let blocks = self.blocks.iter();
        let bytes = |block: &Block| size_of::<Block>() + block.runs.capacity();
        blocks.map(bytes).sum()
    }
}

impl Block {
    fn of(stub: Stub) -> Self {
        let run = Run {
            step: 0,
            size_bytes: stub.size_bytes,
            count: 1,
        };
        Self {
            base: stub.sequence.0,
            record: stub.record.0,
            taken: 0,
            len: 1,
            last_record: stub.record.0,
            lowest: stub.record.0,
            last: run,
            runs: Vec::new(),
        }
    }

    fn first(&self) -> u64 {
        self.base + u64::from(self.taken)
    }

    fn end(&self) -> u64 {
        self.base + u64::from(self.len)
    }

    fn takes(&self, offset: u64) -> bool {
        self.len < BLOCK_LEN && self.end() == offset
    }

    fn push(&mut self, stub: Stub) {
        let step = stub.record.0.wrapping_sub(self.last_record).cast_signed() / STEP as i64;
        let last = &mut self.last;
        if (last.step, last.size_bytes) == (step, stub.size_bytes) {
            last.count += 1;
        } else {
            last.write(&mut self.runs);
            *last = Run {
                step,
                size_bytes: stub.size_bytes,
                count: 1,
            };
        }
        self.last_record = stub.record.0;
        self.lowest = self.lowest.min(stub.record.0);
        self.len += 1;
    }

    /// The messages that are left.
    fn iter(&self) -> impl Iterator<Item = Stub> {
        let mut rest = &self.runs[..];
        let written = std::iter::from_fn(move || Run::read(&mut rest));
        let all = written.chain([self.last]);
        let mut record = self.record;
        let places = all.flat_map(|run| (0..run.count).map(move |_| run));
        let stubs = (self.base..).zip(places).map(move |(offset, run)| {
            record = record.wrapping_add_signed(run.step * STEP as i64);
            Stub {
                sequence: Sequence(offset),
                record: Lsn(record),
                size_bytes: run.size_bytes,
                redelivered: false,
                returns: 0,
                timed: true,
            }
        });
        stubs.skip(self.taken as usize)
    }
}

impl Run {
    fn write(self, out: &mut Vec<u8>) {
        // The sign goes last, so that small steps either way are short.
        put_varint(out, ((self.step << 1) ^ (self.step >> 63)).cast_unsigned());
        put_varint(out, self.size_bytes.into());
        put_varint(out, self.count.into());
    }

    /// The next of those that were written; none at their end.
    fn read(rest: &mut &[u8]) -> Option<Self> {
        let step = read_varint(rest)?;
        Some(Self {
            step: (step >> 1).cast_signed() ^ -(step & 1).cast_signed(),
            size_bytes: u32::try_from(read_varint(rest)?).ok()?,
            count: u32::try_from(read_varint(rest)?).ok()?,
        })
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stub(offset: u64, record: u64, size_bytes: u32) -> Stub {
        Stub {
            sequence: Sequence(offset),
            record: Lsn(record),
            size_bytes,
            redelivered: false,
            returns: 0,
            timed: true,
        }
    }

    #[test]
    fn messages_alike_take_less_than_a_byte_and_others_a_few() {
        let (mut alike, mut others) = (Index::default(), Index::default());
        let mut record = 4096;
        for offset in 0..100_000 {
            // A batch of 64, the mark behind it, and what other queues got.
            let gap = if offset % 64 == 0 {
                48 + 8 * (offset % 7)
            } else {
                0
            };
            alike.push(stub(offset, 4096 + offset * 1088 + offset / 64 * 48, 1005));
            let size_bytes = 100 + (offset * 7919 % 900) as u32;
            record += gap + 8 * (u64::from(size_bytes) / 8 + 10);
            others.push(stub(offset, record, size_bytes));
        }
        assert!(alike.weight_bytes() < 100_000, "{}", alike.weight_bytes());
        assert!(others.weight_bytes() < 700_000, "{}", others.weight_bytes());
    }

    #[test]
    fn a_missing_offset_is_passed_over() {
        let mut index = Index::default();
        for offset in [3, 4, 9] {
            index.push(stub(offset, 8 * offset, 1));
        }
        let from = |offset| {
            index
                .from(offset)
                .map(|stub| stub.sequence.0)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (from(0), from(4), from(5)),
            (vec![3, 4, 9], vec![4, 9], vec![9])
        );
        assert_eq!((from(10), index.end()), (vec![], Some(10)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Against a plain list: what is pushed, taken out at the front and moved.
        #[test]
        fn it_is_a_list_of_places(
            ops in prop::collection::vec((0..4u8, 1..600u64, any::<u32>()), 0..12),
        ) {
            let (mut index, mut model) = (Index::default(), VecDeque::new());
            let (mut next, mut record) = (7, 1 << 30);
            for (op, count, chance) in ops {
                match op {
                    0 | 1 => for turn in 0..count {
                        // Alike, or not.
                        let size = if op == 0 { 100 } else { chance.rotate_left(turn as u32) % 5000 };
                        record += 8 * (1 + u64::from(size) / 8);
                        index.push(stub(next, record, size));
                        model.push_back(stub(next, record, size));
                        next += 1;
                    },
                    2 => for _ in 0..count {
                        prop_assert_eq!(index.pop_first(), model.pop_front());
                    },
                    _ => for turn in 0..count.min(20) {
                        let offset = u64::from(chance) % (next + 1) + turn;
                        record += 8;
                        let there = model.iter_mut().find(|it: &&mut Stub| it.sequence.0 == offset);
                        let moved = there.map(|it| {
                            let old = *it;
                            it.record = Lsn(record);
                            old
                        });
                        prop_assert_eq!(index.moved(offset, Lsn(record)), moved);
                    },
                }
                prop_assert_eq!(index.len(), model.len() as u64);
                let bytes: u64 = model.iter().map(|it| u64::from(it.size_bytes)).sum();
                prop_assert_eq!(index.bytes(), bytes);
                prop_assert_eq!(index.first(), model.front().map(|it| it.sequence.0));
                prop_assert!(index.iter().eq(model.iter().copied()));
                let offset = u64::from(chance) % (next + 2);
                let behind = model.iter().copied().filter(|it| it.sequence.0 >= offset);
                prop_assert!(index.from(offset).eq(behind));
                let some = Lsn((1 << 30) + u64::from(chance) % (record - (1 << 30) + 8));
                let below = model.iter().copied().filter(|it| it.record < some);
                prop_assert!(index.below(some).eq(below));
            }
        }
    }
}
