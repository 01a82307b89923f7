//! The segments of a journal: those that hold records, in order, and those prepared to follow.

use std::collections::VecDeque;
use std::sync::Arc;

use super::cipher::{DataKey, Opening};
use super::disk::Disk;
use super::error::{Fault, IoContext};
use super::keys::Keys;
use super::read::Readable;
use super::segment::{
    DATA_START, NAME_PREFIX, Segment, SegmentHeader, SegmentState, TEMPORARY_NAME,
};
use super::{Epoch, Lsn, StoreId};

/// Freed segments kept for reuse; more are removed. One more than a checkpoint lets go: a journal
/// whose messages leave as fast as they come then uses the same files again and again, the blocks of
/// which have been written before.
const READY_MAX: usize = 5;
/// The same while the disk is below its watermark. One of them may be promised to records already.
const READY_MAX_LOW: usize = 2;

#[derive(Debug)]
pub(super) struct Chain {
    disk: Arc<dyn Disk>,
    store: StoreId,
    /// Bytes for records in a new segment.
    capacity: u64,
    /// As in [`Segments`], and so are the next three.
    older: VecDeque<Segment>,
    current: Segment,
    ready: VecDeque<Segment>,
    idle: Vec<Segment>,
    next_number: u64,
    next_sequence: u64,
    encryption: Encryption,
}

/// How new segments are encrypted.
#[derive(Debug, Clone)]
pub(super) struct Encryption {
    /// Without keys they are not.
    keys: Option<Arc<Keys>>,
    opening: Opening,
}

/// What a new life of a file begins with.
type NewLife = (SegmentHeader, Option<Arc<DataKey>>);

/// The files of a journal.
pub(super) struct Segments {
    /// Begun and no longer written to, oldest first.
    pub(super) older: VecDeque<Segment>,
    /// The one written to.
    pub(super) current: Segment,
    /// Prepared, in the order they will be begun.
    pub(super) ready: VecDeque<Segment>,
    /// Of no use any more, to be removed.
    pub(super) idle: Vec<Segment>,
}

/// What became of a freed segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freed {
    Removed,
    /// It is prepared to be begun again.
    Reused,
}

