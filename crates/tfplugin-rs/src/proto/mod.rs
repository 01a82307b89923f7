//! The wire protocol: messages, clients and servers generated from `proto/`.
//!
//! The generated files are committed, so a build needs no protobuf compiler.
//! `tests/transport/generated.rs` regenerates them and fails on any difference;
//! with `UPDATE_GENERATED=1` in the environment it rewrites them instead.

/// Terraform's plugin protocol, version 6.11: the provider service and its messages.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
#[rustfmt::skip]
pub mod tfplugin6;

/// The services go-plugin expects of every plugin: controller, stdio and broker.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
#[rustfmt::skip]
pub mod plugin;

/// The standard gRPC health service.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
#[rustfmt::skip]
pub mod health;
