//! Conversions between models and values, case by case.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::*;
use crate::Model;
use crate::attr::Attr;
use crate::schema::{Attribute, Member};
use crate::validate;
use crate::value::{Dynamic, Number};

/// A host and
/// what it listens on.
///
/// Second paragraph.
#[derive(Model, Debug, Clone, PartialEq)]
#[model(version = 3, deprecated = "use `server`")]
struct Host {
    /// Name of the host.
    #[attr(replace, validate = [validate::length(1..=10), validate::one_of(["a", "b"])])]
    name: String,
    #[attr(default = 5671)]
    port: u16,
    address: Option<Text<IpAddr>>,
    #[attr(optional, sensitive, write_only)]
    secret: Attr<String>,
    #[attr(use_state_for_unknown)]
    id: Attr<String>,
    r#type: Number,
    tags: BTreeSet<String>,
    weights: BTreeMap<String, f64>,
    extra: Option<Dynamic>,
    #[attr(name = "listener_list")]
    listeners: Vec<Listener>,
    one: Option<Listener>,
    #[block(min = 1, max = 2)]
    disk: Vec<Listener>,
}

/// A listener.
#[derive(Model, Debug, Clone, PartialEq)]
struct Listener {
    /// Its port.
    port: Attr<u16>,
    tls: bool,
}

fn listener() -> Listener {
    Listener {
        port: Attr::Known(1),
        tls: true,
    }
}

fn host() -> Host {
    Host {
        name: "a".into(),
        port: 5671,
        address: Some("10.0.0.1".parse().unwrap()),
        secret: Attr::Unknown,
        id: Attr::Null,
        r#type: "1.5".parse().unwrap(),
        tags: ["x".to_owned(), "y".to_owned()].into(),
        weights: [("k".to_owned(), 0.1)].into(),
        extra: Some(Dynamic::new(Type::Bool, true.into())),
        listeners: vec![
            listener(),
            Listener {
                port: Attr::Unknown,
                tls: false,
            },
        ],
        one: None,
        disk: vec![],
    }
}

#[test]
fn models_become_values_and_come_back() {
    let value = host().to_value();
    assert!(value.fits(&Host::shape().ty()));
    assert_eq!(Host::from_value(value).unwrap(), host());
}

#[test]
fn order_of_attributes_in_the_object_does_not_matter() {
    // A model that has only some of the attributes reads by name.
    #[derive(Model)]
    struct Part {
        tags: BTreeSet<String>,
        name: String,
    }
    let part = Part::from_value(host().to_value()).unwrap();
    assert_eq!((part.name.as_str(), part.tags.len()), ("a", 2));
}

#[test]
fn null_is_the_default_to_a_type_that_has_no_place_for_it() {
    #[derive(Model)]
    struct Late {
        #[attr(default = 5671)]
        port: u16,
        #[attr(default = 5671)]
        open: Attr<u16>,
        #[attr(default = 5671)]
        perhaps: Option<u16>,
    }
    let ty = Late::shape().ty();
    let Type::Object(ty) = &ty else {
        panic!("{ty}")
    };
    let late = Late::from_value(Value::Object(crate::value::Object::nulls(ty))).unwrap();
    assert_eq!(late.port, 5671);
    assert_eq!((late.open, late.perhaps), (Attr::Null, None));
}

#[test]
fn what_does_not_fit_is_refused_with_its_path() {
    let with = |path: AttributePath, value: Value| {
        let mut host = host().to_value();
        assert!(host.set_at(&path, value));
        let error = Host::from_value(host).unwrap_err();
        error.into_diagnostic(&AttributePath::root()).to_string()
    };
    let at = AttributePath::from;
    for (path, value, message) in [
        (
            at("name"),
            Value::Null,
            "(at name): A string is needed, but the value is null.",
        ),
        (
            at("name"),
            Value::Unknown,
            "(at name): A string is needed, but the value is not known yet; use `Attr` in the \
             model where values may be unknown.",
        ),
        (
            at("port"),
            70_000.into(),
            "(at port): A whole number from 0 to 65535 is needed, but the value is 70000.",
        ),
        (
            at("port"),
            Value::Number("1.5".parse().unwrap()),
            "(at port): A whole number from 0 to 65535 is needed, but the value is 1.5.",
        ),
        (
            at("address"),
            "nope".into(),
            "(at address): Invalid IP address syntax.",
        ),
        (
            at("address"),
            Value::Unknown,
            "(at address): A string is needed, but",
        ),
        (
            at("listener_list").index(1).attribute("tls"),
            Value::Unknown,
            "(at listener_list[1].tls): A bool is needed",
        ),
        (
            at("weights").key("k"),
            Value::Null,
            "(at weights[\"k\"]): A number is needed",
        ),
        (
            at("tags"),
            Value::set([Value::Unknown]),
            "(at tags[element]): A string is needed",
        ),
        (
            at("one"),
            Value::from(true),
            "(at one): An object is needed, but the value is a bool.",
        ),
    ] {
        let text = with(path, value);
        assert!(text.contains(message), "{text}\n{message}");
    }
}

