//! What a broker must not do.

use std::fmt;
use std::mem::discriminant;

use super::MessageId;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// A body came that nobody wrote like this.
    Corrupt {
        /// Where.
        queue: String,
        /// Its length.
        bytes: usize,
    },
    /// A change of definitions was confirmed, and the broker knows nothing of it.
    Definition {
        /// What is wrong, in a sentence.
        what: String,
    },
    /// A message came again, and was not marked as redelivered.
    Duplicate {
        /// Where.
        queue: String,
        /// Which.
        id: MessageId,
    },
    /// It was acknowledged, and no consumer ever got it.
    Lost {
        /// Where.
        queue: String,
        /// Which.
        id: MessageId,
    },
    /// A message came behind a later one of its publisher.
    Order {
        /// Where.
        queue: String,
        /// Which.
        id: MessageId,
        /// The least number that could come.
        before: u64,
    },
    /// A message came that was never sent, or never to this queue.
    Phantom {
        /// Where.
        queue: String,
        /// Which.
        id: MessageId,
    },
    /// Service did not come back when the fault was over.
    Stuck {
        /// What was waited for.
        what: String,
    },
    /// Two nodes served at the same time, longer than they may.
    TwoServe {
        /// Who and how long.
        what: String,
    },
}

impl Violation {
    /// Of the same kind, in the same queue.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        discriminant(self) == discriminant(other) && self.queue() == other.queue()
    }

    /// A word for the kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Corrupt { .. } => "corrupt",
            Self::Definition { .. } => "definition",
            Self::Duplicate { .. } => "duplicate",
            Self::Lost { .. } => "lost",
            Self::Order { .. } => "order",
            Self::Phantom { .. } => "phantom",
            Self::Stuck { .. } => "stuck",
            Self::TwoServe { .. } => "two serve",
        }
    }

    fn queue(&self) -> Option<&str> {
        match self {
            Self::Corrupt { queue, .. }
            | Self::Duplicate { queue, .. }
            | Self::Lost { queue, .. }
            | Self::Order { queue, .. }
            | Self::Phantom { queue, .. } => Some(queue),
            Self::Definition { .. } | Self::Stuck { .. } | Self::TwoServe { .. } => None,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { queue, bytes } => {
                write!(
                    f,
                    "{queue}: a body of {bytes} bytes that nobody wrote like this"
                )
            }
            Self::Definition { what } => f.write_str(what),
            Self::Duplicate { queue, id } => write!(f, "{queue}: {id} came again, not marked"),
            Self::Lost { queue, id } => write!(f, "{queue}: {id} was acknowledged and is lost"),
            Self::Order { queue, id, before } => {
                write!(f, "{queue}: {id} is out of order, {before} or more was due")
            }
            Self::Phantom { queue, id } => write!(f, "{queue}: {id} was never sent here"),
            Self::Stuck { what } => write!(f, "waited in vain for {what}"),
            Self::TwoServe { what } => f.write_str(what),
        }
    }
}
