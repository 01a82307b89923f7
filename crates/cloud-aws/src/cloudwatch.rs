//! CloudWatch: metrics that are sent, and alarms on them.

use std::collections::BTreeMap;

use crate::client::Answer;

/// CloudWatch in one region.
pub trait CloudWatch: Send + Sync {
    /// Takes in values: at most 1,000 in one call.
    fn put_metrics<'a>(&'a self, namespace: &'a str, data: Vec<Datum>) -> Answer<'a, ()>;

    /// The alarm of that name, without its tags; `None` if there is none.
    fn alarm<'a>(&'a self, name: &'a str) -> Answer<'a, Option<FoundAlarm>>;

    /// Makes an alarm, or makes the one of that name be so. Tags are taken of a new one only.
    fn put_alarm<'a>(
        &'a self,
        alarm: &'a Alarm,
        tags: &'a BTreeMap<String, String>,
    ) -> Answer<'a, ()>;

    /// Deletes an alarm; one that is not there is deleted.
    fn delete_alarm<'a>(&'a self, name: &'a str) -> Answer<'a, ()>;

    /// Tags of what has this ARN.
    fn tags<'a>(&'a self, arn: &'a str) -> Answer<'a, BTreeMap<String, String>>;

    /// Sets some tags of it and takes others away.
    fn set_tags<'a>(
        &'a self,
        arn: &'a str,
        set: &'a BTreeMap<String, String>,
        removed: &'a [String],
    ) -> Answer<'a, ()>;
}

/// A value of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Datum {
    /// Name of the metric.
    pub name: String,
    /// CloudWatch's word for what it is counted in.
    pub unit: String,
    /// What it is about.
    pub dimensions: Vec<(String, String)>,
    /// Milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// What it was.
    pub value: Value,
    /// Seconds of its period: 1 for high resolution, else 60.
    pub resolution_s: i32,
}

/// What a metric was.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Each value, and how often it was there: percentiles can be asked for.
    Distribution {
        /// At most 150.
        values: Vec<f64>,
        /// As many.
        counts: Vec<f64>,
    },
    /// One number.
    One(f64),
    /// Many values summed up.
    Statistics {
        /// How many.
        count: f64,
        /// Their sum.
        sum: f64,
        /// The smallest.
        minimum: f64,
        /// The largest.
        maximum: f64,
    },
}

/// An alarm on one metric, in the words of `PutMetricAlarm`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Alarm {
    /// Its name, one of its kind in the region.
    pub name: String,
    /// For people.
    pub description: String,
    /// Whether anything is done when it changes.
    pub actions_enabled: bool,
    /// ARNs of what is done as it goes off,
    pub alarm_actions: Vec<String>,
    /// as nothing is known any more,
    pub insufficient_data_actions: Vec<String>,
    /// and as all is well again.
    pub ok_actions: Vec<String>,
    /// Namespace of the metric.
    pub namespace: String,
    /// The metric.
    pub metric: String,
    /// What the metric is about.
    pub dimensions: BTreeMap<String, String>,
    /// What it is counted in; `None` for any.
    pub unit: Option<String>,
    /// `Average`, `Maximum`, `Minimum`, `SampleCount` or `Sum`; or else
    pub statistic: Option<String>,
    /// a percentile, `p99`.
    pub extended_statistic: Option<String>,
    /// Seconds of each period.
    pub period_s: i32,
    /// How many periods are looked at,
    pub evaluation_periods: i32,
    /// and in how many of them it has to be so; `None` for all.
    pub datapoints_to_alarm: Option<i32>,
    /// What is compared with.
    pub threshold: f64,
    /// How: `GreaterThanThreshold` and so on.
    pub comparison_operator: String,
    /// What a period without values counts as: `missing`, `ignore`, `breaching`, `notBreaching`.
    pub treat_missing_data: String,
}

/// An alarm as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FoundAlarm {
    /// What was set.
    pub alarm: Alarm,
    /// Its ARN.
    pub arn: String,
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub state: String,
}

/// A dimension's value as CloudWatch takes it: printable ASCII, not empty, no colon first. What is not
/// is written as in URLs, and so is `%`, so that no two names become the same. Blanks stay.
#[must_use]
pub fn dimension_value(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for (place, byte) in text.bytes().enumerate() {
        let is_plain = (b' '..=b'~').contains(&byte) && byte != b'%';
        let is_blank_end = byte == b' ' && (place == 0 || place + 1 == text.len());
        if is_plain && !is_blank_end && !(place == 0 && byte == b':') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    if out.is_empty() { "%".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_names_have_the_same_value() {
        for (name, value) in [
            ("orders", "orders"),
            ("/", "/"),
            ("a b", "a b"),
            (" a ", "%20a%20"),
            ("straße", "stra%C3%9Fe"),
            ("stra%C3%9Fe", "stra%25C3%259Fe"),
            (":a:", "%3Aa:"),
            ("", "%"),
        ] {
            assert_eq!(dimension_value(name), value);
        }
    }
}
