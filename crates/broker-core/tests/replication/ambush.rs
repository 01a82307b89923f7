//! Faults that lie in wait for a change of the record: the moment in which the protocol has the most
//! to remember, and which faults by the clock seldom hit.

use broker_core::replication::fake_coordinator::Trouble;
use broker_core::replication::record::Record;

use crate::faults::Fault;
use crate::world::{Happening, Life, MS, SECOND, World};

/// What a write of the record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Election,
    Expand,
    Resign,
    Shrink,
}

/// What happens when the next such write arrives at the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ambush {
    step: Step,
    trouble: Option<Trouble>,
    seed: u64,
}

impl World {
    pub(crate) fn lie_in_wait(&mut self) {
        let step = match self.chance.below(5) {
            0 => Step::Election,
            1 | 2 => Step::Expand,
            3 => Step::Resign,
            _ => Step::Shrink,
        };
        let trouble = match self.chance.below(5) {
            0 | 1 => Some(Trouble::AnswerLost),
            2 => Some(Trouble::Late),
            3 => Some(Trouble::Lost),
            _ => None,
        };
        let seed = self.chance.next();
        self.store.ambushes.push(Ambush {
            step,
            trouble,
            seed,
        });
    }

    /// A write is about to be carried out: is it waited for?
    pub(crate) fn spring(&mut self, author: Life, record: &Record) {
        let Some(step) = self.step_of(record) else {
            return;
        };
        let found = self.store.ambushes.iter().position(|it| it.step == step);
        let Some(ambush) = found.map(|index| self.store.ambushes.swap_remove(index)) else {
            return;
        };
        self.count("ambushes");
        self.note(|| format!("{ambush:?}"));
        if let Some(trouble) = ambush.trouble {
            self.store.fake.trouble(trouble);
        }
        let author = author.machine;
        let other = (author + 1) % self.setup.nodes;
        let first = match ambush.seed % 7 {
            0 => Fault::Kill(author),
            1 => Fault::Freeze(author),
            2 => Fault::StoreOf(author),
            3 => Fault::Cut(author, other),
            _ => Fault::Isolate(author),
        };
        self.after(0, Happening::Fault(first));
        let second = match ambush.seed / 7 % 6 {
            0 => Fault::Blackout,
            1 => Fault::PowerLoss(author),
            2 => Fault::Kill(other),
            3 => Fault::Freeze(other),
            _ => return,
        };
        let later = self.chance.between(100 * MS, 6 * SECOND);
        self.after(later, Happening::Fault(second));
    }

    fn step_of(&self, next: &Record) -> Option<Step> {
        let before = self.store.record()?;
        match () {
            () if next.epoch > before.epoch => Some(Step::Election),
            () if next.transfer.is_some() => Some(Step::Resign),
            () if next.isr.len() > before.isr.len() => Some(Step::Expand),
            () if next.isr.len() < before.isr.len() => Some(Step::Shrink),
            () => None,
        }
    }
}
