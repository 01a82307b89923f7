//! Which numbers an attribute takes. The wire knows only numbers; the reference declares integers and
//! floats of 32 and 64 bits, and numbers of any kind, and refuses what it did not declare.

use crate::decimal::Decimal;
use crate::term::Term;

/// What the reference declares an attribute as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Declared {
    Any,
    Float32,
    Float64,
    Int32,
    Int64,
}

/// Beginnings of the names of attributes that are integers of 64 bits.
const INTEGERS: [&str; 7] = [
    "count", "int_", "kept_int", "number_0", "number_1", "range", "size",
];

impl Declared {
    /// By the attribute's name, which says it throughout both providers.
    pub(crate) fn of(name: &str) -> Self {
        let is_integer = ["int", "stamp"].contains(&name) || name.ends_with("_counts");
        if is_integer || INTEGERS.iter().any(|prefix| name.starts_with(prefix)) {
            Self::Int64
        } else if name == "small" || name.starts_with("small_") {
            Self::Int32
        } else if name == "half" || name.starts_with("half_") {
            Self::Float32
        } else if name.starts_with("float_") || name.ends_with("_floats") {
            Self::Float64
        } else {
            Self::Any
        }
    }

    pub(crate) fn takes(self, number: &Decimal) -> bool {
        match self {
            Self::Any => true,
            Self::Float32 => is_near(format!("{number:e}").parse::<f32>().map(f64::from), number),
            Self::Float64 => is_near(Ok::<_, ()>(float(number)), number),
            Self::Int32 => number.to_string().parse::<i32>().is_ok(),
            Self::Int64 => number.to_string().parse::<i64>().is_ok(),
        }
    }

    /// Numbers that the attribute does not take.
    pub(crate) const fn misfits(self) -> &'static [&'static str] {
        match self {
            Self::Any => &[],
            Self::Float32 => &["3.5e38", "1e-46", "1e309"],
            Self::Float64 => &["1e309", "1e-400"],
            Self::Int32 => &["0.5", "2147483648"],
            Self::Int64 => &["0.5", "9223372036854775808", "1e100"],
        }
    }
}

/// True if some attribute inside holds a number that the reference has no room for.
pub(crate) fn has_misfit(term: &Term) -> bool {
    let Term::Map(entries) = term else {
        return false;
    };
    entries.iter().any(
        |(name, value)| matches!(value, Term::Number(number) if !Declared::of(name).takes(number)),
    )
}

fn float(number: &Decimal) -> f64 {
    format!("{number:e}").parse().unwrap_or(f64::INFINITY)
}

/// True for a float that has not turned into infinity or nothing.
fn is_near<E>(float: Result<f64, E>, number: &Decimal) -> bool {
    float.is_ok_and(|float| float.is_finite() && (float != 0.0 || number.to_string() == "0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misfits_do_not_fit_and_the_rest_does() {
        for name in [
            "count",
            "int_both",
            "number_07",
            "small_default",
            "float_both",
            "half_most",
            "stamp",
            "list_counts",
            "map_floats",
        ] {
            let declared = Declared::of(name);
            assert!(!declared.misfits().is_empty(), "{name}");
            for text in declared.misfits() {
                let number = Decimal::parse(text).unwrap();
                assert!(!declared.takes(&number), "{name} takes {text}");
            }
            assert!(declared.takes(&Decimal::parse("-5").unwrap()), "{name}");
        }
        assert_eq!(Declared::of("number_required"), Declared::Any);
    }

    #[test]
    fn a_misfit_is_found_by_its_name() {
        let half = |name| Term::object([(name, Term::number("0.5"))]);
        assert!(half("count").any(&has_misfit));
        assert!(Term::List(vec![half("stamp")]).any(&has_misfit));
        assert!(!half("value").any(&has_misfit));
        assert!(!half("float_both").any(&has_misfit));
    }
}
