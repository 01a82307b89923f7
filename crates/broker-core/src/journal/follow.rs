//! A journal that follows another one: it takes the other's records into their places, and writes
//! none of its own before it is [promoted](Follower::promote).
//!
//! Segments begin and end where the other's do, for that is in the records. The files are this node's
//! own in all else: another store, other uids, its own checkpoints, and in every header what was
//! durable *here*. A follower can therefore be opened as a journal at any time, and the other way
//! round.
//!
//! Records of one epoch at one position are the same everywhere, and epochs never fall from one
//! record to the next. So nothing that a torn write, or a leader that lost its place, left behind the
//! end can be taken for what follows.

use std::io::IoSlice;
use std::sync::Arc;

use super::ahead::ZerosAhead;
use super::disk::Disk;
use super::error::{CheckpointError, Fault, IoContext, OpenError, Stopped};
use super::record::{self, HEADER_LEN};
use super::recovery::{self, Base, Replay};
use super::run::Run;
use super::segment::Segment;
use super::ship::{self, Stretch};
use super::writer::USED_PART;
use super::{Epoch, Journal, Lsn, Options, StoreId, Writer, batch, truncation};

/// A journal that takes records from another. It belongs to one thread.
#[derive(Debug)]
pub struct Follower {
    disk: Arc<dyn Disk>,
    options: Options,
    base: Base,
    /// The last segment is full.
    ended: bool,
    durable: Lsn,
    /// What was released by marks that are never given up; see [`Self::release`].
    front: Lsn,
    next: Next,
    /// A run as it is written to an encrypted segment.
    encrypted: Vec<u8>,
}

/// The segment that is to be begun next, and what fills it with zeros.
#[derive(Debug)]
struct Next {
    zeros: Option<ZerosAhead>,
    offered: bool,
}

impl Drop for Next {
    fn drop(&mut self) {
        if let Some(zeros) = &self.zeros {
            zeros.withdraw();
        }
    }
}

/// Why a follower did not take a run. It is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// It does not begin where this journal ends.
    #[error("records from lsn {} on, while this journal ends at lsn {}", found.0, expected.0)]
    Gap {
        /// Where this journal ends.
        expected: Lsn,
        /// Where the run begins.
        found: Lsn,
    },
    /// It is of an older epoch than the last record here.
    #[error("records of epoch {} after those of epoch {}", found.0, last.0)]
    Stale {
        /// Of the last record here.
        last: Epoch,
        /// Of the run.
        found: Epoch,
    },
    /// The other's segments are larger than ours.
    #[error(
        "records up to byte {needed_bytes} of a segment that has room for {room_bytes}: set the \
         same segment size on both nodes"
    )]
    TooLarge {
        /// Bytes of records the segment needs room for.
        needed_bytes: u64,
        /// Bytes it has.
        room_bytes: u64,
    },
    /// The other encrypts what it writes, and this journal has no keys, or it is the other way round in
    /// the middle of a segment.
    #[error(
        "{} records for {} segment: set up encryption on both nodes of the pair",
        words(*.found),
        words(!.found)
    )]
    Encryption {
        /// Whether the run is for an encrypted segment.
        found: bool,
    },
    /// The disk has no room for another segment.
    #[error("no room for another segment: free space on the disk or give the node a larger one")]
    Full,
    /// The disk failed. Final: the process has to end and read the disk again (rule J3).
    #[error("cannot {0}")]
    Failed(#[from] Fault),
}

fn words(encrypted: bool) -> &'static str {
    if encrypted {
        "encrypted"
    } else {
        "unencrypted"
    }
}

impl Follower {
    /// Opens what is on `disk`, or makes a new journal there, and replays all of it.
    ///
    /// # Errors
    /// As [`super::open`].
    pub fn open(
        disk: Arc<dyn Disk>,
        options: &Options,
        replay: &mut dyn Replay,
    ) -> Result<Self, OpenError> {
        let found = recovery::load(&disk, options, replay, true)?;
        let (base, ended) = found.settle(&disk, options)?;
        // What settling wrote again is not durable before this.
        let mut this = Self {
            ended,
            ..Self::new(disk, options, base)
        };
        this.sync()?;
        Ok(this)
    }

