//! The machine and the agent's process, from what the kernel tells in `/proc`. What it does not tell is
//! 0.

use std::fs;
use std::os::linux::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use broker_core::journal::{Options, Space};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::columns::host;

/// Reads figures of the machine.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    /// On the disk in question.
    data_dir: PathBuf,
    /// Free space below which publishers wait; none for the engine's default.
    keep_free_bytes: Option<u64>,
}

const KIB: u64 = 1024;

impl Probe {
    pub(crate) fn new(data_dir: &Path, keep_free_bytes: Option<u64>) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            keep_free_bytes,
        }
    }

    /// The figures now, in the order of [`host::COLUMNS`].
    pub(crate) fn read(&self) -> Vec<u64> {
        let mut values = vec![0; host::COLUMNS.len()];
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (busy, all) = processors(&text("/proc/stat"));
        (values[host::CPU_BUSY], values[host::CPU_ALL]) = (busy, all);
        let used = Duration::try_from(clock_gettime(ClockId::ProcessCPUTime));
        values[host::PROCESS_CPU] =
            u64::try_from(used.unwrap_or_default().as_micros()).unwrap_or_default();
        let memory = text("/proc/meminfo");
        values[host::MEMORY] = kib(&memory, "MemTotal:") * KIB;
        values[host::MEMORY_FREE] = kib(&memory, "MemAvailable:") * KIB;
        values[host::PROCESS_MEMORY] = kib(&text("/proc/self/status"), "VmRSS:") * KIB;
        values[host::FILES] = fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64);
        values[host::FILES_LIMIT] = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        if let Ok(disk) = rustix::fs::statvfs(&self.data_dir) {
            let space = Space {
                free_bytes: disk.f_bavail * disk.f_frsize,
                total_bytes: disk.f_blocks * disk.f_frsize,
            };
            let options = Options {
                keep_free_bytes: self.keep_free_bytes,
                ..Options::default()
            };
            values[host::DISK] = space.total_bytes;
            values[host::DISK_USED] = (disk.f_blocks - disk.f_bfree) * disk.f_frsize;
            values[host::DISK_FREE] = space.free_bytes;
            values[host::DISK_LIMIT] = options.keep_free_bytes_of(space);
        }
        let (came, left) = network(&text("/proc/net/dev"));
        (values[host::NETWORK_IN], values[host::NETWORK_OUT]) = (came, left);
        if let Ok(metadata) = fs::metadata(&self.data_dir) {
            let device = metadata.st_dev();
            let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
            let [reads, read_ms, writes, write_ms] = disk(&text("/proc/diskstats"), major, minor);
            (values[host::READS], values[host::READ_TIME]) = (reads, read_ms);
            (values[host::WRITES], values[host::WRITE_TIME]) = (writes, write_ms);
        }
        values
    }
}

/// Hundredths of seconds that the processors worked, and that there were, from `/proc/stat`.
fn processors(stat: &str) -> (u64, u64) {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "));
    let times = line.unwrap_or_default().split_whitespace();
    // What guests use is part of the first two.
    let times: Vec<u64> = times.take(8).map(|it| it.parse().unwrap_or(0)).collect();
    let all: u64 = times.iter().sum();
    let idle: u64 = times.iter().skip(3).take(2).sum();
    (all - idle, all)
}

/// A line of `/proc/meminfo` and the like, KiB.
fn kib(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// Bytes that came and that left by all interfaces but the machine's own, from `/proc/net/dev`.
fn network(text: &str) -> (u64, u64) {
    let interfaces = text.lines().filter_map(|line| line.split_once(':'));
    let interfaces = interfaces.filter(|(name, _)| name.trim() != "lo");
    interfaces.fold((0, 0), |(came, left), (_, figures)| {
        let figure = |place| {
            let figure = figures.split_whitespace().nth(place);
            figure.and_then(|it| it.parse::<u64>().ok()).unwrap_or(0)
        };
        (came + figure(0), left + figure(8))
    })
}

/// Reads, the milliseconds they took, writes and theirs, from `/proc/diskstats`.
fn disk(text: &str, major: u32, minor: u32) -> [u64; 4] {
    let number = |line: &str, place| {
        let field = line.split_whitespace().nth(place);
        field.and_then(|it| it.parse::<u64>().ok()).unwrap_or(0)
    };
    let device = (u64::from(major), u64::from(minor));
    let mut lines = text.lines();
    let line = lines.find(|line| (number(line, 0), number(line, 1)) == device);
    line.map_or([0; 4], |line| {
        [3, 6, 7, 10].map(|place| number(line, place))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_tables_are_read() {
        let stat = "cpu  10 1 5 80 4 0 1 0 3 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(processors(stat), (17, 101));
        assert_eq!(kib("MemTotal:  2048 kB\nMemFree: 5 kB\n", "MemFree:"), 5);
        let net = "Inter-| Receive\n face |bytes packets\n    lo: 9 1 0 0 0 0 0 0 9 1\n  \
                   eth0: 700 2 0 0 0 0 0 0 80 1 0\n  eth1:1 2 0 0 0 0 0 0 2 1 0\n";
        assert_eq!(network(net), (701, 82));
        let disks =
            "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11\n 254 0 vda 10 0 0 11 12 0 0 13 0 0 0\n";
        assert_eq!(disk(disks, 254, 0), [10, 11, 12, 13]);
        assert_eq!(disk(disks, 1, 0), [0; 4]);
    }

    #[test]
    fn this_machine_has_figures() {
        let values = Probe::new(Path::new("/"), Some(7)).read();
        for column in [
            host::CPU_ALL,
            host::PROCESS_CPU,
            host::PROCESS_MEMORY,
            host::MEMORY,
            host::FILES,
            host::FILES_LIMIT,
            host::DISK,
        ] {
            assert!(values[column] > 0, "{}", host::COLUMNS[column].name);
        }
        assert!(values[host::CPU_BUSY] <= values[host::CPU_ALL]);
        assert_eq!(values[host::DISK_LIMIT], 7);
    }
}
