//! Resources with an identity, which says what their state says.

use serde::Deserialize;
use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::Schema;
use tfplugin_rs::value::{Number, Value};
use tfplugin_rs::{Identified, Private};

use crate::memory::{self, Refusal, import_script, script};
use crate::raw::{Describe, Raw};

pub(crate) struct Thing;

impl Describe for Thing {
    fn schema() -> Schema {
        ThingModel::schema()
    }
}

#[derive(Model)]
struct ThingModel {
    script: Option<String>,
    stamp: Attr<String>,
    name: String,
    region: Option<String>,
    number: Option<Number>,
    tags: Option<Vec<String>>,
}

/// What tells one from another.
pub(crate) struct Name;

impl Describe for Name {
    fn schema() -> Schema {
        NameModel::schema()
    }
}

#[derive(Model)]
#[model(version = 1)]
struct NameModel {
    name: String,
    region: Option<String>,
    number: Option<Number>,
    tags: Option<Vec<String>>,
}

const IDENTIFYING: [&str; 4] = ["name", "number", "region", "tags"];

/// The identity of a resource in this state, or what the script says.
pub(crate) fn identify(state: &Value) -> Value {
    let object = state.as_object();
    let of = |name: &str| match (script(state), name) {
        ("identity_none", _) => Value::Null,
        ("identity_other", "name") => "other".into(),
        _ => object
            .and_then(|o| o.get(name))
            .cloned()
            .unwrap_or_default(),
    };
    Value::object(IDENTIFYING.map(|name| (name, of(name))))
}

/// A state that holds what `sought` says, and nothing else.
pub(crate) fn thing(sought: &Value) -> Raw<Thing> {
    let object = sought.as_object();
    let of = |name: &str| {
        object
            .and_then(|o| o.get(name))
            .cloned()
            .unwrap_or_default()
    };
    let names = ["name", "number", "region", "script", "stamp", "tags"];
    Raw::new(Value::object(names.map(|name| (name, of(name)))))
}

fn named(name: Option<String>, region: Option<String>) -> Value {
    Value::object([("name", name.into()), ("region", Value::from(region))])
}

/// The state of another type.
#[derive(Deserialize)]
struct Older {
    title: Option<String>,
}

/// An identity of version 0, or of another type.
#[derive(Deserialize)]
struct First {
    id: Option<String>,
}

/// A resource whose identity stays, or one whose identity may change.
pub(crate) struct Known<const MAY_CHANGE: bool>;

impl<const MAY_CHANGE: bool> Resource for Known<MAY_CHANGE> {
    const NAME: &'static str = if MAY_CHANGE { "renamed" } else { "known" };
    type Data = ();
    type Model = Raw<Thing>;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        memory::validate(cx)
    }

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<()>) -> Result<()> {
        memory::modify_plan(plan, cx)
    }

    async fn create(&self, plan: Raw<Thing>, cx: &mut Apply<()>) -> Result<Raw<Thing>> {
        memory::apply(plan, cx)
    }

    async fn read(&self, state: Raw<Thing>, cx: &mut Context<()>) -> Result<Option<Raw<Thing>>> {
        memory::read(state, cx)
    }

    async fn update(
        &self,
        _prior: Raw<Thing>,
        plan: Raw<Thing>,
        cx: &mut Apply<()>,
    ) -> Result<Raw<Thing>> {
        memory::apply(plan, cx)
    }

    async fn delete(&self, state: Raw<Thing>, cx: &mut Context<()>) -> Result<()> {
        memory::delete(state.value(), cx)
    }

    async fn import(&self, id: &str, cx: &mut Context<()>) -> Result<Raw<Thing>> {
        import_script(id, cx)?;
        Ok(thing(&named(Some(id.to_owned()), None)))
    }

    async fn adopt(
        &self,
        source: MoveSource,
        _private: &mut Private,
    ) -> Result<Option<Raw<Thing>>> {
        if source.type_name != "other_thing" {
            return Ok(None);
        }
        let older: Older = source.state.json()?;
        let first: Option<First> = source.identity.map(|first| first.json()).transpose()?;
        let region = first.and_then(|first| first.id);
        Ok(Some(thing(&named(older.title, region))))
    }
}

impl<const MAY_CHANGE: bool> Identified for Known<MAY_CHANGE> {
    type Identity = Raw<Name>;

    const IDENTITY_MAY_CHANGE: bool = MAY_CHANGE;

    fn identity(&self, state: &Raw<Thing>, _data: &()) -> Raw<Name> {
        Raw::new(identify(state.value()))
    }

    async fn import_by_identity(
        &self,
        identity: Raw<Name>,
        cx: &mut Context<()>,
    ) -> Result<Raw<Thing>> {
        let object = identity.value().as_object();
        let name = object.and_then(|o| o.get("name")).and_then(Value::as_str);
        import_script(name.unwrap_or_default(), cx)?;
        Ok(thing(identity.value()))
    }

    async fn upgrade_identity(&self, _version: i64, identity: RawState) -> Result<Raw<Name>> {
        let first: First = identity.json()?;
        if first.id.as_deref() == Some("upgrade_error") {
            return Err(Refusal::whole());
        }
        Ok(Raw::new(identify(&named(first.id, None))))
    }
}
