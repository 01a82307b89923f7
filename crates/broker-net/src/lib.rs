//! Where tokio and rustls meet the engine.
//!
//! `broker-core` knows what to do with bytes; this crate moves them. It binds listeners, accepts
//! connections within bounds, speaks TLS, drives one session per connection, runs password checks
//! on a small pool, and owns the thread that writes the journal.
//!
//! What it is deliberately not: it understands no protocol (a session does), it holds no queue and
//! decides no right, and it reads no configuration; whoever embeds it hands over typed values.
//!
//! # One message's path
//!
//! A connection's task reads what its socket holds, once per turn, into one buffer. The session
//! takes all whole frames out of it as one batch and appends its answers to one output buffer,
//! which is written in one go at the start of the next turn. A publish that must be durable wakes
//! the journal's writer thread; when its sync returns, the broker rings the [`Doorbell`] of each
//! connection with something to be confirmed or delivered, and that connection's task takes a turn.
//!
//! [`Doorbell`]: doorbell::Doorbell

mod admission;
mod brake;
mod buffers;
mod certificate;
mod connection;
mod doorbell;
mod driver;
mod error;
mod journal_thread;
mod listener;
mod logins;
pub mod replication;
mod scrub;
mod server;
mod throttle;
mod timers;

pub use admission::AdmissionLimits;
pub use certificate::UserFrom;
pub use error::{FatalError, StartError};
pub use listener::{Endpoint, ListenerConfig, Protocol, Tls};
pub use server::{Deadlines, Options, Server};
