//! A whole run: schemas, the tables, random scenarios, the report.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Result, ensure};
use futures_util::{StreamExt, stream};

use crate::announced;
use crate::call::Call;
use crate::compare::{Compared, Pair};
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
}

/// A run of at least so many requests is expected to meet every justified difference.
const FULL: u64 = 100_000;

/// A run of fewer requests is to repeat a finding.
const SHORT: u64 = 100;

/// Runs and prints the report. True if every difference has a reason.
pub(crate) async fn run(
    reference: &Plugin,
    ours: &Plugin,
    world: &World,
    plan: &Plan,
) -> Result<bool> {
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
    let report = Mutex::new(Report::new(plan.show));
    // Not configured providers refuse; both are asked to configure before anything else.
    exchange(
        &mut pair.clone(),
        &tables::configure(world),
        "a table",
        &report,
    )
    .await;
    // Whoever looks into one scenario needs no tables.
    let rows = match plan.requests >= SHORT {
        true => tables::calls(world),
        false => Vec::new(),
    };
    stream::iter(rows)
        .for_each_concurrent(plan.parallel, async |call| {
            exchange(&mut pair.clone(), &call, "a table", &report).await;
        })
        .await;
    let in_tables = calls(&report);
    let parallel = plan
        .parallel
        .min(usize::try_from(plan.requests).unwrap_or(1));
    stream::iter(plan.seed..)
        .take_while(|_| std::future::ready(calls(&report) - in_tables < plan.requests))
        .for_each_concurrent(parallel, |seed| tell(pair.clone(), seed, &report))
        .await;

    let report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    print(&report.text(plan.requests >= FULL));
    print(&format!(
        "{} requests from tables, {} random ones from seed {}, in {:.0} s; {} differ without a reason",
        in_tables,
        report.calls - in_tables,
        plan.seed,
        started.elapsed().as_secs_f64(),
        report.open,
    ));
    Ok(report.open == 0)
}

fn calls(report: &Mutex<Report>) -> u64 {
    report.lock().unwrap_or_else(PoisonError::into_inner).calls
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
