//! What the disk can do, measured beside the brokers that write to it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::stats::percentile;

/// One small commit.
const COMMIT_BYTES: usize = 4096;
const COMMITS: u64 = 300;

/// A large write, how many before a sync, and how much in all.
const WRITE_BYTES: usize = 1024 * 1024;
const WRITES_PER_SYNC: u64 = 8;
const WRITES: u64 = 128;

/// Figures of one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Disk {
    /// Median time of a 4 KiB write and `fdatasync` into a file written before.
    pub fdatasync_p50_us: f64,
    /// The 99th percentile of the same.
    pub fdatasync_p99_us: f64,
    /// Mebibyte writes with a sync after every eighth, into the same file.
    pub durable_bytes_per_s: f64,
}

impl Disk {
    /// As a record has them.
    pub fn metrics(&self) -> [(&'static str, f64); 3] {
        [
            ("fdatasync_p50_us", self.fdatasync_p50_us),
            ("fdatasync_p99_us", self.fdatasync_p99_us),
            ("durable_bytes_per_s", self.durable_bytes_per_s),
        ]
    }
}

/// Measures with a file in `dir`, which is removed again.
pub fn measure(dir: &Path) -> Result<Disk> {
    let path = dir.join("disk-probe");
    let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    let block = vec![b'd'; WRITE_BYTES];
    for number in 0..WRITES {
        file.write_all_at(&block, number * WRITE_BYTES as u64)?;
    }
    file.sync_all()?;
    let mut commits = Vec::new();
    for number in 0..COMMITS {
        let began = Instant::now();
        file.write_all_at(&block[..COMMIT_BYTES], number * COMMIT_BYTES as u64)?;
        file.sync_data()?;
        commits.push(began.elapsed().as_nanos() as u64);
    }
    let began = Instant::now();
    for number in 0..WRITES {
        file.write_all_at(&block, number * WRITE_BYTES as u64)?;
        if (number + 1) % WRITES_PER_SYNC == 0 {
            file.sync_data()?;
        }
    }
    let bytes = (WRITES * WRITE_BYTES as u64) as f64;
    let durable_bytes_per_s = bytes / began.elapsed().as_secs_f64();
    fs::remove_file(&path)?;
    let mut us = |percent| percentile(&mut commits, percent).unwrap_or(0) as f64 / 1e3;
    Ok(Disk {
        fdatasync_p50_us: us(50.0),
        fdatasync_p99_us: us(99.0),
        durable_bytes_per_s,
    })
}
