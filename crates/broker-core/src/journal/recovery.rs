//! Opening: what is on the disk becomes a journal again, or is refused by name.
//!
//! Bytes that are not a record end the journal only where a torn write can be: in the last
//! segment, with nothing behind them that was written when they were durable (rule J2). Anywhere
//! else they are damage, and damage changes nothing on disk.
//!
//! What is kept of a torn batch was perhaps never synced, or its sync failed and the page cache
//! shows what the disk has lost. It is therefore written again and synced before anybody is told
//! about it.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

use super::append::{Limits, Start};
use super::batch::Batch;
use super::chain::{self, Chain, Encryption, Segments};
use super::checkpoint::{self, Checkpoints, Loaded};
use super::disk::{Disk, FileEntry};
use super::error::{Corrupt, Damage, Fault, IoContext, OpenError, Unreadable};
use super::gather::Gather;
use super::index::{self, Indexer, Indexes};
use super::inventory::{Inventory, damage, mismatch};
use super::room::Room;
use super::scan::{self, Progress, Stop};
use super::segment::{self, FIRST_LSN, Segment, SegmentState};
use super::truncation;
use super::{Epoch, Journal, Kind, Lsn, Options, SegmentSpan, StoreId, Writer};

/// One record read back.
#[derive(Debug, Clone, Copy)]
pub struct RecordRef<'a> {
    /// Its meaning.
    pub kind: Kind,
    /// Epoch it was written in.
    pub epoch: Epoch,
    /// Its own position.
    pub start: Lsn,
    /// The position behind it: what its append returned.
    pub end: Lsn,
    /// Its parts and body, joined.
    pub payload: &'a [u8],
}

/// Who takes what a journal holds when it is opened: the checkpoint first, then every record that
/// is still in a segment, in order, those the checkpoint covers included.
pub trait Replay {
    /// The newest checkpoint; not called when there is none.
    ///
    /// # Errors
    /// Ends the opening; the words become part of [`Corrupt`].
    fn checkpoint(&mut self, covered: Lsn, payload: &[u8]) -> Result<(), Unreadable>;

    /// The next record.
    ///
    /// # Errors
    /// Ends the opening; the words become part of [`Corrupt`].
    fn record(&mut self, record: RecordRef<'_>) -> Result<(), Unreadable>;

    /// What makes indexes of full segments. Without one, every segment is read whole.
    fn indexer(&self) -> Option<Box<dyn Indexer>> {
        None
    }

    /// What an [`Indexer`] made stands for all records of a segment, in their place. False if it
    /// cannot be made sense of: then the records follow, and must find everything as it was.
    ///
    /// # Errors
    /// Ends the opening; the words become part of [`Corrupt`].
    fn index(&mut self, _span: SegmentSpan, _payload: &[u8]) -> Result<bool, Unreadable> {
        Ok(false)
    }
}

/// Opens the journal on `disk`, a new one if the directory holds none, and replays it.
///
/// # Errors
/// See [`OpenError`]. Nothing is changed before all records that no index stands for have been read
/// and found good.
pub fn open(
    disk: Arc<dyn Disk>,
    options: &Options,
    replay: &mut dyn Replay,
) -> Result<(Arc<Journal>, Writer), OpenError> {
    let mut loaded = load(&disk, options, replay, false)?;
    let progress = &mut loaded.tail.progress;
    progress.epoch = options.epoch_after(progress.epoch)?;
    let (base, ended) = loaded.settle(&disk, options)?;
    Ok(base.go_on(&disk, options, ended)?)
}

/// Reads what is on the disk, a first segment made if there is none. If it may come to be cut off, the
/// mark that says why older segments are gone is looked for, which no index tells.
pub(super) fn load(
    disk: &Arc<dyn Disk>,
    options: &Options,
    replay: &mut dyn Replay,
    is_cut: bool,
) -> Result<Found, OpenError> {
    options.check()?;
    let entries = tidy(&**disk)?;
    let entries = truncation::finish(&**disk, entries)?;
    let (checkpoints, loaded) = Checkpoints::load(disk, &entries, options.keys.as_ref())?;
    let wanted = (options.capacity(), options.keys.is_some());
    let mut found = Inventory::take(&**disk, &entries, options.store, wanted)?;
    found.unlock(options.keys.as_deref())?;
    if let Some(loaded) = &loaded {
        found.check_store(loaded.name, loaded.store)?;
        if found.begun.is_empty() {
            return Err(no_segments(loaded));
        }
        (replay.checkpoint(loaded.covered, &loaded.payload))
            .map_err(|error| checkpoint_damage(loaded, error.0))?;
    }
    let mut indexes = Indexes::new(disk, &entries, replay.indexer(), options.keys.as_ref());
    let encryption = Encryption::new(&**disk, options.keys.as_ref())?;
    let (tail, store) = if found.begun.is_empty() {
        create(&**disk, options, found, &encryption)?
    } else {
        let explains = found.begun.first().filter(|_| is_cut);
        let first = explains.map_or(FIRST_LSN, Segment::base);
        read(found, first, loaded.as_ref(), &mut indexes, replay)?
    };
    Ok(Found {
        checkpoints,
        indexes,
        tail,
        store,
        encryption,
    })
}

/// What was read, nothing of it changed.
pub(super) struct Found {
    checkpoints: Checkpoints,
    indexes: Indexes,
    pub(super) tail: Tail,
    store: StoreId,
    encryption: Encryption,
}

/// What a journal goes on from, all of it on the disk for good.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) checkpoints: Checkpoints,
    pub(super) indexes: Indexes,
    pub(super) chain: Chain,
    pub(super) progress: Progress,
}

