//! One random story: a resource on its way through Terraform, or a single call of another kind.
//!
//! A scenario is decided by its seed alone. What one call is answered goes into the next, as in a
//! real run; where the two providers differ, the reference's answer goes on to both.

use tfplugin_rs::schema::Nesting;
use tfplugin_rs::value::Type;

use crate::answer::Answer;
use crate::call::{Call, Rpc, Slot};
use crate::generate::{Certainty, Generate};
use crate::proposed::proposed;
use crate::random::Random;
use crate::schema::{Kind, Member, Parameter, Role, Shape, World};
use crate::term::Term;

/// In so many of a hundred calls one value is made not to fit.
const BROKEN_PERCENT: usize = 3;

/// What is still to be asked.
pub(crate) struct Scenario<'w> {
    world: &'w World,
    random: Random,
    next: Step<'w>,
}

enum Step<'w> {
    End,
    Only(Call),
    Resource(Story<'w>),
}

/// A resource between two calls.
struct Story<'w> {
    name: &'w str,
    kind: &'w Kind,
    config: Term,
    state: Term,
    private: Vec<u8>,
    planned: Term,
    stage: Stage,
    /// Calls left before the story breaks off.
    left: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Apply,
    Destroy,
    Plan,
    Read,
    Validate,
}

impl<'w> Scenario<'w> {
    pub(crate) fn new(world: &'w World, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let next = match random.below(100) {
            0..70 => Step::Resource(Story::begin(world, &mut random)),
            70..100 => Step::Only(single(world, &mut random)),
            _ => Step::End,
        };
        Self {
            world,
            random,
            next,
        }
    }

    /// The next call, if there is one.
    pub(crate) fn next_call(&mut self) -> Option<Call> {
        let call = match &mut self.next {
            Step::End => return None,
            Step::Only(call) => call.clone(),
            Step::Resource(story) => story.call(&mut self.random),
        };
        Some(self.perhaps_broken(call))
    }

    /// Goes on with what `call` was answered.
    pub(crate) fn answered(&mut self, call: &Call, answer: &Answer) {
        self.next = match std::mem::replace(&mut self.next, Step::End) {
            Step::Resource(story) => story.go_on(call, answer, &mut self.random, self.world),
            Step::Only(_) | Step::End => Step::End,
        };
    }

    fn perhaps_broken(&mut self, mut call: Call) -> Call {
        if !call.values.is_empty() && self.random.chance(BROKEN_PERCENT) {
            let at = self.random.below(call.values.len());
            let mut generate = Generate {
                random: &mut self.random,
            };
            call.values[at].1 = generate.broken(&call.values[at].1);
        }
        call
    }
}

impl<'w> Story<'w> {
    fn begin(world: &'w World, random: &mut Random) -> Self {
        let names: Vec<_> = world.resources.iter().collect();
        let (name, kind) = *random.pick(&names);
        let left = 2 + random.below(5);
        let state = match random.chance(50) {
            true => Term::Null,
            false => Generate { random }.state(&kind.members),
        };
        let private = random.text(&[
            "",
            r#"{"applied":"Mg=="}"#,
            r#"{"planned":"NQ==","x":"InQi"}"#,
        ]);
        let private = match state.is_null() {
            true => Vec::new(),
            false => private.as_bytes().to_vec(),
        };
        let mut story = Self {
            name,
            kind,
            config: Term::Null,
            state,
            private,
            planned: Term::Null,
            stage: *random.pick(&[
                Stage::Validate,
                Stage::Plan,
                Stage::Plan,
                Stage::Read,
                Stage::Destroy,
            ]),
            left,
        };
        if story.state.is_null() && matches!(story.stage, Stage::Read | Stage::Destroy) {
            story.stage = Stage::Plan;
        }
        story.configure(random);
        story
    }

    /// A new configuration, close to the state if there is one.
    fn configure(&mut self, random: &mut Random) {
        let certainty = match random.chance(50) {
            true => Certainty::Open,
            false => Certainty::Known,
        };
        let near = random.chance(80);
        let mut generate = Generate { random };
        self.config = match self.state.is_null() || !near {
            true => generate.config(&self.kind.members, certainty),
            false => generate.config_near(&self.kind.members, &self.state, certainty),
        };
    }

