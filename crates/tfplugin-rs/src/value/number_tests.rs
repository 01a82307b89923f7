//! Numbers from text and floats, and back.

use proptest::prelude::*;

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

proptest! {
    #[test]
    fn short_ways_and_long_ways_agree(
        mantissa in -(1_i64 << 53)..(1 << 53),
        places in 0_i32..70,
        digits in -10_i64.pow(15)..10_i64.pow(15),
        exponent in -25_i32..5,
    ) {
        let float = mantissa as f64 / 2_f64.powi(places);
        let long = format!("{float:.1074}").parse::<Number>().unwrap();
        prop_assert_eq!(Number::from_exact_f64(float), Ok(long));

        let decimal = number(&format!("{digits}e{exponent}"));
        let float = decimal.to_f64();
        let exact = format!("{float:.1074}").parse::<Number>().unwrap() == decimal;
        let shortest = Number::try_from(float).unwrap() == decimal;
        prop_assert_eq!(decimal.as_exact_f64(), (exact && shortest).then_some(float));
    }
}

#[test]
fn sums_are_exact() {
    for (a, b, sum) in [
        ("1", "2", "3"),
        ("0.1", "0.2", "0.3"),
        ("0.5", "0.5", "1"),
        ("1e30", "1", "1000000000000000000000000000001"),
        ("1e30", "-1", "999999999999999999999999999999"),
        ("-1.5", "1", "-0.5"),
        ("1.5", "-1.5", "0"),
        ("0", "0.25", "0.25"),
        ("-0.75", "-0.25", "-1"),
        ("9223372036854775807", "1", "9223372036854775808"),
        ("-9223372036854775808", "-1", "-9223372036854775809"),
    ] {
        assert_eq!(number(a).plus(&number(b)), number(sum), "{a} + {b}");
        assert_eq!(number(b).plus(&number(a)), number(sum), "{b} + {a}");
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

/// The three forms meet here; a value has one of them however it came about.
#[test]
fn forms_are_canonical_at_their_borders() {
    for (text, same) in [
        // Whole numbers of 64 bits, and one beyond on either side.
        ("9223372036854775807", "9223372036854775807.0"),
        ("9223372036854775808", "922337203685477580.8e1"),
        ("-9223372036854775808", "-9223372036854775808.000"),
        ("-9223372036854775809", "-92233720368547758.09e2"),
        // 18 places, and one more.
        ("0.000000000000000001", "1e-18"),
        ("0.0000000000000000001", "1e-19"),
        ("9.223372036854775807", "9223372036854775807e-18"),
        ("9.223372036854775808", "9223372036854775808e-18"),
        ("-9.223372036854775807", "-9.2233720368547758070"),
        ("0.5", "5e-1"),
        ("-0.50", "-5000e-4"),
        ("0", "-0.000e5"),
        ("0.1", "0.10000000000000000000000000000000000000000"),
    ] {
        let (a, b) = (number(text), number(same));
        assert_eq!(a, b, "{text}");
        assert_eq!(a.cmp(&b), Ordering::Equal, "{text}");
        assert_eq!(a.to_string(), b.to_string());
        assert_eq!(hash(&a), hash(&b), "{text}");
    }
}

fn hash(number: &Number) -> u64 {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    BuildHasherDefault::<DefaultHasher>::default().hash_one(number)
}

proptest! {
    /// Against arithmetic on whole numbers of 128 bits, scaled by 10^20.
    #[test]
    fn decimals_add_and_compare_like_scaled_integers(
        a in -10_i128.pow(30)..10_i128.pow(30),
        b in -10_i128.pow(30)..10_i128.pow(30),
        near in -3_i128..=3,
    ) {
        let scaled = |int: i128| number(&format!("{int}e-20"));
        for b in [b, a + near, -a, near] {
            prop_assert_eq!(scaled(a).cmp(&scaled(b)), a.cmp(&b));
            prop_assert_eq!(scaled(a) == scaled(b), a == b);
            prop_assert_eq!(scaled(a).plus(&scaled(b)), scaled(a + b));
        }
    }

    #[test]
    fn what_is_printed_is_read_back(digits in any::<i64>(), places in 0_u32..40, negative: bool) {
        let sign = if negative { "-" } else { "" };
        let value = number(&format!("{sign}{}e-{places}", digits.unsigned_abs()));
        let text = value.to_string();
        prop_assert!(!text.contains(['e', 'E']), "{}", text);
        prop_assert!(!text.contains('.') || !text.ends_with('0'), "{}", text);
        prop_assert_eq!(text.parse::<Number>(), Ok(value.clone()));
        prop_assert_eq!(value.is_integer(), !text.contains('.'));
        prop_assert_eq!(value.as_i64(), text.parse().ok());
        prop_assert_eq!(value.as_u64(), text.parse().ok());
        prop_assert_eq!(value.to_f64(), text.parse::<f64>().unwrap());
    }

    #[test]
    fn a_float_is_what_it_says(float in any::<f64>().prop_filter("finite", |f| f.is_finite())) {
        let exact = Number::from_exact_f64(float).unwrap();
        prop_assert_eq!(exact.to_f64(), float);
        let shortest = Number::try_from(float).unwrap();
        prop_assert_eq!(shortest.to_f64(), float);
        // Sent as a float only where nobody can tell the two apart.
        prop_assert_eq!(exact.as_exact_f64().is_some_and(|_| exact.as_i64().is_none()), exact == shortest && exact.as_i64().is_none());
    }
}
