//! After a commit, or a write: queues go on, and those who wait are woken.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Broker, LiveQueue};
use crate::durability::Durability;
use crate::journal::Lsn;
use crate::lock::lock;

impl Broker {
    /// The writer thread calls this after each turn that was not idle: what is owed to the journal
    /// is appended if there is room, queues that had to wait for that are deleted, the timers are told
    /// of dead letters that wait, queues deliver what became durable, each connection that waits for a position reached now is woken once,
    /// paused publishers go on if they may, and the journal is kept short.
    pub fn committed(&self) {
        let durable = self.journal.durable().0;
        if self.last_commit.fetch_max(durable, Ordering::Relaxed) < durable {
            self.commits.fetch_add(1, Ordering::Relaxed);
        }
        self.pay();
        self.delete_put_off();
        self.bury_later();
        let queues = std::mem::take(&mut *lock(&self.awaiting));
        // First those who have the most to do, and do it on other threads.
        self.wake_watchers();
        queues.iter().for_each(|queue| queue.commit_reached(self));
        if self.takes_publishes() {
            self.journal_waiters.wake_all();
        }
        if !self.journal.is_behind() {
            self.writer_waiters.wake_all();
        }
        self.commit_waiters.wake_all();
        self.upkeep();
    }

    /// See [`Journal::hold_durable`]; does what is then to be done. Whoever ships the journal calls
    /// it, on any thread.
    ///
    /// [`Journal::hold_durable`]: crate::journal::Journal::hold_durable
    pub fn hold_durable(&self, limit: Lsn) {
        if self.journal.hold_durable(limit) {
            self.committed();
        }
    }

    /// The same after a turn that has only written: queues and connections go on that do not wait
    /// for the disk.
    pub fn written(&self) {
        let unsynced = |queue: &mut Arc<LiveQueue>| queue.durability == Durability::Os;
        let queues: Vec<_> = lock(&self.awaiting).extract_if(.., unsynced).collect();
        queues.iter().for_each(|queue| queue.commit_reached(self));
        self.wake_watchers();
    }
}
