//! Waiting for a condition, with a deadline.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Between two tries. Short against what is waited for, long against what a try costs.
const PAUSE: Duration = Duration::from_millis(20);

/// Tries until `condition` gives a value or `deadline` has passed; `what` completes the sentence
/// "waited in vain for …". An error of the condition ends the wait at once.
pub fn until<T>(
    what: &str,
    deadline: Duration,
    mut condition: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = condition().with_context(|| format!("wait for {what}"))? {
            return Ok(value);
        }
        if start.elapsed() > deadline {
            bail!("waited in vain for {what} ({deadline:?})");
        }
        thread::sleep(PAUSE);
    }
}

/// The pause of a thread that looks after something for as long as a test runs.
pub(crate) fn pause(pause: Duration) {
    thread::sleep(pause);
}
