//! Data sources, one file each.

pub(crate) mod broker;
pub(crate) mod queue;
