//! Between values and Rust types: [`Field`] for one attribute, [`Model`] for a whole object.
//!
//! `#[derive(Model)]` implements both for a struct. Conversion never drops an unknown: where a type
//! has no place for one, the error names the attribute.

mod collections;
#[cfg(test)]
mod field_tests;
#[cfg(test)]
mod option_tests;
mod scalars;
mod text;

use std::hash::Hash;

pub use self::text::Text;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::meaning::Meaning;
use crate::path::{AttributePath, Step};
use crate::schema::{Members, Nesting, Schema};
use crate::validate::Validator;
use crate::value::{Names, Type, Value};

/// A Rust type that can stand for an attribute.
///
/// Implemented for `bool`, integers, `f32`, `f64`, `String`, [`Number`](crate::value::Number),
/// [`Dynamic`](crate::value::Dynamic), `Vec`, `BTreeSet`, `HashSet`, `BTreeMap<String, _>`,
/// `HashMap<String, _>`, `Option`, [`Attr`](crate::Attr), derived models, and through [`Text`] for
/// everything that is `FromStr`, `Display`, `PartialEq` and `Hash`.
pub trait Field: Sized {
    /// How an attribute of this type is set when its declaration does not say.
    const PRESENCE: Presence = Presence::Required;

    /// The type's part of a schema.
    fn shape() -> Shape;

    /// Reads a value.
    fn from_value(value: Value) -> Result<Self, ConversionError>;

    /// Writes a value of the type that [`Field::shape`] tells.
    fn to_value(&self) -> Value;
}

/// A struct that stands for a resource, a data source, a provider's configuration, or an object
/// nested in one. Derive it.
pub trait Model: Field + Send + Sync + 'static {
    /// The schema that the struct's fields and their documentation describe.
    fn schema() -> Schema;
}

/// How an attribute comes by its value, as far as its Rust type tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The provider sets it: `Attr<T>`.
    Computed,
    /// The configuration may set it: `Option<T>`.
    Optional,
    /// The configuration must set it: any other type.
    Required,
}

/// What a Rust type contributes to the schema.
#[derive(Debug, Clone)]
pub struct Shape {
    /// The type, plain or with members of its own.
    pub(crate) kind: ShapeKind,
    /// Bounds that the type sets, such as those of a `u16`.
    pub(crate) validators: Vec<Validator>,
    /// Which values mean the same.
    pub(crate) meaning: Meaning,
}

/// The kinds of [`Shape`].
#[derive(Debug, Clone)]
pub(crate) enum ShapeKind {
    /// A plain type.
    Type(Type),
    /// Objects with a schema of their own.
    Nested(Nesting, Members),
}

impl Shape {
    /// A plain type without bounds.
    pub fn of(ty: Type) -> Self {
        Self::from_kind(ShapeKind::Type(ty))
    }

    /// A single object with these members. Used by derived code.
    pub fn single(members: Members) -> Self {
        Self::from_kind(ShapeKind::Nested(Nesting::Single, members))
    }

    fn from_kind(kind: ShapeKind) -> Self {
        Self {
            kind,
            validators: Vec::new(),
            meaning: Meaning::default(),
        }
    }

    /// A rule that all values of the type follow.
    #[must_use]
    pub fn validate(mut self, validator: Validator) -> Self {
        self.validators.push(validator);
        self
    }

    /// Values for which `same` holds mean the same, though they differ: see [`Text`].
    #[must_use]
    pub fn same_if(
        mut self,
        same: impl Fn(&Value, &Value) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.meaning = self.meaning.with_whole(same);
        self
    }

    /// Values whose keys are equal mean the same; what has no key means only itself. Faster than
    /// [`Shape::same_if`] in large sets.
    #[must_use]
    pub fn same_by<K: PartialEq + Hash>(
        mut self,
        key: impl Fn(&Value) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        self.meaning = self.meaning.with_key(key);
        self
    }

    /// The members of an object; none for a plain type. Used by derived code.
    pub fn into_members(self) -> Members {
        match self.kind {
            ShapeKind::Nested(_, members) => members,
            ShapeKind::Type(_) => Members::new(),
        }
    }

