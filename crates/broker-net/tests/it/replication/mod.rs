//! Two nodes of a group, over real sockets with mutual TLS.

mod kit;
mod pair;
mod strangers;
