//! Terms in MessagePack, by a codec that is not the one under examination.

use std::collections::BTreeMap;

use rmpv::Value as Wire;
use tfplugin_rs::proto::tfplugin6::DynamicValue;
use tfplugin_rs::value::Type;

use crate::decimal::Decimal;
use crate::term::Term;

/// Extension type of an unknown value about which something is known.
const REFINED: i8 = 12;

/// Refinements, by the protocol's codes.
pub(crate) const NOT_NULL: i64 = 1;
pub(crate) const PREFIX: i64 = 2;

/// A term as the protocol sends it.
pub(crate) fn write(term: &Term) -> DynamicValue {
    let mut bytes = Vec::new();
    match term {
        Term::Broken(text) => bytes.extend_from_slice(text.as_bytes()),
        term => append(&mut bytes, &wire(term)),
    }
    DynamicValue {
        msgpack: bytes.into(),
        json: Vec::new().into(),
    }
}

fn append(bytes: &mut Vec<u8>, wire: &Wire) {
    rmpv::encode::write_value(bytes, wire).expect("writing to memory does not fail");
}

fn wire(term: &Term) -> Wire {
    match term {
        Term::Null => Wire::Nil,
        Term::Bool(truth) => (*truth).into(),
        Term::Number(number) => number.to_wire(),
        Term::Text(text) => text.as_str().into(),
        // No type has keys that are no strings.
        Term::Broken(_) => Wire::Map(vec![(Wire::from(1), Wire::Nil)]),
        Term::Unknown(about) if about.is_empty() => Wire::Ext(0, vec![0]),
        Term::Unknown(about) => Wire::Ext(REFINED, refinements(about)),
        Term::List(elements) | Term::Set(elements) => {
            Wire::Array(elements.iter().map(wire).collect())
        }
        Term::Map(entries) => {
            let entries = entries.iter();
            Wire::Map(entries.map(|(k, v)| (k.as_str().into(), wire(v))).collect())
        }
        Term::Dynamic(dynamic) => Wire::Array(vec![
            Wire::Binary(dynamic.0.to_json_bytes()),
            wire(&dynamic.1),
        ]),
    }
}

fn refinements(about: &BTreeMap<i64, String>) -> Vec<u8> {
    let entries = about.iter().map(|(code, text)| {
        let value = match *code {
            NOT_NULL => Wire::from(text == "true"),
            _ => Wire::from(text.as_str()),
        };
        (Wire::from(*code), value)
    });
    let mut bytes = Vec::new();
    append(&mut bytes, &Wire::Map(entries.collect()));
    bytes
}

/// Reads an answer; nothing at all is null.
pub(crate) fn read(sent: Option<&DynamicValue>, ty: &Type) -> Term {
    let Some(sent) = sent else {
        return Term::Null;
    };
    if !sent.json.is_empty() {
        return Term::Broken("JSON in place of MessagePack".to_owned());
    }
    if sent.msgpack.is_empty() {
        return Term::Null;
    }
    let mut bytes: &[u8] = &sent.msgpack;
    match rmpv::decode::read_value(&mut bytes) {
        Ok(wire) if bytes.is_empty() => term(&wire, ty),
        Ok(_) => Term::Broken("bytes after the end".to_owned()),
        Err(error) => Term::Broken(error.to_string()),
    }
}

