//! Timeouts that users set, operation by operation.
//!
//! ```
//! use tfplugin_rs::prelude::*;
//!
//! /// A database.
//! #[derive(Model)]
//! struct Database {
//!     /// Its name.
//!     name: String,
//!     /// How long operations may take.
//!     #[attr(timeouts(create = "30m", delete = "10m"))]
//!     timeouts: Timeouts,
//! }
//! ```
//!
//! gives the optional attribute `timeouts = { create = "1h" }`; with `#[block(timeouts(…))]` it is
//! a block instead. An operation reads its limit from its context, where the default stands in for
//! what is not set: [`Context::deadline`](crate::Context::deadline),
//! [`Context::within_deadline`](crate::Context::within_deadline).

use std::fmt;
use std::time::Duration;

use crate::model::{ConversionError, Field, Presence, Shape, Text};
use crate::schema::{Attribute, Block, Member, Members, Nesting};
use crate::types::Period;
use crate::value::Value;

/// What a timeout can limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Making a resource.
    Create,
    /// Deleting a resource.
    Delete,
    /// Running an action.
    Invoke,
    /// Finding resources of a type.
    List,
    /// Beginning the use of an ephemeral resource.
    Open,
    /// Looking up a resource or a data source.
    Read,
    /// Changing a resource.
    Update,
}

impl Operation {
    /// The attribute's name: `create`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Invoke => "invoke",
            Self::List => "list",
            Self::Open => "open",
            Self::Read => "read",
            Self::Update => "update",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The field of a model that holds timeouts. Which operations there are, and how long they may take
/// where nothing is set, says its attribute: `#[attr(timeouts(create = "30m"))]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Timeouts(Value);

impl Timeouts {
    /// What is set for `operation`, without the default.
    pub fn configured(&self, operation: Operation) -> Option<Duration> {
        period(&self.0, operation)
    }
}

impl Field for Timeouts {
    const PRESENCE: Presence = Presence::Optional;

    /// No operation at all; the attribute names them.
    fn shape() -> Shape {
        Shape::single(Members::new())
    }

    fn from_value(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Null | Value::Object(_) => Ok(Self(value)),
            other => Err(ConversionError::expected("an object of timeouts", &other)),
        }
    }

    fn to_value(&self) -> Value {
        self.0.clone()
    }
}

