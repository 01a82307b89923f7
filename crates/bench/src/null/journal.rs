//! The null broker's journal: the least that makes bytes durable.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Long enough that a run does not write the same place all the time.
const FILE_BYTES: u64 = 256 * 1024 * 1024;

const MIB: usize = 1024 * 1024;

/// One file, written in full beforehand, then from the beginning again and again.
#[derive(Debug)]
pub struct Journal {
    file: File,
    size_bytes: u64,
    at: u64,
    pending: Vec<u8>,
}

impl Journal {
    /// Makes the file in `dir` and writes all of it, so that no later write allocates blocks.
    pub fn create(dir: &Path) -> io::Result<Self> {
        Self::with_size(dir, FILE_BYTES)
    }

    /// As [`Self::create`], with a file of `bytes`.
    pub(crate) fn with_size(dir: &Path, bytes: u64) -> io::Result<Self> {
        let file = File::create(dir.join("journal"))?;
        let zeros = vec![0; MIB];
        for at in (0..bytes).step_by(MIB) {
            file.write_all_at(&zeros, at)?;
        }
        file.sync_all()?;
        Ok(Self {
            file,
            size_bytes: bytes,
            at: 0,
            pending: Vec::new(),
        })
    }

    /// Adds bytes to what the next [`Self::commit`] writes.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// One write and one `fdatasync` for all that was appended; none if nothing was.
    pub(super) fn commit(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        if self.at + self.pending.len() as u64 > self.size_bytes {
            self.at = 0;
        }
        self.file.write_all_at(&self.pending, self.at)?;
        self.file.sync_data()?;
        self.at += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}
