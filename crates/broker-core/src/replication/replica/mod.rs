//! A replica: one node of a group, the protocol's [`Node`](super::node::Node) joined to the journal on
//! this node's disk.
//!
//! It does the disk's work itself, through a [`Disk`](crate::journal::Disk), and nothing else: no
//! sockets, no threads, no clock. What happens elsewhere comes in as an [`Input`], what is to be done
//! elsewhere goes out as an [`Output`]. It belongs to one thread.
//!
//! # How to drive it
//!
//! ```text
//! let mut out = Vec::new();
//! let mut replica = Replica::open(config, disk, now(), &mut out)?;
//! loop {
//!     carry_out(out.drain(..));                  // packets leave, connections are opened, …
//!     replica.upkeep(now(), &mut out)?;          // what nobody waits for
//!     carry_out(out.drain(..));
//!     for input in wait_for_inputs(until: replica.next_deadline()) {   // all there are; bounded
//!         replica.on(now(), input, &mut out)?;
//!     }
//!     if now() >= replica.next_deadline() { replica.on(now(), Input::Tick, &mut out)?; }
//!     replica.settle(now(), &mut out)?;          // one sync for all, then acknowledgements
//! }
//! ```
//!
//! [`Fatal`] from any of them ends the process: what is on the disk has to be read again (rule J3).
//!
//! # What a connection owes it
//!
//! A follower calls: [`Output::Connect`] says whom, and what the first packet is, always a hello. Its
//! [`Peer`](super::frame::Peer) names the conversation on both sides; the one who is called makes it of the caller's
//! node, as its certificate says, and of the session in the hello. Packets of one conversation arrive
//! in order or the conversation ends ([`Input::Disconnected`], told once, on either side). Packets to
//! a conversation that is over are dropped. What a connection cannot take now may be held back by it
//! without a bound of its own: never more than [`ReplicaConfig::window_bytes`] and a frame are on
//! their way to a follower.
//!
//! # What an engine owes it
//!
//! After [`Output::Lead`] the driver turns the writer on a thread of its own, and tells
//! [`Input::JournalMoved`] after each turn that wrote or committed (several turns may be told by
//! one). After [`Output::StopLeading`] it closes all clients and lets the writer turn until
//! [`Turn::Closed`](crate::journal::Turn::Closed); the broker is closed already. When the writer and
//! every handle to the broker are gone it tells [`Input::EngineStopped`]. Until then the replica is
//! deaf.

mod config;
mod exchange;
mod packet;
mod status;

pub use config::{Fatal, OpenError, ReplicaConfig};
pub use exchange::{Input, News, Output};
pub use packet::{Bulk, Offer, Packet, Portion, Scrubbed};
pub use status::{BulkProgress, Notice, PeerStatus, ReplicaStatus};
