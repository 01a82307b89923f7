//! Processor time of this thread.

use std::time::Duration;

/// Rounds of which the best counts.
const ROUNDS: usize = 7;

/// The least processor time that one of several runs of `work` takes.
pub(crate) fn best(mut work: impl FnMut()) -> Duration {
    let runs = (0..ROUNDS).map(|_| {
        let start = processor_time();
        work();
        processor_time() - start
    });
    runs.min().unwrap_or_default()
}

/// What the scheduler has counted for this thread. It counts a running thread only at its ticks
/// and switches; yielding makes it count now.
fn processor_time() -> Duration {
    std::thread::yield_now();
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = counted
        .split(' ')
        .next()
        .and_then(|field| field.parse().ok());
    Duration::from_nanos(nanos.expect("Linux counts the time of threads"))
}
