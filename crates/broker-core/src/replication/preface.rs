//! The first bytes of a connection between two nodes: who calls whom, about which group, and what
//! either understands. Settled once, before the state machine hears of the connection.
//!
//! All numbers are big endian. The one who calls sends a preface, the one called answers with a
//! [`Answer`], which is a frame as drawn in [`codec`](super::codec).
//!
//! ```text
//! offset  size  preface
//!      0     8  magic "FerryRpl"
//!      8     2  oldest protocol understood
//!     10     2  newest protocol understood
//!     12     2  oldest record format understood
//!     14     2  newest record format understood
//!     16    16  uid of the group
//!     32     2  the node that calls
//!     34     2  the node it means to call
//!     36     8  conversation: the caller's incarnation
//!     44     8  conversation: its count
//!     52     4  CRC32C of bytes 0 to 51
//! ```

use std::fmt;
use std::ops::RangeInclusive;

use crc32c::crc32c;

use super::frame::Session;
use super::record::{FORMAT_VERSION, Incarnation, NodeId};

const MAGIC: [u8; 8] = *b"FerryRpl";
const CRC_AT: usize = Preface::LEN - 4;

/// Names a group for good: 128 bits, written as 32 hexadecimal digits. The uid of its broker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub [u8; 16]);

/// Not 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a group's uid: expected 32 hexadecimal digits")]
pub struct BadGroupId(String);

impl GroupId {
    /// Reads 32 hexadecimal digits.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, BadGroupId> {
        let bad = || BadGroupId(text.to_owned());
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if !rest.is_empty() {
            return Err(bad());
        }
        let mut uid = [0; 16];
        if pairs.len() != uid.len() {
            return Err(bad());
        }
        for (byte, digits) in uid.iter_mut().zip(pairs) {
            let digit = |at: usize| char::from(digits[at]).to_digit(16);
            let (Some(high), Some(low)) = (digit(0), digit(1)) else {
                return Err(bad());
            };
            *byte = (high * 16 + low) as u8;
        }
        Ok(Self(uid))
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupId({self})")
    }
}

/// What a node understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// Of the frames.
    pub protocol: RangeInclusive<u16>,
    /// Of the records, in the coordination store and in the journal.
    pub format: RangeInclusive<u16>,
}

/// What this code understands.
pub const VERSIONS: Versions = Versions {
    protocol: 1..=1,
    format: FORMAT_VERSION..=FORMAT_VERSION,
};

impl Versions {
    /// The newest protocol and format that both understand, or why there are none.
    ///
    /// # Errors
    /// [`Refusal::Protocol`] or [`Refusal::Format`].
    pub fn settle(&self, other: &Self) -> Result<Settled, Refusal> {
        Ok(Settled {
            protocol: newest(&self.protocol, &other.protocol).ok_or(Refusal::Protocol)?,
            format: newest(&self.format, &other.format).ok_or(Refusal::Format)?,
        })
    }
}

fn newest(one: &RangeInclusive<u16>, other: &RangeInclusive<u16>) -> Option<u16> {
    let newest = *one.end().min(other.end());
    (newest >= *one.start().max(other.start())).then_some(newest)
}

/// What both sides go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// Of the frames.
    pub protocol: u16,
    /// Of the records.
    pub format: u16,
}

/// The caller's first words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preface {
    /// What the caller understands.
    pub versions: Versions,
    /// What it is about.
    pub group: GroupId,
    /// Who calls.
    pub from: NodeId,
    /// Whom it means to call.
    pub to: NodeId,
    /// The conversation that this connection carries.
    pub session: Session,
}

/// Bytes that are no preface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPreface {
    /// Something else is spoken there.
    #[error("it does not begin as a replication connection does")]
    Magic,
    /// Damaged on the way.
    #[error("the preface has a wrong checksum")]
    Checksum,
}

impl Preface {
    /// Size in bytes.
    pub const LEN: usize = 56;

