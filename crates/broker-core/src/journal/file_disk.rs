//! The disk as a directory of real files: the one place that may touch the file system.

#![allow(
    clippy::disallowed_methods,
    reason = "this module is the file system, to everything else it is a `Disk`"
)]

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, IoSlice, Write};
use std::num::NonZeroU64;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Advice, FallocateFlags};

use super::disk::{Disk, DiskFile, FileEntry, Space};
use super::error::LockError;

/// Held locked for as long as the directory is in use; holds the process id of who does.
pub(super) const LOCK_NAME: &str = "lock";
/// Slices the system takes in one call.
const SLICES_MAX: usize = 1024;

/// A directory of files, locked for this process.
#[derive(Debug)]
pub struct FileDisk {
    directory: PathBuf,
    /// Open to sync names; a directory is synced like a file.
    handle: File,
    /// Unlocked by the system when it is closed, by `kill -9` too.
    _lock: File,
}

impl FileDisk {
    /// Takes the directory, making it (mode 0700) if it is not there.
    ///
    /// # Errors
    /// [`LockError::Held`] when another journal works on it.
    pub fn open(directory: &Path) -> Result<Arc<Self>, LockError> {
        let failed = |action: &'static str, path: &Path| {
            let path = path.to_owned();
            move |source: io::Error| LockError::Io {
                action,
                path,
                source,
            }
        };
        make_directory(directory).map_err(failed("make directory", directory))?;
        let handle = File::open(directory).map_err(failed("open directory", directory))?;
        let path = directory.join(LOCK_NAME);
        let mut options = private();
        let mut lock = options
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed("open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let process = fs::read_to_string(&path).ok();
                return Err(LockError::held(directory, process));
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
        }
        // Only for the words of the next one who tries: a failure here costs nothing.
        let _ = lock
            .set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()));
        Ok(Arc::new(Self {
            directory: directory.to_owned(),
            handle,
            _lock: lock,
        }))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Makes a directory and its parents, each durable in its own parent.
fn make_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = directory
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    make_directory(parent)?;
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => File::open(parent)?.sync_all(),
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

impl Disk for FileDisk {
    fn list(&self) -> io::Result<Vec<FileEntry>> {
        list(&self.directory)
    }

    fn create(&self, name: &str, length_bytes: u64) -> io::Result<Box<dyn DiskFile>> {
        let path = self.path(name);
        let file = private().create(true).truncate(true).open(&path)?;
        if let Err(error) = allocate(&file, length_bytes) {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        Ok(Box::new(OpenFile(file)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenFile(private().open(self.path(name))?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.handle.sync_all()
    }

    fn space(&self) -> io::Result<Space> {
        let stat = rustix::fs::fstatvfs(&self.handle)?;
        Ok(Space {
            free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
            total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
        })
    }

    fn unique(&self) -> io::Result<[u8; 16]> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(bytes)
    }
}

/// The files of a directory.
pub(super) fn list(directory: &Path) -> io::Result<Vec<FileEntry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if let (true, Ok(name)) = (metadata.is_file(), entry.file_name().into_string()) {
            entries.push(FileEntry {
                name,
                size_bytes: metadata.len(),
            });
        }
    }
    Ok(entries)
}

/// Has the file system set all blocks aside, by writing them where it knows no better way.
fn allocate(file: &File, length_bytes: u64) -> io::Result<()> {
    if length_bytes == 0 {
        return Ok(());
    }
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, length_bytes) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            let zeros = vec![0; 1 << 20];
            let mut at = 0;
            while at < length_bytes {
                let part = (length_bytes - at).min(zeros.len() as u64);
                file.write_all_at(&zeros[..part as usize], at)?;
                at += part;
            }
            Ok(())
        }
        result => Ok(result?),
    }
}

#[derive(Debug)]
struct OpenFile(File);

impl DiskFile for OpenFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    /// Has the page cache let go of that part of the file first, as far as it is clean, and again
    /// afterwards: what is read to be checked should not push out what is read to be used.
    fn read_from_disk(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let len = NonZeroU64::new(out.len() as u64);
        // Advice: without it the read is no worse than any other.
        let forget = || rustix::fs::fadvise(&self.0, offset, len, Advice::DontNeed);
        let _ = forget();
        let read = self.0.read_exact_at(out, offset);
        let _ = forget();
        read
    }

    fn write_at(&self, offset: u64, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        let mut at = offset;
        // Empty slices in front would make a write of nothing look like a full disk.
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            let now = parts.len().min(SLICES_MAX);
            match rustix::io::pwritev(&self.0, &parts[..now], at) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    at += written as u64;
                    IoSlice::advance_slices(&mut parts, written);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// `fdatasync` leaves out only what is not needed to read the data back: times, not sizes.
    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
