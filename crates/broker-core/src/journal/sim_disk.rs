//! A disk in memory that does to the journal what real ones do: forgets what was not synced, tears
//! writes into sectors, loses names, fills up, fails, and flips bits.
//!
//! It keeps two views of every file: what a process sees (the page cache) and what is on the
//! platter, with the writes in between. [`SimDisk::after_power_loss`] makes a new disk of the
//! platter and of as much of the rest as [`Survival`] says. Everything it does follows from its
//! seed and the calls made, so a failing test repeats.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Disk, DiskFile, FileEntry, Space};

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// A simulated disk. Clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

/// What a power loss leaves of unsynced writes and names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
    /// All of it: as `kill -9` does.
    Everything,
    /// None of it.
    Nothing,
    /// Each sector and each name by chance of this seed, regardless of order.
    Some(u64),
}

/// Something to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// This operation fails; a failed sync leaves the data in the cache and off the platter.
    Error(io::ErrorKind),
    /// This operation and all later ones fail, with nothing done.
    PowerLoss,
}

#[derive(Debug)]
struct State {
    files: BTreeMap<u64, SimFile>,
    /// As processes see them.
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    name_changes: Vec<NameChange>,
    next_file: u64,
    random: u64,
    capacity_bytes: u64,
    operations: u64,
    trouble: Option<(u64, Trouble)>,
}

#[derive(Debug, Clone, Default)]
struct SimFile {
    seen: Vec<u8>,
    platter: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
    /// Its size is on the platter; without, it may come back empty.
    sized: bool,
}

#[derive(Debug, Clone)]
enum NameChange {
    Created(String, u64),
    Removed(String),
    Renamed { from: String, to: String, id: u64 },
}

impl SimDisk {
    /// An empty disk.
    pub fn new(seed: u64) -> Self {
        Self::of(State {
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            name_changes: Vec::new(),
            next_file: 1,
            random: seed,
            capacity_bytes: u64::MAX,
            operations: 0,
            trouble: None,
        })
    }

    fn of(state: State) -> Self {
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Lets the files take at most this much together.
    pub fn set_capacity_bytes(&self, capacity_bytes: u64) {
        self.lock().capacity_bytes = capacity_bytes;
    }

    /// Operations done so far: create, open, read, write, sync, rename, remove, sync of names.
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Makes the operation with this number (the first is 0) go wrong.
    pub fn plan(&self, operation: u64, trouble: Trouble) {
        self.lock().trouble = Some((operation, trouble));
    }

    /// Makes all go well again, with nothing lost: as when a process dies and the machine does not.
    pub fn end_trouble(&self) {
        self.lock().trouble = None;
    }

    /// The disk as the next start finds it, free of trouble.
    pub fn after_power_loss(&self, survival: Survival) -> Self {
        let state = self.lock();
        let mut chance = match survival {
            Survival::Some(seed) => seed,
            Survival::Everything | Survival::Nothing => 0,
        };
        let mut survives = || match survival {
            Survival::Everything => true,
            Survival::Nothing => false,
            Survival::Some(_) => split_mix(&mut chance) & 1 == 1,
        };
        let mut names = state.durable_names.clone();
        for change in &state.name_changes {
            if survives() {
                change.apply(&mut names);
            }
        }
        let files = state
            .files
            .iter()
            .map(|(id, file)| (*id, file.settled(&mut survives)));
        Self::of(State {
            files: files.collect(),
            names: names.clone(),
            durable_names: names,
            name_changes: Vec::new(),
            next_file: state.next_file,
            random: state.random,
            capacity_bytes: state.capacity_bytes,
            operations: 0,
            trouble: None,
        })
    }

    /// Names and contents as processes see them.
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.lock();
        let seen = |id: &u64| {
            state
                .files
                .get(id)
                .map(|file| file.seen.clone())
                .unwrap_or_default()
        };
        state
            .names
            .iter()
            .map(|(name, id)| (name.clone(), seen(id)))
            .collect()
    }

    /// Puts a file there, durable at once.
    pub fn install(&self, name: &str, bytes: &[u8]) {
        let mut state = self.lock();
        let id = state.next_file;
        state.next_file += 1;
        let (seen, platter) = (bytes.to_vec(), bytes.to_vec());
        state.files.insert(
            id,
            SimFile {
                seen,
                platter,
                unsynced: Vec::new(),
                sized: true,
            },
        );
        state.forget_changes(name);
        state.names.insert(name.to_owned(), id);
        state.durable_names.insert(name.to_owned(), id);
    }

    /// Takes a file away, durably at once.
    pub fn lose(&self, name: &str) {
        let mut state = self.lock();
        state.forget_changes(name);
        state.names.remove(name);
        state.durable_names.remove(name);
    }

