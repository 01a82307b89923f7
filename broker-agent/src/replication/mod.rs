//! Brokers on several nodes, as the agent sees them: how they are configured and shown.
//!
//! Who leads is decided in `broker-core::replication`; frames and listeners are `broker-net`'s. Here
//! is what a person or Terraform deals with: [`settings`] are what is registered, [`asked`] reads
//! them from the contract and says what is wrong with them, [`store`] opens the coordination store
//! they name. A [`pair`] is this agent's node of a broker while it runs; what it looks like is drawn
//! by [`picture`], dated and logged by [`memory`], and put in [`words`] for people.

pub(crate) mod asked;
pub(crate) mod lag;
pub(crate) mod memory;
pub(crate) mod pair;
pub(crate) mod picture;
pub(crate) mod settings;
pub(crate) mod store;
pub(crate) mod words;
