//! The appending side of the journal, shared by all threads.
//!
//! One short mutex guards what is being gathered; nothing done under it waits or touches the disk.
//! Checksums of payloads are computed before it is taken. The writer swaps full batches for empty
//! ones under the same mutex, so that the next batch gathers while the last one is synced (rule
//! J4): the running sync is the batching. Only what nobody waits for has a timer, see [`Haste`].

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::ahead::Ahead;
use super::batch::Batch;
use super::checkpoint::{self, Checkpoints};
use super::disk::Disk;
use super::entry::{Admission, Haste, PATIENCE, Record};
use super::gather::{Gather, framed_in};
use super::index;
use super::read::Readable;
use super::room::Shortage;
use super::segment::Segment;
use super::{
    AppendError, CheckpointError, Corrupt, Epoch, Fault, Lsn, OpenError, Stopped, StoreId,
};

/// One segment and the positions in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentSpan {
    /// Position of its first record.
    pub start: Lsn,
    /// Position behind its last record; of the newest segment: what is durable.
    pub end: Lsn,
}

/// The appending side of a journal. All methods may be called from any thread; of those that are
/// public none but [`Journal::checkpoint`], [`Journal::read`] and [`Journal::write_ahead`] touches
/// the disk or waits for it.
///
/// Two locks are held while the disk works, `checkpoints` and that on the segment in [`Ahead`]; the
/// others are held for moments. A lock of the first sort is never taken with any other held, and one
/// of the second at most with one of the first.
#[derive(Debug)]
pub struct Journal {
    disk: Arc<dyn Disk>,
    limits: Limits,
    epoch: Epoch,
    store: StoreId,
    shared: Mutex<Shared>,
    /// The writer sleeps on it, with `shared`.
    work: Condvar,
    durable: AtomicU64,
    /// Our disk has everything below.
    synced: AtomicU64,
    /// See [`Journal::hold_durable`].
    durable_limit: AtomicU64,
    /// The operating system has everything below.
    written: AtomicU64,
    /// Somebody waits for `written` and has to be told.
    announces: AtomicBool,
    end: AtomicU64,
    backlog: AtomicUsize,
    /// What the broker has released; how far that reaches is for the writer to say.
    released: AtomicU64,
    /// See [`Journal::retain_from`].
    retained: AtomicU64,
    /// See [`super::room::Room::pauses`].
    pauses: AtomicBool,
    full: AtomicBool,
    /// Closed or failed.
    ended: AtomicBool,
    /// The disk failure that stopped it.
    failed: OnceLock<Fault>,
    /// The begun segments, oldest first.
    begun: Mutex<VecDeque<Arc<Readable>>>,
    /// Held for as long as a checkpoint is written.
    checkpoints: Mutex<Checkpoints>,
    checkpointed: AtomicU64,
    pub(super) ahead: Ahead,
}

/// Sizes fixed when the journal is opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// See [`super::Options::backlog_bytes`].
    pub(super) backlog_bytes: usize,
    /// See [`super::Options::held_bytes`].
    pub(super) held_bytes: u64,
    /// The largest framed record.
    pub(super) framed_max: u64,
    /// Its records are encrypted: each takes more room, and the writer sums it.
    pub(super) encrypts: bool,
}

/// What recovery found, from which the journal goes on.
pub(super) struct Start {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) limits: Limits,
    pub(super) epoch: Epoch,
    pub(super) store: StoreId,
    pub(super) front: Lsn,
    pub(super) begun: VecDeque<Arc<Readable>>,
    /// Empty; its end is what is durable.
    pub(super) gather: Gather,
    pub(super) checkpoints: Checkpoints,
}

#[derive(Debug)]
struct Shared {
    gather: Gather,
    /// The writer sleeps and wants to be woken.
    parked: bool,
    /// Something gathered is not to wait for company.
    urgent: bool,
    /// The writer has upkeep to do.
    upkeep: bool,
    /// Publishers were told to wait since they were last told to go on.
    paused: bool,
    /// Likewise those with essential records.
    stuck: bool,
    /// The broker asked to be called.
    recalled: bool,
    closing: bool,
}

