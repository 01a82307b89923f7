//! Every Rust type that a field can have, with every class of value: what is read, how what is not
//! is refused, and what is written.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Debug;
use std::net::IpAddr;

use super::*;
use crate::attr::Attr;
use crate::diagnostics::Diagnostics;
use crate::types::{Caseless, Cidr, Json, Period, Size, Timestamp};
use crate::validate::{Report, Surroundings};
use crate::value::{Dynamic, Number};

fn number(text: &str) -> Value {
    Value::Number(text.parse().unwrap())
}

/// The refusal of a value, as a diagnostic says it.
fn refusal<T: Field + Debug>(value: Value) -> String {
    let error = T::from_value(value).unwrap_err();
    error.into_diagnostic(&"x".into()).to_string()
}

/// What is read is written the same.
#[track_caller]
fn survives<T: Field + Debug>(value: impl Into<Value>) {
    let value = value.into();
    assert!(value.fits(&T::shape().ty()), "{value:?}");
    assert_eq!(T::from_value(value.clone()).unwrap().to_value(), value);
}

/// Null, unknown and a value of another type are refused, with what is needed instead.
#[track_caller]
fn refuses_all_else<T: Field + Debug>(needed: &str, other: impl Into<Value>, kind: &str) {
    let start = "error: Unexpected attribute value (at x): ";
    let null = refusal::<T>(Value::Null);
    assert_eq!(
        null,
        format!("{start}{needed} is needed, but the value is null.")
    );
    let unknown = refusal::<T>(Value::Unknown);
    let hint = "use `Attr` in the model where values may be unknown";
    let expected = format!("{start}{needed} is needed, but the value is not known yet; {hint}.");
    assert_eq!(unknown, expected);
    let other = refusal::<T>(other.into());
    assert_eq!(
        other,
        format!("{start}{needed} is needed, but the value is {kind}.")
    );
}

#[test]
fn plain_fields_take_their_type_and_nothing_else() {
    survives::<bool>(true);
    survives::<String>("");
    survives::<String>("é".repeat(100));
    survives::<Number>(number("123456789012345678901234567890.5"));
    survives::<f64>(number("-0.1"));
    survives::<Dynamic>(Dynamic::new(Type::list(Type::Bool), Value::list([true])));
    refuses_all_else::<bool>("A bool", "true", "a string");
    refuses_all_else::<String>("A string", true, "a bool");
    refuses_all_else::<Number>("A number", "1", "a string");
    refuses_all_else::<f64>("A number", Value::list(["1"]), "a list");
    refuses_all_else::<u8>("A number", Value::map([("a", 1)]), "a map");
    refuses_all_else::<Dynamic>("A value", "bare", "a string");
}

#[test]
fn collections_take_their_kind_and_name_the_element_that_does_not_fit() {
    survives::<Vec<u8>>(Value::list([2, 1]));
    survives::<Vec<String>>(Value::list::<Value>([]));
    survives::<BTreeSet<u8>>(Value::set([2, 1]));
    survives::<HashSet<String>>(Value::set(["b", "a"]));
    survives::<BTreeMap<String, bool>>(Value::map([("b", true), ("a", false)]));
    survives::<HashMap<String, Vec<u8>>>(Value::map([("k", Value::list([1]))]));
    survives::<Vec<Option<u8>>>(Value::list([Value::Null, 1.into()]));
    survives::<Vec<Attr<u8>>>(Value::list([Value::Unknown, 1.into()]));
    refuses_all_else::<Vec<u8>>("A list", Value::set([1]), "a set");
    refuses_all_else::<BTreeSet<u8>>("A set", Value::list([1]), "a list");
    refuses_all_else::<HashSet<u8>>("A set", "a", "a string");
    refuses_all_else::<BTreeMap<String, u8>>("A map", Value::list([1]), "a list");
    refuses_all_else::<HashMap<String, u8>>("A map", 1, "a number");
    for (found, path) in [
        (
            refusal::<Vec<bool>>(Value::list([true.into(), Value::Null])),
            "x[1]",
        ),
        (refusal::<BTreeSet<bool>>(Value::set([1])), "x[element]"),
        (refusal::<HashSet<bool>>(Value::set([1])), "x[element]"),
        (
            refusal::<BTreeMap<String, bool>>(Value::map([("k", 1)])),
            "x[\"k\"]",
        ),
        (
            refusal::<HashMap<String, Vec<bool>>>(Value::map([("k", Value::list([1]))])),
            "x[\"k\"][0]",
        ),
    ] {
        let start = format!("error: Unexpected attribute value (at {path}): A bool is needed");
        assert!(found.starts_with(&start), "{found}");
    }
}

#[test]
fn wrappers_make_room_for_null_and_unknown() {
    survives::<Option<String>>("a");
    survives::<Option<String>>(Value::Null);
    survives::<Attr<String>>("a");
    survives::<Attr<String>>(Value::Null);
    survives::<Attr<String>>(Value::Unknown);
    survives::<Box<Option<u8>>>(Value::Null);
    // A null inside a dynamic is a null, and so for unknown.
    let dynamic = |value| Value::from(Dynamic::new(Type::String, value));
    assert_eq!(
        Option::<Dynamic>::from_value(dynamic(Value::Null)),
        Ok(None)
    );
    assert_eq!(
        Attr::<Dynamic>::from_value(dynamic(Value::Unknown)),
        Ok(Attr::Unknown)
    );
    assert!(refusal::<Option<String>>(Value::Unknown).contains("not known yet"));
    for (presence, expected) in [
        (String::PRESENCE, Presence::Required),
        (Vec::<Option<String>>::PRESENCE, Presence::Required),
        (Option::<String>::PRESENCE, Presence::Optional),
        (Attr::<String>::PRESENCE, Presence::Computed),
        (Box::<Attr<String>>::PRESENCE, Presence::Computed),
    ] {
        assert_eq!(presence, expected);
    }
}

