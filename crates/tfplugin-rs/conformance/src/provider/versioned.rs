//! A resource with a past: version 0 called its name "title", and other types may become it.

use serde::Deserialize;
use tfplugin_rs::Private;
use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::Schema;
use tfplugin_rs::value::{Number, Value};

use crate::memory::{self, Refusal, import_script};
use crate::raw::{Describe, Raw};

pub(crate) struct Past;

impl Describe for Past {
    fn schema() -> Schema {
        PastModel::schema()
    }
}

#[derive(Model)]
#[model(version = 2)]
struct PastModel {
    script: Option<String>,
    stamp: Attr<String>,
    name: Option<String>,
    size: Option<i64>,
    number: Option<Number>,
}

/// The state of versions 0 and 1, and of the other type.
#[derive(Deserialize)]
struct Older {
    title: Option<String>,
    script: Option<String>,
}

fn state(name: Option<String>, script: Option<String>, stamp: Option<String>) -> Raw<Past> {
    Raw::new(Value::object([
        ("name", Value::from(name)),
        ("number", Value::Null),
        ("script", script.into()),
        ("size", Value::Null),
        ("stamp", stamp.into()),
    ]))
}

pub(crate) struct Versioned;

impl Resource for Versioned {
    const NAME: &'static str = "versioned";
    type Data = ();
    type Model = Raw<Past>;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        memory::validate(cx)
    }

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<()>) -> Result<()> {
        memory::modify_plan(plan, cx)
    }

    async fn create(&self, plan: Raw<Past>, cx: &mut Apply<()>) -> Result<Raw<Past>> {
        memory::apply(plan, cx)
    }

    async fn read(&self, state: Raw<Past>, cx: &mut Context<()>) -> Result<Option<Raw<Past>>> {
        memory::read(state, cx)
    }

    async fn update(
        &self,
        _prior: Raw<Past>,
        plan: Raw<Past>,
        cx: &mut Apply<()>,
    ) -> Result<Raw<Past>> {
        memory::apply(plan, cx)
    }

    async fn delete(&self, state: Raw<Past>, cx: &mut Context<()>) -> Result<()> {
        memory::delete(state.value(), cx)
    }

    async fn import(&self, id: &str, cx: &mut Context<()>) -> Result<Raw<Past>> {
        import_script(id, cx)?;
        Ok(state(Some(id.to_owned()), None, None))
    }

    async fn upgrade(&self, _version: i64, older: RawState) -> Result<Raw<Past>> {
        let older: Older = older.json()?;
        if older.script.as_deref() == Some("upgrade_error") {
            return Err(Refusal::whole());
        }
        Ok(state(older.title, older.script, None))
    }

    async fn adopt(&self, source: MoveSource, _private: &mut Private) -> Result<Option<Raw<Past>>> {
        if source.type_name != "other_thing" {
            return Ok(None);
        }
        let older: Older = source.state.json()?;
        Ok(Some(state(
            older.title,
            None,
            Some(source.provider_address),
        )))
    }
}
