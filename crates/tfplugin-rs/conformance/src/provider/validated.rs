//! A resource that refuses much.

use std::collections::BTreeMap;

use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::Schema;
use tfplugin_rs::validate::Validator;

use crate::memory;
use crate::raw::{Describe, Raw};

pub(crate) struct Rules;

impl Describe for Rules {
    fn schema() -> Schema {
        RulesModel::schema()
    }
}

fn short() -> Validator {
    validate::length(1..=5)
}

#[derive(Model)]
struct Inner {
    #[attr(validate = short())]
    short: Option<String>,
    #[attr(deprecated = "Use short.")]
    old: Option<String>,
}

#[derive(Model)]
struct Block {
    #[attr(validate = short())]
    short: Option<String>,
}

#[derive(Model)]
struct RulesModel {
    script: Option<String>,
    stamp: Attr<String>,
    #[attr(validate = short())]
    short: Option<String>,
    #[attr(validate = validate::one_of(["a", "b"]))]
    choice: Option<String>,
    #[attr(validate = validate::regex("^a+$", "must be all a"))]
    pattern: Option<String>,
    #[attr(validate = validate::range(1..=10))]
    range: Option<i64>,
    #[attr(validate = validate::items(1..=2))]
    few: Option<Vec<String>>,
    #[attr(validate = validate::each([short()]))]
    each: Option<Vec<String>>,
    #[attr(validate = validate::keys([short()]))]
    keys: Option<BTreeMap<String, String>>,
    #[attr(validate = validate::each([short()]))]
    values: Option<BTreeMap<String, String>>,
    either_a: Option<String>,
    either_b: Option<String>,
    together_a: Option<String>,
    together_b: Option<String>,
    inner: Option<Vec<Inner>>,
    #[block(deprecated = "Use inner.")]
    block: Vec<Block>,
}

/// A scripted resource that also has rules over several attributes.
pub(crate) struct Validated;

impl Resource for Validated {
    const NAME: &'static str = "validated";
    type Data = ();
    type Model = Raw<Rules>;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        cx.follow(&rule::conflicting(["either_a", "either_b"]))?;
        cx.follow(&rule::required_together(["together_a", "together_b"]))?;
        memory::validate(cx)
    }

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<()>) -> Result<()> {
        memory::modify_plan(plan, cx)
    }

    async fn create(&self, plan: Raw<Rules>, cx: &mut Apply<()>) -> Result<Raw<Rules>> {
        memory::apply(plan, cx)
    }

    async fn read(&self, state: Raw<Rules>, cx: &mut Context<()>) -> Result<Option<Raw<Rules>>> {
        memory::read(state, cx)
    }

    async fn update(
        &self,
        _prior: Raw<Rules>,
        plan: Raw<Rules>,
        cx: &mut Apply<()>,
    ) -> Result<Raw<Rules>> {
        memory::apply(plan, cx)
    }

    async fn delete(&self, state: Raw<Rules>, cx: &mut Context<()>) -> Result<()> {
        memory::delete(state.value(), cx)
    }
}
