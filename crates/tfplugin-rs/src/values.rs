//! [`Values`]: a whole configuration, plan or state, read and changed by path.

use std::sync::Arc;

use crate::diagnostics::{Diagnostic, Result};
use crate::model::{Field, Model};
use crate::path::{AttributePath, Step};
use crate::value::{ObjectType, Type, Value};

/// The values of one resource, data source or provider block, with their type.
///
/// Where a typed model is too strict, as for configurations with unknown values, attributes are
/// read one by one: `config.get::<Attr<String>>("name")?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values {
    value: Value,
    ty: Arc<ObjectType>,
}

impl Values {
    /// Pairs an object, or null, with its type.
    pub fn new(value: Value, ty: Arc<ObjectType>) -> Self {
        Self { value, ty }
    }

    /// The object itself.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The object's type.
    pub(crate) fn ty(&self) -> Type {
        Type::Object(self.ty.clone())
    }

    /// The object itself.
    pub fn into_value(self) -> Value {
        self.value
    }

    pub(crate) fn value_mut(&mut self) -> &mut Value {
        &mut self.value
    }

    /// True if there is no object at all: the state of what does not exist.
    pub fn is_null(&self) -> bool {
        self.value.is_null()
    }

    /// The whole object as a model.
    pub fn model<M: Model>(&self) -> Result<M> {
        Ok(M::from_value(self.value.clone())?)
    }

    /// The value at `path`. Null where an object on the way is null, unknown where it is unknown.
    pub fn get<T: Field>(&self, path: impl Into<AttributePath>) -> Result<T> {
        let path = path.into();
        let found = self.look_up_at(&path)?;
        T::from_value(found).map_err(|error| error.into_diagnostic(&path).into())
    }

    /// Replaces the value at `path`, which must be of the attribute's type.
    pub fn set<T: Field>(&mut self, path: impl Into<AttributePath>, new: &T) -> Result<()> {
        self.set_value(path.into(), new.to_value())
    }

    pub(crate) fn set_value(&mut self, path: AttributePath, new: Value) -> Result<()> {
        let ty = self.type_at(&path)?;
        if !new.fits(&ty) {
            let detail = format!(
                "The attribute is of type {ty}; the new value is {}.",
                new.kind()
            );
            return Err(Diagnostic::error("Value of the wrong type", detail)
                .at(path)
                .into());
        }
        if self.value.set_at(&path, new) {
            return Ok(());
        }
        let detail = "The path leads through a null or unknown value, or to a missing element.";
        Err(Diagnostic::error("No such attribute", detail)
            .at(path)
            .into())
    }

    /// The value at `path` as it is; an error if the schema has none there.
    pub(crate) fn look_up_at(&self, path: impl Into<AttributePath>) -> Result<Value> {
        let path = path.into();
        self.type_at(&path)?;
        Ok(self.look_up(&path))
    }

    /// The value at `path`; null past a null, unknown past an unknown.
    fn look_up(&self, path: &AttributePath) -> Value {
        let mut prefix = AttributePath::root();
        for step in path.steps() {
            match self.value.at(&prefix) {
                Some(Value::Unknown) => return Value::Unknown,
                Some(_) => prefix.push(step.clone()),
                None => return Value::Null,
            }
        }
        self.value.at(&prefix).cloned().unwrap_or_default()
    }

    /// The type at `path`, or an error if the schema has no such attribute.
    fn type_at(&self, path: &AttributePath) -> Result<Type> {
        let mut ty = self.ty();
        for step in path.steps() {
            let next = match (&ty, step) {
                (Type::Object(object), Step::Attribute(name)) => object.attribute(name).cloned(),
                (Type::List(element), Step::Index(_))
                | (Type::Set(element), Step::Element(_))
                | (Type::Map(element), Step::Key(_)) => Some((**element).clone()),
                (Type::Tuple(elements), Step::Index(index)) => elements.get(*index).cloned(),
                (Type::Dynamic, _) => Some(Type::Dynamic),
                _ => None,
            };
            let Some(next) = next else {
                let detail = format!("The schema has nothing at this path below {ty}.");
                return Err(Diagnostic::error("No such attribute", detail)
                    .at(path)
                    .into());
            };
            ty = next;
        }
        Ok(ty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr::Attr;

    fn sample() -> Values {
        let inner = Type::object([("port", Type::Number)]);
        let ty = ObjectType::new([
            ("name", Type::String),
            ("later", inner.clone()),
            ("none", inner.clone()),
            ("list", Type::list(inner)),
        ]);
        let value = Value::object([
            ("name", Value::from("n")),
            ("later", Value::Unknown),
            ("none", Value::Null),
            (
                "list",
                Value::list([Value::object([("port", Value::from(1))])]),
            ),
        ]);
        Values::new(value, Arc::new(ty))
    }

    #[test]
    fn reading_passes_through_null_and_unknown() {
        let values = sample();
        let port = |name: &str| AttributePath::from(name).attribute("port");
        assert_eq!(values.get::<String>("name").unwrap(), "n");
        assert_eq!(
            values.get::<Attr<u16>>(port("later")).unwrap(),
            Attr::Unknown
        );
        assert_eq!(values.get::<Attr<u16>>(port("none")).unwrap(), Attr::Null);
        let element = AttributePath::from("list").index(0).attribute("port");
        assert_eq!(values.get::<u16>(element).unwrap(), 1);
        let missing = AttributePath::from("list").index(9).attribute("port");
        assert_eq!(values.get::<Option<u16>>(missing).unwrap(), None);
    }

    #[test]
    fn errors_name_the_attribute() {
        let mut values = sample();
        let error = values.get::<Attr<u16>>("nope").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("error: No such attribute (at nope)"),
            "{error}"
        );
        let error = values.get::<bool>("name").unwrap_err();
        assert!(
            error.to_string().contains("(at name): A bool is needed"),
            "{error}"
        );
        let error = values.set("name", &5).unwrap_err();
        assert!(
            error.to_string().contains("wrong type (at name)"),
            "{error}"
        );
        let error = values
            .set(AttributePath::from("none").attribute("port"), &5)
            .unwrap_err();
        assert!(error.to_string().contains("(at none.port)"), "{error}");
    }

    #[test]
    fn writing_replaces_one_value() {
        let mut values = sample();
        values.set("name", &Attr::<String>::Unknown).unwrap();
        assert_eq!(values.get::<Attr<String>>("name").unwrap(), Attr::Unknown);
    }
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod path_tests;
