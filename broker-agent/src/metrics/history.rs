//! A day of metrics, minute by minute, on disk.
//!
//! A file holds an hour at most and is only ever appended to: a frame for each minute, its length and
//! checksum before it. A file that an earlier run of the agent began is not written to again, so a frame
//! that was torn by a crash is the last of its file, and reading ends there. Nothing waits for the disk:
//! a crash of the machine may take the last minutes.
//!
//! The oldest files go when they are older than a day, or when all of them are larger than they may be.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::codec::{self, Damaged};
use super::rows::{Rows, Subject};

/// For how long minutes are kept.
pub(crate) const KEPT_MS: u64 = 24 * HOUR_MS;

const HOUR_MS: u64 = 3_600_000;
const ENDING: &str = "rows";
const HEAD_BYTES: usize = 8;

/// The minutes on disk.
#[derive(Debug)]
pub(crate) struct History {
    dir: PathBuf,
    limit_bytes: u64,
    open: Mutex<Option<Open>>,
}

/// The file that is being written.
#[derive(Debug)]
struct Open {
    hour: u64,
    file: File,
}

impl History {
    /// In that directory, which is made when it is first written to.
    pub(crate) fn new(dir: PathBuf, limit_bytes: u64) -> Self {
        Self {
            dir,
            limit_bytes,
            open: Mutex::default(),
        }
    }

    /// Adds a minute, behind all others.
    pub(crate) fn append(&self, rows: &Rows) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let hour = rows.at_ms / HOUR_MS;
        let is_new = open.as_ref().is_none_or(|open| open.hour != hour);
        if is_new {
            *open = None;
            *open = Some(self.begin(rows.at_ms)?);
            self.tidy(rows.at_ms);
        }
        let Some(Open { file, .. }) = &mut *open else {
            return Ok(());
        };
        let payload = codec::encode(rows);
        let mut frame = Vec::with_capacity(HEAD_BYTES + payload.len());
        frame.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        frame.extend_from_slice(&checksum(&payload).to_le_bytes());
        frame.extend_from_slice(&payload);
        let written = file.write_all(&frame);
        if written.is_err() {
            // What of it is there is the end of this file.
            *open = None;
        }
        written
    }

    /// The rows of those subjects in the minutes that begin in `[from_ms, to_ms)`, oldest first.
    pub(crate) fn read(
        &self,
        from_ms: u64,
        to_ms: u64,
        subjects: &[Subject],
        mut each: impl FnMut(Rows),
    ) -> io::Result<()> {
        let keys: Vec<_> = subjects.iter().map(codec::key).collect();
        for (start_ms, path) in self.files()? {
            // One file spans an hour at most.
            if start_ms >= to_ms || start_ms + HOUR_MS <= from_ms {
                continue;
            }
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                // It was let go in between.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for payload in frames(&bytes) {
                let wanted = |key: &[u8]| keys.iter().any(|it| it == key);
                let Ok(rows) = codec::decode_some(payload, wanted) else {
                    break;
                };
                if (from_ms..to_ms).contains(&rows.at_ms) {
                    each(rows);
                }
            }
        }
        Ok(())
    }

    fn begin(&self, at_ms: u64) -> io::Result<Open> {
        fs::create_dir_all(&self.dir)?;
        // A clock that was set back may come by the same moment again.
        for at_ms in at_ms.. {
            let path = self.dir.join(format!("{at_ms:015}.{ENDING}"));
            match OpenOptions::new().append(true).create_new(true).open(path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                opened => {
                    return Ok(Open {
                        hour: at_ms / HOUR_MS,
                        file: opened?,
                    });
                }
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Lets go what is too old or too much; never the newest file.
    fn tidy(&self, now_ms: u64) {
        let Ok(mut files) = self.files() else { return };
        files.pop();
        let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        let mut left: u64 = files.iter().map(|(_, path)| size(path)).sum();
        for (start_ms, path) in files {
            if start_ms + HOUR_MS + KEPT_MS > now_ms && left <= self.limit_bytes {
                return;
            }
            left = left.saturating_sub(size(&path));
            let _ = fs::remove_file(path);
        }
    }

    /// All files with when they begin, oldest first.
    fn files(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            let is_ours = path.extension().is_some_and(|ending| ending == ENDING);
            if let Some(start_ms) = name.and_then(|name| name.parse().ok())
                && is_ours
            {
                files.push((start_ms, path));
            }
        }
        files.sort();
        Ok(files)
    }
}

/// The payloads of a file, up to one that is not whole.
fn frames(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (frame, rest) = frame(bytes).ok()?;
        bytes = rest;
        Some(frame)
    })
}

