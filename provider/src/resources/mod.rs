//! Resources, one file each.

pub(crate) mod binding;
pub(crate) mod broker;
pub(crate) mod exchange;
pub(crate) mod host;
pub(crate) mod instance_profile;
pub(crate) mod limits;
pub(crate) mod network;
pub(crate) mod permission;
pub(crate) mod policy;
pub(crate) mod queue;
pub(crate) mod topic_permission;
pub(crate) mod user;
pub(crate) mod vhost;
