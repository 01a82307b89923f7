//! What the two providers cost, measured side by side in one run.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::{StreamExt, stream};

use crate::call::{Call, Rpc, Slot};
use crate::plugin::Plugin;
use crate::proposed::proposed;
use crate::run::print;
use crate::schema::{Kind, Role, World};
use crate::send::send;
use crate::tables;
use crate::term::Term;

/// How often each empty provider is started.
const STARTS: usize = 21;

/// How many plans are made between two looks at the clock; as many come before, to warm up.
const BATCH: u32 = 200;

/// How much of a provider's processor time is measured.
const ENOUGH_SECONDS: f64 = 4.0;

/// How many plans are under way at the same time.
const PARALLEL: usize = 8;

/// The kernel's unit of a process's time.
const TICKS_PER_SECOND: f64 = 100.0;

/// Measures both and prints a table.
pub(crate) async fn report(reference: &Path, ours: &Path) -> Result<()> {
    let (theirs, own) = starts(reference, ours).await?;
    let row = |what: &str, unit: &str, a: f64, b: f64, ratio: f64| {
        print(&format!(
            "{what:<44} {a:>10.1} {b:>10.1} {unit:<6} {ratio:>6.1}"
        ));
    };
    print(&format!(
        "{:<44} {:>10} {:>10} {:<6} {:>6}",
        "", "reference", "ours", "", "ratio"
    ));
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let (a, b) = (ms(theirs.ready_after), ms(own.ready_after));
    row("exec to schema, empty provider, median", "ms", a, b, a / b);
    let (a, b) = (theirs.rss_mib, own.rss_mib);
    row("resident memory then", "MiB", a, b, a / b);
    let (a, b) = (plans(reference).await?, plans(ours).await?);
    row("plans of 100 attributes per CPU second", "", a, b, b / a);
    Ok(())
}

/// What an empty provider costs.
struct Start {
    ready_after: Duration,
    rss_mib: f64,
}

/// Medians of many starts, the two in turns so that both see the same machine.
async fn starts(reference: &Path, ours: &Path) -> Result<(Start, Start)> {
    let (mut theirs, mut own) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        theirs.push(start(reference).await?);
        own.push(start(ours).await?);
    }
    Ok((median(theirs), median(own)))
}

async fn start(program: &Path) -> Result<Start> {
    let plugin = Plugin::start(program, &["-empty"]).await?;
    let start = Start {
        ready_after: plugin.ready_after,
        rss_mib: resident_mib(plugin.pid())?,
    };
    plugin.stop().await?;
    Ok(start)
}

fn median(mut starts: Vec<Start>) -> Start {
    starts.sort_by_key(|start| start.ready_after);
    starts.swap_remove(starts.len() / 2)
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

/// Plans of the wide resource per second of the provider's processor time.
async fn plans(program: &Path) -> Result<f64> {
    let plugin = Plugin::start(program, &[]).await?;
    let world = World::read(&plugin.schema)?;
    let kind = world.resources.get("conform_wide");
    let call = update(kind.context("no wide resource")?);
    send(&mut plugin.client(), &world, &tables::configure(&world)).await;
    let batch = async || {
        stream::iter(0..BATCH)
            .for_each_concurrent(PARALLEL, async |_| {
                send(&mut plugin.client(), &world, &call).await;
            })
            .await;
    };
    batch().await;
    let before = cpu_seconds(plugin.pid())?;
    let (mut plans, mut spent) = (0.0, 0.0);
    while spent < ENOUGH_SECONDS {
        batch().await;
        plans += f64::from(BATCH);
        spent = cpu_seconds(plugin.pid())? - before;
    }
    plugin.stop().await?;
    Ok(plans / spent)
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
