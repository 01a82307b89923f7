//! Edge cases by hand, feature by feature: identities, lists, imports, deferral, timeouts, spelling,
//! the word of a module, generated configurations.

use crate::answer::Answer;
use crate::call::{Call, Rpc, Slot};
use crate::edges;
use crate::proposed::proposed;
use crate::schema::{Kind, World};
use crate::single::private_bytes;
use crate::tables::nothing;
use crate::term::Term;

/// Every request of these tables.
pub(crate) fn calls(world: &World) -> Vec<Call> {
    let mut calls = lists();
    calls.extend(imports(world));
    calls.extend(upgrades_and_moves());
    for name in ["conform_known", "conform_renamed"] {
        if let Some(kind) = world.resources.get(name) {
            calls.extend(identities(name, kind));
        }
    }
    for (name, kind) in &world.resources {
        calls.extend(scripted(name, kind));
        let generate = Call::new(Rpc::GenerateConfig, name);
        calls.push(generate.with(Slot::State, nothing(&kind.members)));
    }
    let none = Call::new(Rpc::GenerateConfig, "conform_known");
    calls.push(none.with(Slot::State, Term::Null));
    calls.extend(timeouts(world));
    calls.extend(data_sources(world));
    calls.extend(short_lived(world));
    calls.extend(kept_leases());
    calls.extend(older_states());
    calls.extend(joins());
    calls.extend(edges::calls(world));
    calls.extend(equal_elements(world));
    calls.extend(UNKNOWN.map(|rpc| Call::new(rpc, "conform_nowhere")));
    calls
}

/// What may be asked about a type that there is not.
pub(crate) const UNKNOWN: [Rpc; 16] = [
    Rpc::Apply,
    Rpc::CallFunction,
    Rpc::GenerateConfig,
    Rpc::Import,
    Rpc::InvokeAction,
    Rpc::List,
    Rpc::Move,
    Rpc::OpenEphemeral,
    Rpc::Plan,
    Rpc::PlanAction,
    Rpc::Read,
    Rpc::ReadData,
    Rpc::Upgrade,
    Rpc::UpgradeIdentity,
    Rpc::ValidateData,
    Rpc::ValidateResource,
];

/// While the provider puts everything off: one call of each kind.
pub(crate) fn while_deferred(world: &World) -> Vec<Call> {
    let mut calls = Vec::new();
    let Some(kind) = world.resources.get("conform_known") else {
        return calls;
    };
    let object = named(kind, "a");
    let prior = [Term::Null, object.clone(), object.clone()];
    let config = [object.clone(), named(kind, "b"), Term::Null];
    for (prior, config) in prior.into_iter().zip(config) {
        calls.push(plan("conform_known", kind, prior, config));
    }
    calls.push(Call::new(Rpc::Read, "conform_known").with(Slot::State, object));
    let mut import = Call::new(Rpc::Import, "conform_known");
    "a".clone_into(&mut import.text);
    calls.push(import);
    for (rpc, kinds) in [
        (Rpc::ReadData, &world.data_sources),
        (Rpc::OpenEphemeral, &world.ephemeral),
        (Rpc::PlanAction, &world.actions),
    ] {
        for (name, kind) in kinds {
            calls.push(Call::new(rpc, name).with(Slot::Config, nothing(&kind.members)));
        }
    }
    for call in &mut calls {
        call.may_defer = true;
    }
    calls
}

/// The configuration by which a provider puts everything off.
pub(crate) fn deferring(world: &World, may_defer: bool) -> Call {
    let config = with(
        nothing(&world.provider.members),
        "script",
        Term::text("configure_defer"),
    );
    let mut call = Call::new(Rpc::Configure, "").with(Slot::Config, config);
    call.may_defer = may_defer;
    call
}

fn with(mut object: Term, name: &str, value: Term) -> Term {
    if let Term::Map(entries) = &mut object {
        entries.insert(name.to_owned(), value);
    }
    object
}

fn named(kind: &Kind, name: &str) -> Term {
    with(nothing(&kind.members), "name", Term::text(name))
}

fn plan(name: &str, kind: &Kind, prior: Term, config: Term) -> Call {
    let proposal = proposed(&kind.members, &prior, &config);
    Call::new(Rpc::Plan, name)
        .with(Slot::Config, config)
        .with(Slot::Prior, prior)
        .with(Slot::Proposed, proposal)
}

