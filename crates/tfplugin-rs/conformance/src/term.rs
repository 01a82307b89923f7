//! Values as the driver sees them, and where two of them differ.

use std::collections::BTreeMap;
use std::fmt;

use tfplugin_rs::value::Type;

use crate::decimal::Decimal;

/// One value of the wire.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Term {
    Bool(bool),
    /// Cannot be read as the type it should have; says why. Written, it is garbage.
    Broken(String),
    /// A value that brings its type.
    Dynamic(Box<(Type, Term)>),
    /// Lists and tuples.
    List(Vec<Term>),
    /// Maps and objects.
    Map(BTreeMap<String, Term>),
    Null,
    Number(Decimal),
    /// Sorted by their text, so that order makes no difference.
    Set(Vec<Term>),
    Text(String),
    /// With what is known about the value all the same, by the codes of the protocol.
    Unknown(BTreeMap<i64, String>),
}

impl Term {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub(crate) fn number(text: &str) -> Self {
        Decimal::parse(text).map_or_else(|| Self::Broken(text.to_owned()), Self::Number)
    }

    pub(crate) const fn unknown() -> Self {
        Self::Unknown(BTreeMap::new())
    }

    /// A set; equal elements are one, as Terraform would have it, unless something in them is still
    /// unknown.
    pub(crate) fn set(mut elements: Vec<Self>) -> Self {
        elements.sort_by_cached_key(ToString::to_string);
        elements.dedup_by(|a, b| a == b && a.is_wholly_known());
        Self::Set(elements)
    }

    pub(crate) fn object<'a>(attributes: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        let owned = attributes.into_iter().map(|(k, v)| (k.to_owned(), v));
        Self::Map(owned.collect())
    }

    pub(crate) fn get(&self, name: &str) -> &Self {
        match self {
            Self::Map(entries) => entries.get(name).unwrap_or(&Self::Null),
            _ => &Self::Null,
        }
    }

    /// What is at a path of [`unequal`] without its first name; null where there is nothing.
    pub(crate) fn at(&self, path: &str) -> &Self {
        let path = path.strip_prefix('.').unwrap_or(path);
        if path.is_empty() {
            return self;
        }
        if let Some((index, rest)) = path.strip_prefix('[').and_then(|path| path.split_once(']')) {
            let index: usize = index.parse().unwrap_or(usize::MAX);
            return self
                .elements()
                .get(index)
                .map_or(&Self::Null, |e| e.at(rest));
        }
        let (name, rest) = path.split_at(path.find(['.', '[']).unwrap_or(path.len()));
        self.get(name).at(rest)
    }

    pub(crate) fn elements(&self) -> &[Self] {
        match self {
            Self::List(elements) | Self::Set(elements) => elements,
            _ => &[],
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Dynamic(dynamic) => dynamic.1.is_null(),
            _ => false,
        }
    }

    pub(crate) fn is_unknown(&self) -> bool {
        match self {
            Self::Unknown(_) => true,
            Self::Dynamic(dynamic) => dynamic.1.is_unknown(),
            _ => false,
        }
    }

    pub(crate) fn is_wholly_known(&self) -> bool {
        !self.any(&|term| matches!(term, Self::Unknown(_)))
    }

    /// True if `holds` for the term or anything in it.
    pub(crate) fn any(&self, holds: &dyn Fn(&Self) -> bool) -> bool {
        holds(self)
            || match self {
                Self::List(elements) | Self::Set(elements) => {
                    elements.iter().any(|element| element.any(holds))
                }
                Self::Map(entries) => entries.values().any(|value| value.any(holds)),
                Self::Dynamic(dynamic) => dynamic.1.any(holds),
                _ => false,
            }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, elements: &[Self]| {
            for (i, element) in elements.iter().enumerate() {
                write!(f, "{}{element}", if i == 0 { "" } else { ", " })?;
            }
            Ok(())
        };
        match self {
            Self::Bool(truth) => truth.fmt(f),
            Self::Broken(why) => write!(f, "<broken: {why}>"),
            Self::Dynamic(dynamic) => write!(f, "dynamic({}, {})", dynamic.0, dynamic.1),
            Self::Null => f.write_str("null"),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Unknown(about) if about.is_empty() => f.write_str("unknown"),
            Self::Unknown(about) => write!(f, "unknown{about:?}"),
            Self::List(elements) => {
                f.write_str("[")?;
                list(f, elements)?;
                f.write_str("]")
            }
            Self::Set(elements) => {
                f.write_str("set(")?;
                list(f, elements)?;
                f.write_str(")")
            }
            Self::Map(entries) => {
                f.write_str("{")?;
                for (i, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key} = {value}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
        }
    }
}

/// One place where two values differ.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unequal {
    pub(crate) path: String,
    pub(crate) reference: Term,
    pub(crate) ours: Term,
}

/// Every place where two values differ; sets differ as a whole.
pub(crate) fn unequal(path: &str, reference: &Term, ours: &Term, found: &mut Vec<Unequal>) {
    match (reference, ours) {
        (a, b) if a == b => {}
        (Term::Map(a), Term::Map(b)) if a.keys().eq(b.keys()) => {
            for ((key, a), b) in a.iter().zip(b.values()) {
                unequal(&format!("{path}.{key}"), a, b, found);
            }
        }
        (Term::List(a), Term::List(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                unequal(&format!("{path}[{i}]"), a, b, found);
            }
        }
        (a, b) => found.push(Unequal {
            path: path.to_owned(),
            reference: a.clone(),
            ours: b.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_found_where_they_are() {
        let a = Term::object([
            ("l", Term::List(vec![Term::text("x"), Term::Null])),
            ("s", Term::set(vec![Term::text("b"), Term::text("a")])),
        ]);
        let b = Term::object([
            ("l", Term::List(vec![Term::text("x"), Term::unknown()])),
            ("s", Term::set(vec![Term::text("a"), Term::text("b")])),
        ]);
        let mut found = Vec::new();
        unequal("state", &a, &b, &mut found);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "state.l[1]");
    }

    #[test]
    fn sets_keep_unknowns_apart() {
        let twice = |term: Term| Term::set(vec![term.clone(), term]).elements().len();
        assert_eq!(twice(Term::text("a")), 1);
        assert_eq!(twice(Term::unknown()), 2);
    }
}
