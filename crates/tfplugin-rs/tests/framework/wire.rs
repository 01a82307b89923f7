//! Identity, lists and actions over the real handshake, as Terraform 1.14 asks for them.

use std::path::Path;

use tempfile::TempDir;
use tfplugin_rs::proto::tfplugin6 as proto;
use tfplugin_rs::proto::tfplugin6::invoke_action::event::Type as Invoked;
use tfplugin_rs::proto::tfplugin6::provider_client::ProviderClient;
use tfplugin_rs::value::{Number, ObjectType, Type, Value, msgpack};
use tonic::transport::Channel;

use crate::client::Running;
use crate::terraform::program;

/// The lockers provider, configured, with two lockers of which the second is empty.
struct Station {
    running: Running,
    provider: ProviderClient<Channel>,
    directory: TempDir,
}

impl Station {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("locker-1"), "hat").unwrap();
        std::fs::write(directory.path().join("locker-2"), "").unwrap();
        let running = Running::start_program(program("lockers").as_os_str(), &[]).await;
        let mut provider = running.provider().await;
        let config = [("directory", Type::String, text(directory.path()))];
        let request = proto::configure_provider::Request {
            terraform_version: "1.14.0".to_owned(),
            config: Some(encode(config)),
            client_capabilities: None,
        };
        let configured = provider.configure_provider(request).await.unwrap();
        assert_eq!(configured.into_inner().diagnostics, []);
        Self {
            running,
            provider,
            directory,
        }
    }

    async fn end(mut self) {
        let channel = self.running.channel().await;
        self.running.shut_down(channel).await;
        drop(self.provider);
        assert!(self.running.ended().await.success());
    }
}

fn text(path: &Path) -> Value {
    path.display().to_string().into()
}

fn number(number: u32) -> Value {
    Number::from(number).into()
}

/// An object as a message.
fn encode<const N: usize>(attributes: [(&str, Type, Value); N]) -> proto::DynamicValue {
    let types = attributes.iter().map(|(name, ty, _)| (*name, ty.clone()));
    let ty = Type::Object(ObjectType::new(types).into());
    let value = Value::object(attributes.map(|(name, _, value)| (name, value)));
    proto::DynamicValue {
        msgpack: msgpack::encode(&value, &ty).unwrap().into(),
        ..Default::default()
    }
}

fn identity(of: u32) -> proto::ResourceIdentityData {
    proto::ResourceIdentityData {
        identity_data: Some(encode([("number", Type::Number, number(of))])),
    }
}

fn locker(of: u32, luggage: &str) -> proto::DynamicValue {
    encode([
        ("luggage", Type::String, luggage.into()),
        ("number", Type::Number, number(of)),
        ("owner", Type::String, Value::Null),
    ])
}

