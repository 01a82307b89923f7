//! What a replica is told, and what it wants done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Notice, Packet};
use crate::broker::Broker;
use crate::journal::{Epoch, Lsn, Writer};
use crate::replication::coordinator::{CasOutcome, ReadError, Snapshot, Version};
use crate::replication::frame::Peer;
use crate::replication::protocol::NotNow;
use crate::replication::record::{Leader, NodeId, Nonce, Record};

/// Something that happened.
#[derive(Debug)]
pub enum Input {
    /// Time has passed: at the latest when [`Replica::next_deadline`](super::Replica::next_deadline)
    /// is reached.
    Tick,
    /// A packet came.
    Packet(Peer, Packet),
    /// A conversation has ended: its connection is gone, or could not be made.
    Disconnected(Peer),
    /// The answer to an [`Output::Read`]. There is always one.
    Read(Result<Snapshot, ReadError>),
    /// The answer to the [`Output::Cas`] of this nonce. There is always one.
    Cas(Nonce, CasOutcome),
    /// The journal of the broker that leads was written to or synced.
    JournalMoved,
    /// What [`Output::Drain`] asked for is done: clients are neither read, nor answered, nor
    /// delivered to any more. Not told if they were to go on meanwhile.
    Drained,
    /// What [`Output::StopLeading`] asked for is done: the writer is dropped, and every handle to the
    /// broker.
    EngineStopped,
    /// An operator founds the group with what this node has. Done only where the store has no record
    /// and this node has never been in a group, or where the group has ended and this node has its
    /// data; answered by [`News::Founded`] or
    /// [`News::NotFounded`].
    Found {
        /// With fewer members in sync than this nothing is acknowledged.
        min_isr: u8,
        /// Each node's address for its peers.
        endpoints: BTreeMap<NodeId, Arc<str>>,
    },
    /// An operator wants so many members in sync for anything to be acknowledged. A leader writes it to
    /// the record, unless another change is under way: to be told again until the status shows it.
    Durability(u8),
    /// An operator hands over to another node. Clients are drained first ([`Output::Drain`]), the rest
    /// follows when the other has everything; answered by [`News::SwitchedOver`] or
    /// [`News::NotSwitchedOver`].
    Resign {
        /// Who is to lead.
        to: NodeId,
        /// How long to drain and to wait for it to have everything; and how long the others then
        /// leave it to take over.
        patience: Duration,
    },
    /// An operator makes this node the only one in sync, whatever the others have: what only they
    /// have is lost. Answered by [`News::Forced`] or [`News::NotForced`].
    ForcePromote,
    /// The process is about to end: a follower asks not to be waited for.
    Leave,
}

/// Something for the driver to do, in order.
#[derive(Debug)]
pub enum Output {
    /// Open a connection to the leader, and send this as its first packet. If it cannot be opened:
    /// [`Input::Disconnected`].
    Connect {
        /// Whom to call.
        leader: Leader,
        /// Where it is, as the record says.
        address: Option<Arc<str>>,
        /// The conversation.
        to: Peer,
        /// A hello.
        packet: Packet,
    },
    /// Send a packet. Dropped if the conversation is over.
    Send {
        /// Whom to.
        to: Peer,
        /// What.
        packet: Packet,
    },
    /// End this conversation, after what was sent before, if it is still on.
    HangUp(Peer),
    /// Read the record, on a thread that may wait.
    Read,
    /// Write the record on this condition, on a thread that may wait.
    Cas {
        /// The version it must have.
        expected: Version,
        /// The record.
        record: Box<Record>,
    },
    /// This node leads: turn the writer, open the listeners.
    Lead {
        /// In this epoch.
        epoch: Epoch,
        /// Serves the clients.
        broker: Arc<Broker>,
        /// Makes it durable.
        writer: Box<Writer>,
    },
    /// This node leads no more: close the clients, then [`Input::EngineStopped`].
    StopLeading,
    /// A switchover is coming: take no more connections, read nothing from clients, and deliver nothing;
    /// answer what is owed, which comes with commits. Then [`Input::Drained`]: the other may serve at
    /// once after that. Its end is [`Self::Resume`] or [`Self::StopLeading`].
    Drain,
    /// A grant has run out: read nothing from clients, deliver and answer nothing.
    Pause,
    /// Serve again, after [`Self::Pause`] or [`Self::Drain`].
    Resume,
    /// Something to be noticed is the case now; in the status until it is not.
    Raised(Notice),
    /// It is not the case any more.
    Cleared(Notice),
    /// A line for the log.
    News(News),
}

/// What became of something, for the log and for who asked for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum News {
    /// The record was written.
    #[error("the group was founded with this node's data")]
    Founded,
    /// See [`Input::Found`].
    #[error("the group was not founded: {0}")]
    NotFounded(&'static str),
    /// The other node may take over; this one follows.
    #[error("handed over to node {0}")]
    SwitchedOver(NodeId),
    /// This node serves on, if it did before.
    #[error("not handed over: {0}")]
    NotSwitchedOver(NotNow),
    /// The record was written.
    #[error("this node is the only one in sync by an operator's word")]
    Forced,
    /// See [`Input::ForcePromote`].
    #[error("not forced: {0}")]
    NotForced(&'static str),
    /// What the journal had from there on is given up: the leader's history does not have it.
    #[error("cut the journal off at lsn {}", .0.0)]
    Truncated(Lsn),
    /// It is to be refilled whole.
    #[error("set the journal aside: the leader's history has too little of it to go on with")]
    SetAside,
    /// What the disk had was thrown away, to be filled again by a leader.
    #[error("started over with an empty journal")]
    StartedOver,
    /// The journal now begins where the leader's does.
    #[error("took a checkpoint of lsn {}; records from lsn {} on are to follow", covered.0, front.0)]
    Installed {
        /// What the checkpoint stands for.
        covered: Lsn,
        /// The first record to come.
        front: Lsn,
    },
    /// The transfer of a checkpoint came to nothing; it is tried again.
    #[error("the transfer of a checkpoint was broken off: {0}")]
    BulkBrokenOff(&'static str),
}
