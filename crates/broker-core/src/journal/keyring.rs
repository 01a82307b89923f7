//! The keyring: the key-encryption keys of a journal in a file, wrapped by a master key that is not on
//! this disk.
//!
//! The file holds a *slot* for each master key that opens it: one, and two while one master key takes
//! the place of another ([`Keyring::add`], [`Keyring::retire_others`]). So a crash at any line of a
//! rotation leaves a keyring that opens with the old master key or with the new one, whichever the
//! broker is told to use by then.
//!
//! Two files hold the same, `keyring-a` and `keyring-b`, written one after the other as checkpoints
//! are (rule J5): one that is lost or damaged is survived, and written anew.
//!
//! ```text
//! offset  size  field (little endian)
//!      0     8  magic "FerryKey"
//!      8     2  format version, 1
//!     10     6  zero
//!     16     8  generation, rising by one with each change
//!     24     4  length of the slots
//!     28     4  CRC32C of the slots
//!     32     4  zero
//!     36     4  CRC32C of bytes 0 to 35
//!     40     …  slots
//!
//! slot: the master key's name, what is needed to have it, and the keys it wraps
//!   0     2  length of the name, then the name, UTF-8: see [`Master`]
//!   …     2  length of its data, then those: the wrapped master key as a KMS gave it, or nothing
//!   …     8  id of the current key
//!   …     2  number of keys
//!   …    68  each: id, nonce, ciphertext, tag; authenticated with "ferrymq key" and its id
//! ```

use std::io::{self, IoSlice};

use crc32c::crc32c;

use super::cipher::KEY_LEN;
use super::disk::{Disk, FileEntry};
use super::error::{Corrupt, Damage, Fault, IoContext, OpenError};
use super::keys::{self, KeyId, Keys, SecretKey, State, WRAPPED_LEN};
use super::record::{u32_at, u64_at};

/// A keyring until it is durable.
pub(super) const TEMPORARY_NAME: &str = "keyring.tmp";
const NAMES: [&str; 2] = ["keyring-a", "keyring-b"];
const MAGIC: [u8; 8] = *b"FerryKey";
const FORMAT: u16 = 1;
const HEADER_LEN: usize = 40;
const CRC_AT: usize = HEADER_LEN - 4;
/// A keyring is some hundred bytes, and 68 more for each rotation.
const SIZE_MAX: u64 = 1 << 20;

/// What a master key is called, and what it takes to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Master {
    /// Where it comes from: `kms:` and a key id, or `file:` and the fingerprint of the key.
    pub name: String,
    /// The master key as a KMS encrypted it; empty for one from a file.
    pub data: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Slot {
    master: Master,
    current: KeyId,
    keys: Vec<(KeyId, [u8; WRAPPED_LEN])>,
}

/// The file as it is on the disk: nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyring {
    generation: u64,
    slots: Vec<Slot>,
}

/// The master key is not the one that wrapped the keyring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the keyring is encrypted with {}", .0.join(" and "))]
pub struct WrongMaster(
    /// Names of the master keys that open it.
    pub Vec<String>,
);

impl Keyring {
    /// Reads the keyring of a directory; none if there is none.
    ///
    /// # Errors
    /// Damage to both files, and disk errors.
    pub fn load(disk: &dyn Disk) -> Result<Option<Self>, OpenError> {
        let entries = disk.list().during("list", "the journal directory")?;
        let (mut newest, mut damaged) = (None::<Self>, None);
        let (mut found, mut same) = (0, true);
        for name in NAMES {
            let Some(entry) = entries.iter().find(|entry| entry.name == name) else {
                continue;
            };
            match read(disk, entry) {
                Ok(keyring) => {
                    found += 1;
                    same &= newest.as_ref().is_none_or(|newest| *newest == keyring);
                    if (newest.as_ref()).is_none_or(|it| it.generation < keyring.generation) {
                        newest = Some(keyring);
                    }
                }
                Err(OpenError::Corrupt(corrupt)) => damaged = Some(corrupt),
                Err(other) => return Err(other),
            }
        }
        match (newest, damaged) {
            (None, Some(corrupt)) => Err(corrupt.into()),
            (None, None) => Ok(None),
            (Some(keyring), _) => {
                if found < NAMES.len() || !same {
                    keyring.heal(disk);
                }
                Ok(Some(keyring))
            }
        }
    }

