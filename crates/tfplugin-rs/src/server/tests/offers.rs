//! What a provider may offer: mistakes in it are found before Terraform asks for anything.

use std::future::Future;

use crate::model::Field;
use crate::prelude::*;
use crate::proto::tfplugin6 as proto;
use crate::schema::{Attribute, Block, Members, Nesting, Schema};
use crate::server::Server;
use crate::value::Type;

/// A provider of whatever the test makes.
struct Offer {
    contents: fn() -> Contents<()>,
    schema: fn() -> Schema,
}

/// Nothing.
#[derive(Model, Clone)]
struct Empty {}

/// A name.
#[derive(Model, Clone)]
struct Named {
    /// It.
    name: String,
}

impl Provider for Offer {
    const NAME: &'static str = "offer";
    type Config = Empty;
    type Data = ();

    fn schema(&self) -> Schema {
        (self.schema)()
    }

    async fn configure(&self, _: Empty, _: &mut Configure) -> Result<()> {
        Ok(())
    }

    fn contents(&self) -> Contents<()> {
        (self.contents)()
    }
}

fn problems(contents: fn() -> Contents<()>) -> Vec<String> {
    let schema = Empty::schema;
    Server::new(Offer { contents, schema }, StopToken::new())
        .problems()
        .to_vec()
}

macro_rules! resources {
    ($($type:ident, $name:literal, $model:ty, $identity:ty;)*) => {$(
        struct $type;

        impl Resource for $type {
            const NAME: &'static str = $name;
            type Data = ();
            type Model = $model;

            async fn create(&self, plan: $model, _: &mut Apply<()>) -> Result<$model> {
                Ok(plan)
            }

            async fn read(&self, state: $model, _: &mut Context<()>) -> Result<Option<$model>> {
                Ok(Some(state))
            }

            async fn update(&self, _: $model, plan: $model, _: &mut Apply<()>) -> Result<$model> {
                Ok(plan)
            }

            fn delete(
                &self,
                _: $model,
                _: &mut Context<()>,
            ) -> impl Future<Output = Result<()>> + Send {
                std::future::ready(Ok(()))
            }
        }

        impl Identified for $type {
            type Identity = $identity;

            fn identity(&self, _: &$model, (): &()) -> $identity {
                panic!("nobody asks in these tests")
            }
        }
    )*};
}

/// Needs what states have no room for.
#[derive(Model, Clone)]
struct Crooked {
    /// Required and computed.
    #[attr(required, computed)]
    a: String,
    /// A default of another type.
    #[attr(default = "text")]
    b: u8,
}

/// An identity that is none.
#[derive(Model)]
struct Nested {
    /// An object.
    inner: Named,
    /// A secret.
    #[attr(sensitive)]
    secret: String,
}

resources! {
    Plain, "plain", Named, Named;
    Same, "plain", Named, Named;
    Whole, "", Named, Named;
    Bad, "bad", Crooked, Named;
    Unclear, "unclear", Named, Nested;
}

struct Lists;

impl ListResource for Lists {
    type Resource = Plain;
    type Config = Empty;

    async fn list(&self, _: Empty, _: &mut Listing<Plain>) -> Result<()> {
        Ok(())
    }
}

struct Data;

impl DataSource for Data {
    const NAME: &'static str = "plain";
    type Data = ();
    type Model = Named;

    async fn read(&self, config: Named, _: &mut Context<()>) -> Result<Named> {
        Ok(config)
    }
}

struct Ephemeral;

impl EphemeralResource for Ephemeral {
    const NAME: &'static str = "plain";
    type Data = ();
    type Model = Named;

    async fn open(&self, config: Named, _: &mut Lease<()>) -> Result<Named> {
        Ok(config)
    }
}

struct Act;

impl Action for Act {
    const NAME: &'static str = "plain";
    type Data = ();
    type Config = Named;

    async fn invoke(&self, _: Named, _: &mut Invocation<()>) -> Result<()> {
        Ok(())
    }
}