impl Journal {
    pub(super) fn new(start: Start) -> Arc<Self> {
        let end = start.gather.end().0;
        Arc::new(Self {
            disk: start.disk,
            limits: start.limits,
            epoch: start.epoch,
            store: start.store,
            pauses: AtomicBool::new(start.gather.room.pauses()),
            full: AtomicBool::new(start.gather.room.is_full()),
            shared: Mutex::new(Shared {
                gather: start.gather,
                parked: false,
                urgent: false,
                upkeep: false,
                paused: false,
                stuck: false,
                recalled: false,
                closing: false,
            }),
            ended: AtomicBool::new(false),
            work: Condvar::new(),
            durable: AtomicU64::new(end),
            synced: AtomicU64::new(end),
            durable_limit: AtomicU64::new(u64::MAX),
            written: AtomicU64::new(end),
            announces: AtomicBool::new(false),
            end: AtomicU64::new(end),
            backlog: AtomicUsize::new(0),
            released: AtomicU64::new(start.front.0),
            retained: AtomicU64::new(u64::MAX),
            failed: OnceLock::new(),
            begun: Mutex::new(start.begun),
            checkpointed: AtomicU64::new(start.checkpoints.covered().0),
            checkpoints: Mutex::new(start.checkpoints),
            ahead: Ahead::default(),
        })
    }

    /// Takes a record and answers the position behind it: durable once [`Journal::durable`] is
    /// there. Only buffers; the writer is woken as `haste` says. Records become durable in the order
    /// of their positions.
    ///
    /// # Errors
    /// [`AppendError::Full`] when the disk is (nearly) full, see [`Admission`]; the journal goes
    /// on. [`AppendError::NotYet`] when it only has to prepare a segment first: back-pressure, not
    /// a refusal. [`AppendError::TooLarge`] for a payload no segment can hold. [`AppendError::Stopped`]
    /// for good.
    pub fn append(&self, record: &Record<'_>, haste: Haste) -> Result<Lsn, AppendError> {
        let size_bytes = record.size_bytes();
        let framed = self.framed_len(size_bytes);
        let Ok(payload_len) = u32::try_from(size_bytes) else {
            return Err(self.too_large(size_bytes));
        };
        if framed > self.limits.framed_max {
            return Err(self.too_large(size_bytes));
        }
        let crc = self.crc(record);
        self.gather(framed, haste, |gather| {
            gather.push(record, payload_len, crc)
        })
    }

