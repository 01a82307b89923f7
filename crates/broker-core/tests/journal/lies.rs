//! Disks that break one promise each. The journal cannot be right on them, and the enumeration of
//! crash states that finds no fault with it elsewhere must find that: proof that it looks.

use std::io::{self, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use broker_core::journal::{Disk, DiskFile, FileEntry, SimDisk, Space, Survival, Trouble};

use crate::crash::{Life, check, live_on};
use crate::harness::open_on;

/// What the disk does instead of what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    /// It keeps its word.
    None,
    /// Names are durable when they happen to be.
    NoSyncOfNames,
    /// A sync does nothing.
    NoSyncOfFiles,
    /// A sync that failed is tried again, and the second answer is believed: what rule J3 forbids.
    RetriedSync,
}

#[derive(Debug, Clone)]
struct Liar {
    disk: SimDisk,
    lie: Lie,
}

#[derive(Debug)]
struct LiarFile {
    file: Box<dyn DiskFile>,
    lie: Lie,
}

impl Liar {
    fn file(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        let lie = self.lie;
        Box::new(LiarFile { file, lie })
    }
}

impl Disk for Liar {
    fn list(&self) -> io::Result<Vec<FileEntry>> {
        self.disk.list()
    }
    fn create(&self, name: &str, length_bytes: u64) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(self.disk.create(name, length_bytes)?))
    }
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(self.disk.open(name)?))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }
    fn sync_dir(&self) -> io::Result<()> {
        match self.lie {
            Lie::NoSyncOfNames => Ok(()),
            _ => self.disk.sync_dir(),
        }
    }
    fn space(&self) -> io::Result<Space> {
        self.disk.space()
    }
    fn unique(&self) -> io::Result<[u8; 16]> {
        self.disk.unique()
    }
}

impl DiskFile for LiarFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, out)
    }
    fn write_at(&self, offset: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        self.file.write_at(offset, parts)
    }
    fn sync(&self) -> io::Result<()> {
        match self.lie {
            Lie::NoSyncOfFiles => Ok(()),
            Lie::RetriedSync => self.file.sync().or_else(|_| self.file.sync()),
            Lie::None | Lie::NoSyncOfNames => self.file.sync(),
        }
    }
}

/// Of the states a crash can leave on such a disk, how many break the journal's word.
fn broken_states(lie: Lie, trouble: Trouble) -> usize {
    let life_on = |disk: &SimDisk| {
        let mut life = Life::default();
        let disk = || -> Arc<dyn Disk> {
            let disk = disk.clone();
            Arc::new(Liar { disk, lie })
        };
        live_on(open_on, &disk, &mut life);
        life
    };
    let undisturbed = SimDisk::new(7);
    life_on(&undisturbed);
    let mut broken = 0;
    for at in 0..undisturbed.operations() {
        let disk = SimDisk::new(7);
        disk.plan(at, trouble);
        let life = life_on(&disk);
        for survival in [Survival::Nothing, Survival::Some(at)] {
            let after = disk.after_power_loss(survival);
            let looked = catch_unwind(AssertUnwindSafe(|| check(open_on, &after, &life, "state")));
            broken += usize::from(looked.is_err());
        }
    }
    broken
}

const ERROR: Trouble = Trouble::Error(io::ErrorKind::Other);

#[test]
fn an_honest_disk_breaks_nothing() {
    assert_eq!(broken_states(Lie::None, Trouble::PowerLoss), 0);
    assert_eq!(broken_states(Lie::None, ERROR), 0);
}

#[test]
fn a_sync_that_does_nothing_is_found_out() {
    assert!(broken_states(Lie::NoSyncOfFiles, Trouble::PowerLoss) > 0);
}

#[test]
fn names_that_are_never_synced_are_found_out() {
    assert!(broken_states(Lie::NoSyncOfNames, Trouble::PowerLoss) > 0);
}

#[test]
fn a_failed_sync_that_is_tried_again_is_found_out() {
    assert!(broken_states(Lie::RetriedSync, ERROR) > 0);
}
