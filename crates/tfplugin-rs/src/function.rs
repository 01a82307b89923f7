//! [`Function`]: a pure function that configurations call as `provider::<name>::<function>(…)`.

use std::fmt;

use crate::diagnostics::Diagnostics;
use crate::model::{ConversionError, Field};
use crate::path::AttributePath;
use crate::validate::{Report, Surroundings, Validator};
use crate::value::{Type, Value};

/// A kind of function. Functions are pure: the same arguments give the same result, offline and
/// without side effects, on a provider that is not configured.
pub trait Function: Send + Sync + 'static {
    /// The name it is called by.
    const NAME: &'static str;

    /// The parameters, a struct that derives `Arguments`.
    type Arguments: Arguments;

    /// The result. A `Value` of any type that fields have.
    type Output: Field;

    /// Computes the result.
    fn call(&self, arguments: Self::Arguments) -> Result<Self::Output, FunctionError>;
}

/// The parameters of a function. Derive it for a struct: the fields are the parameters in order,
/// their documentation describes them, and the struct's own documentation describes the function.
///
/// `Option<T>` accepts null, [`Attr<T>`](crate::Attr) accepts null and unknown; with any other type
/// Terraform itself answers "unknown" when an argument is. A last field marked
/// `#[arg(variadic)]`, a `Vec<T>`, takes all further arguments. `#[arg(validate = …)]` takes the
/// rules of [`validate`](crate::validate), and `#[arguments(deprecated = "…")]` on the struct says
/// what to call instead.
pub trait Arguments: Sized + Send {
    /// The function's signature.
    fn signature() -> Signature;

    /// Reads the arguments. `values` holds one per parameter; a variadic one is a tuple.
    fn from_values(values: Vec<Value>) -> Result<Self, FunctionError>;
}

/// A function's parameters and documentation.
#[derive(Debug, Clone)]
pub struct Signature {
    /// What the function does, in one sentence.
    pub summary: String,
    /// What it does, in Markdown.
    pub description: String,
    /// The parameters in order, the variadic one excepted.
    pub parameters: Vec<Parameter>,
    /// The parameter that takes all further arguments.
    pub variadic: Option<Parameter>,
    /// Why it should no longer be called, and what to call instead.
    pub deprecated: Option<String>,
}

/// One parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// The name, for messages and documentation.
    pub name: String,
    /// What it is, in Markdown.
    pub description: String,
    /// Its type.
    pub ty: Type,
    /// True if null may be passed.
    pub allow_null: bool,
    /// True if unknown values may be passed.
    pub allow_unknown: bool,
    /// Rules that arguments must follow.
    pub validators: Vec<Validator>,
}

impl Parameter {
    /// A parameter held in a Rust type.
    pub fn of<T: Field>(name: impl Into<String>, description: impl Into<String>) -> Self {
        use crate::model::Presence;
        let shape = T::shape();
        Self {
            name: name.into(),
            description: description.into(),
            ty: shape.ty(),
            allow_null: T::PRESENCE != Presence::Required,
            allow_unknown: T::PRESENCE == Presence::Computed,
            validators: shape.validators,
        }
    }

    /// A rule that arguments must follow; for a variadic parameter, each of them.
    #[must_use]
    pub fn validate(mut self, validator: Validator) -> Self {
        self.validators.push(validator);
        self
    }

    /// The first rule that the argument at `index` breaks.
    pub(crate) fn check(&self, index: usize, value: &Value) -> Result<(), FunctionError> {
        let mut found = Diagnostics::new();
        // A parameter has no object around it, and nothing else to look at.
        let surroundings = Surroundings::default();
        let path = AttributePath::from(&*self.name);
        let mut report = Report::new(path, 0, false, &surroundings, &mut found).of_argument();
        for validator in &self.validators {
            validator.check(value, &mut report);
        }
        match found.iter().find(|diagnostic| diagnostic.is_error()) {
            Some(error) => Err(FunctionError {
                text: error.detail.clone(),
                argument: i64::try_from(index).ok(),
            }),
            None => Ok(()),
        }
    }
}

/// Why a function has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    pub(crate) text: String,
    pub(crate) argument: Option<i64>,
}

impl FunctionError {
    /// An error of the call as a whole.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            argument: None,
        }
    }

    /// An error of one argument, counted from 0; for a variadic parameter, that of the argument
    /// itself.
    pub fn argument(index: i64, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            argument: Some(index),
        }
    }
}

impl fmt::Display for FunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for FunctionError {}

/// Reads the argument at `index`. Used by derived code.
pub fn argument<T: Field>(index: i64, value: Value) -> Result<T, FunctionError> {
    T::from_value(value).map_err(|error| argument_error(index, error))
}

/// Reads the variadic arguments, the first of which stands at `index`. Used by derived code.
pub fn variadic<T: Field>(index: i64, value: Value) -> Result<Vec<T>, FunctionError> {
    let Value::Tuple(elements) = value else {
        return Err(FunctionError::new(
            "variadic arguments must come as a tuple",
        ));
    };
    (index..)
        .zip(elements)
        .map(|(index, element)| argument(index, element))
        .collect()
}

fn argument_error(index: i64, error: ConversionError) -> FunctionError {
    let diagnostic = error.into_diagnostic(&AttributePath::root());
    let place = match diagnostic.path.to_string() {
        path if path.is_empty() => path,
        path => format!("At {path}: "),
    };
    FunctionError::argument(index, place + &diagnostic.detail)
}
