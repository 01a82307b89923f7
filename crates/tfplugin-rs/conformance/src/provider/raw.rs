//! Models that are taken as they come: the schema of a model, and values of any content.

use std::marker::PhantomData;

use tfplugin_rs::Attr;
use tfplugin_rs::model::{ConversionError, Field, Model, Shape};
use tfplugin_rs::schema::{Attribute, Schema};
use tfplugin_rs::value::{Dynamic, Type, Value};

/// A value of the shape that `M` describes. What is compared is the framework's doing, and a typed
/// model would come in between with rules of its own.
pub(crate) struct Raw<M> {
    value: Value,
    model: PhantomData<fn() -> M>,
}

impl<M: Describe> Raw<M> {
    pub(crate) fn new(value: Value) -> Self {
        Self {
            value,
            model: PhantomData,
        }
    }

    pub(crate) fn value(&self) -> &Value {
        &self.value
    }

    pub(crate) fn into_value(self) -> Value {
        self.value
    }

    /// With every unknown replaced by what this provider makes of its type.
    pub(crate) fn complete(self) -> Self {
        Self::new(complete(self.value, &Self::shape().ty()))
    }

    /// With one attribute replaced by a text.
    pub(crate) fn with(mut self, name: &str, text: &str) -> Self {
        self.value.set_at(&name.into(), text.into());
        self
    }
}

/// What has a schema, derived from a struct or built by hand.
pub(crate) trait Describe: 'static {
    /// The resource's name after the provider's; "" for what is no resource.
    const NAME: &'static str = "";

    fn schema() -> Schema;
}

/// A schema with what is in every one: what shall go wrong, and something computed.
pub(crate) fn based() -> Schema {
    Schema::new()
        .with(Attribute::of::<Option<String>>("script"))
        .with(Attribute::of::<Attr<String>>("stamp"))
}

impl<M: Describe> Field for Raw<M> {
    fn shape() -> Shape {
        Shape::single(M::schema().members().clone())
    }

    fn from_value(value: Value) -> Result<Self, ConversionError> {
        Ok(Self::new(value))
    }

    fn to_value(&self) -> Value {
        self.value.clone()
    }
}

impl<M: Describe> Model for Raw<M> {
    fn schema() -> Schema {
        M::schema()
    }
}

fn complete(value: Value, ty: &Type) -> Value {
    let each = |elements: Vec<Value>, ty: &Type| -> Vec<Value> {
        elements.into_iter().map(|e| complete(e, ty)).collect()
    };
    match (value, ty) {
        (Value::Unknown, ty) => made(ty),
        (Value::List(elements), Type::List(ty)) => Value::List(each(elements, ty)),
        (Value::Set(set), Type::Set(ty)) => Value::set(each(set.into_elements(), ty)),
        (Value::Map(entries), Type::Map(ty)) => {
            Value::map(entries.into_iter().map(|(k, v)| (k, complete(v, ty))))
        }
        (Value::Tuple(elements), Type::Tuple(types)) => {
            let pairs = elements.into_iter().zip(types.iter());
            Value::Tuple(pairs.map(|(e, ty)| complete(e, ty)).collect())
        }
        (Value::Object(object), Type::Object(ty)) => {
            let names: Vec<_> = ty.names().iter().map(str::to_owned).collect();
            let values = object.into_values().into_iter().zip(ty.types());
            let values = values.map(|(value, ty)| complete(value, ty));
            Value::object(names.into_iter().zip(values.collect::<Vec<_>>()))
        }
        (Value::Dynamic(dynamic), Type::Dynamic) => {
            let (ty, value) = dynamic.into_parts();
            match value {
                Value::Unknown if ty == Type::Dynamic => made(&ty),
                Value::Unknown => Value::Dynamic(Box::new(Dynamic::new(ty.clone(), made(&ty)))),
                value => {
                    let value = complete(value, &ty);
                    Value::Dynamic(Box::new(Dynamic::new(ty, value)))
                }
            }
        }
        (value, _) => value,
    }
}

/// The one value of a type that this provider computes.
pub(crate) fn made(ty: &Type) -> Value {
    match ty {
        Type::Bool => true.into(),
        Type::Number => 7.into(),
        Type::String => "made".into(),
        Type::Dynamic => Value::Dynamic(Box::new(Dynamic::new(Type::String, "made".into()))),
        Type::List(ty) => Value::list([made(ty)]),
        Type::Set(ty) => Value::set([made(ty)]),
        Type::Map(ty) => Value::map([("made", made(ty))]),
        Type::Tuple(types) => Value::Tuple(types.iter().map(made).collect()),
        Type::Object(ty) => Value::object(ty.iter().map(|(name, ty)| (name, made(ty)))),
    }
}
