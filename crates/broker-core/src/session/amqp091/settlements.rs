//! Settlements of one turn, gathered so that each queue is locked once.

use crate::broker::Attachment;
use crate::call::{Outcome, QueueId, Sequence, Settle};

/// Settlements not yet told to the broker.
#[derive(Debug, Default)]
pub(super) struct Settlements {
    groups: Vec<Settle>,
    /// Vectors to use again.
    spare: Vec<Vec<Sequence>>,
}

/// How many groups are looked at for a place: clients settle few queues at a time, and a search
/// over many would make settling them quadratic.
const SEARCHED_GROUPS: usize = 8;

/// Most vectors kept, and the largest of them, in entries.
const SPARE_VECTORS: usize = 4;
const SPARE_ENTRIES: usize = 1024;

impl Settlements {
    /// Adds one.
    pub(super) fn add(&mut self, queue: QueueId, sequence: Sequence, outcome: Outcome) {
        let place = self
            .groups
            .iter_mut()
            .rev()
            .take(SEARCHED_GROUPS)
            .find(|group| group.queue == queue && group.outcome == outcome);
        match place {
            Some(group) => group.sequences.push(sequence),
            None => {
                let mut sequences = self.spare.pop().unwrap_or_default();
                sequences.push(sequence);
                self.groups.push(Settle {
                    queue,
                    outcome,
                    sequences,
                });
            }
        }
    }

    /// What was gathered.
    pub(super) fn groups(&self) -> &[Settle] {
        &self.groups
    }

    /// Tells the broker.
    pub(super) fn flush(&mut self, attachment: &Attachment) {
        for mut group in self.groups.drain(..) {
            attachment.settle(group.queue, &group.sequences, group.outcome);
            if self.spare.len() < SPARE_VECTORS && group.sequences.capacity() <= SPARE_ENTRIES {
                group.sequences.clear();
                self.spare.push(group.sequences);
            }
        }
    }
}
