//! Arguments of queues, exchanges and bindings: between Terraform's values and the contract's.
//!
//! In Terraform they are one attribute of any shape, an object or a map: numbers stay numbers, lists
//! lists. Whole numbers become integers, others floats; a null member says nothing. What comes back
//! from the agent is compared by meaning, and while it means the same the user's own spelling (an
//! object or a map, a tuple or a list) stays in the state.
//!
//! What Terraform has no words for is shown as near as possible: bytes as text, timestamps in
//! seconds, decimals as numbers.

use agent_api::v1::{self, value::Kind};
use serde_json::{Map, Value as Json};
use tfplugin_rs::Diagnostic;
use tfplugin_rs::modify::AttributeChange;
use tfplugin_rs::validate::{self, Validator};
use tfplugin_rs::value::{Dynamic, Number, Value};

/// Clients say a queue's durability with it.
const DURABILITY: &str = "x-durability";

/// Deepest nesting the agent takes.
const MAX_DEPTH: usize = 16;

/// Why a value cannot be sent as arguments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadArguments {
    #[error("must be an object or a map, such as {{ x-queue-mode = \"lazy\" }}")]
    NotNamed,
    #[error("must hold only numbers of 64 bits, not {0}")]
    NumberTooLarge(Number),
    #[error("must be nested at most {MAX_DEPTH} levels deep")]
    TooDeep,
    #[error("is not known yet")]
    Unknown,
}

impl BadArguments {
    pub(crate) fn into_diagnostic(self) -> Diagnostic {
        self.about("arguments")
    }

    /// The same of another attribute.
    pub(crate) fn about(self, attribute: &'static str) -> Diagnostic {
        let detail = format!("Attribute {attribute} {self}.");
        Diagnostic::error("Invalid attribute value", detail).at(attribute)
    }
}

/// Refuses at validation what could not be sent.
pub(crate) fn valid() -> Validator {
    validate::value(|value| match to_api(value) {
        Ok(_) | Err(BadArguments::Unknown) => Ok(()),
        Err(error) => Err(error.to_string()),
    })
}

/// The same for queues: what has an attribute of its own is said there.
pub(crate) fn valid_for_queue() -> Validator {
    validate::value(|value| match to_api(value) {
        Ok(sent) if sent.values.contains_key(DURABILITY) => Err(format!(
            "must not hold {DURABILITY}, which the attribute durability says"
        )),
        Ok(_) | Err(BadArguments::Unknown) => Ok(()),
        Err(error) => Err(error.to_string()),
    })
}

/// `replace_if` of a binding's `arguments`: true unless both spellings mean the same.
pub(crate) fn differ(change: &AttributeChange<'_>) -> bool {
    let prior = to_api(change.prior.unwrap_or(&Value::Null));
    match (prior, to_api(change.planned)) {
        (Ok(prior), Ok(planned)) => json(&prior) != json(&planned),
        _ => true,
    }
}

/// Whether the attribute `arguments`, known or not, has a member of that name that says something.
pub(crate) fn mentions(attribute: &Value, name: &str) -> bool {
    let member = match attribute.inner() {
        Value::Map(entries) => entries.get(name),
        Value::Object(object) => object.get(name),
        _ => None,
    };
    member.is_some_and(|member| !member.is_null())
}

/// The contract's form of an optional attribute.
pub(crate) fn sent(attribute: Option<&Dynamic>) -> Result<v1::Arguments, BadArguments> {
    attribute.map_or_else(
        || Ok(v1::Arguments::default()),
        |dynamic| to_api(dynamic.value()),
    )
}

/// The attribute after a look at the agent: as it was while it means the same.
pub(crate) fn seen(agent: Option<&v1::Arguments>, state: Option<Dynamic>) -> Option<Dynamic> {
    let now = agent.map(json).unwrap_or_default();
    if sent(state.as_ref()).is_ok_and(|before| json(&before) == now) {
        return state;
    }
    if now.is_empty() {
        None
    } else {
        Some(Dynamic::from_json(&Json::Object(now)))
    }
}

/// The arguments' part of a binding's id.
pub(crate) fn id_text(arguments: &v1::Arguments) -> String {
    match json(arguments) {
        object if object.is_empty() => String::new(),
        object => Json::Object(object).to_string(),
    }
}

