//! What each kind of thing says itself: its own validation after what the schema says, warnings and
//! errors of each operation, panics, and a silence that is an error.

use std::fmt::Write;

use futures_util::StreamExt;

use super::kinds::told;
use crate::prelude::*;
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::DynamicValue;
use crate::server::Server;
use crate::value::{Type, Value, msgpack};
use crate::{Diagnostics, StopToken};

/// What everything here is made of: what is to be said.
#[derive(Model, Clone)]
#[model(rule = rule::conflicting(["when", "also"]))]
struct Speech {
    /// When else; not both.
    #[attr(optional)]
    also: Attr<String>,
    /// What to say, and where.
    #[attr(validate = validate::length(..=11))]
    say: String,
    /// When to say it.
    #[attr(optional)]
    when: Attr<String>,
}

/// Who speaks.
#[derive(Model)]
struct Speaker {
    /// Always `s`.
    name: String,
}

/// The same words in every operation of every kind.
fn speak(say: &str, mut push: impl FnMut(Diagnostic)) -> Result<()> {
    match say {
        "quiet" => Ok(()),
        "warns" => {
            push(Diagnostic::warning("Careful", "It is slippery.").at("say"));
            Ok(())
        }
        "complains" => {
            push(Diagnostic::error("Ouch", "That hurt.").at("say"));
            Ok(())
        }
        "fails" => Err(Diagnostic::error("No", "Not like this.").at("say").into()),
        "warns+fails" => {
            push(Diagnostic::warning("Careful", "It is slippery.").at("say"));
            Err(Diagnostic::error("No", "Not like this.").at("say").into())
        }
        "twice" => {
            push(Diagnostic::warning("Careful", "It is slippery."));
            push(Diagnostic::warning("Careful", "It is slippery."));
            Ok(())
        }
        "gives up" => Err(Diagnostics::new()),
        "only warns" => Err(Diagnostic::warning("Careful", "It is slippery.").into()),
        "panics" => panic!("speechless"),
        other => panic!("nobody says {other}"),
    }
}

const WORDS: [&str; 9] = [
    "quiet",
    "warns",
    "complains",
    "fails",
    "warns+fails",
    "twice",
    "gives up",
    "only warns",
    "panics",
];

/// Speaks in validation where `when` says so, and else in its operations.
fn speak_in_validation(cx: &mut Validation) -> Result<()> {
    let when: Attr<String> = cx.get("when")?;
    let say: Attr<String> = cx.get("say")?;
    match (when.known().as_deref(), say.known()) {
        (Some("validation"), Some(say)) => speak(&say, |said| cx.push(said)),
        _ => Ok(()),
    }
}

struct Speakers;

impl Provider for Speakers {
    const NAME: &'static str = "speakers";
    type Config = Speech;
    type Data = ();

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        speak_in_validation(cx)
    }

    async fn configure(&self, config: Speech, cx: &mut Configure) -> Result<()> {
        speak(&config.say, |said| cx.push(said))
    }

    fn contents(&self) -> Contents<()> {
        Contents::new()
            .identified_resource(All)
            .data_source(All)
            .ephemeral_resource(All)
            .list_resource(All)
            .action(All)
    }
}

struct All;

impl Resource for All {
    const NAME: &'static str = "one";
    type Data = ();
    type Model = Speech;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        speak_in_validation(cx)
    }

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<()>) -> Result<()> {
        let values = match plan.action() {
            ResourceAction::Delete => plan.prior(),
            _ => plan.planned(),
        };
        let say: String = values.get("say")?;
        speak(&say, |said| cx.push(said))
    }

    async fn create(&self, plan: Speech, cx: &mut Apply<()>) -> Result<Speech> {
        speak(&plan.say, |said| cx.push(said))?;
        Ok(plan)
    }

    async fn read(&self, state: Speech, cx: &mut Context<()>) -> Result<Option<Speech>> {
        speak(&state.say, |said| cx.push(said))?;
        Ok(Some(state))
    }

    async fn update(&self, _: Speech, plan: Speech, cx: &mut Apply<()>) -> Result<Speech> {
        speak(&plan.say, |said| cx.push(said))?;
        Ok(plan)
    }

    async fn delete(&self, state: Speech, cx: &mut Context<()>) -> Result<()> {
        speak(&state.say, |said| cx.push(said))
    }

    async fn import(&self, id: &str, cx: &mut Context<()>) -> Result<Speech> {
        speak(id, |said| cx.push(said))?;
        Ok(Speech {
            also: Attr::Null,
            say: id.to_owned(),
            when: Attr::Null,
        })
    }
}

