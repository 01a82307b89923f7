//! What can be asked of a value, for every kind of value; and changes in place, against a model.

use proptest::prelude::*;

use super::sampling;
use super::*;

fn inner() -> Value {
    Value::object([("x", 1)])
}

/// One of each kind, with its name in messages.
fn kinds() -> Vec<(Value, &'static str)> {
    let dynamic = |ty, value: Value| Value::from(Dynamic::new(ty, value));
    vec![
        (Value::Null, "null"),
        (Value::Unknown, "an unknown value"),
        (true.into(), "a bool"),
        (5.into(), "a number"),
        ("x".into(), "a string"),
        (Value::list(["x"]), "a list"),
        (Value::set(["x"]), "a set"),
        (Value::Tuple(vec![true.into()]), "a tuple"),
        (Value::map([("k", "x")]), "a map"),
        (inner(), "an object"),
        // A dynamic is called by what it carries.
        (dynamic(Type::String, "x".into()), "a string"),
        (dynamic(Type::Bool, Value::Null), "null"),
        (dynamic(Type::Bool, Value::Unknown), "an unknown value"),
    ]
}

#[test]
fn every_kind_answers_for_itself_only() {
    for (value, kind) in kinds() {
        assert_eq!(value.kind(), kind, "{value:?}");
        assert_eq!(value.is_null(), kind == "null", "{value:?}");
        assert_eq!(value.is_unknown(), kind == "an unknown value", "{value:?}");
        assert_eq!(value.is_known(), !value.is_null() && !value.is_unknown());
        assert_eq!(value.is_wholly_known(), !value.is_unknown());
        assert_eq!(value.as_bool().is_some(), kind == "a bool");
        assert_eq!(value.as_number().is_some(), kind == "a number");
        assert_eq!(value.as_str().is_some(), kind == "a string");
        let has_elements = ["a list", "a set", "a tuple"].contains(&kind);
        assert_eq!(value.as_elements().is_some(), has_elements);
        assert_eq!(value.as_map().is_some(), kind == "a map");
        assert_eq!(value.as_object().is_some(), kind == "an object");
        let has_children = has_elements || ["a map", "an object"].contains(&kind);
        let is_dynamic = matches!(value, Value::Dynamic(_));
        assert_eq!(value.children().count() > 0, has_children && !is_dynamic);
        assert!(!matches!(value.inner(), Value::Dynamic(_)));
    }
}

#[test]
fn every_step_leads_only_into_its_own_kind() {
    let steps = [
        Step::Attribute("x".to_owned()),
        Step::Key("k".to_owned()),
        Step::Index(0),
        Step::Element("x".into()),
    ];
    for (value, kind) in kinds() {
        for step in &steps {
            let leads = matches!(
                (kind, step),
                ("an object", Step::Attribute(_))
                    | ("a map", Step::Key(_))
                    | ("a list" | "a tuple", Step::Index(_))
                    | ("a set", Step::Element(_))
            );
            let path = AttributePath::root().join(step.clone());
            assert_eq!(value.at(&path).is_some(), leads, "{step:?} of {value:?}");
            let mut changed = value.clone();
            let is_set = changed.set_at(&path, "new".into());
            // A dynamic is replaced as a whole, with its type.
            let can_be_set = leads && !matches!(value, Value::Dynamic(_));
            assert_eq!(is_set, can_be_set, "{step:?} of {value:?}");
            assert_eq!(changed == value, !can_be_set);
        }
        assert_eq!(value.at(&AttributePath::root()), Some(&value));
        let mut changed = value.clone();
        assert!(changed.set_at(&AttributePath::root(), "new".into()));
        assert_eq!(changed, "new".into());
    }
}

#[test]
fn rust_values_become_values() {
    for (made, expected) in [
        (Value::from("x"), Value::String("x".into())),
        (Value::from("x".to_owned()), Value::String("x".into())),
        (Value::from(true), Value::Bool(true)),
        (Value::from(None::<bool>), Value::Null),
        (Value::from(Some("x")), Value::String("x".into())),
        (Value::from(Some(Some(1))), 1.into()),
        (Value::from(-1_i8), Value::Number((-1).into())),
        (Value::from(u64::MAX), Value::Number(u64::MAX.into())),
        (Value::from(Number::ZERO), 0.into()),
        (Value::default(), Value::Null),
        (
            Value::list([Some(1), None]),
            Value::List(vec![1.into(), Value::Null]),
        ),
        (
            Value::map([("b", 1), ("a", 2)]),
            Value::map([("a", 2), ("b", 1)]),
        ),
        // Of two with one key the last counts.
        (Value::map([("a", 1), ("a", 2)]), Value::map([("a", 2)])),
        (
            Value::object([("a", 1), ("a", 2)]),
            Value::object([("a", 2)]),
        ),
    ] {
        assert_eq!(made, expected);
    }
}

