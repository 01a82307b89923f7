//! Reading and writing by path, wherever the path may lead.

use super::*;
use crate::attr::Attr;
use crate::value::Dynamic;

fn inner() -> Type {
    Type::object([("port", Type::Number)])
}

fn ty() -> ObjectType {
    ObjectType::new([
        ("any", Type::Dynamic),
        ("later", Type::list(inner())),
        ("list", Type::list(inner())),
        ("map", Type::map(inner())),
        ("name", Type::String),
        ("none", inner()),
        ("pair", Type::tuple([Type::Bool, inner()])),
        ("set", Type::set(inner())),
    ])
}

fn port(port: impl Into<Value>) -> Value {
    Value::object([("port", port.into())])
}

fn sample() -> Values {
    let value = Value::object([
        ("any", Dynamic::new(inner(), port(9)).into()),
        ("later", Value::Unknown),
        ("list", Value::list([port(1), port(Value::Unknown)])),
        ("map", Value::map([("k", port(2)), ("null", Value::Null)])),
        ("name", "n".into()),
        ("none", Value::Null),
        ("pair", Value::Tuple(vec![true.into(), port(3)])),
        ("set", Value::set([port(4)])),
    ]);
    Values::new(value, Arc::new(ty()))
}

fn at(name: &str) -> AttributePath {
    AttributePath::from(name)
}

/// Every path, and the number there: `?` is one that is not known, `-` null.
fn ports() -> Vec<(AttributePath, &'static str)> {
    vec![
        (at("list").index(0).attribute("port"), "1"),
        (at("list").index(1).attribute("port"), "?"),
        (at("list").index(2).attribute("port"), "-"),
        (at("map").key("k").attribute("port"), "2"),
        (at("map").key("null").attribute("port"), "-"),
        (at("map").key("absent").attribute("port"), "-"),
        (at("pair").index(1).attribute("port"), "3"),
        (at("set").element(port(4)).attribute("port"), "4"),
        (at("set").element(port(5)).attribute("port"), "-"),
        (at("later").index(0).attribute("port"), "?"),
        (at("none").attribute("port"), "-"),
    ]
}

#[test]
fn numbers_are_read_from_anywhere() {
    for (path, expected) in ports() {
        let found: Attr<u16> = sample().get(&path).unwrap();
        let found = match found {
            Attr::Null => "-".to_owned(),
            Attr::Unknown => "?".to_owned(),
            Attr::Known(port) => port.to_string(),
        };
        assert_eq!(found, expected, "{path}");
        // A type that has no room says so, at the path.
        let strict = sample().get::<u16>(&path);
        match expected {
            "-" | "?" => {
                let error = strict.unwrap_err().to_string();
                let start = format!("error: Unexpected attribute value (at {path}): A number is");
                assert!(error.starts_with(&start), "{error}");
            }
            known => assert_eq!(strict.unwrap().to_string(), known),
        }
    }
}

#[test]
fn what_is_there_is_written_and_the_rest_is_left_alone() {
    for (path, before) in ports() {
        let mut values = sample();
        let written = values.set(&path, &8_u16);
        let is_there = !path.to_string().contains("absent")
            && (before != "-" && !path.to_string().starts_with("later"));
        if !is_there {
            let error = written.unwrap_err().to_string();
            let expected = format!(
                "error: No such attribute (at {path}): The path leads through a null or unknown \
                 value, or to a missing element."
            );
            assert_eq!(error, expected);
            assert_eq!(values, sample(), "{path}");
            continue;
        }
        written.unwrap();
        let is_set = path.to_string().starts_with("set");
        if is_set {
            // The element is another now.
            assert_eq!(values.get::<Option<u16>>(&path).unwrap(), None);
            let changed = at("set").element(port(8)).attribute("port");
            assert_eq!(values.get::<u16>(changed).unwrap(), 8);
        } else {
            assert_eq!(values.get::<u16>(&path).unwrap(), 8, "{path}");
        }
        // Everything else is as it was.
        for (other, _) in ports() {
            if other != path && !(is_set && other.to_string().starts_with("set")) {
                let read = |values: &Values| values.get::<Attr<u16>>(&other).unwrap();
                assert_eq!(read(&values), read(&sample()), "{other} after {path}");
            }
        }
    }
}

