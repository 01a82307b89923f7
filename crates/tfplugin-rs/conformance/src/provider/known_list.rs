//! Finds known resources: always the same ones.

use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::Schema;
use tfplugin_rs::value::Value;
use tfplugin_rs::{ListResource, Listed, Listing};

use crate::known::{Known, identify, thing};
use crate::memory::{self, Refusal, script, warning};
use crate::raw::{Describe, Raw};
use crate::ruled::everywhere;

const EXISTING: [&str; 6] = ["a", "aaa", "b", "d", "go", "made"];

pub(crate) struct Filter;

impl Describe for Filter {
    fn schema() -> Schema {
        everywhere(FilterModel::schema())
    }
}

#[derive(Model)]
struct FilterModel {
    rule_a: Option<String>,
    rule_b: Option<String>,
    rule_c: Option<String>,
    script: Option<String>,
    prefix: Option<String>,
}

pub(crate) struct KnownList;

impl ListResource for KnownList {
    type Resource = Known<false>;
    type Config = Raw<Filter>;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        memory::validate(cx)
    }

    async fn list(&self, config: Raw<Filter>, cx: &mut Listing<Known<false>>) -> Result<()> {
        let script = script(config.value());
        let object = config.value().as_object();
        let prefix = object.and_then(|o| o.get("prefix")).and_then(Value::as_str);
        for name in EXISTING {
            if name.starts_with(prefix.unwrap_or_default()) {
                cx.send(listed(name, script)).await?;
            }
        }
        match script {
            "list_end_error" => Err(Refusal::whole()),
            _ => Ok(()),
        }
    }
}

/// One result, or what the script says.
fn listed(name: &str, script: &str) -> Listed<Known<false>> {
    if script == "list_error" && name == "b" {
        return Listed::failed(Refusal::whole());
    }
    let state = thing(&Value::object([("name", Value::from(name))]));
    let identity = match script {
        "list_anonymous" => Value::Null,
        _ => identify(state.value()),
    };
    let mut found = Listed::new(format!("the {name}"), Raw::new(identity));
    if script == "list_warn" {
        found = found.warning(warning());
    }
    match script {
        "list_bare" => found,
        _ => found.resource(state),
    }
}
