//! Publishes of one turn, gathered so that each queue is entered once.

use std::collections::VecDeque;

use crate::call::{Publish, Published};

/// Publishes not yet told to the broker.
#[derive(Debug, Default)]
pub(super) struct Publishes {
    pub(super) batch: VecDeque<Publish>,
    /// Where each of them comes from.
    pub(super) origins: VecDeque<Origin>,
    /// What became of the first of them.
    pub(super) told: Vec<Published>,
}

/// Who hears what becomes of a publish.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) channel: u16,
    /// It comes back if it reaches no queue.
    pub(super) mandatory: bool,
}

/// Enough that entering a queue for all of them costs little for each, and so few that they are
/// still in the processor's cache then.
const BATCH_LEN: usize = 256;

impl Publishes {
    /// Adds one.
    pub(super) fn add(&mut self, publish: Publish, origin: Origin) {
        self.batch.push_back(publish);
        self.origins.push_back(origin);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// It is time to tell the broker.
    pub(super) fn is_full(&self) -> bool {
        self.batch.len() >= BATCH_LEN
    }

    /// Drops those of a channel that is closed before their turn came.
    pub(super) fn forget(&mut self, channel: u16) {
        let mut origins = self.origins.iter();
        self.batch
            .retain(|_| origins.next().is_some_and(|it| it.channel != channel));
        self.origins.retain(|origin| origin.channel != channel);
    }

    /// Gives the memory back after a turn that did not need it.
    pub(super) fn release(&mut self) {
        if self.batch.capacity() > 0 {
            *self = Self::default();
        }
    }
}
