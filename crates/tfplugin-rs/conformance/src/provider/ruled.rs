//! Rules over several attributes, none of which is their subject more than another.

use tfplugin_rs::path::{PathExpression, root};
use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::Schema;
use tfplugin_rs::value::Number;

use crate::raw::Describe;

pub(crate) struct Ruled;

impl Describe for Ruled {
    const NAME: &'static str = "ruled";

    fn schema() -> Schema {
        RuledModel::schema()
    }
}

/// An attribute of all elements.
fn each(name: &str) -> PathExpression {
    root().at("items").any_index().at(name)
}

#[derive(Model)]
struct Item {
    name: Option<String>,
    other: Option<String>,
}

#[derive(Model)]
#[model(rule = [
    rule::exactly_one_of(["a", "b"]),
    rule::at_least_one_of(["b", "c", "amount"]),
    rule::conflicting(["c", "d", "items"]),
    rule::required_together(["d", "amount"]),
    rule::prefer_write_only("d", "secret_wo"),
    rule::conflicting([each("name"), each("other")]),
])]
struct RuledModel {
    script: Option<String>,
    stamp: Attr<String>,
    a: Option<String>,
    b: Option<String>,
    c: Option<String>,
    d: Option<String>,
    amount: Option<Number>,
    items: Option<Vec<Item>>,
    #[attr(optional, write_only)]
    secret_wo: Option<String>,
}

/// The same four rules in every kind of configuration.
pub(crate) fn everywhere(schema: Schema) -> Schema {
    schema
        .rule(rule::exactly_one_of(["rule_a", "rule_b"]))
        .rule(rule::at_least_one_of(["rule_b", "rule_c"]))
        .rule(rule::conflicting(["rule_b", "rule_c"]))
        .rule(rule::required_together(["rule_a", "rule_c"]))
}
