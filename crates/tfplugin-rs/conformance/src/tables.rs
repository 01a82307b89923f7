//! Edge cases by hand: each value for each attribute, in every situation that a plan can be in.

use tfplugin_rs::schema::Nesting;
use tfplugin_rs::value::Type;

use crate::call::{Call, Rpc, Slot};
use crate::features;
use crate::numbers::{Declared, has_misfit};
use crate::proposed::proposed;
use crate::schema::{Kind, Member, Role, Shape, World};
use crate::term::Term;

/// What a provider must be told before anything else.
pub(crate) fn configure(world: &World) -> Call {
    Call::new(Rpc::Configure, "").with(Slot::Config, nothing(&world.provider.members))
}

/// Every request of the tables.
pub(crate) fn calls(world: &World) -> Vec<Call> {
    let mut calls = Vec::new();
    for (name, kind) in &world.resources {
        // Of attributes that are numbered, one stands for all.
        let is_another = |member: &&Member| {
            let number = member.name.rsplit_once('_').map_or("", |(_, end)| end);
            !number.is_empty() && number != "00" && number.bytes().all(|b| b.is_ascii_digit())
        };
        for member in kind.members.iter().filter(|member| !is_another(member)) {
            for value in some_edges(name, member) {
                calls.extend(situations(name, kind, member, &value));
            }
        }
        calls.extend(whole(name, kind));
    }
    calls.extend(features::calls(world));
    calls
}

/// The resource with a model, which has no place for numbers that validation refuses.
pub(crate) const MODELLED: &str = "conform_modelled";

/// Resources that are about validation.
const VALIDATED: [&str; 5] = [
    "conform_numbers",
    "conform_relations",
    "conform_ruled",
    "conform_sizes",
    "conform_texts",
];

/// An object with nothing set but what must be.
pub(crate) fn nothing(members: &[Member]) -> Term {
    let each = members
        .iter()
        .map(|member| (member.name.clone(), least(member)));
    Term::Map(each.collect())
}

fn least(member: &Member) -> Term {
    match (&member.shape, member.role) {
        (Shape::Nested(Nesting::List, _), Role::Block) => Term::List(Vec::new()),
        (Shape::Nested(Nesting::Set, _), Role::Block) => Term::Set(Vec::new()),
        (Shape::Plain(ty), Role::Required) => some(ty),
        (Shape::Nested(nesting, members), Role::Required) => collected(*nesting, nothing(members)),
        _ => Term::Null,
    }
}

fn some(ty: &Type) -> Term {
    match ty {
        Type::Bool => Term::Bool(true),
        Type::Number => Term::number("1"),
        Type::String => Term::text("a"),
        Type::Dynamic => Term::Dynamic(Box::new((Type::Bool, Term::Bool(true)))),
        Type::List(ty) => Term::List(vec![some(ty)]),
        Type::Set(ty) => Term::set(vec![some(ty)]),
        Type::Map(ty) => Term::object([("k", some(ty))]),
        Type::Tuple(types) => Term::List(types.iter().map(some).collect()),
        Type::Object(object) => Term::object(object.iter().map(|(name, ty)| (name, some(ty)))),
    }
}

fn collected(nesting: Nesting, object: Term) -> Term {
    match nesting {
        Nesting::List => Term::List(vec![object]),
        Nesting::Set => Term::set(vec![object]),
        Nesting::Map => Term::object([("k", object)]),
        Nesting::Single => object,
    }
}

/// Where plan modifiers are all that matters, few values do.
fn some_edges(name: &str, member: &Member) -> Vec<Term> {
    let mut edges = edges(member);
    if name == "conform_keeping" && edges.len() > 6 {
        let ends = edges.split_off(edges.len() - 2);
        edges.truncate(4);
        edges.extend(ends);
    }
    edges
}