fn term(wire: &Wire, ty: &Type) -> Term {
    let broken = || Term::Broken(format!("{wire} as {ty}"));
    let each = |elements: &[Wire], ty: &Type| elements.iter().map(|e| term(e, ty)).collect();
    match (wire, ty) {
        (Wire::Array(pair), Type::Dynamic) => dynamic(pair).unwrap_or_else(broken),
        (Wire::Nil, _) => Term::Null,
        (Wire::Ext(REFINED, about), _) => refined(about).unwrap_or_else(broken),
        (Wire::Ext(..), _) => Term::unknown(),
        (Wire::Boolean(truth), Type::Bool) => Term::Bool(*truth),
        (Wire::String(text), Type::String) => match text.as_str() {
            Some(text) => Term::text(text),
            None => broken(),
        },
        (wire, Type::Number) => number(wire).map_or_else(broken, Term::Number),
        (Wire::Array(elements), Type::List(ty)) => Term::List(each(elements, ty)),
        (Wire::Array(elements), Type::Set(ty)) => Term::set(each(elements, ty)),
        (Wire::Array(elements), Type::Tuple(types)) if elements.len() == types.len() => {
            let pairs = elements.iter().zip(types.iter());
            Term::List(pairs.map(|(e, ty)| term(e, ty)).collect())
        }
        (Wire::Map(entries), Type::Map(ty)) => {
            let entries = entries.iter().map(|(k, v)| Some((name(k)?, term(v, ty))));
            entries
                .collect::<Option<_>>()
                .map_or_else(broken, Term::Map)
        }
        (Wire::Map(entries), Type::Object(object)) if entries.len() == object.names().len() => {
            let entries = entries.iter().map(|(k, v)| {
                let name = name(k)?;
                let (_, ty) = object.iter().find(|(known, _)| *known == name)?;
                Some((name, term(v, ty)))
            });
            entries
                .collect::<Option<_>>()
                .map_or_else(broken, Term::Map)
        }
        _ => broken(),
    }
}

fn name(key: &Wire) -> Option<String> {
    key.as_str().map(str::to_owned)
}

fn number(wire: &Wire) -> Option<Decimal> {
    match wire {
        Wire::Integer(int) => Decimal::parse(&int.to_string()),
        Wire::F32(float) => Decimal::from_f64(f64::from(*float)),
        Wire::F64(float) => Decimal::from_f64(*float),
        Wire::String(text) => Decimal::parse(text.as_str()?),
        _ => None,
    }
}

fn dynamic(pair: &[Wire]) -> Option<Term> {
    let [ty, value] = pair else { return None };
    let ty = Type::from_json_bytes(ty.as_slice()?).ok()?;
    let value = term(value, &ty);
    Some(Term::Dynamic(Box::new((ty, value))))
}

fn refined(about: &[u8]) -> Option<Term> {
    let mut bytes = about;
    let Ok(Wire::Map(entries)) = rmpv::decode::read_value(&mut bytes) else {
        return None;
    };
    let entries = entries.iter().map(|(code, value)| {
        let text = match value {
            Wire::String(text) => text.as_str()?.to_owned(),
            other => other.to_string(),
        };
        Some((code.as_i64()?, text))
    });
    entries.collect::<Option<_>>().map(Term::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let ty = Type::object([
            ("any", Type::Dynamic),
            ("m", Type::map(Type::set(Type::Number))),
            ("t", Type::String),
        ]);
        let set = Term::set(vec![Term::number("0.1"), Term::number("2")]);
        let pair = (Type::list(Type::Bool), Term::List(vec![Term::Bool(true)]));
        let value = Term::object([
            ("any", Term::Dynamic(Box::new(pair))),
            ("m", Term::object([("k", set)])),
            (
                "t",
                Term::Unknown([(NOT_NULL, "true".to_owned()), (PREFIX, "a".to_owned())].into()),
            ),
        ]);
        assert_eq!(read(Some(&write(&value)), &ty), value);
        assert_eq!(read(Some(&write(&Term::Null)), &ty), Term::Null);
        assert_eq!(read(None, &ty), Term::Null);
    }

    #[test]
    fn what_does_not_fit_is_broken() {
        for (value, ty) in [
            (Term::text("x"), Type::Number),
            (Term::text("x"), Type::Bool),
            (Term::List(vec![]), Type::map(Type::Bool)),
            (Term::object([]), Type::object([("a", Type::Bool)])),
            (Term::Broken("garbage".to_owned()), Type::Bool),
        ] {
            let read = read(Some(&write(&value)), &ty);
            assert!(matches!(read, Term::Broken(_)), "{value}: {read}");
        }
    }
}
