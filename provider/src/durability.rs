//! The attribute `durability`: how safe a queue's messages are before anyone is told of them.

use std::fmt;
use std::str::FromStr;

use agent_api::v1;

/// A level of durability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Durability {
    Fsync,
    Memory,
    Os,
}

impl Durability {
    pub(crate) const DEFAULT: &'static str = "fsync";

    /// The queue's level. One that a newer agent knows and we do not is shown as the strictest: a
    /// plan then replaces nothing that says nothing of it.
    pub(crate) fn of(queue: &v1::Queue) -> Self {
        match queue.durability() {
            v1::Durability::Fsync | v1::Durability::Unspecified => Self::Fsync,
            v1::Durability::Memory => Self::Memory,
            v1::Durability::Os => Self::Os,
        }
    }

    /// The contract's form.
    pub(crate) const fn to_api(self) -> v1::Durability {
        match self {
            Self::Fsync => v1::Durability::Fsync,
            Self::Memory => v1::Durability::Memory,
            Self::Os => v1::Durability::Os,
        }
    }
}

impl FromStr for Durability {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            Self::DEFAULT => Ok(Self::Fsync),
            "memory" => Ok(Self::Memory),
            "os" => Ok(Self::Os),
            _ => Err("it must be \"fsync\", \"os\" or \"memory\""),
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fsync => Self::DEFAULT,
            Self::Memory => "memory",
            Self::Os => "os",
        })
    }
}
