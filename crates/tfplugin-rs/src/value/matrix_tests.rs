//! Every type with every class of value, against bytes and text written by hand; and every type
//! with everything that it may meet on the wire.

use super::*;

/// A type, a value, its MessagePack, and its JSON unless it has none.
type Row = (Type, Value, &'static [u8], Option<&'static str>);

const NULL: (Value, &[u8], Option<&str>) = (Value::Null, b"\xc0", Some("null"));
const UNKNOWN: (Value, &[u8], Option<&str>) = (Value::Unknown, b"\xd4\0\0", None);

fn number(text: &str) -> Value {
    Value::Number(text.parse().unwrap())
}

fn pair() -> Type {
    Type::object([("a", Type::String), ("b", Type::Number)])
}

fn bools_and_numbers() -> Vec<Row> {
    let max = "9223372036854775807";
    vec![
        (Type::Bool, true.into(), b"\xc3", Some("true")),
        (Type::Bool, false.into(), b"\xc2", Some("false")),
        (Type::Number, 0.into(), b"\0", Some("0")),
        (Type::Number, number("-0"), b"\0", Some("0")),
        (
            Type::Number,
            number("-0.5"),
            b"\xcb\xbf\xe0\0\0\0\0\0\0",
            Some("-0.5"),
        ),
        (Type::Number, number("0.3"), b"\xa30.3", Some("0.3")),
        (
            Type::Number,
            number("-12.50"),
            b"\xcb\xc0\x29\0\0\0\0\0\0",
            Some("-12.5"),
        ),
        (
            Type::Number,
            number(max),
            b"\xcf\x7f\xff\xff\xff\xff\xff\xff\xff",
            Some(max),
        ),
        (
            Type::Number,
            i64::MIN.into(),
            b"\xd3\x80\0\0\0\0\0\0\0",
            Some("-9223372036854775808"),
        ),
        (
            Type::Number,
            u64::MAX.into(),
            b"\xb418446744073709551615",
            Some("18446744073709551615"),
        ),
        (
            Type::Number,
            number("1e20"),
            b"\xcb\x44\x15\xaf\x1d\x78\xb5\x8c\x40",
            Some("100000000000000000000"),
        ),
        (
            Type::Number,
            number("100000000000000000001"),
            b"\xb5100000000000000000001",
            Some("100000000000000000001"),
        ),
    ]
}

