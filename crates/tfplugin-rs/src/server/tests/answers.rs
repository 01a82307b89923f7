//! Schemas, validation, data sources, functions, and what is not offered.

use serde_json::json;
use tonic::Request;

use super::{Yard, yard};
use crate::model::Field;
use crate::prelude::*;
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::provider_server::Provider as Service;
use crate::server::Server;
use crate::testing::{Terraform, UNKNOWN};
use crate::value::Value;
use crate::{StopToken, logging};

fn server() -> Server<Yard> {
    Server::new(Yard::new(), StopToken::new())
}

#[tokio::test]
async fn the_schema_is_complete() {
    let request = Request::new(proto::get_provider_schema::Request {});
    let mut response = server()
        .get_provider_schema(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(response.diagnostics, []);
    insta::assert_debug_snapshot!("resource", response.resource_schemas.remove("yard_boat"));
    insta::assert_debug_snapshot!("function", response.functions.remove("sum"));
    insta::assert_debug_snapshot!("capabilities", response.server_capabilities);
    assert_eq!(
        response.data_source_schemas.keys().collect::<Vec<_>>(),
        ["yard_tide"]
    );
}

#[tokio::test]
async fn metadata_names_everything() {
    let request = Request::new(proto::get_metadata::Request {});
    let response = server().get_metadata(request).await.unwrap().into_inner();
    assert_eq!(response.resources[0].type_name, "yard_boat");
    assert_eq!(response.data_sources[0].type_name, "yard_tide");
    assert_eq!(response.functions.len(), 2);
}

/// A provider whose resource says one thing in its schema and another in its model.
struct Broken;

#[derive(Model)]
struct BrokenModel {
    /// Both required and computed.
    #[attr(required, computed)]
    a: String,
}

#[derive(Model)]
struct Empty {}

impl Provider for Broken {
    const NAME: &'static str = "broken";
    type Config = Empty;
    type Data = ();

    async fn configure(&self, _: Empty, _: &mut Configure) -> Result<()> {
        Ok(())
    }

    fn contents(&self) -> Contents<()> {
        Contents::new()
            .data_source(BrokenData)
            .data_source(OtherData)
    }
}

struct BrokenData;

impl DataSource for BrokenData {
    const NAME: &'static str = "data";
    type Data = ();
    type Model = BrokenModel;

    async fn read(&self, config: BrokenModel, _: &mut Context<()>) -> Result<BrokenModel> {
        Ok(config)
    }
}

struct OtherData;

impl DataSource for OtherData {
    const NAME: &'static str = "other";
    type Data = ();
    type Model = Empty;

    fn schema(&self) -> crate::schema::Schema {
        use crate::schema::{Attribute, Schema};
        Schema::new().with(Attribute::new("b", crate::value::Type::Bool).required())
    }

    async fn read(&self, config: Empty, _: &mut Context<()>) -> Result<Empty> {
        Ok(config)
    }
}

#[tokio::test]
async fn broken_schemas_are_named_and_nothing_else_works() {
    let server = Server::new(Broken, StopToken::new());
    let problems = [
        "data source broken_data: a: required and computed exclude each other",
        "data source broken_other: the schema is object({b = bool}), but the model is object({})",
    ];
    assert_eq!(server.problems(), problems);
    let request = Request::new(proto::get_provider_schema::Request {});
    let response = server
        .get_provider_schema(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(response.diagnostics.len(), 2);
    assert!(Terraform::unconfigured(Broken).is_err());
    let request = proto::read_data_source::Request {
        type_name: "broken_data".to_owned(),
        ..Default::default()
    };
    let response = server
        .read_data_source(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        response.diagnostics[0].summary,
        "The provider has a broken schema"
    );
}

#[tokio::test]
async fn validation_finds_everything_at_once() {
    let (_, terraform) = yard().await;
    let mut boat = terraform.resource("yard_boat");
    let config = json!({
        "name": "titanic", "crew": ["a", "b", "c"], "colour": "red", "key": "short",
        "sail": [{"area": 1}, {"area": UNKNOWN}],
    });
    let found = boat.plan(config).await.unwrap_err();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "warning: Deprecated attribute (at colour): Boats are all grey now.",
            "error: Invalid attribute value (at crew): Attribute crew must have at most 2 elements \
             but has 3.",
            // A secret is not repeated.
            "error: Invalid attribute value (at key): Attribute key must be at least 8 characters \
             long but has 5.",
            "warning: Bad omen (at name): Choose another name.",
        ]
    );
    let bounds = json!({"name": "b", "sail": [{"area": -1}, {"area": 1.5}]});
    let found = boat.plan(bounds).await.unwrap_err();
    let paths: Vec<String> = found.iter().map(|d| d.path.to_string()).collect();
    assert_eq!(paths, ["sail[0].area", "sail[1].area"]);
    let four = json!({"name": "b", "sail": [{"area": 1}, {"area": 1}, {"area": 1}, {"area": 1}]});
    let found = boat.plan(four).await.unwrap_err();
    assert!(found.to_string().contains("No more than 3"), "{found}");
}

