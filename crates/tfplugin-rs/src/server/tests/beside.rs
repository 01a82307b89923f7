//! What comes beside a value, in every state: the identity, private state, `provider_meta`, and what
//! stands for the type's name. Each answer is in a table.

use std::fmt::Write;
use std::sync::Arc;

use super::kinds::told;
use super::mirror::{Mirror, members, members_with_results, nothing};
use crate::StopToken;
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::{DynamicValue, ResourceIdentityData};
use crate::server::Server;
use crate::value::{Type, Value, msgpack};

async fn server() -> Server<Mirror> {
    let server = Server::new(Mirror, StopToken::new());
    let request = proto::configure_provider::Request {
        config: config(),
        ..Default::default()
    };
    assert_eq!(server.configure(request).await.diagnostics, []);
    server
}

fn packed(value: &Value, ty: &Type) -> Option<DynamicValue> {
    let msgpack = msgpack::encode(value, ty).expect("of its type");
    Some(DynamicValue {
        msgpack: msgpack.into(),
        ..Default::default()
    })
}

fn config() -> Option<DynamicValue> {
    let members = members();
    packed(
        &nothing(&members),
        &Type::Object(members.object_type().into()),
    )
}

/// A thing of this name, with its computed attributes in this state.
fn thing(name: &str, computed: &Value) -> Option<DynamicValue> {
    let members = members_with_results();
    let mut thing = nothing(&members);
    assert!(thing.set_at(&"string".into(), name.into()));
    for name in ["kept", "made"] {
        assert!(thing.set_at(&name.into(), computed.clone()));
    }
    packed(&thing, &Type::Object(members.object_type().into()))
}

fn null() -> Option<DynamicValue> {
    packed(&Value::Null, &Type::Bool)
}

/// What may come beside a value.
#[derive(Clone, Default)]
struct Beside {
    identity: Option<ResourceIdentityData>,
    private: &'static [u8],
    meta: Option<DynamicValue>,
    type_name: Option<&'static str>,
}

impl Beside {
    fn type_name(&self) -> String {
        self.type_name.unwrap_or("mirror_thing").to_owned()
    }
}

/// What an answer says of everything that came along.
fn answer(
    diagnostics: &[proto::Diagnostic],
    private: &[u8],
    identity: Option<&ResourceIdentityData>,
) -> String {
    let mut said = String::new();
    if !diagnostics.is_empty() {
        write!(said, "{} ", told(diagnostics)).unwrap();
    }
    let private = String::from_utf8_lossy(private);
    let identity = match identity.map(|identity| identity.identity_data.as_ref()) {
        None => "none".to_owned(),
        Some(None) => "empty".to_owned(),
        Some(Some(data)) => data.msgpack.escape_ascii().to_string(),
    };
    write!(said, "(private {private:?}, identity {identity})").unwrap();
    said
}

/// The calls about one resource, each with the same things beside it.
async fn ask(server: &Server<Mirror>, call: &str, beside: Beside) -> String {
    match call {
        "import" | "read" | "read data" => looked_up(server, call, beside).await,
        "close" | "renew" => of_ephemeral(server, call, beside).await,
        call => changed(server, call, beside).await,
    }
}

/// Plans and applies.
async fn changed(server: &Server<Mirror>, call: &str, beside: Beside) -> String {
    let type_name = beside.type_name();
    let (identity, private) = (beside.identity, beside.private);
    let (there, config) = (thing("n", &"there".into()), thing("n", &Value::Null));
    let unmade = thing("n", &Value::Unknown);
    match call {
        "plan create" | "plan keep" | "plan update" | "plan delete" => {
            let prior_state = match call {
                "plan create" => null(),
                "plan update" => thing("before", &"there".into()),
                _ => there.clone(),
            };
            let (config, proposed_new_state) = match call {
                "plan create" => (config.clone(), config),
                "plan delete" => (null(), null()),
                _ => (config, there),
            };
            let request = proto::plan_resource_change::Request {
                type_name,
                prior_state,
                proposed_new_state,
                config,
                prior_private: private.into(),
                provider_meta: beside.meta,
                prior_identity: identity,
                ..Default::default()
            };
            let planned = server.plan(request).await;
            let (private, identity) = (planned.planned_private, planned.planned_identity);
            answer(&planned.diagnostics, &private, identity.as_ref())
        }
        "apply create" | "apply update" | "apply delete" => {
            let prior_state = match call {
                "apply create" => null(),
                _ => thing("before", &"there".into()),
            };
            let (config, planned_state) = match call {
                "apply delete" => (null(), null()),
                _ => (config, unmade),
            };
            let request = proto::apply_resource_change::Request {
                type_name,
                prior_state,
                planned_state,
                config,
                planned_private: private.into(),
                provider_meta: beside.meta,
                planned_identity: identity,
            };
            let applied = server.apply(request).await;
            let identity = applied.new_identity.as_ref();
            answer(&applied.diagnostics, &applied.private, identity)
        }
        other => panic!("{other} is no such call"),
    }
}

