//! An action that tells of its progress twice.

use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::Schema;
use tfplugin_rs::{Action, Deferral, Invocation, Values};

use crate::memory::{Refusal, script, warning};
use crate::raw::{Describe, Raw};
use crate::ruled::everywhere;

pub(crate) struct Target;

impl Describe for Target {
    fn schema() -> Schema {
        everywhere(TargetModel::schema())
    }
}

#[derive(Model)]
struct TargetModel {
    rule_a: Option<String>,
    rule_b: Option<String>,
    rule_c: Option<String>,
    script: Option<String>,
    name: String,
}

pub(crate) struct Poke;

impl Action for Poke {
    const NAME: &'static str = "poke";
    type Data = ();
    type Config = Raw<Target>;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        match script(cx.config().value()) {
            "validate_error" => Err(Refusal::at("script")),
            _ => Ok(()),
        }
    }

    async fn plan(&self, config: &Values, cx: &mut Context<()>) -> Result<()> {
        match script(config.value()) {
            "plan_error" => return Err(Refusal::at("script")),
            "plan_defer" => return Err(cx.defer(Deferral::AbsentPrerequisite)),
            "plan_warn" => cx.push(warning()),
            _ => {}
        }
        Ok(())
    }

    async fn invoke(&self, config: Raw<Target>, cx: &mut Invocation<()>) -> Result<()> {
        cx.progress("one").await;
        match script(config.value()) {
            "invoke_error" => return Err(Refusal::at("name")),
            "invoke_warn" => cx.push(warning()),
            _ => {}
        }
        cx.progress("two").await;
        Ok(())
    }
}
