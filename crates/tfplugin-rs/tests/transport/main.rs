//! Integration tests of the transport: the generated code, and a real child
//! process driven the way Terraform drives a provider.

#![allow(
    clippy::unwrap_used,
    reason = "what the tests share may fail like the tests"
)]

mod ending;
mod generated;
mod identity;
mod security;
mod start;
mod terraform;
mod work;
