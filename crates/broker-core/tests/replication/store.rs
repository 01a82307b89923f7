//! The coordination store, some way off: requests and answers take time, and get lost.

use broker_core::replication::coordinator::{
    CasOutcome, Coordinator, ReadError, Snapshot, Version,
};
use broker_core::replication::fake_coordinator::FakeCoordinator;
use broker_core::replication::record::Record;
use broker_core::replication::replica::Input;

use crate::ambush::Ambush;
use crate::world::{Answer, Happening, Life, MS, SECOND, World, answered};

#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) fake: FakeCoordinator,
    /// Machines that do not get through.
    pub(crate) cut_off: Vec<usize>,
    /// Machines that are answered with a record that is past.
    pub(crate) old_for: Vec<usize>,
    pub(crate) ambushes: Vec<Ambush>,
    /// All records there were, in their order.
    pub(crate) history: Vec<Record>,
    /// The record that should be there, while it is an earlier one.
    pub(crate) rolled_back: Option<Record>,
}

impl Store {
    pub(crate) fn record(&self) -> Option<Record> {
        self.fake.read().ok()?.record
    }
}

impl World {
    fn way_to_store(&mut self) -> u64 {
        MS + self.chance.below(10 * MS)
    }

    pub(crate) fn ask_store(&mut self, life: Life) {
        let way = self.way_to_store();
        self.after(way, Happening::StoreRead(life));
    }

    pub(crate) fn write_store(&mut self, life: Life, expected: Version, record: Box<Record>) {
        let way = self.way_to_store();
        self.after(way, Happening::StoreWrite(life, expected, record));
    }

    /// Notes a record that is the store's now.
    fn remember(&mut self, written: &Record) {
        let now = self.store.record();
        let is_new = now.is_some() && now.as_ref() != self.store.history.last();
        if self.store.rolled_back.is_some() {
            let there = now.is_some_and(|it| it.writer_nonce == written.writer_nonce);
            assert!(
                !there,
                "{}\nan epoch that everybody knows to be past goes on",
                self.story()
            );
        } else if is_new {
            self.store.history.extend(now);
        }
    }

    pub(crate) fn store_read(&mut self, life: Life) {
        let cut = self.store.cut_off.contains(&life.machine);
        let (answer, way): (Answer, u64) = match self.store.fake.read() {
            Ok(snapshot) if !cut => {
                let snapshot = self.perhaps_old(life, snapshot);
                (Ok(snapshot), self.way_to_store())
            }
            _ => (Err(ReadError::Unreachable("no answer".into())), SECOND),
        };
        self.after(way, Happening::Tell(life, Box::new(Input::Read(answer))));
    }

    /// Of the epoch before, at times, with the version it had, as a member of the store may answer that
    /// has lost touch with the others.
    fn perhaps_old(&self, life: Life, now: Snapshot) -> Snapshot {
        let epoch = now.record.as_ref().map(|record| record.epoch);
        let older = self.store.history.iter().rev();
        let mut older = older.filter(|it| Some(it.epoch) < epoch);
        match older.next() {
            Some(old) if self.store.old_for.contains(&life.machine) => Snapshot {
                record: Some(old.clone()),
                version: Version::new("past"),
            },
            _ => now,
        }
    }

    pub(crate) fn store_write(&mut self, life: Life, expected: &Version, record: &Record) {
        let cut = self.store.cut_off.contains(&life.machine);
        let outcome = match cut {
            true => CasOutcome::Unknown,
            false => {
                self.spring(life, record);
                self.store.fake.cas(expected, record)
            }
        };
        self.remember(record);
        self.note(|| {
            let isr: Vec<u16> = record.isr.iter().map(|it| it.node.0).collect();
            let leader = record.leader.map(|it| it.node.0);
            format!(
                "store: node {} writes epoch {}, leader {leader:?}, in sync {isr:?}: {outcome:?}",
                life.machine + 1,
                record.epoch.0
            )
        });
        let way = match outcome {
            CasOutcome::Unknown => SECOND,
            _ => self.way_to_store(),
        };
        let late = 200 * MS + self.chance.below(4 * SECOND);
        self.after(late, Happening::LateWrites);
        self.after(
            way,
            Happening::Tell(life, answered(record.writer_nonce, outcome)),
        );
    }
}
