//! The coordination store, some way off: requests and answers take time, and get lost.

use broker_core::replication::coordinator::{CasOutcome, Coordinator, ReadError, Version};
use broker_core::replication::fake_coordinator::FakeCoordinator;
use broker_core::replication::record::Record;
use broker_core::replication::replica::Input;

use crate::world::{Answer, Happening, Life, MS, SECOND, World, answered};

#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) fake: FakeCoordinator,
    /// Machines that do not get through.
    pub(crate) cut_off: Vec<usize>,
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

    pub(crate) fn store_read(&mut self, life: Life) {
        let cut = self.store.cut_off.contains(&life.machine);
        let (answer, way): (Answer, u64) = match self.store.fake.read() {
            Ok(snapshot) if !cut => (Ok(snapshot), self.way_to_store()),
            _ => (Err(ReadError::Unreachable("no answer".into())), SECOND),
        };
        self.after(way, Happening::Tell(life, Box::new(Input::Read(answer))));
    }

    pub(crate) fn store_write(&mut self, life: Life, expected: &Version, record: &Record) {
        let cut = self.store.cut_off.contains(&life.machine);
        let outcome = match cut {
            true => CasOutcome::Unknown,
            false => self.store.fake.cas(expected, record),
        };
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
