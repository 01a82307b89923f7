//! All the journal asks of a disk.
//!
//! Two implementations exist: [`super::FileDisk`] on a real directory, and [`super::SimDisk`],
//! which forgets what was not synced, tears sectors, fills up and fails on demand. The contract
//! below is what a POSIX file system promises and no more; in particular a name is durable only
//! after [`Disk::sync_dir`], and of writes that were not synced any subset of sectors may survive.

use std::fmt::Debug;
use std::io::{self, IoSlice};

/// One directory of files, held exclusively by one journal.
pub trait Disk: Send + Sync + Debug {
    /// The files present, in no order.
    fn list(&self) -> io::Result<Vec<FileEntry>>;

    /// Creates a file of `length_bytes`, every block allocated. Size and blocks are durable after
    /// its first [`DiskFile::sync`], its name after [`Disk::sync_dir`]. An existing file of that
    /// name is replaced.
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`] when the blocks cannot be had; nothing is left behind then.
    fn create(&self, name: &str, length_bytes: u64) -> io::Result<Box<dyn DiskFile>>;

    /// Opens an existing file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Renames a file, replacing what has the new name. Durable after [`Disk::sync_dir`].
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Durable after [`Disk::sync_dir`].
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes all names durable.
    fn sync_dir(&self) -> io::Result<()>;

    /// How much room there is.
    fn space(&self) -> io::Result<Space>;

    /// 128 random bits, for the names of stores and segments. It comes with the disk so that a
    /// simulated one can repeat itself.
    fn unique(&self) -> io::Result<[u8; 16]>;
}

/// One open file. Offsets and lengths in bytes.
pub trait DiskFile: Send + Sync + Debug {
    /// Fills `out` from `offset`; a file that ends before is [`io::ErrorKind::UnexpectedEof`].
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;

    /// The same, but not from a cache of what was written or read before: what the disk has.
    fn read_from_disk(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.read_at(offset, out)
    }

    /// Writes all parts, one after the other, from `offset`. Never extends a file.
    fn write_at(&self, offset: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()>;

    /// Makes everything written to this file durable (`fdatasync`). After an error nothing may be
    /// assumed about any write since the last success, and asking again proves nothing.
    fn sync(&self) -> io::Result<()>;
}

/// A file that is always read from the disk.
#[derive(Debug)]
pub(super) struct FromDisk(pub(super) Box<dyn DiskFile>);

impl DiskFile for FromDisk {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_from_disk(offset, out)
    }

    fn write_at(&self, offset: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        self.0.write_at(offset, parts)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

/// One file of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Its name in the directory.
    pub name: String,
    /// Its length.
    pub size_bytes: u64,
}

/// Room on the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes an ordinary process may still allocate.
    pub free_bytes: u64,
    /// Bytes of the whole file system.
    pub total_bytes: u64,
}