/// Reads and imports.
async fn looked_up(server: &Server<Mirror>, call: &str, beside: Beside) -> String {
    let type_name = beside.type_name();
    let (identity, private) = (beside.identity, beside.private);
    let (there, config) = (thing("n", &"there".into()), thing("n", &Value::Null));
    match call {
        "read" => {
            let request = proto::read_resource::Request {
                type_name,
                current_state: there,
                private: private.into(),
                provider_meta: beside.meta,
                current_identity: identity,
                ..Default::default()
            };
            let read = server.read(request).await;
            answer(&read.diagnostics, &read.private, read.new_identity.as_ref())
        }
        "import" => {
            let request = proto::import_resource_state::Request {
                type_name,
                identity,
                ..Default::default()
            };
            let imported = server.import(request).await;
            match imported.imported_resources.first() {
                Some(one) => answer(&imported.diagnostics, &one.private, one.identity.as_ref()),
                None => told(&imported.diagnostics),
            }
        }
        "read data" => {
            let request = proto::read_data_source::Request {
                type_name,
                config,
                provider_meta: beside.meta,
                ..Default::default()
            };
            answer(&server.read_data(request).await.diagnostics, b"", None)
        }
        other => panic!("{other} is no such call"),
    }
}

/// Renews and closes.
async fn of_ephemeral(server: &Server<Mirror>, call: &str, beside: Beside) -> String {
    let (type_name, private) = (beside.type_name(), beside.private);
    match call {
        "renew" => {
            let request = proto::renew_ephemeral_resource::Request {
                type_name,
                private: Some(private.into()),
            };
            let renewed = server.renew_ephemeral(request).await;
            let private = renewed.private.unwrap_or_default();
            answer(&renewed.diagnostics, &private, None)
        }
        "close" => {
            let request = proto::close_ephemeral_resource::Request {
                type_name,
                private: Some(private.into()),
            };
            answer(
                &server.close_ephemeral(request).await.diagnostics,
                b"",
                None,
            )
        }
        other => panic!("{other} is no such call"),
    }
}

const OF_RESOURCES: [&str; 8] = [
    "plan create",
    "plan keep",
    "plan update",
    "plan delete",
    "apply create",
    "apply update",
    "apply delete",
    "read",
];

/// One line for each call and each thing beside it.
async fn table(calls: &[&str], cases: &[(&str, Beside)]) -> String {
    let server = server().await;
    let mut table = String::new();
    for call in calls {
        for (name, beside) in cases {
            let said = ask(&server, call, beside.clone()).await;
            writeln!(table, "{call}, {name}: {said}").unwrap();
        }
    }
    table
}

/// An identity of these attributes.
fn identity<const N: usize>(attributes: [(&str, Value, Type); N]) -> Beside {
    let ty = Type::object(attributes.iter().map(|(n, _, ty)| (*n, ty.clone())));
    let value = Value::object(attributes.map(|(name, value, _)| (name, value)));
    Beside {
        identity: Some(ResourceIdentityData {
            identity_data: packed(&value, &ty),
        }),
        ..Beside::default()
    }
}

fn identities() -> Vec<(&'static str, Beside)> {
    let name = |value: Value| identity([("name", value, Type::String)]);
    let of = |data: Option<DynamicValue>| Beside {
        identity: Some(ResourceIdentityData {
            identity_data: data,
        }),
        ..Beside::default()
    };
    vec![
        ("none", Beside::default()),
        ("empty", of(None)),
        ("null", of(null())),
        ("its own", name("n".into())),
        ("another's", name("m".into())),
        ("all null", name(Value::Null)),
        ("unknown", name(Value::Unknown)),
        (
            "of another type",
            identity([("name", true.into(), Type::Bool)]),
        ),
        ("without attributes", identity([])),
        (
            "with one too many",
            identity([
                ("name", "n".into(), Type::String),
                ("zone", "z".into(), Type::String),
            ]),
        ),
    ]
}

#[tokio::test]
async fn identities_in_every_state() {
    let mut calls = OF_RESOURCES.to_vec();
    calls.push("import");
    insta::assert_snapshot!("identities", table(&calls, &identities()).await);
}

