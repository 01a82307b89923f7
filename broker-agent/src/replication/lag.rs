//! How long something that is behind has been behind: bytes turned into seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Samples kept; at one every half a second some twenty minutes. Who is further behind than that is
/// told to be behind by that much.
const SAMPLES: usize = 2400;

/// Where an end was, and when it was first seen there.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    samples: VecDeque<(Instant, u64)>,
}

impl Ends {
    /// The end is there now. An end that goes back, as after an election, begins a new history.
    pub(crate) fn note(&mut self, now: Instant, end: u64) {
        match self.samples.back() {
            Some((_, last)) if *last == end => return,
            Some((_, last)) if *last > end => self.samples.clear(),
            _ => {}
        }
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back((now, end));
    }

    /// For how long there has been something beyond `reached`.
    pub(crate) fn behind(&self, now: Instant, reached: u64) -> Duration {
        let first = self.samples.partition_point(|(_, end)| *end <= reached);
        let since = self.samples.get(first).map(|(at, _)| *at);
        since.map_or(Duration::ZERO, |at| now.saturating_duration_since(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lacks_something_is_behind_since_it_was_there() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut ends = Ends::default();
        assert_eq!(ends.behind(at(0), 0), Duration::ZERO);
        for (second, end) in [(0, 100), (1, 100), (2, 300), (3, 500)] {
            ends.note(at(second), end);
        }
        let behind = |reached| ends.behind(at(10), reached).as_secs();
        assert_eq!(behind(500), 0);
        assert_eq!(behind(300), 7);
        assert_eq!(behind(299), 8);
        assert_eq!(behind(0), 10);
    }

    #[test]
    fn an_end_that_goes_back_starts_over() {
        let start = Instant::now();
        let mut ends = Ends::default();
        ends.note(start, 500);
        ends.note(start + Duration::from_secs(5), 200);
        let behind = ends.behind(start + Duration::from_secs(6), 100);
        assert_eq!(behind, Duration::from_secs(1));
    }

    #[test]
    fn history_is_bounded() {
        let start = Instant::now();
        let mut ends = Ends::default();
        for index in 0..2 * SAMPLES as u64 {
            ends.note(start + Duration::from_millis(500 * index), index);
        }
        assert_eq!(ends.samples.len(), SAMPLES);
    }
}
