//! Numbers by table: every way to write one, the order of all of them, and what each is as an
//! integer and a float.

use super::*;

/// Numbers in order, each with other ways to write it.
fn ordered() -> Vec<Vec<&'static str>> {
    vec![
        vec!["-1e9999"],
        vec![
            "-123456789012345678901234567890.5",
            "-1234567890123456789012345678905e-1",
        ],
        vec!["-9223372036854775809"],
        vec!["-9223372036854775808", "-9223372036854775808.0"],
        vec!["-9223372036854775807"],
        vec!["-1e3", "-1000", "-1000.000", "-0.1e4"],
        vec!["-999.9999999999999999999"],
        vec!["-1.5", "-15e-1", "-1.50", "-0.15e+1"],
        vec!["-1", "-1.0", "-10e-1", "-01"],
        vec!["-0.1", "-1e-1"],
        vec!["-1e-9999"],
        vec!["0", "-0", "+0", "0.0", "0e5", "-0.000e-7", "00"],
        vec!["1e-9999", "0.1e-9998"],
        vec!["0.000000000000000001", "1e-18"],
        vec!["0.09999999999999999"],
        vec!["0.1", "1e-1", "0.10", "+0.1", "00.1"],
        vec!["0.1000000000000000055511151231257827021181583404541015625"],
        vec!["0.30000000000000004"],
        vec!["1", "+1", "1.0", "1e0", "1E0", "0.1e1", "10e-1"],
        vec!["1.0000000000000000000000001"],
        vec!["9007199254740993"],
        vec!["9223372036854775807", "9223372036854775807.0"],
        vec!["9223372036854775808"],
        vec!["18446744073709551615", "1.8446744073709551615e19"],
        vec!["18446744073709551616"],
        vec!["1e30", "1000000000000000000000000000000"],
        vec!["1e9999", "10e9998"],
    ]
}

#[test]
fn all_are_ordered_and_each_is_one_number_however_it_is_written() {
    let all: Vec<Vec<Number>> = ordered()
        .into_iter()
        .map(|spellings| {
            let spellings = spellings.into_iter();
            let parsed = spellings.map(|text| match text.parse() {
                Ok(number) => number,
                Err(error) => panic!("{text}: {error}"),
            });
            parsed.collect()
        })
        .collect();
    for (i, left) in all.iter().enumerate() {
        for (j, right) in all.iter().enumerate() {
            for a in left {
                for b in right {
                    assert_eq!(a.cmp(b), i.cmp(&j), "{a} and {b}");
                    assert_eq!(a == b, i == j, "{a} and {b}");
                    // The sum of a number and the other's negative has the sign of the order.
                    let negated: Number = match b.to_string().strip_prefix('-') {
                        Some(positive) => positive.parse().unwrap(),
                        None => format!("-{b}").parse().unwrap(),
                    };
                    if a.to_string().len() + b.to_string().len() < 5000 {
                        let difference = a.plus(&negated);
                        assert_eq!(difference.cmp(&Number::ZERO), i.cmp(&j), "{a} - {b}");
                        assert_eq!(difference.plus(b), *a, "{a} - {b} + {b}");
                    }
                }
            }
        }
    }
}

