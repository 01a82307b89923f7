//! Random values: configurations, states, and what does not fit anything.
//!
//! Values come from small pools, so that equal ones meet often: most rules are about what is the
//! same as before.

use std::collections::BTreeMap;

use tfplugin_rs::schema::Nesting;
use tfplugin_rs::value::Type;

use crate::codec::{NOT_NULL, PREFIX};
use crate::numbers::Declared;
use crate::random::Random;
use crate::schema::{Member, Role, Shape};
use crate::term::Term;

const TEXTS: [&str; 16] = [
    "",
    "a",
    "b",
    "go",
    "aa",
    "aaa",
    "aaaa",
    "aaaaa",
    "AB",
    "too long for five",
    "ünï",
    "d",
    "plain",
    "made",
    "x\ny",
    "7",
];
const WHOLE: [&str; 8] = ["0", "1", "-1", "5", "7", "10", "11", "-5"];
const NUMBERS: [&str; 14] = [
    "0.5",
    "0.1",
    "-1.5",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "12345678901234567890.5",
    "1e40",
    "1e-7",
    "3.14159265358979323846264338327950288",
    "1e308",
    "123456789012345678901234567890123456789012345678901234567890",
];
const KEYS: [&str; 4] = ["k", "l", "made", "with space"];

/// Integers that only just fit, and floats.
const INT32: [&str; 2] = ["2147483647", "-2147483648"];
const INT64: [&str; 3] = ["2147483648", "9223372036854775807", "-9223372036854775808"];
const HALVES: [&str; 6] = ["0.5", "0.1", "-0.5", "-1.5", "3.25", "3.4e38"];
const FLOATS: [&str; 6] = ["0.5", "0.1", "-1.5", "1e-7", "1e308", "3.25"];

/// What timeouts say: durations of Go, and now and then something else.
const DURATIONS: [&str; 9] = [
    "30s", "1h", "90m", "2h45m", "1.5h", "0", "250ms", "+1m", "1h0m0.5s",
];
const NO_DURATIONS: [&str; 5] = ["soon", "1d", "5", "", "-30s"];

/// What the attribute `script` may say. Most others say nothing to a provider.
const SCRIPTS: [&str; 48] = [
    "apply_change",
    "apply_error",
    "apply_meta",
    "apply_shout",
    "identity_none",
    "identity_other",
    "list_anonymous",
    "list_bare",
    "list_end_error",
    "list_error",
    "list_warn",
    "open_defer",
    "plan_defer",
    "plan_meta",
    "read_defer",
    "read_meta",
    "read_shout",
    "apply_private",
    "apply_save_error",
    "apply_unknown",
    "apply_warn",
    "configure_error",
    "configure_warn",
    "delete_error",
    "delete_warn",
    "destroy_error",
    "destroy_warn",
    "plan_error",
    "plan_private",
    "plan_replace",
    "plan_set",
    "plan_warn",
    "read_drift",
    "read_error",
    "read_gone",
    "read_private",
    "read_warn",
    "close_error",
    "close_warn",
    "invoke_error",
    "invoke_warn",
    "open_error",
    "open_forever",
    "open_warn",
    "renew_error",
    "renew_warn",
    "validate_error",
    "validate_warn",
];

/// What a value may hold besides known values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certainty {
    Known,
    /// Unknown values too, with and without refinements.
    Open,
}

/// True for the attributes of timeouts.
fn is_limit(name: &str) -> bool {
    ["create", "delete", "read", "update"].contains(&name)
}

/// A value of an attribute without numbers that the attribute does not take.
fn fitting(name: &str, value: Term) -> Term {
    let each = |elements: Vec<Term>| elements.into_iter().map(|e| fitting(name, e)).collect();
    match value {
        Term::Number(number) if !Declared::of(name).takes(&number) => Term::number("7"),
        Term::List(elements) => Term::List(each(elements)),
        Term::Set(elements) => Term::set(each(elements)),
        Term::Map(entries) => {
            let entries = entries.into_iter();
            Term::Map(entries.map(|(key, e)| (key, fitting(name, e))).collect())
        }
        value => value,
    }
}

