//! The stores, held to one contract; etcd as it really is, three members on loopback. DynamoDB is there
//! with the feature `aws`, in the form of moto.

#![allow(clippy::unwrap_used)]

mod cluster;
mod contract;
#[cfg(feature = "aws")]
mod dynamodb;
mod etcd;
mod fake;
mod file;
mod generated;
