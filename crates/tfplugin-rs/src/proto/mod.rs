//! The wire protocol: messages, clients and servers generated from `proto/`.
//!
//! The generated files are committed, so a build needs no protobuf compiler.
//! `tests/transport/generated.rs` regenerates them and fails on any difference;
//! with `UPDATE_GENERATED=1` in the environment it rewrites them instead.

use std::fmt;

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

/// Sizes only: values carry write-only secrets in clear text, and a stray `{:?}`
/// of a request must not put them in a log.
impl fmt::Debug for tfplugin6::DynamicValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicValue")
            .field("msgpack_bytes", &self.msgpack.len())
            .field("json_bytes", &self.json.len())
            .finish()
    }
}

/// Sizes only, for the same reason as [`tfplugin6::DynamicValue`].
impl fmt::Debug for tfplugin6::RawState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawState")
            .field("json_bytes", &self.json.len())
            .field("flatmap_entries", &self.flatmap.len())
            .finish()
    }
}
