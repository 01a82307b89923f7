//! Validators of single attributes: bounds, patterns, choices, and functions of your own.
//!
//! A validator sees only known values: null and unknown are the business of `required` and of the
//! next round. Its message is a requirement ("must be one of …"); the name of the attribute and,
//! unless it is sensitive, the value found are added to it.
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
//! }
//! ```

use std::fmt::{self, Display};
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, OnceLock};

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::path::{AttributePath, Step};
use crate::value::{Number, Value};

/// A rule that values of an attribute must follow.
#[derive(Clone)]
pub struct Validator(Arc<Check>);

type Check = dyn Fn(&Value, &mut Report<'_>) + Send + Sync;

impl Validator {
    /// A rule of your own; see [`string`] and [`value`] for shorter ways.
    pub fn new(check: impl Fn(&Value, &mut Report<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(check))
    }

    /// Applies the rule, unless the value is null or unknown.
    pub(crate) fn check(&self, value: &Value, report: &mut Report<'_>) {
        if value.is_known() {
            (self.0)(value.inner(), report);
        }
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Validator")
    }
}

/// Where a validator tells what is wrong.
#[derive(Debug)]
pub struct Report<'a> {
    path: AttributePath,
    /// True if the value must not be repeated in messages.
    sensitive: bool,
    diagnostics: &'a mut Diagnostics,
}

impl<'a> Report<'a> {
    pub(crate) fn new(
        path: AttributePath,
        sensitive: bool,
        diagnostics: &'a mut Diagnostics,
    ) -> Self {
        Self {
            path,
            sensitive,
            diagnostics,
        }
    }

    /// The attribute under examination.
    pub fn path(&self) -> &AttributePath {
        &self.path
    }

    /// Refuses `value` because it breaks `requirement` ("must be even").
    pub fn refuse(&mut self, requirement: impl Display, value: &Value) {
        let found = if self.sensitive {
            String::new()
        } else {
            format!(", got {}", Brief(value))
        };
        self.diagnostics.push(
            Diagnostic::error(
                "Invalid attribute value",
                format!("Attribute {} {requirement}{found}.", self.path),
            )
            .at(&self.path),
        );
    }

    /// Adds a diagnostic in your own words, at this attribute.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic.at(&self.path));
    }

    fn within(&mut self, step: Step, check: impl FnOnce(&mut Self)) {
        self.path.push(step);
        check(self);
        self.path.pop();
    }
}

/// A value in a message: short, and without the contents of collections.
struct Brief<'a>(&'a Value);

impl Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 80;
        match self.0 {
            Value::Bool(truth) => truth.fmt(f),
            Value::Number(number) => number.fmt(f),
            Value::String(text) if text.chars().count() > LONGEST => {
                let start: String = text.chars().take(LONGEST).collect();
                write!(f, "{start:?}…")
            }
            Value::String(text) => write!(f, "{text:?}"),
            other => f.write_str(other.kind()),
        }
    }
}

/// A string for which `check` returns `Ok`; its error continues "Attribute x …".
pub fn string(check: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static) -> Validator {
    value(move |value| value.as_str().map_or(Ok(()), &check))
}

/// Any value for which `check` returns `Ok`; its error continues "Attribute x …".
pub fn value(check: impl Fn(&Value) -> Result<(), String> + Send + Sync + 'static) -> Validator {
    Validator::new(move |value, report| {
        if let Err(requirement) = check(value) {
            report.refuse(requirement, value);
        }
    })
}

/// A string whose length in characters is within `range`.
pub fn length(range: impl RangeBounds<usize> + Send + Sync + 'static) -> Validator {
    string(move |text| {
        let length = text.chars().count();
        if range.contains(&length) {
            return Ok(());
        }
        Err(format!(
            "must be {} characters long but has {length}",
            in_words(&range)
        ))
    })
}

/// A list, set or map with a number of elements within `range`.
pub fn items(range: impl RangeBounds<usize> + Send + Sync + 'static) -> Validator {
    value(move |value| {
        let count = value
            .as_elements()
            .map(<[_]>::len)
            .or_else(|| value.as_map().map(|entries| entries.len()));
        match count {
            Some(count) if !range.contains(&count) => Err(format!(
                "must have {} elements but has {count}",
                in_words(&range)
            )),
            _ => Ok(()),
        }
    })
}

/// A number within `range`.
pub fn range(range: impl RangeBounds<i64> + Send + Sync + 'static) -> Validator {
    let bounds = (
        range.start_bound().cloned().map(Number::from),
        range.end_bound().cloned().map(Number::from),
    );
    value(move |value| match value.as_number() {
        Some(number) if !bounds.contains(number) => Err(format!("must be {}", in_words(&bounds))),
        _ => Ok(()),
    })
}

/// A whole number of an integer type. Integer fields of models bring this themselves.
pub fn whole<I: Into<Number>>(min: I, max: I) -> Validator {
    let bounds = min.into()..=max.into();
    value(move |value| match value.as_number() {
        Some(number) if !number.is_integer() => Err("must be a whole number".to_owned()),
        Some(number) if !bounds.contains(number) => Err(format!("must be {}", in_words(&bounds))),
        _ => Ok(()),
    })
}

/// One of the given strings, exactly.
pub fn one_of<S: Into<String>>(choices: impl IntoIterator<Item = S>) -> Validator {
    let choices: Vec<String> = choices.into_iter().map(Into::into).collect();
    string(move |text| {
        if choices.iter().any(|choice| choice == text) {
            return Ok(());
        }
        let listed: Vec<String> = choices.iter().map(|choice| format!("{choice:?}")).collect();
        Err(format!("must be one of {}", listed.join(", ")))
    })
}