macro_rules! functions {
    ($($type:ident, $arguments:ident, $name:literal, [$($parameter:literal),*];)*) => {$(
        struct $type;
        struct $arguments;

        impl crate::function::Arguments for $arguments {
            fn signature() -> crate::function::Signature {
                crate::function::Signature {
                    summary: String::new(),
                    description: String::new(),
                    parameters: vec![
                        $(crate::function::Parameter::of::<String>($parameter, "")),*
                    ],
                    variadic: None,
                    deprecated: None,
                }
            }

            fn from_values(_: Vec<crate::value::Value>) -> Result<Self, FunctionError> {
                Ok(Self)
            }
        }

        impl Function for $type {
            const NAME: &'static str = $name;
            type Arguments = $arguments;
            type Output = bool;

            fn call(&self, _: $arguments) -> Result<bool, FunctionError> {
                Ok(true)
            }
        }
    )*};
}

functions! {
    Good, GoodArguments, "good", ["a", "b"];
    Again, AgainArguments, "good", ["a"];
    Camel, CamelArguments, "camelCase", ["a"];
    NoName, NoNameArguments, "", [];
    TwoAlike, TwoAlikeArguments, "two_alike", ["a", "b", "a"];
    BadParameter, BadParameterArguments, "bad_parameter", ["a b", "1st"];
}

#[test]
fn one_of_each_is_fine_and_names_are_of_their_kind() {
    let all = || {
        Contents::new()
            .identified_resource(Plain)
            .resource(Whole)
            .data_source(Data)
            .ephemeral_resource(Ephemeral)
            .list_resource(Lists)
            .action(Act)
            .function(Good)
            .provider_meta::<Named>()
    };
    assert_eq!(problems(all), [] as [&str; 0]);
}

#[test]
fn two_of_one_name_are_found() {
    for (contents, problem) in [
        (
            (|| Contents::new().resource(Plain).resource(Same)) as fn() -> Contents<()>,
            "two resources are named \"plain\"",
        ),
        (
            || Contents::new().identified_resource(Plain).resource(Same),
            "two resources are named \"plain\"",
        ),
        (
            || Contents::new().data_source(Data).data_source(Data),
            "two data sources are named \"plain\"",
        ),
        (
            || {
                Contents::new()
                    .ephemeral_resource(Ephemeral)
                    .ephemeral_resource(Ephemeral)
            },
            "two ephemeral resources are named \"plain\"",
        ),
        (
            || {
                let identified = Contents::new().identified_resource(Plain);
                identified.list_resource(Lists).list_resource(Lists)
            },
            "two list resources are named \"plain\"",
        ),
        (
            || Contents::new().action(Act).action(Act),
            "two actions are named \"plain\"",
        ),
        (
            || Contents::new().function(Good).function(Again),
            "two functions are named \"good\"",
        ),
    ] {
        assert_eq!(problems(contents), [problem]);
    }
}

#[test]
fn lists_are_of_identified_resources() {
    let missing =
        "list resource offer_plain: the provider offers no identified_resource of this name";
    for (contents, expected) in [
        (
            (|| Contents::new().list_resource(Lists)) as fn() -> Contents<()>,
            &[missing][..],
        ),
        (
            || Contents::new().list_resource(Lists).resource(Plain),
            &[missing],
        ),
        (
            || {
                Contents::new()
                    .list_resource(Lists)
                    .identified_resource(Plain)
            },
            &[],
        ),
    ] {
        assert_eq!(problems(contents), expected);
    }
}

#[test]
fn schemas_of_every_kind_are_checked_with_their_names() {
    assert_eq!(
        problems(|| Contents::new().resource(Bad)),
        [
            "resource offer_bad: a: required and computed exclude each other",
            "resource offer_bad: b: the default is a string, but the type is number",
        ]
    );
    assert_eq!(
        problems(|| Contents::new().identified_resource(Unclear)),
        [
            "identity of offer_unclear: inner: an identity is made of bools, numbers, strings and \
             lists of these",
            "identity of offer_unclear: secret: an attribute of an identity is neither sensitive \
             nor deprecated",
        ]
    );
    assert_eq!(
        problems(|| Contents::new().provider_meta::<Crooked>()),
        [
            "the provider_meta block: a: required and computed exclude each other",
            "the provider_meta block: a: there is no state here in which computed values could be \
             kept",
            "the provider_meta block: b: there is no state here in which computed values could be \
             kept",
            "the provider_meta block: b: the default is a string, but the type is number",
        ]
    );
}

