//! The writing side: one thread turns batches into one write and one sync each.
//!
//! What a crash costs at each step of a turn:
//! - before the sync returns: the batch, or any part of it; nobody was told that it is safe;
//! - after it: nothing of the batch;
//! - between the sync and the next batch: nothing, but until then no record on disk *says* that
//!   the batch was durable, so damage to it could be taken for a torn write. A quiet journal
//!   therefore adds a mark that says so.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::batch::Batch;
use super::chain::{Chain, Freed};
use super::error::{Fault, IoContext};
use super::index::Indexes;
use super::{Journal, Lsn, Stopped};

/// The next segment is filled with zeros once such a part of the current one is used: a journal that
/// is hardly used costs the disk nothing.
pub(super) const USED_PART: u64 = 8;
/// Busy turns between two looks at the free space, and between attempts to prepare a segment.
const UPKEEP_EVERY: u32 = 64;

/// Owned by one thread, which calls [`Writer::turn`] and [`Writer::wait`] by turns.
#[derive(Debug)]
pub struct Writer {
    journal: Arc<Journal>,
    chain: Chain,
    indexes: Indexes,
    keep_free_bytes: Option<u64>,
    /// What the last mark on the disk says was released.
    front: Lsn,
    /// Marks on the disk that others may not have yet: where each ends, and what it says was
    /// released. Were a mark cut off that segments were freed by, their absence would be a loss.
    unsettled: VecDeque<(Lsn, Lsn)>,
    /// What may be freed.
    settled: Lsn,
    /// The last batch is durable and nothing on disk says so yet.
    unstated: bool,
    /// The last wait ended without work.
    rested: bool,
    /// Written and announced; the next turn syncs it.
    unsynced: Option<Batch>,
    /// Committed; the next turn begins with what is left to do about it.
    committed: Option<Batch>,
    turns_to_upkeep: u32,
    /// The next segment is being filled with zeros.
    offered: bool,
}

/// What a turn did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The journal was closed and all it took is durable. The last turn.
    Closed,
    /// Everything below is durable now: confirms may go out, held publishers go on.
    Committed(Lsn),
    /// There was nothing to write.
    Idle,
    /// There is room again for who waited for it, or [`Journal::recall`] was called: held
    /// publishers go on.
    SpaceReturned,
    /// The operating system has everything below, the disk not yet; only if somebody asked with
    /// [`Journal::announce_written`]. Tell them and come back at once: the next turn syncs.
    Written(Lsn),
}

impl Writer {
    pub(super) fn new(
        journal: Arc<Journal>,
        chain: Chain,
        indexes: Indexes,
        keep_free_bytes: Option<u64>,
        front: Lsn,
    ) -> Self {
        Self {
            unsettled: [(journal.synced(), front)].into(),
            settled: chain.first(),
            journal,
            chain,
            indexes,
            keep_free_bytes,
            front,
            unstated: true,
            rested: false,
            unsynced: None,
            committed: None,
            turns_to_upkeep: 0,
            offered: false,
        }
    }

    /// Writes and syncs one batch of what was appended, or does upkeep when there is none. Where
    /// somebody waits for the write alone, it takes two turns.
    ///
    /// # Errors
    /// Any disk error is final: kept, told to every later caller, never retried (rule J3). The
    /// process has to end and read the disk again.
    pub fn turn(&mut self) -> Result<Turn, Stopped> {
        if let Some(fault) = self.journal.failure() {
            return Err(Stopped::Failed(fault.clone()));
        }
        self.step().map_err(|fault| self.journal.fail(fault))
    }

    /// Sleeps until there is something to do, or `timeout` has passed. A timeout of about a second
    /// lets upkeep see other users of the disk come and go. Who waits before each turn leaves records
    /// that nobody waits for time to become more; who does not writes them at once.
    pub fn wait(&mut self, timeout: Duration) {
        if self.unsynced.is_some() {
            return;
        }
        self.follow_up();
        self.rested = !self.journal.wait_for_work(timeout);
    }

    fn step(&mut self) -> Result<Turn, Fault> {
        self.follow_up();
        if let Some(batch) = self.unsynced.take() {
            return self.sync(batch).map(Turn::Committed);
        }
        if self.upkeep_is_due() {
            self.upkeep()?;
        }
        self.write_index();
        let front = self.chain.front_for(self.journal.releasable());
        let Some(mut batch) = self.journal.next_batch(front) else {
            return self.idle(front);
        };
        if self.write(&mut batch)? {
            let end = batch.end();
            self.unsynced = Some(batch);
            return Ok(Turn::Written(end));
        }
        self.sync(batch).map(Turn::Committed)
    }

    fn idle(&mut self, front: Lsn) -> Result<Turn, Fault> {
        let closing = self.journal.is_closing();
        let frees = front > self.front;
        if (frees || (self.unstated && (self.rested || closing)))
            && let Some(mut batch) = self.journal.bare_mark(front, frees)
        {
            self.write(&mut batch)?;
            let end = self.sync(batch)?;
            self.unstated = false;
            return Ok(Turn::Committed(end));
        }
        if closing && !self.journal.has_records() {
            while self.write_index() {}
            return Ok(Turn::Closed);
        }
        self.upkeep()?;
        while !self.journal.has_records() && self.write_index() {}
        if self.journal.take_eased() {
            return Ok(Turn::SpaceReturned);
        }
        Ok(Turn::Idle)
    }