    /// Takes records that count together: after a crash all of them are there, or none is. Answers
    /// the positions behind each. Otherwise as [`Journal::append`]; all of them together are no
    /// larger than one record may be, and essential only if all are.
    ///
    /// # Errors
    /// As for [`Journal::append`]. Then none was taken.
    pub fn append_together(
        &self,
        records: &[Record<'_>],
        haste: Haste,
    ) -> Result<Vec<Lsn>, AppendError> {
        let sizes = records.iter().map(Record::size_bytes);
        let framed: u64 = sizes.clone().map(|size| self.framed_len(size)).sum();
        if framed > self.limits.framed_max {
            return Err(self.too_large(sizes.sum()));
        }
        let measured: Vec<_> = records
            .iter()
            .map(|record| (record, record.size_bytes() as u32, self.crc(record)))
            .collect();
        let is_ordinary = |record: &Record<'_>| record.admission == Admission::Ordinary;
        let admission = if records.iter().any(is_ordinary) {
            Admission::Ordinary
        } else {
            Admission::Essential
        };
        self.gather(framed, haste, |gather| {
            gather.push_together(&measured, admission)
        })
    }

    /// Has so many bytes gathered, and the writer know.
    #[inline]
    fn gather<T>(
        &self,
        framed: u64,
        haste: Haste,
        push: impl FnOnce(&mut Gather) -> Result<T, Shortage>,
    ) -> Result<T, AppendError> {
        let mut shared = self.lock();
        if let Some(stopped) = self.stopped_with(&shared) {
            return Err(stopped.into());
        }
        let first = shared.gather.is_empty();
        let taken = push(&mut shared.gather);
        self.end.store(shared.gather.end().0, Ordering::Release);
        self.note_room(&mut shared);
        if taken.is_ok() {
            self.backlog.fetch_add(framed as usize, Ordering::Relaxed);
        } else {
            shared.upkeep = true;
        }
        shared.urgent |= taken.is_ok() && haste == Haste::Now;
        if taken.is_err() || haste == Haste::Now || first && haste == Haste::Soon {
            self.wake(shared);
        } else {
            drop(shared);
        }
        taken.map_err(|shortage| match shortage {
            Shortage::Full => AppendError::Full,
            Shortage::NotYet => AppendError::NotYet,
        })
    }

    /// Somebody waits for what was appended.
    pub fn hurry(&self) {
        let mut shared = self.lock();
        if !shared.gather.is_empty() && !shared.urgent {
            shared.urgent = true;
            self.wake(shared);
        }
    }

    /// Everything below is on the disk for good, and wherever else it [has to
    /// be](Self::hold_durable).
    pub fn durable(&self) -> Lsn {
        Lsn(self.durable.load(Ordering::Acquire))
    }

    /// Everything below is on our disk for good. What is promised to others goes by
    /// [`Self::durable`].
    pub fn synced(&self) -> Lsn {
        Lsn(self.synced.load(Ordering::SeqCst))
    }

    /// From now on nothing from `limit` on comes to count as durable, though our disk has it: others
    /// have to have it too (rule F7). Answers whether more counts than before: then the broker is to
    /// be told, as after a turn that committed. Without a limit our disk is enough.
    pub fn hold_durable(&self, limit: Lsn) -> bool {
        self.durable_limit.store(limit.0, Ordering::SeqCst);
        self.raise_durable()
    }

    /// The same for a journal that was just opened: what it was opened with counts from `limit` on
    /// only once others have it, too (rule F13).
    pub(crate) fn begin_held(&self, limit: Lsn) {
        self.durable_limit.store(limit.0, Ordering::SeqCst);
        self.durable.fetch_min(limit.0, Ordering::AcqRel);
    }

    /// What counts once goes on to count. Whoever comes last sees what both have stored.
    fn raise_durable(&self) -> bool {
        let durable = self.common().0;
        self.durable.fetch_max(durable, Ordering::AcqRel) < durable
    }

    /// Records from `lsn` on stay, released or not: somebody may still ask for them.
    pub fn retain_from(&self, lsn: Lsn) {
        self.retained.store(lsn.0, Ordering::Release);
    }

    /// The operating system has everything below: it survives the end of the process, and not that
    /// of the machine. Never below [`Journal::durable`], and ahead of it by what is being synced.
    pub fn written(&self) -> Lsn {
        Lsn(self.written.load(Ordering::SeqCst))
    }

    /// Has the writer end its next turn that writes with [`super::Turn::Written`], once. Ask first,
    /// then look at [`Journal::written`]: one of the two tells.
    pub fn announce_written(&self) {
        self.announces.store(true, Ordering::SeqCst);
    }

    /// Position of the oldest record kept.
    pub fn first(&self) -> Lsn {
        let begun = lock(&self.begun);
        begun
            .front()
            .map(|segment| segment.base)
            .unwrap_or_default()
    }

    /// Position behind the newest record taken, durable or not.
    pub fn end(&self) -> Lsn {
        Lsn(self.end.load(Ordering::Acquire))
    }

    /// The segments kept, oldest first, never none.
    pub fn segments(&self) -> Vec<SegmentSpan> {
        let begun = lock(&self.begun);
        let bases = || begun.iter().map(|segment| segment.base);
        let ends = bases().skip(1).chain([self.durable()]);
        bases()
            .zip(ends)
            .map(|(start, end)| SegmentSpan { start, end })
            .collect()
    }

    /// Position behind the last segment that is not encrypted; 0 if all are.
    pub fn plain_below(&self) -> Lsn {
        let begun = lock(&self.begun);
        let plain = begun.iter().rposition(|segment| segment.key.is_none());
        let behind = |at: usize| begun.get(at + 1).map_or(self.end(), |next| next.base);
        plain.map_or(Lsn(0), behind)
    }

    /// Bytes taken and not yet on disk.
    pub fn backlog_bytes(&self) -> usize {
        self.backlog.load(Ordering::Relaxed)
    }

    /// Whether ordinary records are about to be refused: the disk is below its watermark, or half
    /// of the newest segment is used and the disk has no room for another.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Whether publishers may go on: false while the journal is full, too far behind, too far ahead of
    /// [what counts](Self::hold_durable), waiting for a segment to be prepared, or stopped.
    /// Cheap: ask before reading more from a publisher, and again after each turn of the writer.
    pub fn takes_publishes(&self) -> bool {
        !self.pauses.load(Ordering::Acquire) && !self.is_behind() && !self.is_ahead()
    }

    /// Whether so much was written that others do not have that publishers must wait for them.
    fn is_ahead(&self) -> bool {
        let written = self.written.load(Ordering::SeqCst);
        let held_bytes = written.saturating_sub(self.durable.load(Ordering::Acquire));
        self.durable_limit.load(Ordering::SeqCst) < written && held_bytes >= self.limits.held_bytes
    }

    /// Whether publishers must wait for the writer alone, which catches up by itself: it is too far
    /// behind, or stopped.
    pub fn is_behind(&self) -> bool {
        self.backlog_bytes() >= self.limits.backlog_bytes || self.has_ended()
    }

    /// Closed or failed.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Segments wholly below `lsn` are no longer needed. The writer frees them later, from the
    /// front, and never past [`Journal::checkpointed`]; until then a restart replays them again.
    pub fn release_before(&self, lsn: Lsn) {
        self.released.fetch_max(lsn.0, Ordering::AcqRel);
        if self.pauses.load(Ordering::Acquire) {
            self.ask_for_upkeep();
        }
    }

    /// Whether an essential record was refused and nothing has changed since.
    pub fn is_stuck(&self) -> bool {
        self.lock().gather.room.is_stuck()
    }

    /// Makes the writer's next turn one that is not idle. For who was refused and is ready to try
    /// again only now: the room may have come back in between.
    pub fn recall(&self) {
        let mut shared = self.lock();
        shared.recalled = true;
        self.wake(shared);
    }

    /// Replaces the checkpoint, durable on return: what `payload` says stands for all records
    /// below `covered` that it is meant to stand for. Blocks for several syncs: keep it off the
    /// threads and locks of the hot path.
    ///
    /// # Errors
    /// In each case the checkpoint before it still stands. A disk error stops the journal.
    pub fn checkpoint(&self, covered: Lsn, payload: &[u8]) -> Result<(), CheckpointError> {
        let mut checkpoints = lock(&self.checkpoints);
        if let Some(stopped) = self.stopped() {
            return Err(stopped.into());
        }
        // What was found at the opening may have to be given up yet.
        let durable = self.durable().min(self.common());
        if covered > durable {
            return Err(CheckpointError::Ahead { covered, durable });
        }
        checkpoints
            .write(self.store, covered, payload)
            .map_err(|fault| {
                if fault.is_no_space() {
                    CheckpointError::Full(fault)
                } else {
                    CheckpointError::Stopped(self.fail(fault))
                }
            })?;
        self.checkpointed
            .store(checkpoints.covered().0, Ordering::Release);
        Ok(())
    }

    /// The newest checkpoint and what it covers, read from the disk; `None` if there is none.
    ///
    /// # Errors
    /// What cannot be read. The journal goes on.
    pub fn read_checkpoint(&self) -> Result<Option<(Lsn, Vec<u8>)>, OpenError> {
        let loaded = lock(&self.checkpoints).read_newest()?;
        Ok(loaded.map(|loaded| (loaded.covered, loaded.payload)))
    }

    /// What the checkpoint on disk covers for sure; `Lsn(0)` when there is none. Segments are
    /// freed only below.
    pub fn checkpointed(&self) -> Lsn {
        Lsn(self.checkpointed.load(Ordering::Acquire))
    }

    /// Takes nothing more; the writer commits what is there and ends.
    pub fn close(&self) {
        let mut shared = self.lock();
        shared.closing = true;
        self.ended.store(true, Ordering::Release);
        self.wake(shared);
        self.ahead.wake();
    }

    /// Why it takes nothing more, if so.
    pub fn stopped(&self) -> Option<Stopped> {
        self.stopped_with(&self.lock())
    }

    /// The largest payload it takes.
    pub fn payload_max_bytes(&self) -> usize {
        let trailer = framed_in(self.limits.encrypts, 0) as usize;
        self.limits.framed_max as usize - trailer
    }

    /// Whether its records are encrypted.
    pub fn encrypts(&self) -> bool {
        self.limits.encrypts
    }

    pub(super) fn framed_len(&self, payload_len: usize) -> u64 {
        framed_in(self.limits.encrypts, payload_len)
    }

    /// Of what is encrypted, the ciphertext is summed later.
    fn crc(&self, record: &Record<'_>) -> u32 {
        if self.limits.encrypts {
            0
        } else {
            record.crc()
        }
    }

    /// The epoch records are written in.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The name of this store.
    pub fn store(&self) -> StoreId {
        self.store
    }

    fn too_large(&self, size_bytes: usize) -> AppendError {
        AppendError::TooLarge {
            size_bytes,
            max_bytes: self.payload_max_bytes(),
        }
    }

    fn stopped_with(&self, shared: &Shared) -> Option<Stopped> {
        let failed = self.failed.get().cloned().map(Stopped::Failed);
        failed.or(shared.closing.then_some(Stopped::Closed))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }

    /// Releases the lock, and the writer if it sleeps.
    fn wake(&self, mut shared: MutexGuard<'_, Shared>) {
        let parked = mem::take(&mut shared.parked);
        drop(shared);
        if parked {
            self.work.notify_one();
        }
    }

    fn ask_for_upkeep(&self) {
        let mut shared = self.lock();
        shared.upkeep = true;
        self.wake(shared);
    }
}

/// The writer's half: what only [`super::Writer`] may do.
impl Journal {
    /// The disk failure that stopped it.
    pub(super) fn failure(&self) -> Option<&Fault> {
        self.failed.get()
    }

