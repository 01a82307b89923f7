//! Durability proved on the real binary: killed at any moment, on a disk that is full, on a disk
//! that fails.

mod disk_full;
mod failed_sync;
mod kill;
mod levels;
mod traffic;