    /// As bytes.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let mut at = 0;
        let mut put = |field: &[u8]| {
            bytes[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        };
        put(&MAGIC);
        for range in [&self.versions.protocol, &self.versions.format] {
            put(&range.start().to_be_bytes());
            put(&range.end().to_be_bytes());
        }
        put(&self.group.0);
        put(&self.from.0.to_be_bytes());
        put(&self.to.0.to_be_bytes());
        put(&self.session.incarnation.0.to_be_bytes());
        put(&self.session.count.to_be_bytes());
        let crc = crc32c(&bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// From bytes.
    ///
    /// # Errors
    /// [`BadPreface`].
    pub fn decode(bytes: &[u8; Self::LEN]) -> Result<Self, BadPreface> {
        if bytes[..MAGIC.len()] != MAGIC {
            return Err(BadPreface::Magic);
        }
        if crc32c(&bytes[..CRC_AT]) != u32::from_be_bytes(field(bytes, CRC_AT)) {
            return Err(BadPreface::Checksum);
        }
        let number = |at| u16::from_be_bytes(field(bytes, at));
        Ok(Self {
            versions: Versions {
                protocol: number(8)..=number(10),
                format: number(12)..=number(14),
            },
            group: GroupId(field(bytes, 16)),
            from: NodeId(number(32)),
            to: NodeId(number(34)),
            session: Session {
                incarnation: Incarnation(u64::from_be_bytes(field(bytes, 36))),
                count: u64::from_be_bytes(field(bytes, 44)),
            },
        })
    }
}

fn field<const N: usize>(bytes: &[u8; Preface::LEN], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

/// What the node that was called says to a preface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Go on like that.
    Accepted(Settled),
    /// Its last word.
    Refused {
        /// Why.
        why: Refusal,
        /// The same for people, with the particulars. At most [`Answer::TEXT_BYTES`] are sent.
        text: String,
    },
}

impl Answer {
    /// Longest text of a refusal.
    pub const TEXT_BYTES: usize = 1024;
}

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Refusal {
    /// It does not know or does not run that group.
    #[error("no such group here")]
    Group,
    /// The node called is another one, or the caller is none of the group's others.
    #[error("no such node in the group")]
    Node,
    /// The certificate is not good for the node that the caller says it is.
    #[error("the certificate is another node's")]
    Certificate,
    /// They have no protocol version in common.
    #[error("no common protocol version")]
    Protocol,
    /// They have no record format in common.
    #[error("no common record format")]
    Format,
    /// What came was no preface.
    #[error("not a replication connection")]
    Garbage,
    /// It has too many connections, or is about to end.
    #[error("not now")]
    Busy,
}

impl Refusal {
    /// Each with its number in an answer.
    pub(super) const NUMBERS: [(Self, u16); 7] = [
        (Self::Group, 1),
        (Self::Node, 2),
        (Self::Certificate, 3),
        (Self::Protocol, 4),
        (Self::Format, 5),
        (Self::Garbage, 6),
        (Self::Busy, 7),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preface() -> Preface {
        Preface {
            versions: VERSIONS,
            group: GroupId::parse("00112233445566778899aabbccddeeff").unwrap(),
            from: NodeId(1),
            to: NodeId(0x0203),
            session: Session {
                incarnation: Incarnation(0x0102_0304_0506_0708),
                count: 9,
            },
        }
    }

    #[test]
    fn its_bytes_are_these() {
        let expected = "46657272 7952706c 0001 0001 0001 0001 00112233445566778899aabbccddeeff \
                        0001 0203 0102030405060708 0000000000000009 9d5c58d3";
        let hex: String = (preface().encode().iter())
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(hex, expected.replace(' ', ""));
        assert_eq!(Preface::decode(&preface().encode()), Ok(preface()));
    }

    #[test]
    fn damage_anywhere_is_noticed() {
        let sound = preface().encode();
        for at in 0..Preface::LEN {
            for bit in 0..8 {
                let mut bytes = sound;
                bytes[at] ^= 1 << bit;
                let expected = match at {
                    0..8 => BadPreface::Magic,
                    _ => BadPreface::Checksum,
                };
                assert_eq!(Preface::decode(&bytes), Err(expected), "byte {at}");
            }
        }
    }

    #[test]
    fn the_newest_common_version_is_taken() {
        let versions = |protocol, format| Versions { protocol, format };
        let mine = versions(2..=5, 1..=3);
        let settle = |protocol, format| mine.settle(&versions(protocol, format));
        let settled = |protocol, format| Ok(Settled { protocol, format });
        assert_eq!(settle(1..=3, 3..=9), settled(3, 3));
        assert_eq!(settle(5..=9, 1..=1), settled(5, 1));
        assert_eq!(settle(6..=9, 1..=1), Err(Refusal::Protocol));
        assert_eq!(settle(0..=1, 1..=1), Err(Refusal::Protocol));
        assert_eq!(settle(2..=2, 4..=4), Err(Refusal::Format));
        // A range the wrong way round has nothing in it.
        #[expect(clippy::reversed_empty_ranges, reason = "as a broken peer may send")]
        let reversed = settle(5..=2, 1..=1);
        assert_eq!(reversed, Err(Refusal::Protocol));
    }

    #[test]
    fn a_group_is_32_hexadecimal_digits() {
        let text = "0123456789abcdefABCDEF9876543210";
        let group = GroupId::parse(text).unwrap();
        assert_eq!(group.to_string(), text.to_lowercase());
        for bad in [
            "",
            "0123",
            &text[1..],
            &format!("{text}00"),
            "g123456789abcdef0123456789abcdef",
        ] {
            assert!(GroupId::parse(bad).is_err(), "{bad}");
        }
        assert!(GroupId::parse("éééééééééééééééé").is_err());
    }
}