    /// The value type.
    pub fn ty(&self) -> Type {
        match &self.kind {
            ShapeKind::Type(ty) => ty.clone(),
            ShapeKind::Nested(nesting, members) => nesting.ty(members.object_type()),
        }
    }

    /// The shape of a collection of this shape. Objects in collections of collections are plain
    /// types: the protocol nests one level at a time.
    fn collect(self, nesting: Nesting, wrap: fn(Type) -> Type) -> Self {
        let validators = match self.validators {
            validators if validators.is_empty() => validators,
            validators => vec![crate::validate::each(validators)],
        };
        let kind = match self.kind {
            ShapeKind::Nested(Nesting::Single, members) => ShapeKind::Nested(nesting, members),
            ShapeKind::Nested(inner, members) => {
                ShapeKind::Type(wrap(inner.ty(members.object_type())))
            }
            ShapeKind::Type(ty) => ShapeKind::Type(wrap(ty)),
        };
        Self {
            kind,
            validators,
            meaning: self.meaning.collect(),
        }
    }
}

/// A value that does not fit the Rust type it was to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversionError {
    /// From the inside out; each container adds its step on the way back.
    steps: AttributePath,
    problem: String,
}

impl ConversionError {
    /// An error about the value itself.
    pub fn new(problem: impl Into<String>) -> Self {
        Self {
            steps: AttributePath::root(),
            problem: problem.into(),
        }
    }

    /// The usual error: something other than `expected` was there.
    pub fn expected(expected: &str, found: &Value) -> Self {
        Self::new(match found {
            Value::Null => format!("{expected} is needed, but the value is null"),
            Value::Unknown => format!(
                "{expected} is needed, but the value is not known yet; \
                 use `Attr` in the model where values may be unknown"
            ),
            other => format!("{expected} is needed, but the value is {}", other.kind()),
        })
    }

    /// Says inside which element the error happened.
    #[must_use]
    pub fn within(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// As a diagnostic about the attribute below `base`.
    pub fn into_diagnostic(mut self, base: &AttributePath) -> Diagnostic {
        self.steps.reverse();
        Diagnostic::error(
            "Unexpected attribute value",
            capitalised(&self.problem) + ".",
        )
        .at(base.clone().concat(self.steps))
    }
}

impl From<ConversionError> for Diagnostics {
    fn from(error: ConversionError) -> Self {
        error.into_diagnostic(&AttributePath::root()).into()
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

/// The known object behind a value, opened for reading field by field. Used by derived code.
#[derive(Debug)]
pub struct Fields {
    names: Names,
    values: Vec<Value>,
}

impl Fields {
    /// Opens an object; null, unknown and anything else is an error.
    pub fn open(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Object(object) => Ok(Self {
                names: object.names().clone(),
                values: object.into_values(),
            }),
            other => Err(ConversionError::expected("an object", &other)),
        }
    }

    /// Takes the attribute `name`, which derived code expects at `index`.
    pub fn take<T: Field>(&mut self, index: usize, name: &str) -> Result<T, ConversionError> {
        let value = self.value(index, name)?;
        T::from_value(value).map_err(|error| error.within(Step::Attribute(name.to_owned())))
    }

    /// As [`Fields::take`], of an attribute with a default: a type that has no place for null reads
    /// that as the default. Null is what states from before the attribute was added hold.
    pub fn take_or<T: Field>(
        &mut self,
        index: usize,
        name: &str,
        default: impl FnOnce() -> Value,
    ) -> Result<T, ConversionError> {
        let value = match self.value(index, name)? {
            Value::Null if T::PRESENCE == Presence::Required => default(),
            value => value,
        };
        T::from_value(value).map_err(|error| error.within(Step::Attribute(name.to_owned())))
    }

    fn value(&mut self, index: usize, name: &str) -> Result<Value, ConversionError> {
        let index = if self.names.at(index) == Some(name) {
            Some(index)
        } else {
            self.names.position(name)
        };
        let Some(index) = index else {
            return Err(ConversionError::new(format!(
                "the object has no attribute `{name}`"
            )));
        };
        Ok(std::mem::take(&mut self.values[index]))
    }
}

#[cfg(test)]
mod tests;
