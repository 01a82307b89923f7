//! Plan modifiers at every level.

use std::collections::BTreeMap;

use tfplugin_rs::modify::{self, PlanModifier};
use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::Schema;

use crate::nested::Spare;
use crate::raw::Describe;

pub(crate) struct Modifiers;

impl Describe for Modifiers {
    const NAME: &'static str = "modifiers";

    fn schema() -> Schema {
        ModifiersModel::schema()
    }
}

/// Plans a value of its own for what nobody sets.
fn echo() -> PlanModifier {
    PlanModifier::new(|change| {
        if change.planned.is_unknown() && change.config.is_null() {
            *change.planned = "echo".into();
        }
    })
}

#[derive(Model)]
struct Item {
    #[attr(replace)]
    key: String,
    #[attr(use_state_for_unknown)]
    kept: Attr<String>,
    plain: Option<String>,
}

#[derive(Model)]
struct ModifiersModel {
    script: Option<String>,
    stamp: Attr<String>,
    #[attr(replace)]
    replace: Option<String>,
    #[attr(optional, computed, replace)]
    replace_both: Attr<String>,
    #[attr(replace_if = |change| change.config.as_str() == Some("go"))]
    replace_if: Option<String>,
    #[attr(optional, computed, replace_if = |change| !change.config.is_null())]
    replace_configured: Attr<String>,
    #[attr(replace)]
    replace_bool: Option<bool>,
    #[attr(use_state_for_unknown)]
    kept: Attr<String>,
    #[attr(optional, computed, use_state_for_unknown)]
    kept_both: Attr<String>,
    #[attr(use_state_for_unknown)]
    kept_int: Attr<i64>,
    #[attr(optional, computed, plan = [modify::use_state_for_unknown(), modify::requires_replace()])]
    kept_then_replace: Attr<String>,
    #[attr(optional, computed, plan = echo())]
    own: Attr<String>,
    items: Option<Vec<Item>>,
    named: Option<BTreeMap<String, Item>>,
    #[attr(replace)]
    one: Option<Item>,
    #[attr(replace)]
    words: Option<Vec<String>>,
    #[attr(optional, computed, use_state_for_unknown)]
    kept_list: Attr<Vec<Spare>>,
    #[block]
    block: Vec<Item>,
}
