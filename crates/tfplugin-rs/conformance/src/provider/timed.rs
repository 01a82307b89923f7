//! A resource with timeouts as an attribute and as a block.

use std::time::Duration;

use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::Schema;

use crate::memory::{self, script};
use crate::raw::{Describe, Raw};

pub(crate) struct Hourglass;

impl Describe for Hourglass {
    fn schema() -> Schema {
        HourglassModel::schema()
    }
}

#[derive(Model)]
struct HourglassModel {
    script: Option<String>,
    stamp: Attr<String>,
    name: Option<String>,
    #[attr(timeouts(create = "30m", delete = "10m"))]
    timeouts: Timeouts,
    #[block(timeouts(read = "1m", update = "90s"))]
    limits: Timeouts,
}

/// What is left of the operation's time in seconds, rounded up to what it was.
fn seconds(cx: &Context<()>) -> u64 {
    let now = tokio::time::Instant::now();
    let left = cx.deadline().map(|deadline| deadline - now);
    let left = left.unwrap_or_default();
    left.as_secs() + u64::from(left > Duration::from_secs(left.as_secs()))
}

pub(crate) struct Timed;

impl Resource for Timed {
    const NAME: &'static str = "timed";
    type Data = ();
    type Model = Raw<Hourglass>;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        memory::validate(cx)
    }

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<()>) -> Result<()> {
        memory::modify_plan(plan, cx)
    }

    async fn create(&self, plan: Raw<Hourglass>, cx: &mut Apply<()>) -> Result<Raw<Hourglass>> {
        memory::apply(memory::stamped(plan, &seconds(cx).to_string()), cx)
    }

    async fn read(
        &self,
        state: Raw<Hourglass>,
        cx: &mut Context<()>,
    ) -> Result<Option<Raw<Hourglass>>> {
        if script(state.value()).is_empty() {
            return Ok(Some(state.with("stamp", &seconds(cx).to_string())));
        }
        memory::read(state, cx)
    }

    async fn update(
        &self,
        _prior: Raw<Hourglass>,
        plan: Raw<Hourglass>,
        cx: &mut Apply<()>,
    ) -> Result<Raw<Hourglass>> {
        memory::apply(memory::stamped(plan, &seconds(cx).to_string()), cx)
    }

    async fn delete(&self, state: Raw<Hourglass>, cx: &mut Context<()>) -> Result<()> {
        if seconds(cx) <= 60 {
            cx.push(Diagnostic::warning(
                "Short of time",
                "Deleting may take longer.",
            ));
        }
        memory::delete(state.value(), cx)
    }
}
