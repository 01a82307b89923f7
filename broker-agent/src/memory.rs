//! What the allocator is told before anything else runs.

/// Blocks from this size on are the kernel's and go back to it when freed. Above what messages
/// usually weigh, below the 19 MiB of a password check.
#[cfg(target_env = "gnu")]
const LARGE_BLOCK_BYTES: libc::c_int = 4 * 1024 * 1024;

/// Keeps the memory of password checks from staying with the process.
///
/// Left alone, the C library raises its threshold for large blocks to the largest one ever freed.
/// From the second login on, each thread that checks a password then keeps 19 MiB in an arena of
/// its own: 130 MiB after a handful of logins, in a process that needs 11.
#[cfg_attr(
    target_env = "gnu",
    expect(
        unsafe_code,
        reason = "the C library offers this setting in no other way"
    )
)]
pub(crate) fn give_back_large_blocks() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `mallopt` takes two integers and only sets a parameter; no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES);
    }
}
