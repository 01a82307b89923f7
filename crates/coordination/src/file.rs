//! A file as coordination store, for trials with several agents on one machine.
//!
//! It protects against crashes of processes and of the machine, not against the loss of the disk, and
//! it is no more available than the machine: not for production.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use broker_core::replication::coordinator::{
    CasOutcome, Coordinator, ReadError, Snapshot, Version,
};
use broker_core::replication::record::Record;
use rustix::fs::{FlockOperation, flock};

use crate::text::{MAX_BYTES, from_text, to_text};

/// A record in a directory: `record` holds its version on the first line and its text behind it,
/// `record.lock` is locked by whoever writes.
#[derive(Debug)]
pub struct FileCoordinator {
    dir: PathBuf,
    patience: Duration,
}

impl FileCoordinator {
    /// A record in this directory, which is made if it is missing. Calls wait so long at most for
    /// other writers.
    ///
    /// # Errors
    /// If the directory cannot be made.
    pub fn open(dir: &Path, patience: Duration) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            patience,
        })
    }

    /// Version and text; version 0 if there is no record.
    fn load(&self) -> io::Result<(u64, Vec<u8>)> {
        let mut content = Vec::new();
        match File::open(self.dir.join("record")) {
            Ok(file) => file.take(MAX_BYTES as u64 + 64).read_to_end(&mut content)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, Vec::new())),
            Err(error) => return Err(error),
        };
        let bad = || io::Error::other("the first line is no version");
        let line = content
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or_else(bad)?;
        let version = str::from_utf8(&content[..line])
            .ok()
            .and_then(|text| text.parse().ok());
        Ok((
            version.filter(|version| *version > 0).ok_or_else(bad)?,
            content.split_off(line + 1),
        ))
    }

    /// Waits for the lock; it is held until the file is closed.
    fn lock(&self) -> io::Result<File> {
        let path = self.dir.join("record.lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        let deadline = Instant::now() + self.patience;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(file),
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(1));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// `None` if the version is another. A crash anywhere in here leaves the old record or the new.
    fn replace(&self, expected: &Version, text: &str) -> io::Result<Option<Version>> {
        let lock = self.lock()?;
        let (version, _) = self.load()?;
        if named(version) != *expected {
            return Ok(None);
        }
        let next = version + 1;
        let fresh = self.dir.join("record.new");
        let mut file = File::create(&fresh)?;
        file.write_all(format!("{next}\n{text}").as_bytes())?;
        file.sync_all()?;
        fs::rename(fresh, self.dir.join("record"))?;
        File::open(&self.dir)?.sync_all()?;
        drop(lock);
        Ok(Some(named(next)))
    }
}

fn named(version: u64) -> Version {
    match version {
        0 => Version::ABSENT,
        _ => Version::new(version.to_string()),
    }
}

impl Coordinator for FileCoordinator {
    fn read(&self) -> Result<Snapshot, ReadError> {
        let unreachable = |error: io::Error| ReadError::Unreachable(error.to_string());
        // Locked, so that what is read is also on the disk: a rename is seen before it is durable.
        let lock = self.lock().map_err(unreachable)?;
        let (version, text) = self.load().map_err(unreachable)?;
        drop(lock);
        let record = match version {
            0 => None,
            _ => Some(from_text(&text).map_err(|e| ReadError::Unreadable(e.to_string()))?),
        };
        Ok(Snapshot {
            record,
            version: named(version),
        })
    }

    fn cas(&self, expected: &Version, record: &Record) -> CasOutcome {
        let text = match to_text(record) {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(%error, "write the coordination record");
                return CasOutcome::Unknown;
            }
        };
        match self.replace(expected, &text) {
            Ok(Some(version)) => CasOutcome::Applied(version),
            Ok(None) => CasOutcome::Conflict,
            Err(error) => {
                tracing::warn!(%error, "write the coordination record");
                CasOutcome::Unknown
            }
        }
    }
}
