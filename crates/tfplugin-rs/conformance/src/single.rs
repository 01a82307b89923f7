//! Random calls that stand for themselves: everything but the life of a resource.

use crate::answer::Answer;
use crate::call::{Call, Rpc, Slot};
use crate::features;
use crate::generate::{Certainty, Generate};
use crate::random::Random;
use crate::scenario::with_meta;
use crate::schema::{Kind, Parameter, World};
use crate::term::Term;

/// The private state of an answer as the protocol sends it back.
pub(crate) fn private_bytes(answer: &Answer) -> Vec<u8> {
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
pub(crate) fn single(world: &World, random: &mut Random) -> Call {
    match random.below(100) {
        0..16 => function(world, random),
        16..30 => data(world, random),
        30..38 => provider(world, random),
        38..45 => lease(world, random),
        45..51 => action(world, random),
        51..62 => upgrade(world, random),
        62..66 => upgrade_identity(world, random),
        66..76 => import(world, random),
        76..83 => adopt(random),
        83..90 => list(world, random),
        90..95 => generate_config(world, random),
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
    let mut call = Call::new(rpc, name).with(Slot::Config, config);
    if rpc == Rpc::ReadData {
        call.may_defer = random.chance(30);
        call = with_meta(call, world, random);
    }
    call
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
            call.may_defer = random.chance(50);
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
            call.private = features::kept(script);
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
    let mut call = Call::new(rpc, name).with(Slot::Config, config);
    call.may_defer = random.chance(50);
    call
}

fn list(world: &World, random: &mut Random) -> Call {
    let kinds: Vec<_> = world.lists.iter().collect();
    let (name, kind) = *random.pick(&kinds);
    if random.chance(25) {
        let config = Generate { random }.config(&kind.members, Certainty::Open);
        return Call::new(Rpc::ValidateList, name).with(Slot::Config, config);
    }
    let config = Generate { random }.config(&kind.members, Certainty::Known);
    let mut call = Call::new(Rpc::List, name).with(Slot::Config, without_unknown_script(config));
    call.wants_resource = random.chance(50);
    call.limit = *random.pick(&[0, 1, 2, 5, 6, 100]);
    call
}

fn generate_config(world: &World, random: &mut Random) -> Call {
    let resources: Vec<_> = world.resources.iter().collect();
    let (name, kind) = *random.pick(&resources);
    let state = Generate { random }.state(&kind.members);
    Call::new(Rpc::GenerateConfig, name).with(Slot::State, state)
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
    // Only one resource has older versions.
    let versioned = "conform_versioned";
    let is_past = |(name, _): &&(&String, &Kind)| name.as_str() == versioned;
    let (name, kind) = match resources.iter().find(is_past) {
        Some(past) if random.chance(60) => *past,
        _ => *random.pick(&resources),
    };
    let mut call = Call::new(Rpc::Upgrade, name);
    call.version = match random.below(10) {
        0..6 if name == versioned => i64::from(random.chance(50)),
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

/// A stored identity: of an older version as a rule.
fn upgrade_identity(world: &World, random: &mut Random) -> Call {
    let resources: Vec<_> = world.resources.keys().collect();
    let name = match random.chance(80) {
        true => "conform_known",
        false => random.pick(&resources).as_str(),
    };
    let mut call = Call::new(Rpc::UpgradeIdentity, name);
    call.version = *random.pick(&[0, 0, 0, 0, 1, 2]);
    call.text = older_identity(random);
    call
}

fn older_identity(random: &mut Random) -> String {
    if random.chance(50) {
        let name = random.text(&["a", "b", "go", "made"]);
        return format!(r#"{{"id":"{name}"}}"#);
    }
    let texts = [
        r#"{"id":"old"}"#,
        r#"{"id":"old","more":{"x":[1.5]}}"#,
        r#"{"id":"upgrade_error"}"#,
        r#"{"id":null}"#,
        r#"{"id":7}"#,
        "{}",
        "{",
    ];
    random.text(&texts).to_owned()
}

fn import(world: &World, random: &mut Random) -> Call {
    let resources: Vec<_> = world.resources.keys().collect();
    let name = match random.below(10) {
        0..4 => "conform_versioned",
        4..8 => random.text(&["conform_known", "conform_renamed"]),
        _ => random.pick(&resources).as_str(),
    };
    let mut call = Call::new(Rpc::Import, name);
    call.may_defer = random.chance(50);
    let ids = ["error", "warn", "private", "defer", "a/b@c", "", "plain"];
    if let Some(kind) = world.identities.get(name)
        && random.chance(60)
    {
        let mut identity = Generate { random }.state(&kind.members);
        if let Term::Map(entries) = &mut identity {
            entries.insert("name".to_owned(), Term::text(random.text(&ids)));
        }
        return call.with(Slot::Identity, identity);
    }
    random.text(&ids).clone_into(&mut call.text);
    call
}

fn adopt(random: &mut Random) -> Call {
    let targets = ["conform_known", "conform_scalars", "conform_versioned"];
    let target = random.text(&targets);
    let mut call = Call::new(Rpc::Move, target);
    call.source = random
        .text(&["other_thing", "other_thing", "third_thing"])
        .to_owned();
    call.text = older(random);
    if random.chance(50) {
        call.source_identity = older_identity(random);
    }
    call
}

fn unknown_subject(random: &mut Random) -> Call {
    let rpc = *random.pick(&features::UNKNOWN);
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
