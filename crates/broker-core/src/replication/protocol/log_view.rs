//! What the protocol knows of a journal: where it ends, and who wrote it.

use crate::journal::Lsn;
use crate::replication::epochs::EpochTable;
use crate::replication::record::Position;

/// A journal, seen from far.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogView {
    /// The oldest record still there; what was before is in a checkpoint.
    pub front: Lsn,
    /// End of what was appended.
    pub end: Lsn,
    /// End of what is on the disk.
    pub durable: Lsn,
    /// Who wrote it, from the origin on.
    pub epochs: EpochTable,
}

impl LogView {
    /// Whether the disk has this position of the group's history.
    pub fn holds(&self, position: Position) -> bool {
        self.durable >= position.lsn && self.epochs.position(position.lsn) == position
    }

    /// Gives up what is at `end` and behind it.
    pub(super) fn truncate(&mut self, end: Lsn) {
        self.end = end;
        self.durable = self.durable.min(end);
        self.epochs.cut(end);
    }
}