fn lists() -> Vec<Call> {
    let scripts = [
        "",
        "list_anonymous",
        "list_bare",
        "list_end_error",
        "list_error",
        "list_warn",
    ];
    let mut calls = Vec::new();
    for script in scripts {
        for (limit, prefix) in [(0, ""), (1, ""), (2, "a"), (5, ""), (6, ""), (100, "none")] {
            let config = Term::object([
                ("prefix", Term::text(prefix)),
                ("script", Term::text(script)),
            ]);
            for wants_resource in [false, true] {
                let mut call = Call::new(Rpc::List, "conform_known");
                call = call.with(Slot::Config, config.clone());
                (call.limit, call.wants_resource) = (limit, wants_resource);
                calls.push(call);
            }
        }
    }
    for script in ["validate_error", "validate_warn"] {
        let config = Term::object([("prefix", Term::unknown()), ("script", Term::text(script))]);
        calls.push(Call::new(Rpc::ValidateList, "conform_known").with(Slot::Config, config));
    }
    calls
}

fn imports(world: &World) -> Vec<Call> {
    let mut calls = Vec::new();
    for name in ["conform_known", "conform_renamed", "conform_versioned"] {
        for id in ["a", "error", "warn", "private", "defer"] {
            for may_defer in [false, true] {
                let mut call = Call::new(Rpc::Import, name);
                call.may_defer = may_defer;
                let by_id = Call {
                    text: id.to_owned(),
                    ..call.clone()
                };
                calls.push(by_id);
                if let Some(kind) = world.identities.get(name) {
                    let bare = with(nothing(&kind.members), "name", Term::text(id));
                    let tags = Term::List(vec![Term::text("x"), Term::text("")]);
                    let full = with(with(bare.clone(), "tags", tags), "region", Term::text("r"));
                    calls.push(call.clone().with(Slot::Identity, bare));
                    calls.push(call.with(Slot::Identity, full));
                }
            }
        }
    }
    calls
}