    /// Stops for good. The first failure is the one that is kept. Damage to a segment is for the next
    /// opening to find and to refuse, so it must read that segment.
    pub(super) fn fail(&self, fault: Fault) -> Stopped {
        if let Some(corrupt) = fault.corrupt() {
            index::distrust(&*self.disk, &corrupt.file);
        }
        let kept = self.failed.get_or_init(|| fault).clone();
        self.ended.store(true, Ordering::Release);
        self.ask_for_upkeep();
        self.ahead.wake();
        Stopped::Failed(kept)
    }

    /// How far segments may be freed.
    pub(super) fn releasable(&self) -> Lsn {
        let retained = Lsn(self.retained.load(Ordering::Acquire));
        let released = Lsn(self.released.load(Ordering::Acquire));
        released.min(retained).min(self.checkpointed())
    }

    /// The next batch to write; see [`Gather::next_batch`].
    pub(super) fn next_batch(&self, front: Lsn) -> Option<Batch> {
        self.gathered(|gather| gather.next_batch(front))
    }

    /// See [`Gather::bare_mark`].
    pub(super) fn bare_mark(&self, front: Lsn, frees: bool) -> Option<Batch> {
        self.gathered(|gather| gather.bare_mark(front, frees))
    }

    fn gathered(&self, take: impl FnOnce(&mut Gather) -> Option<Batch>) -> Option<Batch> {
        let mut shared = self.lock();
        let batch = take(&mut shared.gather);
        shared.urgent &= !shared.gather.is_empty();
        self.end.store(shared.gather.end().0, Ordering::Release);
        batch
    }

