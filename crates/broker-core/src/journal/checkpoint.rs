//! Checkpoints: the broker's own summary of what older records amount to, in two files.
//!
//! Both hold the same summary after every [`Checkpoints::write`], written one after the other by
//! way of a temporary file, a sync, a rename and a sync of the directory (rule J5). A crash on the
//! way leaves at least one of them whole, and damage to one is survived. Segments are freed only
//! below what *both* cover.
//!
//! ```text
//! offset  size  field (little endian)
//!      0     8  magic "FerryCkp"
//!      8     2  format version: 1, or 2 if it is encrypted
//!     10     6  zero
//!     16    16  store id
//!     32     8  generation, rising by one with each file written
//!     40     8  covered lsn: the records below are contained
//!     48     8  payload length
//!     56     4  CRC32C of the payload
//!     60     4  CRC32C of bytes 0 to 59
//!     64     …  payload; of an encrypted one the wrapped data key (drawn in `keys`), the ciphertext
//!               and its tag, authenticated with bytes 16 to 47
//! ```

use std::borrow::Cow;
use std::io::{self, IoSlice};
use std::sync::Arc;

use crc32c::crc32c;

use super::disk::{Disk, DiskFile, FileEntry, FromDisk};
use super::error::{Corrupt, Damage, Fault, IoContext, OpenError};
use super::keys::{self, Keys};
use super::record::{u32_at, u64_at};
use super::{Lsn, StoreId};

/// A checkpoint until it is durable.
pub(super) const TEMPORARY_NAME: &str = "checkpoint.tmp";

pub(super) const NAMES: [&str; 2] = ["checkpoint-a", "checkpoint-b"];
const MAGIC: [u8; 8] = *b"FerryCkp";
const FORMAT_PLAIN: u16 = 1;
const FORMAT: u16 = 2;
const HEADER_LEN: usize = 64;
const CRC_AT: usize = HEADER_LEN - 4;

/// The two files and who covers what.
#[derive(Debug)]
pub(super) struct Checkpoints {
    disk: Arc<dyn Disk>,
    keys: Option<Arc<Keys>>,
    /// As in [`NAMES`]; `None` for a file that is not there or damaged.
    slots: [Option<Slot>; 2],
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    generation: u64,
    covered: Lsn,
}

/// A checkpoint read back.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) name: &'static str,
    pub(super) store: StoreId,
    pub(super) covered: Lsn,
    /// As it lies in the file; see [`Self::decrypt`].
    pub(super) payload: Vec<u8>,
    pub(super) generation: u64,
    /// What an encrypted one is authenticated with.
    context: Option<[u8; CONTEXT_LEN]>,
}

/// The word `checkpt.`, and bytes 16 to 47 of the header.
const CONTEXT_LEN: usize = 40;

fn context(header: &[u8]) -> [u8; CONTEXT_LEN] {
    let mut context = *b"checkpt.                                ";
    context[8..].copy_from_slice(&header[16..48]);
    context
}

impl Loaded {
    /// Has its payload as the broker wrote it.
    pub(super) fn decrypt(self, keys: Option<&Keys>) -> Result<Self, OpenError> {
        let Some(context) = self.context else {
            return Ok(self);
        };
        let payload =
            keys::decrypt(keys, &context, &self.payload).map_err(|reason| OpenError::Key {
                file: self.name.to_owned(),
                reason,
            })?;
        Ok(Self {
            payload,
            context: None,
            ..self
        })
    }
}

impl Checkpoints {
    pub(super) fn none(disk: Arc<dyn Disk>, keys: Option<&Arc<Keys>>) -> Self {
        Self {
            disk,
            keys: keys.cloned(),
            slots: [None; 2],
        }
    }

