//! A node's disk: a log of entries, each with its epoch, of which a part is synced, and a vow.

use broker_core::journal::{Epoch, Lsn, StoreId};
use broker_core::replication::epochs::EpochTable;
use broker_core::replication::protocol::{LogView, Vow};
use broker_core::replication::record::{Member, NodeId};

/// One published record: who wrote it when, and which publish it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// The leader's epoch.
    pub epoch: Epoch,
    /// Counts publishes.
    pub id: u8,
}

/// A disk. An entry's lsn is its index, the first is 0.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Disk {
    /// Rises when it is replaced.
    pub generation: u8,
    /// Durable as soon as it is saved.
    pub vow: Vow,
    /// Everything written.
    pub entries: Vec<Entry>,
    /// So many of them survive a crash.
    pub synced: usize,
    /// Recovery will find that something is missing at the end.
    pub damaged: bool,
    /// So many entries were synced when some were taken away behind the node's back; 0 when the
    /// disk has as many again.
    pub robbed: usize,
}

impl Disk {
    /// Empty, and the so many-th of its node.
    pub fn new(generation: u8) -> Self {
        Self {
            generation,
            vow: Vow::default(),
            entries: Vec::new(),
            synced: 0,
            damaged: false,
            robbed: 0,
        }
    }

    /// The member that a node is with this disk.
    pub fn member(&self, node: NodeId) -> Member {
        let mut store = [0; 16];
        store[0] = self.generation;
        store[1] = u8::try_from(node.0).expect("few nodes");
        Member {
            node,
            store: StoreId(store),
        }
    }

    /// What recovery finds.
    pub fn log(&self) -> LogView {
        let mut epochs = EpochTable::default();
        for (index, entry) in self.entries.iter().enumerate() {
            if index == 0 || self.entries[index - 1].epoch != entry.epoch {
                epochs.begin(entry.epoch, Lsn(index as u64));
            }
        }
        let end = Lsn(self.entries.len() as u64);
        LogView {
            front: Lsn(0),
            end,
            durable: Lsn(self.synced as u64),
            epochs,
        }
    }

    /// The node dies and only so many entries are found again.
    pub fn cut(&mut self, kept: usize) {
        self.entries.truncate(kept);
        self.synced = kept;
    }

    /// The entries of this range.
    pub fn range(&self, from: Lsn, end: Lsn) -> Vec<Entry> {
        let at = |lsn: Lsn| usize::try_from(lsn.0).expect("few entries");
        self.entries[at(from)..at(end)].to_vec()
    }
}
