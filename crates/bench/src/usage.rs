//! What a process has used, from `/proc`.

use std::fs;
use std::io;

use anyhow::{Context as _, Result};
use rustix::param::{clock_ticks_per_second, page_size};

/// Processor time and memory of some processes together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// User and system time of all threads, seconds; the kernel counts in ticks of 10 ms.
    pub cpu_s: f64,
    /// Resident memory, bytes.
    pub rss_bytes: f64,
    /// The part of it that no file backs, bytes.
    pub anon_bytes: f64,
}

impl Usage {
    /// Sums over processes; one that is gone counts nothing.
    pub fn of(pids: &[u32]) -> Result<Self> {
        let mut sum = Self::default();
        for pid in pids {
            let Some(stat) = read(&format!("/proc/{pid}/stat"))? else {
                continue;
            };
            let fields = stat_fields(&stat);
            let number = |index: usize| -> Result<f64> {
                let field = fields.get(index).context("too few fields")?;
                field.parse().with_context(|| format!("field {field}"))
            };
            // Counted from the state, the first field behind the name: utime, stime, rss.
            sum.cpu_s += (number(11)? + number(12)?) / clock_ticks_per_second() as f64;
            sum.rss_bytes += number(21)? * page_size() as f64;
            let status = read(&format!("/proc/{pid}/status"))?.unwrap_or_default();
            sum.anon_bytes += status_kib(&status, "RssAnon:") * 1024.0;
        }
        Ok(sum)
    }
}

/// Processor time that the whole machine has used, seconds; waiting for disks is none.
pub fn machine_cpu_s() -> Result<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().context("/proc/stat is empty")?;
    let ticks: Vec<f64> = line
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    // user nice system idle iowait irq softirq
    let busy: f64 = [0, 1, 2, 5, 6].iter().filter_map(|at| ticks.get(*at)).sum();
    Ok(busy / clock_ticks_per_second() as f64)
}

/// A process and all that descend from it.
pub fn family(pid: u32) -> Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(child) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if let Some(stat) = read(&format!("/proc/{child}/stat"))? {
            let parent = stat_fields(&stat)
                .get(1)
                .and_then(|field| field.parse().ok());
            parents.push((child, parent.unwrap_or(0u32)));
        }
    }
    let mut found = vec![pid];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        let children = parents.iter().filter(|(_, of)| *of == parent);
        found.extend(children.map(|(child, _)| *child));
        next += 1;
    }
    Ok(found)
}

/// `None` when the process is gone.
fn read(path: &str) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // A process that ends while its file is read.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Fields behind the program's name, which may itself hold spaces and parentheses.
fn stat_fields(stat: &str) -> Vec<&str> {
    let behind = stat.rfind(')').map_or(stat, |at| &stat[at + 1..]);
    behind.split_whitespace().collect()
}

fn status_kib(status: &str, key: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        assert_eq!(stat_fields("7 (a) b) c) S 1 2"), ["S", "1", "2"]);
    }

    #[test]
    fn anonymous_memory_is_read_from_its_own_line() {
        let status = "VmRSS:\t  900 kB\nRssAnon:\t     512 kB\nRssFile:\t 388 kB\n";
        assert_eq!(status_kib(status, "RssAnon:"), 512.0);
        assert_eq!(status_kib(status, "RssShmem:"), 0.0);
    }

    #[test]
    fn this_process_uses_memory_and_belongs_to_its_own_family() {
        let pid = std::process::id();
        assert!(family(pid).unwrap().contains(&pid));
        let usage = Usage::of(&[pid]).unwrap();
        assert!(usage.rss_bytes > 1e5 && usage.anon_bytes <= usage.rss_bytes);
    }
}
