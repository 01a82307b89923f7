//! [`Timestamp`]: a point in time.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

/// A point in time as RFC 3339 writes it: `2026-03-01T12:00:00Z`, `2026-03-01T13:00:00.5+01:00`.
///
/// Two spellings of one instant are the same, whatever their time zones.
///
/// ```
/// use tfplugin_rs::types::Timestamp;
///
/// let noon: Timestamp = "2026-03-01T12:00:00Z".parse()?;
/// assert_eq!(noon, "2026-03-01T13:00:00+01:00".parse()?);
/// assert_eq!(noon.to_string(), "2026-03-01T12:00:00Z");
/// # Ok::<(), tfplugin_rs::types::TimestampError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Since 1970-01-01T00:00:00Z.
    seconds: i64,
    nanos: u32,
}

/// Why a text is not a [`Timestamp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// The shape is wrong.
    #[error("it does not look like 2006-01-02T15:04:05Z or 2006-01-02T15:04:05+07:00")]
    Malformed,
    /// There is no such day or time.
    #[error("there is no such {0}")]
    OutOfRange(&'static str),
}

impl Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z, rounded down.
    pub const fn seconds(&self) -> i64 {
        self.seconds
    }

    /// Nanoseconds after [`Timestamp::seconds`].
    pub const fn subsec_nanos(&self) -> u32 {
        self.nanos
    }
}

impl From<SystemTime> for Timestamp {
    /// Times beyond the year 9999, which RFC 3339 cannot write, become its last second.
    fn from(time: SystemTime) -> Self {
        /// 9999-12-31T23:59:59Z.
        const LAST: i64 = 253_402_300_799;
        let whole = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(LAST);
        let (seconds, nanos) = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => (whole(after), after.subsec_nanos()),
            Err(error) => {
                let before = error.duration();
                match before.subsec_nanos() {
                    0 => (-whole(before), 0),
                    nanos => (-whole(before) - 1, 1_000_000_000 - nanos),
                }
            }
        };
        Self {
            seconds: seconds.min(LAST),
            nanos,
        }
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let mut rest = Rest(text.as_bytes());
        let year = rest.number(4)?;
        rest.expect(b"-")?;
        let month = rest.number(2)?;
        rest.expect(b"-")?;
        let day = rest.number(2)?;
        rest.expect(b"Tt")?;
        let hour = rest.number(2)?;
        rest.expect(b":")?;
        let minute = rest.number(2)?;
        rest.expect(b":")?;
        let second = rest.number(2)?;
        let nanos = rest.fraction()?;
        let offset = rest.offset()?;
        if !rest.0.is_empty() {
            return Err(TimestampError::Malformed);
        }
        if !(1..=12).contains(&month) {
            return Err(TimestampError::OutOfRange("month"));
        }
        if !(1..=days_in(year, month)).contains(&day) {
            return Err(TimestampError::OutOfRange("day"));
        }
        // Leap seconds are refused like everywhere in Terraform.
        if hour > 23 || minute > 59 || second > 59 {
            return Err(TimestampError::OutOfRange("time"));
        }
        let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60;
        Ok(Self {
            seconds: seconds + second - offset,
            nanos,
        })
    }
}

/// What is still to be read. Bytes, since everything in a timestamp is ASCII.
struct Rest<'t>(&'t [u8]);

impl Rest<'_> {
    fn next(&mut self) -> Result<u8, TimestampError> {
        let (first, rest) = self.0.split_first().ok_or(TimestampError::Malformed)?;
        self.0 = rest;
        Ok(*first)
    }

    fn expect(&mut self, any_of: &[u8]) -> Result<(), TimestampError> {
        let next = self.next()?;
        if any_of.contains(&next) {
            Ok(())
        } else {
            Err(TimestampError::Malformed)
        }
    }

    fn number(&mut self, digits: usize) -> Result<i64, TimestampError> {
        (0..digits).try_fold(0, |number, _| match self.next()? {
            digit @ b'0'..=b'9' => Ok(number * 10 + i64::from(digit - b'0')),
            _ => Err(TimestampError::Malformed),
        })
    }

    /// Nanoseconds; what is finer is dropped.
    fn fraction(&mut self) -> Result<u32, TimestampError> {
        if self.0.first() != Some(&b'.') {
            return Ok(0);
        }
        self.0 = &self.0[1..];
        let digits = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return Err(TimestampError::Malformed);
        }
        let (fraction, rest) = self.0.split_at(digits);
        self.0 = rest;
        let padded = fraction
            .iter()
            .copied()
            .chain(std::iter::repeat(b'0'))
            .take(9);
        Ok(padded.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0')))
    }

    /// Seconds east of Greenwich.
    fn offset(&mut self) -> Result<i64, TimestampError> {
        let sign = match self.next()? {
            b'Z' | b'z' => return Ok(0),
            b'+' => 1,
            b'-' => -1,
            _ => return Err(TimestampError::Malformed),
        };
        let hours = self.number(2)?;
        self.expect(b":")?;
        let minutes = self.number(2)?;
        if hours > 23 || minutes > 59 {
            return Err(TimestampError::OutOfRange("time zone"));
        }
        Ok(sign * (hours * 3600 + minutes * 60))
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01. Years are counted from March, so that the leap day is a year's last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 0000-03-01 is that many days before 1970-01-01.
    year * 365 + leap_days + day_of_year - 719_468
}

