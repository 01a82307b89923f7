//! Validators and rules at their edges: just inside, just outside, null, unknown, and for rules every
//! combination of the attributes that they are about.

use tfplugin_rs::value::Type;

use crate::call::{Call, Rpc, Slot};
use crate::numbers::Declared;
use crate::schema::{Kind, Member, Shape, World};
use crate::tables::nothing;
use crate::term::Term;

/// Every request of these tables.
pub(crate) fn calls(world: &World) -> Vec<Call> {
    let mut calls = Vec::new();
    for name in ["conform_texts", "conform_numbers", "conform_sizes"] {
        if let Some(kind) = world.resources.get(name) {
            for member in &kind.members {
                let values = edges(member).into_iter();
                calls.extend(values.map(|value| validate(name, kind, &[(&member.name, value)])));
            }
        }
    }
    if let Some(kind) = world.resources.get("conform_numbers") {
        calls.extend(sums(kind));
    }
    for (name, groups) in COMBINED {
        if let Some(kind) = world.resources.get(name) {
            calls.extend(groups.iter().flat_map(|group| combined(name, kind, group)));
            calls.extend(
                ["items", "block"]
                    .iter()
                    .flat_map(|list| inside(name, kind, list)),
            );
        }
    }
    calls.extend(ruled_everywhere(world));
    calls.extend(arguments());
    calls
}

/// Attributes that are about each other, by resource.
const COMBINED: [(&str, &[&[&str]]); 2] = [
    (
        "conform_relations",
        &[
            &["one_a", "one_b", "one_c"],
            &["some_a", "some_b", "some_c"],
            &["plain", "either", "flag"],
            &["plain", "needs", "one"],
            &["plain", "either", "amount", "words"],
            &["one", "either", "any_of", "plain"],
            &["stored", "secret_wo"],
            &["all_of", "none_of", "items"],
            &["block", "items"],
        ],
    ),
    (
        "conform_ruled",
        &[
            &["a", "b", "c", "amount"],
            &["c", "d", "items"],
            &["d", "amount", "secret_wo"],
        ],
    ),
];

/// A configuration in which little is set.
fn config(kind: &Kind, set: &[(&str, Term)]) -> Term {
    let mut config = nothing(&kind.members);
    if let Term::Map(entries) = &mut config {
        for (name, value) in set {
            entries.insert((*name).to_owned(), value.clone());
        }
    }
    config
}

fn validate(name: &str, kind: &Kind, set: &[(&str, Term)]) -> Call {
    Call::new(Rpc::ValidateResource, name).with(Slot::Config, config(kind, set))
}

fn edges(member: &Member) -> Vec<Term> {
    match &member.shape {
        Shape::Plain(Type::String) => texts(),
        Shape::Plain(Type::Number) => numbers(&member.name),
        Shape::Plain(Type::List(ty)) => sized(&member.name, ty, Term::List),
        Shape::Plain(Type::Set(ty)) => sized(&member.name, ty, Term::set),
        Shape::Plain(Type::Map(ty)) => sized(&member.name, ty, keyed),
        _ => Vec::new(),
    }
}

/// Around the lengths that are bounds, in letters of one, two and four bytes; letters that mean the
/// same in another case, with and without the rules of a language; ends of lines; durations.
#[rustfmt::skip] // As many to a line as there is room for.
const TEXTS: &[&str] = &[
    "", "a", "b", "aa", "aaa", "aaaa", "aaaaa", "aaaaaa", "aaaaaaa", "ü", "üü", "üüü", "üüüü",
    "üüüüü", "𝄞", "𝄞𝄞", "e\u{301}", "AB", "ab", "aB", "A", "ünï", "ÜNÏ", "SKS", "sks",
    "\u{212a}", "s\u{212a}ſ", "Σ", "ς", "I", "ı", "İ", "i\u{307}", "ß", "SS", "go", "go on",
    "let go", "gone", "ägo", "go!", "b\n", "a\nb\nc", "\n", "\r", "\0", "_a", "a_1", "1a", "a-",
    "ä1", "no a", "1h", "1h30m", "-1h", "+1h", "1d", "1.5h", ".5s", "1.s", "5", "0", "1us",
    "1µs", "1μs", "2540400h", "2562048h", "9223372036854775807ns", "9223372036854775808ns",
    "1e3s", "1h ", " 1h", "1H", "1h-1m",
];

fn texts() -> Vec<Term> {
    TEXTS.iter().map(|text| Term::text(text)).collect()
}