#[tokio::test]
async fn private_state_in_every_state() {
    let private = |private: &'static [u8]| Beside {
        private,
        ..Beside::default()
    };
    let cases = [
        ("none", private(b"")),
        ("empty object", private(b"{}")),
        // `1` in base64.
        ("a key", private(br#"{"a":"MQ=="}"#)),
        ("a key of the framework", private(br#"{".a":"MQ=="}"#)),
        (
            "imported before",
            private(br#"{".import_before_read":"dHJ1ZQ=="}"#),
        ),
        ("of another kind", private(br#"{"schema_version":"1"}"#)),
        ("not in base64", private(br#"{"a":"?"}"#)),
        ("not JSON inside", private(br#"{"a":"ew=="}"#)),
        ("not JSON", private(b"{")),
        ("a list", private(b"[]")),
        ("not text", private(b"\xff")),
    ];
    let mut calls = OF_RESOURCES.to_vec();
    calls.extend(["renew", "close"]);
    insta::assert_snapshot!("private", table(&calls, &cases).await);
}

#[tokio::test]
async fn provider_meta_in_every_state() {
    let meta = |meta: Option<DynamicValue>| Beside {
        meta,
        ..Beside::default()
    };
    let of = |name: &str, value: Value, ty: Type| {
        let whole = Type::object([(name, ty)]);
        meta(packed(&Value::object([(name.to_owned(), value)]), &whole))
    };
    let cases = [
        ("none", meta(None)),
        ("null", meta(null())),
        ("set", of("name", "n".into(), Type::String)),
        ("unknown inside", of("name", Value::Unknown, Type::String)),
        ("of another type", of("name", true.into(), Type::Bool)),
        ("of other attributes", of("title", "n".into(), Type::String)),
        ("a text", meta(packed(&"n".into(), &Type::String))),
    ];
    let mut calls = OF_RESOURCES.to_vec();
    calls.push("read data");
    insta::assert_snapshot!("meta", table(&calls, &cases).await);
}

#[tokio::test]
async fn names_of_what_is_not_there() {
    let name = |name| Beside {
        type_name: Some(name),
        ..Beside::default()
    };
    let cases = [
        ("no name", name("")),
        ("another name", name("mirror_other")),
        ("without prefix", name("thing")),
        ("in upper case", name("MIRROR_THING")),
    ];
    let mut calls = OF_RESOURCES.to_vec();
    calls.extend(["import", "read data", "renew", "close"]);
    insta::assert_snapshot!("names", table(&calls, &cases).await);
}

#[tokio::test]
async fn calls_before_the_provider_is_configured() {
    let server = Server::new(Mirror, StopToken::new());
    let mut calls = OF_RESOURCES.to_vec();
    calls.extend(["import", "read data", "renew", "close"]);
    for call in calls {
        let beside = Beside {
            private: br#"{"a":"MQ=="}"#,
            ..Beside::default()
        };
        let said = ask(&server, call, beside).await;
        let refusal = "The provider is not configured [] The provider must be configured before it \
                       is asked to do this.";
        assert!(said.starts_with(refusal), "{call}: {said}");
    }
}

/// What a call is answered is its own: nothing of others that run at the same time gets into it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn answers_do_not_depend_on_what_runs_beside() {
    let server = Arc::new(server().await);
    let mut calls = OF_RESOURCES.to_vec();
    calls.extend(["import", "read data", "renew", "close"]);
    let privates: [&[u8]; 4] = [b"", br#"{"a":"MQ=="}"#, br#"{"b":"Mg=="}"#, b"[]"];
    let mut cases = Vec::new();
    for call in calls {
        for (_, beside) in identities() {
            let with = privates.map(|private| Beside {
                private,
                ..beside.clone()
            });
            cases.extend(with.map(|beside| (call, beside)));
        }
    }
    let mut alone = Vec::new();
    for (call, beside) in &cases {
        alone.push(ask(&server, call, beside.clone()).await);
    }
    // Twice each, so that a call also runs beside itself.
    let together = cases.iter().chain(&cases).cloned().map(|(call, beside)| {
        let server = Arc::clone(&server);
        tokio::spawn(async move { ask(&server, call, beside).await })
    });
    let together: Vec<_> = together.collect();
    for (task, ((call, beside), expected)) in
        together.into_iter().zip(cases.iter().zip(&alone).cycle())
    {
        assert_eq!(
            &task.await.unwrap(),
            expected,
            "{call} with {:?}",
            beside.private
        );
    }
}
