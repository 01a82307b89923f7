//! One log file and those it was rotated to: `audit.log`, `audit.log.1`, `audit.log.2` …

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A line that is longer is not looked for at the end of a file.
const TAIL_BYTES: u64 = 64 * 1024;

/// When a file is rotated, and how many are kept besides the one that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rotation {
    pub(crate) bytes: u64,
    pub(crate) keep: u32,
}

/// A file that lines are added to.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    rotation: Rotation,
    /// None until the first line, and after an error.
    file: Option<File>,
    bytes: u64,
}

impl LogFile {
    /// Nothing is touched before the first line.
    pub(super) fn new(path: PathBuf, rotation: Rotation) -> Self {
        Self {
            path,
            rotation,
            file: None,
            bytes: 0,
        }
    }

    /// Adds whole lines, which are in one file afterwards. After an error some of them may be there;
    /// the next ones begin on a line of their own.
    pub(super) fn write(&mut self, lines: &str) -> io::Result<()> {
        let written = self.try_write(lines);
        if written.is_err() {
            self.file = None;
        }
        written
    }

    fn try_write(&mut self, lines: &str) -> io::Result<()> {
        if self.file.is_none() {
            self.open()?;
        }
        if self.bytes > 0 && self.bytes + lines.len() as u64 > self.rotation.bytes {
            self.rotate()?;
            self.open()?;
        }
        if let Some(file) = &mut self.file {
            file.write_all(lines.as_bytes())?;
            self.bytes += lines.len() as u64;
        }
        Ok(())
    }

    fn open(&mut self) -> io::Result<()> {
        if let Some(dir) = self.path.parent() {
            fs::create_dir_all(dir)?;
        }
        // Users, addresses and names of queues are nobody else's business.
        let mut options = OpenOptions::new();
        let mut file = options
            .create(true)
            .append(true)
            .read(true)
            .mode(0o600)
            .open(&self.path)?;
        self.bytes = file.metadata()?.len();
        if self.bytes > 0 {
            // The end of a line that a crash or a full disk cut off.
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                self.bytes += 1;
            }
        }
        self.file = Some(file);
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file = None;
        for number in (0..self.rotation.keep).rev() {
            let (from, to) = (
                numbered(&self.path, number),
                numbered(&self.path, number + 1),
            );
            match fs::rename(from, to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.rotation.keep == 0 {
            fs::remove_file(&self.path)?;
        }
        self.bytes = 0;
        Ok(())
    }

    /// The last whole line of what was written before, rotated files included.
    pub(super) fn last_line(&self) -> io::Result<Option<String>> {
        for path in [self.path.clone(), numbered(&self.path, 1)] {
            let mut file = match File::open(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
            let mut tail = Vec::new();
            file.read_to_end(&mut tail)?;
            let whole = tail.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
            let text = String::from_utf8_lossy(&tail[..whole]);
            if let Some(line) = text.lines().next_back() {
                return Ok(Some(line.to_owned()));
            }
        }
        Ok(None)
    }
}

/// The file of that number; 0 is the one that is written.
pub(super) fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path, number: u32) -> String {
        fs::read_to_string(numbered(path, number)).unwrap_or_else(|error| error.kind().to_string())
    }

    #[test]
    fn a_full_file_makes_room_for_the_next_and_the_oldest_goes() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("orders").join("general.log");
        let rotation = Rotation { bytes: 8, keep: 2 };
        let mut file = LogFile::new(path.clone(), rotation);
        for line in [
            "one\n",
            "two\n",
            "three\n",
            "four\n",
            "a long line\n",
            "6\n",
        ] {
            file.write(line).expect("a line");
        }
        let all: Vec<_> = (0..4).map(|number| read(&path, number)).collect();
        assert_eq!(all, ["6\n", "a long line\n", "four\n", "entity not found"]);
    }

    #[test]
    fn it_goes_on_where_it_was_on_a_new_line() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("audit.log");
        fs::write(&path, "one\ntw").expect("a file");
        let rotation = Rotation {
            bytes: 1000,
            keep: 1,
        };
        let mut file = LogFile::new(path.clone(), rotation);
        assert_eq!(file.last_line().expect("lines").as_deref(), Some("one"));
        file.write("three\n").expect("a line");
        assert_eq!(read(&path, 0), "one\ntw\nthree\n");
    }

    #[test]
    fn nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("audit.log");
        let rotation = Rotation {
            bytes: 1000,
            keep: 1,
        };
        let mut file = LogFile::new(path.clone(), rotation);
        file.write("one\n").expect("a line");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
