//! The provider against a real broker agent, driven as Terraform drives it.

#![expect(
    clippy::unwrap_used,
    reason = "what the tests share may fail like the tests"
)]

mod agent;
mod binding;
mod broker;
mod docs;
mod exchange;
mod limits;
mod lists;
mod moves;
mod pair;
mod pair_plans;
mod permission;
mod policy;
mod proxy;
mod queue;
mod reach;
mod renewal;
mod schema;
mod typed;
mod user;
mod vhost;
