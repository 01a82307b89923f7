//! What travels in large pieces: records, a checkpoint, and what is compared of them.

use super::fields::{Fields, put_epochs};
use super::{CRC_LEN, CodecError, Encoded, Kind};
use crate::journal::Run;
use crate::replication::frame::Append;
use crate::replication::record::Position;
use crate::replication::replica::{Bulk, Offer, Packet, Portion, Scrubbed};

/// Without the records.
pub(super) const APPEND_LEN: usize = 4 + 4 + 8 + 4 + 8 + 8;
/// Without the bytes.
pub(super) const PORTION_LEN: usize = 8 + 8 + 4;

pub(super) fn encode_append(append: &Append, run: Run) -> Encoded {
    Encoded::new(Kind::Append, run.into_bytes(), append_fields(append))
}

pub(super) fn append_fields(append: &Append) -> Vec<u8> {
    let mut body = Vec::with_capacity(APPEND_LEN + CRC_LEN);
    body.extend(append.epoch.0.to_be_bytes());
    body.extend(append.prev.epoch.0.to_be_bytes());
    body.extend(append.prev.lsn.0.to_be_bytes());
    body.extend(append.written_in.0.to_be_bytes());
    body.extend(append.end.0.to_be_bytes());
    body.extend(append.committed.0.to_be_bytes());
    body
}

pub(super) fn decode_append(mut body: Vec<u8>) -> Result<Packet, CodecError> {
    let kind = Kind::Append;
    let records = body.len().checked_sub(APPEND_LEN);
    let records = records.ok_or(CodecError::Short(kind))?;
    let mut fields = Fields::new(kind, &body[records..]);
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
    // What a single broker wrote counts as of its last epoch: it began one at each start, and nobody
    // else has any of it.
    if epochs.1 > append.written_in {
        let what = format!(
            "records of epochs {} to {} said to be of epoch {}",
            epochs.0.0, epochs.1.0, append.written_in.0
        );
        return Err(CodecError::Field { kind, what });
    }
    Ok(Packet::Append(append, run))
}

pub(super) fn encode(part: Bulk) -> Encoded {
    let mut tail = Vec::with_capacity(64);
    let (kind, bytes) = match part {
        Bulk::Ask => (Kind::Ask, Vec::new()),
        Bulk::Offer(offer) => {
            tail.extend(offer.covered.0.to_be_bytes());
            tail.extend(offer.front.0.to_be_bytes());
            tail.extend(offer.payload_bytes.to_be_bytes());
            tail.extend(offer.payload_crc.to_be_bytes());
            put_epochs(&offer.epochs, &mut tail);
            (Kind::Offer, Vec::new())
        }
        Bulk::Want { covered, offset } => {
            tail.extend(covered.0.to_be_bytes());
            tail.extend(offset.to_be_bytes());
            (Kind::Want, Vec::new())
        }
        Bulk::Portion(portion) => {
            tail.extend(portion.covered.0.to_be_bytes());
            tail.extend(portion.offset.to_be_bytes());
            tail.extend(portion.crc.to_be_bytes());
            (Kind::Portion, portion.bytes)
        }
        Bulk::Gone => (Kind::Gone, Vec::new()),
    };
    Encoded::new(kind, bytes, tail)
}

pub(super) fn decode(kind: Kind, mut body: Vec<u8>) -> Result<Bulk, CodecError> {
    if kind == Kind::Portion {
        let bytes = body.len().checked_sub(PORTION_LEN);
        let bytes = bytes.ok_or(CodecError::Short(kind))?;
        let mut fields = Fields::new(kind, &body[bytes..]);
        let (covered, offset, crc) = (fields.lsn()?, fields.u64()?, fields.u32()?);
        body.truncate(bytes);
        return Ok(Bulk::Portion(Portion {
            covered,
            offset,
            crc,
            bytes: body,
        }));
    }
    let mut fields = Fields::new(kind, &body);
    let part = match kind {
        Kind::Ask => Bulk::Ask,
        Kind::Offer => Bulk::Offer(Offer {
            covered: fields.lsn()?,
            front: fields.lsn()?,
            payload_bytes: fields.u64()?,
            payload_crc: fields.u32()?,
            epochs: fields.epochs()?,
        }),
        Kind::Want => Bulk::Want {
            covered: fields.lsn()?,
            offset: fields.u64()?,
        },
        _ => Bulk::Gone,
    };
    fields.end()?;
    Ok(part)
}

pub(super) fn encode_scrubbed(scrubbed: &Scrubbed) -> Encoded {
    let mut tail = Vec::with_capacity(32);
    tail.extend(scrubbed.from.0.to_be_bytes());
    tail.extend(scrubbed.to.0.to_be_bytes());
    tail.extend(scrubbed.crc.to_be_bytes());
    Encoded::new(Kind::Scrubbed, Vec::new(), tail)
}

pub(super) fn decode_scrubbed(body: &[u8]) -> Result<Scrubbed, CodecError> {
    let mut fields = Fields::new(Kind::Scrubbed, body);
    let scrubbed = Scrubbed {
        from: fields.lsn()?,
        to: fields.lsn()?,
        crc: fields.u32()?,
    };
    fields.end()?;
    Ok(scrubbed)
}
