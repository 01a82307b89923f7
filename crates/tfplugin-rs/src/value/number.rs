//! Exact numbers: decimals of any size, equal when they are numerically equal.
//!
//! Terraform computes with 512-bit floats and sends what does not fit a 64-bit integer or float as
//! decimal text. Keeping the decimal itself means that `0.1` stays `0.1` and an integer of 30
//! digits comes back with all of them.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Longest plain notation accepted or produced, in digits. Text such as `1e999999999` would
/// otherwise grow to a gigabyte when it is printed without an exponent, as the protocol demands.
pub const MAX_DIGITS: usize = 10_000;

/// An exact decimal number.
///
/// ```
/// use tfplugin_rs::value::Number;
///
/// let big: Number = "123456789012345678901234567890".parse()?;
/// assert_eq!(big.to_string(), "123456789012345678901234567890");
/// assert_eq!("1.50".parse::<Number>()?, "15e-1".parse()?);
/// # Ok::<(), tfplugin_rs::value::ParseNumberError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number(Repr);

/// Canonical: a value that fits `Int` is never a `Decimal`, so derived equality is numeric.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Int(i64),
    Decimal(Box<Decimal>),
}

/// `digits` × 10^`exponent`; the digits neither begin nor end with a zero.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

/// Why a text is not a number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseNumberError {
    /// The text does not follow `[+-]digits[.digits][e[+-]digits]`.
    #[error("not a decimal number")]
    Malformed,
    /// Written out, the number would have more than [`MAX_DIGITS`] digits.
    #[error("the number needs more than {MAX_DIGITS} digits")]
    TooLong,
    /// Infinity or not-a-number, which Terraform has no literal for.
    #[error("not a finite number")]
    NotFinite,
}

impl Number {
    /// Zero.
    pub const ZERO: Self = Self(Repr::Int(0));

    /// The value as a 64-bit signed integer, if it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Int(int) => Some(*int),
            Repr::Decimal(_) => None,
        }
    }

    /// The value as a 64-bit unsigned integer, if it is one.
    pub fn as_u64(&self) -> Option<u64> {
        match &self.0 {
            Repr::Int(int) => u64::try_from(*int).ok(),
            Repr::Decimal(decimal) if decimal.exponent >= 0 => self.to_string().parse().ok(),
            Repr::Decimal(_) => None,
        }
    }

    /// The nearest 64-bit float; infinite when the number is out of its range.
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            #[expect(clippy::cast_precision_loss, reason = "nearest is what is promised")]
            Repr::Int(int) => *int as f64,
            // Exponent notation keeps the text short; std rounds it correctly.
            Repr::Decimal(d) => format!(
                "{}{}e{}",
                if d.negative { "-" } else { "" },
                d.digits,
                d.exponent
            )
            .parse()
            .unwrap_or(f64::NAN),
        }
    }

    /// The 64-bit float equal to this number, if there is one and its shortest decimal is this
    /// number too.
    ///
    /// The second condition is for the other side: Terraform keeps a float it receives with 53 bits
    /// and writes it to its state in shortest form, which for 2^64 or 2^-30 is another number.
    pub fn as_exact_f64(&self) -> Option<f64> {
        let float = self.to_f64();
        let exact = Self::from_exact_f64(float).is_ok_and(|exact| exact == *self);
        let shortest = Self::try_from(float).is_ok_and(|shortest| shortest == *self);
        (exact && shortest).then_some(float)
    }

    /// Exactly the binary value of a float: `0.1_f64` gives 0.1000000000000000055….
    ///
    /// The wire format sends a float only when it is exact, so this is its meaning. For numbers a
    /// person wrote, use [`Number::try_from`], which takes the shortest decimal instead.
    pub fn from_exact_f64(float: f64) -> Result<Self, ParseNumberError> {
        if !float.is_finite() {
            return Err(ParseNumberError::NotFinite);
        }
        // 1074 fraction digits are enough for every double, and std prints them exactly.
        if float.fract() == 0.0 {
            format!("{float:.0}")
        } else {
            format!("{float:.1074}")
        }
        .parse()
    }

    /// True for whole numbers.
    pub fn is_integer(&self) -> bool {
        match &self.0 {
            Repr::Int(_) => true,
            Repr::Decimal(decimal) => decimal.exponent >= 0,
        }
    }

    fn is_negative(&self) -> bool {
        match &self.0 {
            Repr::Int(int) => *int < 0,
            Repr::Decimal(decimal) => decimal.negative,
        }
    }

    /// From sign, digits and power of ten, in canonical form.
    fn from_parts(negative: bool, digits: &str, exponent: i64) -> Result<Self, ParseNumberError> {
        let without_tail = digits.trim_end_matches('0');
        let dropped = i64::try_from(digits.len() - without_tail.len()).unwrap_or(i64::MAX);
        let exponent = exponent
            .checked_add(dropped)
            .ok_or(ParseNumberError::TooLong)?;
        let digits = without_tail.trim_start_matches('0');
        if digits.is_empty() {
            return Ok(Self::ZERO);
        }
        let limit = i64::try_from(MAX_DIGITS).unwrap_or(i64::MAX);
        let written = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        if written > limit || exponent < -limit || exponent > limit - written {
            return Err(ParseNumberError::TooLong);
        }
        let decimal = Decimal {
            negative,
            digits: digits.to_owned(),
            exponent,
        };
        if exponent >= 0
            && written + exponent <= 19
            && let Ok(int) = decimal.to_string().parse()
        {
            return Ok(Self(Repr::Int(int)));
        }
        Ok(Self(Repr::Decimal(Box::new(decimal))))
    }

    /// Digits and power of ten of the magnitude, for comparing.
    fn magnitude(&self) -> (String, i64) {
        match &self.0 {
            Repr::Int(int) => {
                let text = int.unsigned_abs().to_string();
                let digits = text.trim_end_matches('0');
                let dropped = i64::try_from(text.len() - digits.len()).unwrap_or(0);
                (digits.to_owned(), dropped)
            }
            Repr::Decimal(decimal) => (decimal.digits.clone(), decimal.exponent),
        }
    }
}

