//! [`Period`]: how long.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time such as `1h30m`, `1.5h`, `250ms` or `0`.
///
/// The notation is Go's, which Terraform users know from timeouts: numbers with units, added up.
/// Units are `h`, `m`, `s`, `ms`, `us` (or `µs`) and `ns`. Negative periods are refused.
///
/// ```
/// use std::time::Duration;
///
/// use tfplugin_rs::types::Period;
///
/// let period: Period = "1h30m".parse()?;
/// assert_eq!(period.0, Duration::from_secs(5400));
/// assert_eq!(period, "90m".parse()?);
/// assert_eq!(Period(Duration::from_millis(2500)).to_string(), "2.5s");
/// # Ok::<(), tfplugin_rs::types::PeriodError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Period(pub Duration);

/// Why a text is not a [`Period`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// A number is expected where there is none.
    #[error("a number is missing before {0:?}")]
    NoNumber(String),
    /// A number has no unit.
    #[error("a unit is missing after {0:?}; units are h, m, s, ms, us and ns")]
    NoUnit(String),
    /// More than 292 years, which is where durations end in Go.
    #[error("the duration is too long")]
    TooLong,
    /// The unit is not known.
    #[error("{0:?} is no unit; units are h, m, s, ms, us and ns")]
    UnknownUnit(String),
}

const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000), // U+00B5, the micro sign.
    ("μs", 1_000), // U+03BC, the Greek letter.
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        if text == "0" {
            return Ok(Self::default());
        }
        let mut rest = text.strip_prefix('+').unwrap_or(text);
        if rest.is_empty() {
            return Err(PeriodError::NoNumber(text.to_owned()));
        }
        let mut nanos: u64 = 0;
        while !rest.is_empty() {
            let number = split(&mut rest, |c| c.is_ascii_digit() || c == '.');
            let unit = split(&mut rest, |c| !c.is_ascii_digit() && c != '.');
            if !number.contains(|c: char| c.is_ascii_digit()) {
                return Err(PeriodError::NoNumber(format!("{number}{unit}")));
            }
            if unit.is_empty() {
                return Err(PeriodError::NoUnit(number.to_owned()));
            }
            let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
                return Err(PeriodError::UnknownUnit(unit.to_owned()));
            };
            let more = scaled(number, *scale)?;
            nanos = nanos.checked_add(more).ok_or(PeriodError::TooLong)?;
            if i64::try_from(nanos).is_err() {
                return Err(PeriodError::TooLong);
            }
        }
        Ok(Self(Duration::from_nanos(nanos)))
    }
}

/// Takes from the front of `rest` all that `belongs`.
fn split<'t>(rest: &mut &'t str, belongs: fn(char) -> bool) -> &'t str {
    let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
    let (taken, left) = rest.split_at(end);
    *rest = left;
    taken
}

/// `number` units of `scale` nanoseconds; what is left of a nanosecond is dropped.
fn scaled(number: &str, scale: u64) -> Result<u64, PeriodError> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') {
        return Err(PeriodError::NoUnit(format!("{whole}.")));
    }
    let whole: u64 = match whole {
        "" => 0,
        digits => digits.parse().map_err(|_| PeriodError::TooLong)?,
    };
    let mut nanos = whole.checked_mul(scale).ok_or(PeriodError::TooLong)?;
    let mut place = scale;
    for digit in fraction.bytes() {
        place /= 10;
        nanos = nanos
            .checked_add(u64::from(digit - b'0') * place)
            .ok_or(PeriodError::TooLong)?;
    }
    Ok(nanos)
}

impl fmt::Display for Period {
    /// As Go writes it, without units that would be zero at the end: `1h30m`, `2.5s`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0.as_secs(), self.0.subsec_nanos());
        if seconds == 0 && nanos > 0 {
            let (scale, unit) = match nanos {
                1_000_000.. => (1_000_000, "ms"),
                1_000.. => (1_000, "µs"),
                _ => (1, "ns"),
            };
            write_fraction(f, u64::from(nanos / scale), nanos % scale, scale)?;
            return f.write_str(unit);
        }
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        if seconds > 0 || nanos > 0 || self.0.is_zero() {
            write_fraction(f, seconds, nanos, 1_000_000_000)?;
            f.write_str("s")?;
        }
        Ok(())
    }
}

/// `whole` and `part` of `scale`, without zeros at the end.
fn write_fraction(f: &mut fmt::Formatter<'_>, whole: u64, part: u32, scale: u32) -> fmt::Result {
    write!(f, "{whole}")?;
    if part == 0 {
        return Ok(());
    }
    let width = usize::try_from(scale.ilog10()).unwrap_or(0);
    let digits = format!("{part:0width$}");
    write!(f, ".{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nanos(text: &str) -> Result<u128, PeriodError> {
        text.parse::<Period>().map(|period| period.0.as_nanos())
    }

    #[test]
    fn notation_is_that_of_go() {
        for (text, expected) in [
            ("0", 0),
            ("0s", 0),
            ("5s", 5_000_000_000),
            ("+5s", 5_000_000_000),
            ("30m", 1_800_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5h", 5_400_000_000_000),
            ("1h30m10.5s", 5_410_500_000_000),
            ("10.5s4m", 250_500_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("1ms", 1_000_000),
            ("1us", 1_000),
            ("1µs", 1_000),
            ("1μs", 1_000),
            ("1ns", 1),
            ("9223372036854775807ns", 9_223_372_036_854_775_807),
            ("0.9ns", 0),
            ("0.123456789s", 123_456_789),
        ] {
            assert_eq!(nanos(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        use PeriodError::{NoNumber, NoUnit, TooLong, UnknownUnit};
        for (text, error) in [
            ("", NoNumber(String::new())),
            ("+", NoNumber("+".into())),
            ("h", NoNumber("h".into())),
            (".h", NoNumber(".h".into())),
            ("-5s", NoNumber("-".into())),
            ("5", NoUnit("5".into())),
            ("1h5", NoUnit("5".into())),
            ("1.2.3s", NoUnit("1.".into())),
            ("5d", UnknownUnit("d".into())),
            ("5 s", UnknownUnit(" s".into())),
            ("5S", UnknownUnit("S".into())),
            ("99999999999h", TooLong),
            ("99999999999999999999s", TooLong),
            ("9223372036854775807ns1ns", TooLong),
            ("9223372036854775808ns", TooLong),
        ] {
            assert_eq!(nanos(text), Err(error), "{text}");
        }
    }

    #[test]
    fn display_is_short() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (2_000_000, "2ms"),
            (2_500_000_000, "2.5s"),
            (1_800_000_000_000, "30m"),
            (3_600_000_000_000, "1h"),
            (3_661_000_000_001, "1h1m1.000000001s"),
            (3_600_000_000_001, "1h0.000000001s"),
        ] {
            assert_eq!(Period(Duration::from_nanos(nanos)).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_displayed_is_read_back(nanos in 0..=u64::MAX / 2) {
            let period = Period(Duration::from_nanos(nanos));
            prop_assert_eq!(period.to_string().parse(), Ok(period));
        }

        #[test]
        fn any_text_is_an_answer_or_an_error(text in ".{0,30}|[0-9.hmsuµn]{0,30}") {
            let _ = text.parse::<Period>();
        }
    }
}
