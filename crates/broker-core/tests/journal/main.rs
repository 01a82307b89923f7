//! The journal against a disk that forgets, tears, fills up, fails and flips bits.

#![allow(
    clippy::unwrap_used,
    reason = "what the tests share may fail like the tests"
)]

mod ahead;
mod checkpoints;
mod corruption;
mod crash;
mod damage;
mod files;
mod follow;
mod full;
mod golden;
mod harness;
mod indexes;
mod kill;
mod lies;
mod life;
mod model;
mod refusals;
mod scrub;
mod scrub_files;
mod together;
