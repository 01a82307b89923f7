//! Defaults that ours fills into states from before an attribute was added.

use tfplugin_rs::value::Type;

use super::Exchange;
use super::elements::with_defaults;
use crate::answer::Difference;
use crate::call::Rpc;
use crate::term::Term;

/// True for exactly the declared default, where the stored state has nothing.
pub(super) fn default_in_state(exchange: &Exchange<'_>, difference: &Difference) -> bool {
    let Difference::Value(place) = difference else {
        return false;
    };
    if exchange.call.rpc != Rpc::Upgrade {
        return false;
    }
    if let (Term::Set(stored), Term::Set(_)) = (&place.reference, &place.ours) {
        return Term::set(with_defaults(stored)) == place.ours;
    }
    let path = place.path.strip_prefix("state.").unwrap_or_default();
    let default = declared(&exchange.call.subject, path);
    place.reference.is_null()
        && default.as_ref() == Some(&place.ours)
        && has_nothing(&exchange.call.text, path)
}

/// What both providers declare.
fn declared(subject: &str, path: &str) -> Option<Term> {
    let name = path.rsplit('.').next().unwrap_or_default();
    let texts = || ["a", "b"].map(Term::text).to_vec();
    Some(match (subject, name) {
        ("conform_blocks" | "conform_nested", "count") | ("conform_wide", _)
            if name == "count" || name.starts_with("number_") =>
        {
            Term::number("1")
        }
        ("conform_nested", "kind") => Term::text("plain"),
        ("conform_nested", "list_default") => Term::List(vec![Term::object([
            ("name", Term::text("d")),
            ("size", Term::Null),
        ])]),
        ("conform_collections", "dynamic_default") => {
            Term::Dynamic(Box::new((Type::String, Term::text("a"))))
        }
        ("conform_collections", "list_default") => Term::List(texts()),
        ("conform_collections", "map_default") => Term::object([("k", Term::text("a"))]),
        ("conform_collections", "set_default") => Term::set(texts()),
        ("conform_scalars", "bool_default") => Term::Bool(true),
        ("conform_scalars", "float_default") => Term::number("0.5"),
        ("conform_scalars", "int_default") => Term::number("5"),
        ("conform_scalars", "number_default") => Term::number("12345678901234567890.5"),
        ("conform_scalars", "small_default") => Term::number("-5"),
        ("conform_scalars", "string_default") => Term::text("d"),
        _ => return None,
    })
}

/// True if the JSON of a state has null at a path, or nothing.
fn has_nothing(json: &str, path: &str) -> bool {
    let Ok(state) = serde_json::from_str::<serde_json::Value>(json) else {
        return false;
    };
    let pointer = format!("/{}", path.replace(['.', '['], "/").replace(']', ""));
    let stored = state.pointer(&pointer);
    // A dynamic null brings its type all the same.
    stored.is_none_or(|stored| {
        stored.is_null() || stored.get("type").is_some() && stored["value"].is_null()
    })
}