#[test]
fn functions_and_parameters_have_plain_names() {
    let a_name_is = "a name is lower-case letters, digits and underscores";
    for (contents, expected) in [
        (
            (|| Contents::new().function(Camel)) as fn() -> Contents<()>,
            vec![format!("function \"camelCase\": {a_name_is}")],
        ),
        (
            || Contents::new().function(NoName),
            vec![format!("function \"\": {a_name_is}")],
        ),
        (
            || Contents::new().function(TwoAlike),
            vec!["function two_alike: two parameters are named \"a\"".to_owned()],
        ),
        (
            || Contents::new().function(BadParameter),
            vec![
                format!("function bad_parameter: \"a b\": {a_name_is}"),
                format!("function bad_parameter: \"1st\": {a_name_is}"),
            ],
        ),
    ] {
        assert_eq!(problems(contents), expected);
    }
}

/// The provider block's schema may be built by hand, and must be its model's.
#[test]
fn the_provider_block_is_what_its_model_is() {
    let of = |schema: fn() -> Schema| {
        let contents = Contents::new;
        let server = Server::new(Offer { contents, schema }, StopToken::new());
        server.problems().to_vec()
    };
    assert_eq!(of(Schema::new), [] as [&str; 0]);
    assert_eq!(
        of(|| Schema::new().with(Attribute::new("a", Type::Bool).optional())),
        ["the provider block: the schema is object({a = bool}), but the model is object({})"]
    );
    assert_eq!(
        of(|| Schema::new().with(Attribute::new("alias", Type::Bool).optional())),
        ["the provider block: the name \"alias\" belongs to Terraform itself"]
    );
    assert_eq!(
        of(|| Schema::new().with(Block::new("b", Nesting::List, Members::new()))),
        ["the provider block: b: a block needs members; its Rust type must be made of models"]
    );
    assert_eq!(
        of(|| Schema::new().version(-1)),
        ["the provider block: the version is negative"]
    );
}

/// Whatever is asked of a provider with mistakes, the mistakes are the answer.
#[tokio::test]
async fn nothing_is_done_with_mistakes() {
    let contents = || Contents::new().resource(Plain).resource(Same).action(Act);
    let schema = Empty::schema;
    let server = Server::new(Offer { contents, schema }, StopToken::new());
    let expected = "two resources are named \"plain\".";
    let (type_name, action_type) = ("offer_plain".to_owned(), "offer_plain".to_owned());
    let schema = server
        .provider_schema(proto::get_provider_schema::Request {})
        .await;
    let metadata = server.metadata(proto::get_metadata::Request {}).await;
    let identities = server
        .identity_schemas(proto::get_resource_identity_schemas::Request {})
        .await;
    let validated = server
        .validate_resource(proto::validate_resource_config::Request {
            type_name: type_name.clone(),
            ..Default::default()
        })
        .await;
    let configured = server
        .configure(proto::configure_provider::Request::default())
        .await;
    let planned = server
        .plan(proto::plan_resource_change::Request {
            type_name: type_name.clone(),
            ..Default::default()
        })
        .await;
    let read = server
        .read(proto::read_resource::Request {
            type_name,
            ..Default::default()
        })
        .await;
    let planned_action = server
        .action_plan(proto::plan_action::Request {
            action_type,
            ..Default::default()
        })
        .await;
    for diagnostics in [
        schema.diagnostics,
        metadata.diagnostics,
        identities.diagnostics,
        validated.diagnostics,
        configured.diagnostics,
        planned.diagnostics,
        read.diagnostics,
        planned_action.diagnostics,
    ] {
        let [diagnostic] = &diagnostics[..] else {
            panic!("{diagnostics:?}")
        };
        assert_eq!(diagnostic.summary, "The provider has a broken schema");
        assert_eq!(diagnostic.detail, expected);
    }
}

#[test]
fn models_tell_their_own_type() {
    assert_eq!(Empty::shape().ty(), Type::object::<&str>([]));
    assert_eq!(Named::shape().ty(), Type::object([("name", Type::String)]));
}
