//! One node of a group of brokers: sockets and threads around a
//! [`Replica`](broker_core::replication::replica::Replica).
//!
//! A [`ReplicationListener`] takes the connections of other nodes, for all groups of one agent. A
//! [`Replicated`] is this node's part in one group: while it leads, it runs a [`Server`](crate::Server);
//! while it does not, it follows whoever leads, and no client can connect.
//!
//! # Who does what
//!
//! ```text
//! client ── Driver ── Broker ── journal's thread ──┐ moved
//!                                                  v
//! store ── its thread ── answers ──>  Inbox ──> Worker (thread, owns the Replica)
//!                                      ^             │ packets, Connect, Lead, Pause …
//! other node ══ TLS ══ link's tasks ───┘ <───────────┴──> Engine (task, owns the Server)
//! ```
//!
//! - `worker`: the thread. Takes all that waits in its `inbox` as one batch, lets the replica act on
//!   it, syncs once, and carries out what comes of it. It never waits for a socket or a store.
//! - `link`: one connection with another node, dialled (`dial`) or taken (`listener`); its bytes are
//!   read, checked and encoded there, on tokio's threads.
//! - `engine`: starts and stops the server when the worker says so.
//! - `store`: makes the calls to the coordination store, which may block.
//!
//! # Who is let in
//!
//! Both ends show a certificate of the fleet's authority, by TLS 1.3. The one who calls says which
//! node of which group it is; its certificate has to be good for the host that the group's
//! configuration gives for that node. The one who is called is checked in the same way. Whoever is
//! refused is told why, and the log has a line about it once a minute for each reason and peer; for a while,
//! [`Replicated::refused`] says so too.

mod address;
mod clock;
mod config;
mod dial;
mod drain;
mod engine;
mod inbox;
mod limited_log;
mod link;
mod listener;
mod refusals;
mod replicated;
mod store;
mod worker;

pub use address::BadAddress;
pub use config::{ReplicatedConfig, ReplicationTls};
pub use listener::ReplicationListener;
pub use replicated::{OperationError, Replicated, ReplicatedError};