/// The end of what was read, to go on from.
pub(super) struct Tail {
    segments: Vec<Segment>,
    ready: Vec<Segment>,
    idle: Vec<Segment>,
    pub(super) progress: Progress,
    /// The last segment holds as much as it ever will.
    ended: bool,
}

/// Removes what an interrupted creation left behind and makes sure that the names seen are the
/// names on disk.
fn tidy(disk: &dyn Disk) -> Result<Vec<FileEntry>, Fault> {
    let directory = "the journal directory";
    let mut entries = disk.list().during("list", directory)?;
    let temporaries = [
        segment::TEMPORARY_NAME,
        checkpoint::TEMPORARY_NAME,
        index::TEMPORARY_NAME,
        truncation::TEMPORARY_NAME,
    ];
    for temporary in temporaries {
        if entries.iter().any(|entry| entry.name == temporary) {
            disk.remove(temporary).during("remove", temporary)?;
        }
    }
    disk.sync_dir().during("sync", directory)?;
    entries.retain(|entry| !entry.name.ends_with(".tmp"));
    Ok(entries)
}

/// The first segment of a new journal.
fn create(
    disk: &dyn Disk,
    options: &Options,
    found: Inventory,
    encryption: &Encryption,
) -> Result<(Tail, StoreId), OpenError> {
    let store = match found.store {
        Some(store) => store,
        None => StoreId(disk.unique().during("get randomness for", "a new store")?),
    };
    let epoch = options.epoch.unwrap_or(Epoch(1));
    let number = chain::free_number(&found.idle);
    let place = (FIRST_LSN, epoch);
    let first = Chain::create_first(disk, number, store, options.capacity(), place, encryption)?;
    let progress = Progress::at(FIRST_LSN);
    let segments = vec![first];
    let tail = Tail {
        segments,
        ready: Vec::new(),
        idle: found.idle,
        progress,
        ended: false,
    };
    Ok((tail, store))
}

