//! Instructions that the engine takes for a message, counted by callgrind.
//!
//! Counts do not depend on what else the machine does. Two runs that differ only in their number of
//! messages are subtracted, so that neither start nor login counts.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::{Bench, Scenario};

/// Messages of the shorter and the longer run.
const FEW: u64 = 10_000;
const MANY: u64 = 30_000;

/// Name, body, and what is asked of the engine: persistent means confirmed and acknowledged, too.
const VARIANTS: [(&str, usize, &[&str]); 6] = [
    ("transient 16 B", 16, &[]),
    ("transient 1 KiB", 1024, &[]),
    ("confirmed 16 B", 16, &["--durable"]),
    ("confirmed 1 KiB", 1024, &["--durable"]),
    ("encrypted 16 B", 16, &["--durable", "--encrypted"]),
    ("encrypted 1 KiB", 1024, &["--durable", "--encrypted"]),
];

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    // Once: the next run would count the same.
    if bench.run > 1 {
        return Ok(());
    }
    for (variant, body_bytes, asked) in VARIANTS {
        let measured = per_message(bench, body_bytes, asked);
        bench.take(Scenario::Instructions, variant, "ferrymq", measured)?;
    }
    Ok(())
}

fn per_message(
    bench: &Bench<'_>,
    body_bytes: usize,
    asked: &[&str],
) -> Result<Vec<(&'static str, f64)>> {
    let of = |messages| count(bench, messages, body_bytes, asked);
    let (few, many) = (of(FEW)?, of(MANY)?);
    let messages = (many.messages - few.messages) as f64;
    let instructions = (many.instructions - few.instructions) as f64;
    Ok(vec![("instructions_per_message", instructions / messages)])
}

struct Count {
    messages: u64,
    instructions: u64,
}

fn count(bench: &Bench<'_>, messages: u64, body_bytes: usize, asked: &[&str]) -> Result<Count> {
    let dir = bench.fresh_dir("instructions")?;
    let profile = dir.path().join("callgrind.out");
    let data = dir.path().join("data");
    let mut command = Command::new("valgrind");
    command
        // `rep movsb` copies any length, and callgrind counts one instruction for each byte of it.
        .env("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-ERMS,-FSRM")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(&bench.programs.bench)
        .args(["sessions", "--messages", &messages.to_string()])
        .args(["--body-bytes", &body_bytes.to_string()])
        .args(asked)
        .arg(&data);
    let out = command
        .output()
        .context("run valgrind; Debian's package is `valgrind`")?;
    ensure!(
        out.status.success(),
        "valgrind: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    let went_through = String::from_utf8_lossy(&out.stdout).trim().parse()?;
    Ok(Count {
        messages: went_through,
        instructions: total(&profile)?,
    })
}

/// The profile's own sum.
fn total(profile: &Path) -> Result<u64> {
    let text = std::fs::read_to_string(profile)?;
    let sum = text
        .lines()
        .find_map(|line| {
            line.strip_prefix("summary: ")
                .or(line.strip_prefix("totals: "))
        })
        .context("no sum in callgrind's profile")?;
    Ok(sum.trim().parse()?)
}
