//! A coordination store in memory, for tests: linearizable, and with the troubles of real ones.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::coordinator::{CasOutcome, Coordinator, ReadError, Snapshot, Version};
use super::record::Record;

/// What happens to a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It never arrives. Its author hears nothing.
    Lost,
    /// It is carried out, and its author hears nothing.
    AnswerLost,
    /// Its author hears nothing, and it is carried out when [`FakeCoordinator::arrive`] is called.
    Late,
    /// Somebody else writes the same record again just before it.
    Overtaken,
}

/// The store. Clones are clients of the same one.
#[derive(Debug, Clone, Default)]
pub struct FakeCoordinator(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    record: Option<Record>,
    /// Counts writes; 0 while there is no record.
    version: u64,
    troubles: VecDeque<Trouble>,
    late: Vec<(Version, Record)>,
    cut_off: bool,
}

impl FakeCoordinator {
    /// The next write that has no trouble yet gets this one.
    pub fn trouble(&self, trouble: Trouble) {
        self.state().troubles.push_back(trouble);
    }

    /// Late writes are carried out now, if nothing came before them.
    pub fn arrive(&self) {
        let mut state = self.state();
        for (expected, record) in std::mem::take(&mut state.late) {
            state.swap(&expected, &record);
        }
    }

    /// Whether nobody gets through.
    pub fn cut_off(&self, cut_off: bool) {
        self.state().cut_off = cut_off;
    }

    /// The record is this one from now on, as when the store is restored from a backup.
    pub fn put(&self, record: Record) {
        let mut state = self.state();
        state.record = Some(record);
        state.version += 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn named(&self) -> Version {
        match self.version {
            0 => Version::ABSENT,
            version => Version::new(version.to_string()),
        }
    }

    fn swap(&mut self, expected: &Version, record: &Record) -> CasOutcome {
        if self.named() != *expected {
            return CasOutcome::Conflict;
        }
        self.record = Some(record.clone());
        self.version += 1;
        CasOutcome::Applied(self.named())
    }
}

impl Coordinator for FakeCoordinator {
    fn read(&self) -> Result<Snapshot, ReadError> {
        let state = self.state();
        if state.cut_off {
            return Err(ReadError::Unreachable("cut off by the test".to_owned()));
        }
        Ok(Snapshot {
            record: state.record.clone(),
            version: state.named(),
        })
    }

    fn cas(&self, expected: &Version, record: &Record) -> CasOutcome {
        let mut state = self.state();
        if state.cut_off {
            return CasOutcome::Unknown;
        }
        match state.troubles.pop_front() {
            None => return state.swap(expected, record),
            Some(Trouble::Overtaken) => {
                state.version += 1;
                return state.swap(expected, record);
            }
            Some(Trouble::Lost) => {}
            Some(Trouble::AnswerLost) => drop(state.swap(expected, record)),
            Some(Trouble::Late) => state.late.push((expected.clone(), record.clone())),
        }
        CasOutcome::Unknown
    }
}
