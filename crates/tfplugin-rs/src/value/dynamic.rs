//! Values that carry their own type, for attributes whose type each configuration decides.

use serde_json::Value as Json;

use super::{Number, Object, Type, Value};

/// A value together with its type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dynamic {
    ty: Type,
    value: Value,
}

impl Dynamic {
    /// Pairs a value with its type. A dynamic inside a dynamic is taken apart.
    pub fn new(ty: Type, value: Value) -> Self {
        match value {
            Value::Dynamic(inner) => *inner,
            value => Self { ty, value },
        }
    }

    /// The type.
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Type and value.
    pub fn into_parts(self) -> (Type, Value) {
        (self.ty, self.value)
    }

    /// From JSON: arrays become tuples, objects become objects, as Terraform's `jsondecode` does.
    /// A null is a null of no particular type.
    pub fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self {
                ty: Type::Dynamic,
                value: Value::Null,
            },
            Json::Bool(truth) => Self {
                ty: Type::Bool,
                value: (*truth).into(),
            },
            // serde_json holds 64-bit numbers, all within the digit limit.
            Json::Number(number) => Self {
                ty: Type::Number,
                value: number
                    .to_string()
                    .parse()
                    .map_or(Value::Null, Value::Number),
            },
            Json::String(text) => Self {
                ty: Type::String,
                value: text.as_str().into(),
            },
            Json::Array(elements) => {
                let (types, values): (Vec<_>, Vec<_>) = elements
                    .iter()
                    .map(|element| Self::from_json(element).into_parts())
                    .unzip();
                Self {
                    ty: Type::tuple(types),
                    value: Value::Tuple(values),
                }
            }
            Json::Object(entries) => {
                let parts: Vec<_> = entries
                    .iter()
                    .map(|(k, v)| (k.as_str(), Self::from_json(v)))
                    .collect();
                Self {
                    ty: Type::object(parts.iter().map(|(k, d)| (*k, d.ty.clone()))),
                    value: Value::Object(
                        parts
                            .into_iter()
                            .map(|(k, d)| (k, d.value))
                            .collect::<Object>(),
                    ),
                }
            }
        }
    }

    /// As JSON. Unknown values become null; numbers beyond 64 bits become strings.
    pub fn to_json(&self) -> Json {
        fn json(value: &Value) -> Json {
            match value {
                Value::Null | Value::Unknown => Json::Null,
                Value::Bool(truth) => (*truth).into(),
                Value::Number(number) => json_number(number),
                Value::String(text) => text.as_str().into(),
                Value::List(elements) | Value::Tuple(elements) => {
                    elements.iter().map(json).collect()
                }
                Value::Set(set) => set.elements().iter().map(json).collect(),
                Value::Map(entries) => entries
                    .iter()
                    .map(|(k, v)| (k.to_owned(), json(v)))
                    .collect(),
                Value::Object(object) => object
                    .iter()
                    .map(|(k, v)| (k.to_owned(), json(v)))
                    .collect(),
                Value::Dynamic(dynamic) => dynamic.to_json(),
            }
        }
        json(&self.value)
    }

    pub(super) fn map(self, change: impl FnOnce(Value) -> Value) -> Value {
        Self {
            value: change(self.value),
            ..self
        }
        .into()
    }
}

/// A JSON number where that is exact, else the digits as a string.
fn json_number(number: &Number) -> Json {
    let digits = number.to_string();
    match serde_json::from_str::<serde_json::Number>(&digits) {
        Ok(json) if json.to_string() == digits => Json::Number(json),
        _ => Json::String(digits),
    }
}

impl From<Dynamic> for Value {
    fn from(dynamic: Dynamic) -> Self {
        Self::Dynamic(Box::new(dynamic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_round_trips_with_inferred_types() {
        let json = serde_json::json!({"a": [1, "x", null, true], "b": {"c": 1.5}});
        let dynamic = Dynamic::from_json(&json);
        assert_eq!(dynamic.to_json(), json);
        assert!(dynamic.value().fits(dynamic.ty()));
        assert_eq!(
            dynamic.ty().to_string(),
            "object({a = tuple([number, string, dynamic, bool]), b = object({c = number})})"
        );
    }

    #[test]
    fn a_dynamic_never_wraps_another() {
        let inner = Dynamic::new(Type::String, "a".into());
        assert_eq!(Dynamic::new(Type::Dynamic, inner.clone().into()), inner);
    }
}
