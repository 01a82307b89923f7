//! The test kit: starts the built binaries, drives the real `terraform` and stock clients, and
//! waits for what they do.
//!
//! The tests themselves are in `tests/it` (one binary, a module per theme) and `tests/tidy` (house
//! rules on the sources). Nothing here knows the insides of the product: brokers are processes that
//! print a line when ready, agents are processes with a configuration file, and Terraform and the
//! clients are whatever a user would install.
//!
//! - [`binaries`] finds the release build, [`process`] runs and kills it.
//! - [`dev::DevBroker`] is `broker-agent dev`; [`agent::Agent`] is `broker-agent init` and `serve`.
//! - [`aws::StandIn`] is what hosts are made in instead of AWS, and
//!   [`machines::Machines`] boots its instances.
//! - [`rabbitmq::RabbitMq`] is the broker that ours is compared with.
//! - [`terraform::Workspace`] is one directory with a configuration and the commands on it.
//! - [`python`], [`node`], [`java`], [`go`] and [`debian`] prepare the clients, kept in the [`cache`];
//!   [`prerequisite`] decides what happens when one cannot be had: the test fails and says how to
//!   get it, unless the person who started the run left it out by name.
//! - [`etcd::Etcd`] is a store in which the nodes of a pair agree.
//! - [`cable::Cable`] lies between a client and a broker, to be cut.
//! - [`ledger`] keeps account of every message over crashes and says whether one was lost.
//! - [`small_disk::SmallDisk`] is a disk that can be filled up.
//! - [`poll`] waits for a condition with a deadline. Nothing else in the tests waits.

pub mod agent;
pub mod aws;
pub mod binaries;
pub mod cable;
pub mod cache;
pub mod debian;
pub mod dev;
pub mod etcd;
pub mod go;
pub mod java;
pub mod ledger;
pub mod machines;
pub mod node;
pub mod poll;
pub mod ports;
pub mod prerequisite;
pub mod process;
pub mod python;
pub mod rabbitmq;
pub mod raw;
pub mod small_disk;
pub mod terraform;
