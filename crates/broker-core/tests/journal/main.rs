//! The journal against a disk that forgets, tears, fills up, fails and flips bits.

#![allow(
    clippy::unwrap_used,
    reason = "what the tests share may fail like the tests"
)]

/// Whether the journals of these tests are encrypted; see `encrypted.rs`.
const ENCRYPTED: bool = false;

mod ahead;
mod checkpoints;
mod corruption;
mod crash;
mod damage;
mod encryption;
mod encryption_pairs;
mod files;
mod follow;
mod full;
mod golden;
mod harness;
mod indexes;
mod keyring;
mod kill;
mod lies;
mod life;
mod model;
mod refusals;
mod scrub;
mod scrub_files;
mod together;
