//! The journal: everything durable of one broker, in one append-only sequence of segments.

/// Log sequence number: a byte position in the journal that only ever rises. A thing is durable
/// when the durable position is at or past the lsn its append returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(pub u64);
