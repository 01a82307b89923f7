//! Lines of the log that a peer can cause: each once in a while.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The same line does not come again before.
const REST: Duration = Duration::from_secs(60);

/// Most lines remembered; what comes on top is not logged.
const MOST: usize = 256;

/// Which lines were logged of late.
#[derive(Debug)]
pub(super) struct LimitedLog<K>(Mutex<HashMap<K, Instant>>);

impl<K> Default for LimitedLog<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> LimitedLog<K> {
    /// Whether a line is to be logged now; counts as logged if so.
    pub(super) fn is_due(&self, line: K, now: Instant) -> bool {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        logged.retain(|_, at| now.saturating_duration_since(*at) < REST);
        if logged.len() >= MOST || logged.contains_key(&line) {
            return false;
        }
        logged.insert(line, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_once_in_a_while() {
        let (log, now) = (LimitedLog::default(), Instant::now());
        assert!(log.is_due(1, now));
        assert!(!log.is_due(1, now + REST / 2));
        assert!(log.is_due(2, now + REST / 2));
        assert!(log.is_due(1, now + REST));
        assert!(!log.is_due(2, now + REST));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (log, now) = (LimitedLog::default(), Instant::now());
        let due = (0..10_000).filter(|line| log.is_due(*line, now)).count();
        assert_eq!(due, MOST);
        assert!(log.is_due(20_000, now + REST));
    }
}