    /// Makes a keyring with one new key, durable on return.
    ///
    /// # Errors
    /// Disk errors. The keyring may be there then.
    pub fn create(
        disk: &dyn Disk,
        master: Master,
        secret: &SecretKey,
    ) -> Result<(Self, Keys), Fault> {
        let current = random(keys::random_id(disk))?;
        let all = [(current, random(keys::random_key(disk))?)].into();
        let state = State { current, all };
        let mut this = Self {
            generation: 1,
            slots: Vec::new(),
        };
        this.slots.push(slot(disk, master, secret, &state)?);
        this.write(disk)?;
        Ok((this, Keys::new(state)))
    }

    /// The master keys that open it, the newest last.
    pub fn masters(&self) -> impl DoubleEndedIterator<Item = &Master> {
        self.slots.iter().map(|slot| &slot.master)
    }

    /// Decrypts the keys with the master key of that name.
    ///
    /// # Errors
    /// It is not one that wrapped them.
    pub fn open(&self, name: &str, secret: &SecretKey) -> Result<Keys, WrongMaster> {
        let wrong = || WrongMaster(self.masters().map(|it| it.name.clone()).collect());
        let slots = self.slots.iter().rev();
        let mut slots = slots.filter(|slot| slot.master.name == name);
        let state = slots.find_map(|slot| slot.open(secret));
        Ok(Keys::new(state.ok_or_else(wrong)?))
    }

    /// Begins a rotation: a new key becomes the current one, and the keyring opens with this master key
    /// as well as with those it opened with. Durable on return; only then is the new key used.
    ///
    /// The slots of the other master keys get the new key as well: wrapped by `old`, those that open
    /// with it; any other could not be opened again, and goes.
    ///
    /// # Errors
    /// Disk errors: nothing has changed then as far as `keys` goes.
    pub fn add(
        &mut self,
        disk: &dyn Disk,
        keys: &Keys,
        (old_name, old): (&str, &SecretKey),
        (master, secret): (Master, &SecretKey),
    ) -> Result<(), Fault> {
        let mut state = keys.state().clone();
        state.current = random(keys::random_id(disk))?;
        let key = random(keys::random_key(disk))?;
        state.all.insert(state.current, key);
        let mut next = self.clone();
        next.generation += 1;
        next.slots.clear();
        let kept = self.slots.iter().rev();
        let mut kept = kept.filter(|slot| slot.master.name == old_name && slot.open(old).is_some());
        if let Some(kept) = kept.next().filter(|kept| kept.master != master) {
            next.slots
                .push(slot(disk, kept.master.clone(), old, &state)?);
        }
        next.slots.push(slot(disk, master, secret, &state)?);
        next.write(disk)?;
        *self = next;
        keys.replace(state);
        Ok(())
    }

    /// Ends a rotation: from now on the keyring opens with this master key alone, if it does.
    ///
    /// # Errors
    /// Disk errors.
    pub fn retire_others(
        &mut self,
        disk: &dyn Disk,
        name: &str,
        secret: &SecretKey,
    ) -> Result<(), Fault> {
        let opens = |slot: &Slot| slot.master.name == name && slot.open(secret).is_some();
        let Some(kept) = self.slots.iter().rposition(opens) else {
            return Ok(());
        };
        if self.slots.len() < 2 {
            return Ok(());
        }
        let mut next = self.clone();
        next.generation += 1;
        next.slots = vec![self.slots[kept].clone()];
        next.write(disk)?;
        *self = next;
        Ok(())
    }

    /// Writes a file again that is lost, damaged or behind.
    fn heal(&self, disk: &dyn Disk) {
        match self.write(disk) {
            Ok(()) => tracing::warn!("one of the two files of the keyring was written anew"),
            Err(fault) => tracing::warn!(%fault, "the keyring cannot be written anew"),
        }
    }

    fn write(&self, disk: &dyn Disk) -> Result<(), Fault> {
        let bytes = self.encode();
        for name in NAMES {
            let file = (disk.create(TEMPORARY_NAME, bytes.len() as u64))
                .during("create", TEMPORARY_NAME)?;
            file.write_at(0, &mut [IoSlice::new(&bytes)])
                .during("write", TEMPORARY_NAME)?;
            file.sync().during("sync", TEMPORARY_NAME)?;
            disk.rename(TEMPORARY_NAME, name)
                .during("rename a new keyring to", name)?;
            disk.sync_dir().during("sync the directory of", name)?;
        }
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        let mut slots = Vec::new();
        for slot in &self.slots {
            slot.encode(&mut slots);
        }
        let mut bytes = vec![0; HEADER_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.generation.to_le_bytes());
        bytes[24..28].copy_from_slice(&(slots.len() as u32).to_le_bytes());
        bytes[28..32].copy_from_slice(&crc32c(&slots).to_le_bytes());
        let crc = crc32c(&bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        bytes.extend(slots);
        bytes
    }
}

impl Slot {
    fn open(&self, secret: &SecretKey) -> Option<State> {
        let keys = self.keys.iter().map(|(id, wrapped)| {
            let key = keys::unwrap(secret, &context(*id), wrapped)?;
            Some((*id, key))
        });
        let all = keys.collect::<Option<_>>()?;
        let current = self.current;
        Some(State { current, all }).filter(|state| state.all.contains_key(&current))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for text in [self.master.name.as_bytes(), &self.master.data] {
            out.extend((text.len() as u16).to_le_bytes());
            out.extend(text);
        }
        out.extend(self.current.0);
        out.extend((self.keys.len() as u16).to_le_bytes());
        for (id, wrapped) in &self.keys {
            out.extend(id.0);
            out.extend(wrapped);
        }
    }

