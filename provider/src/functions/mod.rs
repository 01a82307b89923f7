//! Functions, one file each.

pub(crate) mod connection_uri;
pub(crate) mod encode_id;
pub(crate) mod parse_id;
pub(crate) mod topic_matches;
