//! A hundred attributes, to measure planning with.

use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::{Attribute, Members, Schema};
use tfplugin_rs::value::Type;

use crate::memory;
use crate::raw::{Describe, Raw};

pub(crate) struct Hundred;

impl Describe for Hundred {
    fn schema() -> Schema {
        let mut members = Members::new();
        for i in 0..20 {
            let name = |kind: &str| format!("{kind}_{i:02}");
            let text = Attribute::new(name("text"), Type::String).optional();
            let number = Attribute::typed::<i64>(name("number"));
            let made = Attribute::new(name("made"), Type::String).computed();
            members = members
                .with(text.replace())
                .with(number.optional().computed().default(1))
                .with(made.use_state_for_unknown())
                .with(Attribute::new(name("words"), Type::list(Type::String)).optional())
                .with(Attribute::new(name("flag"), Type::Bool).optional());
        }
        Schema::of(members)
    }
}

/// Has no script and no say in its plans.
pub(crate) struct Wide;

impl Resource for Wide {
    const NAME: &'static str = "wide";
    type Data = ();
    type Model = Raw<Hundred>;

    async fn create(&self, plan: Raw<Hundred>, cx: &mut Apply<()>) -> Result<Raw<Hundred>> {
        memory::apply(plan, cx)
    }

    async fn read(
        &self,
        state: Raw<Hundred>,
        cx: &mut Context<()>,
    ) -> Result<Option<Raw<Hundred>>> {
        memory::read(state, cx)
    }

    async fn update(
        &self,
        _prior: Raw<Hundred>,
        plan: Raw<Hundred>,
        cx: &mut Apply<()>,
    ) -> Result<Raw<Hundred>> {
        memory::apply(plan, cx)
    }

    async fn delete(&self, state: Raw<Hundred>, cx: &mut Context<()>) -> Result<()> {
        memory::delete(state.value(), cx)
    }
}
