//! What a node keeps beside its journal: what it has promised, whether its journal is whole, and who
//! wrote it.
//!
//! Two files hold the same after every [`Kept::save`], written one after the other by way of a
//! temporary file, a sync, a rename and a sync of the directory (rule J5). A crash on the way leaves
//! the older one as it was. Damage to one is survived; damage to both means that nobody knows what
//! was promised, and then a leader has to refill this node (rule F14).
//!
//! The table of epochs is ahead of the journal, never behind: an entry is saved before the first of
//! its records is written, and taken out after they were cut off. What it says of records that are
//! not there is cut off when it is read.
//!
//! ```text
//! files `replica-a` and `replica-b`
//! offset  size  field (little endian)
//!      0     8  magic "FerryRpl"
//!      8     2  format version, 2
//!     10     2  bit 0: in repair; bit 1: the journal is being replaced
//!     12     4  promised epoch
//!     16    16  store id
//!     32     8  generation, rising by one with each file written
//!     40     4  number n of entries
//!     44     8  the group's generation in which the journal was last agreed on; not in version 1
//!     52    12n entries: epoch (4), lsn of its first record (8)
//!      …     4  CRC32C of everything before
//! ```

use std::io::IoSlice;
use std::sync::Arc;

use crc32c::crc32c;

use super::OpenError;
use crate::journal::{self, Disk, Epoch, Fault, Lsn, StoreId};
use crate::replication::epochs::EpochTable;
use crate::replication::protocol::Vow;

/// The two files.
const NAMES: [&str; 2] = ["replica-a", "replica-b"];
const TEMPORARY_NAME: &str = "replica.tmp";
const MAGIC: &[u8; 8] = b"FerryRpl";
const FORMAT: u16 = 2;
const IN_REPAIR: u16 = 1;
const REPLACING: u16 = 2;
const HEAD_LEN: usize = 52;
const HEAD_LEN_1: usize = 44;
const ENTRY_LEN: usize = 12;
const CRC_LEN: usize = 4;

/// What is kept, and on which disk.
#[derive(Debug)]
pub(super) struct Kept {
    disk: Arc<dyn Disk>,
    generation: u64,
    pub(super) content: Content,
}

/// What the files say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) store: StoreId,
    pub(super) vow: Vow,
    /// The journal on the disk is being replaced: it is not to be opened, but begun anew.
    pub(super) replacing: bool,
    /// Who wrote the journal, and perhaps what is about to be written.
    pub(super) epochs: EpochTable,
}

/// What was found.
#[derive(Debug)]
pub(super) enum Found {
    /// There are no such files.
    Nothing,
    /// At least one is whole.
    Whole(Kept),
    /// There are, and none is whole: what is wrong with one.
    Damaged(String),
}

impl Kept {
    /// Content that was not saved yet.
    pub(super) fn new(disk: Arc<dyn Disk>, content: Content) -> Self {
        Self {
            disk,
            generation: 0,
            content,
        }
    }

    /// Reads the files. Of two that differ, the save of the newer one came to an end on the way: both
    /// are to be [saved](Self::save) again.
    pub(super) fn load(disk: &Arc<dyn Disk>) -> Result<Found, OpenError> {
        let entries =
            (disk.list()).map_err(|error| fault("list", "the journal directory", error))?;
        let (mut newest, mut damage) = (None::<(u64, Content)>, None);
        for name in NAMES {
            let Some(entry) = entries.iter().find(|entry| entry.name == name) else {
                continue;
            };
            let file = (disk.open(name)).map_err(|error| fault("open", name, error))?;
            let mut bytes = vec![0; entry.size_bytes.min(1 << 24) as usize];
            (file.read_at(0, &mut bytes)).map_err(|error| fault("read", name, error))?;
            match decode(&bytes) {
                Ok(found) if newest.as_ref().is_none_or(|it| it.0 < found.0) => {
                    newest = Some(found);
                }
                Ok(_) => {}
                Err(Bad::Newer(found)) => {
                    return Err(OpenError::Newer {
                        file: name.to_owned(),
                        found,
                        supported: FORMAT,
                    });
                }
                Err(Bad::Damaged(what)) => damage = Some(format!("{name}: {what}")),
            }
        }
        Ok(match (newest, damage) {
            (Some((generation, content)), damage) => {
                if let Some(damage) = damage {
                    tracing::warn!(damage, "one of two files is damaged, the other is used");
                }
                Found::Whole(Self {
                    disk: Arc::clone(disk),
                    generation,
                    content,
                })
            }
            (None, Some(damage)) => Found::Damaged(damage),
            (None, None) => Found::Nothing,
        })
    }

