//! One node against two.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::Result;
use crate::load::Measured;

/// Unconfirmed messages, and the length of each.
const VARIANTS: [(usize, usize); 4] = [(1, 16), (1, 1024), (256, 16), (256, 1024)];
const ROUNDS: usize = 3;
const SECONDS: f64 = 2.5;
/// Before anything counts: until a journal uses its segments again instead of making new ones.
const WARM_UP: [&str; 3] = ["1024", "4096", "5"];
const PORT: u16 = 5799;

/// Of one variant in one round.
struct Turn {
    measured: Measured,
    /// Microseconds of processor for each message: of the node that serves, and of the other.
    cpu_us: [f64; 2],
}

/// A broker in a process of its own.
struct Broker {
    child: Child,
    dir: PathBuf,
    /// The threads of the node that stands by.
    standby: Vec<String>,
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Broker {
    fn start(kind: &str, dir: &Path) -> Result<Self> {
        let dir = dir.join(kind);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("1"))?;
        fs::create_dir_all(dir.join("2"))?;
        let mut child = Command::new(std::env::current_exe()?)
            .args([kind, &dir.to_string_lossy(), &PORT.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("no output")?;
        let mut broker = Self {
            child,
            dir,
            standby: Vec::new(),
        };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let threads = line
            .trim()
            .strip_prefix("ready")
            .ok_or("it does not start")?;
        broker.standby = threads.split_whitespace().map(str::to_owned).collect();
        Ok(broker)
    }

    /// Processor time used by the node that serves and by the other, in microseconds.
    fn cpu_us(&self) -> Result<[f64; 2]> {
        let mut used = [0.0; 2];
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let thread = thread?;
            // A thread may have ended meanwhile.
            let Ok(schedule) = fs::read_to_string(thread.path().join("schedstat")) else {
                continue;
            };
            let ns: f64 = schedule.split(' ').next().ok_or("schedstat")?.parse()?;
            let name = thread.file_name();
            let stands_by = self.standby.iter().any(|it| **it == *name);
            used[usize::from(stands_by)] += ns / 1e3;
        }
        Ok(used)
    }
}

fn load(arguments: [&str; 3]) -> Result<Measured> {
    let [window, body, seconds] = arguments;
    let out = Command::new(std::env::current_exe()?)
        .args(["load", &PORT.to_string(), window, body, seconds])
        .stderr(Stdio::inherit())
        .output()?;
    String::from_utf8(out.stdout)?.parse()
}

fn round(kind: &str, dir: &Path) -> Result<Vec<Turn>> {
    let broker = Broker::start(kind, dir)?;
    load(WARM_UP)?;
    let mut turns = Vec::new();
    for (window, body) in VARIANTS {
        let before = broker.cpu_us()?;
        let measured = load([&window.to_string(), &body.to_string(), &SECONDS.to_string()])?;
        let after = broker.cpu_us()?;
        // With the first second, which does not count and is as busy.
        let messages = measured.rate * (SECONDS + 1.0);
        let cpu_us = [0, 1].map(|node| (after[node] - before[node]) / messages);
        turns.push(Turn { measured, cpu_us });
    }
    Ok(turns)
}

/// Measures by turns, and answers a table of medians.
pub(crate) fn run(dir: &Path) -> Result<String> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push([round("single", dir)?, round("pair", dir)?]);
    }
    let mut out = String::from(
        "| unconfirmed | bytes | nodes | messages/s | confirm p50 | p99 | processor for each message |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let mut ratios = String::new();
    for (at, (window, bytes)) in VARIANTS.iter().enumerate() {
        for (kind, nodes) in ["one", "two"].iter().enumerate() {
            let of =
                |value: &dyn Fn(&Turn) -> f64| median(rounds.iter().map(|it| value(&it[kind][at])));
            let (rate, p50) = (
                of(&|it| it.measured.rate),
                of(&|it| it.measured.confirm_us[0]),
            );
            let p99 = of(&|it| it.measured.confirm_us[1]);
            let [leads, follows] = [0, 1].map(|node| of(&|it: &Turn| it.cpu_us[node]));
            let cpu = match kind {
                0 => format!("{leads:.2} µs"),
                _ => format!("{leads:.2} + {follows:.2} µs"),
            };
            writeln!(
                out,
                "| {window} | {bytes} | {nodes} | {rate:.0} | {p50:.0} µs | {p99:.0} µs | {cpu} |"
            )?;
        }
        let shares = rounds
            .iter()
            .map(|it| it[1][at].measured.rate / it[0][at].measured.rate);
        let each: Vec<String> = shares.clone().map(|share| format!("{share:.2}")).collect();
        let added = rounds
            .iter()
            .map(|it| it[1][at].measured.confirm_us[0] - it[0][at].measured.confirm_us[0]);
        writeln!(
            ratios,
            "- {window} unconfirmed of {bytes} bytes: two nodes reach {:.2} of the rate of one (rounds: {}); the \
             median confirm takes {:.0} µs longer.",
            median(shares),
            each.join(", "),
            median(added)
        )?;
    }
    Ok(format!("{out}\n{ratios}"))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