    pub(super) fn new(disk: Arc<dyn Disk>, options: &Options, base: Base) -> Self {
        Self {
            durable: base.progress.stated,
            front: base.chain.first(),
            disk,
            options: options.clone(),
            base,
            ended: false,
            next: Next {
                zeros: options.zeros_ahead.clone(),
                offered: false,
            },
            encrypted: Vec::new(),
        }
    }

    /// Position of the oldest record kept.
    pub fn first(&self) -> Lsn {
        self.base.chain.first()
    }

    /// Everything below is never given up: what the newest checkpoint stands for, and what it had when it
    /// was opened up to the mark that says why older segments are gone. 0 without either.
    pub fn settled(&self) -> Lsn {
        let covered = self.base.checkpoints.newest();
        covered.max(self.base.progress.explained)
    }

    /// Names this node's data.
    pub fn store(&self) -> StoreId {
        self.base.chain.store()
    }

    /// Position behind the last record: the next run begins here.
    pub fn end(&self) -> Lsn {
        self.base.progress.end
    }

    /// Everything below is on the disk for good.
    pub fn durable(&self) -> Lsn {
        self.durable
    }

    /// Of the last record; 0 of a new journal.
    pub fn epoch(&self) -> Epoch {
        self.base.progress.epoch
    }

    /// Reads what is on the disk from `from` to `to`, where records begin, to compare it with what the
    /// other has there.
    ///
    /// # Errors
    /// A disk error that is no loss of what was there: it may be gone the next time.
    pub fn stretch(&self, from: Lsn, to: Lsn) -> Result<Stretch, Fault> {
        let begun = self.base.chain.begun();
        let after = begun.partition_point(|segment| segment.base <= from);
        let segment = after.checked_sub(1).and_then(|at| begun.get(at));
        let end = begun.get(after).map_or(self.durable, |next| next.base);
        match segment {
            Some(segment) if from < to && to <= end.min(self.durable) => {
                ship::stretch(segment, from, to)
            }
            _ => Ok(Stretch::Elsewhere),
        }
    }

    /// Writes a run. Nothing of it is durable before [`Self::sync`], and nobody may be told that it
    /// is (rule F5).
    ///
    /// # Errors
    /// See [`FollowError`]; it is as it was then.
    pub fn append(&mut self, mut run: Run) -> Result<(), FollowError> {
        self.write(&mut run)?;
        self.note(&run);
        if run.ends_segment() {
            self.seal(&run);
        }
        Ok(())
    }

    /// [`Self::append`] for who is in a hurry: what the index of the segment needs to know of the run
    /// is to be [noted](Self::note) later, of all runs in their order, and of a segment's last run
    /// before the next is written, [sealed](Self::seal) then.
    pub(crate) fn write(&mut self, run: &mut Run) -> Result<(), FollowError> {
        let progress = self.base.progress;
        if run.start() != progress.end {
            return Err(FollowError::Gap {
                expected: progress.end,
                found: run.start(),
            });
        }
        if run.first_epoch() < progress.epoch {
            return Err(FollowError::Stale {
                last: progress.epoch,
                found: run.first_epoch(),
            });
        }
        self.make_room(run)?;
        if self.ended {
            self.check_encryption(run)?;
            self.begin_segment(run.is_encrypted())?;
        }
        let start = run.start();
        let chain = &mut self.base.chain;
        if chain.current().is_encrypted() != run.is_encrypted() {
            if chain.current().base() != start {
                return Err(FollowError::Encryption {
                    found: run.is_encrypted(),
                });
            }
            // Nothing is in it yet: it becomes what the other has there.
            self.check_encryption(run)?;
            self.base.chain.convert_current(run.is_encrypted())?;
        }
        self.write_run(run)?;
        let progress = &mut self.base.progress;
        progress.end = run.end();
        progress.epoch = run.last_epoch();
        progress.front = progress.front.max(run.front());
        self.ended = run.ends_segment();
        self.offer_next()?;
        Ok(())
    }

