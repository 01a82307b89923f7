//! Framing of one record. The bytes are drawn in the documentation of [`super`].

use super::cipher::TRAILER_LEN;
use super::{Epoch, Lsn, checksum};

/// Bytes before the payload.
pub(super) const HEADER_LEN: usize = 32;
/// Records begin at multiples of this, so that a search for one looks at few places.
pub(super) const ALIGN: usize = 8;
/// Kind of the journal's own record, which closes a batch.
pub(super) const MARK_KIND: u8 = 0;
/// On a mark: the last record of its segment.
pub(super) const ENDS_SEGMENT: u8 = 1;
/// On a record: the next one counts together with it, and neither without the other.
pub(super) const CONTINUES: u8 = 2;
/// On all records of an encrypted segment, marks too. The payload of a record, not that of a mark, ends
/// with what encryption adds to it, zeros on the way between two nodes.
pub(super) const ENCRYPTED: u8 = 4;
/// So much of a header is authenticated with an encrypted payload: all that is the same on every node.
pub(super) const AUTHENTICATED_LEN: usize = 20;
/// A whole mark: header and payload.
pub(super) const MARK_LEN: u64 = (HEADER_LEN + MARK_PAYLOAD_LEN) as u64;

const MARK_PAYLOAD_LEN: usize = 16;
const GAP_AT: usize = 20;
const PAYLOAD_CRC_AT: usize = 24;
const CRC_AT: usize = 28;

/// What precedes a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) payload_len: u32,
    pub(super) kind: u8,
    pub(super) flags: u8,
    /// Position of the record's first byte.
    pub(super) lsn: Lsn,
    pub(super) epoch: Epoch,
    /// What was durable when this record was written: proof against anything damaged below.
    pub(super) durable: Lsn,
    pub(super) payload_crc: u32,
}

impl Header {
    /// The header but for what only the writer knows: see [`seal`].
    pub(super) fn unsealed(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..4].copy_from_slice(&self.payload_len.to_le_bytes());
        bytes[4] = self.kind;
        bytes[5] = self.flags;
        bytes[8..16].copy_from_slice(&self.lsn.0.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.epoch.0.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.payload_crc.to_le_bytes());
        bytes
    }

    /// Reads a header; `None` when its checksum is wrong for the segment with this `seed`.
    pub(super) fn decode(bytes: &[u8; HEADER_LEN], seed: u32) -> Option<Self> {
        if checksum::append(seed, &bytes[..CRC_AT]) != u32_at(bytes, CRC_AT) {
            return None;
        }
        Self::parse(bytes)
    }

    /// Reads a header that is not tied to a segment; `None` when it contradicts itself.
    pub(super) fn parse(bytes: &[u8; HEADER_LEN]) -> Option<Self> {
        let lsn = lsn_of(bytes);
        Some(Self {
            payload_len: u32_at(bytes, 0),
            kind: bytes[4],
            flags: bytes[5],
            lsn,
            epoch: Epoch(u32_at(bytes, 16)),
            durable: Lsn(lsn.0.checked_sub(u64::from(u32_at(bytes, GAP_AT)))?),
            payload_crc: u32_at(bytes, 24),
        })
    }

    /// It has a flag that this version does not know, or one that such a record cannot have.
    pub(super) fn has_strange_flags(&self) -> bool {
        let known = ENCRYPTED
            | if self.kind == MARK_KIND {
                ENDS_SEGMENT
            } else {
                CONTINUES
            };
        let short = self.has_trailer() && (self.payload_len as usize) < TRAILER_LEN;
        self.flags & !known != 0 || short
    }

    /// It is of a segment that is encrypted, or of one that is not, and nothing about it is strange.
    pub(super) fn is_of(&self, encrypted: bool) -> bool {
        self.is_encrypted() == encrypted && !self.has_strange_flags()
    }

    /// It is of an encrypted segment.
    pub(super) fn is_encrypted(&self) -> bool {
        self.flags & ENCRYPTED != 0
    }

    /// Its payload ends with what encryption adds to it.
    pub(super) fn has_trailer(&self) -> bool {
        self.is_encrypted() && self.kind != MARK_KIND
    }

    /// Bytes that the broker put into it; of a header without [strange flags](Self::has_strange_flags).
    pub(super) fn plain_len(&self) -> usize {
        let trailer = if self.has_trailer() { TRAILER_LEN } else { 0 };
        (self.payload_len as usize).saturating_sub(trailer)
    }

    /// The position behind it.
    pub(super) fn end(&self) -> Lsn {
        Lsn(self.lsn.0 + framed_len(self.payload_len as usize))
    }
}