fn attribute(name: &str) -> Attribute {
    match Host::schema().members().get(name) {
        Some(Member::Attribute(attribute)) => attribute.clone(),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn the_schema_follows_from_types_and_attributes() {
    // required, optional, computed
    for (name, presence, ty) in [
        ("name", (true, false, false), "string"),
        ("port", (false, true, true), "number"),
        ("address", (false, true, false), "string"),
        ("secret", (false, true, false), "string"),
        ("id", (false, false, true), "string"),
        ("type", (true, false, false), "number"),
        ("tags", (true, false, false), "set(string)"),
        ("weights", (true, false, false), "map(number)"),
        ("extra", (false, true, false), "dynamic"),
        (
            "listener_list",
            (true, false, false),
            "list(object({port = number, tls = bool}))",
        ),
        (
            "one",
            (false, true, false),
            "object({port = number, tls = bool})",
        ),
    ] {
        let attribute = attribute(name);
        let found = (attribute.required, attribute.optional, attribute.computed);
        assert_eq!(found, presence, "{name}");
        assert_eq!(attribute.ty().to_string(), ty, "{name}");
    }
    assert_eq!(attribute("name").validators.len(), 2);
    assert_eq!(attribute("name").modifiers.len(), 1);
    assert_eq!(attribute("name").description, "Name of the host.");
    assert_eq!(attribute("port").default, Some(5671.into()));
    assert!(attribute("secret").sensitive && attribute("secret").write_only);
    let schema = Host::schema();
    assert_eq!(schema.version, 3);
    assert_eq!(
        schema.description,
        "A host and\nwhat it listens on.\n\nSecond paragraph."
    );
    assert_eq!(schema.deprecated.as_deref(), Some("use `server`"));
    let Some(Member::Block(block)) = schema.members().get("disk") else {
        panic!("no block")
    };
    assert_eq!(
        (block.min_items, block.max_items, block.nesting),
        (1, 2, Nesting::List)
    );
    assert_eq!(
        schema.problems(crate::schema::Role::Resource),
        [] as [&str; 0]
    );
}

#[test]
fn collections_of_collections_of_models_are_plain_types() {
    let shape = Vec::<Vec<Listener>>::shape();
    assert!(matches!(shape.kind, ShapeKind::Type(_)));
    assert_eq!(
        shape.ty().to_string(),
        "list(list(object({port = number, tls = bool})))"
    );
    assert!(matches!(
        Vec::<Listener>::shape().kind,
        ShapeKind::Nested(Nesting::List, _)
    ));
    assert!(matches!(
        Option::<Listener>::shape().kind,
        ShapeKind::Nested(Nesting::Single, _)
    ));
}

#[test]
fn bounds_of_elements_are_validated() {
    use crate::diagnostics::Diagnostics;
    use crate::validate::{Report, Surroundings};
    let shape = Vec::<u8>::shape();
    let mut diagnostics = Diagnostics::new();
    let surroundings = Surroundings::default();
    let mut report = Report::new("x".into(), 0, false, &surroundings, &mut diagnostics);
    shape
        .validators
        .iter()
        .for_each(|v| v.check(&Value::list([1, 256]), &mut report));
    assert_eq!(
        diagnostics.to_string(),
        "error: Invalid attribute value (at x[1]): Attribute x[1] must be from 0 to 255, got 256."
    );
}
