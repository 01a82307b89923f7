//! What the nodes of a group say to each other.
//!
//! These are the meanings; bytes are another matter. What a connection settles once, before the
//! state machine hears of it, is not here: cluster, group, versions of protocol and format. Records
//! travel with an [`Append`] but are not in it: the state machine needs only where they lie.

use super::epochs::EpochTable;
use super::record::{Incarnation, Member, NodeId, Position};
use crate::journal::{Epoch, Lsn};

/// One conversation between a follower and a leader: one connection's. The follower opens it with a
/// new one for each [`Hello`]; frames of another conversation than the current one are not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session {
    /// The follower's life.
    pub incarnation: Incarnation,
    /// Counts its conversations from 1.
    pub count: u64,
}

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Frame {
    /// Follower: I am here, and this is what I have.
    Hello(Hello),
    /// Leader: follow me, from here.
    Welcome(Welcome),
    /// Either: not with me.
    Reject(Reject),
    /// Leader: records.
    Append(Append),
    /// Follower: all below is on my disk.
    Ack {
        /// The leader's epoch.
        epoch: Epoch,
        /// End of what is durable.
        durable: Lsn,
    },
    /// Leader: I am alive; grant me the right to serve.
    Heartbeat(Heartbeat),
    /// Follower: I shall not campaign for the grace.
    Grant {
        /// The heartbeat's `sent_at`, returned.
        sent_at: u64,
    },
    /// Follower: do not wait for me; I am going down, or my disk is full.
    Leave,
    /// Leader: I have resigned in your favour.
    Transfer {
        /// The epoch that is over.
        epoch: Epoch,
    },
}

/// What a follower has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hello {
    /// The follower and its disk.
    pub member: Member,
    /// The highest epoch it has promised itself to.
    pub promised: Epoch,
    /// End of its log, synced or not.
    pub end: Lsn,
    /// Who wrote its log.
    pub epochs: EpochTable,
}

/// How a follower gets from what it has to what its leader has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CatchUp {
    /// It gives up what it has from there on, and gets the records that belong there.
    From(Lsn),
    /// What it lacks is no longer in the leader's log: it fetches checkpoint and segments, and says
    /// hello again with those.
    Whole,
}

/// A leader's answer to a hello.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Welcome {
    /// The leader's epoch.
    pub epoch: Epoch,
    /// Where to begin.
    pub catch_up: CatchUp,
    /// End of the leader's log: a follower that has all below it has everything ever acknowledged
    /// before this moment.
    pub end: Lsn,
}

/// A refusal, and the highest epoch the one who refuses knows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reject {
    /// If it is above the receiver's, the receiver's reign is over.
    pub known_epoch: Epoch,
}

/// Whole records of one epoch, from `prev.lsn` to `end`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Append {
    /// The leader's epoch.
    pub epoch: Epoch,
    /// The position the records follow.
    pub prev: Position,
    /// The epoch they were written in.
    pub written_in: Epoch,
    /// Where they end.
    pub end: Lsn,
    /// All below is committed.
    pub committed: Lsn,
}

/// A sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Heartbeat {
    /// The leader's epoch.
    pub epoch: Epoch,
    /// The leader's own clock when it was sent, in nanoseconds. Comes back in the grant, so that
    /// the lease is counted from then; means nothing to anyone else.
    pub sent_at: u64,
    /// All below is committed.
    pub committed: Lsn,
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer {
    /// The node, as its certificate says.
    pub node: NodeId,
    /// The conversation.
    pub session: Session,
}