    /// For the index of the segment.
    pub(crate) fn note(&mut self, run: &Run) {
        for record in run.records() {
            self.base.indexes.note_read(&record);
        }
    }

    /// The index of the segment that this run ends is complete.
    pub(crate) fn seal(&mut self, run: &Run) {
        let segment = self.base.chain.current();
        self.base.indexes.seal(segment, run.end());
    }

    /// Has the next segment filled with zeros, once some of the current one is used.
    fn offer_next(&mut self) -> Result<(), Fault> {
        let Some(zeros) = self.next.zeros.as_ref().filter(|_| !self.next.offered) else {
            return Ok(());
        };
        let chain = &mut self.base.chain;
        let current = chain.current();
        let used = self.base.progress.end.0 - current.base().0;
        if used < current.header.capacity / USED_PART {
            return Ok(());
        }
        if chain.ready_len() == 0 {
            chain.prepare()?;
        }
        if let Some(next) = chain.next() {
            zeros.offer(next);
            self.next.offered = true;
        }
        Ok(())
    }

    /// Makes everything that was appended durable.
    ///
    /// # Errors
    /// Any disk error is final (rule J3).
    pub fn sync(&mut self) -> Result<Lsn, Fault> {
        if let Some(zeros) = &self.next.zeros {
            zeros.check()?;
        }
        let progress = self.base.progress;
        if self.durable < progress.end {
            self.base.chain.current().sync()?;
            self.durable = progress.end;
        }
        Ok(self.durable)
    }

    /// The marks of this run, which is durable here, are never given up: what they say was released may
    /// be freed. Were they cut off after that, the absence of what was freed would be a loss.
    pub fn release(&mut self, run: &Run) {
        if run.end() <= self.durable {
            self.front = self.front.max(run.front());
        }
    }

    /// Stands for everything below `covered`, which has to be durable: segments that the other has
    /// freed are freed here once a checkpoint covers them.
    ///
    /// # Errors
    /// See [`CheckpointError`].
    pub fn checkpoint(&mut self, covered: Lsn, payload: &[u8]) -> Result<(), CheckpointError> {
        let (store, durable) = (self.store(), self.durable);
        if covered > durable {
            return Err(CheckpointError::Ahead { covered, durable });
        }
        let written = self.base.checkpoints.write(store, covered, payload);
        written.map_err(|fault| match fault.is_no_space() {
            true => CheckpointError::Full(fault),
            false => Stopped::Failed(fault).into(),
        })
    }

    /// Frees what was released, prepares the next segment, and writes indexes. To be called when
    /// there is nothing else to do, and now and then when there is.
    ///
    /// # Errors
    /// Any disk error is final.
    pub fn upkeep(&mut self) -> Result<(), Fault> {
        let front = self.front.min(self.base.checkpoints.covered());
        loop {
            let oldest = self.base.chain.oldest().to_owned();
            if self.base.chain.free_oldest(front, false)?.is_none() {
                break;
            }
            self.base.indexes.remove(&oldest);
        }
        if self.base.chain.ready_len() == 0 {
            self.base.chain.prepare()?;
        }
        while self.base.indexes.write_next() {}
        Ok(())
    }

    /// Cuts off everything from `to` on, which has to be where a record begins (rule F10). What was
    /// replayed of it is to be forgotten: open it again.
    ///
    /// # Errors
    /// A cut into what is [settled](Self::settled), or a disk error. The cut is made when it is opened
    /// again if it was written down already.
    pub fn truncate(self, to: Lsn) -> Result<(), OpenError> {
        if to < self.settled() {
            return Err(OpenError::Options(
                "cut into what a checkpoint or a mark stands for",
            ));
        }
        if let Some(zeros) = &self.next.zeros {
            zeros.withdraw();
        }
        if to < self.end() {
            truncation::plan(&*self.disk, self.store(), to)?;
            let entries = self.disk.list().during("list", "the journal directory")?;
            truncation::finish(&*self.disk, entries)?;
        }
        Ok(())
    }

