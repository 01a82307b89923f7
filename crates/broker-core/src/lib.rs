//! The broker engine of FerryMQ: routing, queues, sessions, journal, access.
//!
//! What it is deliberately not: it has no async, no sockets, no TLS, no gRPC and no cloud; it does
//! not look at the clock or the file system by itself. Time comes in as an argument or from a
//! [`clock::Clock`], the disk as a [`journal::Disk`], randomness from the operating system through one function. `broker-net`
//! drives it, `broker-agent` configures it.
//!
//! # One message's path
//!
//! `broker-net` reads bytes from a socket and hands them to a `session`, the state machine of one
//! connection. The session asks `wire` for frames and turns them into neutral calls on an
//! `Attachment`: *publish, consume, settle, declare, bind*. A publish is routed by the
//! virtual host's exchanges to a set of queues; a persistent message is appended to the
//! [`journal`]; the queue holds it back until the journal has synced past it. One `fdatasync`
//! serves everyone who waits: the journal's writer then calls the broker, which lets the queues
//! deliver and wakes the connections whose confirms are due. Deliveries travel through the
//! [`outbox::Outbox`] of the consumer's connection, once per batch, and leave as frames
//! from that connection's session.
//!
//! # Who may know whom
//!
//! `session` knows `broker` and `wire`. `admin` is the operator's door to `broker`. `broker` knows
//! `queue`, `routing`, `access`, `records`, `account` and `journal`, and carries out what they
//! decide. `replication` knows the positions of `journal` and nothing else, but for
//! its `replica`, which works on `journal` and holds the `broker` that leads.
//! `queue`, `routing`, `access`, `records` and `journal` know neither each other nor
//! sessions; they share the plain data of `call`, `death`, `definitions`, `message`, `metrics`, `rules` and `value`. `death`, `delay` and
//! `message` know `wire` as well: what is added to a message is written in its own encoding. Locks and
//! their order are in `lock`.

pub mod access;
mod account;
pub mod admin;
mod arguments;
pub mod broker;
pub mod call;
pub mod clock;
mod death;
pub mod definitions;
mod delay;
pub mod durability;
mod expiration;
mod expression;
mod field_table;
mod interval;
pub mod journal;
pub mod limits;
mod lock;
pub mod log;
pub mod message;
pub mod metrics;
mod names;
mod number_hash;
pub mod outbox;
mod policy;
mod queue;
mod queue_kind;
mod records;
pub mod refusal;
pub mod replication;
mod routing;
mod rules;
pub mod session;
mod stream_start;
pub mod value;
