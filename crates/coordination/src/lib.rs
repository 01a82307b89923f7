//! Stores for the one record of a replicated group.
//!
//! The engine says what it needs of a store
//! ([`Coordinator`](broker_core::replication::coordinator::Coordinator)) and has a fake of its own;
//! here are the real ones: [`etcd`], [`dynamodb`], and a [`file`](mod@file) for trials on one machine. All keep the record as
//! the readable [`text`] that an operator can look at.
//!
//! `tests/it/contract.rs` holds all of them, the fake included, to the same promises.

pub mod dynamodb;
pub mod etcd;
pub mod file;
pub mod text;
