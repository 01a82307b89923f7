//! What operators do: hand over, go on with what one node has, and put a lost record back.

use std::time::Duration;

use broker_core::replication::record::Record;
use broker_core::replication::replica::Input;

use crate::faults::Fault;
use crate::world::{Happening, MS, SECOND, World, node_id};

/// So often an operator says the same to a node.
const WORDS: u32 = 20;

impl World {
    /// The machine that leads, as far as anybody can say.
    pub(crate) fn acting_leader(&self) -> Option<usize> {
        (0..self.setup.nodes).find(|it| self.machines[*it].engine.is_some())
    }

    pub(crate) fn switch_over(&mut self, machine: usize) {
        let leader = self.acting_leader();
        if let Some(leader) = leader.filter(|leader| *leader != machine) {
            let resign = Input::Resign {
                to: node_id(machine),
                patience: Duration::from_secs(5),
            };
            let life = self.life(leader);
            self.after(0, Happening::Tell(life, Box::new(resign)));
        }
    }

    /// An operator goes on with one node. The others are known to be down, and come back later.
    pub(crate) fn force_promote(&mut self, machine: usize, lasts: u64) {
        let there = self.machines[machine].replica.is_some();
        if !there || self.machines[machine].engine.is_some() || self.store.rolled_back.is_some() {
            return;
        }
        for other in (0..self.setup.nodes).filter(|other| *other != machine) {
            self.crash(other, true);
            self.after(8 * SECOND + lasts, Happening::Restart(other));
        }
        let later = self.chance.between(SECOND, 3 * SECOND);
        self.after(later, Happening::Force(machine));
    }

    /// The operator's word. What only others have, and what clients did with it, is given up.
    pub(crate) fn force(&mut self, machine: usize) {
        let alone = (0..self.setup.nodes)
            .all(|other| other == machine || self.machines[other].replica.is_none());
        let stands_by = self.machines[machine].engine.is_none();
        if alone && stands_by && self.machines[machine].replica.is_some() {
            self.ledger.forgive();
            let life = self.life(machine);
            self.tell(life, Input::ForcePromote);
        }
    }

    /// The store is restored from a backup: its record is an earlier one, until an operator puts the
    /// right one back. Only to an epoch that every node knows to be past: who does not know it might
    /// be elected again, which nothing can prevent.
    pub(crate) fn roll_back_record(&mut self, lasts: u64) {
        let promised = |index: usize| {
            let machine = &self.machines[index];
            let replica = machine.replica.as_ref();
            replica.map(|it| it.node().protocol().vow().promised)
        };
        let known: Option<Vec<_>> = (0..self.setup.nodes).map(promised).collect();
        let least = known.and_then(|known| known.into_iter().min());
        let (Some(least), Some(newest)) = (least, self.store.record()) else {
            return;
        };
        let history = self.store.history.iter();
        let older: Vec<Record> = history.filter(|it| it.epoch < least).cloned().collect();
        if older.is_empty() || self.store.rolled_back.is_some() || !self.may_spend() {
            return;
        }
        self.spend();
        let old = older[self.chance.below(older.len() as u64) as usize].clone();
        self.note(|| format!("the record is of epoch {} again", old.epoch.0));
        self.count("rolled-back records");
        self.store.fake.put(old);
        self.store.rolled_back = Some(newest);
        self.after(lasts, Happening::Mend(Fault::RollBackRecord));
    }

    pub(crate) fn put_record_back(&mut self) {
        if let Some(record) = self.store.rolled_back.take() {
            self.store.fake.put(record);
        }
    }

    /// All who have everything are lost: an operator goes on with whom there is, one after the other
    /// until one of them can.
    pub(crate) fn rescue(&mut self) {
        self.count("groups rescued");
        let mut candidates: Vec<usize> = (0..self.setup.nodes).collect();
        candidates.sort_by_key(|index| {
            let replica = self.machines[*index].replica.as_ref();
            std::cmp::Reverse(replica.map(|it| it.node().protocol().log().end))
        });
        for machine in candidates {
            self.note(|| format!("an operator goes on with node {}", machine + 1));
            for other in (0..self.setup.nodes).filter(|other| *other != machine) {
                self.crash(other, true);
            }
            // So that it has looked at the record.
            self.pass(5 * SECOND);
            let leads = |world: &Self| world.leader().is_some();
            // Said again where the store did not take it.
            let done = (0..WORDS).any(|_| {
                self.force(machine);
                self.pass_until(15 * SECOND, leads)
            });
            for index in 0..self.setup.nodes {
                self.after(MS, Happening::Restart(index));
            }
            self.pass(SECOND);
            if done {
                return;
            }
        }
    }
}
