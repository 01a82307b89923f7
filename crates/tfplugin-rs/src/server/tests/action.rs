//! Actions.

use futures_util::StreamExt;
use serde_json::json;
use tonic::Request;

use super::port::{Port, port};
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::invoke_action::event::Type;
use crate::proto::tfplugin6::provider_server::Provider as Service;
use crate::server::Server;
use crate::testing::{Terraform, UNKNOWN};
use crate::value::{Number, Value};

#[tokio::test]
async fn progress_is_told_and_write_only_values_arrive() {
    let (seen, terraform) = port().await;
    let invoked = terraform
        .invoke("port_horn", json!({"times": 3, "secret": "s"}))
        .await
        .unwrap();
    assert_eq!(invoked.progress, ["toot 1", "toot 2", "toot 3"]);
    assert!(invoked.warnings.is_empty());
    assert_eq!(seen.seen(), [r#"3 toots, Some("s")"#]);
    // More lines than may wait for their reader.
    let invoked = terraform
        .invoke("port_horn", json!({"times": 50}))
        .await
        .unwrap();
    assert_eq!(invoked.progress.len(), 50);
    assert_eq!(
        invoked.warnings.to_string(),
        "warning: Noise: The neighbours."
    );
}

#[tokio::test]
async fn what_goes_wrong_is_told() {
    let (_, terraform) = port().await;
    for (config, complaint) in [
        (json!({"times": 0}), "error: Silence (at times)"),
        (json!({"times": -1}), "(at times)"),
        (json!({"times": 13}), "error: Broken horn (at times)"),
        (json!({"times": 67}), "burst"),
        (json!({"times": UNKNOWN}), "would have to be deferred"),
    ] {
        let error = terraform.invoke("port_horn", config).await.unwrap_err();
        assert!(error.to_string().contains(complaint), "{error}");
    }
    let error = terraform.invoke("port_bell", json!({})).await.unwrap_err();
    assert!(error.to_string().contains("Unknown action type"), "{error}");
}

fn endless(server: &Server<Port>) -> Request<proto::invoke_action::Request> {
    let times = Value::Number(Number::from(99_u32));
    let config = Value::object([("secret", Value::Null), ("times", times)]);
    let prepared = server.action_schema("port_horn").unwrap();
    Request::new(proto::invoke_action::Request {
        action_type: "port_horn".to_owned(),
        config: Some(prepared.encode(&config, "a configuration").unwrap()),
        client_capabilities: None,
    })
}

#[tokio::test]
async fn a_stop_ends_an_action_in_its_own_way() {
    let (_, terraform) = port().await;
    let server = &terraform.server;
    let mut events = server
        .invoke_action(endless(server))
        .await
        .unwrap()
        .into_inner();
    let first = events.next().await.unwrap().unwrap();
    assert!(matches!(first.r#type, Some(Type::Progress(_))), "{first:?}");
    terraform.interrupt().await.unwrap();
    let last = events.next().await.unwrap().unwrap();
    let Some(Type::Completed(completed)) = last.r#type else {
        panic!("{last:?}")
    };
    assert_eq!(completed.diagnostics[0].summary, "Stopped");
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_caller_that_hangs_up_stops_it_without_cutting_it_off() {
    let (seen, terraform) = port().await;
    let server = &terraform.server;
    let mut events = server
        .invoke_action(endless(server))
        .await
        .unwrap()
        .into_inner();
    events.next().await.unwrap().unwrap();
    drop(events);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    let mut told = Vec::new();
    while told.is_empty() && tokio::time::Instant::now() < deadline {
        tokio::task::yield_now().await;
        told = seen.seen();
    }
    assert_eq!(told, ["stopped"]);
    // The provider as a whole goes on.
    assert!(
        terraform
            .invoke("port_horn", json!({"times": 1}))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn an_invocation_needs_a_configured_provider() {
    let terraform = Terraform::unconfigured(Port::default()).unwrap();
    let server = &terraform.server;
    let events = server
        .invoke_action(endless(server))
        .await
        .unwrap()
        .into_inner();
    let events: Vec<_> = events.collect().await;
    let [Ok(event)] = &events[..] else {
        panic!("{events:?}")
    };
    let Some(Type::Completed(completed)) = &event.r#type else {
        panic!("{event:?}")
    };
    assert_eq!(
        completed.diagnostics[0].summary,
        "The provider is not configured"
    );
}