    /// The operating system has everything up to there. True if somebody waits for that.
    pub(super) fn has_written(&self, end: Lsn) -> bool {
        self.written.store(end.0, Ordering::SeqCst);
        self.announces.swap(false, Ordering::SeqCst)
    }

    /// A batch is on the disk: everything up to its end is durable.
    pub(super) fn committed(&self, batch: &Batch) -> Lsn {
        let (end, records_bytes) = (batch.end(), batch.records_bytes());
        self.synced.store(end.0, Ordering::SeqCst);
        self.raise_durable();
        self.backlog.fetch_sub(records_bytes, Ordering::Relaxed);
        end
    }

    /// Everything below is on our disk and wherever else it has to be: it is never given up.
    pub(super) fn common(&self) -> Lsn {
        let limit = Lsn(self.durable_limit.load(Ordering::SeqCst));
        self.synced().min(limit)
    }

    /// Takes back the memory of a batch that is done with.
    pub(super) fn reclaim(&self, batch: Batch) {
        self.lock().gather.reclaim(batch);
    }

    pub(super) fn segment_begun(&self, segment: &Segment) {
        lock(&self.begun).push_back(Readable::new(segment));
    }

    /// Answers the name its file had.
    pub(super) fn first_segment_freed(&self) -> Option<String> {
        let freed = lock(&self.begun).pop_front()?;
        Some(freed.name().to_owned())
    }

    /// See [`checkpoint::check`]; none as well if there is no such checkpoint, or another one by now.
    pub(super) fn check_checkpoint(&self, name: &'static str) -> Result<Option<u64>, Corrupt> {
        let generation = || lock(&self.checkpoints).generation(name);
        let Some(before) = generation() else {
            return Ok(None);
        };
        let checked = checkpoint::check(&*self.disk, name);
        if checked.is_err() && generation() != Some(before) {
            return Ok(None);
        }
        checked
    }

    /// See [`index::check`]. An index that is damaged is taken away.
    pub(super) fn check_index(&self, segment: &Readable, end: Lsn) -> Result<u64, Corrupt> {
        let checked = index::check(&*self.disk, segment, end);
        if checked.is_err() {
            // One whose segment may be freed was perhaps being taken away, and its name may be that
            // of another segment's index by now.
            if end <= self.releasable() {
                return Ok(0);
            }
            index::distrust(&*self.disk, segment.name());
        }
        checked
    }

