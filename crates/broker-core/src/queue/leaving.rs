//! Messages that nobody accepted and that go on to another queue: dead letters.
//!
//! One that the journal holds for this queue stays its until it stands elsewhere, so that a crash in
//! between finds it here.

use super::{Effect, Entry, State, done};
use crate::call::Sequence;
use crate::death::DeathReason;

/// Dead letters of one queue on their way for which it still reads back more.
const MANY: usize = 256;

impl State {
    /// A message is done with here: it goes on as a dead letter, or it is gone.
    pub(super) fn let_go(&mut self, entry: Entry, reason: DeathReason, out: &mut Vec<Effect>) {
        match &mut self.features {
            Some(features) if features.rules.dead_letter.is_some() => {
                if entry.journaled {
                    features.leaving.insert(entry.sequence, entry.clone());
                }
                out.push(Effect::Died(entry, reason));
            }
            _ => done(&entry, out),
        }
    }

    /// Dead letters stand elsewhere now, or nowhere.
    pub(crate) fn buried(&mut self, sequences: &[Sequence], out: &mut Vec<Effect>) {
        let Some(features) = &mut self.features else {
            return;
        };
        let gone = sequences
            .iter()
            .filter_map(|it| features.leaving.remove(it));
        gone.for_each(|entry| done(&entry, out));
    }

    /// So many are on their way that what else may die is left where it is.
    pub(crate) fn has_many_leaving(&self) -> bool {
        self.leaving_len() >= MANY
    }

    /// Messages on their way from here.
    pub(crate) fn leaving_len(&self) -> usize {
        let features = self.features.as_ref();
        features.map_or(0, |features| features.leaving.len())
    }

    /// The same, each of them.
    pub(super) fn leaving(&self) -> impl Iterator<Item = &Entry> {
        let features = self.features.iter();
        features.flat_map(|features| features.leaving.values())
    }

    pub(super) fn leaving_entry(&self, sequence: Sequence) -> Option<&Entry> {
        self.features.as_ref()?.leaving.get(&sequence)
    }
}