#[test]
fn each_is_an_integer_and_a_float_where_it_fits() {
    for (text, int, unsigned, float, is_integer) in [
        ("0", Some(0), Some(0), Some(0.0), true),
        ("-1", Some(-1), None, Some(-1.0), true),
        ("0.5", None, None, Some(0.5), false),
        ("-0.75", None, None, Some(-0.75), false),
        // Not what a float of this name is.
        ("0.1", None, None, None, false),
        ("1e3", Some(1000), Some(1000), Some(1000.0), true),
        (
            "9007199254740992",
            Some(1 << 53),
            Some(1 << 53),
            Some(9_007_199_254_740_992.0),
            true,
        ),
        (
            "9007199254740993",
            Some((1 << 53) + 1),
            Some((1 << 53) + 1),
            None,
            true,
        ),
        (
            "9223372036854775807",
            Some(i64::MAX),
            Some(i64::MAX as u64),
            None,
            true,
        ),
        ("-9223372036854775808", Some(i64::MIN), None, None, true),
        ("9223372036854775808", None, Some(1 << 63), None, true),
        ("18446744073709551615", None, Some(u64::MAX), None, true),
        ("18446744073709551616", None, None, None, true),
        ("1e20", None, None, Some(1e20), true),
        ("1e22", None, None, Some(1e22), true),
        // Beyond what shortest and exact agree on.
        ("1e23", None, None, None, true),
        ("1e400", None, None, None, true),
        (
            "0.0000152587890625",
            None,
            None,
            Some(0.000_015_258_789_062_5),
            false,
        ),
        ("1e-400", None, None, None, false),
    ] {
        let number: Number = text.parse().unwrap();
        assert_eq!(number.as_i64(), int, "{text}");
        assert_eq!(number.as_u64(), unsigned, "{text}");
        assert_eq!(number.is_integer(), is_integer, "{text}");
        let exact = number.as_exact_f64();
        match (float, exact) {
            (Some(float), Some(exact)) => {
                assert_eq!(exact.to_bits(), f64::to_bits(float), "{text}")
            }
            (None, None) => {}
            // Of integers beyond 53 bits some are floats too; what counts is that it is the same.
            (None, Some(exact)) => {
                assert_eq!(Number::from_exact_f64(exact), Ok(number.clone()), "{text}");
                assert_eq!(Number::try_from(exact), Ok(number.clone()), "{text}");
            }
            (float, exact) => panic!("{text}: {exact:?}, not {float:?}"),
        }
    }
}

#[test]
fn what_is_no_number_says_why() {
    use ParseNumberError::{Malformed, NotFinite, TooLong};
    let digits = |count: usize| "1".repeat(count);
    for text in [
        "", " ", "1 ", " 1", "+", "-", ".", "1.", ".1", "1..2", "1.2.3", "e5", "1e", "1e+",
        "1e5.5", "1e5e5", "0x10", "1_000", "1,5", "--1", "+-1", "NaN", "inf", "Infinity", "١",
        "1\0", "½",
    ] {
        assert_eq!(text.parse::<Number>(), Err(Malformed), "{text:?}");
    }
    for text in [
        "1e10001".to_owned(),
        "-1e10001".to_owned(),
        "1e-10001".to_owned(),
        "1e99999999999999999999".to_owned(),
        "1e-99999999999999999999".to_owned(),
        "1e9223372036854775807".to_owned(),
        "1.5e-9223372036854775808".to_owned(),
        digits(MAX_DIGITS + 1),
        format!("0.{}", digits(MAX_DIGITS + 1)),
    ] {
        assert_eq!(text.parse::<Number>(), Err(TooLong), "{:.40}", text);
    }
    for text in [
        digits(MAX_DIGITS),
        format!("0.{}", digits(MAX_DIGITS)),
        // Zeros that say nothing do not count.
        format!("{}1", "0".repeat(MAX_DIGITS)),
        format!("1.{}", "0".repeat(MAX_DIGITS)),
        "0e99999".to_owned(),
    ] {
        let number: Number = text
            .parse()
            .unwrap_or_else(|error| panic!("{text:.40}: {error}"));
        assert_eq!(number.to_string().parse(), Ok(number));
    }
    for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(Number::try_from(float), Err(NotFinite));
        assert_eq!(Number::from_exact_f64(float), Err(NotFinite));
    }
    assert_eq!(Malformed.to_string(), "not a decimal number");
    assert_eq!(
        TooLong.to_string(),
        "the number needs more than 10000 digits"
    );
    assert_eq!(NotFinite.to_string(), "not a finite number");
}

#[test]
fn integers_of_every_width_convert() {
    macro_rules! check {
        ($($int:ty)*) => {$(
            for int in [<$int>::MIN, <$int>::MAX, 0, 1] {
                let number = Number::from(int);
                assert_eq!(number.to_string(), int.to_string());
                assert_eq!(number, int.to_string().parse().unwrap());
                assert!(number.is_integer());
            }
        )*};
    }
    check!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);
}
