//! A resource whose values go through a derived model, with every kind of field that there is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tfplugin_rs::model::Field;
use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::Schema;
use tfplugin_rs::value::{Dynamic, Number};

use crate::memory;
use crate::raw::{Describe, Raw};

#[derive(Model)]
struct Part {
    name: String,
    count: Option<i64>,
    id: Attr<String>,
}

#[derive(Model)]
struct Spare {
    #[attr(optional, computed)]
    name: Attr<String>,
    stamp: Attr<i64>,
}

#[derive(Model, PartialEq, Eq, PartialOrd, Ord)]
struct Plain {
    name: String,
    size: Option<i64>,
}

#[derive(Model)]
struct Head {
    name: Option<String>,
}

#[derive(Model)]
pub(crate) struct Fields {
    script: Option<String>,
    stamp: Attr<String>,
    bool: bool,
    #[attr(optional, computed)]
    bool_open: Attr<bool>,
    float_field: Option<f64>,
    int: i64,
    // Older states hold null, and what is not known to have changed stays that way.
    #[attr(optional, computed, default = 5)]
    int_default: Attr<i64>,
    #[attr(optional, computed)]
    int_open: Attr<i64>,
    small: Option<i32>,
    number: Number,
    #[attr(optional, computed)]
    number_open: Attr<Number>,
    string: String,
    #[attr(optional, computed)]
    string_open: Attr<String>,
    #[attr(use_state_for_unknown)]
    kept: Attr<String>,
    #[attr(optional, write_only)]
    secret_wo: Option<String>,
    dynamic: Option<Dynamic>,
    list: Option<Vec<Option<String>>>,
    #[attr(optional, computed)]
    list_open: Attr<Vec<Attr<String>>>,
    rows: Option<Vec<Option<Vec<Option<Number>>>>>,
    set: Option<BTreeSet<Option<String>>>,
    map: Option<HashMap<String, Option<Number>>>,
    part: Option<Box<Part>>,
    #[attr(optional, computed)]
    part_open: Attr<Spare>,
    parts: Option<Vec<Part>>,
    named: Option<BTreeMap<String, Part>>,
    distinct: Option<BTreeSet<Plain>>,
    #[block]
    line: Vec<Part>,
    #[block]
    head: Option<Head>,
}

impl Describe for Fields {
    fn schema() -> Schema {
        <Self as Model>::schema()
    }
}

/// What is done with values elsewhere is done here with what the model makes of them, and the model
/// is made of what comes out.
fn through(
    model: &Fields,
    done: impl FnOnce(Raw<Fields>) -> Result<Raw<Fields>>,
) -> Result<Fields> {
    let value = done(Raw::new(model.to_value()))?.into_value();
    Ok(Fields::from_value(value)?)
}

pub(crate) struct Modelled;

impl Resource for Modelled {
    const NAME: &'static str = "modelled";
    type Data = ();
    type Model = Fields;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        memory::validate(cx)
    }

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<()>) -> Result<()> {
        memory::modify_plan(plan, cx)
    }

    async fn create(&self, plan: Fields, cx: &mut Apply<()>) -> Result<Fields> {
        through(&plan, |plan| memory::apply(plan, cx))
    }

    async fn read(&self, state: Fields, cx: &mut Context<()>) -> Result<Option<Fields>> {
        match memory::read(Raw::<Fields>::new(state.to_value()), cx)? {
            Some(found) => Ok(Some(Fields::from_value(found.into_value())?)),
            None => Ok(None),
        }
    }

    async fn update(&self, _prior: Fields, plan: Fields, cx: &mut Apply<()>) -> Result<Fields> {
        through(&plan, |plan| memory::apply(plan, cx))
    }

    async fn delete(&self, state: Fields, cx: &mut Context<()>) -> Result<()> {
        memory::delete(&state.to_value(), cx)
    }
}
