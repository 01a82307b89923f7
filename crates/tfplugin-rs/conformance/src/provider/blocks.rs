//! Blocks of every kind, with blocks and nested attributes inside.

use std::collections::BTreeSet;

use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::Schema;

use crate::nested::{Part, Plain};
use crate::raw::Describe;

pub(crate) struct Blocks;

impl Describe for Blocks {
    const NAME: &'static str = "blocks";

    fn schema() -> Schema {
        BlocksModel::schema()
    }
}

#[derive(Model)]
struct Head {
    name: Option<String>,
    #[attr(default = 1)]
    count: i64,
    stamp: Attr<i64>,
}

#[derive(Model)]
struct Line {
    name: String,
    #[attr(default = 1)]
    count: i64,
    #[attr(use_state_for_unknown)]
    id: Attr<String>,
    note: Option<String>,
    stamp: Attr<i64>,
    #[block]
    inner: Vec<Part>,
    #[block]
    set: BTreeSet<Plain>,
}

#[derive(Model)]
struct WithNested {
    items: Option<Vec<Part>>,
}

#[derive(Model)]
struct BlocksModel {
    script: Option<String>,
    stamp: Attr<String>,
    #[block]
    head: Option<Head>,
    #[block]
    line: Vec<Line>,
    #[block]
    group: BTreeSet<Part>,
    #[block]
    group_plain: BTreeSet<Plain>,
    #[block]
    with_nested: Vec<WithNested>,
}
