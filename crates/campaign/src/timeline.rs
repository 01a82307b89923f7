//! When which node acknowledged durable messages: from it follows how long publishers had to wait.

use std::time::Duration;

/// Acknowledgements closer together than this are one entry.
const GRAIN: Duration = Duration::from_millis(1);

/// Acknowledgements of durable messages in one cycle, of all publishers together.
#[derive(Debug, Default)]
pub struct Timeline {
    entries: Vec<(Duration, usize)>,
}

/// Another node acknowledges from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handover {
    /// Who did before, and who does now.
    pub nodes: [usize; 2],
    /// From the last acknowledgement of the one to the first of the other.
    pub gap: Duration,
}

impl Timeline {
    /// A node acknowledged something at this time since the start of the campaign.
    pub fn acknowledged(&mut self, at: Duration, node: usize) {
        match self.entries.last() {
            Some((last, who)) if *who == node && at.saturating_sub(*last) < GRAIN => {}
            _ => self.entries.push((at, node)),
        }
    }

    /// Forgets all but the last entry.
    pub fn clear(&mut self) {
        let last = self.entries.pop();
        self.entries.clear();
        self.entries.extend(last);
    }

    /// The time of the last entry.
    pub fn last(&self) -> Option<Duration> {
        self.entries.last().map(|(at, _)| *at)
    }

    /// Whether anyone acknowledged behind this moment.
    pub fn since(&self, moment: Duration) -> bool {
        self.last().is_some_and(|last| last > moment)
    }

    /// Every change of the node. One that still acknowledges beside the next one, what was on its
    /// way, makes no change back: its last entry counts.
    pub fn handovers(&self) -> Vec<Handover> {
        let mut handovers = Vec::new();
        let mut entries = self.entries.iter().peekable();
        while let Some((at, node)) = entries.next() {
            let Some((then, next)) = entries.peek() else {
                break;
            };
            if next != node {
                handovers.push(Handover {
                    nodes: [*node, *next],
                    gap: then.saturating_sub(*at),
                });
            }
        }
        handovers
    }

    /// The longest time without any acknowledgement that ended at or after `from` and before `until`.
    pub fn longest_gap(&self, from: Duration, until: Duration) -> Duration {
        let gaps = self.entries.windows(2).filter_map(|pair| {
            let [(before, _), (after, _)] = pair else {
                return None;
            };
            (*after >= from && *after < until).then(|| after.saturating_sub(*before))
        });
        gaps.max().unwrap_or_default()
    }
}

/// Of measured times: the middle one, the one that 99 of 100 do not exceed, and the longest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Spread {
    /// How many were measured.
    pub count: usize,
    /// Milliseconds.
    pub p50_ms: u64,
    /// Milliseconds.
    pub p99_ms: u64,
    /// Milliseconds.
    pub max_ms: u64,
}

impl Spread {
    /// Of these times.
    pub fn of(times: &[Duration]) -> Self {
        let mut sorted: Vec<_> = times.iter().map(|t| t.as_millis() as u64).collect();
        sorted.sort_unstable();
        let rank = |percent: usize| {
            let index = (sorted.len() * percent).div_ceil(100).max(1) - 1;
            sorted.get(index).copied().unwrap_or_default()
        };
        Self {
            count: sorted.len(),
            p50_ms: rank(50),
            p99_ms: rank(99),
            max_ms: rank(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn timeline(entries: &[(u64, usize)]) -> Timeline {
        let mut timeline = Timeline::default();
        for (at, node) in entries {
            timeline.acknowledged(MS(*at), *node);
        }
        timeline
    }

    #[test]
    fn a_change_of_the_node_has_a_gap() {
        let timeline = timeline(&[(0, 0), (10, 0), (4510, 1), (4520, 1), (9000, 0)]);
        let expected = [([0, 1], 4500), ([1, 0], 4480)].map(|(nodes, gap)| Handover {
            nodes,
            gap: MS(gap),
        });
        assert_eq!(timeline.handovers(), expected);
    }

    #[test]
    fn the_longest_gap_is_that_of_its_time() {
        let timeline = timeline(&[(0, 0), (300, 0), (310, 0), (1310, 0), (1320, 0)]);
        assert_eq!(timeline.longest_gap(MS(0), MS(2000)), MS(1000));
        assert_eq!(timeline.longest_gap(MS(0), MS(1000)), MS(300));
        assert_eq!(timeline.longest_gap(MS(1311), MS(2000)), MS(10));
    }

    #[test]
    fn entries_close_together_are_one() {
        let mut timeline = Timeline::default();
        (0..100).for_each(|at| timeline.acknowledged(Duration::from_micros(at * 100), 0));
        assert_eq!(timeline.entries.len(), 10);
        timeline.clear();
        assert!(timeline.since(MS(8)) && !timeline.since(MS(9)));
    }

    #[test]
    fn a_spread_is_made_of_what_was_measured() {
        let hundred: Vec<_> = (1..=100).map(MS).collect();
        let spread = Spread::of(&hundred);
        let seen = [spread.p50_ms, spread.p99_ms, spread.max_ms];
        assert_eq!(seen, [50, 99, 100]);
        let one = Spread::of(&[MS(7)]);
        assert_eq!(
            (one.count, one.p50_ms, one.p99_ms, one.max_ms),
            (1, 7, 7, 7)
        );
        assert_eq!(Spread::of(&[]), Spread::default());
    }
}