    /// Makes the content durable.
    ///
    /// # Errors
    /// A disk error is final: either content may be found again.
    pub(super) fn save(&mut self) -> Result<(), Fault> {
        // The file that is replaced first is not the newer of the two.
        for _ in NAMES {
            self.generation += 1;
            let name = NAMES[(self.generation % 2) as usize];
            let bytes = encode(self.generation, &self.content);
            replace(&*self.disk, name, &bytes)?;
        }
        Ok(())
    }

    /// Changes and saves, if it is a change.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Content)) -> Result<(), Fault> {
        let mut content = self.content.clone();
        change(&mut content);
        if content == self.content {
            return Ok(());
        }
        self.content = content;
        self.save()
    }
}

/// Forgets on a disk whose journal is no member's any more that it was one, so that a group can be
/// founded with it.
///
/// # Errors
/// What was not removed is there still, and membership with it.
pub fn forget(disk: &dyn Disk) -> std::io::Result<()> {
    let there = disk.list()?;
    for name in NAMES.iter().chain([&TEMPORARY_NAME]) {
        if there.iter().any(|entry| entry.name == *name) {
            disk.remove(name)?;
        }
    }
    disk.sync_dir()
}

fn replace(disk: &dyn Disk, name: &str, bytes: &[u8]) -> Result<(), Fault> {
    let temporary = TEMPORARY_NAME;
    let file = (disk.create(temporary, bytes.len() as u64))
        .map_err(|error| raw_fault("create", temporary, error))?;
    (file.write_at(0, &mut [IoSlice::new(bytes)]))
        .map_err(|error| raw_fault("write", temporary, error))?;
    (file.sync()).map_err(|error| raw_fault("sync", temporary, error))?;
    (disk.rename(temporary, name)).map_err(|error| raw_fault("rename to", name, error))?;
    (disk.sync_dir()).map_err(|error| raw_fault("sync the directory of", name, error))
}

fn encode(generation: u64, content: &Content) -> Vec<u8> {
    let Content {
        store,
        vow,
        replacing,
        epochs,
    } = content;
    let mut bytes = Vec::with_capacity(HEAD_LEN + ENTRY_LEN * epochs.entries().len() + CRC_LEN);
    let flags = u16::from(vow.in_repair) * IN_REPAIR + u16::from(*replacing) * REPLACING;
    bytes.extend(MAGIC);
    bytes.extend(FORMAT.to_le_bytes());
    bytes.extend(flags.to_le_bytes());
    bytes.extend(vow.promised.0.to_le_bytes());
    bytes.extend(store.0);
    bytes.extend(generation.to_le_bytes());
    bytes.extend((epochs.entries().len() as u32).to_le_bytes());
    bytes.extend(vow.generation.to_le_bytes());
    for (epoch, from) in epochs.entries() {
        bytes.extend(epoch.0.to_le_bytes());
        bytes.extend(from.0.to_le_bytes());
    }
    let crc = crc32c(&bytes);
    bytes.extend(crc.to_le_bytes());
    bytes
}