#[tokio::test]
async fn an_import_by_identity() {
    let mut station = Station::start().await;
    let schemas = station
        .provider
        .get_resource_identity_schemas(proto::get_resource_identity_schemas::Request {})
        .await
        .unwrap()
        .into_inner();
    let attribute = &schemas.identity_schemas["lockers_locker"].identity_attributes[0];
    assert_eq!(
        (attribute.name.as_str(), &*attribute.r#type),
        ("number", &br#""number""#[..])
    );
    assert!(attribute.required_for_import);

    let request = proto::import_resource_state::Request {
        type_name: "lockers_locker".to_owned(),
        identity: Some(identity(1)),
        ..Default::default()
    };
    let imported = station
        .provider
        .import_resource_state(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(imported.diagnostics, []);
    let imported = imported.imported_resources.into_iter().next().unwrap();
    assert_eq!(imported.identity, Some(identity(1)));
    assert_eq!(imported.state, Some(locker(1, "hat")));

    let request = proto::read_resource::Request {
        type_name: "lockers_locker".to_owned(),
        current_state: imported.state,
        private: imported.private,
        current_identity: imported.identity,
        ..Default::default()
    };
    let read = station
        .provider
        .read_resource(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(read.diagnostics, []);
    assert_eq!(read.new_identity, Some(identity(1)));
    assert!(read.private.is_empty());
    station.end().await;
}

#[tokio::test]
async fn a_list_with_a_limit_and_resources() {
    let mut station = Station::start().await;
    for (limit, in_use, expected) in [
        (1, Value::Null, &["Locker 1"][..]),
        (100, Value::Null, &["Locker 1", "Locker 2"]),
        (100, true.into(), &["Locker 1"]),
        (100, false.into(), &["Locker 2"]),
    ] {
        let request = proto::list_resource::Request {
            type_name: "lockers_locker".to_owned(),
            config: Some(encode([("in_use", Type::Bool, in_use)])),
            include_resource_object: true,
            limit,
        };
        let mut events = station
            .provider
            .list_resource(request)
            .await
            .unwrap()
            .into_inner();
        let mut names = Vec::new();
        while let Some(event) = events.message().await.unwrap() {
            assert_eq!(event.diagnostic, []);
            let (of, luggage) = match event.display_name.as_str() {
                "Locker 1" => (1, "hat"),
                _ => (2, ""),
            };
            assert_eq!(event.identity, Some(identity(of)));
            assert_eq!(event.resource_object, Some(locker(of, luggage)));
            names.push(event.display_name);
        }
        assert_eq!(names, expected);
    }
    station.end().await;
}

#[tokio::test]
async fn an_action_with_progress() {
    let mut station = Station::start().await;
    let numbers = Value::list([1, 7, 2].map(number));
    let config = encode([("lockers", Type::list(Type::Number), numbers)]);
    let request = proto::plan_action::Request {
        action_type: "lockers_empty".to_owned(),
        config: Some(config.clone()),
        client_capabilities: None,
    };
    let planned = station
        .provider
        .plan_action(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(planned, proto::plan_action::Response::default());

    let request = proto::invoke_action::Request {
        action_type: "lockers_empty".to_owned(),
        config: Some(config),
        client_capabilities: None,
    };
    let mut events = station
        .provider
        .invoke_action(request)
        .await
        .unwrap()
        .into_inner();
    let mut progress = Vec::new();
    let completed = loop {
        match events.message().await.unwrap().unwrap().r#type.unwrap() {
            Invoked::Progress(said) => progress.push(said.message),
            Invoked::Completed(completed) => break completed,
        }
    };
    assert_eq!(
        progress,
        [
            "emptying locker 1",
            "emptying locker 7",
            "emptying locker 2"
        ]
    );
    assert_eq!(completed.diagnostics[0].summary, "No such locker");
    assert!(events.message().await.unwrap().is_none());
    let locker = std::fs::read_to_string(station.directory.path().join("locker-1"));
    assert_eq!(locker.unwrap(), "");

    station.end().await;
}

#[tokio::test]
async fn a_stop_reaches_actions() {
    let mut station = Station::start().await;
    let stop = proto::stop_provider::Request {};
    station.provider.stop_provider(stop).await.unwrap();
    let numbers = Value::list([1].map(number));
    let request = proto::invoke_action::Request {
        action_type: "lockers_empty".to_owned(),
        config: Some(encode([("lockers", Type::list(Type::Number), numbers)])),
        client_capabilities: None,
    };
    let events = station.provider.invoke_action(request).await.unwrap();
    let mut events = events.into_inner();
    let only = events.message().await.unwrap().unwrap().r#type.unwrap();
    let Invoked::Completed(completed) = only else {
        panic!("{only:?}")
    };
    assert_eq!(completed.diagnostics[0].summary, "Stopped");
    let locker = std::fs::read_to_string(station.directory.path().join("locker-1"));
    assert_eq!(locker.unwrap(), "hat");
    station.end().await;
}

#[tokio::test]
async fn an_ephemeral_resource() {
    let mut station = Station::start().await;
    let config = encode([
        ("code", Type::String, Value::Null),
        ("locker", Type::Number, number(4)),
    ]);
    let request = proto::open_ephemeral_resource::Request {
        type_name: "lockers_key".to_owned(),
        config: Some(config),
        client_capabilities: None,
    };
    let opened = station
        .provider
        .open_ephemeral_resource(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(opened.diagnostics, []);
    assert!(opened.renew_at.is_some());
    let result = [
        ("code", Type::String, "code-of-4".into()),
        ("locker", Type::Number, number(4)),
    ];
    assert_eq!(opened.result, Some(encode(result)));
    let request = proto::renew_ephemeral_resource::Request {
        type_name: "lockers_key".to_owned(),
        private: opened.private,
    };
    let renewed = station
        .provider
        .renew_ephemeral_resource(request)
        .await
        .unwrap()
        .into_inner();
    assert!(renewed.renew_at.is_some());
    let request = proto::close_ephemeral_resource::Request {
        type_name: "lockers_key".to_owned(),
        private: renewed.private,
    };
    let closed = station
        .provider
        .close_ephemeral_resource(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(closed.diagnostics, []);
    let journal = std::fs::read_to_string(station.directory.path().join("journal")).unwrap();
    assert_eq!(journal, "open 4\nrenew 4\nclose 4\n");
    station.end().await;
}

#[tokio::test]
async fn a_state_store_is_refused_before_its_state_is_sent() {
    let mut station = Station::start().await;
    let meta = proto::RequestChunkMeta {
        type_name: "lockers_safe".to_owned(),
        state_id: "default".to_owned(),
    };
    let first = proto::write_state_bytes::RequestChunk {
        meta: Some(meta),
        ..Default::default()
    };
    // The rest never comes.
    let chunks = tokio_stream::StreamExt::chain(
        tokio_stream::once(first),
        tokio_stream::pending::<proto::write_state_bytes::RequestChunk>(),
    );
    let written = station.provider.write_state_bytes(chunks).await.unwrap();
    let diagnostics = written.into_inner().diagnostics;
    assert_eq!(diagnostics[0].summary, "No state stores");
    assert!(
        diagnostics[0].detail.contains("lockers_safe"),
        "{diagnostics:?}"
    );
    station.end().await;
}
