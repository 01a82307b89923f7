//! Every call with every kind of member in every state: null, unknown, as it should be, of another
//! type, missing, and with something beside it. Each answer is in a table.

use std::fmt::Write;

use futures_util::StreamExt;

use super::mirror::{Mirror, members, members_with_results, nothing, sample, sample_with_results};
use crate::StopToken;
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::DynamicValue;
use crate::proto::tfplugin6::attribute_path::step::Selector;
use crate::schema::Members;
use crate::server::Server;
use crate::value::{Object, Type, Value, json, msgpack};

/// What is done to one member of a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Null,
    Unknown,
    Set,
    OtherType,
    Missing,
    Surplus,
}

const STATES: [State; 6] = [
    State::Null,
    State::Unknown,
    State::Set,
    State::OtherType,
    State::Missing,
    State::Surplus,
];

/// A value and the type by which it goes on the wire, right or wrong.
struct Sent {
    value: Value,
    ty: Type,
}

impl Sent {
    /// `whole` with `member` in this state.
    fn new(members: &Members, whole: &Value, member: &str, state: State) -> Self {
        let object = whole.as_object().expect("an object");
        let types = members.object_type();
        let mut attributes: Vec<(String, Value, Type)> = object
            .iter()
            .map(|(name, value)| {
                let ty = types.attribute(name).expect("of the same members");
                (name.to_owned(), value.clone(), ty.clone())
            })
            .collect();
        let at = attributes.iter().position(|(name, ..)| name == member);
        let at = at.expect("a member");
        match state {
            State::Set => {}
            State::Null => attributes[at].1 = Value::Null,
            State::Unknown => attributes[at].1 = Value::Unknown,
            State::OtherType => {
                // Neither a bool nor a list of them is what any of the others is.
                let other = match attributes[at].2 {
                    Type::Bool => (Value::list([true]), Type::list(Type::Bool)),
                    _ => (true.into(), Type::Bool),
                };
                (attributes[at].1, attributes[at].2) = other;
            }
            State::Missing => drop(attributes.remove(at)),
            State::Surplus => {
                let name = format!("{member}_too");
                attributes.push((name, true.into(), Type::Bool));
            }
        }
        let types = attributes.iter().map(|(name, _, ty)| (&**name, ty.clone()));
        let ty = Type::object(types);
        let values = attributes.into_iter().map(|(name, value, _)| (name, value));
        let value = Value::Object(values.collect::<Object>());
        Self { value, ty }
    }

    fn packed(&self) -> Option<DynamicValue> {
        let msgpack = msgpack::encode(&self.value, &self.ty).expect("of its type");
        Some(DynamicValue {
            msgpack: msgpack.into(),
            ..Default::default()
        })
    }

    /// As stored; there is no JSON of what is unknown.
    fn stored(&self) -> Option<proto::RawState> {
        let json = json::encode(&self.value, &self.ty).ok()?;
        Some(proto::RawState {
            json: json.into(),
            ..Default::default()
        })
    }
}

/// What was said, a line each.
pub(super) fn told(diagnostics: &[proto::Diagnostic]) -> String {
    let line = |diagnostic: &proto::Diagnostic| {
        let steps = diagnostic.attribute.iter().flat_map(|path| &path.steps);
        let steps: Vec<String> = steps
            .map(|step| match &step.selector {
                Some(Selector::AttributeName(name)) => name.clone(),
                Some(Selector::ElementKeyInt(index)) => index.to_string(),
                Some(Selector::ElementKeyString(key)) => format!("{key:?}"),
                None => "?".to_owned(),
            })
            .collect();
        let (summary, detail) = (&diagnostic.summary, &diagnostic.detail);
        format!("{summary} [{}] {detail}", steps.join("."))
    };
    let lines: Vec<String> = diagnostics.iter().map(line).collect();
    lines.join(" | ")
}

/// The member's value in an answer, or what was said instead.
fn outcome(
    diagnostics: &[proto::Diagnostic],
    answer: Option<&DynamicValue>,
    members: &Members,
    member: &str,
) -> String {
    if !diagnostics.is_empty() {
        return told(diagnostics);
    }
    let Some(answer) = answer else {
        return "fine".to_owned();
    };
    let ty = Type::Object(members.object_type().into());
    let value = msgpack::decode(&answer.msgpack, &ty).expect("it fits the schema");
    match value.at(&member.into()) {
        Some(value) => brief(value),
        None => brief(&value),
    }
}

