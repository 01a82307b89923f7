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

/// Canonical: a value takes the first form that holds it, so derived equality is numeric.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Int(i64),
    /// `digits` / 10^`places`, 1 to [`MOST_PLACES`] of them; the digits do not end with a zero.
    Fraction {
        digits: i64,
        places: u8,
    },
    Decimal(Box<Decimal>),
}

/// Places of a [`Repr::Fraction`]: 5^18 fits 64 bits.
const MOST_PLACES: u8 = 18;

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
            Repr::Fraction { .. } | Repr::Decimal(_) => None,
        }
    }

    /// The value as a 64-bit unsigned integer, if it is one.
    pub fn as_u64(&self) -> Option<u64> {
        match &self.0 {
            Repr::Int(int) => u64::try_from(*int).ok(),
            Repr::Decimal(decimal) if decimal.exponent >= 0 => self.to_string().parse().ok(),
            Repr::Fraction { .. } | Repr::Decimal(_) => None,
        }
    }

    /// The nearest 64-bit float; infinite when the number is out of its range.
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            #[expect(clippy::cast_precision_loss, reason = "nearest is what is promised")]
            Repr::Int(int) => *int as f64,
            Repr::Fraction { digits, places } => {
                format!("{digits}e-{places}").parse().unwrap_or(f64::NAN)
            }
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
        if let Some(answer) = self.short_as_exact_f64() {
            return answer;
        }
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
        if let Some(number) = Self::from_short_fraction(float) {
            return Ok(number);
        }
        // 1074 fraction digits are enough for every double, and std prints them exactly.
        if float.fract() == 0.0 {
            format!("{float:.0}")
        } else {
            format!("{float:.1074}")
        }
        .parse()
    }

    /// The exact sum. Beyond [`MAX_DIGITS`] digits the smaller number no longer counts.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        if let (Repr::Int(a), Repr::Int(b)) = (&self.0, &other.0) {
            return Self::from(i128::from(*a) + i128::from(*b));
        }
        let larger = |a: &Self, b: &Self| if a > b { a.clone() } else { b.clone() };
        let ((a, a_exponent), (b, b_exponent)) = (self.magnitude(), other.magnitude());
        let exponent = a_exponent.min(b_exponent);
        let digits = |digits: String, from: i64| {
            let zeros = usize::try_from(from - exponent).unwrap_or(0);
            digits + &"0".repeat(zeros)
        };
        let (a, b) = (digits(a, a_exponent), digits(b, b_exponent));
        let width = a.len().max(b.len());
        let (a, b) = (format!("{a:0>width$}"), format!("{b:0>width$}"));
        let (negative, digits) = match (self.is_negative(), other.is_negative()) {
            (a_negative, b_negative) if a_negative == b_negative => (a_negative, add(&a, &b)),
            (a_negative, _) if a >= b => (a_negative, subtract(&a, &b)),
            (_, b_negative) => (b_negative, subtract(&b, &a)),
        };
        Self::from_parts(negative, &digits, exponent).unwrap_or_else(|_| larger(self, other))
    }

    /// The exact value of a float with few binary digits after the point, without the detour
    /// through text: m / 2^k is m × 5^k / 10^k.
    fn from_short_fraction(float: f64) -> Option<Self> {
        /// 2^53 × 5^32 is below 2^128.
        const MOST: u32 = 32;
        const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
        let bits = float.to_bits();
        let biased = u32::try_from(bits >> FRACTION_BITS & 0x7ff).ok()?;
        if biased == 0 {
            return None;
        }
        let mantissa = bits & ((1 << FRACTION_BITS) - 1) | 1 << FRACTION_BITS;
        let zeros = mantissa.trailing_zeros();
        // What the exponent's bias adds: 1023, and 52 for the places of the mantissa.
        let places = (1023 + FRACTION_BITS).checked_sub(biased + zeros)?;
        if places == 0 || places > MOST {
            return None;
        }
        // An odd number times a power of five: no zero at the end.
        let digits = u128::from(mantissa >> zeros) * 5_u128.pow(places);
        if let (Ok(digits), Ok(places @ ..=MOST_PLACES)) =
            (i64::try_from(digits), u8::try_from(places))
        {
            let digits = if float.is_sign_negative() {
                -digits
            } else {
                digits
            };
            return Some(Self(Repr::Fraction { digits, places }));
        }
        Some(Self(Repr::Decimal(Box::new(Decimal {
            negative: float.is_sign_negative(),
            digits: digits.to_string(),
            exponent: -i64::from(places),
        }))))
    }

    /// For a decimal of few digits, which is its float's shortest form: the float, if it is exact.
    fn short_as_exact_f64(&self) -> Option<Option<f64>> {
        /// 15 digits survive a float both ways.
        const FEW: u64 = 10_u64.pow(15);
        let Repr::Fraction { digits, places } = self.0 else {
            return None;
        };
        let (magnitude, places) = (digits.unsigned_abs(), u32::from(places));
        if magnitude >= FEW {
            return None;
        }
        // digits / 10^k is a binary fraction if 5^k divides the digits.
        let Some(fives) = 5_u64
            .checked_pow(places)
            .filter(|fives| magnitude.is_multiple_of(*fives))
        else {
            return Some(None);
        };
        #[expect(clippy::cast_precision_loss, reason = "15 digits fit 53 bits")]
        let float = (magnitude / fives) as f64 / (1_u64 << places) as f64;
        Some(Some(if digits < 0 { -float } else { float }))
    }

    /// True for whole numbers.
    pub fn is_integer(&self) -> bool {
        match &self.0 {
            Repr::Int(_) => true,
            Repr::Fraction { .. } => false,
            Repr::Decimal(decimal) => decimal.exponent >= 0,
        }
    }

    fn is_negative(&self) -> bool {
        match &self.0 {
            Repr::Int(digits) | Repr::Fraction { digits, .. } => *digits < 0,
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
        if let Ok(places @ 1..=MOST_PLACES) = u8::try_from(-exponent)
            && let Ok(digits) = decimal.digits.parse::<i64>()
        {
            let digits = if negative { -digits } else { digits };
            return Ok(Self(Repr::Fraction { digits, places }));
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
            Repr::Fraction { digits, places } => {
                (digits.unsigned_abs().to_string(), -i64::from(*places))
            }
            Repr::Decimal(decimal) => (decimal.digits.clone(), decimal.exponent),
        }
    }
}

