//! Codecs of the message protocols FerryMQ speaks: bytes in, frames out, and back.
//!
//! What it is deliberately not: it owns no socket, clock, task or queue, and it knows nothing of
//! brokers. A codec here is a function over a buffer with three outcomes and only three: a frame,
//! *not yet*, or *broken*. Whatever a peer sends, nothing in this crate panics, recurses without a
//! bound, or allocates by a length that was only claimed.
//!
//! Both directions of each protocol are here, so that the broker, the tests and the load generator
//! speak through one implementation. Frames and methods borrow from the buffer they were read from;
//! encoders append to a caller's [`bytes::BytesMut`].

pub mod amqp091;
