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

macro_rules! float_field {
    ($($float:ty, $bits:literal, $nearest:expr;)*) => {$(
        /// The nearest float; a field of [`Number`] has every digit. In plan and state a number stays
        /// as it is written while that is the nearest float: `1/3` keeps its digits. A number that
        /// would become infinite is refused, as is one that would become zero.
        impl Field for $float {
            fn shape() -> Shape {
                let holds = |number: &Number| is_near($nearest(number).into(), number);
                let float = move |value: &Value| {
                    let number = value.as_number().filter(|number| holds(number))?;
                    Some(f64::from($nearest(number)).to_bits())
                };
                Shape::of(Type::Number)
                    .validate(validate::representable($bits, holds))
                    .same_by(float)
            }

            fn from_value(value: Value) -> Result<Self, ConversionError> {
                let number = Number::from_value(value)?;
                let float: Self = $nearest(&number);
                if is_near(float.into(), &number) {
                    return Ok(float);
                }
                let bits = $bits;
                Err(ConversionError::new(format!(
                    "the number is beyond the range of a {bits}-bit float"
                )))
            }

            fn to_value(&self) -> Value {
                // Terraform has neither infinity nor not-a-number, which is no number's text.
                format!("{self:e}").parse().map_or(Value::Null, Value::Number)
            }
        }
    )*};
}
float_field! {
    f32, 32, |number: &Number| number.to_string().parse().unwrap_or(f32::NAN);
    f64, 64, Number::to_f64;
}

/// False if the float nearest to a number is infinite, or zero where the number is not.
fn is_near(float: f64, number: &Number) -> bool {
    float.is_finite() && (float != 0.0 || *number == Number::ZERO)
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