/// Replays all records and decides where the journal ends. What says that all before `first` was
/// released is looked for.
fn read(
    found: Inventory,
    first: Lsn,
    loaded: Option<&Loaded>,
    indexes: &mut Indexes,
    replay: &mut dyn Replay,
) -> Result<(Tail, StoreId), OpenError> {
    let Inventory {
        mut begun,
        ready,
        idle,
        store,
    } = found;
    let mut progress = Progress {
        end: Lsn(0),
        stated: FIRST_LSN,
        ..Progress::at(first)
    };
    let mut ended = true;
    for at in 0..begun.len() {
        let segment = &begun[at];
        check_follows(segment, at, &progress)?;
        let next = begun.get(at + 1).map(Segment::base);
        let skipped = match next {
            Some(end) => indexes.replay(segment, end, &mut progress, replay)?,
            None => false,
        };
        if !skipped {
            let stop = scan::walk(segment, &mut progress, &mut |record| {
                indexes.note_read(&record);
                replay.record(record)
            })?;
            ended = stop == Stop::Ended;
            match stop {
                Stop::At { found } => check_torn(segment, next.is_none(), &progress, found)?,
                Stop::Ended => indexes.seal(segment, progress.end),
            }
        }
        begun[at].written_to = begun[at].offset_of(progress.end);
    }
    let first = &begun[0];
    check_front(first, loaded, &progress)?;
    let after = begun[begun.len() - 1].sequence() + 1;
    if ended
        && !ready
            .iter()
            .chain(&idle)
            .any(|segment| segment.sequence() == after)
    {
        let gone = "the segment after it is missing: it ends with the mark of a full one";
        return Err(damage(
            &begun[begun.len() - 1],
            Damage::Missing(gone.to_owned()),
        ));
    }
    let store = store.unwrap_or(first.header.store);
    Ok((
        Tail {
            segments: begun,
            ready,
            idle,
            progress,
            ended,
        },
        store,
    ))
}

/// A segment begins where the one before it ends.
fn check_follows(segment: &Segment, at: usize, progress: &Progress) -> Result<(), OpenError> {
    if let SegmentState::Begun { base, .. } = segment.header.state
        && at > 0
        && base != progress.end
    {
        let expected = format!("a segment from lsn {} on", progress.end.0);
        return Err(damage(
            segment,
            mismatch(&expected, format!("one from lsn {}", base.0)),
        ));
    }
    Ok(())
}

/// Decides between a torn write, which may be cut off, and damage, which may not (rule J2).
fn check_torn(
    segment: &Segment,
    is_last: bool,
    progress: &Progress,
    found: String,
) -> Result<(), OpenError> {
    let lsn = progress.end;
    let expected = if !is_last {
        "the next record, for the segment after it was begun when this one was durable".to_owned()
    } else if let Some(proof) = scan::find_proof(segment, lsn)? {
        format!(
            "a record, for the one at lsn {} says that everything below {} was durable",
            proof.lsn.0, proof.stated.0
        )
    } else {
        return Ok(());
    };
    let damage = Damage::Mismatch { expected, found };
    let offset = segment.offset_of(lsn);
    Err(Corrupt {
        file: segment.name.clone(),
        offset,
        lsn: Some(lsn),
        damage,
    }
    .into())
}

/// The oldest segment and the checkpoint must reach each other, and the front that was released.
fn check_front(
    first: &Segment,
    loaded: Option<&Loaded>,
    progress: &Progress,
) -> Result<(), OpenError> {
    let base = first.base();
    if base > progress.front {
        let gone = format!(
            "the segments from lsn {} on before it are missing",
            progress.front.0
        );
        return Err(damage(first, Damage::Missing(gone)));
    }
    match loaded {
        None if base > FIRST_LSN => {
            let gone = "the checkpoint that stands for the records before it is missing";
            Err(damage(first, Damage::Missing(gone.to_owned())))
        }
        Some(loaded) if loaded.covered < base => {
            let expected = format!("a checkpoint up to lsn {} or later", base.0);
            Err(checkpoint_mismatch(loaded, &expected))
        }
        Some(loaded) if loaded.covered > progress.end => {
            let expected = format!(
                "a checkpoint up to lsn {}, where records end",
                progress.end.0
            );
            Err(checkpoint_mismatch(loaded, &expected))
        }
        _ => Ok(()),
    }
}

