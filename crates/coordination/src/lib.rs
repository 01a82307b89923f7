//! Stores for the one record of a replicated group.
//!
//! The engine says what it needs of a store
//! ([`Coordinator`](broker_core::replication::coordinator::Coordinator)) and has a fake of its own;
//! here are the real ones: [`etcd`], and a [`file`](mod@file) for trials on one machine. Both keep the record as
//! the readable [`text`] that an operator can look at.
//!
//! `tests/it/contract.rs` holds all of them, the fake included, to the same promises.

pub mod etcd;
pub mod file;
pub mod text;
