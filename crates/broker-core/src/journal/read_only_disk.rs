//! A directory of files that is looked at and never changed.

#![allow(
    clippy::disallowed_methods,
    reason = "beside `FileDisk` this is the one place that is about the file system"
)]

use std::fs::{self, File, TryLockError};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::disk::{Disk, DiskFile, FileEntry, Space};
use super::error::LockError;
use super::file_disk::LOCK_NAME;

/// A directory opened for reading alone: whatever would change it fails.
#[derive(Debug)]
pub struct ReadOnlyDisk {
    directory: PathBuf,
    /// Keeps a broker from starting on it meanwhile; none where none ever did.
    _lock: Option<File>,
}

impl ReadOnlyDisk {
    /// Opens a directory that no broker works on.
    ///
    /// # Errors
    /// [`LockError::Held`] when one does.
    pub fn open(directory: &Path) -> Result<Self, LockError> {
        let path = directory.join(LOCK_NAME);
        let failed = |action: &'static str, source: io::Error| LockError::Io {
            action,
            path: path.clone(),
            source,
        };
        let lock = match File::open(&path) {
            Ok(lock) => Some(lock),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed("open", error)),
        };
        match lock.as_ref().map(File::try_lock_shared) {
            None | Some(Ok(())) => {}
            Some(Err(TryLockError::WouldBlock)) => {
                let process = fs::read_to_string(&path).ok();
                return Err(LockError::held(directory, process));
            }
            Some(Err(TryLockError::Error(error))) => return Err(failed("lock", error)),
        }
        Ok(Self {
            directory: directory.to_owned(),
            _lock: lock,
        })
    }
}

impl Disk for ReadOnlyDisk {
    fn list(&self) -> io::Result<Vec<FileEntry>> {
        super::file_disk::list(&self.directory)
    }

    fn create(&self, _: &str, _: u64) -> io::Result<Box<dyn DiskFile>> {
        Err(read_only())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(ReadOnlyFile(File::open(
            self.directory.join(name),
        )?)))
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        Err(read_only())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_dir(&self) -> io::Result<()> {
        Err(read_only())
    }

    fn space(&self) -> io::Result<Space> {
        Err(read_only())
    }

    fn unique(&self) -> io::Result<[u8; 16]> {
        Err(read_only())
    }
}

#[derive(Debug)]
struct ReadOnlyFile(File);

impl DiskFile for ReadOnlyFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn write_at(&self, _: u64, _: &mut [IoSlice<'_>]) -> io::Result<()> {
        Err(read_only())
    }

    fn sync(&self) -> io::Result<()> {
        Err(read_only())
    }
}

fn read_only() -> io::Error {
    io::ErrorKind::ReadOnlyFilesystem.into()
}