/// Year, month and day of a number of days from 1970-01-01; the other way round of
/// [`days_since_epoch`].
fn date_of(days: i64) -> (i64, i64, i64) {
    const DAYS_IN_400_YEARS: i64 = 146_097;
    let days = days + 719_468;
    let (era, day_of_era) = (
        days.div_euclid(DAYS_IN_400_YEARS),
        days.rem_euclid(DAYS_IN_400_YEARS),
    );
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

impl fmt::Display for Timestamp {
    /// In UTC, with as many digits after the second as are needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date_of(self.seconds.div_euclid(86_400));
        let second = self.seconds.rem_euclid(86_400);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        if self.nanos > 0 {
            let digits = format!("{:09}", self.nanos);
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn timestamp(text: &str) -> Timestamp {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn instants_are_counted_from_1970() {
        for (text, seconds, nanos) in [
            ("1970-01-01T00:00:00Z", 0, 0),
            ("1969-12-31T23:59:59.25Z", -1, 250_000_000),
            ("2000-02-29T00:00:00Z", 951_782_400, 0),
            ("2026-03-01T12:00:00+01:30", 1_772_361_000, 0),
            ("2026-03-01t12:00:00z", 1_772_366_400, 0),
            (
                "2026-03-01T12:00:00.123456789123Z",
                1_772_366_400,
                123_456_789,
            ),
            ("0000-03-01T00:00:00Z", -62_162_035_200, 0),
            ("9999-12-31T23:59:59Z", 253_402_300_799, 0),
        ] {
            let found = timestamp(text);
            assert_eq!(
                (found.seconds(), found.subsec_nanos()),
                (seconds, nanos),
                "{text}"
            );
        }
    }

    #[test]
    fn spellings_of_one_instant_are_equal() {
        let noon = timestamp("2026-03-01T12:00:00Z");
        for same in [
            "2026-03-01T12:00:00.000Z",
            "2026-03-01T12:00:00+00:00",
            "2026-03-01T12:00:00-00:00",
            "2026-03-02T00:00:00+12:00",
            "2026-03-01T00:30:00-11:30",
        ] {
            assert_eq!(timestamp(same), noon, "{same}");
        }
        assert_ne!(timestamp("2026-03-01T12:00:00.1Z"), noon);
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        use TimestampError::{Malformed, OutOfRange};
        for (text, error) in [
            ("", Malformed),
            ("2026-03-01", Malformed),
            ("2026-03-01 12:00:00Z", Malformed),
            ("2026-03-01T12:00:00", Malformed),
            ("2026-03-01T12:00:00.Z", Malformed),
            ("2026-03-01T12:00:00+1:00", Malformed),
            ("2026-03-01T12:00:00Zulu", Malformed),
            ("26-03-01T12:00:00Z", Malformed),
            ("2026-13-01T12:00:00Z", OutOfRange("month")),
            ("2026-02-29T12:00:00Z", OutOfRange("day")),
            ("1900-02-29T12:00:00Z", OutOfRange("day")),
            ("2026-04-31T12:00:00Z", OutOfRange("day")),
            ("2026-03-00T12:00:00Z", OutOfRange("day")),
            ("2026-03-01T24:00:00Z", OutOfRange("time")),
            ("2026-03-01T23:59:60Z", OutOfRange("time")),
            ("2026-03-01T12:00:00+24:00", OutOfRange("time zone")),
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(error), "{text}");
        }
    }

    #[test]
    fn the_system_clock_converts() {
        let epoch = SystemTime::UNIX_EPOCH;
        for (time, text) in [
            (epoch, "1970-01-01T00:00:00Z"),
            (
                epoch + Duration::from_millis(1500),
                "1970-01-01T00:00:01.5Z",
            ),
            (
                epoch - Duration::from_millis(1500),
                "1969-12-31T23:59:58.5Z",
            ),
            (epoch - Duration::from_secs(1), "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(Timestamp::from(time).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_displayed_is_read_back(
            seconds in -62_167_219_200_i64..=253_402_300_799,
            nanos in 0_u32..1_000_000_000,
        ) {
            let instant = Timestamp { seconds, nanos };
            prop_assert_eq!(instant.to_string().parse(), Ok(instant));
        }

        #[test]
        fn any_text_is_an_answer_or_an_error(text in "[0-9T:.Z+-]{0,30}|.{0,30}") {
            let _ = text.parse::<Timestamp>();
        }
    }
}
