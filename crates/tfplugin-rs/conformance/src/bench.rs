//! What the two providers cost, measured in turns in one run.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use futures_util::{StreamExt, stream};

use crate::call::{Call, Rpc, Slot};
use crate::plugin::Plugin;
use crate::proposed::proposed;
use crate::schema::{Kind, Role, World};
use crate::send::send;
use crate::tables;
use crate::term::Term;

/// How often each empty provider is started.
const STARTS: usize = 21;

/// How often each provider is asked for plans, after a first time to warm up.
const ROUNDS: usize = 9;

/// How many plans are made between two looks at the clock.
const BATCH: u32 = 40;

/// How much of a provider's processor time one round takes.
const ROUND_SECONDS: f64 = 1.0;

/// How many plans are under way at the same time.
const PARALLEL: usize = 8;

/// The kernel's unit of a process's time.
const TICKS_PER_SECOND: f64 = 100.0;

/// What ours may cost at most, and how much less than the reference.
const SCHEMA_MS: f64 = 10.0;
const SCHEMA_RATIO: f64 = 4.0;
const RESIDENT_MIB: f64 = 12.0;
const PLANS_RATIO: f64 = 5.0;

/// Measures both. The answer is a table in Markdown.
pub(crate) async fn costs(reference: &Path, ours: &Path) -> Result<String> {
    let mut text = format!("Measured on {}; medians, the two in turns.\n\n", machine()?);
    let _ = writeln!(
        text,
        "| | reference | ours | ratio | bar |\n| --- | ---: | ---: | ---: | --- |"
    );
    let mut row = |what: &str, [a, b, ratio]: [f64; 3], bar: &str, is_met: bool| {
        let met = if is_met { "met" } else { "**missed**" };
        let _ = writeln!(
            text,
            "| {what} | {a:.1} | {b:.1} | {ratio:.1} | {bar}: {met} |"
        );
    };
    let (theirs, own) = starts(reference, ours).await?;
    let (a, b) = (theirs.ready_ms, own.ready_ms);
    row(
        &format!("ms from exec to schema, empty provider, {STARTS} starts"),
        [a, b, a / b],
        &format!("≤ {SCHEMA_MS} ms, ratio ≥ {SCHEMA_RATIO}"),
        b <= SCHEMA_MS && a / b >= SCHEMA_RATIO,
    );
    let (a, b) = (theirs.resident_mib, own.resident_mib);
    row(
        "MiB resident then",
        [a, b, a / b],
        &format!("≤ {RESIDENT_MIB} MiB"),
        b <= RESIDENT_MIB,
    );
    let (a, b) = plans(reference, ours).await?;
    row(
        &format!("plans of 100 attributes per second of processor time, {ROUNDS} rounds"),
        [a, b, b / a],
        &format!("ratio ≥ {PLANS_RATIO}"),
        b / a >= PLANS_RATIO,
    );
    Ok(text)
}

/// The machine's processor.
fn machine() -> Result<String> {
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let name = model.map_or("a processor without a name", |(_, name)| name);
    let count = std::thread::available_parallelism()?;
    Ok(format!("{count} × {name}"))
}

/// What an empty provider costs.
struct Start {
    ready_ms: f64,
    resident_mib: f64,
}

async fn starts(reference: &Path, ours: &Path) -> Result<(Start, Start)> {
    let (mut theirs, mut own) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        theirs.push(start(reference).await?);
        own.push(start(ours).await?);
    }
    Ok((middle(&theirs), middle(&own)))
}

async fn start(program: &Path) -> Result<Start> {
    let plugin = Plugin::start(program, &["-empty"]).await?;
    let start = Start {
        ready_ms: plugin.ready_after.as_secs_f64() * 1000.0,
        resident_mib: resident_mib(plugin.pid())?,
    };
    plugin.stop().await?;
    Ok(start)
}

fn middle(starts: &[Start]) -> Start {
    Start {
        ready_ms: median(starts.iter().map(|start| start.ready_ms)),
        resident_mib: median(starts.iter().map(|start| start.resident_mib)),
    }
}

/// The middle of an odd number of values.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn resident_mib(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    let kib: f64 = kib.context("no VmRSS")?.parse()?;
    Ok(kib / 1024.0)
}

/// User and system time of a process.
fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name of the program may hold anything; what follows it does not.
    let (_, fields) = stat.rsplit_once(')').context("no stat")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    let (user, system) = (
        ticks(11).context("no utime")?,
        ticks(12).context("no stime")?,
    );
    Ok((user + system) / TICKS_PER_SECOND)
}

/// Plans of the wide resource per second of each provider's processor time.
async fn plans(reference: &Path, ours: &Path) -> Result<(f64, f64)> {
    let (theirs, own) = (
        Planner::start(reference).await?,
        Planner::start(ours).await?,
    );
    let mut rates = Vec::new();
    for _ in 0..=ROUNDS {
        rates.push((theirs.round().await?, own.round().await?));
    }
    theirs.plugin.stop().await?;
    own.plugin.stop().await?;
    let warm = || rates.iter().skip(1);
    Ok((
        median(warm().map(|(a, _)| *a)),
        median(warm().map(|(_, b)| *b)),
    ))
}

/// A provider that is asked for one plan again and again.
struct Planner {
    plugin: Plugin,
    world: World,
    call: Call,
}

impl Planner {
    async fn start(program: &Path) -> Result<Self> {
        let plugin = Plugin::start(program, &[]).await?;
        let world = plugin.world().await?;
        let kind = world.resources.get("conform_wide");
        let call = update(kind.context("no wide resource")?);
        send(&mut plugin.client(), &world, &tables::configure(&world)).await;
        Ok(Self {
            plugin,
            world,
            call,
        })
    }

    /// Plans per second of processor time.
    async fn round(&self) -> Result<f64> {
        let before = cpu_seconds(self.plugin.pid())?;
        let (mut plans, mut spent) = (0.0, 0.0);
        while spent < ROUND_SECONDS {
            stream::iter(0..BATCH)
                .for_each_concurrent(PARALLEL, async |_| {
                    send(&mut self.plugin.client(), &self.world, &self.call).await;
                })
                .await;
            plans += f64::from(BATCH);
            spent = cpu_seconds(self.plugin.pid())? - before;
        }
        Ok(plans / spent)
    }
}

/// An update of one attribute among a hundred.
fn update(kind: &Kind) -> Call {
    let object = |flag: bool, is_state: bool| {
        let each = kind.members.iter().map(|member| {
            let words = ["one", "two", "three"].map(Term::text).to_vec();
            let value = match member.name.split('_').next() {
                _ if member.role == Role::Computed && !is_state => Term::Null,
                Some("flag") => Term::Bool(flag),
                Some("number") => Term::number("5"),
                Some("words") => Term::List(words),
                _ => Term::text("a text of some length"),
            };
            (member.name.clone(), value)
        });
        Term::Map(each.collect())
    };
    let (prior, config) = (object(false, true), object(true, false));
    let proposal = proposed(&kind.members, &prior, &config);
    Call::new(Rpc::Plan, "conform_wide")
        .with(Slot::Prior, prior)
        .with(Slot::Config, config)
        .with(Slot::Proposed, proposal)
}
