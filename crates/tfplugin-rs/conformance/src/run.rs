//! A whole run: what is announced, the tables, random scenarios, the report.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Result, ensure};
use futures_util::{StreamExt, stream};
use tfplugin_rs::proto::tfplugin6::stop_provider;

use crate::announced;
use crate::call::Call;
use crate::compare::{Compared, Pair};
use crate::features;
use crate::plugin::Plugin;
use crate::report::Report;
use crate::scenario::Scenario;
use crate::schema::World;
use crate::tables;

/// How much is asked.
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) requests: u64,
    pub(crate) parallel: usize,
    pub(crate) show: usize,
    /// True if a justified difference that is not met is a mistake.
    pub(crate) is_full: bool,
}

/// A run of fewer requests is to repeat a finding.
const SHORT: u64 = 100;

/// So many scenarios are told between two rests.
const ROUND: usize = 500;

/// How a run went.
pub(crate) struct Outcome {
    pub(crate) is_same: bool,
    /// Counts, in Markdown.
    pub(crate) tables: String,
    /// In one line.
    pub(crate) summary: String,
}

/// Runs and prints the report.
pub(crate) async fn run(
    reference: &Plugin,
    ours: &Plugin,
    world: &World,
    plan: &Plan,
) -> Result<Outcome> {
    let announced = announced::differences(reference, ours).await?;
    ensure!(
        announced.is_empty(),
        "the two providers announce different things, so that nothing else can be compared:\n{}",
        announced.join("\n")
    );
    let pair = Pair {
        reference: reference.client(),
        ours: ours.client(),
        world,
    };
    let started = Instant::now();
    let report = Mutex::new(Report::new(plan.show, world));
    // Not configured providers refuse; both are asked to configure before anything else.
    one_by_one(&pair, &[tables::configure(world)], &report).await;
    // Whoever looks into one scenario needs no tables.
    if plan.requests >= SHORT {
        ask_tables(&pair, plan.parallel, &report).await;
    }
    let in_tables = calls(&report);
    tell_scenarios(&pair, plan, &report, in_tables).await?;

    let report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut problems = Vec::new();
    if plan.requests >= SHORT {
        problems = report.problems(plan.is_full);
    }
    let tables = report.tables();
    let summary = format!(
        "{} requests from tables, {} random ones from seed {}, in {:.0} s; {} differ without a reason",
        in_tables,
        report.calls - in_tables,
        plan.seed,
        started.elapsed().as_secs_f64(),
        report.open,
    );
    print(&format!("{tables}{}\n{summary}", report.findings()));
    for problem in &problems {
        print(&format!("Not good: {problem}"));
    }
    Ok(Outcome {
        is_same: report.open == 0 && problems.is_empty(),
        tables,
        summary,
    })
}

fn calls(report: &Mutex<Report>) -> u64 {
    report.lock().unwrap_or_else(PoisonError::into_inner).calls
}

async fn one_by_one(pair: &Pair<'_>, calls: &[Call], report: &Mutex<Report>) {
    for call in calls {
        exchange(&mut pair.clone(), call, "a table", report).await;
    }
}

async fn ask_tables(pair: &Pair<'_>, parallel: usize, report: &Mutex<Report>) {
    stream::iter(tables::calls(pair.world))
        .for_each_concurrent(parallel, async |call| {
            exchange(&mut pair.clone(), &call, "a table", report).await;
        })
        .await;
    // A provider that puts everything off does so for whoever asks: nobody else may, meanwhile.
    let world = pair.world;
    let mut calls = vec![
        features::deferring(world, false),
        features::deferring(world, true),
    ];
    calls.extend(features::while_deferred(world));
    calls.push(tables::configure(world));
    one_by_one(pair, &calls, report).await;
}

async fn tell_scenarios(
    pair: &Pair<'_>,
    plan: &Plan,
    report: &Mutex<Report>,
    in_tables: u64,
) -> Result<()> {
    let parallel = plan
        .parallel
        .min(usize::try_from(plan.requests).unwrap_or(1));
    let mut seeds = plan.seed..;
    while calls(report) - in_tables < plan.requests {
        stream::iter(seeds.by_ref().take(ROUND))
            .take_while(|_| std::future::ready(calls(report) - in_tables < plan.requests))
            .for_each_concurrent(parallel, |seed| tell(pair.clone(), seed, report))
            .await;
        rest(pair, report).await?;
    }
    Ok(())
}

/// Between two rounds both are stopped as by a Ctrl-C and configured anew.
///
/// The reference keeps something of every call until it is stopped, as it lives no longer than one
/// command of Terraform: after 100,000 calls that is 3.9 GB, and collecting it half of its time.
async fn rest(pair: &Pair<'_>, report: &Mutex<Report>) -> Result<()> {
    let Pair {
        mut reference,
        mut ours,
        world,
    } = pair.clone();
    for client in [&mut reference, &mut ours] {
        let answer = client.stop_provider(stop_provider::Request {}).await?;
        let error = answer.into_inner().error;
        ensure!(error.is_empty(), "a provider does not stop: {error}");
    }
    one_by_one(pair, &[tables::configure(world)], report).await;
    Ok(())
}

/// One scenario from beginning to end.
async fn tell(mut pair: Pair<'_>, seed: u64, report: &Mutex<Report>) {
    let mut scenario = Scenario::new(pair.world, seed);
    let origin = format!("SEED={seed} REQUESTS=1");
    while let Some(call) = scenario.next_call() {
        let compared = exchange(&mut pair, &call, &origin, report).await;
        scenario.answered(&call, &compared.reference);
    }
}

async fn exchange(
    pair: &mut Pair<'_>,
    call: &Call,
    origin: &str,
    report: &Mutex<Report>,
) -> Compared {
    let compared = pair.compare(call).await;
    let is_new = report
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .count(call, &compared);
    if is_new {
        let smallest = pair.minimised(call, &compared.open[0]).await;
        let again = pair.compare(&smallest).await;
        let shown = finding(origin, &smallest, &again);
        report
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .show(shown);
    }
    compared
}

fn finding(origin: &str, call: &Call, compared: &Compared) -> String {
    let open: Vec<_> = compared.open.iter().map(|d| format!("  {d}\n")).collect();
    format!(
        "Difference, from {origin}, smallest request:\n{call}{}  the reference answers\n{}  ours answers\n{}",
        open.concat(),
        compared.reference,
        compared.ours
    )
}

/// Reports go to stdout: they are what the program is for.
#[expect(clippy::print_stdout, reason = "the program's output")]
pub(crate) fn print(text: &str) {
    println!("{text}");
}
