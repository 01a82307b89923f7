//! The journal against a disk that forgets, tears, fills up, fails and flips bits.

mod checkpoints;
mod corruption;
mod crash;
mod damage;
mod files;
mod full;
mod golden;
mod harness;
mod kill;
mod life;
mod model;
