//! To be filled.

pub mod proto;
