//! Operations that are put off, by the provider as a whole or one by one.

use serde_json::json;
use tonic::Request;

use super::port::Port;
use crate::Diagnostic;
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::deferred::Reason;
use crate::proto::tfplugin6::provider_server::Provider as Service;
use crate::server::Server;
use crate::transport::StopToken;
use crate::value::Value;

const ALLOWING: Option<proto::ClientCapabilities> = Some(proto::ClientCapabilities {
    deferral_allowed: true,
    write_only_attributes_allowed: true,
});

fn reason(deferred: Option<proto::Deferred>) -> Option<Reason> {
    deferred.map(|deferred| deferred.reason())
}

/// A provider that was configured with this region by a caller with these capabilities; what the
/// configuration said.
async fn configured(
    region: Value,
    client_capabilities: Option<proto::ClientCapabilities>,
) -> (Server<Port>, Vec<proto::Diagnostic>) {
    let server = Server::new(Port::default(), StopToken::new());
    let config = Value::object([("region", region)]);
    let config = server
        .provider_schema_entry()
        .encode(&config, "a configuration");
    let request = proto::configure_provider::Request {
        terraform_version: "1.11.4".to_owned(),
        config: Some(config.unwrap()),
        client_capabilities,
    };
    let configured = server.configure_provider(Request::new(request)).await;
    (server, configured.unwrap().into_inner().diagnostics)
}

fn ship(name: &str, flag: Value) -> Value {
    let (module, password) = (Value::Null, Value::Null);
    Value::object([
        ("name", name.into()),
        ("flag", flag),
        ("module", module),
        ("password", password),
    ])
}

fn read_request(server: &Server<Port>, name: &str) -> proto::read_resource::Request {
    let prepared = server.resource_schema("port_ship").unwrap();
    let state = prepared
        .encode(&ship(name, Value::Null), "a state")
        .unwrap();
    proto::read_resource::Request {
        type_name: "port_ship".to_owned(),
        current_state: Some(state),
        private: br#"{"a":"MQ=="}"#.to_vec().into(),
        client_capabilities: ALLOWING,
        ..Default::default()
    }
}

fn plan_request(server: &Server<Port>, flag: Value) -> proto::plan_resource_change::Request {
    let prepared = server.resource_schema("port_ship").unwrap();
    let encode = |value: &Value| Some(prepared.encode(value, "a value").unwrap());
    let config = ship("anna", flag);
    proto::plan_resource_change::Request {
        type_name: "port_ship".to_owned(),
        prior_state: encode(&Value::Null),
        proposed_new_state: encode(&config),
        config: encode(&config),
        client_capabilities: ALLOWING,
        ..Default::default()
    }
}

