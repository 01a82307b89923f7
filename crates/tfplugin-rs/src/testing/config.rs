//! Configurations as JSON, and what Terraform itself demands of them.

use serde_json::Value as Json;

use crate::counted::counted;
use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::path::{AttributePath, Step};
use crate::proto::tfplugin6 as proto;
use crate::schema::{AttributeKind, Block, Member, Members, Nesting};
use crate::value::{Dynamic, Object, Type, Value, msgpack};

/// Stands for a value that is not known yet: `json!({"broker": UNKNOWN})`.
pub const UNKNOWN: &str = "\u{0}unknown\u{0}";

/// A configuration of these members. Attributes that are left out are null, blocks that are left
/// out are empty.
pub(super) fn to_value(config: &Json, members: &Members) -> Result<Value> {
    object(config, members, &AttributePath::root())
}

fn object(json: &Json, members: &Members, path: &AttributePath) -> Result<Value> {
    let entries = match json {
        Json::Object(entries) => entries,
        Json::Null => return Ok(Value::Null),
        Json::String(text) if text == UNKNOWN => return Ok(Value::Unknown),
        _ => return Err(mismatch("an object", json, path)),
    };
    if let Some(name) = entries.keys().find(|name| members.get(name).is_none()) {
        let detail = format!("An argument named {name:?} is not expected here.");
        let path = path.clone().attribute(name);
        return Err(Diagnostic::error("Unsupported argument", detail)
            .at(path)
            .into());
    }
    let attributes = members.iter().map(|member| {
        let path = path.clone().attribute(member.name());
        let json = entries.get(member.name()).unwrap_or(&Json::Null);
        let value = match member {
            Member::Block(block) => {
                nested(json, block.nesting, &block.members, &path).map(|value| {
                    if value.is_null() {
                        absent(block)
                    } else {
                        value
                    }
                })
            }
            Member::Attribute(attribute) => match &attribute.kind {
                AttributeKind::Type(ty) => plain(json, ty, &path),
                AttributeKind::Nested(nesting, members) => nested(json, *nesting, members, &path),
            },
        };
        Ok((member.name(), value?))
    });
    Ok(Value::Object(attributes.collect::<Result<Object>>()?))
}

/// What Terraform sends for a block that is not there.
fn absent(block: &Block) -> Value {
    match block.nesting {
        Nesting::List => Value::List(Vec::new()),
        Nesting::Map => Value::Map(crate::value::Map::new()),
        Nesting::Set => Value::set::<Value>([]),
        Nesting::Single => Value::Null,
    }
}

fn nested(json: &Json, nesting: Nesting, members: &Members, path: &AttributePath) -> Result<Value> {
    match (nesting, json) {
        (_, Json::Null) => Ok(Value::Null),
        (_, Json::String(text)) if text == UNKNOWN => Ok(Value::Unknown),
        (Nesting::Single, json) => object(json, members, path),
        (Nesting::List | Nesting::Set, Json::Array(elements)) => {
            let values = elements
                .iter()
                .enumerate()
                .map(|(i, element)| object(element, members, &path.clone().index(i)))
                .collect::<Result<Vec<_>>>()?;
            let is_list = nesting == Nesting::List;
            Ok(if is_list {
                Value::List(values)
            } else {
                Value::Set(values.into_iter().collect())
            })
        }
        (Nesting::Map, Json::Object(entries)) => entries
            .iter()
            .map(|(key, json)| Ok((key.clone(), object(json, members, &path.clone().key(key))?)))
            .collect::<Result<_>>()
            .map(Value::Map),
        (_, json) => Err(mismatch("a collection of objects", json, path)),
    }
}

fn plain(json: &Json, ty: &Type, path: &AttributePath) -> Result<Value> {
    let elements = |ty: &Type, elements: &[Json]| -> Result<Vec<Value>> {
        let indexed = elements.iter().enumerate();
        indexed
            .map(|(i, json)| plain(json, ty, &path.clone().index(i)))
            .collect()
    };
    match (ty, json) {
        (_, Json::Null) => Ok(Value::Null),
        (_, Json::String(text)) if text == UNKNOWN => Ok(Value::Unknown),
        (Type::Bool, Json::Bool(truth)) => Ok((*truth).into()),
        (Type::String, Json::String(text)) => Ok(text.as_str().into()),
        (Type::Number, Json::Number(number)) => number_value(&number.to_string(), json, path),
        // Numbers beyond 64 bits.
        (Type::Number, Json::String(text)) => number_value(text, json, path),
        (Type::List(ty), Json::Array(array)) => Ok(Value::List(elements(ty, array)?)),
        (Type::Set(ty), Json::Array(array)) => {
            Ok(Value::Set(elements(ty, array)?.into_iter().collect()))
        }
        (Type::Tuple(types), Json::Array(array)) if types.len() == array.len() => {
            let pairs = types.iter().zip(array).enumerate();
            pairs
                .map(|(i, (ty, json))| plain(json, ty, &path.clone().index(i)))
                .collect::<Result<_>>()
                .map(Value::Tuple)
        }
        (Type::Map(ty), Json::Object(entries)) => entries
            .iter()
            .map(|(key, json)| Ok((key.clone(), plain(json, ty, &path.clone().key(key))?)))
            .collect::<Result<_>>()
            .map(Value::Map),
        (Type::Object(ty), Json::Object(entries)) => {
            let attributes = ty.iter().map(|(name, ty)| {
                let json = entries.get(name).unwrap_or(&Json::Null);
                Ok((name, plain(json, ty, &path.clone().attribute(name))?))
            });
            Ok(Value::Object(attributes.collect::<Result<Object>>()?))
        }
        (Type::Dynamic, json) => Ok(Dynamic::from_json(json).into()),
        (ty, json) => Err(mismatch(&ty.to_string(), json, path)),
    }
}

