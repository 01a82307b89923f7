//! The coordination store: linearizable, slow, and sometimes without an answer.

use broker_core::replication::coordinator::{CasOutcome, Snapshot, Version};
use broker_core::replication::record::{Nonce, Record};

/// A conditional write on its way to the store, or its answer on the way back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    /// Index of the node that sent it.
    pub from: usize,
    /// On this condition.
    pub expected: Version,
    /// What it writes.
    pub record: Record,
    /// What the store decided, if it has.
    pub decided: Option<CasOutcome>,
    /// Whether its sender still waits for the answer.
    pub awaited: bool,
}

impl Request {
    /// The mark by which its sender knows it.
    pub fn nonce(&self) -> Nonce {
        self.record.writer_nonce
    }
}

/// The store and the requests that are under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Store {
    /// The record.
    pub record: Record,
    version: u32,
    /// The record before it.
    previous: Option<(Record, u32)>,
    /// In the order they were sent; decided in any order.
    pub requests: Vec<Request>,
}

impl Store {
    /// With a first record.
    pub fn new(record: Record) -> Self {
        Self {
            record,
            version: 1,
            previous: None,
            requests: Vec::new(),
        }
    }

    fn named(version: u32) -> Version {
        Version::new(version.to_string())
    }

    /// A read now.
    pub fn read(&self) -> Snapshot {
        Snapshot {
            record: Some(self.record.clone()),
            version: Self::named(self.version),
        }
    }

    /// What a read would have brought before the last change.
    pub fn stale_read(&self) -> Option<Snapshot> {
        let (record, version) = self.previous.clone()?;
        Some(Snapshot {
            record: Some(record),
            version: Self::named(version),
        })
    }

    /// The store decides a request.
    pub fn decide(&mut self, index: usize) {
        let request = &mut self.requests[index];
        if request.expected == Self::named(self.version) {
            let record = std::mem::replace(&mut self.record, request.record.clone());
            self.previous = Some((record, self.version));
            self.version += 1;
            request.decided = Some(CasOutcome::Applied(Self::named(self.version)));
        } else {
            request.decided = Some(CasOutcome::Conflict);
        }
    }

    /// Drops the requests that can change nothing and that nobody waits for.
    pub fn tidy(&mut self) {
        let now = Self::named(self.version);
        self.requests
            .retain(|r| r.awaited || (r.decided.is_none() && r.expected == now));
    }

    /// The sender of these requests is dead: their answers reach nobody.
    pub fn abandon(&mut self, from: usize) {
        for request in self
            .requests
            .iter_mut()
            .filter(|request| request.from == from)
        {
            request.awaited = false;
        }
    }

    /// The record before the last change is no longer to be had.
    pub fn forget_previous(&mut self) {
        self.previous = None;
    }
}
