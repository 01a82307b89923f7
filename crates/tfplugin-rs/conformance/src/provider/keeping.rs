//! Every plan modifier for every kind of attribute.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin_rs::model::Field;
use tfplugin_rs::modify;
use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::{Attribute, Schema};
use tfplugin_rs::value::{Dynamic, Number};

use crate::raw::{Describe, based};

pub(crate) struct Keeping;

#[derive(Model)]
struct Pair {
    a: Option<String>,
    b: Option<Number>,
}

#[derive(Model)]
struct Item {
    #[attr(optional, computed)]
    plain: Attr<String>,
    #[attr(use_state_for_unknown)]
    kept: Attr<String>,
    #[attr(use_non_null_state_for_unknown)]
    valued: Attr<String>,
    #[attr(optional, computed, replace_if_configured)]
    configured: Attr<String>,
}

impl Describe for Keeping {
    const NAME: &'static str = "keeping";

    fn schema() -> Schema {
        let schema = each::<Attr<bool>>(based(), "bool");
        let schema = each::<Attr<f64>>(schema, "float");
        let schema = each::<Attr<f32>>(schema, "half");
        let schema = each::<Attr<i64>>(schema, "int");
        let schema = each::<Attr<i32>>(schema, "small");
        let schema = each::<Attr<Number>>(schema, "number");
        let schema = each::<Attr<String>>(schema, "string");
        let schema = each::<Attr<Dynamic>>(schema, "dynamic");
        let schema = each::<Attr<Vec<String>>>(schema, "list");
        let schema = each::<Attr<BTreeMap<String, String>>>(schema, "map");
        let schema = each::<Attr<BTreeSet<String>>>(schema, "set");
        objects(each::<Attr<Pair>>(schema, "object"))
    }
}

fn each<T: Field>(schema: Schema, kind: &str) -> Schema {
    // Objects too are plain values here, without attributes of their own.
    let attribute = |rule: &str| {
        let name = format!("{kind}_{rule}");
        let attribute = match kind {
            "object" => Attribute::new(name, T::shape().ty()),
            _ => Attribute::typed::<T>(name),
        };
        attribute.optional().computed()
    };
    schema
        .with(attribute("kept").plan(modify::use_state_for_unknown()))
        .with(attribute("valued").plan(modify::use_non_null_state_for_unknown()))
        .with(attribute("replaced").plan(modify::requires_replace()))
        .with(attribute("configured").plan(modify::requires_replace_if_configured()))
}

fn objects(schema: Schema) -> Schema {
    let single = Attribute::typed::<Attr<Item>>("single")
        .optional()
        .computed();
    let configured = modify::requires_replace_if_configured;
    schema
        .with(single.use_non_null_state_for_unknown())
        .with(Attribute::of::<Option<Vec<Item>>>("items").plan(configured()))
        .with(Attribute::of::<Option<BTreeMap<String, Item>>>("named").plan(configured()))
}
