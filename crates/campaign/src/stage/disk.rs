//! A node's own file system, ext4 on a file, in a mount namespace that one process keeps alive.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use acceptance::process::{Finished, Server};
use anyhow::{Context as _, Result, ensure};

use super::lab::{Lab, Room};

const READY: Duration = Duration::from_secs(20);

/// A mounted disk.
pub(crate) struct Disk {
    holder: Server,
    mount: PathBuf,
}

impl Disk {
    /// Makes a disk of this size in `dir` and mounts it for whoever enters the room with it.
    pub(crate) fn mount(lab: &Lab, room: Room, dir: &Path, mib: u64) -> Result<Self> {
        let (image, mount) = (dir.join("disk.img"), dir.join("disk"));
        fs::create_dir_all(&mount)?;
        File::create(&image)?.set_len(mib << 20)?;
        let mut format = Command::new("mkfs.ext4");
        format.args(["-q", "-F", "-m", "0"]).arg(&image);
        Finished::run(&mut format)
            .context("make a file system (Debian: `apt-get install e2fsprogs`)")?
            .success()?;
        let script = "mount -o loop,noatime \"$0\" \"$1\" && echo mounted && exec sleep infinity";
        let mut command = lab.prefix(room, None);
        command.args(["unshare", "--mount", "--propagation", "private"]);
        command.args(["sh", "-c", script]).arg(&image).arg(&mount);
        let mut holder = Server::spawn(&mut command, &dir.join("disk.log"))?;
        let line = holder.line(READY).context("mount a disk")?;
        ensure!(line == "mounted", "unexpected line {line:?}");
        Ok(Self { holder, mount })
    }

    /// Who enters the mount namespace of this process sees the disk.
    pub(crate) fn holder(&self) -> u32 {
        self.holder.pid()
    }

    /// Its root, for who sees it.
    pub(crate) fn path(&self) -> &Path {
        &self.mount
    }

    /// Leaves so many bytes free at most.
    pub(crate) fn fill(&self, leave_bytes: u64) -> Result<()> {
        let filling = self.filling();
        let mut file = File::options().append(true).create(true).open(filling)?;
        let zeros = vec![0; 1 << 20];
        loop {
            let free = self.free_bytes()?;
            let part = free.saturating_sub(leave_bytes).min(zeros.len() as u64);
            if part == 0 {
                return Ok(());
            }
            match file.write_all(&zeros[..part as usize]) {
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return Ok(()),
                written => written?,
            }
        }
    }

    /// Undoes [`fill`](Self::fill).
    pub(crate) fn free(&self) -> Result<()> {
        match fs::remove_file(self.filling()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Bytes free on it.
    pub(crate) fn free_bytes(&self) -> Result<u64> {
        let stat = rustix::fs::statvfs(self.seen_from_here())?;
        Ok(stat.f_bavail * stat.f_frsize)
    }

    /// Removes everything on it, as if it had been replaced by a new one.
    pub(crate) fn wipe(&self) -> Result<()> {
        for entry in fs::read_dir(self.seen_from_here())? {
            let path = entry?.path();
            if path.is_dir() {
                fs::remove_dir_all(path)?;
            } else {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Files whose name begins with `prefix`, in order of their names, as this process sees them.
    pub(crate) fn find(&self, prefix: &str) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        collect(&self.seen_from_here(), prefix, &mut found)?;
        found.sort();
        Ok(found)
    }

    fn filling(&self) -> PathBuf {
        self.seen_from_here().join("filling")
    }

    fn seen_from_here(&self) -> PathBuf {
        let root = format!("/proc/{}/root", self.holder.pid());
        let path = self.mount.strip_prefix("/").unwrap_or(&self.mount);
        Path::new(&root).join(path)
    }
}

fn collect(dir: &Path, prefix: &str, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            collect(&path, prefix, found)?;
        } else if name.starts_with(prefix) {
            found.push(path);
        }
    }
    Ok(())
}

/// Inverts the octets of a file from `at` on.
pub(crate) fn flip(file: &Path, at: u64, count: usize) -> Result<()> {
    let mut file = File::options().read(true).write(true).open(file)?;
    let mut octets = vec![0; count];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut octets)?;
    octets.iter_mut().for_each(|octet| *octet = !*octet);
    file.seek(SeekFrom::Start(at))?;
    file.write_all(&octets)?;
    file.sync_all()?;
    Ok(())
}