/// The values worth trying in a member: none, unknown, empty, the ends of ranges.
fn edges(member: &Member) -> Vec<Term> {
    let mut values = match &member.shape {
        Shape::Plain(Type::Number) => number_edges(&member.name),
        Shape::Plain(ty) => plain_edges(ty),
        Shape::Nested(nesting, members) => nested_edges(*nesting, members),
    };
    if member.role != Role::Block {
        values.extend([Term::Null, Term::unknown()]);
    }
    values
}

/// All edges of numbers that the attribute takes, and a few that it does not.
fn number_edges(name: &str) -> Vec<Term> {
    let declared = Declared::of(name);
    let edges = plain_edges(&Type::Number).into_iter();
    let taken = edges.filter(|edge| match edge {
        Term::Number(number) => declared.takes(number),
        _ => false,
    });
    let misfits = declared.misfits().iter().map(|text| Term::number(text));
    taken.chain(misfits).collect()
}

fn plain_edges(ty: &Type) -> Vec<Term> {
    let numbers = |texts: &[&str]| texts.iter().map(|text| Term::number(text)).collect();
    match ty {
        Type::Bool => vec![Term::Bool(true), Term::Bool(false)],
        Type::Number => numbers(&[
            "0",
            "1",
            "-1",
            "127",
            "128",
            "65536",
            "2147483647",
            "2147483648",
            "-2147483648",
            "-2147483649",
            "9007199254740993",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "-9223372036854775809",
            "18446744073709551615",
            "18446744073709551616",
            "0.5",
            "0.1",
            "-0.75",
            "1e100",
            "1e308",
            "1.7976931348623157e308",
            "1e309",
            "5e-324",
            "1e-400",
            "0.30000000000000000001",
            "12345678901234567890.5",
        ]),
        Type::String => {
            let texts = [
                "",
                "a",
                "b",
                "go",
                "ünï ☃ 𝄞",
                "line\nbreak\0nul",
                "aaaaa",
                "aaaaaa",
            ];
            texts.iter().map(|text| Term::text(text)).collect()
        }
        Type::List(ty) => collections(ty).into_iter().map(Term::List).collect(),
        Type::Set(ty) => collections(ty).into_iter().map(Term::set).collect(),
        Type::Map(ty) => {
            let entries = |elements: Vec<Term>| {
                let keys = ["", "k", "key with \"quotes\" and ☃", "long key"];
                Term::object(keys.into_iter().zip(elements))
            };
            collections(ty).into_iter().map(entries).collect()
        }
        Type::Dynamic => dynamics(),
        Type::Tuple(_) => vec![some(ty)],
        Type::Object(object) => {
            let with = |value: &dyn Fn(&Type) -> Term| {
                Term::object(object.iter().map(|(n, ty)| (n, value(ty))))
            };
            vec![
                with(&some),
                with(&|_| Term::Null),
                with(&|_| Term::unknown()),
            ]
        }
    }
}

/// Collections of few elements: none, one, two, and with null or unknown ones.
fn collections(ty: &Type) -> Vec<Vec<Term>> {
    let mut two = plain_edges(ty);
    two.truncate(2);
    vec![
        vec![],
        vec![some(ty)],
        two,
        vec![Term::Null],
        vec![Term::unknown()],
        vec![some(ty), Term::unknown()],
    ]
}

fn dynamics() -> Vec<Term> {
    let object = Type::object([("a", Type::String), ("b", Type::list(Type::Number))]);
    let types = [
        Type::Bool,
        Type::Number,
        Type::String,
        Type::list(Type::String),
        Type::set(Type::Number),
        Type::map(Type::Bool),
        Type::tuple([Type::String, Type::Number]),
        object,
    ];
    let known = types.iter().map(|ty| (ty.clone(), some(ty)));
    let null = types.iter().map(|ty| (ty.clone(), Term::Null));
    let unknown = types.iter().map(|ty| (ty.clone(), Term::unknown()));
    let empty = [
        (Type::tuple([]), Term::List(vec![])),
        (Type::list(Type::Dynamic), Term::List(vec![])),
    ];
    let all = known.chain(null).chain(unknown).chain(empty);
    all.map(|pair| Term::Dynamic(Box::new(pair))).collect()
}

