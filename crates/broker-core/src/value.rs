//! Neutral values: arguments of queues, exchanges, bindings and consumers, and message annotations.

use std::collections::BTreeMap;
use std::fmt;

/// Named arguments, ordered by name so that equal sets compare and print equal.
pub type Arguments = BTreeMap<String, Value>;

/// A value any of the protocols can carry. Integer widths are not kept: `1` declared as a byte and
/// as a long is the same argument, which is also how RabbitMQ compares them.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Absent on purpose.
    Null,
    /// True or false.
    Bool(bool),
    /// Any signed or unsigned integer up to 64 bits.
    Int(i128),
    /// Single and double precision.
    Float(f64),
    /// A decimal number: `digits / 10^scale`.
    Decimal {
        /// How many of the digits stand behind the point.
        scale: u8,
        /// All digits, with their sign.
        digits: i32,
    },
    /// Text.
    Text(String),
    /// Bytes that are not text.
    Bytes(Vec<u8>),
    /// Seconds since 1970-01-01 UTC.
    Timestamp(u64),
    /// A list of values.
    List(Vec<Self>),
    /// Nested named values.
    Map(Arguments),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Decimal { scale, digits } => write!(f, "{digits}e-{scale}"),
            Self::Text(text) => f.write_str(text),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Timestamp(seconds) => write!(f, "timestamp {seconds}"),
            Self::List(values) => write!(f, "a list of {}", values.len()),
            Self::Map(arguments) => write!(f, "a table of {}", arguments.len()),
        }
    }
}
