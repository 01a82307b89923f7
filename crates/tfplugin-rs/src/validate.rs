//! Validators of single attributes: bounds, patterns, choices, what goes together with what, and
//! functions of your own.
//!
//! A validator of values sees only known ones: null and unknown are the business of `required` and
//! of the next round. Its message is a requirement ("must be one of …"); the name of the attribute
//! and, unless it is sensitive, the value found are added to it.
//!
//! ```
//! use tfplugin_rs::{Model, validate};
//!
//! /// A listener.
//! #[derive(Model)]
//! struct Listener {
//!     /// Port to listen on.
//!     #[attr(validate = validate::range(1..=65_535))]
//!     port: u16,
//!     /// Protocol spoken.
//!     #[attr(validate = [validate::one_of(["amqp", "mqtt"]), validate::length(..=16)])]
//!     protocol: String,
//!     /// Address to listen on.
//!     #[attr(validate = validate::conflicts_with(["socket"]))]
//!     address: Option<String>,
//!     /// Socket to listen on.
//!     socket: Option<String>,
//! }
//! ```
//!
//! | for | there are |
//! | --- | --- |
//! | strings | [`length`], [`bytes`], [`regex`], [`one_of`], [`none_of`], [`one_of_ignoring_case`], [`none_of_ignoring_case`], [`duration`], [`size`], [`string`] |
//! | numbers | [`range`], [`float_range`], [`one_of`], [`none_of`], [`at_least_sum_of`], [`at_most_sum_of`], [`equal_to_sum_of`] |
//! | collections | [`items`], [`each`], [`keys`], [`unique`], [`no_nulls`] |
//! | other attributes | [`conflicts_with`], [`also_requires`], [`exactly_one_of`], [`at_least_one_of`], [`prefer_write_only`] |
//! | anything | [`any`], [`value`](fn@value), [`Validator::new`] |
//!
//! Rules over several attributes that belong to none of them in particular are in
//! [`rule`](crate::rule).

mod collections;
mod numbers;
mod relations;
mod strings;
mod walk;

use std::fmt::{self, Display};
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

pub use self::collections::{each, items, keys, no_nulls, unique};
pub use self::numbers::{at_least_sum_of, at_most_sum_of, equal_to_sum_of, float_range, range};
pub(crate) use self::numbers::{representable, whole};
pub(crate) use self::relations::write_only_warning;
pub use self::relations::{
    also_requires, at_least_one_of, conflicts_with, exactly_one_of, prefer_write_only,
};
pub use self::strings::{
    bytes, duration, length, none_of_ignoring_case, one_of_ignoring_case, regex, size, string,
};
pub(crate) use self::walk::check;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::path::{AttributePath, PathExpression, Pattern, Step, find};
use crate::value::{Type, Value};

/// A rule that values of an attribute must follow.
#[derive(Clone)]
pub struct Validator {
    check: Arc<Check>,
    /// Null and unknown values are shown to it too.
    sees_all: bool,
    /// What it can be attached to.
    pub(crate) subject: Subject,
    /// Other attributes it looks at.
    pub(crate) mentions: Vec<PathExpression>,
}

type Check = dyn Fn(&Value, &mut Report<'_>) + Send + Sync;

/// What a validator is about, for the schema's check.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    /// Whatever all of these are about.
    All(Vec<Validator>),
    Any,
    /// A list, set or map.
    Collection,
    /// A collection whose elements are the subject of these.
    Elements(Vec<Validator>),
    /// A map whose keys are the subject of these.
    Keys(Vec<Validator>),
    List,
    Number,
    String,
}

