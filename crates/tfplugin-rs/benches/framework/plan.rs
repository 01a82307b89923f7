//! Planning a resource of a hundred attributes: the request's bytes in, the response's bytes out.

use std::hint::black_box;

use tfplugin_rs::model::{ConversionError, Field, Model, Shape};
use tfplugin_rs::prelude::*;
use tfplugin_rs::proto::tfplugin6::provider_server::Provider as Service;
use tfplugin_rs::proto::tfplugin6::{DynamicValue, configure_provider, plan_resource_change};
use tfplugin_rs::schema::{Attribute, Members, Schema};
use tfplugin_rs::value::{Type, Value, msgpack};
use tfplugin_rs::{Server, StopToken};
use tonic::Request;

use crate::clock::best;
use crate::report::Report;

const CALLS: u32 = 2000;

pub(crate) fn measure(report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let server = Server::new(Planner, StopToken::default());
    assert!(server.problems().is_empty(), "{:?}", server.problems());
    let configure = configure_provider::Request {
        config: Some(encoded(
            &Value::object::<&str, Value>([]),
            &Type::object::<&str>([]),
        )),
        ..Default::default()
    };
    runtime
        .block_on(server.configure_provider(Request::new(configure)))
        .expect("an answer");
    for (what, prior) in [
        ("creation", None),
        ("update", Some("old")),
        ("no change", Some("new")),
    ] {
        let request = request(prior);
        let spent = best(|| {
            for _ in 0..CALLS {
                let call = server.plan_resource_change(Request::new(request.clone()));
                let response = black_box(runtime.block_on(call))
                    .expect("an answer")
                    .into_inner();
                assert!(
                    response.diagnostics.is_empty(),
                    "{:?}",
                    response.diagnostics
                );
            }
        });
        let calls = f64::from(CALLS) / spent.as_secs_f64();
        report.note(
            &format!("plan of 100 attributes, {what}"),
            format_args!("{calls:.0} calls per processor second"),
        );
    }
}

/// Twenty attributes each of five kinds.
fn members() -> Members {
    (0..20).fold(Members::new(), |members, i| {
        let name = |kind: &str| format!("{kind}_{i:02}");
        members
            .with(
                Attribute::new(name("text"), Type::String)
                    .optional()
                    .replace(),
            )
            .with(
                Attribute::new(name("number"), Type::Number)
                    .optional()
                    .computed()
                    .default(1),
            )
            .with(
                Attribute::new(name("made"), Type::String)
                    .computed()
                    .use_state_for_unknown(),
            )
            .with(Attribute::new(name("words"), Type::list(Type::String)).optional())
            .with(Attribute::new(name("flag"), Type::Bool).optional())
    })
}

/// A configuration that sets everything that can be set, and `prior` as the state.
fn request(prior: Option<&str>) -> plan_resource_change::Request {
    let ty = Type::Object(members().object_type().into());
    let object = |made: Value, text: &str| {
        let value = |name: &str| match name.split('_').next() {
            Some("text") => Value::from(text),
            Some("number") => Value::from(7),
            Some("made") => made.clone(),
            Some("words") => Value::list(["some", "words"]),
            _ => Value::from(true),
        };
        let names = members();
        Value::object(
            names
                .iter()
                .map(|member| (member.name(), value(member.name()))),
        )
    };
    let state = prior.map_or(Value::Null, |text| object("made".into(), text));
    let made = if prior.is_some() {
        "made".into()
    } else {
        Value::Null
    };
    plan_resource_change::Request {
        type_name: "bench_wide".to_owned(),
        prior_state: Some(encoded(&state, &ty)),
        proposed_new_state: Some(encoded(&object(made, "new"), &ty)),
        config: Some(encoded(&object(Value::Null, "new"), &ty)),
        ..Default::default()
    }
}

fn encoded(value: &Value, ty: &Type) -> DynamicValue {
    DynamicValue {
        msgpack: msgpack::encode(value, ty)
            .expect("the value fits its type")
            .into(),
        json: Vec::new().into(),
    }
}

/// Nothing to configure.
#[derive(Model)]
struct NoConfig {}

struct Planner;

impl Provider for Planner {
    const NAME: &'static str = "bench";
    type Config = NoConfig;
    type Data = ();

    async fn configure(&self, _: NoConfig, _: &mut Configure) -> Result<()> {
        Ok(())
    }

    fn contents(&self) -> Contents<()> {
        Contents::new().resource(Wide)
    }
}

/// A model that is its value.
struct WideModel(Value);

impl Field for WideModel {
    fn shape() -> Shape {
        Shape::single(members())
    }

    fn from_value(value: Value) -> std::result::Result<Self, ConversionError> {
        Ok(Self(value))
    }

    fn to_value(&self) -> Value {
        self.0.clone()
    }
}

impl Model for WideModel {
    fn schema() -> Schema {
        Schema::of(members())
    }
}

struct Wide;

impl Resource for Wide {
    const NAME: &'static str = "wide";
    type Data = ();
    type Model = WideModel;

    async fn create(&self, plan: WideModel, _: &mut Apply<()>) -> Result<WideModel> {
        Ok(plan)
    }

    async fn read(&self, state: WideModel, _: &mut Context<()>) -> Result<Option<WideModel>> {
        Ok(Some(state))
    }

    async fn update(&self, _: WideModel, plan: WideModel, _: &mut Apply<()>) -> Result<WideModel> {
        Ok(plan)
    }

    async fn delete(&self, _: WideModel, _: &mut Context<()>) -> Result<()> {
        Ok(())
    }
}