    fn call(&mut self, random: &mut Random) -> Call {
        let new = |rpc| Call::new(rpc, self.name);
        let mut call = match self.stage {
            Stage::Validate => new(Rpc::ValidateResource).with(Slot::Config, self.config.clone()),
            Stage::Read => new(Rpc::Read).with(Slot::State, self.state.clone()),
            Stage::Plan => {
                let proposal = proposed(&self.kind.members, &self.state, &self.config);
                new(Rpc::Plan)
                    .with(Slot::Config, self.config.clone())
                    .with(Slot::Prior, self.state.clone())
                    .with(Slot::Proposed, proposal)
            }
            Stage::Destroy => new(Rpc::Plan)
                .with(Slot::Config, Term::Null)
                .with(Slot::Prior, self.state.clone())
                .with(Slot::Proposed, Term::Null),
            Stage::Apply => {
                let config = match self.planned.is_null() {
                    true => Term::Null,
                    false => self.config.clone(),
                };
                new(Rpc::Apply)
                    .with(Slot::Config, config)
                    .with(Slot::Prior, self.state.clone())
                    .with(Slot::Planned, self.planned.clone())
            }
        };
        if self.stage != Stage::Validate {
            call.private.clone_from(&self.private);
        } else {
            call.knows_write_only = random.chance(90);
        }
        call
    }

    fn go_on(
        mut self,
        call: &Call,
        answer: &Answer,
        random: &mut Random,
        _world: &'w World,
    ) -> Step<'w> {
        self.left -= 1;
        let broken = answer
            .values
            .values()
            .any(|v| v.any(&|t| matches!(t, Term::Broken(_))));
        if self.left == 0 || answer.status.is_some() || broken {
            return Step::End;
        }
        match call.rpc {
            Rpc::ValidateResource => self.stage = Stage::Plan,
            Rpc::Plan if answer.stops() => return Step::End,
            Rpc::Plan => {
                self.planned = answer.values["planned"].clone();
                self.private = private_bytes(answer);
                self.settle_config(random);
                self.stage = Stage::Apply;
            }
            Rpc::Apply | Rpc::Read => {
                self.state = answer.values["state"].clone();
                self.private = private_bytes(answer);
                if self.state.is_null() || !self.state.is_wholly_known() {
                    return Step::End;
                }
                self.stage = *random.pick(&[Stage::Read, Stage::Plan, Stage::Destroy]);
                if random.chance(50) {
                    self.configure(random);
                }
            }
            _ => return Step::End,
        }
        Step::Resource(self)
    }

    /// Before apply everything in the configuration is known; what was unknown gets values in the
    /// plan as well, as it does in a second plan.
    fn settle_config(&mut self, random: &mut Random) {
        if self.config.is_wholly_known() || self.planned.is_null() {
            return;
        }
        let members = &self.kind.members;
        let mut generate = Generate { random };
        self.config = settled(members, &self.config, &mut generate);
        let proposal = proposed(members, &self.state, &self.config);
        self.planned = merged(members, &self.planned, &proposal, &self.config);
    }
}

/// The configuration with every unknown decided.
fn settled(members: &[Member], config: &Term, generate: &mut Generate<'_>) -> Term {
    let known = |generate: &mut Generate<'_>, ty: &Type, value: &Term| match value.is_wholly_known()
    {
        true => value.clone(),
        false => generate.value(ty, Certainty::Known, 0),
    };
    let each = members.iter().map(|member| {
        let value = config.get(&member.name);
        let value = match (&member.shape, value) {
            (_, value) if value.is_wholly_known() => value.clone(),
            (Shape::Plain(ty), value) => known(generate, ty, value),
            (Shape::Nested(nesting, inner), value) => match (nesting, value) {
                (Nesting::Single, Term::Map(_)) => settled(inner, value, generate),
                (Nesting::List, Term::List(elements)) => {
                    let each = elements.iter();
                    Term::List(each.map(|e| settled(inner, e, generate)).collect())
                }
                (Nesting::Map, Term::Map(entries)) => {
                    let each = entries.iter();
                    Term::Map(
                        each.map(|(k, e)| (k.clone(), settled(inner, e, generate)))
                            .collect(),
                    )
                }
                (Nesting::Set, Term::Set(elements)) => {
                    let each = elements.iter();
                    Term::set(each.map(|e| settled(inner, e, generate)).collect())
                }
                _ => Term::Null,
            },
        };
        (member.name.clone(), value)
    });
    Term::Map(each.collect())
}

/// The plan, except where the configuration decides: there the proposal, which is it.
fn merged(members: &[Member], planned: &Term, proposal: &Term, config: &Term) -> Term {
    let each = members.iter().map(|member| {
        let name = member.name.as_str();
        let (planned, proposal, config) = (planned.get(name), proposal.get(name), config.get(name));
        let keeps =
            member.role == Role::WriteOnly || (member.role.is_computed() && config.is_null());
        let value = if keeps || *planned == *config {
            planned.clone()
        } else {
            unknown_where_computed(member, proposal, config)
        };
        (member.name.clone(), value)
    });
    Term::Map(each.collect())
}

