//! The fault campaign: the built agents at work in networks and on disks of their own, while
//! processes are killed and frozen, cables are cut and lose packets, disks fill up, fail, lie and lose
//! power, clocks are stepped, and the store dies, freezes and is restored from an old backup.
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
//! | what fails | [faults](fault::Fault) |
//! | --- | --- |
//! | processes | `kill`, `freeze`, `restart`; a `switchover` that is asked for, alone or during any other fault |
//! | networks | `cut-all`, `cut-clients`, `cut-pair`, `cut-store`, in one direction or both; `slow-clients`, `slow-pair`; `loss` of 1 to 30 % of packets; `break-clients` |
//! | disks | `disk-full`, `sync-fails`, `flip`, `wipe`; `power-cut`: all is gone that the file system had not given to the disk. A disk that loses what it said it has flushed is not among them |
//! | clocks | `clock-step`: the time of day of one node or both, up to an hour forth or back. The clocks that leases are counted on cannot be stepped |
//! | the store | `store-down`, `store-frozen`, `store-killed`; `store-rolled-back`: restored from a backup of before the last election. The pair serves on and says so; a node that starts again does not lead before the store is set right |
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