    /// Flips one bit of a file, on the platter, in the cache, and on the way between them.
    pub fn flip(&self, name: &str, bit: usize) {
        let mut state = self.lock();
        let id = state.names.get(name).copied();
        if let Some(file) = id.and_then(|id| state.files.get_mut(&id)) {
            file.seen[bit / 8] ^= 1 << (bit % 8);
            file.platter[bit / 8] ^= 1 << (bit % 8);
            for (from, bytes) in &mut file.unsynced {
                let at = (bit / 8).checked_sub(*from);
                if let Some(byte) = at.and_then(|at| bytes.get_mut(at)) {
                    *byte ^= 1 << (bit % 8);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts an operation and lets it go wrong if that is planned.
    fn operate(&mut self) -> io::Result<()> {
        let operation = self.operations;
        self.operations += 1;
        match self.trouble {
            Some((at, Trouble::Error(kind))) if operation == at => Err(kind.into()),
            Some((at, Trouble::PowerLoss)) if operation >= at => {
                Err(io::Error::other("the power is off"))
            }
            _ => Ok(()),
        }
    }

    fn id_of(&self, name: &str) -> io::Result<u64> {
        self.names
            .get(name)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.name_changes.push(change);
    }

    /// Nothing that was under way with this name happens any more.
    fn forget_changes(&mut self, name: &str) {
        self.name_changes.retain(|change| match change {
            NameChange::Created(changed, _) | NameChange::Removed(changed) => changed != name,
            NameChange::Renamed { to, .. } => to != name,
        });
    }

    fn power_is_off(&self) -> bool {
        matches!(self.trouble, Some((at, Trouble::PowerLoss)) if self.operations > at)
    }

    fn used_bytes(&self) -> u64 {
        let size = |id: &u64| self.files.get(id).map_or(0, |file| file.seen.len() as u64);
        self.names.values().map(size).sum()
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Created(name, id) => {
                names.insert(name.clone(), *id);
            }
            Self::Removed(name) => {
                names.remove(name);
            }
            Self::Renamed { from, to, id } => {
                names.remove(from);
                names.insert(to.clone(), *id);
            }
        }
    }
}

impl SimFile {
    /// What is found after a power loss.
    fn settled(&self, survives: &mut dyn FnMut() -> bool) -> Self {
        if !self.sized && !survives() {
            return Self::default();
        }
        let mut platter = self.platter.clone();
        for (offset, bytes) in &self.unsynced {
            let (mut at, end) = (*offset, offset + bytes.len());
            while at < end {
                let next = ((at / SECTOR_BYTES + 1) * SECTOR_BYTES).min(end);
                if survives() {
                    platter[at..next].copy_from_slice(&bytes[at - offset..next - offset]);
                }
                at = next;
            }
        }
        Self {
            seen: platter.clone(),
            platter,
            unsynced: Vec::new(),
            sized: true,
        }
    }
}

impl Disk for SimDisk {
    fn list(&self) -> io::Result<Vec<FileEntry>> {
        let contents = self.contents().into_iter();
        Ok(contents
            .map(|(name, seen)| FileEntry {
                name,
                size_bytes: seen.len() as u64,
            })
            .collect())
    }

    fn create(&self, name: &str, length_bytes: u64) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.lock();
        state.operate()?;
        if state.used_bytes() + length_bytes > state.capacity_bytes {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let id = state.next_file;
        state.next_file += 1;
        let length = length_bytes as usize;
        let (seen, platter) = (vec![0; length], vec![0; length]);
        state.files.insert(
            id,
            SimFile {
                seen,
                platter,
                unsynced: Vec::new(),
                sized: false,
            },
        );
        state.change_names(NameChange::Created(name.to_owned(), id));
        Ok(Box::new(SimHandle {
            disk: self.clone(),
            id,
        }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.lock();
        state.operate()?;
        let id = state.id_of(name)?;
        Ok(Box::new(SimHandle {
            disk: self.clone(),
            id,
        }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.operate()?;
        let id = state.id_of(from)?;
        state.change_names(NameChange::Renamed {
            from: from.into(),
            to: to.into(),
            id,
        });
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.operate()?;
        state.id_of(name)?;
        state.change_names(NameChange::Removed(name.into()));
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.lock();
        let result = state.operate();
        if state.power_is_off() {
            return result;
        }
        state.name_changes.clear();
        if result.is_ok() {
            state.durable_names = state.names.clone();
        }
        result
    }

    fn space(&self) -> io::Result<Space> {
        let state = self.lock();
        let free_bytes = state.capacity_bytes.saturating_sub(state.used_bytes());
        Ok(Space {
            free_bytes,
            total_bytes: state.capacity_bytes,
        })
    }

    fn unique(&self) -> io::Result<[u8; 16]> {
        let mut state = self.lock();
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&split_mix(&mut state.random).to_le_bytes());
        bytes[8..].copy_from_slice(&split_mix(&mut state.random).to_le_bytes());
        Ok(bytes)
    }
}

#[derive(Debug)]
struct SimHandle {
    disk: SimDisk,
    id: u64,
}

impl SimHandle {
    fn with<T>(&self, operate: impl FnOnce(&mut SimFile) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.disk.lock();
        state.operate()?;
        operate(state.files.entry(self.id).or_default())
    }
}

impl DiskFile for SimHandle {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|file| {
            let from = offset as usize;
            let found = file.seen.get(from..from + out.len());
            out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn write_at(&self, offset: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        self.with(|file| {
            let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
            let from = offset as usize;
            let place = file.seen.get_mut(from..from + bytes.len());
            place
                .ok_or(io::ErrorKind::InvalidInput)?
                .copy_from_slice(&bytes);
            file.unsynced.push((from, bytes));
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.lock();
        let result = state.operate();
        if state.power_is_off() {
            return result;
        }
        let file = state.files.entry(self.id).or_default();
        // A failed sync marks the pages clean all the same: nothing will write them again.
        let unsynced = std::mem::take(&mut file.unsynced);
        if result.is_ok() {
            file.sized = true;
            for (from, bytes) in unsynced {
                file.platter[from..from + bytes.len()].copy_from_slice(&bytes);
            }
        }
        result
    }
}

/// The next of a sequence of pseudo-random numbers (splitmix64).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
