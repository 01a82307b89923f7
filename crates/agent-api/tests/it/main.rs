//! Integration tests of the contract: the generated code, and the client against real sockets.

#![allow(clippy::unwrap_used)]

mod connection;
mod generated;