    /// One write. True if somebody waits for that alone.
    fn write(&mut self, batch: &mut Batch) -> Result<bool, Fault> {
        if batch.starts_segment {
            self.indexes.seal(self.chain.current(), batch.base);
            if let Some(next) = self.chain.next() {
                self.journal.ahead.take_back(next);
            }
            if let Some(fault) = self.journal.failure() {
                return Err(fault.clone());
            }
            self.offered = false;
            let encrypted = self.chain.encrypts();
            self.chain
                .begin_next(batch.base, self.journal.epoch(), encrypted)?;
            self.journal.segment_begun(self.chain.current());
        }
        if self.chain.encrypts() {
            self.encrypt(batch);
        }
        let segment = self.chain.current();
        batch.seal(segment.header.seed(), self.journal.synced());
        segment.write_records(batch.base, batch.len() as u64, |zeros| batch.slices(zeros))?;
        Ok(self.journal.has_written(batch.end()))
    }

    /// The index notes the records while they can be read.
    fn encrypt(&mut self, batch: &mut Batch) {
        self.indexes.note_written(batch);
        let opening = self.chain.opening();
        let segment = self.chain.current();
        let key = (segment.key.as_ref()).expect("a journal that encrypts begins no other segments");
        batch.encrypt(key, opening, segment.base());
    }

    /// One sync. On return everything up to the answer is durable.
    fn sync(&mut self, batch: Batch) -> Result<Lsn, Fault> {
        self.chain.current().sync()?;
        if batch.front > self.front {
            self.unsettled.push_back((batch.end(), batch.front));
        }
        self.front = batch.front;
        self.unstated = true;
        self.rested = false;
        let end = self.journal.committed(&batch);
        self.committed = Some(batch);
        Ok(end)
    }

    /// What is left to do about the latest commit, for which nobody had to wait.
    fn follow_up(&mut self) {
        if let Some(batch) = self.committed.take() {
            if !self.chain.encrypts() {
                self.indexes.note_written(&batch);
            }
            let end = batch.end();
            self.journal.reclaim(batch);
            self.write_ahead(end);
        }
    }

    /// Has the next segment filled with zeros, records in the current one ending there.
    fn write_ahead(&mut self, end: Lsn) {
        let current = self.chain.current();
        let used = end.0 - current.base().0;
        if self.offered || used < current.header.capacity / USED_PART {
            return;
        }
        if let Some(next) = self.chain.next() {
            self.journal.ahead.offer(next);
            self.offered = true;
        }
    }

    /// Writes one index of those that wait, a matter of some hundred microseconds. What room a full
    /// disk has left is for records.
    fn write_index(&mut self) -> bool {
        !self.journal.is_full() && self.indexes.write_next()
    }

    fn upkeep_is_due(&mut self) -> bool {
        self.turns_to_upkeep = self.turns_to_upkeep.saturating_sub(1);
        self.journal.take_upkeep() || self.turns_to_upkeep == 0
    }

    /// Frees what was released, sees to it that the next segment is prepared, looks how full the
    /// disk is, and gives back what is prepared beyond need when it is too full. Comes to an end early when records are waiting.
    pub(super) fn upkeep(&mut self) -> Result<(), Fault> {
        self.turns_to_upkeep = UPKEEP_EVERY;
        let mut prepared = 0;
        let common = self.journal.common();
        while let Some((_, front)) = self.unsettled.pop_front_if(|(end, _)| *end <= common) {
            self.settled = self.settled.max(front);
        }
        // Marks of a journal that this one followed are of its checkpoints, which may be newer.
        let releasable = self.settled.min(self.journal.checkpointed());
        while let Some(freed) = self.chain.free_oldest(releasable, self.is_low()?)? {
            if let Some(name) = self.journal.first_segment_freed() {
                self.indexes.remove(&name);
            }
            prepared += u64::from(freed == Freed::Reused);
            if self.chain.ready_len() > 0 && self.journal.has_records() {
                self.turns_to_upkeep = 1;
                break;
            }
        }
        // One may be prepared and promised already: it does not count.
        let ready = self.journal.ready_segments() + prepared;
        if ready == 0 {
            prepared += u64::from(self.chain.prepare()?);
        }
        let mut low = self.set_room(prepared, ready + prepared == 0)?;
        // The one being filled with zeros is the first of those prepared, which stays.
        while low && self.journal.give_up_ready() {
            self.chain.discard_ready()?;
            low = self.set_room(0, false)?;
        }
        Ok(())
    }

    /// Looks how full the disk is.
    pub(super) fn measure(&self) -> Result<(), Fault> {
        self.set_room(0, false).map(drop)
    }

    /// Tells of so many more prepared segments, and how full the disk is; true if it is below its
    /// watermark.
    fn set_room(&self, prepared: u64, exhausted: bool) -> Result<bool, Fault> {
        let low = self.is_low()?;
        self.journal.set_room(prepared, low, exhausted);
        Ok(low)
    }

    /// Whether the disk is below its watermark.
    fn is_low(&self) -> Result<bool, Fault> {
        let disk = self.chain.disk();
        let space = disk
            .space()
            .during("measure the space of", "the journal directory")?;
        let keep_free_bytes = self.keep_free_bytes.unwrap_or_else(|| {
            let total = space.total_bytes;
            (total / 20).max(2 << 30).min(total / 4)
        });
        Ok(space.free_bytes < keep_free_bytes)
    }
}

/// A writer that is gone, by panic too, makes nothing durable any more: appends must not pile up.
impl Drop for Writer {
    fn drop(&mut self) {
        self.journal.close();
    }
}
