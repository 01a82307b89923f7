//! The one record of a group: who leads, in which epoch, and who is in sync.
//!
//! It lies in a [`Coordinator`](super::coordinator::Coordinator) and changes only by
//! compare-and-swap. It is small and changes only when membership does, so no message waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::journal::{Epoch, Lsn, StoreId};

/// A node's number within its group, fixed when the group is made. Names and addresses are in
/// [`Record::endpoints`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u16);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Random, drawn at every start of a process: tells the lives of one node apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

/// A copy of the group's data: a node *with the disk it had*. The same node with a new or restored
/// disk is another member (rule F9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// The node.
    pub node: NodeId,
    /// The journal on its disk.
    pub store: StoreId,
}

/// Who leads: a node in one of its lives. A restarted leader is not this one any more (rule F11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leader {
    /// The node.
    pub node: NodeId,
    /// Its life.
    pub incarnation: Incarnation,
}

/// Marks one intended change of the record, so that its author knows it again after an answer was
/// lost. Unique because an incarnation counts its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce {
    /// The author's life.
    pub incarnation: Incarnation,
    /// Counts its changes from 1.
    pub count: u64,
}

/// A place in the group's history: the epoch of the record that ends at `lsn`, and `lsn`. Two logs
/// that have the same position have the same records below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// Epoch of the record just before `lsn`; 0 where nothing is.
    pub epoch: Epoch,
    /// End of that record.
    pub lsn: Lsn,
}

/// A planned switchover under way: the old leader has resigned in favour of `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Transfer {
    /// Who may be elected without waiting out the grace.
    pub to: NodeId,
    /// How long the others leave it to `to`, in milliseconds, each counting from when it first read
    /// this. A duration and not a time of day: nodes' clocks need not agree.
    pub patience_ms: u64,
}

/// What the group is to a group in another region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegionRole {
    /// It takes clients.
    Primary,
    /// It follows another region.
    Replica,
    /// It was primary and is handing over.
    Demoting,
}

/// The group's part between regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region {
    /// What the group is.
    pub role: RegionRole,
    /// Rises by one with every change of primary region.
    pub generation: u64,
}

/// The newest record format this code writes and the newest it reads.
pub const FORMAT_VERSION: u16 = 1;

/// The record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Record {
    /// Who wrote it, and which of its writes it was.
    pub writer_nonce: Nonce,
    /// Rises by one with every election.
    pub epoch: Epoch,
    /// Who leads this epoch. `None` before the first election and during a switchover.
    pub leader: Option<Leader>,
    /// Members that have everything acknowledged; one of them is the next leader. Empty only when the
    /// group has ended, so that nobody is elected.
    pub isr: BTreeSet<Member>,
    /// With fewer in sync than this nothing is acknowledged (rule F12).
    pub min_isr: u8,
    /// A switchover under way.
    pub transfer: Option<Transfer>,
    /// Something that was committed when this was written. Who does not have it has lost synced
    /// data, and may not lead (rule F2).
    pub commit_hint: Position,
    /// The part between regions.
    pub region: Region,
    /// The format all nodes write, in records and in the journal, until it is raised on purpose.
    pub format_version: u16,
    /// Each node's address for its peers.
    pub endpoints: BTreeMap<NodeId, Arc<str>>,
    /// The epoch in which the group was founded with data that is older than it; 0 if there was none.
    /// Whoever has promised no later one knows the data from a group that has ended, at best.
    pub founded: Epoch,
    /// The group is no more: this member alone has its data, which is a single broker's now. Only it
    /// may found the group again.
    pub ended: Option<Member>,
    /// Fields this release does not know, as name and JSON text: written back as they were read.
    pub unknown: BTreeMap<Arc<str>, Arc<str>>,
}

impl Record {
    /// The first record of a group: nobody leads, and whoever has the data is in sync.
    pub fn founding(
        author: Incarnation,
        isr: BTreeSet<Member>,
        min_isr: u8,
        endpoints: BTreeMap<NodeId, Arc<str>>,
    ) -> Self {
        Self {
            writer_nonce: Nonce {
                incarnation: author,
                count: 0,
            },
            epoch: Epoch(0),
            leader: None,
            isr,
            min_isr,
            transfer: None,
            commit_hint: Position::default(),
            region: Region {
                role: RegionRole::Primary,
                generation: 1,
            },
            format_version: FORMAT_VERSION,
            endpoints,
            founded: Epoch(0),
            ended: None,
            unknown: BTreeMap::new(),
        }
    }

    /// The record of a group that `survivor`, the only member in sync, brings to its end. It stays in
    /// the store, where it tells members that come back, and keeps late writes from being carried out.
    /// Its epoch is later than any in which somebody led.
    pub fn ended(self, survivor: Member, nonce: Nonce) -> Self {
        Self {
            writer_nonce: nonce,
            epoch: Epoch(self.epoch.0 + 1),
            leader: None,
            isr: BTreeSet::new(),
            transfer: None,
            ended: Some(survivor),
            ..self
        }
    }

    /// Whether this life of this node leads.
    pub fn is_led_by(&self, node: NodeId, incarnation: Incarnation) -> bool {
        self.leader == Some(Leader { node, incarnation })
    }
}