impl Validator {
    /// A rule of your own; see [`string`] and [`value`](fn@value) for shorter ways.
    pub fn new(check: impl Fn(&Value, &mut Report<'_>) + Send + Sync + 'static) -> Self {
        Self {
            check: Arc::new(check),
            sees_all: false,
            subject: Subject::Any,
            mentions: Vec::new(),
        }
    }

    fn about(mut self, subject: Subject) -> Self {
        self.subject = subject;
        self
    }

    /// Applies the rule, unless it is only for known values and this is none.
    pub(crate) fn check(&self, value: &Value, report: &mut Report<'_>) {
        if self.sees_all || value.is_known() {
            (self.check)(value.inner(), report);
        }
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Validator")
    }
}

impl Subject {
    /// Why it cannot be about values of type `ty`.
    pub(crate) fn misfit(&self, ty: &Type) -> Option<String> {
        if *ty == Type::Dynamic {
            return None;
        }
        let inner = |validators: &[Validator], ty: &Type| {
            validators
                .iter()
                .find_map(|validator| validator.subject.misfit(ty))
        };
        let (fits, wanted) = match (self, ty) {
            (Self::All(validators), ty) => return inner(validators, ty),
            (Self::Any, _) => return None,
            (Self::Elements(validators), Type::List(e) | Type::Map(e) | Type::Set(e)) => {
                return inner(validators, e);
            }
            (Self::Elements(validators), Type::Tuple(elements)) => {
                return elements
                    .iter()
                    .find_map(|element| inner(validators, element));
            }
            (Self::Keys(validators), Type::Map(_)) => return inner(validators, &Type::String),
            (Self::Collection | Self::Elements(_), ty) => (
                matches!(ty, Type::List(_) | Type::Map(_) | Type::Set(_)),
                "collections",
            ),
            (Self::Keys(_), _) => (false, "maps"),
            (Self::List, ty) => (matches!(ty, Type::List(_)), "lists"),
            (Self::Number, ty) => (*ty == Type::Number, "numbers"),
            (Self::String, ty) => (*ty == Type::String, "strings"),
        };
        (!fits).then(|| format!("a validator for {wanted} can never apply to {ty}"))
    }
}

/// Where a validator tells what is wrong, and where it sees the rest of the configuration.
#[derive(Debug)]
pub struct Report<'a> {
    path: AttributePath,
    /// How many steps of the path lead to the object around.
    object: usize,
    /// True if the value must not be repeated in messages.
    sensitive: bool,
    /// What is examined, as messages call it.
    noun: &'static str,
    surroundings: &'a Surroundings,
    diagnostics: &'a mut Diagnostics,
}

/// What is the same for all validators of one configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    /// The whole; blocks that are absent are null in it.
    pub(crate) config: Value,
    /// The caller never stores write-only values.
    pub(crate) write_only_allowed: bool,
}

impl<'a> Report<'a> {
    pub(crate) fn new(
        path: AttributePath,
        object: usize,
        sensitive: bool,
        surroundings: &'a Surroundings,
        diagnostics: &'a mut Diagnostics,
    ) -> Self {
        Self {
            path,
            object,
            sensitive,
            noun: "Attribute",
            surroundings,
            diagnostics,
        }
    }

    /// For an argument of a function.
    pub(crate) fn of_argument(self) -> Self {
        Self {
            noun: "Argument",
            ..self
        }
    }

    /// The attribute under examination.
    pub fn path(&self) -> &AttributePath {
        &self.path
    }

    /// Every value of the configuration that `expression` leads to from here. Where the way ends
    /// early, in something null or unknown, that is what is found.
    pub fn find(&self, expression: &PathExpression) -> Vec<(AttributePath, &'a Value)> {
        let here: Vec<_> = self
            .path
            .steps()
            .iter()
            .cloned()
            .map(Pattern::Exact)
            .collect();
        expression
            .resolve(&here, self.object)
            .map_or_else(Vec::new, |steps| find(&self.surroundings.config, &steps))
    }

    /// True if the caller takes care of write-only values, so that they can be recommended.
    pub fn write_only_allowed(&self) -> bool {
        self.surroundings.write_only_allowed
    }

    /// Refuses `value` because it breaks `requirement` ("must be even").
    pub fn refuse(&mut self, requirement: impl Display, value: &Value) {
        let found = match value {
            Value::Bool(_) | Value::Number(_) | Value::String(_) if !self.sensitive => {
                format!(", got {}", Brief(value))
            }
            // What a collection is says nothing that the requirement does not.
            _ => String::new(),
        };
        self.diagnostics.push(
            Diagnostic::error(
                "Invalid attribute value",
                format!("{} {} {requirement}{found}.", self.noun, self.path),
            )
            .at(&self.path),
        );
    }

    /// Adds a diagnostic in your own words, at this attribute.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic.at(&self.path));
    }

    /// Adds a diagnostic that brings its own path, or none.
    pub fn push_elsewhere(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn within(&mut self, step: Step, check: impl FnOnce(&mut Self)) {
        self.path.push(step);
        check(self);
        self.path.pop();
    }

    /// A report of the same place that writes elsewhere.
    fn to<'b>(&'b self, diagnostics: &'b mut Diagnostics) -> Report<'b> {
        Report {
            path: self.path.clone(),
            diagnostics,
            ..*self
        }
    }
}

/// A value in a message: short, and without the contents of collections.
pub(crate) struct Brief<'a>(pub(crate) &'a Value);

impl Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 80;
        match self.0 {
            Value::Bool(truth) => truth.fmt(f),
            Value::Number(number) => match number.to_string() {
                digits if digits.len() > LONGEST => write!(f, "{}…", &digits[..LONGEST]),
                digits => f.write_str(&digits),
            },
            Value::String(text) if text.chars().count() > LONGEST => {
                let start: String = text.chars().take(LONGEST).collect();
                write!(f, "{start:?}…")
            }
            Value::String(text) => write!(f, "{text:?}"),
            other => f.write_str(other.kind()),
        }
    }
}

