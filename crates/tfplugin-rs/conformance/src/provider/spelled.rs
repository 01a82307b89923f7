//! A resource whose service may shout: upper and lower case mean the same.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin_rs::model::Text;
use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::Schema;
use tfplugin_rs::types::Caseless;
use tfplugin_rs::value::Value;

use crate::memory::{self, script};
use crate::raw::{Describe, Raw};

pub(crate) struct Sign;

impl Describe for Sign {
    fn schema() -> Schema {
        SignModel::schema()
    }
}

#[derive(Model)]
struct Item {
    label: Option<Text<Caseless>>,
    exact: Option<String>,
}

#[derive(Model)]
struct SignModel {
    script: Option<String>,
    stamp: Attr<String>,
    label: Option<Text<Caseless>>,
    #[attr(optional, computed)]
    label_both: Attr<Text<Caseless>>,
    list: Option<Vec<Text<Caseless>>>,
    map: Option<BTreeMap<String, Text<Caseless>>>,
    set: Option<BTreeSet<Text<Caseless>>>,
    items: Option<Vec<Item>>,
    exact: Option<String>,
}

/// What is not shouted.
const QUIET: [&str; 3] = ["exact", "script", "stamp"];

/// A value with all its labels in upper case.
pub(crate) fn shouted(value: Value) -> Value {
    let each = |elements: Vec<Value>| elements.into_iter().map(shouted).collect();
    match value {
        Value::String(text) => text.to_uppercase().into(),
        Value::List(elements) => Value::List(each(elements)),
        Value::Set(set) => Value::set::<Value>(each(set.into_elements())),
        Value::Map(entries) => Value::map(entries.into_iter().map(|(k, v)| (k, shouted(v)))),
        Value::Object(object) => {
            let entries = object.iter().map(|(name, value)| {
                let value = match QUIET.contains(&name) {
                    true => value.clone(),
                    false => shouted(value.clone()),
                };
                (name.to_owned(), value)
            });
            Value::object(entries.collect::<Vec<_>>())
        }
        value => value,
    }
}

pub(crate) struct Spelled;

fn applied(plan: Raw<Sign>, cx: &mut Apply<()>) -> Result<Raw<Sign>> {
    let shouts = script(plan.value()) == "apply_shout";
    let state = memory::apply(plan, cx)?;
    Ok(match shouts {
        true => Raw::new(shouted(state.into_value())),
        false => state,
    })
}

impl Resource for Spelled {
    const NAME: &'static str = "spelled";
    type Data = ();
    type Model = Raw<Sign>;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        memory::validate(cx)
    }

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<()>) -> Result<()> {
        memory::modify_plan(plan, cx)
    }

    async fn create(&self, plan: Raw<Sign>, cx: &mut Apply<()>) -> Result<Raw<Sign>> {
        applied(plan, cx)
    }

    async fn read(&self, state: Raw<Sign>, cx: &mut Context<()>) -> Result<Option<Raw<Sign>>> {
        let shouts = script(state.value()) == "read_shout";
        let found = memory::read(state, cx)?;
        Ok(match shouts {
            true => found.map(|state| Raw::new(shouted(state.into_value()))),
            false => found,
        })
    }

    async fn update(
        &self,
        _prior: Raw<Sign>,
        plan: Raw<Sign>,
        cx: &mut Apply<()>,
    ) -> Result<Raw<Sign>> {
        applied(plan, cx)
    }

    async fn delete(&self, state: Raw<Sign>, cx: &mut Context<()>) -> Result<()> {
        memory::delete(state.value(), cx)
    }
}