impl Identified for All {
    type Identity = Speaker;

    fn identity(&self, _: &Speech, (): &()) -> Speaker {
        Speaker {
            name: "s".to_owned(),
        }
    }
}

impl DataSource for All {
    const NAME: &'static str = "one";
    type Data = ();
    type Model = Speech;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        speak_in_validation(cx)
    }

    async fn read(&self, config: Speech, cx: &mut Context<()>) -> Result<Speech> {
        speak(&config.say, |said| cx.push(said))?;
        Ok(config)
    }
}

impl EphemeralResource for All {
    const NAME: &'static str = "one";
    type Data = ();
    type Model = Speech;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        speak_in_validation(cx)
    }

    async fn open(&self, config: Speech, cx: &mut Lease<()>) -> Result<Speech> {
        cx.private_mut().set("say", &config.say)?;
        speak(&config.say, |said| cx.push(said))?;
        Ok(config)
    }

    async fn renew(&self, cx: &mut Lease<()>) -> Result<()> {
        let say: Option<String> = cx.private().get("say")?;
        speak(&say.unwrap_or_default(), |said| cx.push(said))
    }

    async fn close(&self, cx: &mut Context<()>) -> Result<()> {
        match cx.private().get::<String>("close")? {
            Some(say) => speak(&say, |said| cx.push(said)),
            None => Ok(()),
        }
    }
}

impl ListResource for All {
    type Resource = All;
    type Config = Speech;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        speak_in_validation(cx)
    }

    async fn list(&self, config: Speech, cx: &mut Listing<All>) -> Result<()> {
        speak(&config.say, |said| cx.push(said))
    }
}

impl Action for All {
    const NAME: &'static str = "one";
    type Data = ();
    type Config = Speech;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        speak_in_validation(cx)
    }

    async fn plan(&self, config: &Values, cx: &mut Context<()>) -> Result<()> {
        let say: String = config.get("say")?;
        speak(&say, |said| cx.push(said))
    }

    async fn invoke(&self, config: Speech, cx: &mut Invocation<()>) -> Result<()> {
        speak(&config.say, |said| cx.push(said))
    }
}

fn speech(say: &str, when: Option<&str>) -> Option<DynamicValue> {
    spoken(say.into(), when.into(), Value::Null)
}

fn spoken(say: Value, when: Value, also: Value) -> Option<DynamicValue> {
    let ty = Type::object(["also", "say", "when"].map(|name| (name, Type::String)));
    packed(
        &Value::object([("also", also), ("say", say), ("when", when)]),
        &ty,
    )
}

fn packed(value: &Value, ty: &Type) -> Option<DynamicValue> {
    let msgpack = msgpack::encode(value, ty).expect("of its type");
    Some(DynamicValue {
        msgpack: msgpack.into(),
        ..Default::default()
    })
}

fn null() -> Option<DynamicValue> {
    packed(&Value::Null, &Type::Bool)
}

fn one() -> String {
    "speakers_one".to_owned()
}

async fn server() -> Server<Speakers> {
    let server = Server::new(Speakers, StopToken::new());
    assert_eq!(server.problems(), [] as [&str; 0]);
    let configured = server.configure(proto::configure_provider::Request {
        config: speech("quiet", None),
        ..Default::default()
    });
    assert_eq!(configured.await.diagnostics, []);
    server
}

/// What is said, and whether there is an answer beside it.
fn with_answer(diagnostics: &[proto::Diagnostic], answer: Option<&DynamicValue>) -> String {
    let answer = match answer {
        None => "nothing",
        Some(answer) if answer.msgpack.as_ref() == b"\xc0" => "null",
        Some(_) => "a value",
    };
    format!("{} ({answer})", severities(diagnostics))
}

/// What is said, with `E` and `W` before errors and warnings.
fn severities(diagnostics: &[proto::Diagnostic]) -> String {
    let each = diagnostics.iter().map(|diagnostic| {
        let mark = match diagnostic.severity() {
            proto::diagnostic::Severity::Error => 'E',
            proto::diagnostic::Severity::Warning => 'W',
            proto::diagnostic::Severity::Invalid => '!',
        };
        format!("{mark} {}", told(std::slice::from_ref(diagnostic)))
    });
    match diagnostics.is_empty() {
        true => "silence".to_owned(),
        false => each.collect::<Vec<_>>().join(" | "),
    }
}

const VALIDATIONS: [&str; 6] = [
    "provider",
    "resource",
    "data",
    "ephemeral",
    "list",
    "action",
];

