//! A long queue: filling it, what it costs, a crash on top of it, and emptying it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::{Bench, Scenario};
use crate::amqp::{Client, Lifetime};
use crate::batch::Publish;
use crate::flow::{Filled, drain, fill};
use crate::target::{Kind, Target};

const QUEUE: &str = "bench.backlog";
const BODY_BYTES: usize = 1024;

/// A peer gets this part of the messages, and only once: it would take minutes otherwise.
const PEER_PART: u64 = 10;

/// Unconfirmed publishes: the disk's speed is asked for, not its latency.
const WINDOW: u64 = 2_000;

/// Deliveries per acknowledgement.
const ACK_EVERY: u64 = 200;

/// Longest a broker may take to bring its queue back.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    for kind in [Kind::Ferrymq, Kind::Rabbitmq] {
        if bench.kinds.contains(&kind) && (kind == Kind::Ferrymq || bench.run == 1) {
            let dir = bench.fresh_dir(kind.name())?;
            let measured = measure(bench, kind, dir.path());
            bench.take(Scenario::Backlog, "1 KiB", kind.name(), measured)?;
        }
    }
    Ok(())
}

fn measure(bench: &Bench<'_>, kind: Kind, dir: &Path) -> Result<Vec<(&'static str, f64)>> {
    let wanted = match kind {
        Kind::Ferrymq => bench.backlog,
        _ => bench.backlog / PEER_PART,
    };
    let target = kind.start(bench.programs, dir)?;
    let mut control = Client::connect(target.address)?;
    control.declare_queue(QUEUE, Lifetime::Durable)?;
    let before = target.usage()?;
    let disk_before = disk_bytes(dir)?;
    let publish = Publish {
        exchange: "",
        key: QUEUE,
        keys: 1,
        persistent: true,
        body_bytes: BODY_BYTES,
    };
    let filled = fill(&publish, WINDOW, wanted, target.address).context("fill")?;
    let fill_s = filled.took.as_secs_f64();
    let after = target.usage()?;
    let disk_after = disk_bytes(dir)?;
    target.kill()?;

    let began = Instant::now();
    let target = kind.start(bench.programs, dir).context("restart")?;
    let count = await_queue(&target, filled, began)?;
    let usable_s = began.elapsed().as_secs_f64();
    let recovered = target.usage()?;

    let began = Instant::now();
    drain(QUEUE, ACK_EVERY, count, target.address).context("drain")?;
    let drain_s = began.elapsed().as_secs_f64();
    let drained = target.usage()?;
    let (confirmed, count) = (filled.confirmed as f64, count as f64);
    Ok(vec![
        ("taken_share", confirmed / wanted as f64),
        ("messages", count),
        ("payload_bytes", count * BODY_BYTES as f64),
        ("filled_per_s", confirmed / fill_s),
        (
            "filled_per_cpu_s",
            confirmed / (after.cpu_s - before.cpu_s).max(0.01),
        ),
        ("rss_growth_bytes", after.rss_bytes - before.rss_bytes),
        ("anon_growth_bytes", after.anon_bytes - before.anon_bytes),
        ("disk_bytes", disk_after - disk_before),
        ("usable_s", usable_s),
        ("recovery_cpu_s", recovered.cpu_s),
        ("recovered_rss_bytes", recovered.rss_bytes),
        ("drained_per_s", count / drain_s),
        (
            "drained_per_cpu_s",
            count / (drained.cpu_s - recovered.cpu_s).max(0.01),
        ),
    ])
}

/// Waits until the queue is there with all that was confirmed; answers with how many it holds.
fn await_queue(target: &Target, filled: Filled, began: Instant) -> Result<u64> {
    let possible = filled.confirmed..=filled.published;
    loop {
        let found = Client::connect(target.address)
            .and_then(|mut client| client.declare_queue(QUEUE, Lifetime::Durable));
        match found {
            Ok(messages) if possible.contains(&u64::from(messages)) => {
                return Ok(u64::from(messages));
            }
            found => ensure!(
                began.elapsed() < PATIENCE,
                "{found:?} instead of {possible:?} messages after the restart"
            ),
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Blocks that the files below `dir` take on the disk.
fn disk_bytes(dir: &Path) -> Result<f64> {
    let mut sum = 0.0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // The broker is free to remove what it no longer needs.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        sum += if metadata.is_dir() {
            disk_bytes(&entry.path())?
        } else {
            metadata.blocks() as f64 * 512.0
        };
    }
    Ok(sum)
}