    /// The segment that holds `lsn` and where its synced records end, unless it was freed.
    pub(super) fn segment_of(&self, lsn: Lsn) -> Option<(Arc<Readable>, Lsn)> {
        self.segment_below(lsn, self.synced())
    }

    /// The same, where its records below `bound` end.
    pub(super) fn segment_below(&self, lsn: Lsn, bound: Lsn) -> Option<(Arc<Readable>, Lsn)> {
        let begun = lock(&self.begun);
        let after = begun.partition_point(|segment| segment.base <= lsn);
        let segment = begun.get(after.checked_sub(1)?)?;
        let end = begun.get(after).map_or(bound, |next| next.base);
        Some((Arc::clone(segment), end.min(bound)))
    }

    /// Tells what upkeep found: `prepared` more segments, whether the disk is below its watermark,
    /// and whether it has no place for another segment.
    pub(super) fn set_room(&self, prepared: u64, low: bool, exhausted: bool) {
        let mut shared = self.lock();
        for _ in 0..prepared {
            shared.gather.room.add_ready();
        }
        shared.gather.room.set_disk(low, exhausted);
        self.note_room(&mut shared);
    }

    /// Gives up a prepared segment that no record was promised to; see
    /// [`super::room::Room::give_up_ready`].
    pub(super) fn give_up_ready(&self) -> bool {
        let mut shared = self.lock();
        let given = shared.gather.room.give_up_ready();
        self.note_room(&mut shared);
        given
    }

    fn note_room(&self, shared: &mut Shared) {
        let room = &shared.gather.room;
        shared.paused |= room.pauses();
        shared.stuck |= room.is_stuck();
        self.pauses.store(room.pauses(), Ordering::Release);
        self.full.store(room.is_full(), Ordering::Release);
    }

    /// Whether somebody who waits can go on since the last time, or wants to be called.
    pub(super) fn take_eased(&self) -> bool {
        let mut shared = self.lock();
        let room = &shared.gather.room;
        let (pauses, stuck) = (room.pauses(), room.is_stuck());
        let eased = shared.recalled || shared.paused && !pauses || shared.stuck && !stuck;
        shared.recalled = false;
        shared.paused = pauses;
        shared.stuck = stuck;
        eased
    }

    /// Prepared segments that no record was promised to.
    pub(super) fn ready_segments(&self) -> u64 {
        self.lock().gather.room.ready()
    }

    /// Whether upkeep was asked for since the last time, or a segment is wanted.
    pub(super) fn take_upkeep(&self) -> bool {
        let mut shared = self.lock();
        mem::take(&mut shared.upkeep) || shared.gather.room.wants_segment()
    }

    pub(super) fn has_records(&self) -> bool {
        !self.lock().gather.is_empty()
    }

    pub(super) fn is_closing(&self) -> bool {
        self.lock().closing
    }

    /// Sleeps until it is woken, `timeout` at most.
    fn park<'a>(
        &self,
        mut shared: MutexGuard<'a, Shared>,
        timeout: Duration,
    ) -> MutexGuard<'a, Shared> {
        shared.parked = true;
        let waited = self
            .work
            .wait_timeout_while(shared, timeout, |shared| shared.parked);
        let mut shared = waited.unwrap_or_else(PoisonError::into_inner).0;
        shared.parked = false;
        shared
    }

    /// Sleeps until there is something to do; false when `timeout` passed without.
    pub(super) fn wait_for_work(&self, timeout: Duration) -> bool {
        let mut shared = self.lock();
        let busy = |shared: &Shared| {
            shared.urgent && !shared.gather.is_empty()
                || shared.closing
                || shared.upkeep
                || shared.recalled
                || self.failed.get().is_some()
        };
        if !busy(&shared) && shared.gather.is_empty() {
            shared = self.park(shared, timeout);
        }
        // What nobody waits for may get company.
        if !busy(&shared) && !shared.gather.is_empty() {
            shared = self.park(shared, PATIENCE);
        }
        let found = busy(&shared) || !shared.gather.is_empty();
        if !found {
            shared.gather.rest();
        }
        found
    }
}

/// A panic elsewhere while one of these locks was held leaves counters and lists that are still
/// true: nothing under them can panic half-way.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
