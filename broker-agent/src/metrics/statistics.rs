//! What CloudWatch calls statistics: several values of a period as one.

use broker_core::metrics::Histogram;

use super::catalogue::Value;

/// One statistic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Statistic {
    Average,
    Maximum,
    Minimum,
    SampleCount,
    Sum,
    /// `p99` and the like: from 0 to 100.
    Percentile(f64),
}

/// Values, put together.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Aggregate {
    count: f64,
    sum: f64,
    min: f64,
    max: f64,
    values: Vec<f64>,
    /// Microseconds.
    times: Option<Box<Histogram>>,
}

impl Statistic {
    /// By its name; none if there is no such statistic.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "Average" => Self::Average,
            "Maximum" => Self::Maximum,
            "Minimum" => Self::Minimum,
            "SampleCount" => Self::SampleCount,
            "Sum" => Self::Sum,
            name => {
                let percent = name.strip_prefix('p')?.parse().ok()?;
                (0.0..=100.0)
                    .contains(&percent)
                    .then_some(Self::Percentile(percent))?
            }
        })
    }
}

impl Aggregate {
    /// Takes in a value.
    pub(crate) fn add(&mut self, value: &Value) {
        let (count, sum, min, max) = match value {
            Value::One(value) => {
                self.values.push(*value);
                (1.0, *value, *value, *value)
            }
            Value::Times(times) => {
                self.times.get_or_insert_default().add(times);
                let (min, max) = bounds_ms(times);
                (times.count() as f64, times.sum_us as f64 / 1e3, min, max)
            }
        };
        self.min = if self.is_empty() {
            min
        } else {
            self.min.min(min)
        };
        self.max = if self.is_empty() {
            max
        } else {
            self.max.max(max)
        };
        self.count += count;
        self.sum += sum;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0.0
    }

    /// The statistic; none of nothing.
    pub(crate) fn get(&self, statistic: Statistic) -> Option<f64> {
        if self.is_empty() {
            return None;
        }
        Some(match statistic {
            Statistic::Average => self.sum / self.count,
            Statistic::Maximum => self.max,
            Statistic::Minimum => self.min,
            Statistic::SampleCount => self.count,
            Statistic::Sum => self.sum,
            Statistic::Percentile(percent) => self.percentile(percent)?,
        })
    }

    fn percentile(&self, percent: f64) -> Option<f64> {
        if let Some(times) = &self.times {
            return times.percentile(percent).map(|us| us / 1e3);
        }
        let mut values = self.values.clone();
        values.sort_by(f64::total_cmp);
        let rank = (percent / 100.0 * values.len() as f64).ceil() as usize;
        values.get(rank.saturating_sub(1)).copied()
    }
}

/// The shortest and the longest time there may be, milliseconds.
pub(crate) fn bounds_ms(times: &Histogram) -> (f64, f64) {
    let is_there = |count: &u64| *count > 0;
    let first = times.counts.iter().position(is_there).unwrap_or(0);
    let last = times.counts.iter().rposition(is_there).unwrap_or(0);
    let ms = |us: u64| us as f64 / 1e3;
    (ms(Histogram::start_us(first)), ms(Histogram::end_us(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(aggregate: &Aggregate) -> Vec<Option<f64>> {
        let names = [
            "SampleCount",
            "Sum",
            "Minimum",
            "Maximum",
            "Average",
            "p50",
            "p99.9",
        ];
        let statistics = names.map(|name| Statistic::parse(name).unwrap());
        statistics.map(|it| aggregate.get(it)).to_vec()
    }

    #[test]
    fn values_and_times_have_the_same_statistics() {
        let mut aggregate = Aggregate::default();
        assert_eq!(all(&aggregate), [None; 7]);
        for value in [3.0, 1.0, 2.0] {
            aggregate.add(&Value::One(value));
        }
        let expected = [3.0, 6.0, 1.0, 3.0, 2.0, 2.0, 3.0];
        assert_eq!(all(&aggregate), expected.map(Some));

        let mut times = Histogram::default();
        for us in [1500, 1500, 6000] {
            times.record(us);
        }
        let mut aggregate = Aggregate::default();
        aggregate.add(&Value::Times(Box::new(times)));
        aggregate.add(&Value::Times(Box::new(times)));
        let is = all(&aggregate);
        assert_eq!(is[..2], [Some(6.0), Some(18.0)]);
        assert_eq!(is[2..5], [Some(1.024), Some(6.144), Some(3.0)]);
        assert!((1.024..1.536).contains(&is[5].unwrap()));
        for name in ["p", "p101", "p-1", "average", ""] {
            assert_eq!(Statistic::parse(name), None, "{name}");
        }
    }
}
