//! Types of values, and their JSON form in schemas and beside dynamic values.
//!
//! The JSON is a string for the simple types (`"string"`, `"bool"`, `"number"`, `"dynamic"`) and an
//! array for the others: `["list", T]`, `["set", T]`, `["map", T]`, `["tuple", [T, …]]`,
//! `["object", {"name": T, …}]`.

use std::fmt;
use std::sync::Arc;

use serde_json::Value as Json;

/// Deepest nesting of types that is read. Terraform's own schemas stay far below.
pub const MAX_DEPTH: usize = 64;

/// The type of a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// Decided by each value; values travel with their type.
    Dynamic,
    /// Elements of one type, in order.
    List(Arc<Type>),
    /// Elements of one type, by string key.
    Map(Arc<Type>),
    /// An exact number.
    Number,
    /// Named attributes, each of its own type.
    Object(Arc<ObjectType>),
    /// Distinct elements of one type, in no order.
    Set(Arc<Type>),
    /// Unicode text.
    String,
    /// A fixed number of elements, each of its own type.
    Tuple(Arc<[Type]>),
}

impl Type {
    /// A list of `element`.
    pub fn list(element: Self) -> Self {
        Self::List(Arc::new(element))
    }

    /// A set of `element`.
    pub fn set(element: Self) -> Self {
        Self::Set(Arc::new(element))
    }

    /// A map from strings to `element`.
    pub fn map(element: Self) -> Self {
        Self::Map(Arc::new(element))
    }

    /// A tuple of `elements`.
    pub fn tuple(elements: impl IntoIterator<Item = Self>) -> Self {
        Self::Tuple(elements.into_iter().collect())
    }

    /// An object of `attributes`.
    pub fn object<N: Into<Arc<str>>>(attributes: impl IntoIterator<Item = (N, Self)>) -> Self {
        Self::Object(Arc::new(ObjectType::new(attributes)))
    }

    /// True if [`Type::Dynamic`] is anywhere inside.
    pub fn has_dynamic(&self) -> bool {
        match self {
            Self::Bool | Self::Number | Self::String => false,
            Self::Dynamic => true,
            Self::List(element) | Self::Map(element) | Self::Set(element) => element.has_dynamic(),
            Self::Object(object) => object.types().iter().any(Self::has_dynamic),
            Self::Tuple(elements) => elements.iter().any(Self::has_dynamic),
        }
    }

    /// The JSON form.
    pub fn to_json(&self) -> Json {
        let pair = |kind: &str, inner: Json| Json::Array(vec![kind.into(), inner]);
        match self {
            Self::Bool => "bool".into(),
            Self::Dynamic => "dynamic".into(),
            Self::List(element) => pair("list", element.to_json()),
            Self::Map(element) => pair("map", element.to_json()),
            Self::Number => "number".into(),
            Self::Object(object) => pair(
                "object",
                object
                    .iter()
                    .map(|(name, ty)| (name.to_owned(), ty.to_json()))
                    .collect(),
            ),
            Self::Set(element) => pair("set", element.to_json()),
            Self::String => "string".into(),
            Self::Tuple(elements) => pair("tuple", elements.iter().map(Self::to_json).collect()),
        }
    }

    /// The JSON form as bytes, as schemas and dynamic values carry it.
    pub fn to_json_bytes(&self) -> Vec<u8> {
        self.to_json().to_string().into_bytes()
    }

    /// Reads the JSON form.
    pub fn from_json_bytes(bytes: &[u8]) -> Result<Self, TypeError> {
        let json = serde_json::from_slice(bytes).map_err(|error| TypeError(error.to_string()))?;
        Self::from_json(&json)
    }

    /// Reads the JSON form.
    pub fn from_json(json: &Json) -> Result<Self, TypeError> {
        Self::from_json_at(json, 0)
    }

    fn from_json_at(json: &Json, depth: usize) -> Result<Self, TypeError> {
        if depth > MAX_DEPTH {
            return Err(TypeError(format!("nested more than {MAX_DEPTH} deep")));
        }
        let unknown = || TypeError(format!("{} is not a type", described(json)));
        match json {
            Json::String(name) => match name.as_str() {
                "bool" => Ok(Self::Bool),
                "dynamic" => Ok(Self::Dynamic),
                "number" => Ok(Self::Number),
                "string" => Ok(Self::String),
                _ => Err(unknown()),
            },
            Json::Array(parts) => {
                // A third part lists optional attributes of an object constraint; values of the
                // object hold them all the same.
                let (kind, inner) = match parts.as_slice() {
                    [Json::String(kind), inner] | [Json::String(kind), inner, _] => (kind, inner),
                    _ => return Err(unknown()),
                };
                Self::compound_from_json(kind, inner, depth + 1)?.ok_or_else(unknown)
            }
            _ => Err(unknown()),
        }
    }

    fn compound_from_json(
        kind: &str,
        inner: &Json,
        depth: usize,
    ) -> Result<Option<Self>, TypeError> {
        Ok(Some(match (kind, inner) {
            ("list", element) => Self::list(Self::from_json_at(element, depth)?),
            ("map", element) => Self::map(Self::from_json_at(element, depth)?),
            ("set", element) => Self::set(Self::from_json_at(element, depth)?),
            ("tuple", Json::Array(elements)) => Self::Tuple(
                elements
                    .iter()
                    .map(|ty| Self::from_json_at(ty, depth))
                    .collect::<Result<_, _>>()?,
            ),
            ("object", Json::Object(attributes)) => {
                let attributes = attributes
                    .iter()
                    .map(|(name, ty)| Ok((name.as_str(), Self::from_json_at(ty, depth)?)))
                    .collect::<Result<Vec<_>, TypeError>>()?;
                Self::object(attributes)
            }
            _ => return Ok(None),
        }))
    }
}

