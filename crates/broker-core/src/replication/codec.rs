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
//!  64   accepted   protocol 2, record format 2
//!  65   refused    text …, reason 2
//! ```
//!
//! A peer has proved by certificate who it is, and is not trusted for that: a length is compared
//! with the most its kind may have before anything is made to hold it.

use crc32c::{crc32c, crc32c_append};

use super::epochs::EpochTable;
use super::frame::{Append, CatchUp, Frame, Heartbeat, Hello, Reject, Welcome};
use super::preface::{Answer, Refusal, Settled};
use super::record::{Member, NodeId, Position};
use crate::journal::{BadRun, Epoch, Lsn, Run, StoreId};

/// What is read before anything else of a frame.
pub const HEAD_LEN: usize = 5;
const CRC_LEN: usize = 4;

/// Entries a table of epochs may have: reigns that wrote anything, of which a busy year has some
/// hundred.
pub const MOST_EPOCHS: usize = 1 << 16;

/// What a connection carries behind its preface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Anything but records.
    Frame(Frame),
    /// Records.
    Append(Append, Run),
    /// The answer to a preface.
    Answer(Answer),
}

/// Bytes that are no message.
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
    Accepted = 64,
    Refused = 65,
}

impl Kind {
    const ALL: [(Self, &'static str); 11] = [
        (Self::Hello, "hello"),
        (Self::Welcome, "welcome"),
        (Self::Reject, "reject"),
        (Self::Append, "append"),
        (Self::Ack, "ack"),
        (Self::Heartbeat, "heartbeat"),
        (Self::Grant, "grant"),
        (Self::Leave, "leave"),
        (Self::Transfer, "transfer"),
        (Self::Accepted, "accepted"),
        (Self::Refused, "refused"),
    ];

    fn of(number: u8) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|(kind, _)| *kind as u8 == number)
            .map(|(kind, _)| *kind)
    }

    /// Bytes its body has at most.
    fn most(self, most_bulk: usize) -> usize {
        match self {
            Self::Hello => HELLO_LEN + MOST_EPOCHS * EPOCH_LEN,
            Self::Append => most_bulk + APPEND_LEN,
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

/// Without the entries of the table.
const HELLO_LEN: usize = 2 + 16 + 4 + 8 + 4;
const EPOCH_LEN: usize = 4 + 8;
/// Without the records.
const APPEND_LEN: usize = 4 + 4 + 8 + 4 + 8 + 8;

/// The beginning of a frame: what it is, and how much follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    kind: Kind,
    bytes: [u8; HEAD_LEN],
    rest: usize,
}

impl Head {
    /// Reads a frame's beginning. `most_bulk` bounds its records: the size of a segment is enough.
    ///
    /// # Errors
    /// A kind that this protocol does not have, and a length that the kind cannot have.
    pub fn parse(bytes: [u8; HEAD_LEN], most_bulk: usize) -> Result<Self, CodecError> {
        let [n0, n1, n2, n3, number] = bytes;
        let length = u32::from_be_bytes([n0, n1, n2, n3]);
        let kind = Kind::of(number).ok_or(CodecError::Kind(number))?;
        let Some(body) = (length as usize).checked_sub(1 + CRC_LEN) else {
            return Err(CodecError::NoRoom(length));
        };
        let most = kind.most(most_bulk);
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

/// A message as bytes: three pieces, to be sent one behind the other.
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

/// A message as bytes. Records are not copied.
pub fn encode(message: Message) -> Encoded {
    match message {
        Message::Frame(frame) => encode_frame(&frame),
        Message::Append(append, run) => {
            let tail = append_fields(&append);
            Encoded::new(Kind::Append, run.into_bytes(), tail)
        }
        Message::Answer(Answer::Accepted(settled)) => {
            let mut tail = Vec::with_capacity(8);
            tail.extend(settled.protocol.to_be_bytes());
            tail.extend(settled.format.to_be_bytes());
            Encoded::new(Kind::Accepted, Vec::new(), tail)
        }
        Message::Answer(Answer::Refused { why, mut text }) => {
            text.truncate(text.floor_char_boundary(Answer::TEXT_BYTES));
            let number = Refusal::NUMBERS.iter().find(|(it, _)| *it == why);
            let number = number.map_or(0, |(_, number)| *number);
            Encoded::new(Kind::Refused, text.into_bytes(), number.to_be_bytes().into())
        }
    }
}

fn encode_frame(frame: &Frame) -> Encoded {
    let mut body = Vec::with_capacity(64);
    let kind = match frame {
        Frame::Hello(hello) => {
            body.extend(hello.member.node.0.to_be_bytes());
            body.extend(hello.member.store.0);
            body.extend(hello.promised.0.to_be_bytes());
            body.extend(hello.end.0.to_be_bytes());
            let entries = hello.epochs.entries();
            body.extend((entries.len() as u32).to_be_bytes());
            for (epoch, lsn) in entries {
                body.extend(epoch.0.to_be_bytes());
                body.extend(lsn.0.to_be_bytes());
            }
            Kind::Hello
        }
        Frame::Welcome(welcome) => {
            body.extend(welcome.epoch.0.to_be_bytes());
            body.extend(welcome.end.0.to_be_bytes());
            let (way, from) = match welcome.catch_up {
                CatchUp::From(from) => (0, from),
                CatchUp::Whole => (1, Lsn(0)),
            };
            body.push(way);
            body.extend(from.0.to_be_bytes());
            Kind::Welcome
        }
        Frame::Reject(reject) => {
            body.extend(reject.known_epoch.0.to_be_bytes());
            Kind::Reject
        }
        Frame::Append(append) => {
            body = append_fields(append);
            Kind::Append
        }
        Frame::Ack { epoch, durable } => {
            body.extend(epoch.0.to_be_bytes());
            body.extend(durable.0.to_be_bytes());
            Kind::Ack
        }
        Frame::Heartbeat(beat) => {
            body.extend(beat.epoch.0.to_be_bytes());
            body.extend(beat.sent_at.to_be_bytes());
            body.extend(beat.committed.0.to_be_bytes());
            Kind::Heartbeat
        }
        Frame::Grant { sent_at } => {
            body.extend(sent_at.to_be_bytes());
            Kind::Grant
        }
        Frame::Leave => Kind::Leave,
        Frame::Transfer { epoch } => {
            body.extend(epoch.0.to_be_bytes());
            Kind::Transfer
        }
    };
    Encoded::new(kind, Vec::new(), body)
}

fn append_fields(append: &Append) -> Vec<u8> {
    let mut body = Vec::with_capacity(APPEND_LEN + CRC_LEN);
    body.extend(append.epoch.0.to_be_bytes());
    body.extend(append.prev.epoch.0.to_be_bytes());
    body.extend(append.prev.lsn.0.to_be_bytes());
    body.extend(append.written_in.0.to_be_bytes());
    body.extend(append.end.0.to_be_bytes());
    body.extend(append.committed.0.to_be_bytes());
    body
}

/// A message from its head and exactly the [rest](Head::rest) of its bytes. Records are checked and
/// not copied.
///
/// # Errors
/// See [`CodecError`]. The connection is of no more use then.
pub fn decode(head: &Head, mut rest: Vec<u8>) -> Result<Message, CodecError> {
    let kind = head.kind;
    let body = rest.len().checked_sub(CRC_LEN);
    let body = body.ok_or(CodecError::Short(kind))?;
    let (sound, crc) = rest.split_at(body);
    if crc32c_append(crc32c(&head.bytes), sound).to_be_bytes() != *crc {
        return Err(CodecError::Checksum(kind));
    }
    rest.truncate(body);
    match kind {
        Kind::Append => decode_append(rest),
        Kind::Accepted | Kind::Refused => decode_answer(kind, rest).map(Message::Answer),
        _ => decode_frame(kind, &rest).map(Message::Frame),
    }
}

fn decode_frame(kind: Kind, body: &[u8]) -> Result<Frame, CodecError> {
    let mut fields = Fields { kind, rest: body };
    let frame = match kind {
        Kind::Hello => Frame::Hello(decode_hello(&mut fields)?),
        Kind::Welcome => {
            let (epoch, end) = (fields.epoch()?, fields.lsn()?);
            let catch_up = match (fields.array()?, fields.lsn()?) {
                ([0], from) => CatchUp::From(from),
                ([1], Lsn(0)) => CatchUp::Whole,
                ([way], from) => {
                    return Err(fields.bad(format!("catch up {way} and lsn {}", from.0)));
                }
            };
            Frame::Welcome(Welcome {
                epoch,
                catch_up,
                end,
            })
        }
        Kind::Reject => Frame::Reject(Reject {
            known_epoch: fields.epoch()?,
        }),
        Kind::Ack => Frame::Ack {
            epoch: fields.epoch()?,
            durable: fields.lsn()?,
        },
        Kind::Heartbeat => Frame::Heartbeat(Heartbeat {
            epoch: fields.epoch()?,
            sent_at: fields.u64()?,
            committed: fields.lsn()?,
        }),
        Kind::Grant => Frame::Grant {
            sent_at: fields.u64()?,
        },
        Kind::Leave => Frame::Leave,
        Kind::Transfer => Frame::Transfer {
            epoch: fields.epoch()?,
        },
        Kind::Append | Kind::Accepted | Kind::Refused => return Err(CodecError::Kind(kind as u8)),
    };
    fields.end()?;
    Ok(frame)
}

fn decode_hello(fields: &mut Fields<'_>) -> Result<Hello, CodecError> {
    let member = Member {
        node: NodeId(fields.u16()?),
        store: StoreId(fields.array()?),
    };
    let (promised, end) = (fields.epoch()?, fields.lsn()?);
    let count = fields.u32()? as usize;
    // No more are made than there are bytes for.
    if count != fields.rest.len() / EPOCH_LEN {
        return Err(fields.bad(format!("a table of {count} epochs in {} bytes", fields.rest.len())));
    }
    let entries = (0..count).map(|_| Ok((fields.epoch()?, fields.lsn()?)));
    let entries: Vec<_> = entries.collect::<Result<_, CodecError>>()?;
    let epochs = EpochTable::new(entries)
        .ok_or_else(|| fields.bad("a table of epochs that does not rise".to_owned()))?;
    Ok(Hello {
        member,
        promised,
        end,
        epochs,
    })
}

fn decode_append(mut body: Vec<u8>) -> Result<Message, CodecError> {
    let kind = Kind::Append;
    let records = body.len().checked_sub(APPEND_LEN);
    let records = records.ok_or(CodecError::Short(kind))?;
    let mut fields = Fields {
        kind,
        rest: &body[records..],
    };
    let append = Append {
        epoch: fields.epoch()?,
        prev: Position {
            epoch: fields.epoch()?,
            lsn: fields.lsn()?,
        },
        written_in: fields.epoch()?,
        end: fields.lsn()?,
        committed: fields.lsn()?,
    };
    let ends = append.prev.lsn.0.checked_add(records as u64);
    if ends != Some(append.end.0) {
        return Err(fields.bad(format!(
            "{records} bytes of records from lsn {} to {}",
            append.prev.lsn.0, append.end.0
        )));
    }
    body.truncate(records);
    let run = Run::new(append.prev.lsn, body)?;
    let epochs = (run.first_epoch(), run.last_epoch());
    if epochs != (append.written_in, append.written_in) {
        let what = format!(
            "records of epochs {} to {} said to be of epoch {}",
            epochs.0.0, epochs.1.0, append.written_in.0
        );
        return Err(CodecError::Field { kind, what });
    }
    Ok(Message::Append(append, run))
}

fn decode_answer(kind: Kind, mut body: Vec<u8>) -> Result<Answer, CodecError> {
    let text = match kind {
        Kind::Refused => body.len().saturating_sub(2),
        _ => 0,
    };
    let mut fields = Fields {
        kind,
        rest: &body[text..],
    };
    if kind == Kind::Accepted {
        let (protocol, format) = (fields.u16()?, fields.u16()?);
        fields.end()?;
        return Ok(Answer::Accepted(Settled { protocol, format }));
    }
    let number = fields.u16()?;
    let mut all = Refusal::NUMBERS.iter();
    let why = all.find(|(_, it)| *it == number).map(|(why, _)| *why);
    let why = why.ok_or_else(|| fields.bad(format!("the unknown reason {number}")))?;
    body.truncate(text);
    // It is for people, in a log: what cannot be read there is replaced.
    let text = String::from_utf8_lossy(&body)
        .replace(char::is_control, " ");
    Ok(Answer::Refused { why, text })
}

/// What is left of a body.
struct Fields<'b> {
    kind: Kind,
    rest: &'b [u8],
}

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let Some((field, rest)) = self.rest.split_first_chunk() else {
            return Err(CodecError::Short(self.kind));
        };
        self.rest = rest;
        Ok(*field)
    }

    fn u16(&mut self) -> Result<u16, CodecError> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, CodecError> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, CodecError> {
        self.array().map(u64::from_be_bytes)
    }

    fn epoch(&mut self) -> Result<Epoch, CodecError> {
        self.u32().map(Epoch)
    }

    fn lsn(&mut self) -> Result<Lsn, CodecError> {
        self.u64().map(Lsn)
    }

    fn bad(&self, what: String) -> CodecError {
        let kind = self.kind;
        CodecError::Field { kind, what }
    }

    fn end(&self) -> Result<(), CodecError> {
        match self.rest.len() {
            0 => Ok(()),
            extra => Err(CodecError::Extra {
                kind: self.kind,
                extra,
            }),
        }
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
