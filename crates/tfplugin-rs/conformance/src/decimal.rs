//! Numbers in one normal form, whatever form they travel in.
//!
//! The driver reads numbers by itself and not with the crate it examines.

use std::fmt;

/// An exact decimal number: `digits` times ten to the `exponent`, without needless zeros.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Reads decimal notation, with or without a fraction and an exponent.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        Some(Self::normal(negative, &digits, exponent))
    }

    /// The exact value of a float; `None` if it is not finite.
    pub(crate) fn from_f64(float: f64) -> Option<Self> {
        // No float has more than 1074 digits behind the point.
        float
            .is_finite()
            .then(|| Self::parse(&format!("{float:.1074}")))?
    }

    fn normal(negative: bool, digits: &str, exponent: i64) -> Self {
        let significant = digits.trim_start_matches('0');
        let kept = significant.trim_end_matches('0');
        if kept.is_empty() {
            return Self {
                negative: false,
                digits: "0".to_owned(),
                exponent: 0,
            };
        }
        let zeros = i64::try_from(significant.len() - kept.len()).unwrap_or(0);
        Self {
            negative,
            digits: kept.to_owned(),
            exponent: exponent + zeros,
        }
    }

    /// How many significant digits there are.
    pub(crate) fn precision(&self) -> usize {
        self.digits.len()
    }

    /// True for a number without a fraction.
    pub(crate) fn is_whole(&self) -> bool {
        self.exponent >= 0
    }

    /// As Terraform writes it to the wire: an integer or a float where that is exact, else text.
    pub(crate) fn to_wire(&self) -> rmpv::Value {
        if let Ok(int) = self.to_string().parse::<i64>() {
            return int.into();
        }
        let float: Option<f64> = format!("{self:e}").parse().ok();
        match float {
            Some(float) if Self::from_f64(float).as_ref() == Some(self) => float.into(),
            _ => self.to_string().into(),
        }
    }
}

impl fmt::Display for Decimal {
    /// Plain notation; beyond a thousand zeros with an exponent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST_ZEROS: i64 = 1000;
        if self.exponent.abs() > MOST_ZEROS {
            return fmt::LowerExp::fmt(self, f);
        }
        if self.negative {
            f.write_str("-")?;
        }
        let shift = usize::try_from(self.exponent.unsigned_abs()).unwrap_or(0);
        if self.exponent >= 0 {
            return write!(f, "{}{}", self.digits, "0".repeat(shift));
        }
        let padded = format!("{:0>width$}", self.digits, width = shift + 1);
        let (whole, fraction) = padded.split_at(padded.len() - shift);
        write!(f, "{whole}.{fraction}")
    }
}

impl fmt::LowerExp for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        write!(f, "{sign}{}e{}", self.digits, self.exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notations_of_one_number_are_equal() {
        for (a, b) in [
            ("1", "1.000"),
            ("100", "1e2"),
            ("-0", "0"),
            ("0.10", "1e-1"),
            ("12345678901234567890.5", "123456789012345678905e-1"),
        ] {
            assert_eq!(Decimal::parse(a).unwrap(), Decimal::parse(b).unwrap());
        }
        assert_ne!(Decimal::parse("0.1"), Decimal::from_f64(0.1));
        assert_eq!(Decimal::parse("0.5"), Decimal::from_f64(0.5));
        for bad in ["", "-", "x", "1e", "1.2.3"] {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_wire_form_is_exact() {
        for (text, wire) in [
            ("5", rmpv::Value::from(5)),
            ("1.5", rmpv::Value::from(1.5)),
            ("0.1", rmpv::Value::from("0.1")),
            (
                "9223372036854775808",
                rmpv::Value::from(9_223_372_036_854_775_808.0),
            ),
            (
                "9223372036854775809",
                rmpv::Value::from("9223372036854775809"),
            ),
        ] {
            assert_eq!(Decimal::parse(text).unwrap().to_wire(), wire, "{text}");
        }
    }
}
