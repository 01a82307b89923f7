//! Bytes of what nodes say to each other behind the [`preface`](super::preface).
//!
//! All numbers are big endian. What is long, records above all, comes first in a frame: whoever reads
//! it into memory cuts off what is behind and has it as it is to be used, without a copy.
//!
//! ```text
//! offset  size  frame
//!      0     4  length n of all that follows
//!      4     1  kind
//!      5     …  body, n - 5 bytes
//!      n     4  CRC32C of everything before
//!
//! kind  frame      body: sizes of the fields in their order
//!   1   hello      node 2, store id 16, promised epoch 4, end 8, entries of the table 4,
//!                  each: epoch 4, lsn 8
//!   2   welcome    epoch 4, end 8, catch up 1 (0: from, 1: whole), lsn 8 (0 if whole)
//!   3   reject     known epoch 4
//!   4   append     records …, epoch 4, previous epoch 4, previous lsn 8, written in epoch 4,
//!                  end 8, committed 8
//!   5   ack        epoch 4, durable 8
//!   6   heartbeat  epoch 4, sent at 8, committed 8
//!   7   grant      sent at 8
//!   8   leave
//!   9   transfer   epoch 4
//!  16   ask
//!  17   offer      covered 8, front 8, payload length 8, payload CRC32C 4, table as in hello
//!  18   want       covered 8, offset 8
//!  19   portion    bytes …, covered 8, offset 8, CRC32C of the bytes 4
//!  20   gone
//!  24   scrubbed   from 8, to 8, CRC32C 4
//!  64   accepted   protocol 2, record format 2
//!  65   refused    text …, reason 2
//! ```
//!
//! A peer has proved by certificate who it is, and is not trusted for that: a length is compared
//! with the most its kind may have before anything is made to hold it.

mod answer;
mod bulk;
mod fields;
mod frames;
#[cfg(test)]
mod tests;

use crc32c::{crc32c, crc32c_append};

use super::preface::Answer;
use super::replica::{Packet, Portion};
use crate::journal::BadRun;

pub use answer::{decode_answer, encode_answer};

/// What is read before anything else of a frame.
pub const HEAD_LEN: usize = 5;
const CRC_LEN: usize = 4;

/// Entries a table of epochs may have: reigns that wrote anything, of which a busy year has some
/// hundred.
pub const MOST_EPOCHS: usize = 1 << 16;

/// Bytes that are no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Longer than its kind may be.
    #[error("{kind} frame of {len} bytes; the most is {most}")]
    TooLong {
        /// What it is.
        kind: Kind,
        /// Bytes of its body.
        len: u64,
        /// Bytes its body may have.
        most: u64,
    },
    /// Too short for its checksum.
    #[error("frame of length {0}")]
    NoRoom(u32),
    /// Of a later protocol, or no frame at all.
    #[error("frame of the unknown kind {0}")]
    Kind(u8),
    /// Damaged on the way.
    #[error("{0} frame with a wrong checksum")]
    Checksum(Kind),
    /// It ends before it is complete.
    #[error("{0} frame that is too short")]
    Short(Kind),
    /// It goes on when it is complete.
    #[error("{kind} frame with {extra} bytes too many")]
    Extra {
        /// What it is.
        kind: Kind,
        /// Bytes behind the last field.
        extra: usize,
    },
    /// A field has a value it cannot have.
    #[error("{kind} frame with {what}")]
    Field {
        /// What it is.
        kind: Kind,
        /// The field and its value.
        what: String,
    },
    /// Its records are none.
    #[error("append frame with bad records: {0}")]
    Records(#[from] BadRun),
}

/// Kinds of frames, numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the module's page draws them")]
pub enum Kind {
    Hello = 1,
    Welcome = 2,
    Reject = 3,
    Append = 4,
    Ack = 5,
    Heartbeat = 6,
    Grant = 7,
    Leave = 8,
    Transfer = 9,
    Ask = 16,
    Offer = 17,
    Want = 18,
    Portion = 19,
    Gone = 20,
    Scrubbed = 24,
    Accepted = 64,
    Refused = 65,
}

