//! Fields of a single value, and the wrappers that make room for null and unknown.

use super::{ConversionError, Field, Presence, Shape};
use crate::attr::Attr;
use crate::validate;
use crate::value::{Dynamic, Number, Type, Value};

impl Field for bool {
    fn shape() -> Shape {
        Shape::of(Type::Bool)
    }

    fn from_value(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Bool(truth) => Ok(truth),
            other => Err(ConversionError::expected("a bool", &other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Field for String {
    fn shape() -> Shape {
        Shape::of(Type::String)
    }

    fn from_value(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::String(text) => Ok(text.into()),
            other => Err(ConversionError::expected("a string", &other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::from(self.as_str())
    }
}

impl Field for Number {
    fn shape() -> Shape {
        Shape::of(Type::Number)
    }

    fn from_value(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Number(number) => Ok(number),
            other => Err(ConversionError::expected("a number", &other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Number(self.clone())
    }
}

/// The nearest float. A number with more digits than a float holds does not come back unchanged;
/// use [`Number`] where that matters.
impl Field for f64 {
    fn shape() -> Shape {
        Shape::of(Type::Number)
    }

    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let float = Number::from_value(value)?.to_f64();
        if float.is_finite() {
            Ok(float)
        } else {
            Err(ConversionError::new(
                "the number is beyond the range of a 64-bit float",
            ))
        }
    }

    fn to_value(&self) -> Value {
        // Terraform has neither infinity nor not-a-number.
        Number::try_from(*self).map_or(Value::Null, Value::Number)
    }
}

macro_rules! integer_field {
    ($($int:ty),*) => {$(
        impl Field for $int {
            fn shape() -> Shape {
                Shape::of(Type::Number).validate(validate::whole(<$int>::MIN, <$int>::MAX))
            }

            fn from_value(value: Value) -> Result<Self, ConversionError> {
                let number = Number::from_value(value)?;
                let int = match number.as_i64() {
                    Some(int) => Self::try_from(int).ok(),
                    None => number.as_u64().and_then(|int| Self::try_from(int).ok()),
                };
                int.ok_or_else(|| {
                    let (min, max) = (Self::MIN, Self::MAX);
                    let value = Value::Number(number);
                    ConversionError::new(format!(
                        "a whole number from {min} to {max} is needed, but the value is {}",
                        validate::Brief(&value),
                    ))
                })
            }

            fn to_value(&self) -> Value {
                Value::from(*self)
            }
        }
    )*};
}
integer_field!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

impl Field for Dynamic {
    fn shape() -> Shape {
        Shape::of(Type::Dynamic)
    }

    fn from_value(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Dynamic(dynamic) => Ok(*dynamic),
            other => Err(ConversionError::expected("a value", &other)),
        }
    }

    fn to_value(&self) -> Value {
        self.clone().into()
    }
}

impl<T: Field> Field for Option<T> {
    const PRESENCE: Presence = Presence::Optional;

    fn shape() -> Shape {
        T::shape()
    }

    fn from_value(value: Value) -> Result<Self, ConversionError> {
        if value.is_null() {
            Ok(None)
        } else {
            T::from_value(value).map(Some)
        }
    }

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_value)
    }
}

impl<T: Field> Field for Attr<T> {
    const PRESENCE: Presence = Presence::Computed;

    fn shape() -> Shape {
        T::shape()
    }

    fn from_value(value: Value) -> Result<Self, ConversionError> {
        if value.is_null() {
            Ok(Self::Null)
        } else if value.is_unknown() {
            Ok(Self::Unknown)
        } else {
            T::from_value(value).map(Self::Known)
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Unknown => Value::Unknown,
            Self::Known(value) => value.to_value(),
        }
    }
}

impl<T: Field> Field for Box<T> {
    const PRESENCE: Presence = T::PRESENCE;

    fn shape() -> Shape {
        T::shape()
    }

    fn from_value(value: Value) -> Result<Self, ConversionError> {
        T::from_value(value).map(Self::new)
    }

    fn to_value(&self) -> Value {
        (**self).to_value()
    }
}
