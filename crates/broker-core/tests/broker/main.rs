//! The broker as sessions and operators see it, over a simulated disk.

#![allow(
    clippy::unwrap_used,
    reason = "the kit is test code though it is no #[test] function"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "deadlines of tests are measured by the clock"
)]

/// Whether the journals of these tests are encrypted; see `encrypted.rs`.
const ENCRYPTED: bool = false;

mod access;
mod admin;
mod at_least_once;
mod bounds_of_users;
mod crash;
mod dead_letters;
mod delayed;
mod delivery;
mod draining;
mod durability;
mod encryption;
mod expiry;
mod full;
mod holding;
mod indexes;
mod kit;
mod lengths;
mod levels;
mod measures;
mod paging;
mod policies;
mod priorities;
mod routing;
mod salvage;
mod standby;
mod stream_crash;
mod streams;
mod threads;
mod topology;
mod transactions;
