//! What replication asks of the store that holds its record: consistent reads and conditional
//! writes, nothing more.
//!
//! Deliberately not asked for: leases, watches, transactions over several keys, an order between
//! versions. So etcd, DynamoDB, an object store with `If-Match` and a file can all be one.

use std::fmt;
use std::sync::Arc;

use super::record::Record;

/// Which write of the record one has seen. Only equality means anything.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(Option<Arc<str>>);

impl Version {
    /// Of a record that does not exist; a write that expects it creates the record.
    pub const ABSENT: Self = Self(None);

    /// The store's own word for a version: a revision, an entity tag.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(Some(text.into()))
    }

    /// The store's word, or `None` for [`Self::ABSENT`].
    pub fn text(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => write!(f, "v{text}"),
            None => f.write_str("absent"),
        }
    }
}

/// The record as it was at one moment between a read's beginning and its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// The record, if there is one.
    pub record: Option<Record>,
    /// Its version, for the next write.
    pub version: Version,
}

/// What became of a conditional write.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CasOutcome {
    /// It was carried out; the record now has this version.
    Applied(Version),
    /// It was not and will not be carried out: the version is another.
    Conflict,
    /// Nobody knows: it may have been carried out, may be later, or never. The author reads the
    /// record and looks for its nonce.
    Unknown,
}

/// A read that brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The store did not answer in time, or refused.
    #[error("the coordination store cannot be reached: {0}")]
    Unreachable(String),
    /// There is a record, and this release cannot read it: newer, or not a record at all.
    #[error("the coordination record cannot be read: {0}")]
    Unreadable(String),
}

/// A store for the record of one group.
///
/// Calls block, within a bound that the implementation was given: whoever drives the state machine
/// makes them on a thread that may wait. Implementations do not retry a [`cas`](Self::cas).
pub trait Coordinator: Send + Sync {
    /// The newest record: every write whose [`CasOutcome::Applied`] was returned before the call,
    /// by anyone, is seen.
    ///
    /// # Errors
    /// [`ReadError`] if there was no usable answer. A missing record is no error.
    fn read(&self) -> Result<Snapshot, ReadError>;

    /// Writes the record if its version is still `expected`, durably. Of all writes that expect the
    /// same version, at most one is ever applied.
    fn cas(&self, expected: &Version, record: &Record) -> CasOutcome;
}