/// The attribute that a binding's id stands for.
pub(crate) fn from_id_text(text: &str) -> Option<Dynamic> {
    serde_json::from_str(text)
        .ok()
        .map(|json| Dynamic::from_json(&json))
}

/// The contract's form of any value of the attribute.
pub(crate) fn to_api(value: &Value) -> Result<v1::Arguments, BadArguments> {
    match value.inner() {
        Value::Null => Ok(v1::Arguments::default()),
        value => named(value, 1)?.ok_or(BadArguments::NotNamed),
    }
}

/// Members of an object or a map; `None` for anything else.
fn named(value: &Value, depth: usize) -> Result<Option<v1::Arguments>, BadArguments> {
    if depth > MAX_DEPTH {
        return Err(BadArguments::TooDeep);
    }
    let members: Vec<(&str, &Value)> = match value {
        Value::Unknown => return Err(BadArguments::Unknown),
        Value::Map(entries) => entries.iter().collect(),
        Value::Object(object) => object.iter().collect(),
        _ => return Ok(None),
    };
    let values = members
        .into_iter()
        .filter(|(_, member)| !member.is_null())
        .map(|(name, member)| Ok((name.to_owned(), one(member, depth)?)))
        .collect::<Result<_, BadArguments>>()?;
    Ok(Some(v1::Arguments { values }))
}

/// One member, so deep inside.
pub(crate) fn one(value: &Value, depth: usize) -> Result<v1::Value, BadArguments> {
    Ok(match value.inner() {
        Value::Null => Kind::Null(true).into(),
        Value::Unknown => return Err(BadArguments::Unknown),
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => self::number(number)?,
        Value::String(text) => text.as_str().into(),
        inner => match inner.as_elements() {
            Some(_) if depth >= MAX_DEPTH => return Err(BadArguments::TooDeep),
            Some(elements) => elements
                .iter()
                .map(|element| one(element, depth + 1))
                .collect::<Result<Vec<_>, _>>()?
                .into(),
            None => named(inner, depth + 1)?
                .ok_or(BadArguments::NotNamed)?
                .into(),
        },
    })
}

fn number(number: &Number) -> Result<v1::Value, BadArguments> {
    if let Some(integer) = number.as_i64() {
        return Ok(integer.into());
    }
    if let Some(unsigned) = number.as_u64() {
        return Ok(unsigned.into());
    }
    let float = number.to_f64();
    if number.is_integer() || !float.is_finite() {
        return Err(BadArguments::NumberTooLarge(number.clone()));
    }
    Ok(float.into())
}

/// What arguments mean, in a form that compares.
pub(crate) fn json(arguments: &v1::Arguments) -> Map<String, Json> {
    arguments
        .values
        .iter()
        .map(|(name, value)| (name.clone(), plain(value)))
        .filter(|(_, value)| !value.is_null())
        .collect()
}

fn plain(value: &v1::Value) -> Json {
    match &value.kind {
        None | Some(Kind::Null(_)) => Json::Null,
        Some(Kind::Boolean(truth)) => (*truth).into(),
        Some(Kind::Integer(integer)) => (*integer).into(),
        Some(Kind::Unsigned(unsigned)) => (*unsigned).into(),
        Some(Kind::Number(number)) => float(*number),
        Some(Kind::Text(text)) => text.as_str().into(),
        Some(Kind::Bytes(bytes)) => String::from_utf8_lossy(bytes).into(),
        Some(Kind::TimestampS(seconds)) => (*seconds).into(),
        Some(Kind::Decimal(decimal)) => {
            float(f64::from(decimal.digits) / 10_f64.powf(f64::from(decimal.scale)))
        }
        Some(Kind::List(list)) => list.values.iter().map(plain).collect(),
        Some(Kind::Map(map)) => Json::Object(json(map)),
    }
}

/// 5.0 is 5, as it is to Terraform. What is no number at all has no counterpart.
fn float(number: f64) -> Json {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        return Json::from(number as i64);
    }
    Json::from(number)
}

#[cfg(test)]
mod tests {
    use agent_api::arguments;
    use tfplugin_rs::value::Type;

    use super::*;

    fn object(json: Json) -> Dynamic {
        Dynamic::from_json(&json)
    }

