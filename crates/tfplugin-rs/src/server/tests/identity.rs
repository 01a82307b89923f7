//! Resource identity, from schema to upgrade.

use serde_json::json;
use tonic::Request;

use super::port::{Port, port};
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::provider_server::Provider as Service;
use crate::server::Server;
use crate::transport::StopToken;
use crate::value::Value;

#[tokio::test]
async fn schemas_say_what_an_import_needs() {
    let server = Server::new(Port::default(), StopToken::new());
    assert_eq!(server.problems(), [] as [&str; 0]);
    let request = proto::get_resource_identity_schemas::Request {};
    let response = server
        .get_resource_identity_schemas(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(response.identity_schemas.len(), 2);
    let ship = &response.identity_schemas["port_ship"];
    assert_eq!(ship.version, 1);
    let attributes: Vec<_> = ship
        .identity_attributes
        .iter()
        .map(|a| {
            (
                a.name.as_str(),
                &*a.r#type,
                a.required_for_import,
                a.optional_for_import,
            )
        })
        .collect();
    assert_eq!(
        attributes,
        [
            ("name", &br#""string""#[..], true, false),
            ("region", br#""string""#, false, true),
        ]
    );
    assert_eq!(ship.identity_attributes[0].description, "Name.");
}

#[tokio::test]
async fn it_follows_the_state_from_creation_to_deletion() {
    let (_, terraform) = port().await;
    let mut ship = terraform.resource("port_ship");
    ship.apply(json!({"name": "anna"})).await.unwrap();
    let identity = json!({"name": "anna", "region": "north"});
    assert_eq!(ship.identity(), identity);
    ship.apply(json!({"name": "anna", "flag": "red"}))
        .await
        .unwrap();
    assert_eq!(ship.identity(), identity);
    ship.destroy().await.unwrap();
    assert_eq!(ship.identity(), json!(null));
}

#[tokio::test]
async fn imports_by_id_and_by_identity() {
    let (_, terraform) = port().await;
    let anna = json!({"name": "anna", "region": "north"});
    let ship = terraform.import("port_ship", "anna").await.unwrap();
    assert_eq!(ship.identity(), anna);
    assert_eq!(
        ship.private(),
        crate::Private::default(),
        "the mark is gone after reading"
    );
    let only_name = json!({"name": "anna"});
    let ship = terraform
        .import_by_identity("port_ship", only_name)
        .await
        .unwrap();
    assert_eq!(ship.identity(), anna);
    assert_eq!(ship.state()["name"], "anna");
    // Reading after an import may find the rest of an identity; any other time it must not change.
    let ship = terraform.import("port_ship", "partial").await.unwrap();
    assert_eq!(ship.identity()["name"], "whole");
    for (identity, complaint) in [
        (
            json!({"name": "anna", "region": "south"}),
            "Another region (at region)",
        ),
        (
            json!({"region": "north"}),
            "Missing required argument (at name)",
        ),
        (json!({"name": "gone"}), "non-existent"),
    ] {
        let imported = terraform.import_by_identity("port_ship", identity).await;
        let error = imported.unwrap_err().to_string();
        assert!(error.contains(complaint), "{error}");
    }
    let imported = terraform
        .import_by_identity("port_raft", json!({"label": "a"}))
        .await;
    let error = imported.unwrap_err().to_string();
    assert!(
        error.contains("Import by identity is not supported"),
        "{error}"
    );
}

#[tokio::test]
async fn it_changes_only_where_it_may() {
    let (_, terraform) = port().await;
    let mut ship = terraform.resource("port_ship");
    ship.apply(json!({"name": "anna"})).await.unwrap();
    let error = ship.apply(json!({"name": "berta"})).await.unwrap_err();
    assert!(
        error.to_string().contains("Unexpected change of identity"),
        "{error}"
    );
    let mut fickle = terraform.resource("port_ship");
    let error = fickle.apply(json!({"name": "fickle"})).await.unwrap_err();
    assert!(
        error.to_string().contains("Unexpected change of identity"),
        "{error}"
    );

    let mut raft = terraform.resource("port_raft");
    raft.apply(json!({"label": "a"})).await.unwrap();
    raft.apply(json!({"label": "b"})).await.unwrap();
    assert_eq!(raft.identity(), json!({"label": "b"}));
    let error = raft.apply(json!({})).await.unwrap_err();
    assert!(error.to_string().contains("Missing identity"), "{error}");
}

#[tokio::test]
async fn a_failed_creation_still_tells_it() {
    let (_, terraform) = port().await;
    let mut ship = terraform.resource("port_ship");
    let config = json!({"name": "anna", "flag": "half"});
    ship.apply(config).await.unwrap_err();
    assert_eq!(ship.identity()["name"], "anna");
    let mut ship = terraform.resource("port_ship");
    let error = ship.apply(json!({"name": "panic"})).await.unwrap_err();
    assert!(
        error.to_string().contains("no identity for a panic"),
        "{error}"
    );
    assert_eq!(
        ship.state()["name"],
        "panic",
        "what was made is not forgotten"
    );
}

async fn upgrade(
    type_name: &str,
    version: i64,
    json: &str,
) -> proto::upgrade_resource_identity::Response {
    let server = Server::new(Port::default(), StopToken::new());
    let request = proto::upgrade_resource_identity::Request {
        type_name: type_name.to_owned(),
        version,
        raw_identity: Some(proto::RawState {
            json: json.to_owned().into_bytes().into(),
            ..Default::default()
        }),
    };
    let upgraded = server
        .upgrade_resource_identity(Request::new(request))
        .await;
    upgraded.unwrap().into_inner()
}

#[tokio::test]
async fn an_older_one_is_upgraded() {
    let response = upgrade("port_ship", 0, r#"{"ship":"anna","extra":1}"#).await;
    assert_eq!(response.diagnostics, []);
    let server = Server::new(Port::default(), StopToken::new());
    let prepared = server.identity_schema("port_ship").unwrap();
    let sent = response.upgraded_identity.unwrap().identity_data;
    let identity = prepared.decode(sent.as_ref(), "the identity").unwrap();
    assert_eq!(
        identity.as_object().unwrap().get("name").unwrap().as_str(),
        Some("anna")
    );
    for (type_name, version, json, complaint) in [
        ("port_ship", 1, "{}", "Identity needs no upgrade"),
        ("port_ship", 2, "{}", "Identity needs no upgrade"),
        ("port_ship", 0, "", "State cannot be read"),
        ("port_ship", 0, "[1]", "Could not read the older state"),
        ("port_raft", -1, "{}", "Identity cannot be upgraded"),
        ("port_tug", 0, "{}", "Unknown resource type"),
    ] {
        let response = upgrade(type_name, version, json).await;
        assert_eq!(response.diagnostics[0].summary, complaint);
        assert_eq!(response.upgraded_identity, None);
    }
}

#[tokio::test]
async fn a_move_hands_everything_of_the_source_through() {
    let server = Server::new(Port::default(), StopToken::new());
    let bytes = |text: &str| text.to_owned().into_bytes().into();
    let raw = |json: &str| proto::RawState {
        json: bytes(json),
        ..Default::default()
    };
    let request = proto::move_resource_state::Request {
        source_provider_address: "example.com/a/raft".to_owned(),
        source_type_name: "raft".to_owned(),
        source_schema_version: 3,
        source_state: Some(raw(r#"{"label":"kon","sail":[1]}"#)),
        target_type_name: "port_ship".to_owned(),
        source_private: bytes(r#"{"logs":"OQ=="}"#),
        source_identity: Some(raw(r#"{"id":7}"#)),
        source_identity_schema_version: 2,
    };
    let moved = server.move_resource_state(Request::new(request)).await;
    let moved = moved.unwrap().into_inner();
    assert_eq!(moved.diagnostics, []);
    let private = crate::Private::from_bytes(&moved.target_private).unwrap();
    assert_eq!(private.get("was").unwrap(), Some((3, Some(9))));
    let identity: Option<(i64, serde_json::Value)> = private.get("identity").unwrap();
    assert_eq!(identity, Some((2, json!({"id": 7}))));
    // The provider is not configured, and the identity is made of its region.
    assert_eq!(moved.target_identity, None);
}

#[tokio::test]
async fn what_is_none_is_refused_before_anything_happens() {
    let server = Server::new(Port::default(), StopToken::new());
    let config = Value::object([("region", Value::from("north"))]);
    let provider = server.provider_schema_entry();
    let configured = proto::configure_provider::Request {
        config: Some(provider.encode(&config, "a configuration").unwrap()),
        ..Default::default()
    };
    server
        .configure_provider(Request::new(configured))
        .await
        .unwrap();
    let garbage = || {
        Some(proto::ResourceIdentityData {
            identity_data: Some(proto::DynamicValue {
                msgpack: b"\xa7garbage".to_vec().into(),
                json: Vec::new().into(),
            }),
        })
    };
    let type_name = || "port_ship".to_owned();
    // Deleting: neither a plan of it nor the deletion itself asks for an identity.
    let plan = proto::plan_resource_change::Request {
        type_name: type_name(),
        prior_identity: garbage(),
        ..Default::default()
    };
    let plan = server.plan_resource_change(Request::new(plan)).await;
    let plan = plan.unwrap().into_inner();
    let apply = proto::apply_resource_change::Request {
        type_name: type_name(),
        planned_identity: garbage(),
        ..Default::default()
    };
    let apply = server.apply_resource_change(Request::new(apply)).await;
    let apply = apply.unwrap().into_inner();
    for diagnostics in [plan.diagnostics, apply.diagnostics] {
        assert_eq!(diagnostics.len(), 1, "{diagnostics:?}");
        assert_eq!(diagnostics[0].summary, "Could not read the identity");
    }
    assert_eq!(plan.planned_identity, None);
}
