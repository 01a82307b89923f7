//! Opening: what is on the disk becomes a journal again, or is refused by name.

use std::sync::Arc;

use super::{Disk, Epoch, Journal, Kind, Lsn, OpenError, Options, Unreadable, Writer};

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
    fn checkpoint(&mut self, covered: Lsn, payload: &[u8]) -> Result<(), Unreadable>;
    /// The next record.
    fn record(&mut self, record: RecordRef<'_>) -> Result<(), Unreadable>;
}

/// Opens the journal on `disk`, a new one if the directory holds none, and replays it.
pub fn open(
    _disk: Arc<dyn Disk>,
    _options: &Options,
    _replay: &mut dyn Replay,
) -> Result<(Arc<Journal>, Writer), OpenError> {
    unimplemented!()
}
