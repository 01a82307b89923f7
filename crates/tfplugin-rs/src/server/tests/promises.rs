//! What a provider gives back instead of what it should: every kind of member, as it was, as something
//! else, as null, as unknown. Each complaint is in a table.

use std::fmt::Write;

use super::kinds::told;
use super::mirror::{Made, NESTINGS, members, members_with_results, plain, sample};
use crate::prelude::*;
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::DynamicValue;
use crate::schema::{Attribute, Nesting, Schema};
use crate::server::Server;
use crate::value::{Dynamic, Type, Value, msgpack};

/// What is done to one member before it is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Keep,
    Change,
    Drop,
    Leave,
}

const DEEDS: [Deed; 4] = [Deed::Keep, Deed::Change, Deed::Drop, Deed::Leave];

/// Does the deed to the member.
#[derive(Debug, Clone, Copy)]
struct Liar {
    member: &'static str,
    deed: Deed,
}

impl Liar {
    fn told(self, mut value: Value) -> Value {
        for computed in ["kept", "made"] {
            if value.at(&computed.into()).is_some_and(|v| !v.is_known()) {
                value.set_at(&computed.into(), "made".into());
            }
        }
        let path = AttributePath::from(self.member);
        let new = match self.deed {
            Deed::Keep => return value,
            Deed::Change => other(self.member),
            Deed::Drop => Value::Null,
            Deed::Leave => Value::Unknown,
        };
        assert!(value.set_at(&path, new), "{} is a member", self.member);
        value
    }
}

/// Another value for a member than that of the sample.
fn other(member: &str) -> Value {
    let inside = || Value::object([("in", Value::from("other")), ("n", 1.into())]);
    if let Some((nesting, ..)) = NESTINGS
        .into_iter()
        .find(|(_, attribute, block)| [attribute, block].contains(&&member))
    {
        return match nesting {
            Nesting::List => Value::list([inside()]),
            Nesting::Map => Value::map([("k", inside())]),
            Nesting::Set => Value::set([inside()]),
            Nesting::Single => inside(),
        };
    }
    match member {
        "bool" => false.into(),
        "dynamic" => Dynamic::new(Type::Number, 1.into()).into(),
        "list" => Value::list(["l", "more"]),
        "map" => Value::map([("k", false)]),
        "number" => 6.into(),
        "object" => Value::object([("x", 2)]),
        "set" => Value::set([1, 3]),
        "tuple" => Value::Tuple(vec![true.into(), "other".into()]),
        _ => "other".into(),
    }
}

/// Nothing to configure.
#[derive(Model)]
struct Nothing {}

impl Provider for Liar {
    const NAME: &'static str = "liar";
    type Config = Nothing;
    type Data = Liar;

    async fn configure(&self, _: Nothing, _: &mut Configure) -> Result<Liar> {
        Ok(*self)
    }

    fn contents(&self) -> Contents<Liar> {
        Contents::new()
            .resource(Thing)
            .data_source(Thing)
            .ephemeral_resource(Thing)
    }
}

struct Thing;

impl Resource for Thing {
    const NAME: &'static str = "thing";
    type Data = Liar;
    type Model = Made;

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<Liar>) -> Result<()> {
        let liar = *cx.data();
        if cx.private().get::<bool>("plan")? != Some(true) {
            return Ok(());
        }
        let path = AttributePath::from(liar.member);
        match liar.deed {
            Deed::Keep => Ok(()),
            Deed::Change => plan.set(path, &Whatever(other(liar.member))),
            Deed::Drop => plan.set(path, &Whatever(Value::Null)),
            Deed::Leave => plan.set_unknown(path),
        }
    }

    async fn create(&self, plan: Made, cx: &mut Apply<Liar>) -> Result<Made> {
        Ok(Made(cx.data().told(plan.0)))
    }

    async fn read(&self, state: Made, cx: &mut Context<Liar>) -> Result<Option<Made>> {
        Ok(Some(Made(cx.data().told(state.0))))
    }

    async fn update(&self, _: Made, plan: Made, cx: &mut Apply<Liar>) -> Result<Made> {
        Ok(Made(cx.data().told(plan.0)))
    }

    async fn delete(&self, _: Made, _: &mut Context<Liar>) -> Result<()> {
        Ok(())
    }

    async fn import(&self, _: &str, cx: &mut Context<Liar>) -> Result<Made> {
        Ok(Made(cx.data().told(whole("there"))))
    }
}

/// A value of any type.
struct Whatever(Value);

impl crate::model::Field for Whatever {
    fn shape() -> crate::model::Shape {
        crate::model::Shape::of(Type::Dynamic)
    }

    fn from_value(value: Value) -> Result<Self, crate::model::ConversionError> {
        Ok(Self(value))
    }

    fn to_value(&self) -> Value {
        self.0.clone()
    }
}

/// The members of the data source and the ephemeral resource, which have no plans to modify.
fn read_schema() -> Schema {
    let computed = ["kept", "made"].into_iter();
    computed.fold(Schema::of(members()), |schema, name| {
        schema.with(Attribute::new(name, Type::String).computed())
    })
}

impl DataSource for Thing {
    const NAME: &'static str = "thing";
    type Data = Liar;
    type Model = Made;

    fn schema(&self) -> Schema {
        read_schema()
    }

    async fn read(&self, config: Made, cx: &mut Context<Liar>) -> Result<Made> {
        Ok(Made(cx.data().told(config.0)))
    }
}

