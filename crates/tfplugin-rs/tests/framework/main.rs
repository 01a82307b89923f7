//! The framework under the real Terraform: the example providers from nothing to destruction.

// Clippy takes only `#[test]` functions for tests; here everything is one.
#![allow(clippy::unwrap_used)]

mod lifecycle;
mod nested;
mod terraform;
