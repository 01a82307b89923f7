//! Random types and values that fit them, for property tests.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::{Dynamic, Number, Object, Type, Value};

/// A type nested up to three deep.
pub(crate) fn any_type() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![
        Just(Type::Bool),
        Just(Type::Number),
        Just(Type::String),
        Just(Type::Dynamic),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(Type::list),
            inner.clone().prop_map(Type::set),
            inner.clone().prop_map(Type::map),
            vec(inner.clone(), 0..4).prop_map(Type::tuple),
            btree_map("[a-z]{1,4}", inner, 0..4).prop_map(Type::object),
        ]
    })
}

/// A type and a value that fits it.
pub(crate) fn typed_value() -> impl Strategy<Value = (Type, Value)> {
    any_type().prop_flat_map(|ty| {
        let value = value_of(&ty);
        (Just(ty), value)
    })
}

fn value_of(ty: &Type) -> BoxedStrategy<Value> {
    let known = known_of(ty);
    prop_oneof![1 => Just(Value::Null), 1 => Just(Value::Unknown), 8 => known].boxed()
}

fn known_of(ty: &Type) -> BoxedStrategy<Value> {
    match ty {
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::Number => any_number().prop_map(Value::Number).boxed(),
        Type::String => ".{0,8}".prop_map(Value::from).boxed(),
        // Values of one simple type; what they are does not depend on the type of the whole.
        Type::Dynamic => prop_oneof![
            ".{0,8}".prop_map(|text| Dynamic::new(Type::String, text.into()).into()),
            vec(any::<i64>(), 0..3).prop_map(|elements| {
                Dynamic::new(Type::list(Type::Number), Value::list(elements)).into()
            }),
        ]
        .boxed(),
        Type::List(element) => vec(value_of(element), 0..4).prop_map(Value::List).boxed(),
        Type::Set(element) => vec(value_of(element), 0..4).prop_map(Value::set).boxed(),
        Type::Map(element) => btree_map(".{0,4}", value_of(element), 0..4)
            .prop_map(Value::map)
            .boxed(),
        Type::Tuple(types) => types
            .iter()
            .map(value_of)
            .collect::<Vec<_>>()
            .prop_map(Value::Tuple)
            .boxed(),
        Type::Object(object) => {
            let names = object.names().clone();
            let values: Vec<_> = object.types().iter().map(value_of).collect();
            values
                .prop_map(move |values| Value::Object(Object::new(names.clone(), values)))
                .boxed()
        }
    }
}

fn any_number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        any::<i128>().prop_map(Number::from),
        "-?[0-9]{1,40}(\\.[0-9]{1,40})?".prop_map(|text| text.parse().unwrap()),
        any::<f64>()
            .prop_filter("finite", |float| float.is_finite())
            .prop_map(|float| Number::try_from(float).unwrap()),
    ]
}
