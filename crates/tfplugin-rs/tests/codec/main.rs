//! What the codecs promise, with every allocation counted.

// Clippy takes only `#[test]` functions for tests; here everything is one.
#![allow(clippy::unwrap_used)]

#[path = "../../fuzz/promises.rs"]
#[allow(unreachable_pub, reason = "shared with the fuzz target")]
mod promises;

mod allocation;
mod hostile;
mod large;
mod mutation;