async fn validated(
    server: &Server<Speakers>,
    kind: &str,
    config: Option<DynamicValue>,
) -> Vec<proto::Diagnostic> {
    let type_name = one();
    match kind {
        "provider" => {
            let request = proto::validate_provider_config::Request { config };
            server.validate_provider(request).await.diagnostics
        }
        "resource" => {
            let request = proto::validate_resource_config::Request {
                type_name,
                config,
                ..Default::default()
            };
            server.validate_resource(request).await.diagnostics
        }
        "data" => {
            let request = proto::validate_data_resource_config::Request { type_name, config };
            server.validate_data_source(request).await.diagnostics
        }
        "ephemeral" => {
            let request = proto::validate_ephemeral_resource_config::Request { type_name, config };
            server.validate_ephemeral(request).await.diagnostics
        }
        "list" => {
            let request = proto::validate_list_resource_config::Request {
                type_name,
                config,
                ..Default::default()
            };
            server.validate_list(request).await.diagnostics
        }
        "action" => {
            let action_type = type_name;
            let request = proto::validate_action_config::Request {
                action_type,
                config,
            };
            server.validate_action(request).await.diagnostics
        }
        other => panic!("{other} has no configuration"),
    }
}

/// `ValidateConfig` of every kind: after the schema's validators, and beside them.
#[tokio::test]
async fn every_kind_has_a_say_in_validation() {
    let server = server().await;
    let mut said = String::new();
    for say in WORDS {
        let of_first = validated(&server, "provider", speech(say, Some("validation"))).await;
        writeln!(said, "{say}: {}", severities(&of_first)).unwrap();
        for kind in VALIDATIONS {
            let found = validated(&server, kind, speech(say, Some("validation"))).await;
            assert_eq!(found, of_first, "{kind} {say}");
            assert_eq!(
                validated(&server, kind, speech(say, None)).await,
                [],
                "{kind}"
            );
        }
    }
    insta::assert_snapshot!("validations", said);
    for kind in VALIDATIONS {
        let found = validated(
            &server,
            kind,
            speech("nobody says this", Some("validation")),
        )
        .await;
        let summaries: Vec<&str> = found.iter().map(|said| said.summary.as_str()).collect();
        assert_eq!(
            summaries,
            ["Invalid attribute value", "The provider panicked"],
            "{kind}"
        );
        // What is not known yet is not asked about.
        let unknown = spoken(Value::Unknown, "validation".into(), Value::Null);
        assert_eq!(validated(&server, kind, unknown).await, [], "{kind}");
    }
}

/// Config validators: of the model, and so of every kind that has it.
#[tokio::test]
async fn rules_hold_for_every_kind() {
    let server = server().await;
    for kind in VALIDATIONS {
        for (when, also, is_refused) in [
            ("now".into(), "then".into(), true),
            ("now".into(), Value::Null, false),
            (Value::Null, "then".into(), false),
            ("now".into(), Value::Unknown, false),
            (Value::Unknown, Value::Unknown, false),
        ] {
            let config = spoken("quiet".into(), when, also);
            let said = severities(&validated(&server, kind, config).await);
            let expected = match is_refused {
                true => {
                    "E Invalid combination of attributes [when] Only one of `when`, `also` can be \
                     set."
                }
                false => "silence",
            };
            assert_eq!(said, expected, "{kind}");
        }
    }
}

/// One call in which the provider speaks.
async fn operated(server: &Server<Speakers>, call: &str, say: &str) -> String {
    match call {
        "import" | "read" | "read data" => looked_up(server, call, say).await,
        "open" | "renew" | "close" => of_ephemeral(server, call, say).await,
        "configure" | "list" | "plan action" | "invoke" => others(server, call, say).await,
        call => changed(server, call, say).await,
    }
}

/// Plans and applies.
async fn changed(server: &Server<Speakers>, call: &str, say: &str) -> String {
    let (type_name, words) = (one(), speech(say, None));
    match call {
        "plan create" | "plan update" | "plan delete" => {
            let (prior_state, config, proposed_new_state) = match call {
                "plan create" => (null(), words.clone(), words),
                "plan update" => (speech("quiet", None), words.clone(), words),
                _ => (words, null(), null()),
            };
            let planned = server.plan(proto::plan_resource_change::Request {
                type_name,
                prior_state,
                proposed_new_state,
                config,
                ..Default::default()
            });
            let planned = planned.await;
            with_answer(&planned.diagnostics, planned.planned_state.as_ref())
        }
        "create" | "update" | "delete" => {
            let (prior_state, config, planned_state) = match call {
                "create" => (null(), words.clone(), words),
                "update" => (speech("quiet", None), words.clone(), words),
                _ => (words, null(), null()),
            };
            let applied = server.apply(proto::apply_resource_change::Request {
                type_name,
                prior_state,
                planned_state,
                config,
                ..Default::default()
            });
            let applied = applied.await;
            with_answer(&applied.diagnostics, applied.new_state.as_ref())
        }
        other => panic!("{other} is no such call"),
    }
}