fn number_value(text: &str, json: &Json, path: &AttributePath) -> Result<Value> {
    text.parse()
        .map(Value::Number)
        .map_err(|_| mismatch("number", json, path))
}

fn mismatch(expected: &str, json: &Json, path: &AttributePath) -> Diagnostics {
    let detail = format!("The value is {json}, but {expected} is required.");
    Diagnostic::error("Incorrect attribute value type", detail)
        .at(path)
        .into()
}

/// One argument of a function, as Terraform would send it.
pub(super) fn argument(
    json: &Json,
    parameter: &proto::function::Parameter,
) -> Result<proto::DynamicValue, String> {
    let ty = Type::from_json_bytes(&parameter.r#type).map_err(|error| error.to_string())?;
    let value = plain(json, &ty, &AttributePath::root()).map_err(|error| error.to_string())?;
    if value.is_null() && !parameter.allow_null_value {
        return Err("argument must not be null".to_owned());
    }
    if !value.is_wholly_known() && !parameter.allow_unknown_values {
        return Err("Terraform answers unknown without a call".to_owned());
    }
    let msgpack = msgpack::encode(&value, &ty).map_err(|error| error.to_string())?;
    Ok(proto::DynamicValue {
        msgpack: msgpack.into(),
        ..Default::default()
    })
}

/// A value as JSON for comparing in tests: unknown as [`UNKNOWN`], sets as sorted arrays.
pub(super) fn to_json(value: &Value) -> Json {
    match value {
        Value::Unknown => UNKNOWN.into(),
        Value::List(elements) | Value::Tuple(elements) => elements.iter().map(to_json).collect(),
        Value::Set(set) => set.elements().iter().map(to_json).collect(),
        Value::Map(entries) => entries
            .iter()
            .map(|(k, v)| (k.to_owned(), to_json(v)))
            .collect(),
        Value::Object(object) => object
            .iter()
            .map(|(k, v)| (k.to_owned(), to_json(v)))
            .collect(),
        scalar => Dynamic::new(Type::Dynamic, scalar.clone()).to_json(),
    }
}

/// What Terraform checks before it asks the provider: required arguments are set, computed ones
/// are not, blocks are as many as allowed.
pub(super) fn check(config: &Value, members: &Members) -> Result<()> {
    let mut check = Check {
        path: AttributePath::root(),
        diagnostics: Diagnostics::new(),
    };
    check.object(config, members);
    check.diagnostics.into_result()
}

struct Check {
    path: AttributePath,
    diagnostics: Diagnostics,
}

impl Check {
    fn error(&mut self, summary: &str, detail: String) {
        self.diagnostics
            .push(Diagnostic::error(summary, detail).at(&self.path));
    }

    fn object(&mut self, value: &Value, members: &Members) {
        let Some(object) = value.as_object() else {
            return;
        };
        for (member, value) in members.iter().zip(object.values()) {
            self.path.push(Step::Attribute(member.name().to_owned()));
            let name = member.name();
            match member {
                Member::Attribute(attribute) => {
                    if attribute.required && value.is_null() {
                        let detail = format!("The argument {name:?} is required.");
                        self.error("Missing required argument", detail);
                    }
                    if !attribute.required && !attribute.optional && !value.is_null() {
                        let detail = format!("{name:?} is decided by the provider.");
                        self.error("Value for unconfigurable attribute", detail);
                    }
                    if let AttributeKind::Nested(nesting, members) = &attribute.kind {
                        self.nested(*nesting, value, members);
                    }
                }
                Member::Block(block) => {
                    self.count(block, value);
                    self.nested(block.nesting, value, &block.members);
                }
            }
            self.path.pop();
        }
    }

    fn count(&mut self, block: &Block, value: &Value) {
        let count = match value {
            Value::Null => 0,
            Value::Object(_) => 1,
            other => i64::try_from(other.children().count()).unwrap_or(i64::MAX),
        };
        let name = &block.name;
        if count < block.min_items {
            let wanted = counted(block.min_items, &format!("{name:?} block"));
            let detail = format!("At least {wanted} must be written.");
            self.error("Insufficient blocks", detail);
        }
        if block.max_items > 0 && count > block.max_items {
            let allowed = counted(block.max_items, &format!("{name:?} block"));
            let detail = format!("No more than {allowed} may be written.");
            self.error("Too many blocks", detail);
        }
    }

    fn nested(&mut self, nesting: Nesting, value: &Value, members: &Members) {
        if nesting == Nesting::Single {
            self.object(value, members);
            return;
        }
        for (index, element) in value.children().enumerate() {
            self.path.push(Step::Index(index));
            self.object(element, members);
            self.path.pop();
        }
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
