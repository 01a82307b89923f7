//! Every call with anything in every place of its request: it is answered, whatever was sent, and
//! what is answered can be taken into a state.

#![expect(clippy::needless_update, reason = "some requests have no other fields")]

use std::sync::LazyLock;

use futures_util::StreamExt;
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::mirror::{Mirror, members, members_with_results, nothing, sample, sample_with_results};
use crate::StopToken;
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::{Diagnostic, DynamicValue, RawState, ResourceIdentityData};
use crate::schema::Members;
use crate::server::Server;
use crate::value::{Type, Value, json, msgpack};

/// What goes into a request. Each call takes what it has places for.
#[derive(Debug, Clone)]
struct Sent {
    type_name: &'static str,
    values: [Option<DynamicValue>; 4],
    identity: Option<ResourceIdentityData>,
    private: Vec<u8>,
    stored: Option<RawState>,
    text: String,
    version: i64,
}

/// What came back, as far as all calls have it.
#[derive(Debug, Default)]
struct Heard {
    diagnostics: Vec<Diagnostic>,
    /// What Terraform would store.
    state: Option<DynamicValue>,
    /// What it would show.
    value: Option<DynamicValue>,
}

fn ty(members: &Members) -> Type {
    Type::Object(members.object_type().into())
}

/// Bytes that are a value, nearly one, or none.
fn bytes() -> BoxedStrategy<Vec<u8>> {
    let (said, made) = (ty(&members()), ty(&members_with_results()));
    let pack = |value: &Value, ty: &Type| msgpack::encode(value, ty).expect("of its type");
    let whole = [
        pack(&nothing(&members()), &said),
        pack(&sample(), &said),
        pack(&nothing(&members_with_results()), &made),
        pack(&sample_with_results(&"there".into()), &made),
        pack(&sample_with_results(&Value::Unknown), &made),
        b"\xc0".to_vec(),
        b"\xd4\0\0".to_vec(),
        json::encode(&sample(), &said).expect("known"),
        json::encode(&sample_with_results(&Value::Null), &made).expect("known"),
    ];
    let whole = prop::sample::select(whole.to_vec());
    let damaged = (
        whole.clone(),
        any::<prop::sample::Index>(),
        any::<u8>(),
        any::<bool>(),
    );
    let damaged = damaged.prop_map(|(mut bytes, at, byte, is_cut)| {
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(if is_cut { at } else { bytes.len() });
        bytes
    });
    prop_oneof![6 => whole, 3 => damaged, 1 => vec(any::<u8>(), 0..12)].boxed()
}

fn value() -> impl Strategy<Value = Option<DynamicValue>> {
    let value = (bytes(), any::<bool>()).prop_map(|(bytes, is_packed)| match is_packed {
        true => DynamicValue {
            msgpack: bytes.into(),
            ..Default::default()
        },
        false => DynamicValue {
            json: bytes.into(),
            ..Default::default()
        },
    });
    prop_oneof![1 => Just(None), 9 => value.prop_map(Some)]
}

