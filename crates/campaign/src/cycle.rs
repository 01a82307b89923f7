//! One cycle: work, a fault, its end, everything in sync again, and then the books are checked.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use acceptance::poll;
use anyhow::Result;
use tokio::time::timeout;

use crate::fault::{Fault, Plan, Target};
use crate::ledger::Violation;
use crate::report::Cycle;
use crate::serving::overlaps;
use crate::stage::Stage;
use crate::workload::{Book, OUTLETS, Phase};

/// Acknowledgements before a fault, so that it meets a broker at work.
const WARM: u64 = 300;

/// Longest wait for publishers to get on, when nothing is wrong any more.
const GOES_ON: Duration = Duration::from_secs(45);

/// Between two looks at nodes that may need their operator.
const LOOK: Duration = Duration::from_millis(500);

/// Longest wait for the answer to a switchover.
const SWITCHED: Duration = Duration::from_secs(40);

/// Longest wait for queues to be drained.
const DRAINED: Duration = Duration::from_secs(60);

/// How long two nodes may serve at a time: what a node has to stop in, and the probe's pauses.
const BOTH_SERVE: Duration = Duration::from_millis(500 + 150);

/// Runs one cycle. What breaks a promise goes to the ledger; an error is one of the campaign itself.
pub(crate) fn run(stage: &mut Stage, book: &Arc<Book>, plan: Plan) -> Result<Cycle> {
    book.enter(Phase::Work);
    let before = book.ledger().totals().acked;
    let warm = || book.ledger().totals().acked >= before + WARM;
    wait(book, "publishers to get on before a fault", warm, || ());
    let active = stage.active()?;
    book.timeline().clear();

    let began = book.now();
    let switching = stage.strike(&plan, active, book)?;
    stage.heal()?;
    let healed = book.now();
    let goes_on = || book.timeline().since(healed);
    let repair = || stage.repair();
    wait(book, "publishers to get on after a fault", goes_on, repair);
    let goes_on = book.now();
    if let Err(error) = stage.wait_until_whole() {
        let what = format!("{error:#}");
        book.ledger().report(Violation::Stuck { what });
    }
    let whole = book.now();
    let mut cycle = Cycle::new(plan, active);
    {
        let timeline = book.timeline();
        cycle.gap = timeline.longest_gap(began, goes_on + Duration::from_millis(1));
        cycle.handovers = timeline.handovers();
    }
    cycle.rejoin = whole.saturating_sub(healed);
    if let Some(switching) = switching {
        let ended = async { timeout(SWITCHED, switching).await };
        let ended = stage.runtime.block_on(ended);
        cycle.switched = matches!(ended, Ok(Ok(Ok(()))));
        cycle.refused = !cycle.switched;
    }
    check(stage, book)?;
    cycle.overlaps = judge_serving(book);
    Ok(cycle)
}

/// Stops publishers, has everything drained, and compares what came with what was promised.
pub(crate) fn check(stage: &Stage, book: &Arc<Book>) -> Result<()> {
    book.enter(Phase::Drain);
    let confirmed = || book.unconfirmed() == 0;
    wait(book, "confirms of what was published", confirmed, || ());
    let deadline = tokio::time::Instant::now() + DRAINED;
    let drains = OUTLETS.iter().filter(|outlet| outlet.consumers == 0);
    let drains: Vec<_> = drains
        .map(|outlet| {
            let book = Arc::clone(book);
            let queue = outlet.queue;
            stage
                .runtime
                .spawn(async move { book.drain(queue, deadline).await })
        })
        .collect();
    stage.runtime.block_on(async {
        for drain in drains {
            // Whether all came is judged from the ledger.
            let _ = drain.await;
        }
    });
    let drained = poll::until("consumers", DRAINED, || {
        Ok((book.ledger().owed() == 0).then_some(()))
    });
    // What did not come in all that time is lost, or as good as lost.
    let _ = drained;
    book.ledger().judge();
    let looked = stage.runtime.block_on(book.look_at_definitions());
    if let Err(error) = looked {
        let what = format!("an answer about queues: {error:#}");
        book.ledger().report(Violation::Stuck { what });
    }
    Ok(())
}

/// Overlaps of two nodes that served, of which those that are too long break a promise.
fn judge_serving(book: &Book) -> Vec<Duration> {
    let mut answers = book.answers();
    answers.sort_by_key(|answer| answer.answered);
    let found = overlaps(&answers);
    answers.clear();
    drop(answers);
    for overlap in &found {
        if overlap.lasted > BOTH_SERVE {
            let [one, other] = overlap.nodes.map(|node| node + 1);
            let what = format!(
                "node {one} still served {:?} after node {other} did, from {:?} on",
                overlap.lasted, overlap.from
            );
            book.ledger().report(Violation::TwoServe { what });
        }
    }
    found.iter().map(|overlap| overlap.lasted).collect()
}

/// Waits, and does `meanwhile` now and then; what does not come is a broken promise.
fn wait(book: &Book, what: &str, holds: impl Fn() -> bool, meanwhile: impl Fn()) {
    let start = Instant::now();
    let mut last = start;
    while !holds() {
        if start.elapsed() > GOES_ON {
            let what = format!("{what} ({GOES_ON:?})");
            book.ledger().report(Violation::Stuck { what });
            return;
        }
        if last.elapsed() > LOOK {
            meanwhile();
            last = Instant::now();
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether publishers had to wait because the standby went away.
pub(crate) fn is_standby_loss(plan: &Plan) -> bool {
    let lost = matches!(
        plan.fault,
        Fault::CutAll
            | Fault::CutPair
            | Fault::Freeze
            | Fault::Kill
            | Fault::PowerCut
            | Fault::Wipe
    );
    lost && plan.target == Target::Standby && !plan.switchover
}
