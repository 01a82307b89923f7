//! A journal that begins in the middle: a follower so far behind that the other has freed what it lacks
//! takes the other's checkpoint in the place of those records.
//!
//! Until it has the records up to what the checkpoint covers it cannot be opened again. Whoever
//! begins this has to have written down that it did, and begins anew if it comes to an end on the
//! way.

use std::sync::Arc;

use super::chain::{Chain, Encryption, Segments};
use super::checkpoint::{self, Checkpoints};
use super::disk::Disk;
use super::error::{Fault, IoContext, OpenError};
use super::index::{self, Indexes};
use super::recovery::{Base, Replay};
use super::scan::Progress;
use super::{Epoch, Follower, Lsn, Options, StoreId, segment, truncation};

/// Removes whatever belongs to a journal, durably.
///
/// # Errors
/// A disk error. Some of it may be gone then.
pub fn wipe(disk: &dyn Disk) -> Result<(), Fault> {
    let directory = "the journal directory";
    let prefixes = [segment::NAME_PREFIX, index::NAME_PREFIX];
    let names = [
        checkpoint::NAMES[0],
        checkpoint::NAMES[1],
        checkpoint::TEMPORARY_NAME,
        index::TEMPORARY_NAME,
        segment::TEMPORARY_NAME,
        truncation::NAME,
        truncation::TEMPORARY_NAME,
    ];
    for entry in disk.list().during("list", directory)? {
        let name = entry.name.as_str();
        if prefixes.iter().any(|prefix| name.starts_with(prefix)) || names.contains(&name) {
            disk.remove(name).during("remove", name)?;
        }
    }
    disk.sync_dir().during("sync", directory)
}

impl Follower {
    /// Makes a journal on a disk that was [wiped](wipe): the checkpoint stands for everything below
    /// `covered`, and the records from `front` on are to be appended.
    ///
    /// # Errors
    /// A checkpoint that makes no sense to `replay`, and disk errors.
    pub fn install(
        disk: Arc<dyn Disk>,
        options: &Options,
        store: StoreId,
        (covered, payload): (Lsn, &[u8]),
        front: Lsn,
        replay: &mut dyn Replay,
    ) -> Result<Self, OpenError> {
        options.check()?;
        (replay.checkpoint(covered, payload)).map_err(|error| OpenError::Unreadable(error.0))?;
        let keys = options.keys.as_ref();
        let mut checkpoints = Checkpoints::none(Arc::clone(&disk), keys);
        checkpoints.write(store, covered, payload)?;
        let capacity = options.capacity();
        let encryption = Encryption::new(&*disk, keys)?;
        let place = (front, Epoch(0));
        let current = Chain::create_first(&*disk, 1, store, capacity, place, &encryption)?;
        let segments = Segments {
            older: [].into(),
            current,
            ready: [].into(),
            idle: Vec::new(),
        };
        let base = Base {
            checkpoints,
            indexes: Indexes::new(&disk, &[], replay.indexer(), keys),
            chain: Chain::new(Arc::clone(&disk), store, capacity, segments, encryption),
            progress: Progress {
                front,
                ..Progress::at(front)
            },
        };
        Ok(Self::new(disk, options, base))
    }
}