/// A proposal with "known after apply" for all that the configuration leaves to the provider.
fn unknown_where_computed(member: &Member, proposal: &Term, config: &Term) -> Term {
    let Shape::Nested(nesting, members) = &member.shape else {
        return proposal.clone();
    };
    let object = |proposal: &Term, config: &Term| {
        let each = members.iter().map(|member| {
            let (proposal, config) = (proposal.get(&member.name), config.get(&member.name));
            let value = match member.role {
                Role::WriteOnly => Term::Null,
                role if role.is_computed() && config.is_null() => Term::unknown(),
                _ => unknown_where_computed(member, proposal, config),
            };
            (member.name.clone(), value)
        });
        Term::Map(each.collect())
    };
    match (nesting, proposal, config) {
        (Nesting::Single, Term::Map(_), config) => object(proposal, config),
        (Nesting::List, Term::List(proposals), Term::List(configs)) => {
            let pairs = proposals.iter().zip(configs);
            Term::List(pairs.map(|(p, c)| object(p, c)).collect())
        }
        (Nesting::Set, Term::Set(_), Term::Set(configs)) => {
            Term::set(configs.iter().map(|c| object(c, c)).collect())
        }
        (Nesting::Map, Term::Map(proposals), Term::Map(configs)) => {
            let pairs = proposals.iter().zip(configs.values());
            Term::Map(pairs.map(|((k, p), c)| (k.clone(), object(p, c))).collect())
        }
        (_, proposal, _) => proposal.clone(),
    }
}

/// The private state of an answer as the protocol sends it back.
fn private_bytes(answer: &Answer) -> Vec<u8> {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    if answer.private.is_empty() {
        return Vec::new();
    }
    let entries = answer.private.iter();
    let entries: serde_json::Map<_, _> = entries
        .map(|(key, value)| (key.clone(), BASE64_STANDARD.encode(value).into()))
        .collect();
    serde_json::Value::Object(entries).to_string().into_bytes()
}

/// A call that stands for itself.
fn single(world: &World, random: &mut Random) -> Call {
    match random.below(100) {
        0..20 => function(world, random),
        20..35 => data(world, random),
        35..45 => provider(world, random),
        45..53 => lease(world, random),
        53..60 => action(world, random),
        60..75 => upgrade(world, random),
        75..85 => import(world, random),
        85..95 => adopt(random),
        _ => unknown_subject(random),
    }
}

fn function(world: &World, random: &mut Random) -> Call {
    let functions: Vec<_> = world.functions.iter().collect();
    let (name, signature) = *random.pick(&functions);
    let mut call = Call::new(Rpc::CallFunction, name);
    let mut argument = |parameter: &Parameter, random: &mut Random| {
        let certainty = match parameter.allows_unknown {
            true => Certainty::Open,
            false => Certainty::Known,
        };
        let value = match random.below(10) {
            0 if parameter.allows_null => Term::Null,
            1 if parameter.allows_unknown => Term::unknown(),
            _ => Generate { random }.value(&parameter.ty, certainty, 0),
        };
        call.values.push((Slot::Argument, value));
    };
    for parameter in &signature.parameters {
        argument(parameter, random);
    }
    if let Some(variadic) = &signature.variadic {
        for _ in 0..random.below(4) {
            argument(variadic, random);
        }
    }
    call
}

fn data(world: &World, random: &mut Random) -> Call {
    let sources: Vec<_> = world.data_sources.iter().collect();
    let (name, kind) = *random.pick(&sources);
    let (rpc, certainty) = match random.chance(40) {
        true => (Rpc::ValidateData, Certainty::Open),
        false => (Rpc::ReadData, Certainty::Known),
    };
    let config = Generate { random }.config(&kind.members, certainty);
    let config = match rpc {
        Rpc::ReadData => without_unknown_script(config),
        _ => config,
    };
    Call::new(rpc, name).with(Slot::Config, config)
}

fn lease(world: &World, random: &mut Random) -> Call {
    let kinds: Vec<_> = world.ephemeral.iter().collect();
    let (name, kind) = *random.pick(&kinds);
    let rpc = *random.pick(&[
        Rpc::CloseEphemeral,
        Rpc::OpenEphemeral,
        Rpc::OpenEphemeral,
        Rpc::RenewEphemeral,
        Rpc::ValidateEphemeral,
    ]);
    let mut call = Call::new(rpc, name);
    match rpc {
        Rpc::OpenEphemeral => {
            let config = Generate { random }.config(&kind.members, Certainty::Known);
            call.with(Slot::Config, without_unknown_script(config))
        }
        Rpc::ValidateEphemeral => {
            let config = Generate { random }.config(&kind.members, Certainty::Open);
            call.with(Slot::Config, config)
        }
        _ => {
            let script =
                random.text(&["renew_error", "renew_warn", "close_error", "close_warn", ""]);
            let kept = serde_json::Value::from(script).to_string();
            let answer = Answer {
                private: [("script".to_owned(), kept)].into(),
                ..Answer::default()
            };
            call.private = private_bytes(&answer);
            call
        }
    }
}