    /// Reads both files and answers the newer one that is whole. One damaged file is survived; it
    /// is [`OpenError::Corrupt`] when no other is left.
    pub(super) fn load(
        disk: &Arc<dyn Disk>,
        entries: &[FileEntry],
        keys: Option<&Arc<Keys>>,
    ) -> Result<(Self, Option<Loaded>), OpenError> {
        let mut this = Self::none(disk.clone(), keys);
        let (mut newest, mut damaged) = (None::<Loaded>, None);
        for (slot, name) in NAMES.into_iter().enumerate() {
            let Some(entry) = entries.iter().find(|entry| entry.name == name) else {
                continue;
            };
            let read = read(&**disk, name, entry.size_bytes);
            match read.and_then(|loaded| loaded.decrypt(keys.map(|keys| &**keys))) {
                Ok(loaded) => {
                    let Loaded {
                        generation,
                        covered,
                        ..
                    } = loaded;
                    this.slots[slot] = Some(Slot {
                        generation,
                        covered,
                    });
                    if newest
                        .as_ref()
                        .is_none_or(|newest| newest.generation < generation)
                    {
                        newest = Some(loaded);
                    }
                }
                Err(OpenError::Corrupt(corrupt)) => damaged = Some(corrupt),
                Err(other) => return Err(other),
            }
        }
        match (&newest, damaged) {
            (None, Some(corrupt)) => return Err(corrupt.into()),
            (Some(other), Some(corrupt)) => {
                tracing::warn!(
                    file = corrupt.file,
                    used = other.name,
                    "checkpoint is damaged"
                );
            }
            (_, None) => {}
        }
        Ok((this, newest))
    }

    /// What is contained in both files: the most that may be freed.
    pub(super) fn covered(&self) -> Lsn {
        match self.slots {
            [Some(a), Some(b)] => a.covered.min(b.covered),
            _ => Lsn(0),
        }
    }

    /// What is contained in the newer of the files; 0 without any.
    pub(super) fn newest(&self) -> Lsn {
        let slots = self.slots.iter().flatten();
        slots.map(|slot| slot.covered).max().unwrap_or_default()
    }

    /// Replaces both files, the older first. Does nothing if they cover more already.
    pub(super) fn write(
        &mut self,
        store: StoreId,
        covered: Lsn,
        payload: &[u8],
    ) -> Result<(), Fault> {
        if covered < self.covered() {
            return Ok(());
        }
        let generation = |slot: &Option<Slot>| slot.map_or(0, |slot| slot.generation);
        let [a, b] = self.slots.each_ref().map(generation);
        let order = if a <= b { [0, 1] } else { [1, 0] };
        for (slot, generation) in order.into_iter().zip(a.max(b) + 1..) {
            let (header, payload) = self.encode(store, generation, covered, payload)?;
            self.replace(NAMES[slot], &header, &payload)?;
            self.slots[slot] = Some(Slot {
                generation,
                covered,
            });
        }
        Ok(())
    }

    /// Reads the newer one again; `None` if there is none.
    pub(super) fn read_newest(&self) -> Result<Option<Loaded>, OpenError> {
        let there = NAMES.iter().zip(self.slots);
        let newest = there
            .filter_map(|(name, slot)| Some((slot?.generation, *name)))
            .max();
        let Some((_, name)) = newest else {
            return Ok(None);
        };
        let file = self.disk.open(name).during("open", name)?;
        let loaded = read_file(&*file, name, None)?;
        loaded.decrypt(self.keys.as_deref()).map(Some)
    }

    /// Header and payload as they go into the file.
    fn encode<'p>(
        &self,
        store: StoreId,
        generation: u64,
        covered: Lsn,
        payload: &'p [u8],
    ) -> Result<([u8; HEADER_LEN], Cow<'p, [u8]>), Fault> {
        let mut header = [0; HEADER_LEN];
        header[..8].copy_from_slice(&MAGIC);
        header[8..10].copy_from_slice(&FORMAT_PLAIN.to_le_bytes());
        header[16..32].copy_from_slice(&store.0);
        header[32..40].copy_from_slice(&generation.to_le_bytes());
        header[40..48].copy_from_slice(&covered.0.to_le_bytes());
        let mut payload = Cow::Borrowed(payload);
        if let Some(keys) = &self.keys {
            header[8..10].copy_from_slice(&FORMAT.to_le_bytes());
            let encrypted = keys.encrypt(&*self.disk, &context(&header), &payload);
            payload = encrypted.during("make a key for", TEMPORARY_NAME)?.into();
        }
        header[48..56].copy_from_slice(&(payload.len() as u64).to_le_bytes());
        header[56..60].copy_from_slice(&crc32c(&payload).to_le_bytes());
        let crc = crc32c(&header[..CRC_AT]);
        header[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        Ok((header, payload))
    }

    /// Which checkpoint this file holds; none if it is not there or damaged.
    pub(super) fn generation(&self, name: &str) -> Option<u64> {
        let mut files = NAMES.iter().zip(self.slots);
        let (_, slot) = files.find(|(other, _)| **other == name)?;
        slot.map(|slot| slot.generation)
    }

    fn replace(&self, name: &str, header: &[u8], payload: &[u8]) -> Result<(), Fault> {
        let size_bytes = (header.len() + payload.len()) as u64;
        let file = self
            .disk
            .create(TEMPORARY_NAME, size_bytes)
            .during("create", TEMPORARY_NAME)?;
        file.write_at(0, &mut [IoSlice::new(header), IoSlice::new(payload)])
            .during("write", TEMPORARY_NAME)?;
        file.sync().during("sync", TEMPORARY_NAME)?;
        self.disk
            .rename(TEMPORARY_NAME, name)
            .during("rename a new checkpoint to", name)?;
        self.disk.sync_dir().during("sync the directory of", name)
    }
}