fn frame(bytes: &[u8]) -> Result<(&[u8], &[u8]), Damaged> {
    let (len, rest) = bytes.split_first_chunk::<4>().ok_or(Damaged)?;
    let (sum, rest) = rest.split_first_chunk::<4>().ok_or(Damaged)?;
    let len = u32::from_le_bytes(*len) as usize;
    let (payload, rest) = rest.split_at_checked(len).ok_or(Damaged)?;
    match checksum(payload) == u32::from_le_bytes(*sum) {
        true => Ok((payload, rest)),
        false => Err(Damaged),
    }
}

fn checksum(payload: &[u8]) -> u32 {
    crc32c::crc32c(payload)
}

#[cfg(test)]
mod tests {
    use super::super::columns::queue;
    use super::super::rows::tests::queue_row;
    use super::*;

    const MINUTE_MS: u64 = 60_000;
    const START: u64 = 480_000 * HOUR_MS;

    fn minute(number: u64) -> Rows {
        Rows {
            at_ms: START + number * MINUTE_MS,
            seconds: 60,
            rows: vec![
                queue_row("a", &[(queue::PUBLISHED, number)]),
                queue_row("b", &[(queue::PUBLISHED, 1)]),
            ],
        }
    }

    /// What queue `a` published in each minute.
    fn published(history: &History, from: u64, to: u64) -> Vec<u64> {
        let mut seen = Vec::new();
        let a = [queue_row("a", &[]).subject];
        let at = |number| START + number * MINUTE_MS;
        let read = history.read(at(from), at(to), &a, |rows| {
            assert_eq!(rows.rows.len(), 1);
            seen.push(rows.rows[0].values[queue::PUBLISHED]);
        });
        read.unwrap();
        seen
    }

    #[test]
    fn minutes_come_back_across_hours_and_runs() {
        let dir = tempfile::tempdir().unwrap();
        let open = || History::new(dir.path().join("history"), u64::MAX);
        assert!(published(&open(), 0, 9).is_empty());
        let history = open();
        (1..100).for_each(|number| history.append(&minute(number)).unwrap());
        let history = open();
        (100..130).for_each(|number| history.append(&minute(number)).unwrap());
        assert_eq!(published(&history, 0, 200), (1..130).collect::<Vec<_>>());
        assert_eq!(published(&history, 58, 62), [58, 59, 60, 61]);
        assert_eq!(published(&history, 99, 102), [99, 100, 101]);
    }

    #[test]
    fn a_torn_end_is_dropped_and_nothing_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::new(dir.path().to_owned(), u64::MAX);
        (1..4).for_each(|number| history.append(&minute(number)).unwrap());
        let (_, path) = history.files().unwrap().remove(0);
        let whole = fs::read(&path).unwrap();
        for cut in 1..whole.len() / 3 {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            assert_eq!(published(&history, 0, 9), [1, 2], "{cut}");
        }
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        fs::write(&path, &flipped).unwrap();
        assert_eq!(published(&history, 0, 9), [1]);
        // The next run begins a file of its own.
        let history = History::new(dir.path().to_owned(), u64::MAX);
        history.append(&minute(4)).unwrap();
        assert_eq!(published(&history, 0, 9), [1, 4]);
    }

    #[test]
    fn a_day_is_kept_and_no_more_than_may_be() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::new(dir.path().to_owned(), u64::MAX);
        (0..28 * 60).for_each(|number| history.append(&minute(number)).unwrap());
        let kept = published(&history, 0, 28 * 60);
        assert!(
            kept.len() >= 24 * 60 && kept.len() <= 26 * 60,
            "{}",
            kept.len()
        );
        assert_eq!(kept.last(), Some(&(28 * 60 - 1)));
        let small = History::new(dir.path().to_owned(), 1);
        small.append(&minute(29 * 60)).unwrap();
        assert_eq!(published(&small, 0, 30 * 60), [29 * 60]);
    }
}
