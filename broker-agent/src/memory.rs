//! What the process keeps of its memory, and what it gives back to the system.

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

/// Takes the program's code out of resident memory, as the kernel would do on its own if memory
/// were short. What runs again comes back page by page from the page cache within microseconds;
/// what only the start needed does not come back: a quarter of what an idle agent held.
///
/// Of use once, when everything has started.
#[cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "the standard library does not offer madvise")
)]
pub(crate) fn give_back_start_code() {
    #[cfg(target_os = "linux")]
    use rustix::mm::{Advice, madvise};

    #[cfg(target_os = "linux")]
    for code in std::fs::read_to_string("/proc/self/maps")
        .unwrap_or_default()
        .lines()
        .filter_map(code_range)
    {
        // SAFETY: the range is mapped, from a file, and cannot be written to, so that its pages hold
        // nothing but what the file holds and are read from there again. Failure changes nothing.
        unsafe {
            let start = std::ptr::with_exposed_provenance_mut(code.start);
            let _ = madvise(start, code.len(), Advice::LinuxDontNeed);
        }
    }
}

/// Addresses of a mapping of executable pages of a file, from a line of `/proc/self/maps`. Pages
/// that may only be read are left alone: the loader has written its relocations into some of them.
fn code_range(line: &str) -> Option<std::ops::Range<usize>> {
    let mut fields = line.split_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let is_code = fields.next()? == "r-xp" && fields.nth(3)?.starts_with('/');
    let address = |text| usize::from_str_radix(text, 16).ok();
    is_code.then_some(address(start)?..address(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_executable_pages_of_files_are_code() {
        let check = |line, expected| assert_eq!(code_range(line), expected, "{line}");
        let code = "7f10-7f30 r-xp 00026000 fd:00 1051 /usr/lib/libc.so.6";
        check(code, Some(0x7f10..0x7f30));
        check(
            "7f10-7f30 r--p 00026000 fd:00 1051 /usr/lib/libc.so.6",
            None,
        );
        check(
            "7f10-7f30 rwxp 00026000 fd:00 1051 /usr/lib/libc.so.6",
            None,
        );
        check("7f10-7f30 r-xp 00000000 00:00 0 [vdso]", None);
        check("7f10-7f30 r-xp 00000000 00:00 0", None);
        check("", None);
    }

    #[test]
    fn the_program_runs_on_without_its_start() {
        let own = std::fs::read_to_string("/proc/self/maps").unwrap();
        assert!(own.lines().filter_map(code_range).count() > 0);
        for _ in 0..3 {
            give_back_start_code();
        }
        let sum: u64 = (1..=1000).sum();
        assert_eq!(format!("{sum}"), "500500");
    }
}