fn numbers(name: &str) -> Vec<Term> {
    let declared = Declared::of(name);
    let texts = [
        "-1",
        "0",
        "1",
        "2",
        "6",
        "7",
        "8",
        "9",
        "10",
        "11",
        "0.5",
        "0.4999999999999999",
        "0.5000000000000001",
        "0.50000000000000000000001",
        "-0.5",
        "-0.50000001",
        "-0.50000000000000000000001",
        "0.1",
        "0.09999999999999999",
        "0.10000000000000002",
        "0.10000000000000000000001",
        "0.100000001",
        "9.99",
        "10.01",
        "12345678901234567890.5",
        "12345678901234567890.25",
        "9223372036854775807",
        "9223372036854775806",
        "3.4028234663852886e38",
        "3.40282356e38",
        "1.5e-45",
        "16777217",
        "1e-5",
    ];
    let terms = texts.iter().map(|text| Term::number(text));
    let taken = terms.filter(|term| matches!(term, Term::Number(number) if declared.takes(number)));
    let misfits = declared.misfits().iter().map(|text| Term::number(text));
    taken.chain(misfits).collect()
}

/// Collections of up to three elements, with elements twice, null and unknown.
fn sized(name: &str, ty: &Type, collect: fn(Vec<Term>) -> Term) -> Vec<Term> {
    let inner = match ty {
        Type::String => ["a", "b", "long", "abc", "", "l"].map(Term::text).to_vec(),
        Type::Number => numbers(name),
        Type::List(_) => {
            let row =
                |texts: &[&str]| Term::List(texts.iter().map(|text| Term::text(text)).collect());
            vec![row(&["a"]), row(&[]), row(&["a", "b"]), row(&["b"])]
        }
        _ => return Vec::new(),
    };
    let (a, b, c) = (&inner[0], &inner[1], &inner[2]);
    let (null, open) = (&Term::Null, &Term::unknown());
    let rows: [&[&Term]; 16] = [
        &[],
        &[a],
        &[a, b],
        &[a, b, c],
        &[a, a],
        &[a, b, a],
        &[a, a, b, b],
        &[null],
        &[null, null],
        &[a, null],
        &[open],
        &[open, open],
        &[a, open],
        &[a, b, open],
        &[a, open, a],
        &[null, open],
    ];
    let rows = rows
        .iter()
        .map(|row| row.iter().copied().cloned().collect());
    let single = inner.iter().map(|element| vec![element.clone()]);
    rows.chain(single).map(collect).collect()
}

fn keyed(elements: Vec<Term>) -> Term {
    Term::object(["a", "l", "four", "fives", ""].into_iter().zip(elements))
}

/// Sums of integers that are set, null and unknown, and one that 64 bits do not hold.
fn sums(kind: &Kind) -> Vec<Call> {
    let beyond = [
        ("int_addend_a", Term::number("9223372036854775807")),
        ("int_addend_b", Term::number("1")),
        ("int_sum_least", Term::number("0")),
    ];
    let values = [
        Term::Null,
        Term::unknown(),
        Term::number("0"),
        Term::number("3"),
        Term::number("4"),
        Term::number("-4"),
        Term::number("7"),
    ];
    let mut calls = vec![validate("conform_numbers", kind, &beyond)];
    for sum in &values {
        for a in &values {
            for b in &values {
                let set =
                    ["int_sum", "int_sum_least", "int_sum_most"].map(|name| (name, sum.clone()));
                let addends = [("int_addend_a", a.clone()), ("int_addend_b", b.clone())];
                let all: Vec<_> = set.into_iter().chain(addends).collect();
                calls.push(validate("conform_numbers", kind, &all));
            }
        }
    }
    calls
}

/// Each of the attributes null, unknown and set.
fn combined(name: &str, kind: &Kind, group: &[&str]) -> Vec<Call> {
    let mut rows: Vec<Vec<(&str, Term)>> = vec![Vec::new()];
    for attribute in group {
        let Some(member) = kind.members.iter().find(|member| member.name == *attribute) else {
            continue;
        };
        let values = states(member);
        let longer = rows.iter().flat_map(|row| {
            values.iter().map(|value| {
                let mut row = row.clone();
                row.push((attribute, value.clone()));
                row
            })
        });
        rows = longer.collect();
    }
    let calls = rows.iter().flat_map(|row| {
        let call = validate(name, kind, row);
        let mut stored = call.clone();
        stored.knows_write_only = false;
        let is_about_it = group.contains(&"secret_wo");
        std::iter::once(call).chain(is_about_it.then_some(stored))
    });
    calls.collect()
}