/// What a JSON value is, for messages; it may be too large to show.
fn described(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a bool",
        Json::Number(_) => "a number",
        Json::String(_) => "an unknown name",
        Json::Array(_) => "such an array",
        Json::Object(_) => "an object",
    }
}

impl fmt::Display for Type {
    /// As Terraform's type expressions: `list(string)`, `object({name = string})`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Dynamic => f.write_str("dynamic"),
            Self::List(element) => write!(f, "list({element})"),
            Self::Map(element) => write!(f, "map({element})"),
            Self::Number => f.write_str("number"),
            Self::Object(object) => {
                f.write_str("object({")?;
                for (i, (name, ty)) in object.iter().enumerate() {
                    write!(f, "{}{name} = {ty}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("})")
            }
            Self::Set(element) => write!(f, "set({element})"),
            Self::String => f.write_str("string"),
            Self::Tuple(elements) => {
                f.write_str("tuple([")?;
                for (i, ty) in elements.iter().enumerate() {
                    write!(f, "{}{ty}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("])")
            }
        }
    }
}

/// Why bytes are not a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid type: {0}")]
pub struct TypeError(String);

/// Attribute names of an object, sorted and shared by all values of the type.
#[derive(Debug, Clone, Eq, PartialOrd, Ord)]
pub struct Names(
    /// A vector, so that each value holds one word for its names and not two.
    Arc<Vec<Arc<str>>>,
);

impl Names {
    /// Sorts and deduplicates `names`.
    pub fn new<N: Into<Arc<str>>>(names: impl IntoIterator<Item = N>) -> Self {
        let mut names: Vec<Arc<str>> = names.into_iter().map(Into::into).collect();
        names.sort_unstable();
        names.dedup();
        Self(Arc::new(names))
    }

    /// Where `name` stands.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.0.binary_search_by(|probe| (**probe).cmp(name)).ok()
    }

    /// The names in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn at(&self, index: usize) -> Option<&str> {
        self.0.get(index).map(AsRef::as_ref)
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        // Values of one schema share the allocation, which makes this the common case.
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl std::hash::Hash for Names {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// The attributes of an object type, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectType {
    names: Names,
    types: Vec<Type>,
}

impl ObjectType {
    /// From names and types. Of two attributes with one name the last counts.
    pub fn new<N: Into<Arc<str>>>(attributes: impl IntoIterator<Item = (N, Type)>) -> Self {
        let sorted: std::collections::BTreeMap<Arc<str>, Type> = attributes
            .into_iter()
            .map(|(name, ty)| (name.into(), ty))
            .collect();
        let (names, types): (Vec<_>, Vec<_>) = sorted.into_iter().unzip();
        Self {
            names: Names(Arc::new(names)),
            types,
        }
    }

    /// The names, sorted.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The types, in the order of the names.
    pub fn types(&self) -> &[Type] {
        &self.types
    }

    /// The type of one attribute.
    pub fn attribute(&self, name: &str) -> Option<&Type> {
        self.names.position(name).map(|index| &self.types[index])
    }

    /// Names and types in order of name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Type)> {
        self.names.iter().zip(&self.types)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_form_round_trips() {
        for (ty, json) in [
            (Type::String, r#""string""#),
            (Type::Dynamic, r#""dynamic""#),
            (Type::list(Type::Bool), r#"["list","bool"]"#),
            (
                Type::map(Type::set(Type::Number)),
                r#"["map",["set","number"]]"#,
            ),
            (
                Type::tuple([Type::String, Type::Bool]),
                r#"["tuple",["string","bool"]]"#,
            ),
            (
                Type::object([("b", Type::String), ("a", Type::list(Type::Dynamic))]),
                r#"["object",{"a":["list","dynamic"],"b":"string"}]"#,
            ),
        ] {
            assert_eq!(ty.to_json_bytes(), json.as_bytes());
            assert_eq!(Type::from_json_bytes(json.as_bytes()), Ok(ty));
        }
    }

    #[test]
    fn optional_attributes_of_a_constraint_are_accepted() {
        let json = br#"["object",{"a":"string"},["a"]]"#;
        assert_eq!(
            Type::from_json_bytes(json),
            Ok(Type::object([("a", Type::String)]))
        );
    }

    #[test]
    fn bad_json_is_refused() {
        let deep = format!("{}\"string\"{}", r#"["list","#.repeat(70), "]".repeat(70));
        let deeper = format!(
            "{}\"string\"{}",
            r#"["list","#.repeat(100_000),
            "]".repeat(100_000)
        );
        for json in [
            "",
            "1",
            "\"int\"",
            "[\"list\"]",
            "[\"tuple\",{}]",
            "[1,2]",
            &deep,
            &deeper,
        ] {
            assert!(Type::from_json_bytes(json.as_bytes()).is_err());
        }
    }

    #[test]
    fn display_is_terraform_syntax() {
        let ty = Type::object([
            ("n", Type::Number),
            ("t", Type::tuple([Type::map(Type::Bool)])),
        ]);
        assert_eq!(
            ty.to_string(),
            "object({n = number, t = tuple([map(bool)])})"
        );
    }
}
