//! The framework under the real Terraform: the example providers from nothing to destruction. What
//! that Terraform is too old for is asked over the wire as a newer one would.

// Clippy takes only `#[test]` functions for tests; here everything is one.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "shared with the transport tests")]
#[path = "../transport/terraform.rs"]
mod client;
mod debug;
mod docs;
#[allow(dead_code, reason = "shared with the transport tests")]
#[path = "../transport/identity.rs"]
mod identity;
mod lifecycle;
mod lockers;
mod manners;
mod minimal;
mod nested;
mod readme;
mod terraform;
mod wire;
