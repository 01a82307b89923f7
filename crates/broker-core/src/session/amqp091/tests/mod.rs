//! Frames in, frames out, over a real broker on a simulated disk. No socket, no clock, no thread:
//! a test decides when the journal commits and what time it is.

mod back_pressure;
mod channels;
mod consuming;
mod copies;
mod dead_letters;
mod delays;
mod errors;
mod expiry;
mod handshake;
mod kit;
mod overdue;
mod publishing;
mod quorum;
mod remembered;
mod replies;
mod streams;
mod table;
mod transactions;
