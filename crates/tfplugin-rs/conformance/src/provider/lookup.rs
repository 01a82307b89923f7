//! A data source: what it is not told it makes up.

use std::collections::BTreeSet;

use tfplugin_rs::Deferral;
use tfplugin_rs::model::Text;
use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::Schema;
use tfplugin_rs::types::Caseless;
use tfplugin_rs::value::{Number, Value};

use crate::memory::{Refusal, note, script, warning};
use crate::raw::{Describe, Raw};
use crate::ruled::everywhere;
use crate::spelled::shouted;

pub(crate) struct Query;

impl Describe for Query {
    fn schema() -> Schema {
        everywhere(QueryModel::schema())
    }
}

#[derive(Model)]
struct Filter {
    name: String,
    found: Attr<bool>,
}

#[derive(Model)]
struct QueryModel {
    rule_a: Option<String>,
    rule_b: Option<String>,
    rule_c: Option<String>,
    script: Option<String>,
    label: Option<Text<Caseless>>,
    #[attr(validate = validate::length(1..=5))]
    key: String,
    tags: Option<BTreeSet<String>>,
    value: Attr<String>,
    total: Attr<Number>,
    filter: Option<Vec<Filter>>,
}

pub(crate) struct Lookup;

impl DataSource for Lookup {
    const NAME: &'static str = "lookup";
    type Data = ();
    type Model = Raw<Query>;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        match script(cx.config().value()) {
            "validate_error" => Err(Refusal::at("script")),
            _ => Ok(()),
        }
    }

    async fn read(&self, config: Raw<Query>, cx: &mut Context<()>) -> Result<Raw<Query>> {
        match script(config.value()) {
            "read_error" => return Err(Refusal::at("key")),
            "read_warn" => cx.push(warning()),
            "read_defer" => return Err(cx.defer(Deferral::AbsentPrerequisite)),
            _ => {}
        }
        let script = script(config.value()).to_owned();
        let mut state = config.into_value();
        if script == "read_meta" {
            fill(&mut state, "value", note(cx)?);
        }
        fill(&mut state, "value", "made");
        fill(&mut state, "total", 7);
        let filters = state.at(&"filter".into()).and_then(Value::as_elements);
        let found = filters.map(|filters| {
            let filled = filters.iter().cloned().map(|mut filter| {
                fill(&mut filter, "found", true);
                filter
            });
            Value::list(filled)
        });
        if let Some(found) = found {
            state.set_at(&"filter".into(), found);
        }
        Ok(Raw::new(match script.as_str() {
            "read_shout" => with_shouted_label(state),
            _ => state,
        }))
    }
}

fn with_shouted_label(mut state: Value) -> Value {
    let path = AttributePath::from("label");
    if let Some(label) = state.at(&path).cloned() {
        state.set_at(&path, shouted(label));
    }
    state
}

/// Sets an attribute that is null.
pub(crate) fn fill(object: &mut Value, name: &str, value: impl Into<Value>) {
    let path = AttributePath::from(name);
    if object.at(&path).is_some_and(Value::is_null) {
        object.set_at(&path, value.into());
    }
}
