//! Which faults a run has, and how often: some kinds come often, some not at all. A run with few kinds
//! goes further in what they can do together than one that has all.

use crate::faults::Fault;
use crate::world::{Chance, World};

/// Kinds of faults, each with how often it comes by default, and whether only in wild runs.
type Kind = (u64, bool, fn(&mut Chance, usize, usize) -> Fault);

#[rustfmt::skip] // A table is read by column.
const KINDS: [Kind; 27] = [
    (2, false, |_, _, _| Fault::Ambush),
    (2, false, |_, _, _| Fault::Blackout),
    (3, false, |_, one, other| Fault::Cut(one, other)),
    (1, false, |_, one, _| Fault::Damage(one)),
    (1, false, |_, one, _| Fault::DiskError(one)),
    (1, false, |_, one, _| Fault::DiskFull(one)),
    (1, false, |_, one, _| Fault::ForcePromote(one)),
    (2, false, |_, one, _| Fault::Freeze(one)),
    (1, false, |chance, _, _| Fault::Garble(chance.between(1, 3) as u32)),
    (2, false, |_, one, _| Fault::Isolate(one)),
    (1, false, |_, one, _| Fault::Kill(one)),
    (1, false, |_, one, other| Fault::Lag(one, other)),
    (1, false, |_, _, _| Fault::LeaderGone),
    (1, false, |_, _, _| Fault::LeaderIsolated),
    (1, true,  |_, one, _| Fault::OldRecords(one)),
    (1, false, |_, one, _| Fault::PowerAt(one)),
    (1, false, |_, one, _| Fault::PowerLoss(one)),
    (1, true,  |_, _, _| Fault::Relic),
    (1, false, |_, _, _| Fault::Reset),
    (1, false, |_, one, _| Fault::RollBackDisk(one)),
    (1, false, |_, _, _| Fault::RollBackRecord),
    (1, false, |_, one, _| Fault::SlowDisk(one)),
    (1, true,  |_, one, _| Fault::StopClock(one)),
    (1, false, |_, _, _| Fault::Store),
    (1, false, |_, one, _| Fault::StoreOf(one)),
    (1, false, |_, _, _| Fault::StoreTrouble),
    (1, false, |_, one, _| Fault::Wipe(one)),
];

/// What is counted when a switchover is asked for under a fault of each kind.
pub(crate) fn switchovers() -> impl Iterator<Item = &'static str> {
    let mut chance = Chance::new(0);
    KINDS
        .iter()
        .map(move |(.., make)| make(&mut chance, 0, 1).under())
}

/// How often each kind comes.
#[derive(Debug)]
pub(crate) struct Mix {
    weights: [u64; KINDS.len()],
    /// So often a switchover is asked for while something is wrong.
    switchovers: u64,
}

impl Mix {
    pub(crate) fn draw(chance: &mut Chance, wild: bool) -> Self {
        let sparse = chance.one_in(2);
        let mut weights = [0; KINDS.len()];
        for ((default, only_wild, _), weight) in KINDS.iter().zip(&mut weights) {
            let left_out = sparse && chance.one_in(2);
            if !left_out && (wild || !only_wild) {
                *weight = default * chance.between(1, 4);
            }
        }
        // Never none.
        weights[1] = weights[1].max(1);
        let switchovers = chance.between(3, 12);
        Self {
            weights,
            switchovers,
        }
    }
}

impl World {
    /// Something by chance.
    pub(crate) fn any_fault(&mut self) -> Fault {
        let nodes = self.setup.nodes as u64;
        let one = self.chance.below(nodes) as usize;
        let other = (one + 1 + self.chance.below(nodes - 1) as usize) % self.setup.nodes;
        let mut left = self.chance.below(self.mix.weights.iter().sum());
        for ((.., make), weight) in KINDS.iter().zip(self.mix.weights) {
            if left < weight {
                return make(&mut self.chance, one, other);
            }
            left -= weight;
        }
        Fault::Blackout
    }

    /// Whether a switchover is to be asked for under a fault.
    pub(crate) fn switches_over(&mut self) -> bool {
        let often = self.mix.switchovers;
        self.chance.one_in(often)
    }
}