/// Makes values.
pub(crate) struct Generate<'r> {
    pub(crate) random: &'r mut Random,
}

impl Generate<'_> {
    /// A configuration. In so many of a hundred places something is unknown.
    pub(crate) fn config(&mut self, members: &[Member], certainty: Certainty) -> Term {
        let each = members.iter().map(|member| {
            let value = self.configured(member, certainty);
            (member.name.clone(), value)
        });
        Term::Map(each.collect())
    }

    fn configured(&mut self, member: &Member, certainty: Certainty) -> Term {
        if member.name == "script" {
            return self.script();
        }
        match member.role {
            Role::Computed => return Term::Null,
            Role::Optional | Role::OptionalComputed | Role::WriteOnly if self.random.chance(45) => {
                return Term::Null;
            }
            _ => {}
        }
        let is_block = member.role == Role::Block;
        if certainty == Certainty::Open && !is_block && self.random.chance(10) {
            return self.unknown(&member.ty());
        }
        match &member.shape {
            Shape::Plain(Type::String) if is_limit(&member.name) => self.duration(10),
            Shape::Plain(ty) => self.plain(&member.name, ty, certainty),
            Shape::Nested(nesting, members) => {
                self.nested(*nesting, members, is_block, &mut |g, m| {
                    g.config(m, certainty)
                })
            }
        }
    }

    /// A state: everything known, what is write-only null.
    pub(crate) fn state(&mut self, members: &[Member]) -> Term {
        let each = members.iter().map(|member| {
            let value = match member.role {
                _ if member.name == "script" => match self.script() {
                    Term::Unknown(_) => Term::Null,
                    script => script,
                },
                Role::WriteOnly => Term::Null,
                Role::Optional if self.random.chance(45) => Term::Null,
                Role::Computed | Role::OptionalComputed if self.random.chance(20) => Term::Null,
                _ => match &member.shape {
                    Shape::Plain(ty) => self.plain(&member.name, ty, Certainty::Known),
                    Shape::Nested(nesting, members) => {
                        let is_block = member.role == Role::Block;
                        self.nested(*nesting, members, is_block, &mut |g, m| g.state(m))
                    }
                },
            };
            (member.name.clone(), value)
        });
        Term::Map(each.collect())
    }

    /// The configuration that may have led to `state`, with a few changes.
    pub(crate) fn config_near(
        &mut self,
        members: &[Member],
        state: &Term,
        certainty: Certainty,
    ) -> Term {
        let changes = 100 * self.random.below(4) / members.len().max(1);
        let each = members.iter().map(|member| {
            let value = if self.random.chance(changes) {
                self.configured(member, certainty)
            } else {
                self.back(member, state.get(&member.name), certainty)
            };
            (member.name.clone(), value)
        });
        Term::Map(each.collect())
    }

    /// What was configured, if the state has come to be `state`.
    fn back(&mut self, member: &Member, state: &Term, certainty: Certainty) -> Term {
        match (&member.shape, member.role) {
            (_, Role::Computed) => Term::Null,
            (_, Role::OptionalComputed) if self.random.chance(50) => Term::Null,
            (Shape::Plain(ty), Role::WriteOnly) if self.random.chance(60) => {
                self.plain(&member.name, ty, certainty)
            }
            (Shape::Plain(_), _) => state.clone(),
            (Shape::Nested(nesting, members), _) => match (nesting, state) {
                (Nesting::Single, Term::Map(_)) => self.config_near(members, state, certainty),
                (Nesting::Map, Term::Map(entries)) => {
                    let each = entries.iter();
                    Term::Map(
                        each.map(|(key, e)| (key.clone(), self.config_near(members, e, certainty)))
                            .collect(),
                    )
                }
                (Nesting::List, Term::List(elements)) => {
                    let each = elements.iter();
                    Term::List(
                        each.map(|e| self.config_near(members, e, certainty))
                            .collect(),
                    )
                }
                (Nesting::Set, Term::Set(elements)) => {
                    let each = elements.iter();
                    Term::set(
                        each.map(|e| self.config_near(members, e, certainty))
                            .collect(),
                    )
                }
                _ => Term::Null,
            },
        }
    }

    fn nested(
        &mut self,
        nesting: Nesting,
        members: &[Member],
        is_block: bool,
        object: &mut dyn FnMut(&mut Self, &[Member]) -> Term,
    ) -> Term {
        let count = self.random.below(3);
        match nesting {
            Nesting::Single if is_block && self.random.chance(30) => Term::Null,
            Nesting::Single => object(self, members),
            Nesting::List => Term::List((0..count).map(|_| object(self, members)).collect()),
            Nesting::Set => Term::set((0..count).map(|_| object(self, members)).collect()),
            Nesting::Map => Term::Map(
                (0..count)
                    .map(|_| (self.key(), object(self, members)))
                    .collect(),
            ),
        }
    }

    /// A value of a type.
    pub(crate) fn value(&mut self, ty: &Type, certainty: Certainty, depth: usize) -> Term {
        if depth > 0 && certainty == Certainty::Open && self.random.chance(6) {
            return self.unknown(ty);
        }
        let count = self.random.below(3);
        let inner = depth + 1;
        match ty {
            Type::Bool => Term::Bool(self.random.chance(50)),
            Type::Number if self.random.chance(75) => Term::number(self.random.text(&WHOLE)),
            Type::Number => Term::number(self.random.text(&NUMBERS)),
            Type::String => Term::text(self.random.text(&TEXTS)),
            Type::List(ty) => Term::List(
                (0..count)
                    .map(|_| self.value(ty, certainty, inner))
                    .collect(),
            ),
            Type::Set(ty) => Term::set(
                (0..count)
                    .map(|_| self.value(ty, certainty, inner))
                    .collect(),
            ),
            Type::Map(ty) => Term::Map(
                (0..count)
                    .map(|_| (self.key(), self.value(ty, certainty, inner)))
                    .collect(),
            ),
            Type::Tuple(types) => {
                let types = types.iter();
                Term::List(types.map(|ty| self.value(ty, certainty, inner)).collect())
            }
            Type::Object(object) => {
                let each = object.iter().map(|(name, ty)| {
                    let value = match self.random.chance(20) {
                        true => Term::Null,
                        false => self.value(ty, certainty, inner),
                    };
                    (name.to_owned(), value)
                });
                Term::Map(each.collect())
            }
            Type::Dynamic => {
                let ty = self.ty(0);
                let value = match self.random.below(12) {
                    0 => Term::Null,
                    1 if certainty == Certainty::Open => Term::unknown(),
                    _ => self.value(&ty, certainty, inner),
                };
                Term::Dynamic(Box::new((ty, value)))
            }
        }
    }

    /// A value that an attribute of this name and type takes.
    pub(crate) fn plain(&mut self, name: &str, ty: &Type, certainty: Certainty) -> Term {
        match ty {
            Type::Number => self.number(name),
            Type::String if name == "duration" || is_limit(name) => self.duration(0),
            ty => fitting(name, self.value(ty, certainty, 0)),
        }
    }

    /// A number that the attribute takes.
    fn number(&mut self, name: &str) -> Term {
        let odd: &[&str] = match Declared::of(name) {
            Declared::Any => &NUMBERS,
            Declared::Float32 => &HALVES,
            Declared::Float64 => &FLOATS,
            Declared::Int32 => &INT32,
            Declared::Int64 => &INT64,
        };
        match self.random.chance(20) {
            true => Term::number(self.random.text(odd)),
            false => Term::number(self.random.text(&WHOLE)),
        }
    }

    /// A duration; in so many of a hundred cases something else.
    fn duration(&mut self, odd_percent: usize) -> Term {
        match self.random.chance(odd_percent) {
            true => Term::text(self.random.text(&NO_DURATIONS)),
            false => Term::text(self.random.text(&DURATIONS)),
        }
    }

    /// A number somewhere inside becomes one that its attribute does not take, if there is one.
    pub(crate) fn with_odd_number(&mut self, term: &Term) -> Term {
        let Term::Map(entries) = term else {
            return term.clone();
        };
        let misfits = |name: &str| Declared::of(name).misfits();
        let odd = entries
            .iter()
            .filter(|(name, value)| matches!(value, Term::Number(_)) && !misfits(name).is_empty());
        let names: Vec<_> = odd.map(|(name, _)| name.clone()).collect();
        let mut entries = entries.clone();
        if !names.is_empty() {
            let name = self.random.pick(&names).clone();
            let number = Term::number(self.random.text(misfits(&name)));
            entries.insert(name, number);
        }
        Term::Map(entries)
    }

    fn ty(&mut self, depth: usize) -> Type {
        let simple = [Type::Bool, Type::Number, Type::String];
        if depth > 1 || self.random.chance(50) {
            return self.random.pick(&simple).clone();
        }
        let inner = self.ty(depth + 1);
        match self.random.below(5) {
            0 => Type::list(inner),
            1 => Type::set(inner),
            2 => Type::map(inner),
            3 => Type::tuple([inner, self.ty(depth + 1)]),
            _ => Type::object([("a", inner), ("b", self.ty(depth + 1))]),
        }
    }

    fn unknown(&mut self, ty: &Type) -> Term {
        let mut about = BTreeMap::new();
        if self.random.chance(30) && *ty != Type::Dynamic {
            about.insert(NOT_NULL, "true".to_owned());
            if *ty == Type::String && self.random.chance(50) {
                about.insert(PREFIX, "pre".to_owned());
            }
        }
        match ty {
            // cty says so of a value of which not even the type is known.
            Type::Dynamic => Term::unknown(),
            _ => Term::Unknown(about),
        }
    }

    fn key(&mut self) -> String {
        self.random.text(&KEYS).to_owned()
    }

    fn script(&mut self) -> Term {
        match self.random.below(100) {
            0..65 => Term::Null,
            65..68 => Term::unknown(),
            _ => Term::text(self.random.text(&SCRIPTS)),
        }
    }

    /// Breaks a value somewhere inside, so that it no longer fits its type.
    pub(crate) fn broken(&mut self, term: &Term) -> Term {
        let deeper = self.random.chance(75);
        match term {
            Term::Map(entries) if deeper && !entries.is_empty() => {
                let mut entries = entries.clone();
                let names: Vec<_> = entries.keys().cloned().collect();
                let name = self.random.pick(&names);
                let inner = self.broken(&entries[name]);
                entries.insert(name.clone(), inner);
                Term::Map(entries)
            }
            Term::List(elements) if deeper && !elements.is_empty() => {
                let at = self.random.below(elements.len());
                let mut elements = elements.clone();
                elements[at] = self.broken(&elements[at]);
                Term::List(elements)
            }
            Term::Map(entries) if self.random.chance(50) => {
                let mut entries = entries.clone();
                let first = entries.keys().next().cloned();
                match first {
                    Some(name) if self.random.chance(50) => drop(entries.remove(&name)),
                    _ => drop(entries.insert("no_such_attribute".to_owned(), Term::Null)),
                }
                Term::Map(entries)
            }
            _ => self.misfit(term),
        }
    }

    fn misfit(&mut self, term: &Term) -> Term {
        let misfits = [
            Term::Broken("\u{1}garbage".to_owned()),
            Term::text("not a number"),
            Term::List(vec![Term::Bool(true)]),
            Term::object([("other", Term::Null)]),
            Term::Bool(true),
            Term::number("5"),
        ];
        let other = misfits
            .iter()
            .filter(|misfit| std::mem::discriminant(*misfit) != std::mem::discriminant(term));
        let other: Vec<_> = other.collect();
        (*self.random.pick(&other)).clone()
    }
}
