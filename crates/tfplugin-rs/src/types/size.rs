//! [`Size`]: how many bytes.

use std::fmt;
use std::str::FromStr;

/// A number of bytes such as `512`, `512B`, `64KiB`, `1.5GiB` or `10 GB`.
///
/// `KiB`, `MiB`, `GiB`, `TiB`, `PiB` and `EiB` count in powers of 1024; `kB`, `MB`, `GB`, `TB`,
/// `PB` and `EB` in powers of 1000. Case does not matter, nor does one space before the unit.
///
/// ```
/// use tfplugin_rs::types::Size;
///
/// let size: Size = "1.5GiB".parse()?;
/// assert_eq!(size.0, 1_610_612_736);
/// assert_eq!(size, "1536mib".parse()?);
/// assert_eq!(Size(65_536).to_string(), "64KiB");
/// # Ok::<(), tfplugin_rs::types::SizeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Size(pub u64);

/// Why a text is not a [`Size`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// It does not begin with a number.
    #[error("it does not begin with a number such as 5 or 1.5")]
    NoNumber,
    /// A fraction of a byte.
    #[error("it is not a whole number of bytes")]
    NotWhole,
    /// More bytes than 64 bits count.
    #[error("it is too large")]
    TooLarge,
    /// The unit is not known.
    #[error("{0:?} is no unit; units are B, kB, KiB, MB, MiB, GB, GiB, TB, TiB, PB, PiB, EB, EiB")]
    UnknownUnit(String),
}

/// Largest first, for display.
const BINARY: [(&str, u64); 6] = [
    ("EiB", 1 << 60),
    ("PiB", 1 << 50),
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
];

const DECIMAL: [(&str, u64); 6] = [
    ("EB", 1_000_000_000_000_000_000),
    ("PB", 1_000_000_000_000_000),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
];

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit = unit.strip_prefix(' ').unwrap_or(unit);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let is_number = |digits: &str| !digits.is_empty() && !digits.contains('.');
        if !is_number(whole) || !is_number(fraction) {
            return Err(SizeError::NoNumber);
        }
        let scale = scale(unit).ok_or_else(|| SizeError::UnknownUnit(unit.to_owned()))?;
        let whole: u64 = whole.parse().map_err(|_| SizeError::TooLarge)?;
        let bytes = whole.checked_mul(scale).ok_or(SizeError::TooLarge)?;
        let bytes = bytes.checked_add(part(fraction, scale)?);
        bytes.map(Self).ok_or(SizeError::TooLarge)
    }
}

fn scale(unit: &str) -> Option<u64> {
    if unit.is_empty() || unit.eq_ignore_ascii_case("B") {
        return Some(1);
    }
    let mut units = BINARY.iter().chain(&DECIMAL);
    let found = units.find(|(name, _)| name.eq_ignore_ascii_case(unit));
    found.map(|(_, scale)| *scale)
}

/// The fraction `0.digits` of `scale`, if that is whole.
fn part(digits: &str, scale: u64) -> Result<u64, SizeError> {
    /// Nobody writes more; and so many keep the product below within 128 bits.
    const MOST_DIGITS: usize = 18;
    let digits = digits.trim_end_matches('0');
    if digits.len() > MOST_DIGITS {
        return Err(SizeError::NotWhole);
    }
    let (mut numerator, mut denominator) = (0_u128, 1_u128);
    for digit in digits.bytes() {
        numerator = numerator * 10 + u128::from(digit - b'0');
        denominator *= 10;
    }
    let bytes = numerator * u128::from(scale);
    if bytes % denominator != 0 {
        return Err(SizeError::NotWhole);
    }
    u64::try_from(bytes / denominator).map_err(|_| SizeError::TooLarge)
}

impl fmt::Display for Size {
    /// In the largest unit that leaves a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, scale): &&(&str, u64)| self.0 > 0 && self.0.is_multiple_of(*scale);
        match BINARY
            .iter()
            .find(fits)
            .or_else(|| DECIMAL.iter().find(fits))
        {
            Some((unit, scale)) => write!(f, "{}{unit}", self.0 / scale),
            None => write!(f, "{}B", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(text: &str) -> Result<u64, SizeError> {
        text.parse::<Size>().map(|size| size.0)
    }

    #[test]
    fn units_are_powers_of_1000_and_1024() {
        for (text, expected) in [
            ("0", 0),
            ("512", 512),
            ("512B", 512),
            ("1kB", 1000),
            ("1KiB", 1024),
            ("1 MB", 1_000_000),
            ("64mib", 67_108_864),
            ("1.5GiB", 1_610_612_736),
            ("0.5kB", 500),
            ("1.000kB", 1000),
            ("15EiB", 17_293_822_569_102_704_640),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        use SizeError::{NoNumber, NotWhole, TooLarge, UnknownUnit};
        for (text, error) in [
            ("", NoNumber),
            ("GiB", NoNumber),
            ("-1", NoNumber),
            (".5GiB", NoNumber),
            ("1.", NoNumber),
            ("1.2.3kB", NoNumber),
            ("1  kB", UnknownUnit(" kB".into())),
            ("1XB", UnknownUnit("XB".into())),
            ("1k", UnknownUnit("k".into())),
            ("0.5B", NotWhole),
            ("0.3333KiB", NotWhole),
            ("1.0000000000000000001EB", NotWhole),
            ("16EiB", TooLarge),
            ("18446744073709551616", TooLarge),
            ("18446744073709551615.5kB", TooLarge),
        ] {
            assert_eq!(bytes(text), Err(error), "{text}");
        }
    }

    #[test]
    fn display_is_the_largest_whole_unit() {
        for (bytes, text) in [
            (0, "0B"),
            (1, "1B"),
            (1000, "1kB"),
            (1024, "1KiB"),
            (1_610_612_736, "1536MiB"),
            (1_000_001, "1000001B"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_displayed_is_read_back(bytes in any::<u64>()) {
            prop_assert_eq!(Size(bytes).to_string().parse(), Ok(Size(bytes)));
        }

        #[test]
        fn any_text_is_an_answer_or_an_error(text in ".{0,30}|[0-9.kKMiBE ]{0,40}") {
            let _ = text.parse::<Size>();
        }
    }
}
