//! A node's own file system, ext4 on a file, in a mount namespace that one process keeps alive.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
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
    image: PathBuf,
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
        Ok(Self {
            holder,
            image,
            mount,
        })
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

    /// The power goes: from this moment on nothing more reaches the image, and what the file system
    /// kept in memory is never written. What it gave to the image counts as written, flushed or not: a
    /// disk's own cache that is lost, or written out of order, this does not show.
    pub(crate) fn lose_power(&self) -> Result<()> {
        let root = File::open(self.seen_from_here())?;
        // Whoever shuts down what the image is on takes the machine with it.
        let own = root.metadata()?.dev() != fs::metadata(&self.image)?.dev();
        ensure!(own, "the disk is not mounted");
        shut_down(&root).context("shut a file system down")
    }

    /// Mounts what there is again, which nobody may use meanwhile.
    pub(crate) fn remount(&self, lab: &Lab, room: Room) -> Result<()> {
        let script = "umount \"$1\" && mount -o loop,noatime \"$0\" \"$1\"";
        let mut command = lab.prefix(room, Some(self.holder()));
        command.args(["sh", "-c", script]).arg(&self.image);
        Finished::run(command.arg(&self.mount))?
            .success()
            .map(drop)
            .context("mount a disk again")
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

/// Has the kernel write nothing more to the file system's device, not even what its log promises.
#[allow(unsafe_code, reason = "there is no safe way to this call")]
fn shut_down(directory: &File) -> std::io::Result<()> {
    /// `EXT4_IOC_SHUTDOWN`, that is `_IOR('X', 125, __u32)`.
    const SHUTDOWN: libc::c_ulong = 0x8004_587d;
    let no_log_flush: u32 = 2;
    // SAFETY: the call reads the number behind the pointer, which outlives it, and keeps nothing.
    let result = unsafe {
        libc::ioctl(
            directory.as_raw_fd(),
            SHUTDOWN as _,
            std::ptr::from_ref(&no_log_flush),
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_cut_loses_what_was_not_synced_and_nothing_else() -> Result<()> {
        let (room, dir) = (Room::Agent(0), tempfile::tempdir()?);
        let Some(lab) = Lab::build(&[room])? else {
            return Ok(());
        };
        let disk = Disk::mount(&lab, room, dir.path(), 32)?;
        let root = disk.seen_from_here();
        let (synced, lost) = (root.join("synced"), root.join("lost"));
        let mut file = File::create(&synced)?;
        file.write_all(b"kept")?;
        file.sync_all()?;
        File::open(&root)?.sync_all()?;
        file.write_all(b", not synced")?;
        fs::write(&lost, "not synced")?;
        drop(file);

        disk.lose_power()?;
        let late = fs::write(root.join("late"), "too late");
        ensure!(late.is_err(), "it was written without power");
        disk.remount(&lab, room)?;
        assert_eq!(fs::read_to_string(&synced)?, "kept");
        assert!(!lost.exists());
        Ok(())
    }
}
