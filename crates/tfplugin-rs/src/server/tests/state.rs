//! States from elsewhere: upgrades, moves, imports, refreshes.

use serde_json::json;
use tonic::Request;

use super::{Yard, yard};
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::provider_server::Provider as Service;
use crate::server::Server;
use crate::transport::StopToken;
use crate::value::Object;

#[tokio::test]
async fn an_older_state_is_upgraded_by_the_resource() {
    let (_, terraform) = yard().await;
    let boat = terraform.stored(
        "yard_boat",
        1,
        json!({"title": "old", "rum": 3, "berth": 4}),
    );
    let boat = boat.await.unwrap();
    assert_eq!(boat.state()["name"], "old");
    assert_eq!(boat.state()["berth"], 4);
}

#[tokio::test]
async fn a_state_of_the_same_version_keeps_every_digit_and_loses_old_attributes() {
    let (_, terraform) = yard().await;
    let stored = json!({
        "name": "b", "crew": null, "sail": [{"area": 5, "old": {"x": [1.5]}}], "rum": {"a": "b"},
    });
    let boat = terraform.stored("yard_boat", 2, stored).await.unwrap();
    assert_eq!(boat.state()["sail"], json!([{"area": 5}]));
    assert_eq!(boat.state()["colour"], json!(null));
}

#[tokio::test]
async fn a_default_added_since_is_planned_and_not_assumed() {
    let (_, terraform) = yard().await;
    let stored = json!({"name": "b"});
    let boat = terraform.stored("yard_boat", 2, stored).await.unwrap();
    assert_eq!(boat.state()["flag"], json!(null));
}

#[tokio::test]
async fn states_that_cannot_be_read_say_why() {
    let (_, terraform) = yard().await;
    for (version, state, complaint) in [
        (
            3,
            json!({}),
            "version 3 of the schema, this provider has version 2",
        ),
        (
            2,
            json!({"name": ["x"]}),
            "(at name): name: expected string, found an array",
        ),
        (1, json!({"title": 5, "berth": "x"}), "(at berth)"),
        (2, json!({"sail": [{"area": {}}]}), "(at sail[0].area)"),
    ] {
        let error = terraform
            .stored("yard_boat", version, state)
            .await
            .unwrap_err();
        assert!(error.to_string().contains(complaint), "{error}");
    }
}

#[tokio::test]
async fn what_is_gone_leaves_the_state() {
    let (_, terraform) = yard().await;
    let stored = json!({"name": "gone", "crew": [], "sail": []});
    let mut boat = terraform.stored("yard_boat", 2, stored).await.unwrap();
    assert!(boat.refresh().await.unwrap());
    assert_eq!(boat.state(), json!(null));
}

#[tokio::test]
async fn import_is_refused_where_a_resource_has_none() {
    let (_, terraform) = yard().await;
    let error = terraform.import("yard_boat", "x").await.unwrap_err();
    assert!(
        error.to_string().contains("Import is not supported"),
        "{error}"
    );
}

async fn adopt(source_type: &str, state: &str) -> Result<proto::DynamicValue, String> {
    let server = Server::new(Yard::new(), StopToken::new());
    let request = proto::move_resource_state::Request {
        source_provider_address: "example.com/other/raft".to_owned(),
        source_type_name: source_type.to_owned(),
        source_state: Some(proto::RawState {
            json: state.to_owned().into_bytes().into(),
            ..Default::default()
        }),
        target_type_name: "yard_boat".to_owned(),
        ..Default::default()
    };
    let response = server
        .move_resource_state(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    response
        .target_state
        .ok_or_else(|| response.diagnostics[0].detail.clone())
}

#[tokio::test]
async fn resources_of_other_types_are_adopted_where_known() {
    let server = Server::new(Yard::new(), StopToken::new());
    let prepared = server.resource_schema("yard_boat").unwrap();
    let state = adopt("raft", r#"{"label":"kon"}"#).await.unwrap();
    let state = prepared.decode(Some(&state), "the state").unwrap();
    assert_eq!(
        state.as_object().and_then(|o| o.get("name")?.as_str()),
        Some("kon")
    );
    let refusal = adopt("plank", "{}").await.unwrap_err();
    assert_eq!(
        refusal,
        "yard_boat cannot be made from plank of example.com/other/raft."
    );
    let refusal = adopt("raft", "").await.unwrap_err();
    assert!(refusal.contains("holds no JSON"), "{refusal}");
}

#[tokio::test]
async fn values_that_do_not_fit_the_schema_are_refused() {
    let server = Server::new(Yard::new(), StopToken::new());
    let prepared = server.provider_schema_entry();
    let empty = Object::nulls(&prepared.schema.object_type());
    let empty = prepared.encode(&empty.into(), "a configuration").unwrap();
    let configured = server
        .configure_provider(Request::new(proto::configure_provider::Request {
            config: Some(empty),
            ..Default::default()
        }))
        .await
        .unwrap();
    assert_eq!(configured.into_inner().diagnostics, []);
    for bytes in [&b"\xc1"[..], b"\x81\xa1x\xc0", b"\xdf\xff\xff\xff\xff"] {
        let request = proto::plan_resource_change::Request {
            type_name: "yard_boat".to_owned(),
            config: Some(proto::DynamicValue {
                msgpack: bytes.to_vec().into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let response = server
            .plan_resource_change(Request::new(request))
            .await
            .unwrap();
        let diagnostics = response.into_inner().diagnostics;
        assert_eq!(diagnostics.len(), 1);
        assert_eq!(diagnostics[0].summary, "Could not read the configuration");
    }
}
