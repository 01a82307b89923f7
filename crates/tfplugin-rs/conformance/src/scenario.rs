//! One random story: a resource on its way through Terraform, or a single call of another kind.
//!
//! A scenario is decided by its seed alone. What one call is answered goes into the next, as in a
//! real run; where the two providers differ, the reference's answer goes on to both.

use tfplugin_rs::schema::Nesting;

use crate::answer::Answer;
use crate::call::{Call, Rpc, Slot};
use crate::generate::{Certainty, Generate};
use crate::proposed::proposed;
use crate::random::Random;
use crate::schema::{Kind, Member, Role, Shape, World};
use crate::single::{private_bytes, single};
use crate::tables::MODELLED;
use crate::term::Term;

/// In so many of a hundred calls one value is made not to fit.
const BROKEN_PERCENT: usize = 2;

/// In so many an integer becomes a number that is none.
const ODD_PERCENT: usize = 1;

/// What is still to be asked.
pub(crate) struct Scenario<'w> {
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
    world: &'w World,
    name: &'w str,
    kind: &'w Kind,
    config: Term,
    state: Term,
    /// What the resource is known by, if it is of a kind that has identities.
    identity: Option<Term>,
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
        Self { random, next }
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
            Step::Resource(story) => story.go_on(call, answer, &mut self.random),
            Step::Only(_) | Step::End => Step::End,
        };
    }

    fn perhaps_broken(&mut self, mut call: Call) -> Call {
        if call.values.is_empty() {
            return call;
        }
        let what = self.random.below(100);
        let at = self.random.below(call.values.len());
        let value = &mut call.values[at].1;
        let mut generate = Generate {
            random: &mut self.random,
        };
        if what < BROKEN_PERCENT {
            *value = generate.broken(value);
        } else if what < BROKEN_PERCENT + ODD_PERCENT && call.subject != MODELLED {
            *value = generate.with_odd_number(value);
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
        let identity = known_by(world, name, &state, random);
        let mut story = Self {
            world,
            name,
            kind,
            config: Term::Null,
            state,
            identity,
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
        if self.stage == Stage::Validate {
            call.knows_write_only = random.chance(90);
            return call;
        }
        call.private.clone_from(&self.private);
        call.may_defer = random.chance(30);
        if let Some(identity) = &self.identity {
            call = call.with(Slot::Identity, identity.clone());
        }
        with_meta(call, self.world, random)
    }

    fn go_on(mut self, call: &Call, answer: &Answer, random: &mut Random) -> Step<'w> {
        self.left -= 1;
        let broken = answer
            .values
            .values()
            .any(|v| v.any(&|t| matches!(t, Term::Broken(_))));
        if self.left == 0 || answer.status.is_some() || answer.deferred.is_some() || broken {
            return Step::End;
        }
        if let Some(identity) = answer.values.get("identity") {
            self.identity = Some(identity.clone());
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

/// What a resource in this state is known by: as a rule what its state says, sometimes nothing or
/// something else.
fn known_by(world: &World, name: &str, state: &Term, random: &mut Random) -> Option<Term> {
    let kind = world.identities.get(name)?;
    let own = || {
        let members = kind.members.iter();
        let each = members.map(|member| (member.name.as_str(), state.get(&member.name).clone()));
        Term::object(each)
    };
    match random.below(10) {
        _ if state.is_null() => None,
        0 => None,
        1 => Some(Term::Null),
        2 => Some(Generate { random }.state(&kind.members)),
        _ => Some(own()),
    }
}

/// Some modules say something to the provider.
pub(crate) fn with_meta(call: Call, world: &World, random: &mut Random) -> Call {
    match random.below(10) {
        0 => call.with(Slot::Meta, Term::Null),
        1..4 => {
            let said = Generate { random }.state(&world.meta.members);
            call.with(Slot::Meta, said)
        }
        _ => call,
    }
}

/// The configuration with every unknown decided.
fn settled(members: &[Member], config: &Term, generate: &mut Generate<'_>) -> Term {
    let each = members.iter().map(|member| {
        let value = config.get(&member.name);
        let value = match (&member.shape, value) {
            (_, value) if value.is_wholly_known() => value.clone(),
            (Shape::Plain(ty), _) => generate.plain(&member.name, ty, Certainty::Known),
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