fn nested_edges(nesting: Nesting, members: &[Member]) -> Vec<Term> {
    let bare = nothing(members);
    let full = Term::Map(
        members
            .iter()
            .map(|member| {
                let value = match (&member.shape, member.role) {
                    (_, Role::Computed) => Term::Null,
                    (Shape::Plain(ty), _) => some(ty),
                    (Shape::Nested(nesting, inner), _) => collected(*nesting, nothing(inner)),
                };
                (member.name.clone(), value)
            })
            .collect(),
    );
    match nesting {
        Nesting::Single => vec![bare, full],
        Nesting::List => vec![
            Term::List(vec![]),
            Term::List(vec![bare.clone()]),
            Term::List(vec![full.clone(), bare]),
            Term::List(vec![full.clone(), full]),
        ],
        Nesting::Set => vec![
            Term::set(vec![]),
            Term::set(vec![bare.clone()]),
            Term::set(vec![full, bare]),
        ],
        Nesting::Map => vec![
            Term::object([]),
            Term::object([("k", bare.clone())]),
            Term::object([("k", full), ("", bare)]),
        ],
    }
}

/// One value in a configuration: validated, planned for a new resource, for one that holds another
/// value, for one that holds the same, and applied.
///
/// What the schema refuses is validated alone, since nothing else follows on it; likewise the
/// resources that are about validation.
fn situations(name: &str, kind: &Kind, member: &Member, value: &Term) -> Vec<Call> {
    let set = |object: &Term, value: &Term| {
        let mut object = object.clone();
        if let Term::Map(entries) = &mut object {
            entries.insert(member.name.clone(), value.clone());
        }
        object
    };
    let bare = nothing(&kind.members);
    let mut calls = Vec::new();
    let config = match member.role {
        Role::Computed => bare.clone(),
        _ => set(&bare, value),
    };
    if member.role != Role::Computed {
        calls.push(Call::new(Rpc::ValidateResource, name).with(Slot::Config, config.clone()));
    }
    let is_null = member.role == Role::Required && value.is_null();
    let alone = Term::object([(member.name.as_str(), value.clone())]);
    let is_refused = is_null || (name == MODELLED && has_misfit(&alone));
    if is_refused || VALIDATED.contains(&name) {
        return calls;
    }
    let mut plan = |prior: Term, config: &Term| {
        let proposal = proposed(&kind.members, &prior, config);
        let call = Call::new(Rpc::Plan, name)
            .with(Slot::Config, config.clone())
            .with(Slot::Prior, prior)
            .with(Slot::Proposed, proposal);
        calls.push(call);
    };
    plan(Term::Null, &config);
    plan(bare.clone(), &config);
    if value.is_wholly_known() {
        let kept = match member.role {
            Role::WriteOnly => bare.clone(),
            _ => set(&bare, value),
        };
        plan(kept.clone(), &bare);
        plan(kept.clone(), &config);
        calls.push(Call::new(Rpc::Read, name).with(Slot::State, kept));
    }
    calls
}

/// Values that are wrong as a whole.
fn whole(name: &str, kind: &Kind) -> Vec<Call> {
    let bare = nothing(&kind.members);
    let wrong = [
        Term::Null,
        Term::unknown(),
        Term::text("x"),
        Term::List(vec![]),
        Term::object([]),
        Term::Broken("\u{c1}".to_owned()),
    ];
    let mut calls = Vec::new();
    for value in wrong {
        if !value.is_null() && !value.is_unknown() {
            // No configuration is that as a whole.
            calls.push(Call::new(Rpc::ValidateResource, name).with(Slot::Config, value.clone()));
        }
        if value.is_unknown() {
            // No state is.
            continue;
        }
        let plan = Call::new(Rpc::Plan, name)
            .with(Slot::Config, bare.clone())
            .with(Slot::Prior, value)
            .with(Slot::Proposed, bare.clone());
        calls.push(plan);
    }
    calls
}