impl Found {
    /// Makes what was read durable beyond doubt. Answers as well whether the last segment is full.
    pub(super) fn settle(
        self,
        disk: &Arc<dyn Disk>,
        options: &Options,
    ) -> Result<(Base, bool), Fault> {
        let Tail {
            segments,
            ready,
            idle,
            progress,
            ended,
        } = self.tail;
        let segments = settle(segments, ready, idle, &progress, ended)?;
        let base = Base {
            checkpoints: self.checkpoints,
            indexes: self.indexes,
            chain: Chain::new(
                disk.clone(),
                self.store,
                options.capacity(),
                segments,
                self.encryption,
            ),
            progress,
        };
        Ok((base, ended))
    }
}

impl Base {
    /// Goes on behind it in the epoch of its progress, with the next segment if the last one has
    /// `ended`.
    pub(super) fn go_on(
        self,
        disk: &Arc<dyn Disk>,
        options: &Options,
        mut ended: bool,
    ) -> Result<(Arc<Journal>, Writer), Fault> {
        let Self {
            checkpoints,
            mut indexes,
            mut chain,
            mut progress,
        } = self;
        if !ended && chain.encrypts() && !chain.current().is_encrypted() {
            end_segment(&mut chain, &mut progress)?;
            indexes.seal(chain.current(), progress.end);
            ended = true;
        }
        if ended {
            let encrypted = chain.encrypts();
            begin_segment(&mut chain, &progress, encrypted)?;
        }
        let room = opening_mark(&mut chain, options, &mut progress)?;
        // Only now: until then one of them may be what says that no segment is missing.
        chain.discard_idle()?;
        indexes.remove_unused();
        let journal = start(disk, options, checkpoints, &chain, room, &progress);
        let front = progress.front;
        let mut writer = Writer::new(
            journal.clone(),
            chain,
            indexes,
            options.keep_free_bytes,
            front,
        );
        if journal.takes_publishes() {
            // The next segment is left to the first turn: a broker starts sooner without.
            writer.measure()?;
        } else {
            writer.upkeep()?;
        }
        Ok((journal, writer))
    }
}

/// Sees to it that the disk holds what was read from it.
fn settle(
    segments: Vec<Segment>,
    mut ready: Vec<Segment>,
    idle: Vec<Segment>,
    progress: &Progress,
    ended: bool,
) -> Result<Segments, Fault> {
    let mut older = VecDeque::from(segments);
    let Some(mut current) = older.pop_back() else {
        let none = std::io::Error::other("it has no segment");
        return Err(none).during("resume", "the journal");
    };
    write_again(&mut current, progress)?;
    // A file that is seen to be prepared anew may still be the segment on disk that it was before.
    // Were the segments after it freed then, a power loss would leave a hole.
    for segment in &mut ready {
        segment.write_header(segment.header.clone())?;
        segment.sync()?;
    }
    if ended {
        current.sync()?;
    }
    Ok(Segments {
        older,
        current,
        ready: ready.into(),
        idle,
    })
}

/// Goes on to the next segment, the last one being full.
pub(super) fn begin_segment(
    chain: &mut Chain,
    progress: &Progress,
    encrypted: bool,
) -> Result<(), Fault> {
    prepare_next(chain)?;
    chain.begin_next(progress.end, progress.epoch, encrypted)
}

fn prepare_next(chain: &mut Chain) -> Result<(), Fault> {
    if chain.ready_len() == 0 && !chain.prepare()? {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        return Err(full).during("prepare a segment in", "the journal directory");
    }
    Ok(())
}

/// Ends a segment that was written without encryption, for what comes is to be encrypted. There is
/// always room for the mark that ends it.
fn end_segment(chain: &mut Chain, progress: &mut Progress) -> Result<(), Fault> {
    prepare_next(chain)?;
    write_mark(chain.current(), progress, true)?;
    chain.current().sync()?;
    // Whoever reads the next segment's header takes all of this for durable.
    progress.stated = progress.end;
    Ok(())
}

