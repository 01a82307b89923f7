//! Functions, one file each.

pub(crate) mod connection_uri;