#[tokio::test]
async fn a_provider_that_is_put_off_puts_off_all_that_is_asked() {
    let (server, said) = configured(Value::Unknown, ALLOWING).await;
    assert_eq!(said, []);
    let off = Some(Reason::ProviderConfigUnknown);

    let request = read_request(&server, "anna");
    let read = server
        .read_resource(Request::new(request.clone()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reason(read.deferred), off);
    assert_eq!(
        (read.new_state, read.private),
        (request.current_state, request.private)
    );

    let request = plan_request(&server, Value::Null);
    let plan = server
        .plan_resource_change(Request::new(request.clone()))
        .await
        .unwrap();
    let plan = plan.into_inner();
    assert_eq!(reason(plan.deferred), off);
    assert_eq!(plan.planned_state, request.proposed_new_state);

    let request = proto::import_resource_state::Request {
        type_name: "port_ship".to_owned(),
        id: "anna".to_owned(),
        client_capabilities: ALLOWING,
        ..Default::default()
    };
    let import = server
        .import_resource_state(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reason(import.deferred), off);
    let prepared = server.resource_schema("port_ship").unwrap();
    let state = prepared.decode(import.imported_resources[0].state.as_ref(), "the state");
    assert_eq!(state.unwrap(), Value::Unknown);

    let request = proto::read_data_source::Request {
        type_name: "port_depth".to_owned(),
        client_capabilities: ALLOWING,
        ..Default::default()
    };
    let data = server
        .read_data_source(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reason(data.deferred), off);

    let request = proto::open_ephemeral_resource::Request {
        type_name: "port_pilot".to_owned(),
        client_capabilities: ALLOWING,
        ..Default::default()
    };
    let open = server
        .open_ephemeral_resource(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reason(open.deferred), off);

    let request = proto::plan_action::Request {
        action_type: "port_horn".to_owned(),
        client_capabilities: ALLOWING,
        ..Default::default()
    };
    let action = server
        .plan_action(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reason(action.deferred), off);
}

#[tokio::test]
async fn applying_is_never_put_off() {
    let (server, _) = configured(Value::Unknown, ALLOWING).await;
    let apply = async |server: &Server<Port>, flag: &str| {
        let planned = plan_request(server, flag.into());
        let request = proto::apply_resource_change::Request {
            type_name: planned.type_name,
            prior_state: planned.prior_state,
            planned_state: planned.proposed_new_state,
            config: planned.config,
            ..Default::default()
        };
        let applied = server.apply_resource_change(Request::new(request)).await;
        applied.unwrap().into_inner().diagnostics[0].summary.clone()
    };
    assert_eq!(apply(&server, "red").await, "The provider is deferred");
    let (server, _) = configured("south".into(), ALLOWING).await;
    let summary = apply(&server, "later").await;
    assert_eq!(summary, "The operation would have to be deferred");
}

#[tokio::test]
async fn callers_that_do_not_know_deferrals_never_see_one() {
    // The provider asks first, and plans with what it has.
    let (server, said) = configured(Value::Unknown, None).await;
    assert_eq!(said, []);
    let mut request = read_request(&server, "late");
    request.client_capabilities = None;
    let read = server
        .read_resource(Request::new(request.clone()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(read.deferred, None);
    assert_eq!(
        read.diagnostics[0].summary,
        "The operation would have to be deferred"
    );
    assert_eq!(read.new_state, request.current_state, "the state is kept");
    let mut request = plan_request(&server, Value::Unknown);
    request.client_capabilities = None;
    let plan = server
        .plan_resource_change(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        plan.diagnostics[0].summary,
        "The operation would have to be deferred"
    );
}

#[tokio::test]
async fn single_operations_are_put_off() {
    let (server, _) = configured("south".into(), ALLOWING).await;
    let absent = Some(Reason::AbsentPrereq);

    let request = read_request(&server, "late");
    let read = server
        .read_resource(Request::new(request.clone()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((reason(read.deferred), read.diagnostics), (absent, vec![]));
    assert_eq!(read.new_state, request.current_state);

    let request = plan_request(&server, Value::Unknown);
    let plan = server
        .plan_resource_change(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reason(plan.deferred), Some(Reason::ResourceConfigUnknown));
    assert!(plan.planned_state.is_some(), "as far as it is known");

    let request = proto::import_resource_state::Request {
        type_name: "port_ship".to_owned(),
        id: "late".to_owned(),
        client_capabilities: ALLOWING,
        ..Default::default()
    };
    let import = server
        .import_resource_state(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reason(import.deferred), absent);

    let encode = |prepared: &crate::server::Prepared, value: Value| {
        Some(prepared.encode(&value, "a configuration").unwrap())
    };
    let place = Value::object([("place", Value::from("later")), ("depth", Value::Null)]);
    let request = proto::read_data_source::Request {
        type_name: "port_depth".to_owned(),
        config: encode(server.data_source_schema("port_depth").unwrap(), place),
        client_capabilities: ALLOWING,
        ..Default::default()
    };
    let data = server
        .read_data_source(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((reason(data.deferred), data.diagnostics), (absent, vec![]));

    let horn = Value::object([("times", Value::Unknown), ("secret", Value::Null)]);
    let request = proto::plan_action::Request {
        action_type: "port_horn".to_owned(),
        config: encode(server.action_schema("port_horn").unwrap(), horn),
        client_capabilities: ALLOWING,
    };
    let action = server
        .plan_action(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reason(action.deferred), Some(Reason::ResourceConfigUnknown));
}

#[tokio::test]
async fn an_operation_that_gives_up_without_a_word_is_an_error() {
    let (server, _) = configured("south".into(), None).await;
    let request = read_request(&server, "speechless");
    let read = server
        .read_resource(Request::new(request.clone()))
        .await
        .unwrap()
        .into_inner();
    let expected = Diagnostic::error("The provider failed", "");
    assert_eq!(read.diagnostics[0].summary, expected.summary);
    assert_eq!(read.new_state, request.current_state);
}

#[tokio::test]
async fn modules_speak_to_the_provider() {
    let (server, _) = configured("south".into(), None).await;
    let schema = server
        .get_provider_schema(Request::new(proto::get_provider_schema::Request {}))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        schema.provider_meta.unwrap().block.unwrap().attributes[0].name,
        "module"
    );
    // A map with one entry, as MessagePack.
    let meta = b"\x81\xa6module\xa4cafe".to_vec();
    let planned = plan_request(&server, Value::Null);
    let request = proto::apply_resource_change::Request {
        type_name: planned.type_name,
        prior_state: planned.prior_state,
        planned_state: planned.proposed_new_state.clone(),
        config: planned.config,
        provider_meta: Some(proto::DynamicValue {
            msgpack: meta.clone().into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let applied = server
        .apply_resource_change(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    let prepared = server.resource_schema("port_ship").unwrap();
    let state = prepared
        .decode(applied.new_state.as_ref(), "the state")
        .unwrap();
    let module = state.as_object().and_then(|state| state.get("module"));
    assert_eq!(module.and_then(Value::as_str), Some("cafe"));

    let depth = Value::object([("place", Value::from("here")), ("depth", Value::Null)]);
    let prepared = server.data_source_schema("port_depth").unwrap();
    let mut request = proto::read_data_source::Request {
        type_name: "port_depth".to_owned(),
        config: Some(prepared.encode(&depth, "a configuration").unwrap()),
        ..Default::default()
    };
    for (meta, expected) in [(Some(meta), json!("cafe")), (None, json!("7"))] {
        request.provider_meta = meta.map(|meta| proto::DynamicValue {
            msgpack: meta.into(),
            ..Default::default()
        });
        let data = server
            .read_data_source(Request::new(request.clone()))
            .await
            .unwrap();
        let data = prepared
            .decode(data.into_inner().state.as_ref(), "the data")
            .unwrap();
        let depth = data.as_object().and_then(|data| data.get("depth"));
        assert_eq!(depth.and_then(Value::as_str), expected.as_str());
    }
}