fn states(member: &Member) -> Vec<Term> {
    use crate::schema::Role::Block;
    let item = |name: Term| {
        let Shape::Nested(_, members) = &member.shape else {
            return Term::Null;
        };
        let mut object = nothing(members);
        if let Term::Map(entries) = &mut object {
            entries.insert("name".to_owned(), name);
        }
        object
    };
    let list = |names: &[Term]| Term::List(names.iter().cloned().map(item).collect());
    let (null, a, open) = (Term::Null, Term::text("a"), Term::unknown());
    let lists = || {
        vec![
            list(&[]),
            list(std::slice::from_ref(&null)),
            list(&[a.clone(), null.clone()]),
            list(&[a.clone(), open.clone()]),
            list(&[open.clone(), null.clone()]),
        ]
    };
    let set = match &member.shape {
        Shape::Nested(_, _) if member.role == Block => return lists(),
        Shape::Nested(tfplugin_rs::schema::Nesting::List, _) => lists(),
        Shape::Nested(..) => vec![item(a.clone())],
        Shape::Plain(Type::Bool) => vec![Term::Bool(false)],
        Shape::Plain(Type::Number) => vec![Term::number("0")],
        Shape::Plain(Type::List(_)) => vec![Term::List(Vec::new())],
        Shape::Plain(_) => vec![a.clone(), Term::text("")],
    };
    set.into_iter()
        .chain([Term::Null, Term::unknown()])
        .collect()
}

/// The attributes of two elements against each other.
fn inside(name: &str, kind: &Kind, list: &str) -> Vec<Call> {
    let member = kind.members.iter().find(|member| member.name == list);
    let Some(Shape::Nested(_, members)) = member.map(|member| &member.shape) else {
        return Vec::new();
    };
    let states = [Term::Null, Term::unknown(), Term::text("a")];
    let mut calls = Vec::new();
    for inner in &states {
        for other in &states {
            for outer in &states {
                let mut object = nothing(members);
                if let Term::Map(entries) = &mut object {
                    for (name, value) in entries.iter_mut() {
                        *value = if name == "name" {
                            inner.clone()
                        } else {
                            other.clone()
                        };
                    }
                }
                let elements = Term::List(vec![nothing(members), object]);
                let plain = kind.members.iter().any(|member| member.name == "plain");
                let set = [(list, elements), ("plain", outer.clone())];
                calls.push(validate(name, kind, &set[..1 + usize::from(plain)]));
            }
        }
    }
    calls
}

/// The rules that every kind of configuration has.
fn ruled_everywhere(world: &World) -> Vec<Call> {
    let states = [Term::Null, Term::unknown(), Term::text("a")];
    let mut kinds = vec![(Rpc::ValidateProvider, "", &world.provider)];
    for (rpc, all) in [
        (Rpc::ValidateData, &world.data_sources),
        (Rpc::ValidateEphemeral, &world.ephemeral),
        (Rpc::ValidateAction, &world.actions),
        (Rpc::ValidateList, &world.lists),
    ] {
        kinds.extend(all.iter().map(|(name, kind)| (rpc, name.as_str(), kind)));
    }
    let mut calls = Vec::new();
    for (rpc, name, kind) in kinds {
        for a in &states {
            for b in &states {
                for c in &states {
                    let set = [("rule_a", a), ("rule_b", b), ("rule_c", c)];
                    let set = set.map(|(name, value)| (name, value.clone()));
                    calls.push(Call::new(rpc, name).with(Slot::Config, config(kind, &set)));
                }
            }
        }
    }
    calls
}

/// One argument after the other at its edges, and two that are wrong at once.
fn arguments() -> Vec<Call> {
    let list = |texts: &[&str]| Term::List(texts.iter().map(|text| Term::text(text)).collect());
    let map = |texts: &[&str]| keyed(texts.iter().map(|text| Term::text(text)).collect());
    let good = [
        Term::text("a"),
        Term::number("5"),
        Term::Null,
        Term::number("0"),
        list(&[]),
        map(&[]),
        Term::set(Vec::new()),
    ];
    let (null, open) = (Term::Null, Term::unknown());
    let rows: [(usize, Vec<Term>); 8] = [
        (0, [texts(), vec![null.clone(), open.clone()]].concat()),
        (1, numbers("int")),
        (2, [numbers("float_"), vec![null]].concat()),
        (3, numbers("number")),
        (
            4,
            vec![
                list(&["a"]),
                list(&["a", "b"]),
                Term::List(vec![open.clone()]),
                open,
            ],
        ),
        (5, vec![map(&["a"]), map(&["a", "b"])]),
        (6, vec![Term::set(vec![Term::text("a")])]),
        (7, texts()),
    ];
    let call = |arguments: &[Term]| {
        let mut call = Call::new(Rpc::CallFunction, "checked");
        call.values = arguments
            .iter()
            .map(|value| (Slot::Argument, value.clone()))
            .collect();
        call
    };
    let mut calls = vec![call(&good)];
    for (at, values) in rows {
        for value in values {
            let mut arguments = good.to_vec();
            match arguments.get_mut(at) {
                Some(argument) => *argument = value,
                None => arguments.extend([Term::text("go"), value]),
            }
            calls.push(call(&arguments));
            arguments[0] = Term::text("too long");
            calls.push(call(&arguments));
        }
    }
    calls
}
