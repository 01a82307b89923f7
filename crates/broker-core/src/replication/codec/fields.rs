//! Fields of a body, one after the other.

use super::{CodecError, Kind};
use crate::journal::{Epoch, Lsn};
use crate::replication::epochs::EpochTable;

/// Of one entry of a table of epochs.
pub(super) const EPOCH_LEN: usize = 4 + 8;

/// What is left of a body.
pub(super) struct Fields<'b> {
    pub(super) kind: Kind,
    pub(super) rest: &'b [u8],
}

impl<'b> Fields<'b> {
    pub(super) fn new(kind: Kind, rest: &'b [u8]) -> Self {
        Self { kind, rest }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let Some((field, rest)) = self.rest.split_first_chunk() else {
            return Err(CodecError::Short(self.kind));
        };
        self.rest = rest;
        Ok(*field)
    }

    pub(super) fn u16(&mut self) -> Result<u16, CodecError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, CodecError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, CodecError> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn epoch(&mut self) -> Result<Epoch, CodecError> {
        self.u32().map(Epoch)
    }

    pub(super) fn lsn(&mut self) -> Result<Lsn, CodecError> {
        self.u64().map(Lsn)
    }

    /// A table of epochs, which is all that is left.
    pub(super) fn epochs(&mut self) -> Result<EpochTable, CodecError> {
        let count = self.u32()? as usize;
        // No more are made than there are bytes for.
        let len = self.rest.len();
        if count != len / EPOCH_LEN {
            return Err(self.bad(format!("a table of {count} epochs in {len} bytes")));
        }
        let entries = (0..count).map(|_| Ok((self.epoch()?, self.lsn()?)));
        let entries: Vec<_> = entries.collect::<Result<_, CodecError>>()?;
        EpochTable::new(entries)
            .ok_or_else(|| self.bad("a table of epochs that does not rise".to_owned()))
    }

    pub(super) fn bad(&self, what: String) -> CodecError {
        let kind = self.kind;
        CodecError::Field { kind, what }
    }

    pub(super) fn end(&self) -> Result<(), CodecError> {
        match self.rest.len() {
            0 => Ok(()),
            extra => Err(CodecError::Extra {
                kind: self.kind,
                extra,
            }),
        }
    }
}

pub(super) fn put_epochs(epochs: &EpochTable, body: &mut Vec<u8>) {
    let entries = epochs.entries();
    body.extend((entries.len() as u32).to_be_bytes());
    for (epoch, lsn) in entries {
        body.extend(epoch.0.to_be_bytes());
        body.extend(lsn.0.to_be_bytes());
    }
}
