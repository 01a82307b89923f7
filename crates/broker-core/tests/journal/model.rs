//! Random lives against a plain model: a list of what was appended, and how much of it is safe.

use std::sync::Arc;
use std::time::Duration;

use broker_core::journal::{Admission, AppendError, Lsn, SimDisk, Survival, Trouble, Turn};
use proptest::prelude::*;

use crate::harness::{Bench, PUBLISH, SETTLE, Seen, open_on, small};

#[derive(Debug, Clone)]
enum Step {
    Append {
        size: usize,
        essential: bool,
    },
    Checkpoint,
    CloseAndReopen,
    /// Power fails this many operations from now.
    PlanPowerLoss {
        operations: u64,
        survival: u64,
    },
    Release {
        back: usize,
    },
    Rest,
    SetCapacity {
        segments: u64,
    },
    Turn,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        30 => (0..3000_usize, any::<bool>())
            .prop_map(|(size, essential)| Step::Append { size, essential }),
        2 => (6000..11_800_usize, any::<bool>())
            .prop_map(|(size, essential)| Step::Append { size, essential }),
        3 => Just(Step::Checkpoint),
        2 => Just(Step::CloseAndReopen),
        4 => (0..12_u64, any::<u64>())
            .prop_map(|(operations, survival)| Step::PlanPowerLoss { operations, survival }),
        4 => (0..10_usize).prop_map(|back| Step::Release { back }),
        2 => Just(Step::Rest),
        1 => (2..12_u64).prop_map(|segments| Step::SetCapacity { segments }),
        20 => Just(Step::Turn),
    ]
}

/// The journal and what must be true of it.
struct Model {
    disk: SimDisk,
    bench: Bench,
    /// Everything appended that a restart may show, oldest first.
    appended: Vec<Seen>,
    /// Everything up to here was reported durable.
    safe: Lsn,
    released: Lsn,
    checkpoint: Option<Lsn>,
    next: u32,
    /// How much survives the power loss that is planned.
    survival: Option<u64>,
}

impl Model {
    fn new() -> Self {
        let disk = SimDisk::new(11);
        let bench = Bench::open(&disk);
        Self {
            disk,
            bench,
            appended: Vec::new(),
            safe: Lsn(0),
            released: Lsn(0),
            checkpoint: None,
            next: 0,
            survival: None,
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Append { size, essential } => self.append(size, essential),
            Step::Checkpoint => self.checkpoint(),
            Step::CloseAndReopen => {
                self.bench.journal.close();
                while self.turn().is_some_and(|turn| turn != Turn::Closed) {}
                self.reopen(self.survival.map_or(Survival::Everything, Survival::Some));
            }
            Step::PlanPowerLoss {
                operations,
                survival,
            } => {
                self.disk
                    .plan(self.disk.operations() + operations, Trouble::PowerLoss);
                self.survival = Some(survival);
            }
            Step::Release { back } => {
                let at = self.appended.len().saturating_sub(back);
                let lsn = self
                    .appended
                    .get(at)
                    .map_or(self.safe, |seen| seen.end)
                    .min(self.safe);
                self.released = self.released.max(lsn);
                self.bench.journal.release_before(lsn);
            }
            Step::Rest => self.bench.writer.wait(Duration::ZERO),
            Step::SetCapacity { segments } => {
                self.disk
                    .set_capacity_bytes(segments * crate::harness::SEGMENT_BYTES);
            }
            Step::Turn => {
                if self.turn().is_none() {
                    self.reopen(self.survival.map_or(Survival::Nothing, Survival::Some));
                }
            }
        }
    }

    fn append(&mut self, size: usize, essential: bool) {
        let mut payload = self.next.to_le_bytes().to_vec();
        payload.resize(size.max(4), self.next as u8);
        let (kind, admission) = if essential {
            (SETTLE, Admission::Essential)
        } else {
            (PUBLISH, Admission::Ordinary)
        };
        match self.bench.append(kind, admission, &payload) {
            Ok(end) => {
                self.next += 1;
                self.appended.push(Seen { end, kind, payload });
            }
            Err(AppendError::Full | AppendError::NotYet) => {}
            Err(AppendError::Stopped(_)) => assert!(self.survival.is_some(), "stopped for nothing"),
            Err(other @ AppendError::TooLarge { .. }) => panic!("{other}"),
        }
    }

    fn checkpoint(&mut self) {
        let covered = self.safe.max(self.bench.journal.first());
        if self
            .bench
            .journal
            .checkpoint(covered, &covered.0.to_le_bytes())
            .is_ok()
        {
            self.checkpoint = self.checkpoint.max(Some(covered));
        }
    }

    fn turn(&mut self) -> Option<Turn> {
        let turn = self.bench.writer.turn().ok();
        self.safe = self.safe.max(self.bench.journal.durable());
        turn
    }

    fn reopen(&mut self, survival: Survival) {
        let disk = self.disk.after_power_loss(survival);
        let bench = match open_on(Arc::new(disk.clone()), &small()) {
            Ok(bench) => bench,
            Err(error) => panic!("does not open: {error}"),
        };
        let found = &bench.replayed.records;
        let safe: Vec<_> = self
            .appended
            .iter()
            .filter(|seen| seen.end > self.released && seen.end <= self.safe)
            .collect();
        let from = found.first().map_or(self.appended.len(), |first| {
            self.appended
                .iter()
                .position(|seen| seen == first)
                .expect("it was appended")
        });
        let all = &self.appended[from..];
        assert!(
            found.len() <= all.len() && found[..] == all[..found.len()],
            "in order, no holes"
        );
        assert!(
            safe.iter().all(|seen| found.contains(seen)),
            "what was safe is there"
        );
        if let Some((covered, payload)) = &bench.replayed.checkpoint {
            assert_eq!(payload[..], covered.0.to_le_bytes());
        }
        assert!(
            bench
                .replayed
                .checkpoint
                .as_ref()
                .map(|(covered, _)| *covered)
                >= self.checkpoint
        );
        // A record that was not safe and is gone never comes back.
        self.appended = found.clone();
        self.safe = bench.journal.durable();
        (self.disk, self.bench, self.survival) = (disk, bench, None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_acknowledged_is_recovered_in_order(steps in prop::collection::vec(step(), 1..120)) {
        let mut model = Model::new();
        for step in &steps {
            model.take(step);
        }
        model.reopen(model.survival.map_or(Survival::Nothing, Survival::Some));
    }
}
