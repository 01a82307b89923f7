//! The writing side: one thread turns batches into one write and one sync each.

use std::time::Duration;

use super::{Lsn, Stopped};

/// Owned by one thread, which calls [`Writer::turn`] and, when that is idle, [`Writer::wait`].
#[derive(Debug)]
pub struct Writer {}

/// What a turn did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The journal was closed and all it took is durable. The last turn.
    Closed,
    /// Everything below is durable now: confirms may go out.
    Committed(Lsn),
    /// Nothing to write: wait.
    Idle,
    /// The disk has room again: publishers may go on.
    SpaceReturned,
}

impl Writer {
    /// Writes and syncs one batch of all that was appended, or does upkeep when there is none.
    ///
    /// # Errors
    /// Any disk error is final: kept, told to every later caller, never retried (rule J3).
    pub fn turn(&mut self) -> Result<Turn, Stopped> {
        unimplemented!()
    }
    /// Sleeps until there is something to write, the journal is closed, or `timeout` has passed.
    pub fn wait(&self, _timeout: Duration) {
        unimplemented!()
    }
}
