//! How long things took, in buckets.

/// Buckets of a [`Histogram`].
pub const BUCKETS: usize = 64;

/// Times in microseconds, counted in two buckets for each power of two: a percentile is wrong by
/// half at most, and mostly by much less. The last bucket takes all from 3 × 2³⁰ µs (54 minutes) on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Histogram {
    /// How many times lie in each bucket.
    pub counts: [u64; BUCKETS],
    /// Sum of all times, microseconds.
    pub sum_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: [0; BUCKETS],
            sum_us: 0,
        }
    }
}

impl Histogram {
    /// Counts one time.
    pub fn record(&mut self, us: u64) {
        self.counts[bucket(us)] += 1;
        self.sum_us = self.sum_us.saturating_add(us);
    }

    /// The end of a bucket, microseconds: it holds times below.
    pub const fn end_us(bucket: usize) -> u64 {
        match bucket {
            0 => 1,
            1 => 2,
            _ => (3 + bucket as u64 % 2) << (bucket / 2 - 1),
        }
    }

    /// Where a bucket begins, microseconds.
    pub const fn start_us(bucket: usize) -> u64 {
        match bucket {
            0 => 0,
            _ => Self::end_us(bucket - 1),
        }
    }

    /// How many times it has.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Takes in the times of another.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
    }

    /// Raises what is less than in another to that.
    pub(crate) fn rise(&mut self, to: &Self) {
        for (count, to) in self.counts.iter_mut().zip(to.counts) {
            *count = to.max(*count);
        }
        self.sum_us = self.sum_us.max(to.sum_us);
    }

    /// What has come since it was as `before`. Less than before means that it began anew.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut new = Self {
            counts: [0; BUCKETS],
            sum_us: self.sum_us.saturating_sub(before.sum_us),
        };
        for (bucket, count) in new.counts.iter_mut().enumerate() {
            match self.counts[bucket].checked_sub(before.counts[bucket]) {
                Some(more) => *count = more,
                None => return *self,
            }
        }
        new
    }

    /// The time that so many in a hundred do not exceed, microseconds, as if times lay evenly within
    /// their bucket; none without any.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        let count = self.count();
        let rank = (percent / 100.0).clamp(0.0, 1.0) * count as f64;
        let mut below = 0;
        for (bucket, &here) in self.counts.iter().enumerate() {
            if here > 0 && (below + here) as f64 >= rank {
                let (start, end) = (Self::start_us(bucket) as f64, Self::end_us(bucket) as f64);
                let part = ((rank - below as f64) / here as f64).clamp(0.0, 1.0);
                return Some(start + (end - start) * part);
            }
            below += here;
        }
        None
    }
}

fn bucket(us: u64) -> usize {
    if us < 2 {
        return us as usize;
    }
    let power = us.ilog2() as usize;
    let half = (us >> (power - 1)) as usize & 1;
    (2 * power + half).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_lies_in_its_bucket() {
        let times = (0..2000).chain((11..31).flat_map(|power| {
            let near = 1_u64 << power;
            [near - 1, near, near + 1, near * 3 / 2 - 1, near * 3 / 2]
        }));
        for us in times {
            let bucket = bucket(us);
            let range = Histogram::start_us(bucket)..Histogram::end_us(bucket);
            assert!(range.contains(&us), "{us} in {bucket}: {range:?}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_right_to_their_bucket() {
        let mut histogram = Histogram::default();
        (1..=10_000).for_each(|us| histogram.record(us));
        assert_eq!((histogram.count(), histogram.sum_us), (10_000, 50_005_000));
        for percent in [1.0, 25.0, 50.0, 90.0, 99.0, 99.9] {
            let (is, due) = (histogram.percentile(percent).unwrap(), percent * 100.0);
            assert!(
                (due / 1.5..=due * 1.5).contains(&is),
                "p{percent}: {is} for {due}"
            );
        }
        assert_eq!(Histogram::default().percentile(50.0), None);
    }

    #[test]
    fn a_part_is_what_came_since() {
        let mut histogram = Histogram::default();
        histogram.record(5);
        let before = histogram;
        histogram.record(5);
        histogram.record(700);
        let mut part = Histogram::default();
        part.record(5);
        part.record(700);
        assert_eq!(histogram.since(&before), part);
        // Its broker was opened anew.
        assert_eq!(part.since(&histogram), part);
        let mut sum = before;
        sum.add(&part);
        assert_eq!(sum, histogram);
    }
}
