//! The disk as a directory of real files: the one place that may touch the file system.

use std::path::Path;
use std::sync::Arc;

use super::LockError;

/// A directory of files, locked for this process.
#[derive(Debug)]
pub struct FileDisk {}

impl FileDisk {
    /// Takes the directory, making it (mode 0700) if it is not there.
    ///
    /// # Errors
    /// [`LockError::Held`] when another journal works on it.
    pub fn open(_directory: &Path) -> Result<Arc<Self>, LockError> {
        unimplemented!()
    }
}
