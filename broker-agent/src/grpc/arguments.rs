//! Typed arguments of the contract to and from the engine's.

use agent_api::Failure;
use agent_api::v1;
use agent_api::v1::value::Kind;
use broker_core::value::{Arguments, Value};

/// The engine's form; a value without content is refused by its name. Depth is bounded by the
/// decoder of the request, and more narrowly by the engine.
pub(super) fn to_engine(arguments: Option<v1::Arguments>) -> Result<Arguments, Failure> {
    to_engine_at(arguments, "arguments")
}

/// The same of an attribute of that name.
pub(super) fn to_engine_at(
    arguments: Option<v1::Arguments>,
    attribute: &str,
) -> Result<Arguments, Failure> {
    map(arguments.unwrap_or_default(), attribute)
}

/// The contract's form.
pub(super) fn to_contract(arguments: &Arguments) -> v1::Arguments {
    let values = arguments
        .iter()
        .map(|(name, value)| (name.clone(), shown(value)));
    v1::Arguments {
        values: values.collect(),
    }
}

fn map(arguments: v1::Arguments, path: &str) -> Result<Arguments, Failure> {
    arguments
        .values
        .into_iter()
        .map(|(name, value)| {
            let path = format!("{path}.{name}");
            Ok((name, one(value, &path)?))
        })
        .collect()
}

fn one(value: v1::Value, path: &str) -> Result<Value, Failure> {
    Ok(match value.kind {
        None => {
            let sentence = format!("{path} has no value");
            return Err(Failure::new(v1::Reason::Invalid, sentence).at(path));
        }
        Some(Kind::Null(_)) => Value::Null,
        Some(Kind::Boolean(value)) => Value::Bool(value),
        Some(Kind::Integer(value)) => Value::Int(value.into()),
        Some(Kind::Unsigned(value)) => Value::Int(value.into()),
        Some(Kind::Number(value)) => Value::Float(value),
        Some(Kind::Text(value)) => Value::Text(value),
        Some(Kind::Bytes(value)) => Value::Bytes(value.into()),
        Some(Kind::TimestampS(value)) => Value::Timestamp(value),
        Some(Kind::Decimal(v1::Decimal { scale, digits })) => {
            let scale = u8::try_from(scale).map_err(|_| {
                let sentence = format!("{path} has a decimal scale of {scale}; at most 255");
                Failure::new(v1::Reason::Invalid, sentence).at(path)
            })?;
            Value::Decimal { scale, digits }
        }
        Some(Kind::List(list)) => {
            let values = list.values.into_iter().enumerate();
            Value::List(
                values
                    .map(|(index, value)| one(value, &format!("{path}.{index}")))
                    .collect::<Result<_, _>>()?,
            )
        }
        Some(Kind::Map(arguments)) => Value::Map(map(arguments, path)?),
    })
}

fn shown(value: &Value) -> v1::Value {
    match value {
        Value::Null => Kind::Null(true).into(),
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => integer(*value),
        Value::Float(value) => (*value).into(),
        Value::Decimal { scale, digits } => Kind::Decimal(v1::Decimal {
            scale: (*scale).into(),
            digits: *digits,
        })
        .into(),
        Value::Text(value) => value.as_str().into(),
        Value::Bytes(value) => Kind::Bytes(value.clone().into()).into(),
        Value::Timestamp(value) => Kind::TimestampS(*value).into(),
        Value::List(values) => values.iter().map(shown).collect::<Vec<_>>().into(),
        Value::Map(arguments) => to_contract(arguments).into(),
    }
}

/// The engine's integers come from 64-bit ones, signed or not, so one of the two always fits.
fn integer(value: i128) -> v1::Value {
    match (i64::try_from(value), u64::try_from(value)) {
        (Ok(value), _) => value.into(),
        (_, Ok(value)) => value.into(),
        _ => value.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use agent_api::arguments;

    use super::*;

    #[test]
    fn every_kind_comes_back_as_it_went() {
        let nested = arguments([("deep", v1::Value::from(vec![1_i64.into(), "two".into()]))]);
        let all = arguments([
            ("null", Kind::Null(true).into()),
            ("bool", true.into()),
            ("int", i64::MIN.into()),
            ("unsigned", u64::MAX.into()),
            ("number", 0.5.into()),
            ("text", "ä".into()),
            ("bytes", Kind::Bytes(vec![0xff].into()).into()),
            ("time", Kind::TimestampS(1).into()),
            (
                "decimal",
                Kind::Decimal(v1::Decimal {
                    scale: 2,
                    digits: -314,
                })
                .into(),
            ),
            ("map", nested.into()),
        ]);
        let engine = to_engine(Some(all.clone())).unwrap();
        assert_eq!(to_contract(&engine), all);
    }

    #[test]
    fn a_value_without_content_is_named() {
        let empty = arguments([("x", v1::Value::from(vec![v1::Value { kind: None }]))]);
        assert_eq!(to_engine(Some(empty)).unwrap_err().field, "arguments.x.0");
        let scale = v1::Decimal {
            scale: 256,
            digits: 1,
        };
        let decimal = arguments([("d", Kind::Decimal(scale).into())]);
        assert_eq!(to_engine(Some(decimal)).unwrap_err().field, "arguments.d");
    }
}
