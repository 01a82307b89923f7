//! Why the broker refuses a call, in neutral words; each protocol translates at its own edge.

use std::fmt;

/// A call that the broker refuses. The text names the thing, the reason and, where there is one,
/// the way out; protocols and the management interface show it as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// What kind of refusal it is; decides the protocol's reply code.
    pub reason: Reason,
    /// One sentence for a person.
    pub text: String,
    /// The property of the object that is to blame, if one is: `name`, `durable`,
    /// `arguments.x-max-length`.
    pub property: Option<Box<str>>,
}

/// The machine-readable kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The user lacks a permission, or may not log in.
    AccessRefused,
    /// The object changed since the caller last saw it, or exists when it must not.
    Conflict,
    /// The object is in use: it has consumers, bindings or messages that the call must not lose.
    InUse,
    /// The queue or virtual host holds messages and the call asked for an empty one.
    NotEmpty,
    /// A name, argument or expression is malformed or out of bounds.
    Invalid,
    /// The object is exclusive to another connection.
    Locked,
    /// The object exists with other properties than the caller declares.
    Mismatch,
    /// A name that does not exist.
    NotFound,
    /// The operation is known and deliberately not offered.
    NotImplemented,
    /// A limit is reached: connections, queues, sizes.
    ResourceExhausted,
    /// The broker is stopping or its disk has failed.
    Unavailable,
}

impl Refusal {
    /// A refusal with its sentence.
    pub fn new(reason: Reason, text: impl fmt::Display) -> Self {
        Self {
            reason,
            text: text.to_string(),
            property: None,
        }
    }

    /// The same, blaming that property.
    pub fn at(self, property: impl Into<Box<str>>) -> Self {
        Self {
            property: Some(property.into()),
            ..self
        }
    }
}