/// Digits as numbers, from the last.
fn backwards(digits: &str) -> impl Iterator<Item = u8> {
    digits.bytes().rev().map(|digit| digit - b'0')
}

fn forwards(mut backwards: Vec<u8>) -> String {
    backwards.reverse();
    backwards
        .into_iter()
        .map(|digit| char::from(b'0' + digit))
        .collect()
}

/// The sum of two numbers of as many digits.
fn add(a: &str, b: &str) -> String {
    let mut sum = Vec::with_capacity(a.len() + 1);
    let mut carry = 0;
    for (a, b) in backwards(a).zip(backwards(b)) {
        let digit = a + b + carry;
        sum.push(digit % 10);
        carry = digit / 10;
    }
    sum.push(carry);
    forwards(sum)
}

/// The difference of two numbers of as many digits, the first being no smaller.
fn subtract(a: &str, b: &str) -> String {
    let mut difference = Vec::with_capacity(a.len());
    let mut borrow = 0;
    for (a, b) in backwards(a).zip(backwards(b)) {
        let digit = a + 10 - b - borrow;
        difference.push(digit % 10);
        borrow = 1 - digit / 10;
    }
    forwards(difference)
}

impl FromStr for Number {
    type Err = ParseNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(int) = text.parse() {
            return Ok(Self(Repr::Int(int)));
        }
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
            Repr::Fraction { .. } => {
                let (digits, exponent) = self.magnitude();
                let negative = self.is_negative();
                Decimal {
                    negative,
                    digits,
                    exponent,
                }
                .fmt(f)
            }
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
#[path = "number_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "number_table_tests.rs"]
mod tables;
