//! The meaning of journal records: the broker's own compact encoding.
//!
//! Every payload but that of a filler begins with the version of its layout, so that a later broker can read what an
//! earlier one wrote. Integers of unknown size are varints (LEB128, at most 10 bytes); `str` and
//! `blob` are a varint length and that many bytes, `str` in UTF-8.
//!
//! ```text
//! publish     version=1  targets:varint (queue:varint sequence:varint)*
//!             exchange:str  routing_key:str  properties_kind=1  properties:blob  body: the rest
//!             version=2  arrived:varint, milliseconds since 1970 UTC, then as version 1: the message,
//!             or a queue it went to, lets messages expire
//!             version=3  arrived:varint  further:varint (key:str)*, then as version 1: such a message
//!             with keys beside its own, by which it may still have to be routed
//! settle      version=1  queue:varint  ranges:varint (skip:varint length:varint)*
//!             a range begins `skip` above the end of the one before (above 0 for the first)
//! change      version=1  tag:u8  fields of the definition, see `definition`
//! filler      any bytes, without a version
//! checkpoint  version=1  next_id:varint  changes:varint (change:blob)*
//!
//! index       version=2  (what stands for one record of a full segment, or for several)*
//!             0 step:varint size:varint                     a message in the queue of the one before,
//!                                                           its sequence one above that one's
//!             1 queue:varint sequence:varint step:varint size:varint    a message in one queue
//!             2 settle:blob
//!             3 step:varint change:blob
//!             4, 5                                          as 0 and 1, of a message that may expire
//!             6 count:varint    so many messages more, each in the queue of the one before, its
//!                               sequence one above, all else the same; not in version 1
//!             size is what the message weighs; steps are from position to position, in units of 8
//!             bytes: of messages to where the record begins, of changes to where it ends
//! ```
//!
//! A settlement may stand before a copy of the message it settles, when the journal moved the
//! message forward: a message is settled if *any* record says so.

mod checkpoint;
mod codec;
mod definition;
mod delivery;
mod index;
mod limits;
mod policy;
mod value;

pub(crate) use checkpoint::{Checkpoint, read_checkpoint};
pub(crate) use codec::Malformed;
pub(crate) use definition::{Change, read_change, write_change};
pub(crate) use delivery::{
    PublishHead, PublishRecord, SettleRanges, read_publish, read_publish_head, read_settle,
    write_publish_head, write_settle,
};
pub(crate) use index::{Found, IndexWriter, Indexed, read_index};
pub(crate) use value::{MAX_DEPTH, canonical, condition};

use crate::journal::Kind;

/// A message and the queues it went to.
pub(crate) const PUBLISH: Kind = Kind::new(1);
/// Messages of one queue that are done.
pub(crate) const SETTLE: Kind = Kind::new(2);
/// A definition that came, changed or went.
pub(crate) const CHANGE: Kind = Kind::new(3);
/// Nothing: what follows has a position that the account tells from what came before.
pub(crate) const FILLER: Kind = Kind::new(4);

/// Layout of every payload written now, but for messages that may expire.
const VERSION: u8 = 1;

/// Layout of a message that may expire.
const TIMED_VERSION: u8 = 2;

/// The same of one with further keys.
const KEYED_VERSION: u8 = 3;
