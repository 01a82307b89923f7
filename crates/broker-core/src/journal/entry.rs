//! What is appended to a journal, and how it is to be treated.

use std::time::Duration;

use bytes::Bytes;

use super::Kind;
use super::checksum;

/// One thing to be made durable: `parts` and then `body` are its payload.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its meaning.
    pub kind: Kind,
    /// Whether it may use the reserve.
    pub admission: Admission,
    /// The payload but for the body; gathered into the journal's buffer.
    pub parts: &'a [&'a [u8]],
    /// The end of the payload. A large one is not copied but held until written.
    pub body: Option<&'a Bytes>,
}

impl Record<'_> {
    pub(super) fn size_bytes(&self) -> usize {
        let parts: usize = self.parts.iter().map(|part| part.len()).sum();
        parts + self.body.map_or(0, Bytes::len)
    }

    /// Checksum of its payload.
    pub(super) fn crc(&self) -> u32 {
        let parts = self.parts.iter();
        let crc = parts.fold(0, |crc, part| checksum::append(crc, part));
        self.body.map_or(crc, |body| checksum::append(crc, body))
    }
}

/// Which records still go in when the disk is nearly full (rule J7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Settlements and control records: may use the reserve, for they give room back.
    Essential,
    /// Publishes and whatever else makes the journal grow.
    Ordinary,
}

/// How soon a record is to be written. It is never later than one that was appended after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Haste {
    /// At once.
    Now,
    /// At once when [`Journal::hurry`] is called, which the caller is about to do.
    OnCall,
    /// With others that come soon, after [`PATIENCE`] at the latest: nobody waits for it.
    Soon,
}

/// How long [`Haste::Soon`] may take once the writer has nothing else to do: what a crash may lose
/// of it.
pub const PATIENCE: Duration = Duration::from_millis(10);