/// Reads and imports.
async fn looked_up(server: &Server<Speakers>, call: &str, say: &str) -> String {
    let (type_name, words) = (one(), speech(say, None));
    match call {
        "read" => {
            let read = server.read(proto::read_resource::Request {
                type_name,
                current_state: words,
                ..Default::default()
            });
            let read = read.await;
            with_answer(&read.diagnostics, read.new_state.as_ref())
        }
        "import" => {
            let imported = server.import(proto::import_resource_state::Request {
                type_name,
                id: say.to_owned(),
                ..Default::default()
            });
            let imported = imported.await;
            let state = imported.imported_resources.first();
            let state = state.and_then(|imported| imported.state.as_ref());
            with_answer(&imported.diagnostics, state)
        }
        "read data" => {
            let read = server.read_data(proto::read_data_source::Request {
                type_name,
                config: words,
                ..Default::default()
            });
            let read = read.await;
            with_answer(&read.diagnostics, read.state.as_ref())
        }
        other => panic!("{other} is no such call"),
    }
}

/// Opens, renews and closes.
async fn of_ephemeral(server: &Server<Speakers>, call: &str, say: &str) -> String {
    let (type_name, words) = (one(), speech(say, None));
    let private = format!(r#"{{"say":"{}"}}"#, base64(&format!("{say:?}")));
    match call {
        "open" => {
            let opened = server.open_ephemeral(proto::open_ephemeral_resource::Request {
                type_name,
                config: words,
                ..Default::default()
            });
            let opened = opened.await;
            with_answer(&opened.diagnostics, opened.result.as_ref())
        }
        "renew" => {
            let renewed = server.renew_ephemeral(proto::renew_ephemeral_resource::Request {
                type_name,
                private: Some(private.into()),
            });
            severities(&renewed.await.diagnostics)
        }
        "close" => {
            let closed = server.close_ephemeral(proto::close_ephemeral_resource::Request {
                type_name,
                private: Some(private.replace("\"say\"", "\"close\"").into()),
            });
            severities(&closed.await.diagnostics)
        }
        other => panic!("{other} is no such call"),
    }
}

/// What is neither resource nor data source.
async fn others(server: &Server<Speakers>, call: &str, say: &str) -> String {
    let (type_name, words) = (one(), speech(say, None));
    match call {
        "configure" => {
            let other = Server::new(Speakers, StopToken::new());
            let configured = other.configure(proto::configure_provider::Request {
                config: words,
                ..Default::default()
            });
            severities(&configured.await.diagnostics)
        }
        "list" => {
            let events = server.list(proto::list_resource::Request {
                type_name,
                config: words,
                ..Default::default()
            });
            let events: Vec<_> = events.collect().await;
            let said: Vec<_> = events
                .into_iter()
                .flat_map(|event| event.diagnostic)
                .collect();
            severities(&said)
        }
        "plan action" => {
            let planned = server.action_plan(proto::plan_action::Request {
                action_type: type_name,
                config: words,
                ..Default::default()
            });
            severities(&planned.await.diagnostics)
        }
        "invoke" => {
            use proto::invoke_action::event::Type as Event;
            let events = server.invoke(proto::invoke_action::Request {
                action_type: type_name,
                config: words,
                ..Default::default()
            });
            let events: Vec<_> = events.collect().await;
            let [event] = &events[..] else {
                panic!("{events:?}")
            };
            match &event.r#type {
                Some(Event::Completed(completed)) => severities(&completed.diagnostics),
                other => panic!("{other:?}"),
            }
        }
        other => panic!("{other} is no such call"),
    }
}

fn base64(text: &str) -> String {
    use ::base64::Engine;
    ::base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn every_operation_is_heard_as_it_speaks() {
    let server = server().await;
    let mut said = String::new();
    for call in [
        "configure",
        "plan create",
        "plan update",
        "plan delete",
        "create",
        "update",
        "delete",
        "read",
        "import",
        "read data",
        "open",
        "renew",
        "close",
        "list",
        "plan action",
        "invoke",
    ] {
        for say in WORDS {
            writeln!(
                said,
                "{call}, {say}: {}",
                operated(&server, call, say).await
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!("operations", said);
}
