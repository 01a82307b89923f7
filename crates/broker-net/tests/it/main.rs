//! Sockets for real: a server on a free loopback port, and a client that speaks `wire`.

#![allow(
    clippy::unwrap_used,
    reason = "the kit is test code though it is no #[test] function"
)]

mod bad_input;
mod bounds;
mod broken_disk;
mod certificates;
mod corpus;
mod kit;
mod listeners;
mod logins;
mod messages;
mod replication;
mod restart;
mod scrub;
mod timers;
mod tls;
