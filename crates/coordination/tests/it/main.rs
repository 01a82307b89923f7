//! The stores, held to one contract; etcd as it really is, three members on loopback.

#![allow(clippy::unwrap_used)]

mod cluster;
mod contract;
mod etcd;
mod fake;
mod file;
mod generated;
