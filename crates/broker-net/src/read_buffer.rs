//! Buffers for reading that belong to a connection only while there is something to read.

use std::cell::RefCell;

use bytes::BytesMut;

thread_local! {
    /// One buffer per thread is enough: a task takes it and gives it back within one poll, unless
    /// bytes remain in it.
    static SPARE: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// Makes room for `read_bytes` more; an empty buffer is exchanged for the thread's spare one.
pub(crate) fn prepare(buffer: &mut BytesMut, read_bytes: usize) {
    if buffer.is_empty() && buffer.capacity() < read_bytes {
        *buffer = SPARE.take();
    }
    // Takes the old allocation again when nothing refers to it any more.
    buffer.reserve(read_bytes);
}

/// Gives an empty buffer back.
pub(crate) fn release(buffer: &mut BytesMut) {
    if buffer.is_empty() && buffer.capacity() > 0 {
        SPARE.set(std::mem::take(buffer));
    }
}
