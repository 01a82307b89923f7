//! The same tests once more, of journals that are encrypted.

#![allow(
    clippy::unwrap_used,
    reason = "what the tests share may fail like the tests"
)]

/// See `main.rs`.
const ENCRYPTED: bool = true;

mod ahead;
mod checkpoints;
mod corruption;
mod crash;
mod damage;
mod files;
mod follow;
mod full;
mod harness;
mod indexes;
mod kill;
mod lies;
mod life;
mod model;
mod scrub;
mod scrub_files;
mod together;
