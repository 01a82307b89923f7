//! A broker that stands by: it takes the journal of the one that serves, holds what that amounts to,
//! and serves nobody before it is [promoted](Standby::promote).
//!
//! What it holds is what opening a broker gathers, definitions and where each queue's messages are,
//! kept up with what comes in. Promotion has only to make queues of that, however long the journal.
//! Records count when they are committed, not when they come: what a leader that loses its place
//! never committed may have to be forgotten.

use std::collections::VecDeque;
use std::sync::Arc;

use super::recovery::{BrokerOpenError, Recovery};
use super::{Broker, BrokerConfig};
use crate::journal::{
    CheckpointError, Disk, Epoch, Fault, FollowError, Follower, Lsn, OpenError, Replay as _, Run,
    Shipment, Stopped, StoreId, Stretch, Unreadable, Writer,
};
use crate::refusal::{Reason, Refusal};

/// A broker that follows another. It belongs to one thread.
#[derive(Debug)]
pub struct Standby {
    config: BrokerConfig,
    disk: Arc<dyn Disk>,
    follower: Follower,
    recovery: Recovery,
    /// Taken, and not known to be committed.
    waiting: VecDeque<Run>,
    waiting_bytes: usize,
    /// So many of those are in the index of their segment already.
    noted: usize,
    /// What it holds is what the journal amounts to up to here.
    applied: Lsn,
    /// The last checkpoint stands for everything below.
    checkpointed: Lsn,
}

/// A checkpoint is taken once the journal has grown by so many segments.
const SEGMENTS_PER_CHECKPOINT: u64 = 4;

impl Standby {
    /// Opens what is on `disk`, or makes a new journal there, and gathers what it amounts to. What is
    /// there is taken to be committed; who finds out otherwise [cuts it off](Self::truncate).
    ///
    /// # Errors
    /// As [`Broker::open`].
    pub fn open(config: &BrokerConfig, disk: Arc<dyn Disk>) -> Result<Self, OpenError> {
        let mut recovery = Recovery::of(config);
        let follower = Follower::open(Arc::clone(&disk), &config.journal, &mut recovery)?;
        Ok(Self::new(config, disk, follower, recovery))
    }

    /// Makes a journal on a wiped disk that begins with another's checkpoint, which covers everything
    /// below `covered`, and with its records from `front` on; see
    /// [`Follower::install`](crate::journal::Follower::install).
    ///
    /// # Errors
    /// A checkpoint that makes no sense here, and disk errors.
    pub fn install(
        config: &BrokerConfig,
        disk: Arc<dyn Disk>,
        store: StoreId,
        (covered, payload): (Lsn, &[u8]),
        front: Lsn,
    ) -> Result<Self, OpenError> {
        let mut recovery = Recovery::of(config);
        let options = &config.journal;
        let checkpoint = (covered, payload);
        let follower = Follower::install(
            Arc::clone(&disk),
            options,
            store,
            checkpoint,
            front,
            &mut recovery,
        )?;
        Ok(Self::new(config, disk, follower, recovery))
    }

    fn new(
        config: &BrokerConfig,
        disk: Arc<dyn Disk>,
        follower: Follower,
        recovery: Recovery,
    ) -> Self {
        let end = follower.end();
        Self {
            config: config.clone(),
            disk,
            follower,
            recovery,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            noted: 0,
            applied: end,
            checkpointed: end,
        }
    }

    /// Position of the oldest record it has.
    pub fn first(&self) -> Lsn {
        self.follower.first()
    }

    /// Everything below was committed, as what is on the disk shows: see [`Follower::settled`].
    pub fn settled(&self) -> Lsn {
        self.follower.settled()
    }

    /// Names this node's data.
    pub fn store(&self) -> StoreId {
        self.follower.store()
    }

    /// Position behind the last record: the next run begins here.
    pub fn end(&self) -> Lsn {
        self.follower.end()
    }

    /// Everything below is on this node's disk for good.
    pub fn durable(&self) -> Lsn {
        self.follower.durable()
    }

    /// Of the last record; 0 of a new journal.
    pub fn epoch(&self) -> Epoch {
        self.follower.epoch()
    }

    /// What it holds is what the journal amounts to up to here.
    pub fn applied(&self) -> Lsn {
        self.applied
    }

    /// Bytes of records in memory that are not known to be committed.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// See [`Follower::stretch`].
    ///
    /// # Errors
    /// A disk error.
    pub fn stretch(&self, from: Lsn, to: Lsn) -> Result<Stretch, Fault> {
        self.follower.stretch(from, to)
    }

    /// Writes a run behind the last record; see [`Follower::append`].
    ///
    /// # Errors
    /// See [`FollowError`].
    pub fn append(&mut self, mut run: Run) -> Result<(), FollowError> {
        self.follower.write(&mut run)?;
        self.waiting_bytes += run.bytes().len();
        self.waiting.push_back(run);
        if let Some(last) = self.waiting.back().filter(|run| run.ends_segment()) {
            for run in self.waiting.iter().skip(self.noted) {
                self.follower.note(run);
            }
            self.noted = self.waiting.len();
            self.follower.seal(last);
        }
        Ok(())
    }