#[test]
fn objects_are_sorted_by_name_and_read_by_it() {
    let mut object: Object = [("b", Value::from(1)), ("a", 2.into())]
        .into_iter()
        .collect();
    assert_eq!(object.names().iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(object.values(), [2.into(), 1.into()]);
    assert_eq!(object.get("a"), Some(&2.into()));
    assert_eq!(object.get("c"), None);
    *object.get_mut("a").unwrap() = Value::Null;
    assert_eq!(object.get_mut("c"), None);
    assert_eq!(object.iter().next(), Some(("a", &Value::Null)));
    assert_eq!(object.clone().into_values(), [Value::Null, 1.into()]);
    let ty = ObjectType::new([("b", Type::Bool), ("a", Type::String)]);
    let nulls = Object::nulls(&ty);
    assert_eq!(nulls.values(), [Value::Null, Value::Null]);
    assert_eq!(nulls.names(), ty.names());
    assert_eq!(ty.attribute("a"), Some(&Type::String));
    assert_eq!(ty.attribute("c"), None);
    assert_eq!(
        ty.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        ["a", "b"]
    );
}

#[test]
#[should_panic(expected = "as many values as names")]
fn objects_have_as_many_values_as_names() {
    let _ = Object::new(Names::new(["a", "b"]), vec![Value::Null]);
}

#[test]
fn names_are_sorted_distinct_and_equal_by_content() {
    let names = Names::new(["b", "a", "b"]);
    assert_eq!((names.len(), names.is_empty()), (2, false));
    assert_eq!(names.position("b"), Some(1));
    assert_eq!(names.position("c"), None);
    assert_eq!(names, Names::new(["a", "b"]));
    assert_ne!(names, Names::new(["a"]));
    assert!(Names::new::<&str>([]).is_empty());
    assert_eq!((names.at(0), names.at(2)), (Some("a"), None));
}

/// All unknowns inside, counted the slow way.
fn unknowns(value: &Value) -> usize {
    match value {
        Value::Unknown => 1,
        Value::Dynamic(dynamic) => unknowns(dynamic.value()),
        other => other.children().map(unknowns).sum(),
    }
}

proptest! {
    #[test]
    fn unknowns_become_nulls_and_nothing_else_changes((ty, value) in sampling::typed_value()) {
        prop_assert_eq!(value.is_wholly_known(), unknowns(&value) == 0);
        let nulled = value.clone().unknown_as_null();
        prop_assert_eq!(unknowns(&nulled), 0);
        prop_assert!(nulled.fits(&ty));
        if value.is_wholly_known() {
            prop_assert_eq!(&nulled, &value);
        }
        prop_assert_eq!(nulled.clone().unknown_as_null(), nulled);
    }

    #[test]
    fn sets_are_what_a_tree_of_their_elements_is(
        elements in proptest::collection::vec("[a-c]{0,2}", 0..8),
        other in proptest::collection::vec("[a-c]{0,2}", 0..8),
    ) {
        use std::collections::BTreeSet;
        let tree = |texts: &[String]| texts.iter().cloned().collect::<BTreeSet<String>>();
        let set = |texts: &[String]| Value::set(texts.iter().map(String::as_str));
        let found = set(&elements);
        let found = found.as_elements().unwrap().iter();
        let found: Vec<String> = found.map(|element| element.as_str().unwrap().into()).collect();
        prop_assert_eq!(found, tree(&elements).into_iter().collect::<Vec<_>>());
        prop_assert_eq!(set(&elements) == set(&other), tree(&elements) == tree(&other));
    }

    #[test]
    fn order_and_equality_agree(
        (_, a) in sampling::typed_value(),
        (_, b) in sampling::typed_value(),
    ) {
        use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
        let hash = |value: &Value| BuildHasherDefault::<DefaultHasher>::default().hash_one(value);
        prop_assert_eq!(a.cmp(&b).is_eq(), a == b);
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(hash(&a), hash(&a.clone()));
        if a == b {
            prop_assert_eq!(hash(&a), hash(&b));
        }
    }
}