/// Writes a mark of the new epoch behind what was read.
fn write_mark(
    current: &mut Segment,
    progress: &mut Progress,
    ends_segment: bool,
) -> Result<(), Fault> {
    let mut batch = Batch::new(progress.end, Vec::new(), current.is_encrypted());
    batch.close(progress.epoch, progress.front, ends_segment);
    batch.seal(current.header.seed(), progress.stated);
    let offset = current.offset_of(progress.end);
    (current.file)
        .write_at(offset, &mut batch.slices(0))
        .during("write", &current.name)?;
    progress.end = batch.end();
    Ok(())
}

/// The appending side, ready to go on at the end of `progress`.
fn start(
    disk: &Arc<dyn Disk>,
    options: &Options,
    checkpoints: Checkpoints,
    chain: &Chain,
    room: Room,
    progress: &Progress,
) -> Arc<Journal> {
    let Progress {
        end, epoch, front, ..
    } = *progress;
    Journal::new(Start {
        disk: disk.clone(),
        limits: Limits {
            backlog_bytes: options.backlog_bytes,
            held_bytes: options.held_bytes,
            framed_max: Room::max_framed(options.capacity()),
            encrypts: chain.encrypts(),
        },
        epoch,
        store: chain.store(),
        front,
        begun: chain.begun(),
        gather: Gather::new(
            epoch,
            end,
            front,
            room,
            (options.batch_bytes, chain.encrypts()),
        ),
        checkpoints,
    })
}

/// Writes the bytes again that no record says were durable.
fn write_again(current: &mut Segment, progress: &Progress) -> Result<(), Fault> {
    if progress.stated <= current.base() {
        current.write_header(current.header.clone())?;
    }
    let mut at = current.offset_of(progress.stated.max(current.base()));
    let end = current.offset_of(progress.end);
    let mut bytes = vec![0; (end - at).min(1 << 20) as usize];
    while at < end {
        let part = &mut bytes[..(end - at).min(1 << 20) as usize];
        current
            .file
            .read_at(at, part)
            .during("read", &current.name)?;
        current
            .file
            .write_at(at, &mut [IoSlice::new(part)])
            .during("write", &current.name)?;
        at += part.len() as u64;
    }
    Ok(())
}

/// Puts a first mark of the new epoch behind what was read and syncs it: whatever a torn write
/// left behind it can then not be taken for what follows.
fn opening_mark(
    chain: &mut Chain,
    options: &Options,
    progress: &mut Progress,
) -> Result<Room, Fault> {
    let ready = chain.ready_len() as u64;
    let current = chain.current();
    let offset = current.offset_of(progress.end);
    let mut room = Room::new(options.capacity(), current.data_end() - offset, ready);
    if room.spares_a_mark(false) {
        write_mark(current, progress, false)?;
        room.take_mark();
    }
    current.sync()?;
    Ok(room)
}

fn no_segments(loaded: &Loaded) -> OpenError {
    let gone = "all segments are missing while there is a checkpoint".to_owned();
    checkpoint_corrupt(loaded, Damage::Missing(gone))
}

fn checkpoint_mismatch(loaded: &Loaded, expected: &str) -> OpenError {
    let found = format!("one up to lsn {}", loaded.covered.0);
    checkpoint_corrupt(loaded, mismatch(expected, found))
}

fn checkpoint_damage(loaded: &Loaded, reason: String) -> OpenError {
    checkpoint_corrupt(loaded, mismatch("a payload the broker can read", reason))
}

fn checkpoint_corrupt(loaded: &Loaded, damage: Damage) -> OpenError {
    let (file, lsn) = (loaded.name.to_owned(), Some(loaded.covered));
    Corrupt {
        file,
        offset: 0,
        lsn,
        damage,
    }
    .into()
}
