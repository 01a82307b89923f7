//! Attributes that look at others: beside them, around them, and in all elements.

use tfplugin_rs::path::{PathExpression, here, root};
use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::Schema;
use tfplugin_rs::value::Number;

use crate::raw::Describe;

pub(crate) struct Relations;

impl Describe for Relations {
    const NAME: &'static str = "relations";

    fn schema() -> Schema {
        RelationsModel::schema()
    }
}

/// The attribute of all elements.
fn each() -> PathExpression {
    root().at("items").any_index().at("name")
}

/// An attribute beside the list in whose elements it is asked for.
fn above(name: &str) -> PathExpression {
    here().up().up().up().at(name)
}

#[derive(Model)]
struct Item {
    name: Option<String>,
    #[attr(validate = validate::conflicts_with(["name"]))]
    other: Option<String>,
    #[attr(validate = validate::also_requires([PathExpression::from("name"), above("plain")]))]
    needs: Option<String>,
}

#[derive(Model)]
struct One {
    name: Option<String>,
}

#[derive(Model)]
struct Block {
    #[attr(validate = validate::at_least_one_of(["other"]))]
    name: Option<String>,
    other: Option<String>,
}

#[derive(Model)]
struct RelationsModel {
    script: Option<String>,
    stamp: Attr<String>,
    plain: Option<String>,
    #[attr(validate = validate::conflicts_with(["plain", "flag"]))]
    either: Option<String>,
    #[attr(validate = validate::also_requires([root().at("plain"), root().at("one")]))]
    needs: Option<String>,
    #[attr(validate = validate::exactly_one_of(["one_b", "one_c"]))]
    one_a: Option<String>,
    one_b: Option<String>,
    one_c: Option<String>,
    #[attr(validate = validate::at_least_one_of(["some_b", "some_c"]))]
    some_a: Option<String>,
    some_b: Option<String>,
    some_c: Option<String>,
    #[attr(validate = validate::also_requires([each()]))]
    all_of: Option<String>,
    #[attr(validate = validate::conflicts_with([each()]))]
    none_of: Option<String>,
    #[attr(validate = validate::any([validate::conflicts_with(["plain"]), validate::one_of(["a"])]))]
    any_of: Option<String>,
    #[attr(validate = validate::prefer_write_only("secret_wo"))]
    stored: Option<String>,
    #[attr(optional, write_only)]
    secret_wo: Option<String>,
    #[attr(validate = validate::conflicts_with(["plain"]))]
    flag: Option<bool>,
    #[attr(validate = validate::also_requires(["plain", "either"]))]
    amount: Option<Number>,
    #[attr(validate = validate::exactly_one_of(["plain", "amount"]))]
    words: Option<Vec<String>>,
    items: Option<Vec<Item>>,
    #[attr(validate = validate::also_requires(["either"]))]
    one: Option<One>,
    #[block(validate = validate::conflicts_with(["items"]))]
    block: Vec<Block>,
}