fn sent() -> impl Strategy<Value = Sent> {
    let name = prop_oneof![9 => Just("mirror_thing"), 1 => Just("mirror_other")];
    let values = [value(), value(), value(), value()];
    let private = prop_oneof![
        Just(Vec::new()),
        Just(br#"{"a":"MQ=="}"#.to_vec()),
        Just(br#"{".import_before_read":"dHJ1ZQ=="}"#.to_vec()),
        bytes(),
    ];
    let stored = bytes().prop_map(|json| RawState {
        json: json.into(),
        ..Default::default()
    });
    let version = prop_oneof![Just(0), Just(1), Just(2), any::<i64>()];
    let beside = (private, prop::option::of(stored), "\\PC{0,8}", version);
    (name, values, prop::option::of(value()), beside).prop_map(
        |(type_name, values, identity, (private, stored, text, version))| Sent {
            type_name,
            values,
            identity: identity.map(|identity_data| ResourceIdentityData { identity_data }),
            private,
            stored,
            text,
            version,
        },
    )
}

/// A request with these fields, and what is heard of the answer to it.
macro_rules! ask {
    ($server:ident.$method:ident($module:ident { $($field:ident: $value:expr),* $(,)? })
        $(, state: $state:ident)? $(, value: $shown:ident)?) => {{
        let answer = $server.$method(proto::$module::Request {
            $($field: $value,)*
            ..Default::default()
        });
        let answer = answer.await;
        Heard {
            diagnostics: answer.diagnostics,
            $(state: answer.$state,)?
            $(value: answer.$shown,)?
            ..Heard::default()
        }
    }};
}

type Served = Server<Mirror>;

async fn validated(server: &Served, sent: Sent, call: usize) -> Heard {
    let (type_name, [config, ..]) = (sent.type_name.to_owned(), sent.values);
    match call {
        0 => ask!(server.validate_provider(validate_provider_config { config: config })),
        1 => ask!(server.validate_resource(validate_resource_config {
            type_name: type_name,
            config: config,
        })),
        2 => ask!(server.validate_data_source(validate_data_resource_config {
            type_name: type_name,
            config: config,
        })),
        3 => ask!(
            server.validate_ephemeral(validate_ephemeral_resource_config {
                type_name: type_name,
                config: config,
            })
        ),
        4 => ask!(server.validate_list(validate_list_resource_config {
            type_name: type_name,
            config: config,
        })),
        _ => ask!(server.validate_action(validate_action_config {
            action_type: type_name,
            config: config,
        })),
    }
}

async fn of_a_resource(server: &Served, sent: Sent, call: usize) -> Heard {
    let (type_name, [config, prior, planned, meta]) = (sent.type_name.to_owned(), sent.values);
    match call {
        0 => ask!(server.plan(plan_resource_change {
            type_name: type_name,
            config: config,
            prior_state: prior,
            proposed_new_state: planned,
            prior_private: sent.private.into(),
            provider_meta: meta,
            prior_identity: sent.identity,
        }), value: planned_state),
        1 => ask!(server.apply(apply_resource_change {
            type_name: type_name,
            config: config,
            prior_state: prior,
            planned_state: planned,
            planned_private: sent.private.into(),
            provider_meta: meta,
            planned_identity: sent.identity,
        }), state: new_state),
        2 => ask!(server.read(read_resource {
            type_name: type_name,
            current_state: prior,
            private: sent.private.into(),
            provider_meta: meta,
            current_identity: sent.identity,
        }), state: new_state),
        3 => ask!(server.upgrade(upgrade_resource_state {
            type_name: type_name,
            version: sent.version,
            raw_state: sent.stored,
        }), state: upgraded_state),
        4 => ask!(server.adopt(move_resource_state {
            source_type_name: sent.text,
            source_schema_version: sent.version,
            source_state: sent.stored,
            target_type_name: type_name,
            source_private: sent.private.into(),
        }), state: target_state),
        5 => ask!(server.generate(generate_resource_config {
            type_name: type_name,
            state: prior,
        }), value: config),
        6 => ask!(server.upgrade_identity(upgrade_resource_identity {
            type_name: type_name,
            version: sent.version,
            raw_identity: sent.stored,
        })),
        _ => {
            let mut answer = server
                .import(proto::import_resource_state::Request {
                    type_name,
                    id: sent.text,
                    identity: sent.identity,
                    ..Default::default()
                })
                .await;
            Heard {
                diagnostics: answer.diagnostics,
                state: answer.imported_resources.pop().and_then(|one| one.state),
                value: None,
            }
        }
    }
}

async fn of_the_rest(server: &Served, sent: Sent, call: usize) -> Heard {
    let (type_name, [config, meta, ..]) = (sent.type_name.to_owned(), sent.values);
    match call {
        0 => ask!(server.configure(configure_provider { config: config })),
        1 => ask!(server.read_data(read_data_source {
            type_name: type_name,
            config: config,
            provider_meta: meta,
        }), state: state),
        2 => ask!(server.open_ephemeral(open_ephemeral_resource {
            type_name: type_name,
            config: config,
        }), state: result),
        3 => ask!(server.renew_ephemeral(renew_ephemeral_resource {
            type_name: type_name,
            private: Some(sent.private.into()),
        })),
        4 => ask!(server.close_ephemeral(close_ephemeral_resource {
            type_name: type_name,
            private: Some(sent.private.into()),
        })),
        5 => ask!(server.action_plan(plan_action {
            action_type: type_name,
            config: config,
        })),
        6 => {
            let events = server.list(proto::list_resource::Request {
                type_name,
                config,
                include_resource_object: true,
                limit: sent.version,
            });
            let events: Vec<_> = events.collect().await;
            Heard {
                diagnostics: events.iter().flat_map(|e| e.diagnostic.clone()).collect(),
                state: events.into_iter().find_map(|event| event.resource_object),
                value: None,
            }
        }
        _ => {
            use proto::invoke_action::event::Type as Told;
            let events = server.invoke(proto::invoke_action::Request {
                action_type: type_name,
                config,
                ..Default::default()
            });
            let events: Vec<_> = events
                .filter_map(async |event| event.r#type)
                .collect()
                .await;
            let Some(Told::Completed(completed)) = events.into_iter().last() else {
                panic!("an action ends with its completion")
            };
            Heard {
                diagnostics: completed.diagnostics,
                ..Heard::default()
            }
        }
    }
}

/// One server for all cases, as one process is for all of Terraform's calls.
static SERVER: LazyLock<(Runtime, Served)> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    let server = Server::new(Mirror, StopToken::new());
    let config = msgpack::encode(&nothing(&members()), &ty(&members())).expect("of its type");
    let answer = runtime.block_on(server.configure(proto::configure_provider::Request {
        config: Some(DynamicValue {
            msgpack: config.into(),
            ..Default::default()
        }),
        ..Default::default()
    }));
    assert_eq!(answer.diagnostics, []);
    (runtime, server)
});

/// The type of what a call answers: data sources and ephemeral resources have what resources have.
fn answered(value: &DynamicValue, of: &Members) -> Result<Value, TestCaseError> {
    let decoded = match value.msgpack.is_empty() {
        false => msgpack::decode(&value.msgpack, &ty(of)),
        true => json::decode(&value.json, &ty(of)),
    };
    decoded.map_err(|error| TestCaseError::fail(format!("{error} in {value:?}")))
}

/// What holds for every answer.
fn check(sent: &Sent, heard: &Heard, may_echo: bool) -> Result<(), TestCaseError> {
    let is_error = |told: &Diagnostic| told.severity() == proto::diagnostic::Severity::Error;
    for told in &heard.diagnostics {
        prop_assert!(
            !told.summary.is_empty() && !told.summary.contains("panic"),
            "{:?}",
            told
        );
    }
    let failed = heard.diagnostics.iter().any(is_error);
    if let Some(state) = &heard.state {
        // Beside an error the state before is handed back as it came, even if nobody can read it.
        if !(failed && may_echo && sent.values.iter().flatten().any(|value| value == state)) {
            let state = answered(state, &members_with_results())?;
            prop_assert!(state.is_wholly_known(), "{:?}", state);
        }
    }
    if let Some(value) = &heard.value {
        prop_assert!(!failed, "{:?} beside {:?}", value, heard.diagnostics);
        answered(value, &members_with_results())?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn validations_are_answered(sent in sent(), call in 0..6_usize) {
        let (runtime, server) = &*SERVER;
        check(&sent, &runtime.block_on(validated(server, sent.clone(), call)), false)?;
    }

    #[test]
    fn calls_about_resources_are_answered(sent in sent(), call in 0..8_usize) {
        let (runtime, server) = &*SERVER;
        check(&sent, &runtime.block_on(of_a_resource(server, sent.clone(), call)), call == 1 || call == 2)?;
    }

    #[test]
    fn all_other_calls_are_answered(sent in sent(), call in 0..8_usize) {
        let (runtime, server) = &*SERVER;
        check(&sent, &runtime.block_on(of_the_rest(server, sent.clone(), call)), false)?;
    }
}
