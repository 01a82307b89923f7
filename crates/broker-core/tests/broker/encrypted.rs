//! Some of the same tests once more, of brokers whose journal is encrypted.

#![allow(
    clippy::unwrap_used,
    reason = "the kit is test code though it is no #[test] function"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "deadlines of tests are measured by the clock"
)]
#![allow(
    dead_code,
    reason = "the kit is for all tests, and here are some of them"
)]

/// See `main.rs`.
const ENCRYPTED: bool = true;

mod crash;
mod dead_letters;
mod kit;
mod paging;
mod standby;
mod stream_crash;
mod streams;
mod transactions;
