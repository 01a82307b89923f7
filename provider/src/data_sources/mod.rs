//! Data sources, one file each.

pub(crate) mod bindings;
pub(crate) mod broker;
pub(crate) mod exchanges;
pub(crate) mod host_ami;
pub(crate) mod host_offerings;
pub(crate) mod hosts;
pub(crate) mod iam_policy;
pub(crate) mod metric;
pub(crate) mod queue;
pub(crate) mod queues;
pub(crate) mod replication_status;
pub(crate) mod users;