#[test]
fn paths_that_the_schema_does_not_have_are_refused() {
    for path in [
        at("nope"),
        at("name").attribute("x"),
        at("name").index(0),
        at("list").attribute("port"),
        at("list").key("k"),
        at("list").index(0).attribute("host"),
        at("map").index(0),
        at("map").attribute("k"),
        at("set").index(0),
        at("pair").index(2),
        at("pair").index(0).attribute("port"),
        at("none").index(0),
        AttributePath::root().index(0),
        AttributePath::root().key("name"),
    ] {
        let mut values = sample();
        let start = format!(
            "error: No such attribute (at {path}): The schema has nothing at this path below "
        );
        let read = values.get::<Attr<u16>>(&path).unwrap_err().to_string();
        assert!(read.starts_with(&start), "{read}");
        let written = values.set(&path, &1_u16).unwrap_err().to_string();
        assert!(written.starts_with(&start), "{written}");
        assert_eq!(values, sample());
    }
}

#[test]
fn only_values_of_the_type_are_written() {
    for (path, new, said) in [
        (
            at("name"),
            Value::from(5),
            "type string; the new value is a number",
        ),
        (
            at("name"),
            Value::list(["x"]),
            "type string; the new value is a list",
        ),
        (
            at("list"),
            Value::set([port(1)]),
            "type list(object({port = number})); the new value is a set",
        ),
        (
            at("list").index(0),
            5.into(),
            "type object({port = number}); the new value is a number",
        ),
        (
            at("none"),
            Value::object([("host", 1)]),
            "type object({port = number}); the new value is an object",
        ),
        (
            at("any"),
            5.into(),
            "type dynamic; the new value is a number",
        ),
        (
            at("pair"),
            Value::Tuple(vec![true.into()]),
            "the new value is a tuple",
        ),
    ] {
        let mut values = sample();
        let error = values.set_value(path.clone(), new).unwrap_err().to_string();
        let start = format!("error: Value of the wrong type (at {path}): The attribute is of ");
        assert!(error.starts_with(&start), "{error}");
        assert!(error.contains(said), "{error}");
        assert_eq!(values, sample(), "{path}");
    }
    for (path, new) in [
        (at("name"), Value::Null),
        (at("name"), Value::Unknown),
        (at("none"), port(1)),
        (at("later"), Value::list([port(1)])),
        (at("any"), Dynamic::new(Type::Bool, true.into()).into()),
        (at("map").key("new"), port(7)),
        (AttributePath::root(), Value::Null),
    ] {
        let mut values = sample();
        values.set_value(path.clone(), new.clone()).unwrap();
        assert_eq!(values.value().at(&path), Some(&new), "{path}");
    }
}

#[test]
fn a_dynamic_value_is_read_through_its_own_type() {
    let values = sample();
    let path = at("any").attribute("port");
    assert_eq!(values.look_up_at(&path).unwrap(), 9.into());
    // What is inside it is the configuration's business, not the schema's.
    assert_eq!(
        values.look_up_at(at("any").attribute("nope")).unwrap(),
        Value::Null
    );
    assert_eq!(
        values.look_up_at(at("any").index(3).key("k")).unwrap(),
        Value::Null
    );
    let whole: Dynamic = values.get("any").unwrap();
    assert_eq!(whole, Dynamic::new(inner(), port(9)));
}

#[test]
fn the_whole_is_null_where_nothing_exists() {
    let none = Values::new(Value::Null, Arc::new(ty()));
    assert!(none.is_null() && !sample().is_null());
    for (path, _) in ports() {
        assert_eq!(none.get::<Attr<u16>>(&path).unwrap(), Attr::Null, "{path}");
    }
    let unknown = Values::new(Value::Unknown, Arc::new(ty()));
    for (path, _) in ports() {
        assert_eq!(
            unknown.get::<Attr<u16>>(&path).unwrap(),
            Attr::Unknown,
            "{path}"
        );
    }
    let mut none = none;
    let error = none.set("name", &"x".to_owned()).unwrap_err().to_string();
    assert!(
        error.starts_with("error: No such attribute (at name)"),
        "{error}"
    );
    assert_eq!(none.into_value(), Value::Null);
}
