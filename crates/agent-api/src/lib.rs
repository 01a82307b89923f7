//! The contract between whoever manages brokers (provider, command line) and the broker agent.
//!
//! `proto/ferrymq/agent/v1/` is the contract; its comments say units, errors and idempotency, and
//! what all objects share is told in `object.proto`. The code generated from it is committed as
//! [`v1`], so a build needs no protobuf compiler; a test regenerates it and fails on a difference.
//!
//! Beside the generated code there are only the things both ends would otherwise write twice:
//!
//! - [`Failure`]: why a call failed, as a value; to and from a gRPC status.
//! - [`Client`]: one mutually authenticated TLS 1.3 connection to an agent, shared by any number of
//!   concurrent calls, with errors that tell *unreachable*, *untrusted*, *refused* and *failed* apart.
//! - [`Identity`]: the three PEM texts a caller needs, checked when they are read.
//! - conversions that make typed arguments short to write ([`v1::Value`]).
//!
//! It is deliberately ignorant of what a broker does: no names are checked here, no defaults
//! filled in. The agent does that, once, and says what was wrong by [`Failure::field`].
//!
//! # One call's path
//!
//! A caller builds a request of [`v1`] and hands the call to [`Client::call`]. The request travels
//! over HTTP/2 inside TLS; the agent answers with the object as it now is, or with a status whose
//! details hold an `ErrorDetail`. [`Client::call`] turns that into an [`Error`]: an
//! [`Error::Rpc`] comes from the agent's own logic, everything else from the way to it. Only an
//! [`Error::Rpc`] with [`v1::Reason::NotFound`] means that an object is gone.

mod address;
mod client;
mod connector;
mod failure;
mod identity;
mod value;

pub use address::{Address, BadAddress};
pub use client::{Client, Error};
pub use failure::{Active, Failure};
pub use identity::{BadIdentity, Identity, Part};
/// A field mask, as requests that change single fields carry it.
pub use prost_types::FieldMask;
pub use value::arguments;

/// Messages, clients and servers generated from `proto/ferrymq/agent/v1/`.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
#[rustfmt::skip]
pub mod v1;

/// Port an agent listens on unless told otherwise.
pub const DEFAULT_PORT: u16 = 7443;

/// Largest message either end accepts, in bytes. A full page of 10,000 queues with long names and
/// arguments stays below it.
pub const MESSAGE_MAX_BYTES: usize = 64 << 20;