impl FromStr for Number {
    type Err = ParseNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], parse_exponent(&unsigned[at + 1..])?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) {
            return Err(ParseNumberError::Malformed);
        }
        if mantissa.len() > 2 * MAX_DIGITS {
            return Err(ParseNumberError::TooLong);
        }
        let scale = i64::try_from(fraction.len()).map_err(|_| ParseNumberError::TooLong)?;
        let exponent = exponent
            .checked_sub(scale)
            .ok_or(ParseNumberError::TooLong)?;
        Self::from_parts(negative, &format!("{whole}{fraction}"), exponent)
    }
}

/// Reads the part after `e`. Absurd sizes are refused later, by the digit limit.
fn parse_exponent(text: &str) -> Result<i64, ParseNumberError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ParseNumberError::Malformed);
    }
    text.parse().map_err(|_| ParseNumberError::TooLong)
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        let zeros = |f: &mut fmt::Formatter<'_>, count: usize| {
            (0..count).try_for_each(|_| f.write_str("0"))
        };
        let shift = usize::try_from(self.exponent.unsigned_abs()).unwrap_or(MAX_DIGITS);
        if self.exponent >= 0 {
            f.write_str(&self.digits)?;
            return zeros(f, shift);
        }
        match self.digits.len().checked_sub(shift) {
            Some(point) if point > 0 => {
                write!(f, "{}.{}", &self.digits[..point], &self.digits[point..])
            }
            _ => {
                f.write_str("0.")?;
                zeros(f, shift - self.digits.len())?;
                f.write_str(&self.digits)
            }
        }
    }
}

