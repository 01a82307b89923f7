//! The fault campaign: the built agents at work in networks and on disks of their own, while
//! processes are killed and frozen, cables are cut, disks fill up, fail and lie.
//!
//! A campaign is a row of cycles: clients at work, a [`fault`], its end, everything in sync again,
//! all queues drained, and the books checked. Everything that is chosen follows from a seed.
//!
//! - [`fault`] draws, [`strike`] carries out, on the [`stage`] that was made for it: agents, members
//!   of etcd, network namespaces, disks, and a [`proxy`] on each link.
//! - [`workload`] is the clients. They connect again by themselves, to whichever node serves.
//! - [`ledger`], [`definitions`] and [`serving`] are the checkers, plain code with tests that show
//!   that they fail when they should: nothing acknowledged is lost, nothing comes that was not sent,
//!   in order, twice only if marked; and never do two nodes serve for longer than they may.
//! - [`timeline`] measures how long publishers had to wait; [`report`] tells.
//!
//! What it is deliberately not: a simulation (real processes, real time; a seed gives the same faults
//! again, not the same moments), or a test of clients (its own say exactly what they were told).

pub mod campaign;
pub mod chance;
mod cycle;
pub mod definitions;
pub mod fault;
pub mod ledger;
pub mod proxy;
pub mod report;
pub mod serving;
mod stage;
mod strike;
pub mod timeline;
mod workload;
