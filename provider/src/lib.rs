//! The Terraform provider `ferrymq/ferrymq`: brokers and everything inside them, declared.
//!
//! One file per resource ([`resources`]), data source ([`data_sources`]) and function
//! ([`functions`]); each resource's file reads from its model (which is its schema) through create,
//! read, update, delete and import to the conversions. The rest is what they share:
//!
//! - [`provider`](mod@provider): the provider block; [`credentials`]: what it leads to.
//! - [`agents`]: one connection per agent and process, made when it is first needed.
//! - [`aws`](mod@aws): how AWS is reached, for hosts; the crate `cloud-aws` does the reaching.
//! - [`id`]: the ids of all objects, each a type that parses and prints.
//! - [`object`]: what all objects inside a broker do alike.
//! - [`failure`]: how a failed call becomes one diagnostic at the right attribute.
//! - [`check`]: plans that the agent looks at.
//! - [`deletion`]: what must not be destroyed while it holds messages.
//! - [`listing`]: lists of the contract, for data sources of several objects.
//! - [`pair`]: brokers on two nodes, of which one serves.
//! - [`renewal`]: what has to be made anew because something else is.
//! - [`arguments`]: typed arguments between Terraform's values and the contract's; [`typed`]: those
//!   that have an attribute of their own.
//!
//! # One resource's path
//!
//! Terraform's call arrives in `tfplugin-rs`, which turns wire values into the resource's model and
//! calls the resource here. The resource asks [`agents`] for the agent its `broker` names, sends one
//! request of `agent-api`, and turns the answer back into a model. What the broker does with it, and
//! which names and arguments are legal, the agent knows; here only what a person should learn at
//! `terraform validate` is checked a second time.
//!
//! # What is relied on
//!
//! - A resource is dropped from the state only on the agent's own *not found*. Not being reached,
//!   trusted or allowed says nothing about an object and is an error.
//! - Every object's generation is kept in private state and sent with the next change, so that a
//!   change made by someone else in between is a conflict and never overwritten.
//! - Every value that could be secret is declared sensitive or write-only in its model; nothing here
//!   logs values.

mod agents;
mod arguments;
mod aws;
mod check;
mod credentials;
mod data_sources;
mod deletion;
mod durability;
mod encryption;
mod failure;
mod functions;
mod generation;
mod id;
mod listeners;
mod listing;
mod logs;
mod name;
mod object;
mod pair;
mod provider;
mod renewal;
mod resources;
mod status;
mod typed;

/// The provider, to be served or tested.
pub fn ferrymq() -> impl tfplugin_rs::Provider {
    provider::FerryMq
}
