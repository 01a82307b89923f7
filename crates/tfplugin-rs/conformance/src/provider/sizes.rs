//! One attribute for each validator of collections.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin_rs::model::Field;
use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::{Attribute, Block, Schema};
use tfplugin_rs::validate::Validator;

use crate::raw::{Describe, based};

pub(crate) struct Sizes;

#[derive(Model, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    #[attr(validate = short())]
    short: Option<String>,
}

type Words = Vec<String>;
type Named<T> = BTreeMap<String, T>;

fn short() -> Validator {
    validate::length(1..=3)
}

fn few() -> Validator {
    validate::range(1..=7)
}

fn low() -> Validator {
    validate::float_range(..=1.0)
}

fn one() -> Validator {
    validate::items(1..=1)
}

/// An attribute with one rule.
fn of<T: Field>(name: &str, validator: Validator) -> Attribute {
    Attribute::of::<Option<T>>(name).validate(validator)
}

impl Describe for Sizes {
    const NAME: &'static str = "sizes";

    fn schema() -> Schema {
        let attributes = lists().into_iter().chain(maps()).chain(sets());
        attributes
            .fold(based(), Schema::with)
            .with(Block::of::<Vec<Item>>("some").validate(one()))
            .with(Block::of::<BTreeSet<Item>>("rest").validate(validate::items(..=1)))
    }
}

fn lists() -> Vec<Attribute> {
    let only_a = validate::each([validate::one_of(["a"])]);
    vec![
        of::<Words>("list_between", validate::items(1..=2)),
        of::<Words>("list_least", validate::items(1..)),
        of::<Words>("list_most", validate::items(..=1)),
        of::<Words>("list_no_nulls", validate::no_nulls()),
        of::<Words>("list_unique", validate::unique()),
        of::<Vec<Words>>("list_unique_rows", validate::unique()),
        of::<Words>(
            "list_words",
            validate::each([short(), validate::none_of(["b"])]),
        ),
        of::<Vec<i64>>("list_counts", validate::each([few()])),
        of::<Vec<f64>>("list_floats", validate::each([low()])),
        of::<Vec<Words>>("list_rows", validate::each([one()])),
        of::<Words>("list_any", validate::any([validate::items(..=0), only_a])),
        of::<Vec<Item>>("list_items", validate::items(..=1)),
    ]
}

fn maps() -> Vec<Attribute> {
    let key = [validate::length(1..=4), validate::none_of(["l"])];
    vec![
        of::<Named<String>>("map_between", validate::items(1..=2)),
        of::<Named<String>>("map_least", validate::items(1..)),
        of::<Named<String>>("map_most", validate::items(..=1)),
        of::<Named<String>>("map_no_nulls", validate::no_nulls()),
        of::<Named<String>>("map_keys", validate::keys(key)),
        of::<Named<String>>("map_words", validate::each([short()])),
        of::<Named<i64>>("map_counts", validate::each([few()])),
        of::<Named<f64>>("map_floats", validate::each([low()])),
        of::<Named<Words>>("map_rows", validate::each([one()])),
        of::<Named<Item>>("map_items", validate::keys([short()])),
    ]
}

fn sets() -> Vec<Attribute> {
    vec![
        of::<BTreeSet<String>>("set_between", validate::items(1..=2)),
        of::<BTreeSet<String>>("set_least", validate::items(1..)),
        of::<BTreeSet<String>>("set_most", validate::items(..=1)),
        of::<BTreeSet<String>>("set_no_nulls", validate::no_nulls()),
        of::<BTreeSet<String>>("set_words", validate::each([short()])),
        of::<BTreeSet<i64>>("set_counts", validate::each([few()])),
        of::<BTreeSet<Words>>("set_rows", validate::each([one()])),
        of::<BTreeSet<Item>>("set_items", validate::items(1..)),
    ]
}
