//! Our codecs beside others' : `rmpv` for MessagePack, `serde_json` for JSON.

use proptest::prelude::*;
use rmpv::Value as Packed;
use serde_json::Value as Json;

use super::sampling;
use super::*;

/// A value as its table says it goes on the wire, by another library.
fn packed(value: &Value, ty: &Type) -> Packed {
    let each = |elements: &[Value], ty: &Type| {
        Packed::Array(elements.iter().map(|element| packed(element, ty)).collect())
    };
    match (value, ty) {
        (Value::Null, _) => Packed::Nil,
        (Value::Unknown, _) => Packed::Ext(0, vec![0]),
        (Value::Bool(truth), _) => Packed::Boolean(*truth),
        (Value::String(text), _) => Packed::from(text.as_str()),
        (Value::Number(number), _) => packed_number(number),
        (Value::List(elements), Type::List(ty)) => each(elements, ty),
        (Value::Set(set), Type::Set(ty)) => each(set.elements(), ty),
        (Value::Tuple(elements), Type::Tuple(types)) => {
            let pairs = elements.iter().zip(types.iter());
            Packed::Array(pairs.map(|(element, ty)| packed(element, ty)).collect())
        }
        (Value::Map(entries), Type::Map(ty)) => {
            let entries = entries.iter();
            Packed::Map(
                entries
                    .map(|(k, v)| (Packed::from(k), packed(v, ty)))
                    .collect(),
            )
        }
        (Value::Object(object), Type::Object(ty)) => {
            let entries = object.iter().zip(ty.types());
            let entries = entries.map(|((name, v), ty)| (Packed::from(name), packed(v, ty)));
            Packed::Map(entries.collect())
        }
        (Value::Dynamic(dynamic), _) => Packed::Array(vec![
            Packed::Binary(dynamic.ty().to_json_bytes()),
            packed(dynamic.value(), dynamic.ty()),
        ]),
        (value, ty) => panic!("{value:?} is no {ty}"),
    }
}

fn packed_number(number: &Number) -> Packed {
    let text = number.to_string();
    if let Ok(int) = text.parse::<i64>() {
        return Packed::from(int);
    }
    // A float where it is exactly the number, and prints as it.
    let float: f64 = text.parse().expect("a decimal");
    let is_exact = |float: f64| {
        let exact = format!("{float:.1100}");
        let exact = exact.trim_end_matches('0').trim_end_matches('.');
        exact == text && format!("{float}") == text
    };
    match float.is_finite() && is_exact(float) {
        true => Packed::F64(float),
        false => Packed::from(text),
    }
}

/// A value as JSON by another library; numbers that it cannot hold exactly are left out by the caller.
fn jsoned(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Number(number) => serde_json::from_str(&number.to_string()).expect("a number"),
        Value::String(text) => Json::String(text.to_string()),
        Value::Map(entries) => {
            let entries = entries.iter();
            Json::Object(entries.map(|(k, v)| (k.to_owned(), jsoned(v))).collect())
        }
        Value::Object(object) => {
            let entries = object.iter();
            Json::Object(entries.map(|(k, v)| (k.to_owned(), jsoned(v))).collect())
        }
        Value::Dynamic(dynamic) => serde_json::json!({
            "type": dynamic.ty().to_json(),
            "value": jsoned(dynamic.value()),
        }),
        other => other.children().map(jsoned).collect(),
    }
}

/// True if every number inside is a short integer, which all libraries hold alike.
fn has_plain_numbers(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_i64().is_some(),
        Value::Dynamic(dynamic) => has_plain_numbers(dynamic.value()),
        other => other.children().all(has_plain_numbers),
    }
}

proptest! {
    #[test]
    fn what_is_written_another_library_reads((ty, value) in sampling::typed_value()) {
        let bytes = msgpack::encode(&value, &ty).unwrap();
        let mut rest = &bytes[..];
        let read = rmpv::decode::read_value(&mut rest).unwrap();
        prop_assert!(rest.is_empty());
        prop_assert_eq!(read, packed(&value, &ty), "{:?}", value);
    }

    #[test]
    fn what_another_library_writes_is_read((ty, value) in sampling::typed_value()) {
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &packed(&value, &ty)).unwrap();
        prop_assert_eq!(msgpack::decode(&bytes, &ty), Ok(value));
    }

    #[test]
    fn json_is_what_another_library_makes_of_it((ty, value) in sampling::typed_value()) {
        prop_assume!(value.is_wholly_known() && has_plain_numbers(&value));
        let text = json::encode(&value, &ty).unwrap();
        let read: Json = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(&read, &jsoned(&value));
        let spaced = serde_json::to_vec_pretty(&read).unwrap();
        prop_assert_eq!(json::decode(&spaced, &ty), Ok(value));
    }

    #[test]
    fn both_forms_hold_the_same((ty, value) in sampling::typed_value()) {
        let known = value.unknown_as_null();
        let by_json = json::decode(&json::encode(&known, &ty).unwrap(), &ty);
        let by_msgpack = msgpack::decode(&msgpack::encode(&known, &ty).unwrap(), &ty);
        prop_assert_eq!(by_json.as_ref(), by_msgpack.as_ref());
        prop_assert_eq!(by_json, Ok(known));
    }

    /// A cut anywhere is noticed.
    #[test]
    fn no_beginning_of_a_value_is_one((ty, value) in sampling::typed_value()) {
        let bytes = msgpack::encode(&value, &ty).unwrap();
        for end in 0..bytes.len() {
            prop_assert!(msgpack::decode(&bytes[..end], &ty).is_err(), "{} of {}", end, bytes.len());
        }
        let longer = [&bytes[..], &[0xc0]].concat();
        prop_assert!(msgpack::decode(&longer, &ty).is_err());
    }

    #[test]
    fn types_survive_their_json(ty in sampling::any_type()) {
        let bytes = ty.to_json_bytes();
        prop_assert_eq!(Type::from_json_bytes(&bytes), Ok(ty.clone()));
        let spaced = serde_json::to_vec_pretty(&ty.to_json()).unwrap();
        prop_assert_eq!(Type::from_json_bytes(&spaced), Ok(ty));
    }

    #[test]
    fn a_value_fits_its_type_and_no_simple_other((ty, value) in sampling::typed_value()) {
        prop_assert!(value.fits(&ty));
        prop_assert!(msgpack::encode(&value, &ty).is_ok());
        for other in [Type::Bool, Type::Number, Type::String, Type::Dynamic] {
            if value.is_known() && other != ty {
                prop_assert!(!value.fits(&other), "{:?} as {}", value, other);
                prop_assert!(msgpack::encode(&value, &other).is_err());
            }
        }
    }
}