/// The operations that can be limited, with their defaults as [`Period`]s.
pub(crate) type Defaults = Vec<(Operation, &'static str)>;

/// An attribute of timeouts. Used by derived code.
pub fn attribute(
    name: impl Into<String>,
    defaults: impl IntoIterator<Item = (Operation, &'static str)>,
) -> Attribute {
    let defaults: Defaults = defaults.into_iter().collect();
    let mut attribute = Attribute::nested(name, Nesting::Single, members(&defaults)).optional();
    attribute.timeouts = Some(defaults);
    attribute
}

/// A block of timeouts. Used by derived code.
pub fn block(
    name: impl Into<String>,
    defaults: impl IntoIterator<Item = (Operation, &'static str)>,
) -> Block {
    let defaults: Defaults = defaults.into_iter().collect();
    let mut block = Block::new(name, Nesting::Single, members(&defaults));
    block.timeouts = Some(defaults);
    block
}

fn members(defaults: &Defaults) -> Members {
    defaults
        .iter()
        .fold(Members::new(), |members, (operation, default)| {
            let text = format!(
                "How long `{operation}` may take, such as `30m` or `1h30m`. Default: `{default}`."
            );
            members.with(
                Attribute::typed::<Option<Text<Period>>>(operation.name())
                    .optional()
                    .describe(text),
            )
        })
}

/// How long one operation may take, and where users change that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) operation: Operation,
    /// The member that holds the timeouts.
    pub(crate) member: String,
    pub(crate) timeout: Duration,
}

impl Members {
    /// The limit of `operation` in `values`, or its default; `None` if it has none.
    pub(crate) fn limit(&self, operation: Operation, values: &Value) -> Option<Limit> {
        self.iter().find_map(|member| {
            let defaults = match member {
                Member::Attribute(attribute) => attribute.timeouts.as_ref()?,
                Member::Block(block) => block.timeouts.as_ref()?,
            };
            let (_, default) = defaults.iter().find(|(limited, _)| *limited == operation)?;
            let configured = values
                .as_object()
                .and_then(|object| object.get(member.name()))
                .and_then(|timeouts| period(timeouts, operation));
            let default = || default.parse::<Period>().ok().map(|period| period.0);
            Some(Limit {
                operation,
                member: member.name().to_owned(),
                timeout: configured.or_else(default)?,
            })
        })
    }
}

fn period(timeouts: &Value, operation: Operation) -> Option<Duration> {
    let text = timeouts.as_object()?.get(operation.name())?.as_str()?;
    text.parse::<Period>().ok().map(|period| period.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Model;
    use crate::schema::{Role, Schema};
    use crate::validate::Surroundings;

    #[derive(Model)]
    struct AsAttribute {
        #[attr(timeouts(create = "30m", delete = "10m"))]
        timeouts: Timeouts,
    }

    #[derive(Model)]
    struct AsBlock {
        #[block(timeouts(read = "1m"), name = "limits")]
        timeouts: Timeouts,
    }

    fn timeouts(entries: &[(&'static str, &'static str)]) -> Value {
        Value::object(
            entries
                .iter()
                .map(|(name, value)| (*name, Value::from(*value))),
        )
    }

    fn limit(
        schema: &Schema,
        member: &'static str,
        operation: Operation,
        set: Value,
    ) -> Option<u64> {
        let values = Value::object([(member, set)]);
        let limit = schema.members().limit(operation, &values)?;
        assert_eq!(
            (limit.operation, limit.member.as_str()),
            (operation, member)
        );
        Some(limit.timeout.as_secs())
    }

    #[test]
    fn what_is_set_counts_and_the_default_otherwise() {
        let schema = AsAttribute::schema();
        let set = || timeouts(&[("create", "1h"), ("delete", "90s")]);
        for (operation, set, seconds) in [
            (Operation::Create, set(), Some(3600)),
            (Operation::Delete, set(), Some(90)),
            (Operation::Create, Value::Null, Some(1800)),
            (Operation::Create, Value::Unknown, Some(1800)),
            (Operation::Update, set(), None),
        ] {
            assert_eq!(
                limit(&schema, "timeouts", operation, set),
                seconds,
                "{operation}"
            );
        }
        let schema = AsBlock::schema();
        assert_eq!(
            limit(
                &schema,
                "limits",
                Operation::Read,
                timeouts(&[("read", "5s")])
            ),
            Some(5)
        );
        assert_eq!(
            limit(&schema, "limits", Operation::Read, Value::Null),
            Some(60)
        );
    }

    #[test]
    fn values_come_back_as_they_were() {
        let set = timeouts(&[("create", "60m"), ("delete", "1h")]);
        let model = AsAttribute::from_value(Value::object([("timeouts", set.clone())])).unwrap();
        assert_eq!(
            model.timeouts.configured(Operation::Create),
            Some(Duration::from_secs(3600))
        );
        assert_eq!(model.timeouts.configured(Operation::Update), None);
        assert_eq!(model.to_value(), Value::object([("timeouts", set)]));
        assert_eq!(Timeouts::default().to_value(), Value::Null);
        assert!(Timeouts::from_value("1h".into()).is_err());
    }

    #[test]
    fn what_is_no_duration_is_refused_with_its_path() {
        let set = Value::object([(
            "timeouts",
            timeouts(&[("create", "soon"), ("delete", "1m")]),
        )]);
        let schema = AsAttribute::schema();
        let found = crate::validate::check(&schema, &Surroundings::new(&schema, &set, false));
        assert!(
            found
                .to_string()
                .starts_with("error: Invalid attribute value (at timeouts.create)"),
            "{found}"
        );
    }

    #[test]
    fn wrong_declarations_are_found() {
        let problems = |defaults: [(Operation, &'static str); 1], role| {
            Schema::new()
                .with(attribute("timeouts", defaults))
                .problems(role)
        };
        assert_eq!(
            problems([(Operation::Create, "1h")], Role::Resource),
            [] as [&str; 0]
        );
        assert_eq!(
            problems([(Operation::Create, "1x")], Role::Resource),
            ["timeouts: the default of create is \"1x\", which is no duration"]
        );
        assert_eq!(
            problems([(Operation::Create, "1h")], Role::DataSource),
            ["timeouts: create is nothing that happens here"]
        );
        let empty = Schema::new().with(block("timeouts", []));
        assert_eq!(
            empty.problems(Role::Resource),
            ["timeouts: a block needs members; its Rust type must be made of models"]
        );
    }
}

#[cfg(test)]
mod limit_tests;