    /// Goes on as a journal of its own, in a higher epoch than any before it.
    ///
    /// # Errors
    /// An epoch that is not higher, and disk errors.
    pub fn promote(mut self, epoch: Epoch) -> Result<(Arc<Journal>, Writer), OpenError> {
        if epoch <= self.epoch() {
            return Err(OpenError::Options(
                "the epoch is not above the journal's last",
            ));
        }
        self.sync()?;
        let mut base = self.base;
        // That is where it ends here, whatever the records say.
        base.progress.stated = self.durable;
        base.progress.epoch = epoch;
        Ok(base.go_on(&self.disk, &self.options, self.ended)?)
    }

    /// Sees to it that the segment has room for the run, and that another one is prepared where the
    /// run says that there is one.
    fn make_room(&mut self, run: &Run) -> Result<(), FollowError> {
        let needs = usize::from(self.ended) + usize::from(run.ends_segment());
        while self.base.chain.ready_len() < needs {
            if !self.base.chain.prepare()? {
                return Err(FollowError::Full);
            }
        }
        let (base, room_bytes) = match self.base.chain.next() {
            Some(next) if self.ended => (run.start(), next.header.capacity),
            _ => {
                let current = self.base.chain.current();
                (current.base(), current.header.capacity)
            }
        };
        let needed_bytes = run.end().0 - base.0;
        if needed_bytes > room_bytes {
            return Err(FollowError::TooLarge {
                needed_bytes,
                room_bytes,
            });
        }
        Ok(())
    }

    /// A segment is begun when all before it is durable.
    fn begin_segment(&mut self, encrypted: bool) -> Result<(), Fault> {
        self.sync()?;
        if let Some(zeros) = &self.next.zeros
            && let Some(next) = self.base.chain.next()
        {
            zeros.take_back(next);
            zeros.check()?;
        }
        self.next.offered = false;
        recovery::begin_segment(&mut self.base.chain, &self.base.progress, encrypted)?;
        self.ended = false;
        Ok(())
    }

    /// Without keys, nothing is taken that the other has encrypted.
    fn check_encryption(&self, run: &Run) -> Result<(), FollowError> {
        match run.is_encrypted() && !self.base.chain.encrypts() {
            true => Err(FollowError::Encryption { found: true }),
            false => Ok(()),
        }
    }

    /// Writes a run to its place, encrypted if the segment is.
    fn write_run(&mut self, run: &mut Run) -> Result<(), Fault> {
        let opening = self.base.chain.opening();
        let segment = self.base.chain.current();
        let Some(key) = segment.key.clone() else {
            let heads: Vec<usize> = run.frames().map(|frame| frame.at).collect();
            let start = run.start();
            return write(segment, start, &heads, run.bytes_mut(), self.durable);
        };
        // The run itself is still wanted as it is.
        let bytes = &mut self.encrypted;
        bytes.clear();
        bytes.extend_from_slice(run.bytes());
        let mut heads = Vec::new();
        for frame in run.frames() {
            heads.push(frame.at);
            if frame.header.has_trailer() {
                key.encrypt_record(opening, segment.base(), &mut bytes[frame.at..frame.end()]);
            }
        }
        write(segment, run.start(), &heads, bytes, self.durable)
    }
}

/// Writes records to their place, their headers, which are at `heads`, completed for this segment.
fn write(
    segment: &mut Segment,
    start: Lsn,
    heads: &[usize],
    bytes: &mut [u8],
    durable: Lsn,
) -> Result<(), Fault> {
    let seed = segment.header.seed();
    for at in heads {
        record::seal(&mut bytes[*at..at + HEADER_LEN], seed, durable);
    }
    segment.write_records(start, bytes.len() as u64, |zeros| {
        let mut parts = vec![IoSlice::new(bytes)];
        parts.extend(batch::zeros(zeros));
        parts
    })
}
