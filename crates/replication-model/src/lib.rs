//! Explores everything a small group of nodes can do, with the broker's own state machine.
//!
//! Two models. [`exploration`] has no time: timeouts fire whenever they like, frames arrive in any
//! order, twice or never, the store decides late or answers nothing, nodes crash, disks vanish. It
//! shows that nothing acknowledged is lost. What a node does is decided by
//! [`broker_core::replication::protocol::Protocol`] itself; there is no second description of it
//! here, only of disks, wire and store.
//!
//! A rule of the protocol can be left out ([`rules::Without`]): then the exploration must find what
//! goes wrong, or it proves nothing about that rule.

pub mod bounds;
pub mod catalogue;
pub mod disk;
pub mod exploration;
pub mod grants;
pub mod group;
pub mod properties;
pub mod rules;
pub mod run;
pub mod store;
