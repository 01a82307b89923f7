//! Buffers that belong to a connection only while there is something in them.
//!
//! Thousands of idle connections then cost no buffers, and a busy one finds the same few warm ones
//! again and again instead of asking the allocator.

use std::cell::RefCell;

use bytes::BytesMut;

thread_local! {
    /// One of each kind per thread is enough: a task takes it and gives it back within one poll,
    /// unless bytes remain in it.
    static SPARE_INPUT: RefCell<BytesMut> = RefCell::new(BytesMut::new());
    static SPARE_OUTPUT: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// A larger input buffer is freed and not kept.
const KEPT_INPUT_BYTES: usize = 512 * 1024;

/// A larger output buffer is freed and not kept.
const KEPT_OUTPUT_BYTES: usize = 1024 * 1024;

/// Makes room for `read_bytes` more; an empty buffer is exchanged for the thread's spare one.
pub(crate) fn prepare_input(buffer: &mut BytesMut, read_bytes: usize) {
    if buffer.is_empty() && buffer.capacity() < read_bytes {
        *buffer = SPARE_INPUT.take();
    }
    // Takes the old allocation again when nothing refers to it any more.
    buffer.reserve(read_bytes);
}

/// Gives an empty buffer back.
pub(crate) fn release_input(buffer: &mut BytesMut) {
    if buffer.is_empty() && (1..=KEPT_INPUT_BYTES).contains(&buffer.capacity()) {
        SPARE_INPUT.set(std::mem::take(buffer));
    }
}

/// Exchanges an empty buffer for the thread's spare one.
pub(crate) fn prepare_output(buffer: &mut BytesMut) {
    if buffer.is_empty() {
        *buffer = SPARE_OUTPUT.take();
    }
}

/// Gives an empty buffer back.
pub(crate) fn release_output(buffer: &mut BytesMut) {
    if buffer.is_empty() {
        let mut buffer = std::mem::take(buffer);
        // What was written was cut off the front, so its capacity does not tell its size.
        if !buffer.try_reclaim(KEPT_OUTPUT_BYTES + 1) {
            SPARE_OUTPUT.set(buffer);
        }
    }
}
