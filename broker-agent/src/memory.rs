//! What the process keeps of its memory, and what it gives back to the system.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::MissedTickBehavior;

/// Blocks from this size on are the kernel's and go back to it when freed. Above what messages
/// usually weigh, below the 19 MiB of a password check.
#[cfg(target_env = "gnu")]
const LARGE_BLOCK_BYTES: libc::c_int = 4 * 1024 * 1024;

/// So much of freed memory a thread keeps for what comes next, about what a queue swings by under
/// load. [`give_back_after_load`] takes it when the load has ended.
#[cfg(target_env = "gnu")]
const KEPT_BYTES: libc::c_int = 16 * 1024 * 1024;

/// How often [`give_back_after_load`] looks.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Processor time between two looks from which on the process is at work.
const WORKING: Duration = Duration::from_millis(100);

/// Keeps the memory of password checks from staying with the process, and the memory of messages
/// from going back and forth between the process and the system.
///
/// Left alone, the C library raises its threshold for large blocks to the largest one ever freed.
/// From the second login on, each thread that checks a password then keeps 19 MiB in an arena of
/// its own: 130 MiB after a handful of logins, in a process that needs 11. With that threshold set,
/// it gives back whatever exceeds 128 KiB at the end of an arena, page fault by page fault taken
/// again a moment later: a fifth of the processor time of messages of a kilobyte.
#[cfg_attr(
    target_env = "gnu",
    expect(
        unsafe_code,
        reason = "the C library offers this setting in no other way"
    )
)]
pub(crate) fn set_allocator_up() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `mallopt` takes two integers and only sets a parameter; no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES);
    }
}

/// Gives free memory back to the system whenever the process rests after work. Never returns.
pub(crate) async fn give_back_after_load() {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut load = Load::default();
    loop {
        look.tick().await;
        let used = clock_gettime(ClockId::ProcessCPUTime);
        if load.has_ended(Duration::try_from(used).unwrap_or_default()) {
            // Nobody waits for it, and a thread that serves must not.
            let _ = tokio::task::spawn_blocking(give_back_free_memory).await;
        }
    }
}

#[cfg_attr(
    target_env = "gnu",
    expect(
        unsafe_code,
        reason = "the C library offers this operation in no other way"
    )
)]
fn give_back_free_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `malloc_trim` takes an integer, locks what it looks at, and releases no block in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Tells when work has ended, by the processor time of the process.
#[derive(Debug, Default)]
struct Load {
    used: Duration,
    working: bool,
}

impl Load {
    /// Whether the process was at work up to the last look and has rested since. `used` is its
    /// processor time up to now.
    fn has_ended(&mut self, used: Duration) -> bool {
        let working = used.saturating_sub(self.used) >= WORKING;
        self.used = used;
        std::mem::replace(&mut self.working, working) && !working
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
    fn free_memory_goes_back_once_after_each_load() {
        let mut load = Load::default();
        let used = [0, 10, 20, 500, 900, 910, 920, 1500, 1501].map(Duration::from_millis);
        let ended = used.map(|used| load.has_ended(used));
        let expected = [false, false, false, false, false, true, false, false, true];
        assert_eq!(ended, expected);
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn free_memory_in_the_middle_of_the_heap_goes_back() {
        let resident = || {
            let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
            let pages: usize = pages.split(' ').nth(1).unwrap().parse().unwrap();
            pages * 4096
        };
        // Small enough to lie in the heap, and one at its end that stays.
        let mut blocks: Vec<Vec<u8>> = (0..2000).map(|_| vec![1; 32 * 1024]).collect();
        let last = blocks.pop();
        drop(blocks);
        let before = resident();
        give_back_free_memory();
        let freed = before.saturating_sub(resident());
        assert!(freed > 32 * 1024 * 1024, "{freed} of {before} bytes");
        drop(last);
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