fn brief(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Unknown => "?".to_owned(),
        Value::String(text) => format!("{text:?}"),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Map(entries) => {
            let entries = entries
                .iter()
                .map(|(key, v)| format!("{key:?}: {}", brief(v)));
            format!("map{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Object(object) => {
            let entries = object
                .iter()
                .map(|(name, v)| format!("{name}: {}", brief(v)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Dynamic(dynamic) => format!("{} {}", dynamic.ty(), brief(dynamic.value())),
        other => {
            let elements = other.as_elements().expect("nothing else has none");
            let elements: Vec<String> = elements.iter().map(brief).collect();
            format!("{}[{}]", &other.kind()[2..], elements.join(", "))
        }
    }
}

async fn server() -> Server<Mirror> {
    let server = Server::new(Mirror, StopToken::new());
    assert_eq!(server.problems(), [] as [&str; 0]);
    let config = Sent::new(&members(), &sample(), "string", State::Set).packed();
    let request = proto::configure_provider::Request {
        config,
        ..Default::default()
    };
    assert_eq!(server.configure(request).await.diagnostics, []);
    server
}

/// One line for every member in every state: what `ask` answers.
async fn table(
    members: &Members,
    whole: &Value,
    ask: impl AsyncFn(&str, Sent) -> String,
) -> String {
    let mut table = String::new();
    for member in members.iter() {
        for state in STATES {
            let sent = Sent::new(members, whole, member.name(), state);
            let answer = ask(member.name(), sent).await;
            writeln!(table, "{} {state:?}: {answer}", member.name()).unwrap();
        }
    }
    table
}

fn thing() -> String {
    "mirror_thing".to_owned()
}

/// Calls that only say what is wrong.
async fn validated(server: &Server<Mirror>, call: &str, config: Option<DynamicValue>) -> String {
    let diagnostics = match call {
        "provider" => {
            let request = proto::validate_provider_config::Request { config };
            server.validate_provider(request).await.diagnostics
        }
        "data" => {
            let type_name = thing();
            let request = proto::validate_data_resource_config::Request { type_name, config };
            server.validate_data_source(request).await.diagnostics
        }
        "ephemeral" => {
            let type_name = thing();
            let request = proto::validate_ephemeral_resource_config::Request { type_name, config };
            server.validate_ephemeral(request).await.diagnostics
        }
        "list" => {
            let request = proto::validate_list_resource_config::Request {
                type_name: thing(),
                config,
                ..Default::default()
            };
            server.validate_list(request).await.diagnostics
        }
        "action" => {
            let action_type = thing();
            let request = proto::validate_action_config::Request {
                action_type,
                config,
            };
            server.validate_action(request).await.diagnostics
        }
        "resource" => {
            let request = proto::validate_resource_config::Request {
                type_name: thing(),
                config,
                ..Default::default()
            };
            server.validate_resource(request).await.diagnostics
        }
        "configure" => {
            let request = proto::configure_provider::Request {
                config,
                ..Default::default()
            };
            server.configure(request).await.diagnostics
        }
        other => panic!("{other} is no such call"),
    };
    match diagnostics.is_empty() {
        true => "fine".to_owned(),
        false => told(&diagnostics),
    }
}

/// All validations take and refuse the same; what they say is that of one of them.
#[tokio::test]
async fn validation_of_everything() {
    let server = server().await;
    let said = table(&members(), &sample(), async |_, sent| {
        validated(&server, "provider", sent.packed()).await
    })
    .await;
    insta::assert_snapshot!("validation", said);
    let others = [
        ("action", members()),
        ("configure", members()),
        ("data", members_with_results()),
        ("ephemeral", members_with_results()),
        ("list", members()),
        ("resource", members_with_results()),
    ];
    for (call, members) in others {
        let whole = match members.get("made") {
            Some(_) => sample_with_results(&Value::Null),
            None => sample(),
        };
        let other = table(&members, &whole, async |_, sent| {
            validated(&server, call, sent.packed()).await
        })
        .await;
        // Alone the provider's own block is called by another name.
        let other = other.replace("the provider configuration", "the configuration");
        let common = other
            .lines()
            .filter(|line| !line.starts_with("kept ") && !line.starts_with("made "));
        assert!(common.eq(said.lines()), "{call}: {other}");
    }
}

fn plan_request(
    prior: Option<DynamicValue>,
    config: &Sent,
    proposed: &Sent,
) -> proto::plan_resource_change::Request {
    proto::plan_resource_change::Request {
        type_name: thing(),
        prior_state: prior,
        proposed_new_state: proposed.packed(),
        config: config.packed(),
        ..Default::default()
    }
}

#[tokio::test]
async fn creation_of_everything() {
    let server = server().await;
    let (members, whole) = (members_with_results(), sample_with_results(&Value::Null));
    let planned = table(&members, &whole, async |member, sent| {
        let answer = server.plan(plan_request(None, &sent, &sent)).await;
        let state = answer.planned_state.as_ref();
        outcome(&answer.diagnostics, state, &members, member)
    })
    .await;
    insta::assert_snapshot!("plan_create", planned);
    let applied = table(&members, &whole, async |member, sent| {
        let plan = server.plan(plan_request(None, &sent, &sent)).await;
        let request = proto::apply_resource_change::Request {
            type_name: thing(),
            config: sent.packed(),
            planned_state: plan.planned_state.or_else(|| sent.packed()),
            planned_private: plan.planned_private,
            ..Default::default()
        };
        let answer = server.apply(request).await;
        // What cannot be read is sent back as it was.
        let state = answer.new_state.filter(|_| answer.diagnostics.is_empty());
        outcome(&answer.diagnostics, state.as_ref(), &members, member)
    })
    .await;
    insta::assert_snapshot!("apply_create", applied);
}

/// From nothing configured to one member set, and back.
#[tokio::test]
async fn updates_of_everything() {
    let server = server().await;
    let members = members_with_results();
    let mut bare = nothing(&members);
    for name in ["kept", "made"] {
        assert!(bare.set_at(&name.into(), "before".into()));
    }
    let ty = Type::Object(members.object_type().into());
    let send = |value: &Value| {
        let (value, ty) = (value.clone(), ty.clone());
        Sent { value, ty }
    };
    let mut said = String::new();
    for member in members.iter().map(crate::schema::Member::name) {
        if ["kept", "made"].contains(&member) {
            continue;
        }
        let mut full = bare.clone();
        let set = sample().at(&member.into()).cloned().expect("a member");
        assert!(full.set_at(&member.into(), set));
        for (from, to, name) in [
            (&bare, &full, "set"),
            (&full, &bare, "unset"),
            (&full, &full, "same"),
        ] {
            let mut config = to.clone();
            for name in ["kept", "made"] {
                assert!(config.set_at(&name.into(), Value::Null));
            }
            let (prior, config, proposed) = (send(from), send(&config), send(to));
            let answer = server
                .plan(plan_request(prior.packed(), &config, &proposed))
                .await;
            let cell = |name: &str| {
                let state = answer.planned_state.as_ref();
                outcome(&answer.diagnostics, state, &members, name)
            };
            let (own, kept, made) = (cell(member), cell("kept"), cell("made"));
            writeln!(said, "{member} {name}: {own}, kept {kept}, made {made}").unwrap();
        }
    }
    insta::assert_snapshot!("plan_update", said);
}

#[tokio::test]
async fn reading_of_everything() {
    let server = server().await;
    let (members, whole) = (members_with_results(), sample_with_results(&"there".into()));
    let read = table(&members, &whole, async |member, sent| {
        let request = proto::read_resource::Request {
            type_name: thing(),
            current_state: sent.packed(),
            ..Default::default()
        };
        let answer = server.read(request).await;
        let state = answer.new_state.filter(|_| answer.diagnostics.is_empty());
        outcome(&answer.diagnostics, state.as_ref(), &members, member)
    })
    .await;
    insta::assert_snapshot!("read", read);
    let config = sample_with_results(&Value::Null);
    let read = table(&members, &config, async |member, sent| {
        let request = proto::read_data_source::Request {
            type_name: thing(),
            config: sent.packed(),
            ..Default::default()
        };
        let answer = server.read_data(request).await;
        outcome(&answer.diagnostics, answer.state.as_ref(), &members, member)
    })
    .await;
    insta::assert_snapshot!("read_data", read);
    let opened = table(&members, &config, async |member, sent| {
        let request = proto::open_ephemeral_resource::Request {
            type_name: thing(),
            config: sent.packed(),
            ..Default::default()
        };
        let answer = server.open_ephemeral(request).await;
        outcome(
            &answer.diagnostics,
            answer.result.as_ref(),
            &members,
            member,
        )
    })
    .await;
    insta::assert_snapshot!("open", opened);
}

/// States come as text, of this version, of an older one, and from elsewhere.
#[tokio::test]
async fn stored_states_of_everything() {
    let server = server().await;
    let (members, whole) = (members_with_results(), sample_with_results(&"there".into()));
    for (name, version) in [("upgrade_same", 1), ("upgrade_older", 0)] {
        let upgraded = table(&members, &whole, async |member, sent| {
            let Some(raw_state) = sent.stored() else {
                return "no text".to_owned();
            };
            let request = proto::upgrade_resource_state::Request {
                type_name: thing(),
                version,
                raw_state: Some(raw_state),
            };
            let answer = server.upgrade(request).await;
            let state = answer.upgraded_state.as_ref();
            outcome(&answer.diagnostics, state, &members, member)
        })
        .await;
        insta::assert_snapshot!(name, upgraded);
    }
    let moved = table(&members, &whole, async |member, sent| {
        let Some(source_state) = sent.stored() else {
            return "no text".to_owned();
        };
        let request = proto::move_resource_state::Request {
            target_type_name: thing(),
            source_state: Some(source_state),
            ..Default::default()
        };
        let answer = server.adopt(request).await;
        let state = answer.target_state.as_ref();
        outcome(&answer.diagnostics, state, &members, member)
    })
    .await;
    insta::assert_snapshot!("move", moved);
}

#[tokio::test]
async fn configurations_generated_of_everything() {
    let server = server().await;
    let (members, whole) = (members_with_results(), sample_with_results(&"there".into()));
    let generated = table(&members, &whole, async |member, sent| {
        let request = proto::generate_resource_config::Request {
            type_name: thing(),
            state: sent.packed(),
        };
        let answer = server.generate(request).await;
        outcome(
            &answer.diagnostics,
            answer.config.as_ref(),
            &members,
            member,
        )
    })
    .await;
    insta::assert_snapshot!("generate", generated);
}

#[tokio::test]
async fn actions_and_lists_of_everything() {
    use proto::invoke_action::event::Type as Event;
    let server = server().await;
    let invoked = table(&members(), &sample(), async |_, sent| {
        let planned = server.action_plan(proto::plan_action::Request {
            action_type: thing(),
            config: sent.packed(),
            ..Default::default()
        });
        let planned = planned.await;
        let events = server.invoke(proto::invoke_action::Request {
            action_type: thing(),
            config: sent.packed(),
            ..Default::default()
        });
        let events: Vec<_> = events.collect().await;
        let events = events.into_iter().map(|event| match event.r#type {
            Some(Event::Progress(progress)) => progress.message,
            Some(Event::Completed(completed)) if completed.diagnostics == planned.diagnostics => {
                match completed.diagnostics.is_empty() {
                    true => "done".to_owned(),
                    false => told(&completed.diagnostics),
                }
            }
            other => panic!("{other:?} after {planned:?}"),
        });
        events.collect::<Vec<_>>().join(", ")
    })
    .await;
    insta::assert_snapshot!("invoke", invoked);
    let results = members_with_results();
    let listed = table(&members(), &sample(), async |member, sent| {
        let events = server.list(proto::list_resource::Request {
            type_name: thing(),
            config: sent.packed(),
            include_resource_object: true,
            limit: 10,
        });
        let events: Vec<_> = events.collect().await;
        assert_eq!(events.len(), 1, "{events:?}");
        let found = events[0].resource_object.as_ref();
        outcome(&events[0].diagnostic, found, &results, member)
    })
    .await;
    insta::assert_snapshot!("list", listed);
}