/// Reads and checks one of the files.
pub(super) fn read(
    disk: &dyn Disk,
    name: &'static str,
    size_bytes: u64,
) -> Result<Loaded, OpenError> {
    let file = disk.open(name).during("open", name)?;
    read_file(&*file, name, Some(size_bytes))
}

/// The same of a file that is open; without a size, it is the one that the file says.
fn read_file(
    file: &dyn DiskFile,
    name: &'static str,
    size_bytes: Option<u64>,
) -> Result<Loaded, OpenError> {
    let mut header = [0; HEADER_LEN];
    match file.read_at(0, &mut header) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            let found = "a shorter file".to_owned();
            return Err(damaged(name, 0, "a checkpoint header of 64 bytes", found));
        }
        result => result.during("read", name)?,
    }
    if header[..8] != MAGIC || crc32c(&header[..CRC_AT]) != u32_at(&header, CRC_AT) {
        let found = "other bytes or a wrong checksum".to_owned();
        return Err(damaged(name, 0, "a checkpoint header", found));
    }
    let format = u16::from_le_bytes([header[8], header[9]]);
    if format > FORMAT {
        return Err(OpenError::Newer {
            file: name.into(),
            found: format,
            supported: FORMAT,
        });
    }
    let length = u64_at(&header, 48);
    if let Some(size_bytes) = size_bytes
        && length != size_bytes.saturating_sub(HEADER_LEN as u64)
    {
        let found = format!("a file of {size_bytes} bytes");
        return Err(damaged(
            name,
            48,
            &format!("a payload of {length} bytes"),
            found,
        ));
    }
    let mut payload = vec![0; length as usize];
    file.read_at(HEADER_LEN as u64, &mut payload)
        .during("read", name)?;
    if crc32c(&payload) != u32_at(&header, 56) {
        let found = "a payload with another checksum".to_owned();
        return Err(damaged(
            name,
            HEADER_LEN as u64,
            "the payload that was written",
            found,
        ));
    }
    let mut store = [0; 16];
    store.copy_from_slice(&header[16..32]);
    Ok(Loaded {
        name,
        store: StoreId(store),
        covered: Lsn(u64_at(&header, 40)),
        payload,
        generation: u64_at(&header, 32),
        context: (format > FORMAT_PLAIN).then(|| context(&header)),
    })
}

/// Reads one of the files again, from the disk, and answers with the bytes read; none if it cannot be
/// had now.
pub(super) fn check(disk: &dyn Disk, name: &'static str) -> Result<Option<u64>, Corrupt> {
    let file = match disk.open(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(unreadable(name, error.to_string()));
        }
        opened => opened.during("open", name),
    };
    let read = file.map_err(OpenError::Disk);
    match read.and_then(|file| read_file(&FromDisk(file), name, None)) {
        Ok(loaded) => Ok(Some((HEADER_LEN + loaded.payload.len()) as u64)),
        Err(OpenError::Corrupt(corrupt)) => Err(corrupt),
        Err(OpenError::Disk(fault)) if !fault.is_loss() => {
            tracing::warn!(%fault, "checkpoint cannot be checked now");
            Ok(None)
        }
        Err(other) => Err(unreadable(name, other.to_string())),
    }
}

fn unreadable(name: &str, found: String) -> Corrupt {
    Corrupt {
        file: name.to_owned(),
        offset: 0,
        lsn: None,
        damage: Damage::Mismatch {
            expected: "a checkpoint".to_owned(),
            found,
        },
    }
}

fn damaged(name: &str, offset: u64, expected: &str, found: String) -> OpenError {
    let damage = Damage::Mismatch {
        expected: expected.to_owned(),
        found,
    };
    Corrupt {
        file: name.to_owned(),
        offset,
        lsn: None,
        damage,
    }
    .into()
}