/// Any value for which `check` returns `Ok`; its error continues "Attribute x …".
pub fn value(check: impl Fn(&Value) -> Result<(), String> + Send + Sync + 'static) -> Validator {
    Validator::new(move |value, report| {
        if let Err(requirement) = check(value) {
            report.refuse(requirement, value);
        }
    })
}

/// One of the given strings, numbers or bools, exactly.
pub fn one_of<V: Into<Value>>(choices: impl IntoIterator<Item = V>) -> Validator {
    let choices: Vec<Value> = choices.into_iter().map(Into::into).collect();
    let subject = subject_of(&choices);
    value(move |value| {
        if choices.contains(value) {
            return Ok(());
        }
        Err(format!("must be one of {}", listed(&choices)))
    })
    .about(subject)
}

/// None of the given strings, numbers or bools.
pub fn none_of<V: Into<Value>>(refused: impl IntoIterator<Item = V>) -> Validator {
    let refused: Vec<Value> = refused.into_iter().map(Into::into).collect();
    let subject = subject_of(&refused);
    value(move |value| {
        if refused.contains(value) {
            return Err(format!("must be none of {}", listed(&refused)));
        }
        Ok(())
    })
    .about(subject)
}

/// At least one of these validators must be content. If none is, all have their say.
pub fn any(validators: impl IntoIterator<Item = Validator>) -> Validator {
    let validators: Vec<Validator> = validators.into_iter().collect();
    let (subject, mentions) = (Subject::All(validators.clone()), mentions_of(&validators));
    Validator {
        sees_all: validators.iter().any(|validator| validator.sees_all),
        mentions,
        ..Validator::new(move |value, report| {
            let mut refusals = Diagnostics::new();
            for validator in &validators {
                let mut own = Diagnostics::new();
                validator.check(value, &mut report.to(&mut own));
                if !own.has_error() {
                    report.diagnostics.extend(own);
                    return;
                }
                refusals.extend(own);
            }
            report.diagnostics.extend(refusals);
        })
    }
    .about(subject)
}

fn mentions_of(validators: &[Validator]) -> Vec<PathExpression> {
    let mentions = validators.iter().flat_map(|validator| &validator.mentions);
    mentions.cloned().collect()
}

fn subject_of(values: &[Value]) -> Subject {
    match values.first() {
        Some(Value::Number(_)) => Subject::Number,
        Some(Value::String(_)) => Subject::String,
        _ => Subject::Any,
    }
}

fn listed(values: &[Value]) -> String {
    if values.is_empty() {
        return "nothing".to_owned();
    }
    let listed: Vec<String> = values
        .iter()
        .map(|value| Brief(value).to_string())
        .collect();
    listed.join(", ")
}

/// A range of counts in words: "at least 1 element", "from 0 to 1 elements".
fn counts_in_words(range: &impl RangeBounds<usize>, noun: &str) -> String {
    use Bound::{Excluded, Included, Unbounded};
    let is_one = matches!(
        (range.start_bound(), range.end_bound()),
        (Included(1), Included(1) | Unbounded)
            | (Unbounded, Included(1) | Excluded(1))
            | (Excluded(1), Unbounded)
    );
    let ending = if is_one { "" } else { "s" };
    format!("{} {noun}{ending}", in_words(range))
}

/// A range in words: "from 1 to 5", "at least 1", "exactly 3".
fn in_words<T: Display + PartialEq>(range: &impl RangeBounds<T>) -> String {
    match (range.start_bound(), range.end_bound()) {
        (Bound::Included(a), Bound::Included(b)) if a == b => format!("exactly {a}"),
        (Bound::Included(a), Bound::Included(b)) => format!("from {a} to {b}"),
        (Bound::Included(a), Bound::Excluded(b)) => format!("from {a} to less than {b}"),
        (Bound::Included(a), Bound::Unbounded) => format!("at least {a}"),
        (Bound::Unbounded, Bound::Included(b)) => format!("at most {b}"),
        (Bound::Unbounded, Bound::Excluded(b)) => format!("less than {b}"),
        (Bound::Excluded(a), Bound::Included(b)) => format!("more than {a} and at most {b}"),
        (Bound::Excluded(a), Bound::Excluded(b)) => format!("more than {a} and less than {b}"),
        (Bound::Excluded(a), Bound::Unbounded) => format!("more than {a}"),
        (Bound::Unbounded, Bound::Unbounded) => "any number of".to_owned(),
    }
}

#[cfg(test)]
mod catalogue_tests;
#[cfg(test)]
mod depth_tests;
#[cfg(test)]
mod edge_tests;
#[cfg(test)]
mod tests;