enum Bad {
    Newer(u16),
    Damaged(&'static str),
}

fn decode(bytes: &[u8]) -> Result<(u64, Content), Bad> {
    let (body, crc) = bytes
        .split_last_chunk::<CRC_LEN>()
        .ok_or(Bad::Damaged("it is too short"))?;
    if body.len() < HEAD_LEN_1 || body[..8] != MAGIC[..] {
        return Err(Bad::Damaged("it begins with other bytes"));
    }
    if crc32c(body) != u32::from_le_bytes(*crc) {
        return Err(Bad::Damaged("its checksum is wrong"));
    }
    let u16_at = |at: usize| u16::from_le_bytes([body[at], body[at + 1]]);
    let u32_at = |at: usize| u32::from(u16_at(at)) | u32::from(u16_at(at + 2)) << 16;
    let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
    if u16_at(8) > FORMAT {
        return Err(Bad::Newer(u16_at(8)));
    }
    let head = match u16_at(8) {
        ..=1 => HEAD_LEN_1,
        _ if body.len() < HEAD_LEN => return Err(Bad::Damaged("it is too short")),
        _ => HEAD_LEN,
    };
    let flags = u16_at(10);
    let mut store = [0; 16];
    store.copy_from_slice(&body[16..32]);
    let entries = body[head..].chunks_exact(ENTRY_LEN);
    if !entries.remainder().is_empty() || entries.len() != u32_at(40) as usize {
        return Err(Bad::Damaged("its table has another length"));
    }
    let entry = |index: usize| head + index * ENTRY_LEN;
    let entries =
        (0..entries.len()).map(|it| (Epoch(u32_at(entry(it))), Lsn(u64_at(entry(it) + 4))));
    let content = Content {
        store: StoreId(store),
        vow: Vow {
            promised: Epoch(u32_at(12)),
            in_repair: flags & IN_REPAIR != 0,
            generation: match head {
                HEAD_LEN => u64_at(HEAD_LEN_1),
                _ => 0,
            },
        },
        replacing: flags & REPLACING != 0,
        epochs: EpochTable::new(entries.collect())
            .ok_or(Bad::Damaged("its table does not rise"))?,
    };
    Ok((u64_at(32), content))
}

fn raw_fault(action: &'static str, file: &str, error: std::io::Error) -> Fault {
    Fault {
        action,
        file: file.to_owned(),
        source: Arc::new(error),
    }
}

fn fault(action: &'static str, file: &str, error: std::io::Error) -> OpenError {
    OpenError::Journal(journal::OpenError::Disk(raw_fault(action, file, error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{SimDisk, Survival, Trouble};

    fn content(promised: u32) -> Content {
        Content {
            store: StoreId([7; 16]),
            vow: Vow {
                promised: Epoch(promised),
                in_repair: promised.is_multiple_of(2),
                generation: 1 << promised,
            },
            replacing: promised.is_multiple_of(3),
            epochs: EpochTable::new(vec![(Epoch(1), Lsn(4096)), (Epoch(promised), Lsn(5000))])
                .unwrap(),
        }
    }

    fn load(disk: &SimDisk) -> Found {
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        Kept::load(&disk).unwrap()
    }

    fn loaded(disk: &SimDisk) -> Content {
        match load(disk) {
            Found::Whole(kept) => kept.content,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_saved_is_found_again_whatever_a_crash_leaves() {
        for operation in 0..40 {
            let disk = SimDisk::new(1);
            let mut kept = Kept::new(Arc::new(disk.clone()), content(2));
            kept.save().unwrap();
            disk.plan(disk.operations() + operation, Trouble::PowerLoss);
            kept.content = content(3);
            let saved = kept.save().is_ok();
            for seed in 0..20 {
                let after = disk.after_power_loss(Survival::Some(seed));
                let found = loaded(&after);
                assert!(found == content(3) || !saved && found == content(2));
            }
        }
    }

    #[test]
    fn damage_to_one_file_is_survived_and_to_both_is_told() {
        let disk = SimDisk::new(1);
        assert!(matches!(load(&disk), Found::Nothing));
        Kept::new(Arc::new(disk.clone()), content(5))
            .save()
            .unwrap();
        for bit in 0..disk.contents()[NAMES[0]].len() * 8 {
            for (one, other) in [(0, 1), (1, 0)] {
                disk.flip(NAMES[one], bit);
                assert_eq!(loaded(&disk), content(5));
                disk.flip(NAMES[other], bit);
                assert!(matches!(load(&disk), Found::Damaged(_)), "bit {bit}");
                disk.flip(NAMES[one], bit);
                disk.flip(NAMES[other], bit);
            }
        }
    }

    #[test]
    fn what_version_1_wrote_is_read() {
        let mut bytes = encode(5, &content(5));
        bytes.truncate(bytes.len() - CRC_LEN);
        bytes.drain(HEAD_LEN_1..HEAD_LEN);
        bytes[8] = 1;
        let crc = crc32c(&bytes);
        bytes.extend(crc.to_le_bytes());
        let disk = SimDisk::new(1);
        disk.install(NAMES[0], &bytes);
        let mut expected = content(5);
        expected.vow.generation = 0;
        assert_eq!(loaded(&disk), expected);
    }

    #[test]
    fn what_is_forgotten_is_not_found_after_a_crash() {
        let disk = SimDisk::new(1);
        Kept::new(Arc::new(disk.clone()), content(5))
            .save()
            .unwrap();
        forget(&disk).unwrap();
        for seed in 0..20 {
            let after = disk.after_power_loss(Survival::Some(seed));
            assert!(matches!(load(&after), Found::Nothing));
        }
        forget(&disk).unwrap();
    }

    #[test]
    fn what_a_later_version_wrote_is_refused_by_name() {
        let disk = SimDisk::new(1);
        Kept::new(Arc::new(disk.clone()), content(5))
            .save()
            .unwrap();
        let mut bytes = disk.contents()[NAMES[0]].clone();
        bytes[8] = 9;
        let at = bytes.len() - CRC_LEN;
        let crc = crc32c(&bytes[..at]);
        bytes[at..].copy_from_slice(&crc.to_le_bytes());
        disk.install(NAMES[0], &bytes);
        let disk: Arc<dyn Disk> = Arc::new(disk);
        let error = Kept::load(&disk).unwrap_err().to_string();
        assert!(error.contains("replica-a has format 9"), "{error}");
    }
}
