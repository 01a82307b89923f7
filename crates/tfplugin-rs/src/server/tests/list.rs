//! List resources.

use serde_json::json;
use tonic::Request;

use super::port::{PortConfig, Quay, Ship, Ships, port};
use crate::prelude::*;
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::provider_server::Provider as Service;
use crate::server::Server;

#[tokio::test]
async fn results_come_with_identity_name_and_resource() {
    let (_, terraform) = port().await;
    let found = terraform
        .list("port_ship", json!({"prefix": "a"}), 100, true)
        .await
        .unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].display_name, "ANNA");
    assert_eq!(
        found[0].identity,
        json!({"name": "anna", "region": "north"})
    );
    let state = json!({"name": "anna", "flag": null, "password": null, "module": null});
    assert_eq!(found[0].resource, Some(state));
    assert!(found[0].diagnostics.is_empty());
    // What the listing as a whole had to say comes last.
    assert_eq!(found[1].identity, json!(null));
    assert_eq!(
        found[1].diagnostics.to_string(),
        "warning: Low tide: There may be more."
    );
}

#[tokio::test]
async fn resources_are_sent_only_on_request() {
    let (_, terraform) = port().await;
    let found = terraform
        .list("port_ship", json!({"prefix": "a"}), 100, false)
        .await;
    assert_eq!(found.unwrap()[0].resource, None);
    let found = terraform
        .list("port_ship", json!({"prefix": "c"}), 100, true)
        .await
        .unwrap();
    assert_eq!(
        found[0].diagnostics.to_string(),
        "warning: Leaks: A little.\n\
         warning: Incomplete result: Only the identity of \"CARLA\" was found."
    );
}

#[tokio::test]
async fn the_limit_ends_the_listing() {
    let (seen, terraform) = port().await;
    for (limit, names) in [
        (1, &["ANNA"][..]),
        (2, &["ANNA", "BERTA"]),
        (0, &["ANNA", "BERTA", "CARLA", "PANIC"]),
    ] {
        let found = terraform
            .list("port_ship", json!({}), limit, false)
            .await
            .unwrap();
        let listed = found.iter().map(|found| found.display_name.as_str());
        let listed: Vec<_> = listed.filter(|name| !name.is_empty()).collect();
        assert_eq!(listed, names);
    }
    // Nothing was looked at behind the first that was too many.
    assert_eq!(seen.seen()[..2], ["anna", "berta"]);
}

#[tokio::test]
async fn one_failure_does_not_hide_the_rest() {
    let (_, terraform) = port().await;
    let found = terraform
        .list("port_ship", json!({"prefix": "b"}), 100, false)
        .await
        .unwrap();
    assert_eq!(found[0].display_name, "BERTA");
    assert_eq!(
        found[1].diagnostics.to_string(),
        "error: Cannot look at it: It is foggy."
    );
    let found = terraform
        .list("port_ship", json!({"prefix": "panic"}), 9, false)
        .await
        .unwrap();
    assert!(
        found[0].diagnostics.to_string().contains("all hands"),
        "{found:?}"
    );
}

#[tokio::test]
async fn configurations_are_validated() {
    let (_, terraform) = port().await;
    let config = json!({"prefix": "much too long"});
    let error = terraform
        .list("port_ship", config, 1, false)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("(at prefix)"), "{error}");
    let response = terraform
        .server
        .list_resource(Request::new(proto::list_resource::Request {
            type_name: "port_raft".to_owned(),
            ..Default::default()
        }))
        .await
        .unwrap();
    let events: Vec<_> = futures_util::StreamExt::collect(response.into_inner()).await;
    let [Ok(event)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(event.diagnostic[0].summary, "Unknown list resource type");
}

#[tokio::test]
async fn a_caller_that_hangs_up_ends_the_listing() {
    let (seen, terraform) = port().await;
    let prepared = terraform.server.list_resource_schema("port_ship").unwrap();
    let config = crate::value::Value::object([("prefix", crate::value::Value::Null)]);
    let request = proto::list_resource::Request {
        type_name: "port_ship".to_owned(),
        config: Some(prepared.encode(&config, "a configuration").unwrap()),
        ..Default::default()
    };
    let events = terraform
        .server
        .list_resource(Request::new(request))
        .await
        .unwrap();
    drop(events);
    assert!(
        seen.seen().is_empty(),
        "nobody has read, so nothing was looked at"
    );
}

/// Lists what it offers without an identity.
struct Careless;

impl Provider for Careless {
    const NAME: &'static str = "port";
    type Config = PortConfig;
    type Data = Quay;

    async fn configure(&self, _: PortConfig, _: &mut Configure) -> Result<Quay> {
        Err(Diagnostic::error("Not needed", "").into())
    }

    fn contents(&self) -> Contents<Quay> {
        Contents::new().resource(Ship).list_resource(Ships)
    }
}

#[test]
fn what_is_listed_must_be_offered_with_its_identity() {
    let server = Server::new(Careless, StopToken::new());
    assert_eq!(
        server.problems(),
        ["list resource port_ship: the provider offers no identified_resource of this name"]
    );
}
