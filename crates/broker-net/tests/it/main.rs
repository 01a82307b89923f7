//! Sockets, for real.