impl Kind {
    const ALL: [(Self, &'static str); 17] = [
        (Self::Hello, "hello"),
        (Self::Welcome, "welcome"),
        (Self::Reject, "reject"),
        (Self::Append, "append"),
        (Self::Ack, "ack"),
        (Self::Heartbeat, "heartbeat"),
        (Self::Grant, "grant"),
        (Self::Leave, "leave"),
        (Self::Transfer, "transfer"),
        (Self::Ask, "ask"),
        (Self::Offer, "offer"),
        (Self::Want, "want"),
        (Self::Portion, "portion"),
        (Self::Gone, "gone"),
        (Self::Scrubbed, "scrubbed"),
        (Self::Accepted, "accepted"),
        (Self::Refused, "refused"),
    ];

    fn of(number: u8) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|(kind, _)| *kind as u8 == number)
            .map(|(kind, _)| *kind)
    }

    /// Bytes its body has at most.
    fn most(self, most_records: usize) -> usize {
        match self {
            Self::Hello | Self::Offer => 64 + MOST_EPOCHS * fields::EPOCH_LEN,
            Self::Append => most_records + bulk::APPEND_LEN,
            Self::Portion => Portion::BYTES_MAX + bulk::PORTION_LEN,
            Self::Refused => Answer::TEXT_BYTES + 2,
            _ => 64,
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = Self::ALL.iter().find(|(kind, _)| kind == self);
        f.write_str(name.map_or("frame", |(_, name)| name))
    }
}

/// The beginning of a frame: what it is, and how much follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    kind: Kind,
    bytes: [u8; HEAD_LEN],
    rest: usize,
}

impl Head {
    /// Reads a frame's beginning. `most_records` bounds its records: the size of a segment is enough.
    ///
    /// # Errors
    /// A kind that this protocol does not have, and a length that the kind cannot have.
    pub fn parse(bytes: [u8; HEAD_LEN], most_records: usize) -> Result<Self, CodecError> {
        let [n0, n1, n2, n3, number] = bytes;
        let length = u32::from_be_bytes([n0, n1, n2, n3]);
        let kind = Kind::of(number).ok_or(CodecError::Kind(number))?;
        let Some(body) = (length as usize).checked_sub(1 + CRC_LEN) else {
            return Err(CodecError::NoRoom(length));
        };
        let most = kind.most(most_records);
        if body > most {
            return Err(CodecError::TooLong {
                kind,
                len: body as u64,
                most: most as u64,
            });
        }
        Ok(Self {
            kind,
            bytes,
            rest: body + CRC_LEN,
        })
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Bytes that follow.
    pub fn rest(&self) -> usize {
        self.rest
    }
}

/// A frame as bytes: three pieces, to be sent one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    head: [u8; HEAD_LEN],
    bulk: Vec<u8>,
    tail: Vec<u8>,
}

impl Encoded {
    fn new(kind: Kind, bulk: Vec<u8>, mut tail: Vec<u8>) -> Self {
        let length = 1 + bulk.len() + tail.len() + CRC_LEN;
        let [n0, n1, n2, n3] = (length as u32).to_be_bytes();
        let head = [n0, n1, n2, n3, kind as u8];
        let crc = crc32c_append(crc32c_append(crc32c(&head), &bulk), &tail);
        tail.extend(crc.to_be_bytes());
        Self { head, bulk, tail }
    }

    /// The pieces, some of them empty.
    pub fn pieces(&self) -> [&[u8]; 3] {
        [&self.head, &self.bulk, &self.tail]
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        HEAD_LEN + self.bulk.len() + self.tail.len()
    }

    /// Never: a frame has a head.
    pub fn is_empty(&self) -> bool {
        false
    }
}

/// A packet as bytes. Records and portions are not copied.
pub fn encode(packet: Packet) -> Encoded {
    match packet {
        Packet::Frame(frame) => frames::encode(&frame),
        Packet::Append(append, run) => bulk::encode_append(&append, run),
        Packet::Bulk(part) => bulk::encode(part),
        Packet::Scrub(scrubbed) => bulk::encode_scrubbed(&scrubbed),
    }
}

/// A packet from its head and exactly the [rest](Head::rest) of its bytes. Records are checked,
/// and neither they nor portions are copied.
///
/// # Errors
/// See [`CodecError`]. The connection is of no more use then.
pub fn decode(head: &Head, rest: Vec<u8>) -> Result<Packet, CodecError> {
    let body = sound_body(head, rest)?;
    match head.kind {
        Kind::Append => bulk::decode_append(body),
        Kind::Ask | Kind::Offer | Kind::Want | Kind::Portion | Kind::Gone => {
            bulk::decode(head.kind, body).map(Packet::Bulk)
        }
        Kind::Scrubbed => bulk::decode_scrubbed(&body).map(Packet::Scrub),
        kind => frames::decode(kind, &body).map(Packet::Frame),
    }
}

/// Compares the checksum, and cuts it off.
fn sound_body(head: &Head, mut rest: Vec<u8>) -> Result<Vec<u8>, CodecError> {
    let body = rest.len().checked_sub(CRC_LEN);
    let body = body.ok_or(CodecError::Short(head.kind))?;
    let (sound, crc) = rest.split_at(body);
    if crc32c_append(crc32c(&head.bytes), sound).to_be_bytes() != *crc {
        return Err(CodecError::Checksum(head.kind));
    }
    rest.truncate(body);
    Ok(rest)
}