impl EphemeralResource for Thing {
    const NAME: &'static str = "thing";
    type Data = Liar;
    type Model = Made;

    fn schema(&self) -> Schema {
        read_schema()
    }

    async fn open(&self, config: Made, cx: &mut Lease<Liar>) -> Result<Made> {
        let liar = *cx.data();
        Ok(Made(liar.told(config.0)))
    }
}

/// Everything set, and what is computed in this state.
fn whole(computed: impl Into<Value>) -> Value {
    let computed = computed.into();
    let sample = sample();
    let set = sample
        .as_object()
        .into_iter()
        .flat_map(|object| object.iter());
    let set = set.map(|(name, value)| (name.to_owned(), value.clone()));
    let computed = ["kept", "made"].map(|name| (name.to_owned(), computed.clone()));
    Value::Object(set.chain(computed).collect())
}

fn packed(value: &Value) -> Option<DynamicValue> {
    let ty = Type::Object(members_with_results().object_type().into());
    let msgpack = msgpack::encode(value, &ty).expect("of its type");
    Some(DynamicValue {
        msgpack: msgpack.into(),
        ..Default::default()
    })
}

fn null() -> Option<DynamicValue> {
    packed(&Value::Null)
}

async fn server(member: &'static str, deed: Deed) -> Server<Liar> {
    let server = Server::new(Liar { member, deed }, StopToken::new());
    assert_eq!(server.problems(), [] as [&str; 0]);
    let config = Some(DynamicValue {
        msgpack: b"\x80".to_vec().into(),
        ..Default::default()
    });
    let configured = server.configure(proto::configure_provider::Request {
        config,
        ..Default::default()
    });
    assert_eq!(configured.await.diagnostics, []);
    server
}

/// Plans and applies.
async fn changed(server: &Server<Liar>, call: &str) -> Vec<proto::Diagnostic> {
    let type_name = "liar_thing".to_owned();
    let (config, unmade) = (packed(&whole(Value::Null)), packed(&whole(Value::Unknown)));
    let there = packed(&whole("there"));
    match call {
        "plan" => {
            let planned = server.plan(proto::plan_resource_change::Request {
                type_name,
                prior_state: null(),
                proposed_new_state: config.clone(),
                config,
                prior_private: br#"{"plan":"dHJ1ZQ=="}"#[..].into(),
                ..Default::default()
            });
            planned.await.diagnostics
        }
        "create" => {
            let applied = server.apply(proto::apply_resource_change::Request {
                type_name,
                prior_state: null(),
                planned_state: unmade,
                config,
                ..Default::default()
            });
            applied.await.diagnostics
        }
        "update" => {
            let applied = server.apply(proto::apply_resource_change::Request {
                type_name,
                prior_state: there.clone(),
                planned_state: there,
                config,
                ..Default::default()
            });
            applied.await.diagnostics
        }
        other => panic!("{other} is no such call"),
    }
}

/// Reads, imports and opens.
async fn looked_up(server: &Server<Liar>, call: &str) -> Vec<proto::Diagnostic> {
    let type_name = "liar_thing".to_owned();
    let (config, there) = (packed(&whole(Value::Null)), packed(&whole("there")));
    match call {
        "read" => {
            let read = server.read(proto::read_resource::Request {
                type_name,
                current_state: there,
                ..Default::default()
            });
            read.await.diagnostics
        }
        "import" => {
            let imported = server.import(proto::import_resource_state::Request {
                type_name,
                id: "it".to_owned(),
                ..Default::default()
            });
            imported.await.diagnostics
        }
        "read data" => {
            let read = server.read_data(proto::read_data_source::Request {
                type_name,
                config,
                ..Default::default()
            });
            read.await.diagnostics
        }
        "open" => {
            let opened = server.open_ephemeral(proto::open_ephemeral_resource::Request {
                type_name,
                config,
                ..Default::default()
            });
            opened.await.diagnostics
        }
        other => panic!("{other} is no such call"),
    }
}

/// What is said of the member when it is given back in this call.
async fn said(call: &str, member: &'static str, deed: Deed) -> String {
    let server = server(member, deed).await;
    let diagnostics = match call {
        "plan" | "create" | "update" => changed(&server, call).await,
        call => looked_up(&server, call).await,
    };
    match diagnostics.is_empty() {
        true => "fine".to_owned(),
        false => told(&diagnostics),
    }
}

const CALLS: [&str; 7] = [
    "plan",
    "create",
    "update",
    "read",
    "import",
    "read data",
    "open",
];

/// All members, those that are computed last.
fn all_members() -> Vec<&'static str> {
    let nested = NESTINGS.into_iter().flat_map(|(_, a, b)| [a, b]);
    let plain = plain().into_iter().map(|(name, _)| name);
    plain.chain(nested).chain(["kept", "made"]).collect()
}

#[tokio::test]
async fn every_promise_about_every_kind_of_member() {
    for call in CALLS {
        let mut table = String::new();
        for member in all_members() {
            for deed in DEEDS {
                let said = said(call, member, deed).await;
                // What a member is kept as is never complained about.
                assert!(
                    deed != Deed::Keep || said == "fine",
                    "{call}, {member}: {said}"
                );
                if deed != Deed::Keep {
                    let first = said.split(". ").next().unwrap_or_default();
                    writeln!(table, "{member}, {deed:?}: {first}").unwrap();
                }
            }
        }
        insta::assert_snapshot!(call.replace(' ', "_"), table);
    }
}
