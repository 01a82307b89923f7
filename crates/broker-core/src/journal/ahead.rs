//! Zeros ahead of use: the next segment is written in full before its first record.
//!
//! The first sync over blocks that were never written also has to write what the file system notes
//! about them, which takes two to five times as long as a sync over blocks written before. So
//! whoever has a thread to spare calls [`Journal::write_ahead`] again and again: it fills the next
//! prepared segment with zeros while records go to the current one.
//!
//! Nothing depends on it. What a segment holds before it is begun is of no meaning, and one that is
//! begun before it is whole is written to as it is.

use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::append::lock;
use super::batch::zeros;
use super::disk::DiskFile;
use super::error::{Fault, IoContext};
use super::segment::Segment;
use super::{Journal, Stopped};

/// Written and synced in one go: a commit that comes meanwhile waits for no more.
const STEP_BYTES: u64 = 1024 * 1024;

/// The segment that is being filled with zeros.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// Held for as long as a step takes.
    blank: Mutex<Option<Blank>>,
    /// Something was offered since whoever writes zeros last slept. Held for moments only.
    offered: Mutex<bool>,
    /// Whoever writes zeros sleeps on it, with `offered`.
    calls: Condvar,
}

#[derive(Debug)]
struct Blank {
    file: Arc<dyn DiskFile>,
    name: String,
    /// As [`Segment::written_to`].
    written_to: u64,
    end: u64,
}

impl Ahead {
    /// Has the segment filled, which is the next to be begun.
    pub(super) fn offer(&self, next: &Segment) {
        let (written_to, end) = (next.written_to, next.data_end());
        if written_to < end {
            *lock(&self.blank) = Some(Blank {
                file: Arc::clone(&next.file),
                name: next.name.clone(),
                written_to,
                end,
            });
            *lock(&self.offered) = true;
            self.calls.notify_one();
        }
    }

    /// The segment is about to be begun: nothing is written to it any more on return. Notes how far
    /// it was filled.
    pub(super) fn take_back(&self, next: &mut Segment) {
        if let Some(blank) = lock(&self.blank).take_if(|blank| blank.name == next.name) {
            next.written_to = blank.written_to;
        }
    }

    /// Nothing is written any more on return.
    fn withdraw(&self) {
        *lock(&self.blank) = None;
    }

    /// Whoever waits for a segment looks again whether the journal has ended.
    pub(super) fn wake(&self) {
        // Who sleeps has seen how things were with this lock held: he is not between look and sleep.
        let _offered = lock(&self.offered);
        self.calls.notify_all();
    }

    /// Waits until a segment is offered or the journal has `ended`, so long at most.
    fn wait(&self, patience: Duration, ended: impl Fn() -> bool) {
        let offered = lock(&self.offered);
        let waited = self
            .calls
            .wait_timeout_while(offered, patience, |offered| !*offered && !ended());
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }

    /// Fills a part of the segment; false when there is none. A failure is told by `fail` before the
    /// segment can be taken back: it is not begun then.
    fn fill<E>(&self, fail: impl FnOnce(Fault) -> E) -> Result<bool, E> {
        let mut blank = lock(&self.blank);
        let Some(unfinished) = blank.as_mut().filter(|blank| blank.written_to < blank.end) else {
            return Ok(false);
        };
        if !unfinished.fill().map_err(fail)? {
            *blank = None;
        }
        Ok(true)
    }
}

impl Blank {
    /// False if the disk has no room for it: a file system that allocates anew what is overwritten.
    /// A sync that finds none is a failed sync like any other, for what it lost is not known.
    fn fill(&mut self) -> Result<bool, Fault> {
        let len = STEP_BYTES.min(self.end - self.written_to);
        let mut slices: Vec<_> = zeros(len as usize).collect();
        let written = self
            .file
            .write_at(self.written_to, &mut slices)
            .during("write ahead in", &self.name);
        match written {
            Err(fault) if fault.is_no_space() => return Ok(false),
            written => written?,
        }
        self.file.sync().during("sync", &self.name)?;
        self.written_to += len;
        Ok(true)
    }
}

/// Fills the next segment of a journal that follows with zeros, where
/// [`Options::zeros_ahead`](super::Options::zeros_ahead) says so. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct ZerosAhead(Arc<FollowersAhead>);

#[derive(Debug, Default)]
struct FollowersAhead {
    ahead: Ahead,
    failure: OnceLock<Fault>,
}

impl ZerosAhead {
    /// Fills a part of the next segment, or waits for something to do so long; false when there was
    /// nothing. Writes to the disk: it belongs on a thread of its own.
    ///
    /// # Errors
    /// A disk error is final; the journal's next sync tells of it too.
    pub fn write(&self, patience: Duration) -> Result<bool, Fault> {
        let FollowersAhead { ahead, failure } = &*self.0;
        let fill = || ahead.fill(|fault| failure.get_or_init(|| fault).clone());
        if fill()? {
            return Ok(true);
        }
        ahead.wait(patience, || false);
        fill()
    }

    /// Whether there are other clones of it.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    pub(super) fn offer(&self, next: &Segment) {
        self.0.ahead.offer(next);
    }

    /// As [`Ahead::take_back`].
    pub(super) fn take_back(&self, next: &mut Segment) {
        self.0.ahead.take_back(next);
    }

    /// The journal is closed on return, as far as this is concerned.
    pub(super) fn withdraw(&self) {
        self.0.ahead.withdraw();
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        self.0.failure.get().cloned().map_or(Ok(()), Err)
    }
}

impl Journal {
    /// Fills a part of the next segment with zeros, or waits for something to do so long; false
    /// when there was nothing. Writes to the disk: it belongs on a thread of its own.
    ///
    /// # Errors
    /// When the journal was closed or has failed; a disk error here stops it as any other does.
    pub fn write_ahead(&self, patience: Duration) -> Result<bool, Stopped> {
        if let Some(stopped) = self.stopped() {
            return Err(stopped);
        }
        let fill = || self.ahead.fill(|fault| self.fail(fault));
        if fill()? {
            return Ok(true);
        }
        self.ahead.wait(patience, || self.has_ended());
        fill()
    }
}
