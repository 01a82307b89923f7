//! What can go wrong, said so that a person knows the file, the place and the way out.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;

use super::keys::KeyError;
use super::{Epoch, Lsn, StoreId};

/// Why the journal could not be opened. Nothing was truncated, deleted or repaired.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Bytes that had been durable are damaged or missing.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// The disk refused an operation.
    #[error("cannot {}{}", .0, .0.remedy())]
    Disk(#[from] Fault),
    /// The directory belongs to another store.
    #[error(
        "{file} belongs to store {found}, not to {expected}: this is another broker's data \
         directory, or a copy of it; point the broker at its own directory"
    )]
    Foreign {
        /// The segment that says so.
        file: String,
        /// The store the caller asked for (or the first segment named).
        expected: StoreId,
        /// The store in the file.
        found: StoreId,
    },
    /// Written by a later version of this program.
    #[error(
        "{file} has journal format {found}, this program reads up to {supported}: start the \
         version that wrote it, or a later one"
    )]
    Newer {
        /// The file that says so.
        file: String,
        /// Its format version.
        found: u16,
        /// The newest format this program knows.
        supported: u16,
    },
    /// Its key is not to be had.
    #[error(
        "{file} cannot be read: {reason}. Nothing was changed. Start the broker with the encryption \
         it was written with, and with the keyring that belongs to this journal"
    )]
    Key {
        /// The file.
        file: String,
        /// What is wrong with its key.
        reason: KeyError,
    },
    /// The checkpoint of another journal makes no sense here: a newer version wrote it.
    #[error("the checkpoint of the journal to follow cannot be read: {0}")]
    Unreadable(String),
    /// Options that no journal can work with.
    #[error("journal options: {0}")]
    Options(&'static str),
}

/// Why a journal directory could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process, or another journal of this one, works on it.
    #[error(
        "journal directory {} is in use by process {}: stop that broker first, or give this one \
         its own data directory",
        directory.display(),
        process.as_deref().unwrap_or("(unknown)")
    )]
    Held {
        /// The directory.
        directory: PathBuf,
        /// Process id of the holder, when its lock file tells.
        process: Option<String>,
    },
    /// The directory cannot be made, or its lock file not be opened.
    #[error("cannot {action} {}: {source}{}", path.display(), remedy(source.kind()))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl LockError {
    /// By whom, is what its lock file says.
    pub(super) fn held(directory: &Path, lock_file: Option<String>) -> Self {
        let process = lock_file.map(|text| text.trim().to_owned());
        Self::Held {
            directory: directory.to_owned(),
            process: process.filter(|process| !process.is_empty()),
        }
    }
}

/// Damage to bytes that must have been durable: never repaired by guessing, never cut off.
#[derive(Debug, thiserror::Error)]
#[error(
    "journal file {file} is damaged at byte {offset}{}: {damage}. Nothing was changed. Restore \
     the directory from a backup, or export what is readable with `broker-agent salvage \
     --data-dir DIR --out NEW_DIR`; keep the damaged one until then",
    At(*lsn)
)]
pub struct Corrupt {
    /// Name of the file in the journal directory.
    pub file: String,
    /// Byte offset in that file.
    pub offset: u64,
    /// The position there, when it is known.
    pub lsn: Option<Lsn>,
    /// What was expected and what was found.
    pub damage: Damage,
}

/// What to do about an error of this kind, where that can be known.
fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::PermissionDenied => {
            "; give the user that runs the broker the directory and all files in it"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "; make the file system writable, which the system may have ended after an error of the \
             disk"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free space on the disk or give the broker a larger one"
        }
        _ => "",
    }
}

struct At(Option<Lsn>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(lsn) => write!(f, " (lsn {})", lsn.0),
            None => Ok(()),
        }
    }
}

/// What was expected at a damaged place, and what is there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// A whole file is gone.
    #[error("{0}")]
    Missing(String),
    /// A record that had been durable fails its checks.
    #[error("expected {expected}, found {found}")]
    Mismatch {
        /// What the place must hold.
        expected: String,
        /// What it holds.
        found: String,
    },
    /// The broker cannot make sense of a record whose checksum is right.
    #[error("record of kind {kind}, epoch {}: {reason}", epoch.0)]
    Unreadable {
        /// Kind of the record.
        kind: u8,
        /// Epoch it was written in.
        epoch: Epoch,
        /// The broker's words.
        reason: String,
    },
}

/// A payload the broker could not make sense of; said by [`super::Replay`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// A disk operation that failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{action} {file}: {source}")]
pub struct Fault {
    /// What was tried, as a verb.
    pub action: &'static str,
    /// On which file of the journal directory.
    pub file: String,
    /// What the system said.
    pub source: Arc<io::Error>,
}

/// The journal takes nothing any more, and nothing more becomes durable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Stopped {
    /// It was closed.
    #[error("the journal is closed")]
    Closed,
    /// The disk failed. Kept for good: what a failed sync left behind cannot be known, so the
    /// process has to end and read the disk again (rule J3).
    #[error("the journal has stopped: cannot {0}")]
    Failed(Fault),
}

/// Why a record was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// No room that is not held back for settlements and control records. Publishers wait until
    /// [`super::Journal::takes_publishes`] says so again.
    #[error("the journal has no room for it: free disk space or let consumers drain queues")]
    Full,
    /// Its segment is not prepared yet: try again when [`super::Writer::turn`] has done something.
    #[error("the journal is preparing room for it: try again")]
    NotYet,
    /// See [`Stopped`].
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// A record is larger than a segment can hold.
    #[error("a record of {size_bytes} bytes exceeds the journal's limit of {max_bytes}")]
    TooLarge {
        /// Its payload.
        size_bytes: usize,
        /// The largest payload this journal takes.
        max_bytes: usize,
    },
}

/// Why a checkpoint was not written. The one before it still stands.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CheckpointError {
    /// It claims to cover records that are not durable yet.
    #[error("a checkpoint up to lsn {} while only {} is durable", covered.0, durable.0)]
    Ahead {
        /// What it claims.
        covered: Lsn,
        /// What is durable.
        durable: Lsn,
    },
    /// The disk has no room for it; the journal goes on.
    #[error("no room for a checkpoint: {0}")]
    Full(Fault),
    /// See [`Stopped`].
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Names the operation and the file an I/O error belongs to.
pub(super) trait IoContext<T> {
    fn during(self, action: &'static str, file: &str) -> Result<T, Fault>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn during(self, action: &'static str, file: &str) -> Result<T, Fault> {
        self.map_err(|source| Fault {
            action,
            file: file.to_owned(),
            source: Arc::new(source),
        })
    }
}

impl Fault {
    /// The damage that it tells of, if it does.
    pub(super) fn corrupt(&self) -> Option<&Corrupt> {
        self.source.get_ref()?.downcast_ref()
    }

    /// Whether the disk has lost what it should have given; any other error on reading may be gone
    /// the next time.
    pub(super) fn is_loss(&self) -> bool {
        self.source.kind() == io::ErrorKind::UnexpectedEof
            || self.source.raw_os_error() == Some(Errno::IO.raw_os_error())
    }

    fn remedy(&self) -> &'static str {
        remedy(self.source.kind())
    }

    /// Whether it only means that there is no room.
    pub fn is_no_space(&self) -> bool {
        matches!(
            self.source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    }
}
