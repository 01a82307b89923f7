//! The kinds of queues: what a declaration says with `x-queue-type`.

use crate::arguments::QUEUE_TYPE;
use crate::value::{Arguments, Value};

/// The kind of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueKind {
    Classic,
    Quorum,
    Stream,
}

impl QueueKind {
    /// The kind of a queue with these arguments.
    pub(crate) fn of(arguments: &Arguments) -> Self {
        match arguments.get(QUEUE_TYPE) {
            Some(Value::Text(kind)) if kind == "quorum" => Self::Quorum,
            Some(Value::Text(kind)) if kind == "stream" => Self::Stream,
            _ => Self::Classic,
        }
    }

    /// What declarations call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Quorum => "quorum",
            Self::Stream => "stream",
        }
    }
}
