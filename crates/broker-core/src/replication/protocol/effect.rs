//! What the state machine wants done.

use super::Vow;
use crate::journal::{Epoch, Lsn};
use crate::replication::coordinator::Version;
use crate::replication::frame::{Append, Frame, Peer};
use crate::replication::record::{Leader, NodeId, Record};

/// Something for the driver to do, in order: see [the module's page](super).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Make this durable.
    Save(Vow),
    /// Cut the journal off here.
    Truncate(Lsn),
    /// Append to the journal the records that came with the frame just handled, after checking
    /// them. If they are damaged: end the conversation and [`super::Protocol::on_poll`].
    Write,
    /// Replace the journal by what this peer offers, then [`super::Protocol::on_restored`].
    Fetch(Peer),
    /// The leader's history has too little of the journal to go on with it: use it no more, and leave it
    /// on the disk until a leader gives something else. Then [`super::Protocol::on_restored`] with a
    /// journal that is empty.
    SetAside,
    /// Open a connection to the leader and send it the frame, as this conversation.
    Connect {
        /// Whom to call.
        leader: Leader,
        /// The conversation and its first words.
        to: Peer,
        /// A hello.
        frame: Frame,
    },
    /// Send a frame. Dropped if the conversation is over.
    Send {
        /// Whom to.
        to: Peer,
        /// What.
        frame: Frame,
    },
    /// Read these records from the journal and send them, in as many frames of whole records as
    /// suits.
    Ship {
        /// Whom to.
        to: Peer,
        /// Which.
        append: Append,
    },
    /// End this conversation, if it is still on.
    HangUp(Peer),
    /// Read the record: [`super::Protocol::on_read`].
    Read,
    /// Write the record: [`super::Protocol::on_cas`] with its nonce.
    Cas {
        /// On this condition.
        expected: Version,
        /// The record.
        record: Box<Record>,
    },
    /// This node leads now: replay to the end, append in this epoch, open the listeners.
    Lead(Epoch),
    /// This node does not lead any more: close the clients, append nothing.
    StopLeading,
    /// It leads, but a grant has run out: read nothing from clients, deliver and answer nothing.
    Pause,
    /// Its grants are valid again.
    Resume,
    /// All below is committed: a leader releases replies, a standby applies.
    Commit(Lsn),
    /// Someone should look at this.
    Alarm(Alarm),
}

/// What should not happen, and what this node does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Alarm {
    /// It serves nobody and follows nobody.
    #[error("the group has ended: node {0} went on alone, as a single broker")]
    GroupEnded(NodeId),
    /// Nobody is elected.
    #[error("the group's record is gone from the coordination store")]
    RecordGone,
    /// It is ignored.
    #[error("the group's record says epoch {}, this node has promised {}: the store was rolled back", found.0, promised.0)]
    RecordRolledBack {
        /// In the record.
        found: Epoch,
        /// By this node.
        promised: Epoch,
    },
    /// It is turned away.
    #[error("node {node} leads epoch {offered}, and this node has promised epoch {promised}: that reign is past", offered = .offered.0, promised = .promised.0)]
    PastEpoch {
        /// Who leads it.
        node: NodeId,
        /// Its epoch.
        offered: Epoch,
        /// By this node.
        promised: Epoch,
    },
    /// This node does not lead before it is refilled.
    #[error("the journal lacks records that were committed on this disk: it was rolled back")]
    Regressed,
    /// This node does not lead before it is refilled.
    #[error("the journal is damaged")]
    Damaged,
    /// This node does not follow that leader.
    #[error("a leader asked to give up records from {} on, but all below {} is committed", to.0, committed.0)]
    TruncatesCommitted {
        /// Where to cut.
        to: Lsn,
        /// What is committed.
        committed: Lsn,
    },
}
