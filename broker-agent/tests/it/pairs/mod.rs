//! Two agents and a broker on both of them.

mod bad_input;
#[path = "../../../../crates/coordination/tests/it/cluster.rs"]
#[expect(dead_code, reason = "the store's own tests ask more of it")]
mod cluster;
mod durability;
mod encryption;
mod etcd;
mod kit;
mod life;
mod mistakes;
mod single;
