//! What the engine tells operators, by `tracing`: each event of a broker has its name in the field
//! `broker`, and its target says for whom it is. Everything else has the target of its module.

/// Target of events that say who did what, or was refused.
pub const AUDIT: &str = "audit";

/// Target of events about clients that come and go.
pub const CONNECTION: &str = "connection";
