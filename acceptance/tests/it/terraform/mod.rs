//! The real Terraform with the built provider against a running agent.

mod bad_values;
mod bounds;
mod drift;
mod durability;
mod encryption;
mod failure;
pub(crate) mod fixture;
mod import;
mod lifecycle;
mod modules;
mod moves;
mod names;
mod observing;
mod pair_demo;
mod pairs;
pub(crate) mod plugin;
mod policies;
mod quickstart;
mod readme;
mod safety;
pub(crate) mod scale;
mod schema;
mod secrets;
mod socket;
