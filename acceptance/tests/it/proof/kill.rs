//! kill -9 again and again, at moments nobody chose, under load from all sides.

use std::env;
use std::sync::Arc;

use acceptance::dev::DevBroker;
use acceptance::ledger::Ledger;
use anyhow::{Context, Result};

use super::traffic::{Traffic, drain};

/// A number from the environment, or the default.
fn setting(name: &str, default: u64) -> Result<u64> {
    match env::var(name) {
        Ok(value) => value
            .parse()
            .with_context(|| format!("{name} is not a number: {value}")),
        Err(_) => Ok(default),
    }
}

/// The next of a sequence of pseudo-random numbers (splitmix64).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// `FERRYMQ_KILLS` kills, six unless it says otherwise; the moments follow from `FERRYMQ_SEED`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_confirmed_is_delivered_after_kill_upon_kill() -> Result<()> {
    let (kills, seed) = (setting("FERRYMQ_KILLS", 6)?, setting("FERRYMQ_SEED", 1)?);
    let ledger = Arc::new(Ledger::default());
    let mut broker = DevBroker::start()?;
    let mut chance = seed;
    for kill in 0..kills {
        let context = || format!("kill {kill} of FERRYMQ_KILLS={kills} FERRYMQ_SEED={seed}");
        let enough = ledger.confirmed() as u64 + 1 + split_mix(&mut chance) % 1500;
        // Sometimes nobody consumes, so that the journal holds a backlog when it is opened.
        let consumers = (split_mix(&mut chance) % 3) as u32;
        let mut traffic = Traffic::start(&broker.uri()?, 3, consumers, &ledger);
        let reached = || ledger.confirmed() as u64 >= enough;
        let waited = traffic.until("the next kill", reached);
        waited.with_context(context)?;
        broker.server_mut()?.kill()?;
        traffic.ended().await.with_context(context)?;
        broker.restart().with_context(context)?;
    }
    drain(&broker.uri()?, &ledger).await?;
    ledger
        .check()
        .with_context(|| format!("FERRYMQ_KILLS={kills} FERRYMQ_SEED={seed}"))
}