    /// Makes everything durable that was appended, and answers how far that is. Only then may anybody
    /// be told (rule F5).
    ///
    /// # Errors
    /// Any disk error is final (rule J3).
    pub fn sync(&mut self) -> Result<Lsn, Fault> {
        self.follower.sync()
    }

    /// Everything below `commit` is committed: it counts from now on.
    ///
    /// # Errors
    /// A record of the other's that makes no sense here: a newer version wrote it.
    pub fn commit(&mut self, commit: Lsn) -> Result<(), Unreadable> {
        while let Some(run) = self.waiting.pop_front_if(|run| run.end() <= commit) {
            self.waiting_bytes -= run.bytes().len();
            match self.noted.checked_sub(1) {
                Some(left) => self.noted = left,
                // Nobody waits for it now, as somebody did for the sync.
                None => self.follower.note(&run),
            }
            for record in run.records() {
                self.recovery.record(record)?;
            }
            self.follower.release(&run);
            self.applied = run.end();
        }
        Ok(())
    }

    /// Takes a checkpoint when the journal has grown by some segments, and frees what it stands for
    /// and the other has freed. To be called when there is nothing else to do, and now and then when
    /// there is.
    ///
    /// # Errors
    /// Any disk error is final, but that a checkpoint found no room: the one before still stands.
    pub fn upkeep(&mut self) -> Result<(), CheckpointError> {
        let covered = self.applied.min(self.durable());
        let grown = covered.0.saturating_sub(self.checkpointed.0);
        // A checkpoint is of now: it must not tell more than what is durable here.
        if grown >= SEGMENTS_PER_CHECKPOINT * self.config.journal.segment_bytes
            && covered == self.applied
        {
            match self
                .follower
                .checkpoint(covered, &self.recovery.checkpoint())
            {
                Ok(()) => self.checkpointed = covered,
                Err(error @ (CheckpointError::Full(_) | CheckpointError::Ahead { .. })) => {
                    tracing::warn!(%error, "checkpoint was not written");
                }
                Err(stopped) => return Err(stopped),
            }
        }
        (self.follower.upkeep()).map_err(|fault| Stopped::Failed(fault).into())
    }

    /// Cuts off everything from `to` on, where a record has to begin, and gathers anew what is left
    /// (rule F10).
    ///
    /// # Errors
    /// A cut into what is [settled](Self::settled), and all that [`Self::open`] answers.
    pub fn truncate(self, to: Lsn) -> Result<Self, OpenError> {
        self.follower.truncate(to)?;
        Self::open(&self.config, self.disk)
    }

    /// Takes over, in a higher epoch than any before it: all that was taken is there, committed or not,
    /// for the other may have told somebody. What is not below `committed` is delivered to nobody, and
    /// nothing is told to be durable, before [`Broker::hold_durable`] says so (rule F13).
    ///
    /// # Errors
    /// An epoch that is not higher, a record that makes no sense, and disk errors.
    pub fn promote(
        mut self,
        epoch: Epoch,
        committed: Lsn,
    ) -> Result<(Arc<Broker>, Writer), BrokerOpenError> {
        let end = self.end();
        if let Err(error) = self.commit(end) {
            let text = format!("cannot take over: {error}; start a newer version on this node");
            return Err(Refusal::new(Reason::Unavailable, text).into());
        }
        let (journal, writer) = self.follower.promote(epoch)?;
        journal.begin_held(committed);
        let broker = Broker::recovered(&self.config, self.recovery, journal)?;
        Ok((broker, writer))
    }
}

/// How far the journal of a broker that serves is, for those that follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The oldest record it has.
    pub first: Lsn,
    /// All below is written, and can be shipped.
    pub written: Lsn,
    /// All below is on its own disk.
    pub synced: Lsn,
}

impl Broker {
    /// How far its journal is.
    pub fn extent(&self) -> Extent {
        // In this order, so that what is synced is written.
        let synced = self.journal.synced();
        Extent {
            first: self.journal.first(),
            written: self.journal.written().max(synced),
            synced,
        }
    }

    /// Has the writer say next time when it has written, before it syncs: so that followers' disks
    /// work at the same time. See [`Journal::announce_written`](crate::journal::Journal::announce_written).
    pub fn announce_written(&self) {
        self.journal.announce_written();
    }

    /// See [`Journal::retain_from`](crate::journal::Journal::retain_from).
    pub fn retain_from(&self, lsn: Lsn) {
        self.journal.retain_from(lsn);
    }

    /// See [`Journal::read_checkpoint`](crate::journal::Journal::read_checkpoint).
    ///
    /// # Errors
    /// What cannot be read.
    pub fn read_checkpoint(&self) -> Result<Option<(Lsn, Vec<u8>)>, OpenError> {
        self.journal.read_checkpoint()
    }

    /// Reads records for those that follow; see [`Journal::ship`](crate::journal::Journal::ship).
    ///
    /// # Errors
    /// A disk error and damage stop the broker.
    pub fn ship(&self, from: Lsn, most_bytes: usize) -> Result<Shipment, Stopped> {
        self.journal.ship(from, most_bytes)
    }
}