    fn decode(from: &mut &[u8]) -> Option<Self> {
        let name = String::from_utf8(text(from)?).ok()?;
        let data = text(from)?;
        let current = KeyId(take(from)?);
        let count = u16::from_le_bytes(take(from)?);
        let keys = (0..count).map(|_| Some((KeyId(take(from)?), take(from)?)));
        Some(Self {
            keys: keys.collect::<Option<_>>()?,
            master: Master { name, data },
            current,
        })
    }
}

fn slot(disk: &dyn Disk, master: Master, secret: &SecretKey, state: &State) -> Result<Slot, Fault> {
    let keys = state.all.iter().map(|(id, key)| {
        let nonce = random(keys::random_nonce(disk))?;
        Ok((*id, keys::wrap(secret, &context(*id), key, nonce)))
    });
    Ok(Slot {
        keys: keys.collect::<Result<_, Fault>>()?,
        master,
        current: state.current,
    })
}

fn context(id: KeyId) -> Vec<u8> {
    [b"ferrymq key".as_slice(), &id.0].concat()
}

fn random<T>(drawn: io::Result<T>) -> Result<T, Fault> {
    drawn.during("get randomness for", "the keyring")
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*taken)
}

fn text(from: &mut &[u8]) -> Option<Vec<u8>> {
    let len = u16::from_le_bytes(take(from)?);
    let (text, rest) = from.split_at_checked(usize::from(len))?;
    *from = rest;
    Some(text.to_vec())
}

fn read(disk: &dyn Disk, entry: &FileEntry) -> Result<Keyring, OpenError> {
    let name = &entry.name;
    let damaged = |offset, found: &str| {
        let damage = Damage::Mismatch {
            expected: "a keyring".to_owned(),
            found: found.to_owned(),
        };
        OpenError::from(Corrupt {
            file: name.clone(),
            offset,
            lsn: None,
            damage,
        })
    };
    if !(HEADER_LEN as u64..=SIZE_MAX).contains(&entry.size_bytes) {
        return Err(damaged(0, "a file of another length"));
    }
    let file = disk.open(name).during("open", name)?;
    let mut bytes = vec![0; entry.size_bytes as usize];
    file.read_at(0, &mut bytes).during("read", name)?;
    if bytes[..8] != MAGIC || crc32c(&bytes[..CRC_AT]) != u32_at(&bytes, CRC_AT) {
        return Err(damaged(0, "other bytes or a wrong checksum"));
    }
    let format = u16::from_le_bytes([bytes[8], bytes[9]]);
    if format > FORMAT {
        return Err(OpenError::Newer {
            file: name.clone(),
            found: format,
            supported: FORMAT,
        });
    }
    let mut slots = &bytes[HEADER_LEN..];
    if slots.len() != u32_at(&bytes, 24) as usize || crc32c(slots) != u32_at(&bytes, 28) {
        return Err(damaged(HEADER_LEN as u64, "keys with a wrong checksum"));
    }
    let mut keyring = Keyring {
        generation: u64_at(&bytes, 16),
        slots: Vec::new(),
    };
    while !slots.is_empty() {
        let slot = Slot::decode(&mut slots);
        let slot = slot.ok_or_else(|| damaged(HEADER_LEN as u64, "keys that end early"))?;
        keyring.slots.push(slot);
    }
    Ok(keyring)
}

/// The fingerprint of a master key: tells which one it is and nothing else about it.
pub fn fingerprint(secret: &SecretKey) -> String {
    let mut named = b"ferrymq master key".to_vec();
    named.extend_from_slice(&secret[..]);
    let named = zeroize::Zeroizing::new(named);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &named);
    let mut text = String::new();
    for byte in &digest.as_ref()[..8] {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

const _: () = assert!(
    KEY_LEN == 32,
    "a master key from a file is 64 hexadecimal digits"
);
