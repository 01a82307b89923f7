//! GenerateResourceConfig.

use serde_json::json;
use tonic::Request;

use crate::model::Field;
use crate::prelude::*;
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::provider_server::Provider as Service;
use crate::server::Server;

struct Attic;

#[derive(Model)]
struct Empty {}

impl Provider for Attic {
    const NAME: &'static str = "attic";
    type Config = Empty;
    type Data = ();

    async fn configure(&self, _: Empty, _: &mut Configure) -> Result<()> {
        Ok(())
    }

    fn contents(&self) -> Contents<()> {
        Contents::new().resource(Chest)
    }
}

/// A chest.
#[derive(Model)]
struct ChestModel {
    /// Id.
    #[attr(optional, computed)]
    id: Attr<String>,
    /// Label.
    label: String,
    /// Note.
    note: Option<String>,
    /// Weight.
    weight: Attr<u32>,
    /// Colour.
    #[attr(deprecated = "All are brown.")]
    colour: Option<String>,
    /// Size.
    #[attr(default = 3)]
    size: u32,
    /// Things by shelf.
    things: Option<std::collections::BTreeMap<String, Thing>>,
    /// Locks.
    #[block]
    lock: std::collections::BTreeSet<Thing>,
    /// Hinges.
    #[block(deprecated = "They are always there.")]
    hinge: Vec<Thing>,
    /// Handles by side.
    #[block(deprecated = "They are always there.")]
    handle: std::collections::BTreeMap<String, Thing>,
}

/// A thing.
#[derive(Model, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Thing {
    /// Name.
    name: Option<String>,
    /// Id.
    #[attr(optional, computed)]
    id: Attr<String>,
    /// Serial number.
    serial: Attr<u32>,
}

impl Thing {
    fn new(name: &str) -> Self {
        Self {
            name: Some(name.to_owned()),
            id: Attr::Known("7".to_owned()),
            serial: Attr::Known(1),
        }
    }
}

struct Chest;

impl Resource for Chest {
    const NAME: &'static str = "chest";
    type Data = ();
    type Model = ChestModel;

    async fn create(&self, plan: ChestModel, _: &mut Apply<()>) -> Result<ChestModel> {
        Ok(plan)
    }

    async fn read(&self, state: ChestModel, _: &mut Context<()>) -> Result<Option<ChestModel>> {
        Ok(Some(state))
    }

    async fn update(
        &self,
        _: ChestModel,
        plan: ChestModel,
        _: &mut Apply<()>,
    ) -> Result<ChestModel> {
        Ok(plan)
    }

    async fn delete(&self, _: ChestModel, _: &mut Context<()>) -> Result<()> {
        Ok(())
    }
}

async fn generate(state: &crate::value::Value) -> proto::generate_resource_config::Response {
    let server = Server::new(Attic, StopToken::new());
    let prepared = server.resource_schema("attic_chest").unwrap();
    let request = proto::generate_resource_config::Request {
        type_name: "attic_chest".to_owned(),
        state: Some(prepared.encode(state, "a state").unwrap()),
    };
    let generated = server.generate_resource_config(Request::new(request)).await;
    generated.unwrap().into_inner()
}

#[tokio::test]
async fn what_the_provider_sets_and_what_says_nothing_is_left_out() {
    let state = ChestModel {
        id: Attr::Known("c-1".to_owned()),
        label: String::new(),
        note: Some(String::new()),
        weight: Attr::Known(9),
        colour: Some("red".to_owned()),
        size: 3,
        things: Some([("top".to_owned(), Thing::new("hat"))].into()),
        lock: [Thing::new("iron")].into(),
        hinge: vec![Thing::new("left")],
        handle: [("left".to_owned(), Thing::new("brass"))].into(),
    };
    let response = generate(&state.to_value()).await;
    assert_eq!(response.diagnostics, []);
    let server = Server::new(Attic, StopToken::new());
    let prepared = server.resource_schema("attic_chest").unwrap();
    let config = prepared
        .decode(response.config.as_ref(), "the configuration")
        .unwrap();
    let json = crate::value::json::encode(&config, &prepared.ty).unwrap();
    let thing = |name: &str| json!({"name": name, "id": "7", "serial": null});
    let expected = json!({
        "id": null, "label": "", "note": null, "weight": null, "colour": null, "size": 3,
        "things": {"top": thing("hat")}, "lock": [thing("iron")], "hinge": [],
        "handle": {},
    });
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json, expected);
}

#[tokio::test]
async fn without_a_state_there_is_nothing_to_generate_from() {
    let response = generate(&crate::value::Value::Null).await;
    assert_eq!(response.diagnostics[0].summary, "Nothing to generate from");
    assert_eq!(response.config, None);
}