    #[track_caller]
    fn check(json: Json, expected: v1::Arguments) {
        let dynamic = object(json);
        assert_eq!(sent(Some(&dynamic)), Ok(expected.clone()));
        // And back: the same value of the same type.
        assert_eq!(seen(Some(&expected), None), Some(dynamic));
    }

    #[test]
    fn numbers_stay_numbers_and_nested_values_nested() {
        check(
            serde_json::json!({
                "x-max-length": 1000, "x-expires": u64::MAX, "x-ratio": 0.1, "x-low": -5,
                "x-overflow": "reject-publish", "x-flag": true,
            }),
            arguments([
                ("x-max-length", 1000_i64.into()),
                ("x-expires", u64::MAX.into()),
                ("x-ratio", 0.1.into()),
                ("x-low", (-5_i64).into()),
                ("x-overflow", "reject-publish".into()),
                ("x-flag", true.into()),
            ]),
        );
        check(
            serde_json::json!({ "x-list": [1, "a", [false]], "x-map": { "y": { "z": 2 } } }),
            arguments([
                (
                    "x-list",
                    vec![1_i64.into(), "a".into(), vec![false.into()].into()].into(),
                ),
                (
                    "x-map",
                    arguments([("y", arguments([("z", 2_i64.into())]).into())]).into(),
                ),
            ]),
        );
    }

    #[test]
    fn nothing_is_said_by_null_by_an_empty_object_and_by_a_null_member() {
        let nothing = v1::Arguments::default();
        assert_eq!(sent(None), Ok(nothing.clone()));
        for empty in [serde_json::json!({}), serde_json::json!({ "x": null })] {
            let dynamic = object(empty);
            assert_eq!(sent(Some(&dynamic)), Ok(nothing.clone()));
            assert_eq!(seen(Some(&nothing), Some(dynamic.clone())), Some(dynamic));
        }
        assert_eq!(seen(Some(&nothing), None), None);
        assert_eq!(seen(None, None), None);
    }

    #[test]
    fn the_users_spelling_stays_while_it_means_the_same() {
        let map = Dynamic::new(Type::map(Type::Number), Value::map([("x-max-length", 5)]));
        let same = arguments([("x-max-length", 5_i64.into())]);
        let as_float = arguments([("x-max-length", 5.0.into())]);
        assert_eq!(seen(Some(&same), Some(map.clone())), Some(map.clone()));
        assert_eq!(seen(Some(&as_float), Some(map.clone())), Some(map.clone()));
        let drifted = arguments([("x-max-length", 6_i64.into())]);
        let found = object(serde_json::json!({ "x-max-length": 6 }));
        assert_eq!(seen(Some(&drifted), Some(map.clone())), Some(found));
        assert_eq!(seen(None, Some(map)), None);
    }

    #[test]
    fn what_cannot_be_sent_says_why() {
        let huge = object(serde_json::json!({ "x": 1 })).into_parts().0;
        let number: Number = "1e30".parse().unwrap();
        let value = Value::object([("x", Value::from(number.clone()))]);
        assert_eq!(
            sent(Some(&Dynamic::new(huge, value))),
            Err(BadArguments::NumberTooLarge(number))
        );
        assert_eq!(
            sent(Some(&object(serde_json::json!([1])))),
            Err(BadArguments::NotNamed)
        );
        let deep = (0..MAX_DEPTH).fold(
            serde_json::json!({}),
            |inner, _| serde_json::json!({ "x": inner }),
        );
        assert_eq!(sent(Some(&object(deep))), Err(BadArguments::TooDeep));
        let deep = (1..MAX_DEPTH).fold(
            serde_json::json!({}),
            |inner, _| serde_json::json!({ "x": inner }),
        );
        assert!(sent(Some(&object(deep))).is_ok());
    }

    #[test]
    fn an_id_carries_arguments_as_text() {
        let some = arguments([("b", 1_i64.into()), ("a", "x".into())]);
        assert_eq!(id_text(&some), r#"{"a":"x","b":1}"#);
        assert_eq!(sent(from_id_text(&id_text(&some)).as_ref()), Ok(some));
        assert_eq!(id_text(&v1::Arguments::default()), "");
        assert_eq!(from_id_text(""), None);
    }
}
