//! Checkpoints: all definitions as they are at one position.

use super::VERSION;
use super::codec::{Malformed, Reader, put_blob, put_varint};
use super::definition::{Change, read_change, write_change};

/// A checkpoint in the making: `put` changes that would make everything from nothing, in an order
/// in which each finds what it needs.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    next_id: u64,
    count: u64,
    changes: Vec<u8>,
    scratch: Vec<u8>,
}

impl Checkpoint {
    pub(crate) fn new(next_id: u64) -> Self {
        Self {
            next_id,
            count: 0,
            changes: Vec::new(),
            scratch: Vec::new(),
        }
    }

    pub(crate) fn put(&mut self, change: &Change) {
        write_change(&mut self.scratch, change);
        put_blob(&mut self.changes, &self.scratch);
        self.count += 1;
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_varint(&mut out, self.next_id);
        put_varint(&mut out, self.count);
        out.extend(self.changes);
        out
    }
}

/// Hands every change to `apply` and answers the first number that was never given out.
pub(crate) fn read_checkpoint(
    payload: &[u8],
    mut apply: impl FnMut(Change),
) -> Result<u64, Malformed> {
    let mut reader = Reader::versioned(payload)?;
    let next_id = reader.varint()?;
    for _ in 0..reader.varint()? {
        apply(read_change(reader.blob()?)?);
    }
    reader.end()?;
    Ok(next_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_gives_its_changes_back_in_order() {
        let changes: Vec<_> = (0..3)
            .map(|n| Change::VhostDeleted {
                name: format!("v{n}"),
            })
            .collect();
        let mut checkpoint = Checkpoint::new(77);
        changes.iter().for_each(|change| checkpoint.put(change));
        let payload = checkpoint.finish();

        let mut read = Vec::new();
        assert_eq!(
            read_checkpoint(&payload, |change| read.push(change)),
            Ok(77)
        );
        assert_eq!(read, changes);
        assert!(read_checkpoint(&payload[..payload.len() - 1], |_| ()).is_err());
        assert!(
            read_checkpoint(&[2, 0, 0], |_| ()).is_err(),
            "a newer version"
        );
    }
}
