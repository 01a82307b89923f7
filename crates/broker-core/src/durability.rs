//! How safe a queue's messages are before anyone is told of them.
//!
//! A queue says it with the argument `x-durability`; the level never changes in its life.
//!
//! | level | kept in | confirmed and delivered | survives |
//! | --- | --- | --- | --- |
//! | `fsync` (default) | journal | once the disk has it | a crash of the machine |
//! | `os` | journal | once the operating system has it | a crash of the broker, `kill -9` |
//! | `memory` | memory | at once | nothing: the queue comes back empty |
//!
//! A message for several queues has one record in the journal. Each queue delivers by its own
//! level, and the confirm waits for the strictest of them. A journal is written before it is synced,
//! so what `os` waits for comes first, by the time of one sync.
//!
//! What an `os` queue delivered may be lost with the power, its settlements as well: then a message
//! that was settled comes back, as it may with every level.

use crate::journal::Lsn;
use crate::value::{Arguments, Value};

/// The queue argument that names the level.
pub const ARGUMENT: &str = "x-durability";

/// A level; the greater, the stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Durability {
    /// Not journaled.
    Memory,
    /// Handed to the operating system.
    Os,
    /// Synced to the disk.
    Fsync,
}

/// How far the journal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The operating system has everything below.
    pub written: Lsn,
    /// The disk has everything below; never above `written`.
    pub durable: Lsn,
}

/// What somebody waits for: a position, and how safe everything below it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// Position behind what was promised; 0 for nothing to wait for.
    pub lsn: Lsn,
    /// How safe it has to be.
    pub durability: Durability,
}

impl Durability {
    /// All levels, the strictest first.
    pub const ALL: [Self; 3] = [Self::Fsync, Self::Os, Self::Memory];

    /// Its name in declarations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Os => "os",
            Self::Fsync => "fsync",
        }
    }

    /// The level of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    /// The level of a queue with these arguments, which have been checked. What is not known counts
    /// as the strictest.
    pub fn of(arguments: &Arguments) -> Self {
        match arguments.get(ARGUMENT) {
            Some(Value::Text(name)) => Self::parse(name).unwrap_or(Self::Fsync),
            _ => Self::Fsync,
        }
    }
}

impl Reached {
    /// How far the journal is for queues of that level.
    pub fn at(self, durability: Durability) -> Lsn {
        match durability {
            Durability::Memory | Durability::Fsync => self.durable,
            Durability::Os => self.written,
        }
    }

    /// Whether the promise is kept.
    pub fn keeps(self, promise: Promise) -> bool {
        promise.lsn <= self.at(promise.durability)
    }
}

impl Promise {
    /// Nothing to wait for.
    pub const KEPT: Self = Self::durable(Lsn(0));

    /// Safe on the disk.
    pub const fn durable(lsn: Lsn) -> Self {
        Self {
            lsn,
            durability: Durability::Fsync,
        }
    }

    /// Whether the other is kept whenever this one is.
    pub fn implies(self, other: Self) -> bool {
        other.lsn <= self.lsn && other.durability <= self.durability || other.lsn == Lsn(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promise(durability: Durability, lsn: u64) -> Promise {
        let lsn = Lsn(lsn);
        Promise { lsn, durability }
    }

    #[test]
    fn each_level_waits_for_its_own_position() {
        let reached = Reached {
            written: Lsn(20),
            durable: Lsn(10),
        };
        assert!(reached.keeps(promise(Durability::Os, 20)));
        assert!(!reached.keeps(promise(Durability::Os, 21)));
        assert!(reached.keeps(promise(Durability::Fsync, 10)));
        assert!(!reached.keeps(promise(Durability::Fsync, 20)));
        assert!(reached.keeps(Promise::KEPT));
    }

    #[test]
    fn a_stricter_promise_implies_the_looser_one_before_it_and_not_the_other_way_round() {
        let (os, fsync) = (promise(Durability::Os, 10), promise(Durability::Fsync, 10));
        assert!(fsync.implies(os) && !os.implies(fsync));
        assert!(!fsync.implies(promise(Durability::Os, 11)));
        assert!(os.implies(Promise::KEPT));
    }
}