fn texts() -> Vec<Row> {
    vec![
        (Type::String, "".into(), b"\xa0", Some("\"\"")),
        (
            Type::String,
            "é😀".into(),
            b"\xa6\xc3\xa9\xf0\x9f\x98\x80",
            Some("\"é😀\""),
        ),
        (
            Type::String,
            "\0\"\\/\t".into(),
            b"\xa5\0\"\\/\t",
            Some(r#""\u0000\"\\/\t""#),
        ),
        // The last text that is held in place, and the first that is not.
        (
            Type::String,
            "abcdefghijklmnopqrstuvw".into(),
            b"\xb7abcdefghijklmnopqrstuvw",
            Some("\"abcdefghijklmnopqrstuvw\""),
        ),
        (
            Type::String,
            "abcdefghijklmnopqrstuvwx".into(),
            b"\xb8abcdefghijklmnopqrstuvwx",
            Some("\"abcdefghijklmnopqrstuvwx\""),
        ),
        // The last length in the head itself, and the first in a byte of its own.
        (
            Type::String,
            "0123456789012345678901234567890".into(),
            b"\xbf0123456789012345678901234567890",
            Some("\"0123456789012345678901234567890\""),
        ),
        (
            Type::String,
            "01234567890123456789012345678901".into(),
            b"\xd9\x2001234567890123456789012345678901",
            Some("\"01234567890123456789012345678901\""),
        ),
    ]
}

fn lists_and_sets() -> Vec<Row> {
    let strings = Type::list(Type::String);
    let sets = Type::set(Type::Number);
    let none: [Value; 0] = [];
    vec![
        (
            strings.clone(),
            Value::list(none.clone()),
            b"\x90",
            Some("[]"),
        ),
        (
            strings.clone(),
            Value::list(["", "b"]),
            b"\x92\xa0\xa1b",
            Some(r#"["","b"]"#),
        ),
        (
            strings.clone(),
            Value::list([Value::Null, "b".into()]),
            b"\x92\xc0\xa1b",
            Some(r#"[null,"b"]"#),
        ),
        (
            strings,
            Value::list([Value::Unknown, "b".into()]),
            b"\x92\xd4\0\0\xa1b",
            None,
        ),
        (sets.clone(), Value::set(none.clone()), b"\x90", Some("[]")),
        (
            sets.clone(),
            Value::set([3, 1, 2, 3]),
            b"\x93\x01\x02\x03",
            Some("[1,2,3]"),
        ),
        (
            sets.clone(),
            Value::set([Value::Null, 1.into()]),
            b"\x92\xc0\x01",
            Some("[null,1]"),
        ),
        (
            sets,
            Value::set([Value::Unknown, Value::Unknown]),
            b"\x92\xd4\0\0\xd4\0\0",
            None,
        ),
    ]
}

fn maps_and_tuples() -> Vec<Row> {
    let maps = Type::map(Type::Bool);
    let tuple = Type::tuple([Type::String, Type::list(Type::Bool)]);
    vec![
        (
            maps.clone(),
            Value::map::<&str, Value>([]),
            b"\x80",
            Some("{}"),
        ),
        (
            maps.clone(),
            Value::map([("b", true), ("", false)]),
            b"\x82\xa0\xc2\xa1b\xc3",
            Some(r#"{"":false,"b":true}"#),
        ),
        (
            maps.clone(),
            Value::map([("k", Value::Null)]),
            b"\x81\xa1k\xc0",
            Some(r#"{"k":null}"#),
        ),
        (
            maps,
            Value::map([("k", Value::Unknown)]),
            b"\x81\xa1k\xd4\0\0",
            None,
        ),
        (
            Type::tuple([]),
            Value::Tuple(Vec::new()),
            b"\x90",
            Some("[]"),
        ),
        (
            tuple.clone(),
            Value::Tuple(vec!["a".into(), Value::list([true])]),
            b"\x92\xa1a\x91\xc3",
            Some(r#"["a",[true]]"#),
        ),
        (
            tuple.clone(),
            Value::Tuple(vec![Value::Null, Value::Null]),
            b"\x92\xc0\xc0",
            Some("[null,null]"),
        ),
        (
            tuple,
            Value::Tuple(vec!["a".into(), Value::Unknown]),
            b"\x92\xa1a\xd4\0\0",
            None,
        ),
    ]
}

fn objects() -> Vec<Row> {
    let nested = Type::list(Type::map(pair()));
    let inner = Value::object([("a", Value::from("x")), ("b", 7.into())]);
    vec![
        (
            Type::object::<&str>([]),
            Value::object::<&str, Value>([]),
            b"\x80",
            Some("{}"),
        ),
        (
            pair(),
            inner.clone(),
            b"\x82\xa1a\xa1x\xa1b\x07",
            Some(r#"{"a":"x","b":7}"#),
        ),
        (
            pair(),
            Value::object([("a", Value::Null), ("b", Value::Null)]),
            b"\x82\xa1a\xc0\xa1b\xc0",
            Some(r#"{"a":null,"b":null}"#),
        ),
        (
            pair(),
            Value::object([("a", Value::Unknown), ("b", 1.into())]),
            b"\x82\xa1a\xd4\0\0\xa1b\x01",
            None,
        ),
        (
            nested.clone(),
            Value::list([Value::map([("k", inner)])]),
            b"\x91\x81\xa1k\x82\xa1a\xa1x\xa1b\x07",
            Some(r#"[{"k":{"a":"x","b":7}}]"#),
        ),
        (
            nested,
            Value::list([Value::map::<&str, Value>([])]),
            b"\x91\x80",
            Some("[{}]"),
        ),
    ]
}

fn dynamics() -> Vec<Row> {
    let dynamic = |ty: Type, value: Value| Value::from(Dynamic::new(ty, value));
    let empty = Value::list::<Value>([]);
    vec![
        (
            Type::Dynamic,
            dynamic(Type::String, "a".into()),
            b"\x92\xc4\x08\"string\"\xa1a",
            Some(r#"{"type":"string","value":"a"}"#),
        ),
        (
            Type::Dynamic,
            dynamic(Type::Bool, Value::Null),
            b"\x92\xc4\x06\"bool\"\xc0",
            Some(r#"{"type":"bool","value":null}"#),
        ),
        (
            Type::Dynamic,
            dynamic(Type::Number, Value::Unknown),
            b"\x92\xc4\x08\"number\"\xd4\0\0",
            None,
        ),
        (
            Type::Dynamic,
            dynamic(Type::list(Type::Bool), empty),
            b"\x92\xc4\x0f[\"list\",\"bool\"]\x90",
            Some(r#"{"type":["list","bool"],"value":[]}"#),
        ),
        (
            Type::Dynamic,
            dynamic(Type::tuple([Type::Bool]), Value::Tuple(vec![true.into()])),
            b"\x92\xc4\x12[\"tuple\",[\"bool\"]]\x91\xc3",
            Some(r#"{"type":["tuple",["bool"]],"value":[true]}"#),
        ),
        (
            Type::object([("d", Type::Dynamic)]),
            Value::object([("d", dynamic(Type::Number, 5.into()))]),
            b"\x81\xa1d\x92\xc4\x08\"number\"\x05",
            Some(r#"{"d":{"type":"number","value":5}}"#),
        ),
    ]
}

/// One of each kind.
fn types() -> Vec<Type> {
    vec![
        Type::Bool,
        Type::Number,
        Type::String,
        Type::list(Type::Bool),
        Type::set(Type::Bool),
        Type::map(Type::Bool),
        Type::tuple([]),
        Type::object::<&str>([]),
        Type::Dynamic,
    ]
}

#[test]
fn every_class_of_value_of_every_type() {
    let mut rows = [
        bools_and_numbers(),
        texts(),
        lists_and_sets(),
        maps_and_tuples(),
        objects(),
        dynamics(),
    ]
    .concat();
    for ty in types() {
        for (value, bytes, text) in [NULL, UNKNOWN] {
            rows.push((ty.clone(), value, bytes, text));
        }
    }
    for (ty, value, bytes, text) in rows {
        assert!(value.fits(&ty), "{value:?} as {ty}");
        let encoded = msgpack::encode(&value, &ty).unwrap();
        assert_eq!(encoded, bytes, "{value:?} as {ty}");
        assert_eq!(msgpack::decode(bytes, &ty).as_ref(), Ok(&value), "{ty}");
        let json = json::encode(&value, &ty).map(|json| String::from_utf8(json).unwrap());
        let Some(text) = text else {
            let problem = json.unwrap_err().problem;
            assert!(problem.contains("an unknown value"), "{problem}");
            assert!(!value.is_wholly_known());
            continue;
        };
        assert_eq!(json.as_deref(), Ok(text), "{value:?} as {ty}");
        assert_eq!(
            json::decode(text.as_bytes(), &ty).as_ref(),
            Ok(&value),
            "{ty}"
        );
        assert!(value.is_wholly_known());
    }
}

/// For each type a mark for each thing on the wire: `=` is read, `.` is refused with the type and
/// the kind of what was found, `!` is refused in other words.
fn judge(
    marks: [&str; 9],
    things: &[(&[u8], &str)],
    decode: fn(&[u8], &Type) -> Result<Value, msgpack::CodecError>,
) {
    for (ty, marks) in types().into_iter().zip(marks) {
        assert_eq!(marks.chars().count(), things.len(), "{ty}");
        for ((bytes, kind), mark) in things.iter().zip(marks.chars()) {
            let found = decode(bytes, &ty).map_err(|error| error.to_string());
            let holds = match (&found, mark) {
                (Ok(value), '=') => value.fits(&ty),
                (Err(problem), '.') => *problem == format!("expected {ty}, found {kind}"),
                (Err(_), '!') => true,
                _ => false,
            };
            assert!(holds, "{kind} as {ty} should be {mark:?}: {found:?}");
        }
    }
}

#[test]
fn message_pack_is_read_where_it_fits_the_type() {
    let things: [(&[u8], &str); 12] = [
        (b"\xc0", "null"),
        (b"\xc7\x00\x0c", "an unknown value"),
        (b"\xc3", "a bool"),
        (b"\x05", "a number"),
        (b"\xca\x3f\x80\0\0", "a number"),
        (b"\xa15", "a string"),
        (b"\xa1x", "a string"),
        (b"\xc4\x01x", "bytes"),
        (b"\x90", "an array"),
        (b"\x91\xc3", "an array"),
        (b"\x80", "a map"),
        (b"\x81\xa1k\xc3", "a map"),
    ];
    let marks = [
        "===.........", // bool
        "==.===!.....", // number
        "==...==.....", // string
        "==......==..", // list
        "==......==..", // set
        "==........==", // map
        "==......=!..", // tuple
        "==........=!", // object
        "==!!!!!!!!!!", // dynamic
    ];
    // A string for a number is read as one; the message is then about the text.
    judge(marks, &things, msgpack::decode);
}

#[test]
fn json_is_read_where_it_fits_the_type() {
    let things: [(&[u8], &str); 11] = [
        (b"null", "null"),
        (b"true", "a bool"),
        (b"5", "a number"),
        (b"-1.5e3", "a number"),
        (b"\"5\"", "a string"),
        (b"\"true\"", "a string"),
        (b"\"x\"", "a string"),
        (b"[]", "an array"),
        (b"[true]", "an array"),
        (b"{}", "an object"),
        (b"{\"k\":true}", "an object"),
    ];
    let marks = [
        "==..!=!....", // bool
        "=.===!!....", // number
        "=======....", // string
        "=......==..", // list
        "=......==..", // set
        "=........==", // map
        "=......=!..", // tuple
        "=........=!", // object
        "=........!!", // dynamic
    ];
    judge(marks, &things, json::decode);
}

/// What cannot be read may be a secret that someone put in the wrong place.
#[test]
fn no_error_repeats_what_was_found() {
    const SECRET: &str = "hunter2-hunter2";
    let text = format!("\"{SECRET}\"");
    let ty = Type::object([("token", Type::Number)]);
    for ty in types() {
        let Err(error) = json::decode(text.as_bytes(), &ty) else {
            assert_eq!(ty, Type::String);
            continue;
        };
        assert!(!error.to_string().contains("hunter"), "{error}");
    }
    for text in [
        format!("{{\"token\":{text}}}"),
        format!("{{\"token\":[{text}]}}"),
        format!("{{\"token\":{{{text}:1}}}}"),
        format!("{{\"token\":5 {SECRET}}}"),
        format!("{{\"token\":{SECRET}}}"),
    ] {
        let error = json::decode(text.as_bytes(), &ty).unwrap_err();
        assert!(!error.to_string().contains("hunter"), "{error}");
    }
    let mut bytes = b"\x81\xa5token\xaf".to_vec();
    bytes.extend(SECRET.as_bytes());
    let error = msgpack::decode(&bytes, &ty).unwrap_err();
    assert_eq!(error.to_string(), "token: not a decimal number");
}
