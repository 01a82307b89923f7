//! Short campaigns: every fault once, none of them long.

use std::time::Duration;

use anyhow::{Result, ensure};
use campaign::campaign::{Settings, run};
use campaign::fault::Fault;
use tempfile::TempDir;

/// Messages a second, of all publishers together: enough to have some under way at any moment.
const RATE: u64 = 1000;

/// Runs each of these faults once.
fn each_once(pair: bool, seed: u64, faults: &[Fault]) -> Result<()> {
    let dir = TempDir::new()?;
    let settings = Settings {
        seed,
        pair,
        time: Duration::MAX,
        cycles: faults.len(),
        faults: faults.to_vec(),
        rate: RATE,
        hasty: true,
        dir: dir.path().to_owned(),
        progress: |line| eprintln!("{line}"),
    };
    let Some(report) = run(&settings)? else {
        return Ok(());
    };
    let done: usize = report.faults.iter().map(|fault| fault.cycles).sum();
    if report.violations > 0 || done < faults.len() {
        let kept = dir.keep();
        ensure!(done == faults.len(), "{done} cycles were done\n{report}");
        anyhow::bail!("logs are in {}\n{report}", kept.display());
    }
    Ok(())
}

#[test]
fn a_pair_keeps_its_word_under_every_fault() -> Result<()> {
    each_once(true, 1, Fault::PAIR)
}

#[test]
fn a_single_node_keeps_its_word_under_every_fault() -> Result<()> {
    each_once(false, 1, Fault::SINGLE)
}
