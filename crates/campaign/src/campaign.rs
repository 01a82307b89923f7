//! A whole campaign: stage, clients, cycle upon cycle, and what came of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::runtime::Runtime;

use crate::chance::Chance;
use crate::cycle;
use crate::fault::{Deck, Fault, Plan};
use crate::report::{Cycle, Report};
use crate::stage::Stage;
use crate::workload::{Book, Workload};

/// Of each log, so many bytes are kept when a cycle fails.
const KEPT_BYTES: usize = 4 << 20;

/// What to do.
#[derive(Debug, Clone)]
pub struct Settings {
    /// From which everything is drawn.
    pub seed: u64,
    /// Two nodes and a store, or one node.
    pub pair: bool,
    /// No cycle begins after this time.
    pub time: Duration,
    /// Cycles at most.
    pub cycles: usize,
    /// Faults to draw from; all that make sense if there are none.
    pub faults: Vec<Fault>,
    /// Messages a second at most, of all publishers together; 0 for no limit.
    pub rate: u64,
    /// No fault lasts longer than six seconds.
    pub hasty: bool,
    /// Where everything is kept while it runs, and the logs of failed cycles afterwards.
    pub dir: PathBuf,
    /// Says what is done, line by line.
    pub progress: fn(&str),
}

/// Set when a person wants the campaign to end early.
pub static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Runs a campaign; `None` if it needs what is left out by name. Must be called by a thread that
/// lives as long as the process wants its children to live.
///
/// # Errors
/// What the campaign itself cannot do. What brokers did wrong is in the report.
pub fn run(settings: &Settings) -> Result<Option<Report>> {
    let runtime = Runtime::new()?;
    let dir = settings.dir.join("stage");
    // Of an earlier campaign.
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))?;
    }
    fs::create_dir_all(&dir)?;
    let built = Stage::build(&dir, settings.pair, settings.seed, runtime.handle())?;
    let Some(mut stage) = built else {
        return Ok(None);
    };
    let book = Book::new(settings.seed, stage.client_addresses());
    let probed: Vec<_> = stage.nodes.iter().map(|node| node.amqp).collect();
    let workload = runtime.block_on(Workload::start(&book, settings.rate, &probed))?;
    let start = Instant::now();
    let cycles = cycles(settings, &mut stage, &book);
    runtime.block_on(workload.end());
    if cycles.is_err() {
        keep_logs(&stage, &settings.dir.join("failed").join("error"))?;
    }
    let cycles = cycles?;
    let ledger = book.ledger();
    let mut report = Report::new(
        settings.seed,
        settings.pair,
        start.elapsed(),
        &ledger,
        &cycles,
    );
    report.definitions = book.definitions().confirmed();
    report.broken_connections = book.broken();
    drop(stage);
    fs::remove_dir_all(&dir)?;
    Ok(Some(report))
}

fn cycles(settings: &Settings, stage: &mut Stage, book: &Arc<Book>) -> Result<Vec<Cycle>> {
    let all = if settings.pair {
        Fault::PAIR
    } else {
        Fault::SINGLE
    };
    let chosen = settings
        .faults
        .iter()
        .copied()
        .filter(|fault| all.contains(fault));
    let mut faults: Vec<_> = chosen.collect();
    if faults.is_empty() {
        faults = all.to_vec();
    }
    let mut chance = Chance::new(settings.seed);
    let mut deck = Deck::new(faults);
    let mut cycles = Vec::new();
    let start = Instant::now();
    while start.elapsed() < settings.time && cycles.len() < settings.cycles {
        if INTERRUPTED.load(Ordering::Relaxed) {
            break;
        }
        let number = cycles.len();
        let fault = deck.draw(&mut chance);
        let plan = Plan::draw(fault, settings.pair, settings.hasty, &mut chance);
        (settings.progress)(&format!("cycle {number}: {plan}"));
        let wrong = book.ledger().violation_count();
        let cycle = cycle::run(stage, book, plan)
            .with_context(|| format!("cycle {number} of seed {}: {plan}", settings.seed))?;
        (settings.progress)(&told(&cycle, book));
        let broken = book.ledger().violation_count() - wrong;
        if broken > 0 {
            let kept = settings.dir.join("failed").join(number.to_string());
            keep_logs(stage, &kept)?;
            let text = format!("seed {}\n{plan}\n{cycle:#?}\n", settings.seed);
            let ledger = book.ledger();
            let words: Vec<_> = ledger
                .violations()
                .iter()
                .map(ToString::to_string)
                .collect();
            fs::write(kept.join("cycle.txt"), text + &words.join("\n"))?;
            (settings.progress)(&format!(
                "  {broken} PROMISES BROKEN; logs in {}",
                kept.display()
            ));
        }
        cycles.push(cycle);
    }
    Ok(cycles)
}

/// What came of a cycle, in a line.
fn told(cycle: &Cycle, book: &Book) -> String {
    let totals = book.ledger().totals();
    let handovers: Vec<_> = cycle
        .handovers
        .iter()
        .map(|h| {
            format!(
                ", node {} to {} in {} ms",
                h.nodes[0] + 1,
                h.nodes[1] + 1,
                h.gap.as_millis()
            )
        })
        .collect();
    let refused = if cycle.refused {
        ", switchover refused"
    } else {
        ""
    };
    format!(
        "  no ack for {} ms{}{refused}; in sync after {} ms; {} acknowledged so far",
        cycle.gap.as_millis(),
        handovers.concat(),
        cycle.rejoin.as_millis(),
        totals.acked
    )
}

/// Copies the ends of all logs.
fn keep_logs(stage: &Stage, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let agents = stage.nodes.iter().map(|node| node.log_path());
    let members = stage.etcd.iter().flat_map(|etcd| etcd.log_paths());
    for path in agents.chain(members) {
        let log = fs::read(&path).unwrap_or_default();
        let end = &log[log.len().saturating_sub(KEPT_BYTES)..];
        let name = path.iter().rev().take(2).map(|part| part.to_string_lossy());
        let name: Vec<_> = name.collect();
        fs::write(to.join(format!("{}-{}", name[1], name[0])), end)?;
    }
    Ok(())
}
