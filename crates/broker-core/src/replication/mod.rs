//! Active and standby: copies of one journal on several nodes, of which one serves.
//!
//! See `README.md` beside this file: the rules, where each lives, and what a model found without it.

pub mod codec;
pub mod coordinator;
pub mod ending;
pub mod epochs;
pub mod fake_coordinator;
pub mod frame;
pub mod node;
pub mod preface;
pub mod protocol;
pub mod record;
pub mod replica;
pub mod rules;
pub mod timing;