macro_rules! integers_end_where_they_end {
    ($($int:ident)*) => {$(
        #[test]
        fn $int() {
            let (min, max) = (Number::from(<$int>::MIN), Number::from(<$int>::MAX));
            let one = Number::from(1);
            let minus_one = Number::from(-1);
            survives::<$int>(min.clone());
            survives::<$int>(max.clone());
            survives::<$int>(0);
            for beyond in [min.plus(&minus_one), max.plus(&one), "0.5".parse().unwrap()] {
                let expected = format!(
                    "error: Unexpected attribute value (at x): A whole number from {min} to {max} \
                     is needed, but the value is {beyond}."
                );
                assert_eq!(refusal::<$int>(beyond.into()), expected);
            }
        }
    )*};
}

mod integers {
    use super::*;

    integers_end_where_they_end!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);
}

#[test]
fn floats_end_where_they_end() {
    for (text, float) in [
        ("0", 0.0),
        ("0.1", 0.1),
        ("-1e300", -1e300),
        ("5e-324", 5e-324),
        // Nearer than any float can tell.
        ("0.1000000000000000000000001", 0.1),
        ("0e-400", 0.0),
    ] {
        assert_eq!(f64::from_value(number(text)), Ok(float), "{text}");
    }
    for text in ["1e309", "-1e309", "1e-400"] {
        assert_eq!(
            refusal::<f64>(number(text)),
            "error: Unexpected attribute value (at x): The number is beyond the range of a 64-bit \
             float."
        );
    }
    for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(float.to_value(), Value::Null);
    }
}

#[test]
fn narrow_floats_end_where_they_end() {
    for (text, float) in [
        ("0.1", 0.1),
        ("-3.4028235e38", f32::MIN),
        // Still nearer to the greatest float than to what would come after it.
        ("3.40282356e38", f32::MAX),
        ("1e-45", 1e-45),
    ] {
        assert_eq!(f32::from_value(number(text)), Ok(float), "{text}");
    }
    // Shortest, and not what a 64-bit float makes of it.
    assert_eq!(0.1_f32.to_value(), number("0.1"));
    for text in ["3.5e38", "-1e300", "1e-46"] {
        assert!(
            refusal::<f32>(number(text)).contains("a 32-bit float"),
            "{text}"
        );
    }
    assert_eq!(f32::NAN.to_value(), Value::Null);
}

/// The rules that float types bring to a schema; a configuration meets them before any model does.
#[test]
fn floats_are_refused_by_validation_too() {
    for (shape, inside, outside) in [
        (f32::shape(), "3.4e38", "3.5e38"),
        (f64::shape(), "1e308", "1e309"),
        (f64::shape(), "5e-324", "1e-400"),
    ] {
        let said = |text: &str| {
            let mut found = Diagnostics::new();
            let surroundings = Surroundings::default();
            let mut report = Report::new("x".into(), 0, false, &surroundings, &mut found);
            for validator in &shape.validators {
                validator.check(&number(text), &mut report);
            }
            found.to_string()
        };
        assert_eq!(said(inside), "");
        assert!(
            said(outside).contains("must be within the range of a"),
            "{outside}"
        );
    }
}

#[test]
fn texts_are_read_and_keep_their_spelling() {
    survives::<Text<IpAddr>>("0:0::1");
    survives::<Text<Json>>("{ \"b\": 1, \"a\" : 2 }");
    survives::<Text<Timestamp>>("2024-02-29T23:59:59.5+01:00");
    survives::<Text<Period>>("90m");
    survives::<Text<Size>>("1.5 GiB");
    survives::<Text<Cidr>>("10.1.2.3/8");
    survives::<Text<Caseless>>("MiXeD");
    for (found, reason) in [
        (
            refusal::<Text<IpAddr>>("10.0.0".into()),
            "Invalid IP address syntax",
        ),
        (
            refusal::<Text<u8>>("256".into()),
            "Number too large to fit in target type",
        ),
        (refusal::<Text<Period>>("1d".into()), "\"d\""),
        (refusal::<Text<Size>>("1XB".into()), "\"XB\""),
        (
            refusal::<Text<IpAddr>>(5.into()),
            "A string is needed, but the value is a number",
        ),
    ] {
        assert!(found.contains(reason), "{found}");
    }
}

/// `timetypes`: what means the same is the same, as the semantic equality of attributes uses it.
#[test]
fn times_and_sizes_that_mean_the_same_are_equal() {
    fn same<T: Field + PartialEq + Debug>(a: &str, b: &str) -> bool {
        T::from_value(a.into()).unwrap() == T::from_value(b.into()).unwrap()
    }
    for (a, b, expected) in [
        ("1h", "60m", true),
        ("1h0m0s", "1h", true),
        ("1.5s", "1500ms", true),
        ("0s", "0h", true),
        ("1h", "61m", false),
    ] {
        assert_eq!(same::<Text<Period>>(a, b), expected, "{a} and {b}");
    }
    for (a, b, expected) in [
        ("2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00", true),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000Z", true),
        ("2024-01-01T00:00:00Z", "2023-12-31T23:00:00-01:00", true),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00.001Z", false),
    ] {
        assert_eq!(same::<Text<Timestamp>>(a, b), expected, "{a} and {b}");
    }
    for (a, b, expected) in [
        ("1KiB", "1024B", true),
        ("1.5GiB", "1536MiB", true),
        ("1kB", "1000", true),
        ("1kB", "1KiB", false),
    ] {
        assert_eq!(same::<Text<Size>>(a, b), expected, "{a} and {b}");
    }
}