#[tokio::test]
async fn a_required_attribute_that_is_null_is_named() {
    let server = server();
    let prepared = server.resource_schema("yard_boat").unwrap();
    let mut config = super::boat("b", 1);
    config.sail = vec![super::Sail { area: 1 }];
    let mut config = config.to_value();
    let area = AttributePath::from("sail").index(0).attribute("area");
    // Terraform sees to the outer ones; an expression can still make an inner one null.
    assert!(config.set_at(&"name".into(), Value::Null) && config.set_at(&area, Value::Null));
    let request = proto::validate_resource_config::Request {
        type_name: "yard_boat".to_owned(),
        config: Some(prepared.encode(&config, "a configuration").unwrap()),
        client_capabilities: None,
    };
    let response = server.validate_resource_config(Request::new(request)).await;
    let diagnostics = response.unwrap().into_inner().diagnostics;
    let missing = diagnostics
        .iter()
        .filter(|d| d.summary == "Missing required argument");
    let steps: Vec<_> = missing
        .map(|d| d.attribute.as_ref().unwrap().steps.len())
        .collect();
    assert_eq!(steps, [1, 3]);
}

#[tokio::test]
async fn write_only_values_are_refused_from_callers_who_would_store_them() {
    let server = server();
    let prepared = server.resource_schema("yard_boat").unwrap();
    let mut config = super::boat("b", 1);
    config.key = Some("a long secret".to_owned());
    config.berth = Attr::Null;
    let request = proto::validate_resource_config::Request {
        type_name: "yard_boat".to_owned(),
        config: Some(
            prepared
                .encode(&config.to_value(), "a configuration")
                .unwrap(),
        ),
        client_capabilities: None,
    };
    let response = server
        .validate_resource_config(Request::new(request))
        .await
        .unwrap();
    let diagnostics = response.into_inner().diagnostics;
    assert_eq!(
        diagnostics[0].summary,
        "Write-only argument cannot be used here"
    );
    // Whatever was secret in the message is masked in the log from now on.
    assert_eq!(logging::masked("key: a long secret"), "key: ***");
}

#[tokio::test]
async fn an_unknown_provider_configuration_is_the_providers_business() {
    let terraform = Terraform::start(Yard::new(), json!({"region": UNKNOWN})).await;
    assert!(terraform.is_ok());
    let error = Terraform::start(Yard::new(), json!({"token": UNKNOWN}))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("(at token)"), "{error}");
    assert!(error.to_string().contains("not known yet"), "{error}");
}

#[tokio::test]
async fn operations_before_configuration_are_refused() {
    let request = proto::import_resource_state::Request {
        type_name: "yard_boat".to_owned(),
        id: "x".to_owned(),
        ..Default::default()
    };
    let response = server()
        .import_resource_state(Request::new(request))
        .await
        .unwrap();
    assert_eq!(
        response.into_inner().diagnostics[0].summary,
        "The provider is not configured"
    );
}

#[tokio::test]
async fn data_sources_have_defaults_and_rules() {
    let (_, terraform) = yard().await;
    let tide = |config| terraform.data("yard_tide", config);
    assert_eq!(
        tide(json!({})).await.unwrap(),
        json!({"hour": 12, "height": 1.2})
    );
    assert_eq!(
        tide(json!({"hour": 1})).await.unwrap(),
        json!({"hour": 1, "height": 0.1})
    );
    let error = tide(json!({"hour": 30})).await.unwrap_err();
    assert_eq!(error.to_string(), "error: No such hour (at hour)");
    let error = tide(json!({"hour": 24})).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("left a value unknown (at height)"),
        "{error}"
    );
}