fn upgrades_and_moves() -> Vec<Call> {
    let identities = [r#"{"id":"a"}"#, r#"{"id":"upgrade_error"}"#, "{}", "["];
    let mut calls = Vec::new();
    for identity in identities {
        for version in [0, 1, 2] {
            let mut call = Call::new(Rpc::UpgradeIdentity, "conform_known");
            call.version = version;
            identity.clone_into(&mut call.text);
            calls.push(call);
        }
        for source in ["other_thing", "third_thing"] {
            let mut call = Call::new(Rpc::Move, "conform_known");
            source.clone_into(&mut call.source);
            r#"{"title":"old"}"#.clone_into(&mut call.text);
            identity.clone_into(&mut call.source_identity);
            calls.push(call);
        }
    }
    calls
}

/// A resource that is known by nothing, by its own identity, and by another.
fn identities(name: &str, kind: &Kind) -> Vec<Call> {
    let known_by = |name: &str| {
        Term::object([
            ("name", Term::text(name)),
            ("number", Term::Null),
            ("region", Term::Null),
            ("tags", Term::Null),
        ])
    };
    let mut calls = Vec::new();
    for identity in [
        None,
        Some(Term::Null),
        Some(known_by("a")),
        Some(known_by("z")),
    ] {
        for script in [
            "",
            "identity_none",
            "identity_other",
            "read_gone",
            "apply_error",
        ] {
            let state = with(named(kind, "a"), "stamp", Term::text("made"));
            let state = with(state, "script", Term::text(script));
            let changed = with(state.clone(), "region", Term::text("r"));
            let config = with(changed.clone(), "stamp", Term::Null);
            let planned = with(changed.clone(), "stamp", Term::unknown());
            let apply = |prior: &Term| {
                Call::new(Rpc::Apply, name)
                    .with(Slot::Config, config.clone())
                    .with(Slot::Prior, prior.clone())
                    .with(Slot::Planned, planned.clone())
            };
            let mut these = vec![
                Call::new(Rpc::Read, name).with(Slot::State, state.clone()),
                plan(name, kind, state.clone(), config.clone()),
                apply(&Term::Null),
                apply(&state),
            ];
            let mut imported = these[0].clone();
            imported.private = br#"{".import_before_read":"dHJ1ZQ=="}"#.to_vec();
            these.push(imported);
            for call in these {
                calls.push(match &identity {
                    Some(identity) => call.with(Slot::Identity, identity.clone()),
                    None => call,
                });
            }
        }
    }
    calls
}

/// What scripts say that are about the call rather than about a value.
fn scripted(name: &str, kind: &Kind) -> Vec<Call> {
    let bare = nothing(&kind.members);
    if !kind.members.iter().any(|member| member.name == "script") {
        return Vec::new();
    }
    let mut calls = Vec::new();
    let metas = [
        None,
        Some(Term::Null),
        Some(Term::object([
            ("note", Term::text("hear")),
            ("weight", Term::number("0.1")),
        ])),
    ];
    for meta in metas {
        for may_defer in [false, true] {
            let mut add = |call: Call| {
                let mut call = match &meta {
                    Some(meta) => call.with(Slot::Meta, meta.clone()),
                    None => call,
                };
                call.may_defer = may_defer;
                calls.push(call);
            };
            for script in ["plan_defer", "plan_meta"] {
                let config = with(bare.clone(), "script", Term::text(script));
                add(plan(name, kind, Term::Null, config.clone()));
                add(plan(name, kind, bare.clone(), config));
            }
            for script in ["read_defer", "read_meta", "read_shout"] {
                let state = with(filled(kind), "script", Term::text(script));
                add(Call::new(Rpc::Read, name).with(Slot::State, state));
            }
            for script in ["apply_meta", "apply_shout"] {
                let config = with(filled(kind), "script", Term::text(script));
                let planned = with(config.clone(), "stamp", Term::unknown());
                let config = with(config, "stamp", Term::Null);
                let apply = Call::new(Rpc::Apply, name);
                add(apply
                    .with(Slot::Config, config)
                    .with(Slot::Prior, Term::Null)
                    .with(Slot::Planned, planned));
            }
        }
    }
    calls
}

/// An object with labels in small letters where there are any.
fn filled(kind: &Kind) -> Term {
    let text = || Term::text("quiet ü");
    let mut object = nothing(&kind.members);
    for member in &kind.members {
        let value = match member.name.as_str() {
            "label" | "label_both" => text(),
            "list" if member.ty().to_string() == "list(string)" => {
                Term::List(vec![text(), Term::text("b")])
            }
            "map" if member.ty().to_string() == "map(string)" => Term::object([("k", text())]),
            "set" if member.ty().to_string() == "set(string)" => {
                Term::set(vec![text(), Term::text("b")])
            }
            _ => continue,
        };
        object = with(object, &member.name, value);
    }
    object
}

fn timeouts(world: &World) -> Vec<Call> {
    let Some(kind) = world.resources.get("conform_timed") else {
        return Vec::new();
    };
    let name = "conform_timed";
    let bare = nothing(&kind.members);
    let both = |a: &'static str, first: Term, b: &'static str, second: Term| {
        Term::object([(a, first), (b, second)])
    };
    let limits = [
        "1h",
        "90s",
        "0",
        "1.5h",
        "2h45m30.5s",
        "100ms",
        "+2m",
        "60s",
    ];
    let odd = ["", "soon", "1d", "-5s", "5", "1h-5m", ".s", "3000000h"];
    let mut calls = Vec::new();
    for text in limits.into_iter().chain(odd) {
        for value in [Term::text(text), Term::Null, Term::unknown()] {
            let set = with(
                bare.clone(),
                "timeouts",
                both("create", value.clone(), "delete", value.clone()),
            );
            let set = with(
                set,
                "limits",
                both("read", value.clone(), "update", value.clone()),
            );
            calls.push(Call::new(Rpc::ValidateResource, name).with(Slot::Config, set.clone()));
            if odd.contains(&text) || value.is_unknown() {
                continue;
            }
            calls.push(plan(name, kind, Term::Null, set.clone()));
            let planned = with(set.clone(), "stamp", Term::unknown());
            let state = with(set.clone(), "stamp", Term::text("made"));
            let apply = |prior: &Term, config: &Term, planned: &Term| {
                Call::new(Rpc::Apply, name)
                    .with(Slot::Config, config.clone())
                    .with(Slot::Prior, prior.clone())
                    .with(Slot::Planned, planned.clone())
            };
            calls.push(apply(&Term::Null, &set, &planned));
            calls.push(apply(&state, &set, &planned));
            calls.push(apply(&state, &Term::Null, &Term::Null));
            calls.push(Call::new(Rpc::Read, name).with(Slot::State, state));
        }
    }
    calls
}

fn data_sources(world: &World) -> Vec<Call> {
    let mut calls = Vec::new();
    for (name, kind) in &world.data_sources {
        for script in ["read_defer", "read_meta", "read_shout"] {
            for may_defer in [false, true] {
                let config = with(nothing(&kind.members), "script", Term::text(script));
                let config = with(config, "label", Term::text("quiet"));
                let meta = Term::object([("note", Term::text("hear")), ("weight", Term::Null)]);
                let mut call = Call::new(Rpc::ReadData, name).with(Slot::Config, config);
                call.may_defer = may_defer;
                calls.push(call.clone());
                calls.push(call.with(Slot::Meta, meta));
            }
        }
    }
    calls
}

/// Ephemeral resources and actions by every script that they know.
fn short_lived(world: &World) -> Vec<Call> {
    let mut calls = Vec::new();
    let opens = ["", "open_defer", "open_error", "open_forever", "open_warn"];
    let plans = ["", "plan_defer", "plan_error", "plan_warn"];
    let invokes = ["", "invoke_error", "invoke_warn"];
    let rows: [(Rpc, _, &[&str]); 3] = [
        (Rpc::OpenEphemeral, &world.ephemeral, &opens),
        (Rpc::PlanAction, &world.actions, &plans),
        (Rpc::InvokeAction, &world.actions, &invokes),
    ];
    for (rpc, kinds, scripts) in rows {
        for (name, kind) in kinds {
            for script in scripts {
                for may_defer in [false, true] {
                    let config = with(nothing(&kind.members), "script", Term::text(script));
                    let mut call = Call::new(rpc, name).with(Slot::Config, config);
                    call.may_defer = may_defer;
                    calls.push(call);
                }
            }
        }
    }
    calls
}

/// An ephemeral resource that is open, by every script that its private state may hold.
fn kept_leases() -> Vec<Call> {
    let mut calls = Vec::new();
    for script in ["", "renew_error", "renew_warn", "close_error", "close_warn"] {
        for rpc in [Rpc::RenewEphemeral, Rpc::CloseEphemeral] {
            let mut call = Call::new(rpc, "conform_lease");
            call.private = kept(script);
            calls.push(call);
        }
    }
    calls
}

/// The private state that an open ephemeral resource has left.
pub(crate) fn kept(script: &str) -> Vec<u8> {
    let script = serde_json::Value::from(script).to_string();
    private_bytes(&Answer {
        private: [("script".to_owned(), script)].into(),
        ..Answer::default()
    })
}

fn older_states() -> Vec<Call> {
    let mut calls = Vec::new();
    for text in [
        r#"{"title":"old","script":null}"#,
        r#"{"title":5}"#,
        "{}",
        "[",
    ] {
        for version in 0..4 {
            let mut call = Call::new(Rpc::Upgrade, "conform_versioned");
            call.version = version;
            text.clone_into(&mut call.text);
            calls.push(call);
        }
    }
    calls
}

fn joins() -> Vec<Call> {
    let rows: [&[&str]; 4] = [&["-"], &["-", "a", "b"], &["-", "a", ""], &["error", "a"]];
    let calls = rows.map(|texts| {
        let texts = texts.iter();
        texts.fold(Call::new(Rpc::CallFunction, "join"), |call, text| {
            call.with(Slot::Argument, Term::text(text))
        })
    });
    calls.into()
}

/// Two elements of a set of which one has by default what the other says.
fn equal_elements(world: &World) -> Option<Call> {
    let name = "conform_nested";
    let kind = world.resources.get(name)?;
    let element = |count: Term| {
        Term::object([
            ("count", count),
            ("id", Term::Null),
            ("name", Term::text("a")),
            ("note", Term::Null),
            ("stamp", Term::Null),
        ])
    };
    let set = Term::set(vec![element(Term::Null), element(Term::number("1"))]);
    let config = with(nothing(&kind.members), "set", set);
    Some(plan(name, kind, Term::Null, config))
}
