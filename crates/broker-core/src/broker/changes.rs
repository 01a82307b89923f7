//! Changes of definitions: numbered, journaled and applied one at a time.

use std::sync::MutexGuard;
use std::sync::atomic::Ordering;

use super::{Broker, refuse_append};
use crate::definitions::{Expect, Stored};
use crate::journal::{Admission, AppendError, Haste, Lsn, Record};
use crate::lock::lock;
use crate::records::{self, Change, write_change};
use crate::refusal::{Reason, Refusal};

/// What changing definitions needs.
#[derive(Debug)]
pub(super) struct Changes {
    /// The next generation, which is also a new queue's number.
    pub(super) next_id: u64,
    /// Numbers below are noted in the journal as possibly used. They are reserved in blocks, so
    /// that numbers of objects the journal does not keep are not given out again after a restart.
    pub(super) reserved: u64,
    /// Changes since the last checkpoint was taken.
    pub(super) since_checkpoint: u64,
    pub(super) record: Vec<u8>,
}

/// The right to change definitions, one holder at a time.
pub(super) struct ChangeGuard<'a> {
    pub(super) broker: &'a Broker,
    pub(super) changes: MutexGuard<'a, Changes>,
}

/// Numbers reserved at a time.
const ID_BLOCK: u64 = 4096;

impl Changes {
    pub(super) fn new(next_id: u64) -> Self {
        Self {
            next_id,
            reserved: next_id,
            since_checkpoint: 0,
            record: Vec::new(),
        }
    }
}

impl Broker {
    /// Waits for its turn to change definitions.
    pub(super) fn change(&self) -> ChangeGuard<'_> {
        ChangeGuard {
            broker: self,
            changes: lock(&self.changes),
        }
    }
}

impl ChangeGuard<'_> {
    /// A number no object had before.
    pub(super) fn next_id(&mut self) -> Result<u64, Refusal> {
        if self.changes.next_id >= self.changes.reserved {
            let below = self.changes.next_id + ID_BLOCK;
            self.append(&Change::IdsReserved(below), Admission::Essential)?;
            self.changes.reserved = below;
        }
        let id = self.changes.next_id;
        self.changes.next_id += 1;
        Ok(id)
    }

    /// Journals the coming or changing of something; refused when the disk is too full.
    pub(super) fn put(&mut self, change: &Change) -> Result<Lsn, Refusal> {
        self.append(change, Admission::Ordinary)
    }

    /// Journals that all of these things went, in one record: all of them or none. Answers the
    /// position behind the last change, which covers the case of nothing to journal.
    pub(super) fn delete_together(&mut self, mut deletions: Vec<Change>) -> Result<Lsn, Refusal> {
        match deletions.len() {
            0 => Ok(self.broker.last_change()),
            1 => self.delete(&deletions.remove(0)),
            _ => self.delete(&Change::Together(deletions)),
        }
    }

    /// Journals the going of something.
    pub(super) fn delete(&mut self, change: &Change) -> Result<Lsn, Refusal> {
        self.append(change, Admission::Essential)
    }

    fn append(&mut self, change: &Change, admission: Admission) -> Result<Lsn, Refusal> {
        write_change(&mut self.changes.record, change);
        let append = |admission| {
            let record = Record {
                kind: records::CHANGE,
                admission,
                parts: &[&self.changes.record],
                body: None,
            };
            self.broker.journal.append(&record, Haste::Now)
        };
        let lsn = match append(admission) {
            // The disk has room; a change is small and need not wait for the next segment.
            Err(AppendError::NotYet) => append(Admission::Essential),
            result => result,
        }
        .map_err(|error| refuse_append(&error))?;
        self.changes.since_checkpoint += 1;
        self.broker.last_change.store(lsn.0, Ordering::Release);
        Ok(lsn)
    }
}

/// Checks what the caller expects against what is there; `thing` names the object.
pub(super) fn check_expected<T>(
    expect: Expect,
    found: Option<&Stored<T>>,
    thing: impl Fn() -> String,
) -> Result<(), Refusal> {
    let conflict = |why: String| Err(Refusal::new(Reason::Conflict, why));
    match (expect, found) {
        (Expect::Any, _) | (Expect::Absent, None) => Ok(()),
        (Expect::Absent, Some(_)) => conflict(format!("{} exists already", thing())),
        (Expect::Generation(wanted), Some(stored)) if stored.generation == wanted => Ok(()),
        (Expect::Generation(wanted), Some(stored)) => conflict(format!(
            "{} was changed meanwhile: its generation is {}, not {wanted}; read it again",
            thing(),
            stored.generation
        )),
        (Expect::Generation(_), None) => Err(Refusal::new(
            Reason::NotFound,
            format!("{} does not exist any more", thing()),
        )),
    }
}
