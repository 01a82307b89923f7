//! What segment files a directory holds, opened and put in order.

use super::disk::{Disk, FileEntry};
use super::error::{Corrupt, Damage, Fault, IoContext, OpenError};
use super::keys::Keys;
use super::segment::{
    DATA_START, FORMAT, HEADER_LEN, HeaderError, NAME_PREFIX, Segment, SegmentHeader, SegmentState,
};
use super::{Lsn, StoreId};

/// The segment files of one store.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    /// In sequence, without a gap.
    pub(super) begun: Vec<Segment>,
    /// In sequence, following the begun ones.
    pub(super) ready: Vec<Segment>,
    /// Without records and without a place.
    pub(super) idle: Vec<Segment>,
    pub(super) store: Option<StoreId>,
}

impl Inventory {
    /// Opens every segment file among `entries` and checks that they belong together. Prepared ones
    /// are of use if they have this capacity and are `encrypted`, or not.
    pub(super) fn take(
        disk: &dyn Disk,
        entries: &[FileEntry],
        expected: Option<StoreId>,
        (capacity, encrypted): (u64, bool),
    ) -> Result<Self, OpenError> {
        let mut this = Self {
            store: expected,
            ..Self::default()
        };
        for entry in entries
            .iter()
            .filter(|entry| entry.name.starts_with(NAME_PREFIX))
        {
            let segment = open_segment(disk, entry)?;
            this.check_store(&segment.name, segment.header.store)?;
            match segment.header.state {
                SegmentState::Begun { .. } => this.begun.push(segment),
                SegmentState::Blank => this.idle.push(segment),
                SegmentState::Ready { .. } => this.ready.push(segment),
            }
        }
        this.begun.sort_by_key(Segment::sequence);
        this.ready.sort_by_key(Segment::sequence);
        this.check_sequence()?;
        this.drop_unfit(capacity, encrypted);
        Ok(this)
    }

    /// Has the keys of all segments that are to be read or written. A prepared segment whose key is not
    /// to be had is of no use.
    pub(super) fn unlock(&mut self, keys: Option<&Keys>) -> Result<(), OpenError> {
        for segment in &mut self.begun {
            let key = segment.header.unwrap_key(keys);
            segment.key = key.map_err(|reason| OpenError::Key {
                file: segment.name.clone(),
                reason,
            })?;
        }
        let mut ready = std::mem::take(&mut self.ready).into_iter();
        for mut segment in ready.by_ref() {
            let Ok(key) = segment.header.unwrap_key(keys) else {
                self.idle.push(segment);
                break;
            };
            segment.key = key;
            self.ready.push(segment);
        }
        self.idle.extend(ready);
        Ok(())
    }

    /// All files of a journal carry its store's name.
    pub(super) fn check_store(&mut self, file: &str, found: StoreId) -> Result<(), OpenError> {
        let expected = *self.store.get_or_insert(found);
        if expected == found {
            return Ok(());
        }
        Err(OpenError::Foreign {
            file: file.to_owned(),
            expected,
            found,
        })
    }

    fn check_sequence(&self) -> Result<(), OpenError> {
        for pair in self.begun.windows(2) {
            let (before, after) = (&pair[0], &pair[1]);
            if after.sequence() == before.sequence() {
                let place = after.sequence();
                let found = format!("number {place}, which {} is too", before.name);
                return Err(damage(
                    after,
                    mismatch("a place of its own in the sequence", found),
                ));
            }
            if after.sequence() != before.sequence() + 1 {
                let gone = format!(
                    "the segments between {} (number {} of the sequence) and it (number {}) are \
                     missing",
                    before.name,
                    before.sequence(),
                    after.sequence()
                );
                return Err(damage(after, Damage::Missing(gone)));
            }
        }
        match (self.begun.last(), self.ready.first()) {
            (None, Some(ready)) => {
                let gone = "all segments with records before it are missing".to_owned();
                Err(damage(ready, Damage::Missing(gone)))
            }
            _ => Ok(()),
        }
    }

    /// Sets prepared segments aside that cannot follow: of a size no longer wanted, encrypted or not
    /// as is no longer wanted, or behind one that is set aside. They hold nothing.
    fn drop_unfit(&mut self, capacity: u64, encrypted: bool) {
        let mut next = self.begun.last().map_or(0, Segment::sequence) + 1;
        for segment in std::mem::take(&mut self.ready) {
            let fits = segment.header.capacity == capacity && segment.is_encrypted() == encrypted;
            if segment.sequence() == next && fits {
                next += 1;
                self.ready.push(segment);
            } else {
                self.idle.push(segment);
            }
        }
    }
}

/// Whether any segment on the disk is encrypted. What cannot be read is left out.
///
/// # Errors
/// The directory cannot be listed.
pub fn is_encrypted(disk: &dyn Disk) -> Result<bool, Fault> {
    let entries = disk.list().during("list", "the journal directory")?;
    let mut segments = (entries.iter()).filter(|entry| entry.name.starts_with(NAME_PREFIX));
    Ok(segments.any(|entry| open_segment(disk, entry).is_ok_and(|segment| segment.is_encrypted())))
}

fn open_segment(disk: &dyn Disk, entry: &FileEntry) -> Result<Segment, OpenError> {
    let name = &entry.name;
    let file = disk.open(name).during("open", name)?;
    let mut bytes = [0; HEADER_LEN];
    if entry.size_bytes < HEADER_LEN as u64 {
        let found = format!("a file of {} bytes", entry.size_bytes);
        return Err(damage_of(name, 0, mismatch("a segment header", found)));
    }
    file.read_at(0, &mut bytes).during("read", name)?;
    let header = SegmentHeader::decode(&bytes).map_err(|error| {
        let found = match error {
            HeaderError::Checksum => "one with a wrong checksum",
            HeaderError::Contradiction => "one that contradicts itself",
            HeaderError::Magic => "other bytes",
            HeaderError::Newer(found) => {
                return OpenError::Newer {
                    file: name.clone(),
                    found,
                    supported: FORMAT,
                };
            }
        };
        damage_of(name, 0, mismatch("a segment header", found.to_owned()))
    })?;
    let expected = DATA_START.checked_add(header.capacity);
    if expected.is_none_or(|expected| entry.size_bytes < expected) {
        let wanted = format!("room for {} bytes of records", header.capacity);
        let found = format!("a file of {} bytes", entry.size_bytes);
        return Err(damage_of(name, entry.size_bytes, mismatch(&wanted, found)));
    }
    Ok(Segment {
        file: file.into(),
        name: name.clone(),
        header,
        key: None,
        written_to: DATA_START,
    })
}

/// Damage to a segment as a whole.
pub(super) fn damage(segment: &Segment, damage: Damage) -> OpenError {
    let lsn = Some(segment.base()).filter(|base| *base != Lsn(0));
    Corrupt {
        file: segment.name.clone(),
        offset: 0,
        lsn,
        damage,
    }
    .into()
}

pub(super) fn mismatch(expected: &str, found: String) -> Damage {
    Damage::Mismatch {
        expected: expected.to_owned(),
        found,
    }
}

fn damage_of(file: &str, offset: u64, damage: Damage) -> OpenError {
    Corrupt {
        file: file.to_owned(),
        offset,
        lsn: None,
        damage,
    }
    .into()
}
