//! Operations that are put off, by the provider as a whole or one by one.

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

async fn import(server: &Server<Port>, id: &str) -> proto::import_resource_state::Response {
    let request = proto::import_resource_state::Request {
        type_name: "port_ship".to_owned(),
        id: id.to_owned(),
        client_capabilities: ALLOWING,
        ..Default::default()
    };
    let imported = server.import_resource_state(Request::new(request)).await;
    imported.unwrap().into_inner()
}

async fn read_depth(
    server: &Server<Port>,
    place: &str,
    meta: Option<&[u8]>,
) -> proto::read_data_source::Response {
    let config = Value::object([("place", Value::from(place)), ("depth", Value::Null)]);
    let prepared = server.data_source_schema("port_depth").unwrap();
    let request = proto::read_data_source::Request {
        type_name: "port_depth".to_owned(),
        config: Some(prepared.encode(&config, "a configuration").unwrap()),
        provider_meta: meta.map(|meta| proto::DynamicValue {
            msgpack: meta.to_vec().into(),
            ..Default::default()
        }),
        client_capabilities: ALLOWING,
    };
    let read = server.read_data_source(Request::new(request)).await;
    read.unwrap().into_inner()
}

async fn plan_horn(server: &Server<Port>, times: Value) -> proto::plan_action::Response {
    let config = Value::object([("times", times), ("secret", Value::Null)]);
    let prepared = server.action_schema("port_horn").unwrap();
    let request = proto::plan_action::Request {
        action_type: "port_horn".to_owned(),
        config: Some(prepared.encode(&config, "a configuration").unwrap()),
        client_capabilities: ALLOWING,
    };
    let planned = server.plan_action(Request::new(request)).await;
    planned.unwrap().into_inner()
}

#[tokio::test]
async fn a_provider_that_is_put_off_puts_off_its_resources() {
    let (server, said) = configured(Value::Unknown, ALLOWING).await;
    assert_eq!(said, []);
    let off = Some(Reason::ProviderConfigUnknown);

    let request = read_request(&server, "anna");
    let read = server.read_resource(Request::new(request.clone())).await;
    let read = read.unwrap().into_inner();
    assert_eq!(reason(read.deferred), off);
    assert_eq!(
        (read.new_state, read.private),
        (request.current_state, request.private)
    );

    let request = plan_request(&server, Value::Null);
    let plan = server
        .plan_resource_change(Request::new(request.clone()))
        .await;
    let plan = plan.unwrap().into_inner();
    assert_eq!(reason(plan.deferred), off);
    assert_eq!(plan.planned_state, request.proposed_new_state);

    let imported = import(&server, "anna").await;
    assert_eq!(reason(imported.deferred), off);
    let prepared = server.resource_schema("port_ship").unwrap();
    let state = prepared.decode(imported.imported_resources[0].state.as_ref(), "the state");
    assert_eq!(state.unwrap(), Value::Unknown);
}

#[tokio::test]
async fn a_provider_that_is_put_off_puts_off_all_else() {
    let (server, _) = configured(Value::Unknown, ALLOWING).await;
    let off = Some(Reason::ProviderConfigUnknown);
    let data = read_depth(&server, "here", None).await;
    assert_eq!(reason(data.deferred), off);
    let action = plan_horn(&server, Value::Unknown).await;
    assert_eq!(reason(action.deferred), off);
    let request = proto::open_ephemeral_resource::Request {
        type_name: "port_pilot".to_owned(),
        client_capabilities: ALLOWING,
        ..Default::default()
    };
    let open = server.open_ephemeral_resource(Request::new(request)).await;
    assert_eq!(reason(open.unwrap().into_inner().deferred), off);
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
    let read = server.read_resource(Request::new(request.clone())).await;
    let read = read.unwrap().into_inner();
    assert_eq!((reason(read.deferred), read.diagnostics), (absent, vec![]));
    assert_eq!(read.new_state, request.current_state);

    let request = plan_request(&server, Value::Unknown);
    let plan = server.plan_resource_change(Request::new(request)).await;
    let plan = plan.unwrap().into_inner();
    assert_eq!(reason(plan.deferred), Some(Reason::ResourceConfigUnknown));
    assert!(plan.planned_state.is_some(), "as far as it is known");

    assert_eq!(reason(import(&server, "late").await.deferred), absent);
    let data = read_depth(&server, "later", None).await;
    assert_eq!((reason(data.deferred), data.diagnostics), (absent, vec![]));
    let action = plan_horn(&server, Value::Unknown).await;
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

/// What the module `cafe` says: a map with one entry, as MessagePack.
const CAFE: &[u8] = b"\x81\xa6module\xa4cafe";

#[tokio::test]
async fn modules_speak_to_resources() {
    let (server, _) = configured("south".into(), None).await;
    let schema = server
        .get_provider_schema(Request::new(proto::get_provider_schema::Request {}))
        .await
        .unwrap()
        .into_inner();
    let meta = schema.provider_meta.unwrap().block.unwrap();
    assert_eq!(meta.attributes[0].name, "module");
    let planned = plan_request(&server, Value::Null);
    let request = proto::apply_resource_change::Request {
        type_name: planned.type_name,
        prior_state: planned.prior_state,
        planned_state: planned.proposed_new_state,
        config: planned.config,
        provider_meta: Some(proto::DynamicValue {
            msgpack: CAFE.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let applied = server.apply_resource_change(Request::new(request)).await;
    let state = applied.unwrap().into_inner().new_state;
    let prepared = server.resource_schema("port_ship").unwrap();
    let state = prepared.decode(state.as_ref(), "the state").unwrap();
    let module = state.as_object().and_then(|state| state.get("module"));
    assert_eq!(module.and_then(Value::as_str), Some("cafe"));
}

#[tokio::test]
async fn modules_speak_to_data_sources() {
    let (server, _) = configured("south".into(), None).await;
    let prepared = server.data_source_schema("port_depth").unwrap();
    for (meta, expected) in [(Some(CAFE), "cafe"), (None, "7")] {
        let data = read_depth(&server, "here", meta).await;
        let data = prepared.decode(data.state.as_ref(), "the data").unwrap();
        let depth = data.as_object().and_then(|data| data.get("depth"));
        assert_eq!(depth.and_then(Value::as_str), Some(expected));
    }
}