#[tokio::test]
async fn functions_take_null_unknown_and_variadic_arguments() {
    let terraform = Terraform::unconfigured(Yard::new()).unwrap();
    let sum = async |arguments: serde_json::Value| {
        terraform.call("sum", arguments.as_array().unwrap()).await
    };
    assert_eq!(sum(json!([null, 1])).await, Ok(json!("1")));
    assert_eq!(sum(json!(["kn", 1, 2, 3])).await, Ok(json!("6kn")));
    assert_eq!(sum(json!([null, UNKNOWN, 2])).await, Ok(json!(UNKNOWN)));
    for (arguments, error) in [
        (
            json!([null]),
            FunctionError::new("This function takes 2 arguments or more, not 1."),
        ),
        (
            json!([null, -1]),
            FunctionError::argument(1, "The start is negative."),
        ),
        (
            json!(["furlongs", 1]),
            FunctionError::argument(
                0,
                "Argument unit must be at most 4 characters long but has 8, got \"furlongs\".",
            ),
        ),
        (
            json!([null, 1, 2, 251]),
            FunctionError::argument(3, "Argument numbers must be at most 250, got 251."),
        ),
        (
            json!([null, 1, 2, -3]),
            FunctionError::argument(3, "Argument numbers must be from 0 to 255, got -3."),
        ),
    ] {
        assert_eq!(sum(arguments).await, Err(error));
    }
    let error = terraform.call("panic", &[]).await.unwrap_err();
    assert!(error.to_string().contains("man overboard"), "{error}");
}

#[tokio::test]
async fn write_only_values_are_refused_where_they_stand() {
    let server = server();
    let prepared = server.resource_schema("yard_boat").unwrap();
    let mut config = super::boat("b", 1).to_value();
    config.set_at(&"key".into(), Value::Unknown);
    // Nobody configures what the provider sets.
    config.set_at(&"berth".into(), Value::Null);
    let mut request = proto::validate_resource_config::Request {
        type_name: "yard_boat".to_owned(),
        config: Some(prepared.encode(&config, "a configuration").unwrap()),
        client_capabilities: None,
    };
    let refusal = "Write-only argument cannot be used here";
    for (allowed, expected) in [(false, vec![refusal]), (true, vec![])] {
        request.client_capabilities = Some(proto::ClientCapabilities {
            write_only_attributes_allowed: allowed,
            deferral_allowed: false,
        });
        let validated = server
            .validate_resource_config(Request::new(request.clone()))
            .await;
        let found = validated.unwrap().into_inner().diagnostics;
        let summaries: Vec<_> = found.iter().map(|d| d.summary.as_str()).collect();
        assert_eq!(summaries, expected);
        for diagnostic in found {
            let steps = diagnostic.attribute.unwrap().steps;
            let name = proto::attribute_path::step::Selector::AttributeName("key".to_owned());
            assert_eq!(steps[0].selector, Some(name));
        }
    }
}

#[tokio::test]
async fn state_stores_are_not_offered() {
    let server = server();
    let identities = server
        .get_resource_identity_schemas(Request::new(Default::default()))
        .await
        .unwrap()
        .into_inner();
    assert!(identities.identity_schemas.is_empty() && identities.diagnostics.is_empty());
    let locked = server
        .lock_state(Request::new(proto::lock_state::Request {
            type_name: "yard_safe".to_owned(),
            ..Default::default()
        }))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(locked.diagnostics[0].summary, "No state stores");
    assert!(locked.diagnostics[0].detail.contains("yard_safe"));
    let chunks = server
        .read_state_bytes(Request::new(Default::default()))
        .await
        .unwrap()
        .into_inner();
    let chunks: Vec<_> = futures_util::StreamExt::collect(chunks).await;
    let [Ok(chunk)] = &chunks[..] else {
        panic!("{chunks:?}")
    };
    assert_eq!(chunk.diagnostics[0].summary, "No state stores");
}