/// A string in which `pattern` matches; `requirement` ("must be a host name") says it to people.
///
/// The pattern is compiled at first use, so that it costs nothing when a provider starts. A
/// pattern that does not compile refuses every value and says so.
pub fn regex(pattern: &'static str, requirement: &'static str) -> Validator {
    let compiled = OnceLock::new();
    string(
        move |text| match compiled.get_or_init(|| regex::Regex::new(pattern)) {
            Ok(regex) if regex.is_match(text) => Ok(()),
            Ok(_) => Err(requirement.to_owned()),
            Err(error) => Err(format!(
                "cannot be checked, the provider's pattern is broken: {error}"
            )),
        },
    )
}

/// Applies validators to each element of a list, set, map or tuple.
pub fn each(validators: impl IntoIterator<Item = Validator>) -> Validator {
    let validators: Vec<Validator> = validators.into_iter().collect();
    Validator::new(move |value, report| {
        let all = |element: &Value, report: &mut Report<'_>| {
            validators
                .iter()
                .for_each(|validator| validator.check(element, report));
        };
        match value {
            Value::Map(entries) => entries.iter().for_each(|(key, element)| {
                report.within(Step::Key(key.clone()), |report| all(element, report));
            }),
            Value::Set(set) => set.elements().iter().for_each(|element| {
                report.within(Step::Element(element.clone()), |report| {
                    all(element, report)
                });
            }),
            other => other
                .as_elements()
                .unwrap_or_default()
                .iter()
                .enumerate()
                .for_each(|(i, element)| {
                    report.within(Step::Index(i), |report| all(element, report))
                }),
        }
    })
}

/// Applies validators to each key of a map.
pub fn keys(validators: impl IntoIterator<Item = Validator>) -> Validator {
    let validators: Vec<Validator> = validators.into_iter().collect();
    Validator::new(move |value, report| {
        for key in value
            .as_map()
            .into_iter()
            .flat_map(|entries| entries.keys())
        {
            let text = Value::from(key.as_str());
            report.within(Step::Key(key.clone()), |report| {
                validators
                    .iter()
                    .for_each(|validator| validator.check(&text, report));
            });
        }
    })
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
        (Bound::Excluded(a), _) => format!("more than {a}"),
        (Bound::Unbounded, Bound::Unbounded) => "any number of".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(validator: &Validator, value: impl Into<Value>, sensitive: bool) -> String {
        let mut diagnostics = Diagnostics::new();
        let mut report = Report::new("x".into(), sensitive, &mut diagnostics);
        validator.check(&value.into(), &mut report);
        diagnostics
            .iter()
            .map(|d| format!("{}|{}\n", d.path, d.detail))
            .collect()
    }

    #[test]
    fn built_in_rules_accept_and_refuse() {
        let cases: [(Validator, Value, &str); 14] = [
            (length(1..=3), "äöü".into(), ""),
            (
                length(1..=3),
                "".into(),
                "must be from 1 to 3 characters long but has 0, got \"\"",
            ),
            (
                length(3..=3),
                "ab".into(),
                "must be exactly 3 characters long but has 2, got \"ab\"",
            ),
            (one_of(["a", "b"]), "a".into(), ""),
            (
                one_of(["a", "b"]),
                "A".into(),
                "must be one of \"a\", \"b\", got \"A\"",
            ),
            (regex("^a+$", "must be all a"), "aaa".into(), ""),
            (
                regex("^a+$", "must be all a"),
                "ab".into(),
                "must be all a, got \"ab\"",
            ),
            (range(1..=5), 5.into(), ""),
            (range(1..=5), 6.into(), "must be from 1 to 5, got 6"),
            (
                range(1..),
                Value::Number("0.5".parse().unwrap()),
                "must be at least 1, got 0.5",
            ),
            (
                whole(0_u8, 255),
                Value::Number("1.5".parse().unwrap()),
                "must be a whole number, got 1.5",
            ),
            (
                whole(0_u8, 255),
                256.into(),
                "must be from 0 to 255, got 256",
            ),
            (
                items(..=1),
                Value::list(["a", "b"]),
                "must have at most 1 elements but has 2, got a list",
            ),
            (items(1..), Value::map([("k", 1)]), ""),
        ];
        for (validator, value, refusal) in cases {
            let expected = match refusal {
                "" => String::new(),
                refusal => format!("x|Attribute x {refusal}.\n"),
            };
            assert_eq!(check(&validator, value, false), expected);
        }
    }

    #[test]
    fn null_and_unknown_pass_and_secrets_are_not_repeated() {
        assert_eq!(check(&length(1..), Value::Null, false), "");
        assert_eq!(check(&length(1..), Value::Unknown, false), "");
        assert_eq!(
            check(&one_of(["a"]), "hunter2", true),
            "x|Attribute x must be one of \"a\".\n"
        );
    }

    #[test]
    fn elements_and_keys_are_named_in_the_path() {
        let short = || [length(..=1)];
        assert!(check(&each(short()), Value::list(["a", "bb"]), false).starts_with("x[1]|"));
        assert!(check(&each(short()), Value::map([("k", "bb")]), false).starts_with("x[\"k\"]|"));
        assert!(check(&each(short()), Value::set(["bb"]), false).starts_with("x[element]|"));
        assert!(check(&keys(short()), Value::map([("kk", "b")]), false).starts_with("x[\"kk\"]|"));
    }

    #[test]
    fn a_broken_pattern_is_named() {
        assert!(check(&regex("(", "must be x"), "x", false).contains("pattern is broken"));
    }
}