/// Completes a header in place once it is known which segment it goes to and what is durable
/// before it. `seed` ties it to the segment: bytes of a recycled file's former life never pass.
pub(super) fn seal(header: &mut [u8], seed: u32, durable: Lsn) {
    let gap = lsn_of(header).0.saturating_sub(durable.0);
    let gap = u32::try_from(gap).expect("a batch lies within a segment, which is below 4 GiB");
    header[GAP_AT..GAP_AT + 4].copy_from_slice(&gap.to_le_bytes());
    let crc = checksum::append(seed, &header[..CRC_AT]);
    header[CRC_AT..HEADER_LEN].copy_from_slice(&crc.to_le_bytes());
}

/// Notes the checksum of a payload in its header.
pub(super) fn put_payload_crc(header: &mut [u8], crc: u32) {
    header[PAYLOAD_CRC_AT..CRC_AT].copy_from_slice(&crc.to_le_bytes());
}

/// Takes out of a header what ties it to the segment it was read from.
pub(super) fn unseal(header: &mut [u8]) {
    header[GAP_AT..GAP_AT + 4].fill(0);
    header[CRC_AT..HEADER_LEN].fill(0);
}

/// Bytes a record with this payload takes, padding included.
pub(super) const fn framed_len(payload_len: usize) -> u64 {
    (HEADER_LEN + payload_len).next_multiple_of(ALIGN) as u64
}

/// The position a header claims, checked or not.
pub(super) fn lsn_of(header: &[u8]) -> Lsn {
    Lsn(u64_at(header, 8))
}

/// Payload of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Records in the batch it closes, itself not counted.
    pub(super) records: u32,
    /// Everything below was released by the broker; segments below may be gone.
    pub(super) front: Lsn,
}

impl Mark {
    pub(super) fn encode(self) -> [u8; MARK_PAYLOAD_LEN] {
        let mut bytes = [0; MARK_PAYLOAD_LEN];
        bytes[..4].copy_from_slice(&self.records.to_le_bytes());
        bytes[8..].copy_from_slice(&self.front.0.to_le_bytes());
        bytes
    }

    pub(super) fn decode(payload: &[u8]) -> Option<Self> {
        let bytes: &[u8; MARK_PAYLOAD_LEN] = payload.try_into().ok()?;
        Some(Self {
            records: u32_at(bytes, 0),
            front: Lsn(u64_at(bytes, 8)),
        })
    }
}

/// Checksum of a payload given in parts.
pub(super) fn payload_crc<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    parts.into_iter().fold(0, checksum::append)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            payload_len: 5,
            kind: 7,
            flags: ENDS_SEGMENT,
            lsn: Lsn(4096 + 40),
            epoch: Epoch(3),
            durable: Lsn(4096),
            payload_crc: payload_crc([b"he".as_slice(), b"llo"]),
        }
    }

    fn sealed(seed: u32) -> [u8; HEADER_LEN] {
        let mut bytes = header().unsealed();
        seal(&mut bytes, seed, Lsn(4096));
        bytes
    }

    #[test]
    fn a_sealed_header_reads_back() {
        assert_eq!(Header::decode(&sealed(99), 99), Some(header()));
    }

    #[test]
    fn a_header_of_another_segment_does_not_pass() {
        assert_eq!(Header::decode(&sealed(99), 98), None);
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_seen() {
        for bit in 0..HEADER_LEN * 8 {
            let mut bytes = sealed(99);
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&bytes, 99), None, "bit {bit}");
        }
    }

    #[test]
    fn zeros_are_no_record() {
        for seed in [0, 1, 0xdead_beef] {
            let header = Header::decode(&[0; HEADER_LEN], seed);
            assert!(
                header.is_none_or(|header| header.lsn == Lsn(0)),
                "seed {seed}"
            );
        }
    }

    #[test]
    fn the_payload_checksum_does_not_depend_on_how_it_is_cut() {
        assert_eq!(
            payload_crc([b"hello".as_slice()]),
            payload_crc([b"".as_slice(), b"hel", b"lo"])
        );
    }

    #[test]
    fn frames_are_padded_to_the_alignment() {
        assert_eq!([0, 1, 8, 9].map(framed_len), [32, 40, 40, 48]);
    }

    #[test]
    fn a_mark_reads_back_and_other_lengths_do_not() {
        let mark = Mark {
            records: 9,
            front: Lsn(1 << 40),
        };
        assert_eq!(Mark::decode(&mark.encode()), Some(mark));
        assert_eq!(Mark::decode(&mark.encode()[1..]), None);
    }
}