fn action(world: &World, random: &mut Random) -> Call {
    let kinds: Vec<_> = world.actions.iter().collect();
    let (name, kind) = *random.pick(&kinds);
    let rpc = *random.pick(&[Rpc::InvokeAction, Rpc::PlanAction, Rpc::ValidateAction]);
    let certainty = match rpc {
        Rpc::InvokeAction => Certainty::Known,
        _ => Certainty::Open,
    };
    let config = Generate { random }.config(&kind.members, certainty);
    let config = match rpc {
        Rpc::InvokeAction => without_unknown_script(config),
        _ => config,
    };
    Call::new(rpc, name).with(Slot::Config, config)
}

/// For calls that are made once everything is known.
fn without_unknown_script(mut config: Term) -> Term {
    if let Term::Map(entries) = &mut config
        && let Some(script) = entries.get_mut("script")
        && script.is_unknown()
    {
        *script = Term::Null;
    }
    config
}

fn provider(world: &World, random: &mut Random) -> Call {
    let rpc = *random.pick(&[Rpc::Configure, Rpc::ValidateProvider]);
    let config = Generate { random }.config(&world.provider.members, Certainty::Open);
    Call::new(rpc, "").with(Slot::Config, config)
}

/// A stored state: of today's version, an older or a newer one.
fn upgrade(world: &World, random: &mut Random) -> Call {
    let resources: Vec<_> = world.resources.iter().collect();
    let (name, kind) = *random.pick(&resources);
    let mut call = Call::new(Rpc::Upgrade, name);
    call.version = match random.below(10) {
        0..7 => kind.version,
        other => i64::try_from(other).unwrap_or(0) - 7,
    };
    call.text = if call.version == kind.version {
        let state = Generate { random }.state(&kind.members);
        json(&state).to_string()
    } else {
        older(random)
    };
    if random.chance(5) {
        call.text.truncate(call.text.len() / 2);
        call.text.retain(|c| c.is_ascii());
    }
    call
}

fn older(random: &mut Random) -> String {
    let texts = [
        r#"{"title":"old","script":null}"#,
        r#"{"title":null}"#,
        r#"{"title":"old","script":"upgrade_error"}"#,
        r#"{"title":5}"#,
        r#"{"title":"old","more":[1,2]}"#,
        "[]",
        "{",
    ];
    random.text(&texts).to_owned()
}

fn import(world: &World, random: &mut Random) -> Call {
    let resources: Vec<_> = world.resources.keys().collect();
    let name = match random.chance(70) {
        true => "conform_versioned",
        false => random.pick(&resources).as_str(),
    };
    let mut call = Call::new(Rpc::Import, name);
    call.text = random
        .text(&["error", "warn", "private", "a/b@c", "", "plain"])
        .to_owned();
    call
}

fn adopt(random: &mut Random) -> Call {
    let target = random.text(&["conform_versioned", "conform_versioned", "conform_scalars"]);
    let mut call = Call::new(Rpc::Move, target);
    call.source = random
        .text(&["other_thing", "other_thing", "third_thing"])
        .to_owned();
    call.text = older(random);
    call
}

fn unknown_subject(random: &mut Random) -> Call {
    let rpc = *random.pick(&[
        Rpc::Apply,
        Rpc::CallFunction,
        Rpc::Import,
        Rpc::Plan,
        Rpc::Read,
        Rpc::ReadData,
        Rpc::Upgrade,
        Rpc::ValidateData,
        Rpc::ValidateResource,
    ]);
    let mut call = Call::new(rpc, "conform_nowhere");
    "{}".clone_into(&mut call.text);
    call
}

/// A value as a state file holds it.
fn json(term: &Term) -> serde_json::Value {
    use serde_json::Value as Json;
    match term {
        Term::Bool(truth) => (*truth).into(),
        Term::Text(text) => text.as_str().into(),
        // Numbers keep all their digits.
        Term::Number(number) => serde_json::from_str(&number.to_string()).unwrap_or(Json::Null),
        Term::List(elements) | Term::Set(elements) => elements.iter().map(json).collect(),
        Term::Map(entries) => entries.iter().map(|(k, v)| (k.clone(), json(v))).collect(),
        Term::Dynamic(dynamic) => serde_json::json!({
            "value": json(&dynamic.1),
            "type": dynamic.0.to_json(),
        }),
        Term::Null | Term::Unknown(_) | Term::Broken(_) => Json::Null,
    }
}
