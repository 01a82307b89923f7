//! A file system of a few megabytes that only the broker under test sees.
//!
//! It is a tmpfs in a mount namespace of its own, which a process that does nothing else keeps
//! alive. Brokers are started inside; the test looks in through `/proc`.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::prerequisite::Part;
use crate::process::Server;

const READY: Duration = Duration::from_secs(20);

/// A mounted small disk.
pub struct SmallDisk {
    // Before the directory: the mount ends with the process.
    holder: Server,
    dir: TempDir,
}

impl SmallDisk {
    /// Mounts one; `None` if such tests are left out by name.
    ///
    /// # Errors
    /// Where the machine does not let us, with the way to get it.
    pub fn mount(size_mib: u32) -> Result<Option<Self>> {
        if !Part::Mounts.wanted()? {
            return Ok(None);
        }
        let dir = tempfile::tempdir()?;
        fs::create_dir(dir.path().join("disk"))?;
        let script = format!(
            "mount -t tmpfs -o size={size_mib}m,mode=700 small \"$0\" && echo mounted && \
             exec sleep infinity"
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private"]);
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command
            .args(["sh", "-c", &script])
            .arg(dir.path().join("disk"));
        let way = "run the tests as root (`sudo -E make test`) or allow user namespaces \
                   (`sudo sysctl kernel.unprivileged_userns_clone=1`)";
        let missing = || Part::Mounts.missing("a tmpfs cannot be mounted in a namespace", way);
        let mut holder =
            Server::spawn(&mut command, &dir.path().join("log")).with_context(missing)?;
        let line = holder.line(READY).with_context(missing)?;
        ensure!(line == "mounted", "unexpected line {line:?}");
        Ok(Some(Self { holder, dir }))
    }

    /// What comes before a command that is to see the disk.
    pub fn prefix(&self) -> Vec<String> {
        let mut prefix = vec![
            "nsenter".to_owned(),
            format!("--target={}", self.holder.pid()),
            "--mount".to_owned(),
        ];
        if !rustix::process::geteuid().is_root() {
            prefix.push("--user".to_owned());
            prefix.push("--preserve-credentials".to_owned());
        }
        prefix
    }

    /// Its root, as commands that see it name it.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("disk")
    }

    /// Leaves so many bytes free, or as many as there are: writes or shortens one file of filling.
    pub fn leave_free(&self, bytes: u64) -> Result<()> {
        let filling = self.seen_from_here(&self.path().join("filling"));
        let mut file = File::options().append(true).create(true).open(&filling)?;
        let free = self.free_bytes()?;
        if free < bytes {
            let length = file.metadata()?.len();
            file.set_len(length.saturating_sub(bytes - free))?;
            return Ok(());
        }
        let mut left = free - bytes;
        let zeros = vec![0; 1 << 20];
        while left > 0 {
            let part = left.min(zeros.len() as u64) as usize;
            file.write_all(&zeros[..part])?;
            left -= part as u64;
        }
        Ok(())
    }

    /// Bytes free on it.
    pub fn free_bytes(&self) -> Result<u64> {
        let stat = rustix::fs::statvfs(self.seen_from_here(&self.path()))?;
        Ok(stat.f_bavail * stat.f_frsize)
    }

    fn seen_from_here(&self, path: &Path) -> PathBuf {
        let root = format!("/proc/{}/root", self.holder.pid());
        let path = path.strip_prefix("/").unwrap_or(path);
        Path::new(&root).join(path)
    }
}