impl Chain {
    /// A chain of what was found; its segments follow each other in sequence.
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        store: StoreId,
        capacity: u64,
        segments: Segments,
        encryption: Encryption,
    ) -> Self {
        let Segments {
            older,
            current,
            ready,
            idle,
        } = segments;
        let all = older.iter().chain([&current]).chain(&ready).chain(&idle);
        let next_number = free_number(all);
        let next_sequence = ready.back().unwrap_or(&current).sequence() + 1;
        Self {
            disk,
            store,
            capacity,
            older,
            current,
            ready,
            idle,
            next_number,
            next_sequence,
            encryption,
        }
    }

    /// Makes the first segment of a new journal, begun at `base`. Its file gets that `number`.
    pub(super) fn create_first(
        disk: &dyn Disk,
        number: u64,
        store: StoreId,
        capacity: u64,
        (base, epoch): (Lsn, Epoch),
        encryption: &Encryption,
    ) -> Result<Segment, Fault> {
        let state = SegmentState::Begun {
            sequence: 1,
            base,
            epoch,
        };
        let life = encryption.new_life(disk, store, capacity, state)?;
        create(disk, number, life)
    }

    /// Whether new segments are encrypted.
    pub(super) fn encrypts(&self) -> bool {
        self.encryption.keys.is_some()
    }

    pub(super) fn opening(&self) -> Opening {
        self.encryption.opening
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    pub(super) fn current(&mut self) -> &mut Segment {
        &mut self.current
    }

    pub(super) fn store(&self) -> StoreId {
        self.store
    }

    /// The segment that will be begun next, if it is prepared.
    pub(super) fn next(&mut self) -> Option<&mut Segment> {
        self.ready.front_mut()
    }

    pub(super) fn ready_len(&self) -> usize {
        self.ready.len()
    }

    /// The begun segments, oldest first.
    pub(super) fn begun(&self) -> VecDeque<Arc<Readable>> {
        self.older
            .iter()
            .chain([&self.current])
            .map(Readable::new)
            .collect()
    }

    /// Base of the segment that holds `lsn`: everything before it may go if nothing below `lsn` is
    /// needed.
    pub(super) fn front_for(&self, lsn: Lsn) -> Lsn {
        if self.older.is_empty() || self.current.base() <= lsn {
            return self.current.base();
        }
        let after = self.older.partition_point(|segment| segment.base() <= lsn);
        self.older[after.saturating_sub(1)].base()
    }

    /// Position of the oldest record.
    pub(super) fn first(&self) -> Lsn {
        self.older.front().unwrap_or(&self.current).base()
    }

    /// The name of the oldest segment with records.
    pub(super) fn oldest(&self) -> &str {
        &self.older.front().unwrap_or(&self.current).name
    }

    /// Begins the next prepared segment at `base`; one that is not to be `encrypted` gives up its key.
    /// Its header is written but not synced: that
    /// happens with its first batch. If a crash drops the header, it drops nothing that was
    /// confirmed.
    pub(super) fn begin_next(
        &mut self,
        base: Lsn,
        epoch: Epoch,
        encrypted: bool,
    ) -> Result<(), Fault> {
        let Some(mut next) = self.ready.pop_front() else {
            let missing = std::io::Error::other("no segment is prepared");
            return Err(missing).during("begin a segment after", &self.current.name);
        };
        let state = SegmentState::Begun {
            sequence: next.sequence(),
            base,
            epoch,
        };
        let mut header = SegmentHeader {
            state,
            ..next.header.clone()
        };
        if !encrypted {
            header.key = None;
            next.key = None;
        }
        next.write_header(header)?;
        self.older
            .push_back(std::mem::replace(&mut self.current, next));
        Ok(())
    }

    /// Has the current segment, in which there is nothing yet, be `encrypted` or not from now on.
    pub(super) fn convert_current(&mut self, encrypted: bool) -> Result<(), Fault> {
        let header = &self.current.header;
        let (store, capacity, state) = (header.store, header.capacity, header.state);
        let encryption = match encrypted {
            true => &self.encryption,
            false => &Encryption {
                keys: None,
                opening: self.encryption.opening,
            },
        };
        let life = encryption.new_life(&*self.disk, store, capacity, state)?;
        self.current.begin_life(life)?;
        self.current.sync()
    }

    /// Prepares one more segment; false when the disk has no room for it.
    pub(super) fn prepare(&mut self) -> Result<bool, Fault> {
        let life = self.ready_life()?;
        match create(&*self.disk, self.next_number, life) {
            Ok(segment) => {
                self.next_number += 1;
                self.next_sequence += 1;
                self.ready.push_back(segment);
                Ok(true)
            }
            Err(fault) if fault.is_no_space() => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Frees the oldest segment if it lies wholly below `front`, which a durable mark must have
    /// stated: a segment that is gone without that is a loss.
    ///
    /// Segments go strictly from the front, each on disk before the next: a crash leaves no hole. A
    /// disk that is `low` gets back what is not needed soon.
    pub(super) fn free_oldest(&mut self, front: Lsn, low: bool) -> Result<Option<Freed>, Fault> {
        let end = self.older.get(1).unwrap_or(&self.current).base();
        if end > front {
            return Ok(None);
        }
        let Some(mut oldest) = self.older.pop_front() else {
            return Ok(None);
        };
        let ready_max = if low { READY_MAX_LOW } else { READY_MAX };
        // What was there before encryption was set up is not left in a file that is used again.
        let fits =
            oldest.header.capacity == self.capacity && (oldest.is_encrypted() || !self.encrypts());
        if self.ready.len() < ready_max && fits {
            oldest.begin_life(self.ready_life()?)?;
            oldest.sync()?;
            self.next_sequence += 1;
            self.ready.push_back(oldest);
            return Ok(Some(Freed::Reused));
        }
        discard(&*self.disk, oldest)?;
        Ok(Some(Freed::Removed))
    }

    /// Gives the last prepared segment back to the disk; no record may be promised to it. Its place
    /// in the sequence is free again: the next one prepared takes it, so that there is no gap.
    pub(super) fn discard_ready(&mut self) -> Result<(), Fault> {
        let Some(last) = self.ready.pop_back() else {
            return Ok(());
        };
        self.next_sequence = last.sequence();
        discard(&*self.disk, last)
    }

    /// Removes the segments found to be of no use.
    pub(super) fn discard_idle(&mut self) -> Result<(), Fault> {
        std::mem::take(&mut self.idle)
            .into_iter()
            .try_for_each(|segment| discard(&*self.disk, segment))
    }

    fn ready_life(&self) -> Result<NewLife, Fault> {
        let state = SegmentState::Ready {
            sequence: self.next_sequence,
        };
        self.encryption
            .new_life(&*self.disk, self.store, self.capacity, state)
    }
}

impl Encryption {
    /// For a journal that was just opened.
    pub(super) fn new(disk: &dyn Disk, keys: Option<&Arc<Keys>>) -> Result<Self, Fault> {
        let mut opening = [0; 8];
        if keys.is_some() {
            opening.copy_from_slice(&unique(disk)?[..8]);
        }
        Ok(Self {
            keys: keys.cloned(),
            opening: Opening(opening),
        })
    }

    fn new_life(
        &self,
        disk: &dyn Disk,
        store: StoreId,
        capacity: u64,
        state: SegmentState,
    ) -> Result<NewLife, Fault> {
        let uid = unique(disk)?;
        let made = self.keys.as_ref().map(|keys| {
            keys.make(disk, &SegmentHeader::context(uid, store))
                .during("make a key for", "a segment")
        });
        let (wrapped, key) = made.transpose()?.unzip();
        let header = SegmentHeader {
            uid,
            store,
            capacity,
            state,
            key: wrapped,
        };
        Ok((header, key.map(Arc::new)))
    }
}

/// Removes a segment that holds nothing of use. It is blanked first: should a crash bring the name
/// back, the file does not claim a place.
pub(super) fn discard(disk: &dyn Disk, mut segment: Segment) -> Result<(), Fault> {
    let blank = SegmentHeader {
        state: SegmentState::Blank,
        ..segment.header.clone()
    };
    segment.write_header(blank)?;
    segment.sync()?;
    disk.remove(&segment.name).during("remove", &segment.name)
}

/// Creates a segment file under a temporary name and gives it its own once the header is durable,
/// so that every file with a segment's name has a header.
fn create(disk: &dyn Disk, number: u64, life: NewLife) -> Result<Segment, Fault> {
    let (header, key) = life;
    let size_bytes = DATA_START + header.capacity;
    let file = disk
        .create(TEMPORARY_NAME, size_bytes)
        .during("create", TEMPORARY_NAME)?;
    let name = format!("{NAME_PREFIX}{number:08}");
    let mut segment = Segment {
        file: file.into(),
        name,
        header: header.clone(),
        key,
        written_to: DATA_START,
    };
    segment.write_header(header)?;
    segment.sync()?;
    disk.rename(TEMPORARY_NAME, &segment.name)
        .during("rename a new segment to", &segment.name)?;
    disk.sync_dir()
        .during("sync the directory of", &segment.name)?;
    Ok(segment)
}

fn unique(disk: &dyn Disk) -> Result<[u8; 16], Fault> {
    disk.unique().during("get randomness for", "a segment")
}

/// A number above those of all these files: a new file must not take the name of one that is there.
pub(super) fn free_number<'s>(segments: impl IntoIterator<Item = &'s Segment>) -> u64 {
    let numbers = segments
        .into_iter()
        .filter_map(|segment| number_of(&segment.name));
    numbers.max().unwrap_or_default() + 1
}

fn number_of(name: &str) -> Option<u64> {
    name.strip_prefix(NAME_PREFIX)?.parse().ok()
}