impl fmt::Display for Number {
    /// Plain notation, never an exponent: what Terraform itself puts on the wire.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Int(int) => int.fmt(f),
            Repr::Decimal(decimal) => decimal.fmt(f),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Repr::Int(a), Repr::Int(b)) = (&self.0, &other.0) {
            return a.cmp(b);
        }
        match (self.is_negative(), other.is_negative()) {
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            _ => {}
        }
        // Zero has no digits; only an `Int` can be zero, and then the other is not.
        let ((a, a_exponent), (b, b_exponent)) = (self.magnitude(), other.magnitude());
        let height = |digits: &str, exponent: i64| {
            (!digits.is_empty()).then(|| exponent + i64::try_from(digits.len()).unwrap_or(0))
        };
        let magnitude = height(&a, a_exponent)
            .cmp(&height(&b, b_exponent))
            .then_with(|| a.cmp(&b));
        if self.is_negative() {
            magnitude.reverse()
        } else {
            magnitude
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

macro_rules! from_integer {
    ($($int:ty),*) => {$(
        impl From<$int> for Number {
            fn from(int: $int) -> Self {
                match i64::try_from(int) {
                    Ok(int) => Self(Repr::Int(int)),
                    // At most 39 digits, so the limit cannot be met.
                    Err(_) => int.to_string().parse().expect("an integer prints as digits"),
                }
            }
        }
    )*};
}
from_integer!(
    i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize
);

impl TryFrom<f64> for Number {
    type Error = ParseNumberError;

    /// The shortest decimal that reads back as this float: `0.1_f64` gives 0.1.
    fn try_from(float: f64) -> Result<Self, Self::Error> {
        if !float.is_finite() {
            return Err(ParseNumberError::NotFinite);
        }
        format!("{float:e}").parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn text_is_normalised_and_printed_without_exponent() {
        for (text, printed) in [
            ("0", "0"),
            ("-0", "0"),
            ("0.000", "0"),
            ("007", "7"),
            ("+5", "5"),
            ("1.50", "1.5"),
            ("0.1", "0.1"),
            ("-0.001", "-0.001"),
            ("1e3", "1000"),
            ("1E+3", "1000"),
            ("15e-1", "1.5"),
            ("9223372036854775807", "9223372036854775807"),
            ("9223372036854775808", "9223372036854775808"),
            ("-9223372036854775808", "-9223372036854775808"),
            (
                "123456789012345678901234567890.5",
                "123456789012345678901234567890.5",
            ),
            ("1e40", "10000000000000000000000000000000000000000"),
        ] {
            assert_eq!(number(text).to_string(), printed, "{text}");
            assert_eq!(number(printed), number(text), "{text}");
        }
    }

    #[test]
    fn malformed_or_huge_text_is_refused() {
        use ParseNumberError::{Malformed, TooLong};
        for (text, error) in [
            ("", Malformed),
            ("-", Malformed),
            (".5", Malformed),
            ("5.", Malformed),
            ("1e", Malformed),
            ("1e+-1", Malformed),
            ("0x10", Malformed),
            ("1_000", Malformed),
            ("Inf", Malformed),
            ("1e999999999", TooLong),
            ("1e-999999999", TooLong),
            ("1e99999999999999999999", TooLong),
        ] {
            assert_eq!(text.parse::<Number>(), Err(error), "{text}");
        }
        assert_eq!("9".repeat(MAX_DIGITS + 1).parse::<Number>(), Err(TooLong));
    }

    #[test]
    fn order_is_numeric_across_representations() {
        let ascending = [
            "-1e30",
            "-9223372036854775809",
            "-9223372036854775808",
            "-2",
            "-1.5",
            "-1",
            "-0.1",
            "0",
            "0.001",
            "0.01",
            "0.1",
            "0.11",
            "0.2",
            "1",
            "1.5",
            "2",
            "10",
            "100.5",
            "9223372036854775807",
            "9223372036854775808",
            "1e30",
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(number(a).cmp(&number(b)), i.cmp(&j), "{a} and {b}");
            }
        }
    }

    #[test]
    fn floats_are_exact_or_shortest_as_asked() {
        assert_eq!(Number::try_from(0.1).unwrap(), number("0.1"));
        assert_ne!(Number::from_exact_f64(0.1).unwrap(), number("0.1"));
        assert_eq!(Number::from_exact_f64(1.5).unwrap(), number("1.5"));
        assert_eq!(
            Number::from_exact_f64(f64::NAN),
            Err(ParseNumberError::NotFinite)
        );
        for (text, exact) in [
            ("1.5", true),
            ("0.1", false),
            ("1e40", false),
            ("1e22", true),
            ("3", true),
            ("18446744073709551616", false),
            ("9.31322574615478515625e-10", false),
        ] {
            assert_eq!(number(text).as_exact_f64().is_some(), exact, "{text}");
        }
    }

    #[test]
    fn integers_convert_when_they_fit() {
        assert_eq!(Number::from(u64::MAX).as_u64(), Some(u64::MAX));
        assert_eq!(Number::from(u64::MAX).as_i64(), None);
        assert_eq!(number("-1").as_u64(), None);
        assert_eq!(number("1.5").as_u64(), None);
        assert_eq!(Number::from(i64::MIN).as_i64(), Some(i64::MIN));
    }
}
