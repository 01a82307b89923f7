//! Collections of plain types, and dynamic values. Built by hand: a struct has no plain objects.

use tfplugin_rs::schema::{Attribute, Members, Schema};
use tfplugin_rs::value::{Dynamic, Type, Value};

use crate::raw::Describe;

pub(crate) struct Collections;

/// The attributes that every resource has.
pub(crate) fn base() -> Members {
    Members::new()
        .with(Attribute::new("script", Type::String).optional())
        .with(Attribute::new("stamp", Type::String).computed())
}

fn pair() -> Type {
    Type::object([("a", Type::String), ("b", Type::Number)])
}

impl Describe for Collections {
    const NAME: &'static str = "collections";

    fn schema() -> Schema {
        let optional = |name: &str, ty: Type| Attribute::new(name, ty).optional();
        let both = |name: &str, ty: Type| optional(name, ty).computed();
        let texts = || Type::list(Type::String);
        let any = Value::Dynamic(Box::new(Dynamic::new(Type::String, "a".into())));
        let members = base()
            .with(both("dynamic_both", Type::Dynamic))
            .with(Attribute::new("dynamic_computed", Type::Dynamic).computed())
            .with(both("dynamic_default", Type::Dynamic).default(any))
            .with(optional("dynamic_optional", Type::Dynamic))
            .with(both("list_both", Type::list(Type::Number)))
            .with(Attribute::new("list_computed", texts()).computed())
            .with(both("list_default", texts()).default(Value::list(["a", "b"])))
            .with(optional("list_of_lists", Type::list(texts())))
            .with(optional("list_of_objects", Type::list(pair())))
            .with(optional("list_optional", texts()))
            .with(both("map_both", Type::map(Type::Bool)))
            .with(both("map_default", Type::map(Type::String)).default(Value::map([("k", "a")])))
            .with(optional("map_of_sets", Type::map(Type::set(Type::Number))))
            .with(optional("map_optional", Type::map(Type::String)))
            .with(both("object_both", pair()))
            .with(optional("object_optional", pair()))
            .with(both("set_both", Type::set(Type::Number)))
            .with(both("set_default", Type::set(Type::String)).default(Value::set(["a", "b"])))
            .with(optional("set_of_objects", Type::set(pair())))
            .with(optional("set_optional", Type::set(Type::String)));
        Schema::of(members)
    }
}
