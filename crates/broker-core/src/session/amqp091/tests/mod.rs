//! Frames in, frames out, over a real broker.
