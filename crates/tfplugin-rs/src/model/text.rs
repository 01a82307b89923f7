//! [`Text`]: a string that stands for something else.

use std::cmp::Ordering;
use std::fmt::{self, Display};
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::str::FromStr;

use super::{ConversionError, Field, Shape};
use crate::validate;
use crate::value::{Type, Value};

/// A string attribute that is parsed: `Text<IpAddr>`, `Text<`[`Json`](crate::types::Json)`>`, or an
/// enum with `FromStr`, `Display`, `PartialEq` and `Hash`.
///
/// What does not parse is reported when the configuration is validated. What a person wrote stays
/// as written: two texts whose values are equal mean the same, and where a read or an apply brings
/// another spelling of the value in the state, the state keeps its own. `T`'s `PartialEq` decides, and
/// its `Hash` must agree with that.
///
/// Compares, orders and hashes by value.
#[derive(Debug, Clone, Default)]
pub struct Text<T>(
    /// The value. Where it is changed, the text becomes what the new one displays.
    pub T,
    /// As it was read.
    Option<String>,
);

impl<T> Text<T> {
    /// A value in the spelling of its `Display`.
    pub const fn new(value: T) -> Self {
        Self(value, None)
    }

    /// The value alone.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: FromStr + Display + PartialEq> Display for Text<T> {
    /// As it was read, or as the value displays itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.1 {
            Some(spelling) if spelling.parse().ok().as_ref() == Some(&self.0) => {
                f.write_str(spelling)
            }
            _ => self.0.fmt(f),
        }
    }
}

impl<T: FromStr> FromStr for Text<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        Ok(Self(text.parse()?, Some(text.to_owned())))
    }
}

impl<T> Deref for Text<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Text<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: PartialEq> PartialEq for Text<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: Eq> Eq for Text<T> {}

impl<T: PartialOrd> PartialOrd for Text<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.0.partial_cmp(&other.0)
    }
}

impl<T: Ord> Ord for Text<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

impl<T: Hash> Hash for Text<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<T: FromStr<Err: Display> + Display + PartialEq + Hash + 'static> Field for Text<T> {
    fn shape() -> Shape {
        let parses = validate::string(|text| match text.parse::<T>() {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("is not valid: {error}")),
        });
        Shape::of(Type::String)
            .validate(parses)
            .same_by(|value| value.as_str().and_then(|text| text.parse::<T>().ok()))
    }

    fn from_value(value: Value) -> Result<Self, ConversionError> {
        let text = String::from_value(value)?;
        match text.parse() {
            Ok(value) => Ok(Self(value, Some(text))),
            Err(error) => Err(ConversionError::new(T::Err::to_string(&error))),
        }
    }

    fn to_value(&self) -> Value {
        Value::from(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn the_spelling_stays_with_the_value() {
        let read = Text::<IpAddr>::from_value("0:0::1".into()).unwrap();
        assert_eq!(*read, "::1".parse::<IpAddr>().unwrap());
        assert_eq!(read.to_value(), "0:0::1".into());
        assert_eq!(read.clone().into_inner().to_string(), "::1");
        let mut changed = read.clone();
        changed.0 = "::2".parse().unwrap();
        assert_eq!(changed.to_value(), "::2".into());
        let made = Text::new(*read);
        assert_eq!(made.to_value(), "::1".into());
        assert_eq!(made, read);
        assert_eq!(
            BTreeSet::from([made, read, "0::1".parse().unwrap()]).len(),
            1
        );
    }

    #[test]
    fn what_does_not_parse_is_refused_twice() {
        let error = Text::<IpAddr>::from_value("x".into()).unwrap_err();
        assert_eq!(error, ConversionError::new("invalid IP address syntax"));
        assert_eq!(Text::<IpAddr>::shape().validators.len(), 1);
    }
}
