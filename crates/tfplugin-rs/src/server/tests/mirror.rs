//! A provider with one of each kind of thing, all with the same members: every type of attribute,
//! every nesting, attributes and blocks. It gives back what it gets, with `made` for what is unknown.

use crate::model::{ConversionError, Field, Shape};
use crate::prelude::*;
use crate::schema::{Attribute, Block, Members, Nesting, Schema};
use crate::value::{Dynamic, Object, Set, Type, Value, json};

/// The nestings, with the names of the attributes and blocks that have them.
pub(super) const NESTINGS: [(Nesting, &str, &str); 4] = [
    (Nesting::List, "nested_list", "block_list"),
    (Nesting::Map, "nested_map", "block_map"),
    (Nesting::Set, "nested_set", "block_set"),
    (Nesting::Single, "nested_single", "block_single"),
];

/// The plain types, by the names of their attributes.
pub(super) fn plain() -> [(&'static str, Type); 9] {
    [
        ("bool", Type::Bool),
        ("dynamic", Type::Dynamic),
        ("list", Type::list(Type::String)),
        ("map", Type::map(Type::Bool)),
        ("number", Type::Number),
        ("object", Type::object([("x", Type::Number)])),
        ("set", Type::set(Type::Number)),
        ("string", Type::String),
        ("tuple", Type::tuple([Type::Bool, Type::String])),
    ]
}

/// What is inside nested attributes and blocks.
fn inner() -> Members {
    Members::new()
        .with(Attribute::new("in", Type::String).optional())
        .with(Attribute::new("n", Type::Number).optional())
}

/// All that a configuration can set.
pub(super) fn members() -> Members {
    let plain = plain().into_iter();
    let members = plain.fold(Members::new(), |members, (name, ty)| {
        members.with(Attribute::new(name, ty).optional())
    });
    NESTINGS
        .into_iter()
        .fold(members, |members, (nesting, attribute, block)| {
            members
                .with(Attribute::nested(attribute, nesting, inner()).optional())
                .with(Block::new(block, nesting, inner()))
        })
}

/// The same, and what is computed.
pub(super) fn members_with_results() -> Members {
    let kept = Attribute::new("kept", Type::String).computed();
    members()
        .with(Attribute::new("made", Type::String).computed())
        .with(kept.use_state_for_unknown())
}

macro_rules! raw {
    ($($(#[$doc:meta])* $name:ident: $members:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub(super) struct $name(pub(super) Value);

        impl Field for $name {
            fn shape() -> Shape {
                Shape::single($members)
            }

            fn from_value(value: Value) -> Result<Self, ConversionError> {
                Ok(Self(value))
            }

            fn to_value(&self) -> Value {
                self.0.clone()
            }
        }

        impl Model for $name {
            fn schema() -> Schema {
                Schema::of(Self::shape().into_members()).version(1)
            }
        }
    )*};
}

raw! {
    /// What a configuration says.
    Said: members();
    /// What comes of it.
    Made: members_with_results();
    /// Who it is.
    Who: Members::new().with(Attribute::new("name", Type::String).required());
}

/// `value` with its unknowns made.
pub(super) fn made(value: Value) -> Value {
    let each = |values: Vec<Value>| values.into_iter().map(made).collect();
    match value {
        Value::Unknown => "made".into(),
        Value::Object(object) => {
            let names = object.names().clone();
            Value::Object(Object::new(names, each(object.into_values())))
        }
        other => other,
    }
}

/// Everything, each set to something simple.
pub(super) fn sample() -> Value {
    let inside = || Value::object([("in", Value::from("i")), ("n", 1.into())]);
    let nested = |nesting| match nesting {
        Nesting::List => Value::list([inside()]),
        Nesting::Map => Value::map([("k", inside())]),
        Nesting::Set => Value::set([inside()]),
        Nesting::Single => inside(),
    };
    let plain = |name: &str| match name {
        "bool" => true.into(),
        "dynamic" => Dynamic::new(Type::String, "d".into()).into(),
        "list" => Value::list(["l"]),
        "map" => Value::map([("k", true)]),
        "number" => 5.into(),
        "object" => Value::object([("x", 1)]),
        "set" => Value::set([1, 2]),
        "string" => "s".into(),
        "tuple" => Value::Tuple(vec![true.into(), "t".into()]),
        other => panic!("no sample of {other}"),
    };
    let names = super::mirror::plain().map(|(name, _)| (name, plain(name)));
    let nestings = NESTINGS
        .into_iter()
        .flat_map(|(nesting, attribute, block)| {
            [(attribute, nested(nesting)), (block, nested(nesting))]
        });
    Value::Object(names.into_iter().chain(nestings).collect())
}

/// The same with what is computed.
pub(super) fn sample_with_results(computed: &Value) -> Value {
    let Value::Object(sample) = sample() else {
        panic!("it is an object")
    };
    let computed = ["kept", "made"].map(|name| (name.to_owned(), computed.clone()));
    let all = sample.iter().map(|(k, v)| (k.to_owned(), v.clone()));
    Value::Object(all.chain(computed).collect())
}

/// What nobody has configured.
pub(super) fn nothing(members: &Members) -> Value {
    let Value::Object(mut object) = Value::Object(Object::nulls(&members.object_type())) else {
        panic!("it is an object")
    };
    for (nesting, _, block) in NESTINGS {
        let absent = match nesting {
            Nesting::List => Value::List(Vec::new()),
            Nesting::Map => Value::map::<&str, Value>([]),
            Nesting::Set => Value::Set(Set::default()),
            Nesting::Single => Value::Null,
        };
        *object.get_mut(block).expect("a member") = absent;
    }
    Value::Object(object)
}

pub(super) struct Mirror;

impl Provider for Mirror {
    const NAME: &'static str = "mirror";
    type Config = Said;
    type Data = ();

    async fn configure(&self, _: Said, _: &mut Configure) -> Result<()> {
        Ok(())
    }

    fn contents(&self) -> Contents<()> {
        Contents::new()
            .identified_resource(Thing)
            .data_source(Thing)
            .ephemeral_resource(Thing)
            .list_resource(Thing)
            .action(Thing)
            .provider_meta::<Who>()
    }
}

pub(super) struct Thing;

impl Resource for Thing {
    const NAME: &'static str = "thing";
    type Data = ();
    type Model = Made;

    async fn create(&self, plan: Made, _: &mut Apply<()>) -> Result<Made> {
        Ok(Made(made(plan.0)))
    }

    async fn read(&self, state: Made, _: &mut Context<()>) -> Result<Option<Made>> {
        Ok(Some(state))
    }

    async fn update(&self, _: Made, plan: Made, _: &mut Apply<()>) -> Result<Made> {
        Ok(Made(made(plan.0)))
    }

    async fn delete(&self, _: Made, _: &mut Context<()>) -> Result<()> {
        Ok(())
    }

    async fn upgrade(&self, _: i64, state: RawState) -> Result<Made> {
        state.model()
    }

    async fn adopt(&self, source: MoveSource, _: &mut Private) -> Result<Option<Made>> {
        let ty = Type::Object(members_with_results().object_type().into());
        let state = json::decode(source.state.as_bytes(), &ty);
        Ok(Some(Made(state.or_diagnostic("It is no thing")?)))
    }
}

impl Identified for Thing {
    type Identity = Who;

    fn identity(&self, state: &Made, (): &()) -> Who {
        let name = state.0.as_object().and_then(|object| object.get("string"));
        let name = name.and_then(Value::as_str).unwrap_or("nameless");
        Who(Value::object([("name", Value::from(name))]))
    }

    async fn import_by_identity(&self, who: Who, _: &mut Context<()>) -> Result<Made> {
        let mut state = nothing(&members_with_results());
        let name = who.0.at(&"name".into()).cloned().unwrap_or_default();
        assert!(state.set_at(&"string".into(), name), "there is a string");
        Ok(Made(state))
    }
}

impl DataSource for Thing {
    const NAME: &'static str = "thing";
    type Data = ();
    type Model = Made;

    fn schema(&self) -> Schema {
        // Only resources have plans to modify.
        let computed = ["kept", "made"].into_iter();
        computed.fold(Schema::of(members()), |schema, name| {
            schema.with(Attribute::new(name, Type::String).computed())
        })
    }

    async fn read(&self, config: Made, _: &mut Context<()>) -> Result<Made> {
        Ok(Made(with_results(config.0)))
    }
}

/// `config` with its computed attributes set.
fn with_results(mut config: Value) -> Value {
    for name in ["kept", "made"] {
        config.set_at(&name.into(), "made".into());
    }
    config
}

impl EphemeralResource for Thing {
    const NAME: &'static str = "thing";
    type Data = ();
    type Model = Made;

    fn schema(&self) -> Schema {
        DataSource::schema(self)
    }

    async fn open(&self, config: Made, _: &mut Lease<()>) -> Result<Made> {
        Ok(Made(with_results(config.0)))
    }
}

impl ListResource for Thing {
    type Resource = Thing;
    type Config = Said;

    async fn list(&self, config: Said, cx: &mut Listing<Thing>) -> Result<()> {
        let mut state = nothing(&members_with_results());
        let pairs = config.0.as_object().into_iter().flat_map(Object::iter);
        for (name, value) in pairs {
            state.set_at(&name.into(), value.clone());
        }
        let state = Made(state);
        let found = Listed::new("it", self.identity(&state, &())).resource(state);
        cx.send(found).await
    }
}

impl Action for Thing {
    const NAME: &'static str = "thing";
    type Data = ();
    type Config = Said;

    async fn invoke(&self, config: Said, cx: &mut Invocation<()>) -> Result<()> {
        let set = config.0.as_object().into_iter().flat_map(Object::iter);
        let set: Vec<&str> = set.filter(|(_, v)| !v.is_null()).map(|(n, _)| n).collect();
        cx.progress(set.join(" ")).await;
        Ok(())
    }
}
