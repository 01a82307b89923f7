//! Nested attributes of every kind and role, and three levels of them.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::Schema;
use tfplugin_rs::value::{Number, Value};

use crate::raw::Describe;

pub(crate) struct Nested;

impl Describe for Nested {
    const NAME: &'static str = "nested";

    fn schema() -> Schema {
        NestedModel::schema()
    }
}

// One attribute of every role.
#[derive(Model, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    name: String,
    #[attr(default = 1)]
    count: i64,
    #[attr(use_state_for_unknown)]
    id: Attr<String>,
    note: Option<String>,
    stamp: Attr<i64>,
}

// Nothing that is computed.
#[derive(Model, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Plain {
    name: String,
    size: Option<i64>,
}

// What can be made up as a whole.
#[derive(Model)]
pub(crate) struct Spare {
    #[attr(optional, computed)]
    name: Attr<String>,
    stamp: Attr<i64>,
}

#[derive(Model)]
struct Made {
    name: Attr<String>,
}

#[derive(Model)]
struct Deep {
    rows: Option<Vec<Row>>,
}

#[derive(Model)]
struct Row {
    cells: Option<BTreeMap<String, Cell>>,
    label: Option<String>,
}

#[derive(Model)]
struct Cell {
    #[attr(default = "plain")]
    kind: String,
    #[attr(optional, computed)]
    value: Attr<Number>,
}

#[derive(Model)]
struct NestedModel {
    script: Option<String>,
    stamp: Attr<String>,
    single: Option<Part>,
    list: Option<Vec<Part>>,
    map: Option<BTreeMap<String, Part>>,
    set: Option<BTreeSet<Part>>,
    set_plain: Option<BTreeSet<Plain>>,
    #[attr(optional, computed)]
    single_both: Attr<Spare>,
    #[attr(optional, computed)]
    list_both: Attr<Vec<Spare>>,
    #[attr(optional, computed)]
    map_both: Attr<BTreeMap<String, Spare>>,
    list_made: Attr<Vec<Made>>,
    #[attr(default = Value::list([Value::object([("name", Value::from("d")), ("size", Value::Null)])]))]
    list_default: Vec<Plain>,
    deep: Option<Deep>,
}
